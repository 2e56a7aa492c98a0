"""JPEG quality against the quality that Pillow was asked for."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from unprompt.images import estimate_quality, read

from .files import save, scene


@pytest.mark.parametrize("quality", range(5, 101))
def test_quality_of_pillows_files(quality: int) -> None:
    told = read(save(scene(), "JPEG", quality=quality), "a").quality
    assert told is not None
    assert abs(told - quality) <= 1


@pytest.mark.parametrize("quality", [5, 50, 75, 95])
def test_grey_has_one_table_only(quality: int) -> None:
    grey = Image.fromarray(scene()).convert("L")
    assert read(save(grey, "JPEG", quality=quality), "a").quality == quality


def test_foreign_tables_get_the_nearest_quality() -> None:
    flat = {0: [3] * 64, 1: [3] * 64}
    fine, coarse = estimate_quality(flat), estimate_quality({0: [60] * 64})
    assert fine is not None
    assert coarse is not None
    assert 90 <= fine <= 98
    assert 30 <= coarse <= 60


def test_no_table_no_quality() -> None:
    assert estimate_quality({}) is None
    assert estimate_quality({3: list(np.ones(64, int))}) is None


def test_a_damaged_table_has_a_quality_without_a_warning() -> None:
    assert estimate_quality({0: [0] * 64}) == 100
