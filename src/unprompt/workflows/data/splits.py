"""The split of a picture whose index names none: drawn from its hash, so that copies stay together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from unprompt.types import SPLITS, Split

SHARES = (0.7, 0.15, 0.15)
"""Train, validation and test share of pictures whose index names no split."""


def assigned_split(row: Mapping[str, Any]) -> Split:
    """The split of a sample row: its own, or one drawn from the hash of its pixels.

    A perturbed picture goes where its original went.
    """
    if row["split"] is not None:
        return row["split"]  # type: ignore[no-any-return]
    share = int((row.get("original") or row["pixels"] or row["sha256"] or "0" * 8)[:8], 16) / 16**8
    return SPLITS[0] if share < SHARES[0] else SPLITS[1] if share < SHARES[0] + SHARES[1] else SPLITS[2]


def in_split(row: Mapping[str, Any], split: Split) -> bool:
    """Whether a sample row has a label and belongs to the split."""
    return row["label"] is not None and assigned_split(row) == split
