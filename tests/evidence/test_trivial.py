"""The trivial descriptions against their definitions."""

import math

import numpy as np

from unprompt.evidence.trivial import FLOOR, TrivialExtractor, high_frequency_energy, metadata
from unprompt.images import encode_png, read


def test_the_energy_is_the_mean_squared_step_between_neighbours() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    grey = [[sum(map(float, pixel)) / 3 for pixel in row] for row in rgb]
    steps = [(grey[y][x] - grey[y][x - 1]) ** 2 for y in range(4) for x in range(1, 5)]
    steps += [(grey[y][x] - grey[y - 1][x]) ** 2 for y in range(1, 4) for x in range(5)]
    assert math.isclose(high_frequency_energy(rgb), math.log(FLOOR + sum(steps) / len(steps)), rel_tol=1e-5)


def test_one_pixel_and_a_flat_picture_have_the_least_energy() -> None:
    for shape in ((1, 1, 3), (9, 9, 3)):
        assert math.isclose(high_frequency_energy(np.full(shape, 90, np.uint8)), math.log(FLOOR), rel_tol=1e-6)


def test_metadata_tell_size_quality_and_format() -> None:
    picture = read(encode_png(np.zeros((20, 10, 3), np.uint8)), "a.png")
    expected = [math.log(10), math.log(20), math.log(0.5), 0, 0, 1, 0, 0, 0, 0, 0]
    np.testing.assert_allclose(metadata(picture), expected, rtol=1e-6)


def test_nothing_is_stored_and_no_instrument_is_needed() -> None:
    extractor = TrivialExtractor("trivial-energy")
    assert list(extractor.products()) == []
    assert list(extractor.roles) == []
