"""Items without files: what the inventory counts is said here."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from unprompt.auditing import FileFacts, Item
from unprompt.evidence.trivial import metadata
from unprompt.types import Picture, Sample

Make = Callable[..., Item]


@pytest.fixture
def item() -> Make:
    """Makes an item; every one has other pixels and another hash unless it is told."""
    made = []

    def make(
        label: int | None = 0,
        generator: str = "",
        split: str | None = "train",
        size: tuple[int, int] = (64, 48),
        form: str = "PNG",
        quality: int | None = None,
        **more: object,
    ) -> Item:
        number = len(made)
        made.append(number)
        sample = Sample(
            str(more.get("uri", f"{number}.dat")), label, generator, split, prompt=str(more.get("prompt", ""))
        )  # type: ignore[arg-type]
        pixels = str(more.get("pixels", f"{number * 7919 % 10007:05d}{number:08d}"))
        rgb = np.zeros((1, 1, 3), np.uint8)
        picture = Picture(sample.uri, rgb, f"{number:064d}", pixels, *size, form, quality)
        random = int(np.random.default_rng(number).integers(2**63))
        facts = FileFacts(f"{number}", pixels, *size, form, quality, int(more.get("hash", random)), metadata(picture))  # type: ignore[call-overload]
        error = more.get("error")
        return Item(sample, split, None, str(error)) if error else Item(sample, split, facts)  # type: ignore[arg-type]

    return make
