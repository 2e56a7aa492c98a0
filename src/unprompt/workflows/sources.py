"""Where samples come from: the datasets' own specifications, and ``miniature:``, which renders its pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from unprompt import datasets
from unprompt.types import SPLITS, Sample, Split

if TYPE_CHECKING:
    from unprompt.datasets.spec import Loader

SHARES = (0.7, 0.15, 0.15)
"""Train, validation and test share of pictures whose index names no split."""


def miniature(argument: str) -> list[Sample]:
    """The embedded suite's little world: scenes, and what its generators draw of others; made at first use."""
    from unprompt.miniature.pictures import load  # here, so that the package runs without that room

    return load(argument)


LOADERS: Mapping[str, Loader] = {"miniature": miniature}


def samples_of(spec: str) -> list[Sample]:
    """The samples that a data specification names."""
    return datasets.load(spec, LOADERS)


def split_of(row: Mapping[str, Any]) -> Split:
    """The split of a sample row: its own, or one drawn from the picture's hash, so that copies stay together.

    A perturbed picture goes where its original went.
    """
    if row["split"] is not None:
        return row["split"]  # type: ignore[no-any-return]
    share = int((row.get("original") or row["pixels"] or row["sha256"] or "0" * 8)[:8], 16) / 16**8
    return SPLITS[0] if share < SHARES[0] else SPLITS[1] if share < SHARES[0] + SHARES[1] else SPLITS[2]
