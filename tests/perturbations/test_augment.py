"""SARE's training transforms: seeded, picture and map in step, light and noise on the picture alone."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest

from unprompt.errors import OptionError
from unprompt.perturbations import Augmentation, AugmentationSample
from unprompt.types import RGB

NEVER = Augmentation(mirror=0, scale=0, rotate=0, noise=0, blur=0, jpeg=0, light=0, dropout=0)


def drawn(made: Augmentation, count: int = 400) -> list[AugmentationSample]:
    rng = np.random.default_rng(1)
    return [made.draw(rng) for _ in range(count)]


def test_one_generator_one_draw() -> None:
    assert drawn(Augmentation(), 20) == drawn(Augmentation(), 20)
    assert len({one.seed for one in drawn(Augmentation(), 20)}) == 20


def test_each_transform_comes_as_often_as_stated() -> None:
    several = drawn(Augmentation())
    steps = [{step.name for step in (*one.photometric.steps, *one.shared.steps)} for one in several]
    for name, expected in (("noise", 0.1), ("blur", 0.1), ("jpeg", 0.5), ("brightness", 0.25), ("contrast", 0.25)):
        assert np.mean([name in one for one in steps]) == pytest.approx(expected, abs=0.07), name
    for name, expected in (("rotate", 0.5), ("dropout", 0.25)):
        assert np.mean([name in one for one in steps]) == pytest.approx(expected, abs=0.07), name
    assert np.mean([one.mirrored for one in several]) == pytest.approx(0.5, abs=0.07)
    assert np.mean([one.scale != 1 for one in several]) == pytest.approx(0.2, abs=0.07)


def test_values_stay_in_their_ranges() -> None:
    always = Augmentation(mirror=1, scale=1, rotate=1, noise=1, blur=1, jpeg=1, light=1, dropout=1)
    for one in drawn(always):
        assert 0.5 <= one.scale <= 1.5
        assert all(0 <= share <= 1 for share in one.place)
        values = {step.name: step.value for step in (*one.photometric.steps, *one.shared.steps)}
        assert list(values) == ["brightness", "contrast", "noise", "blur", "jpeg", "rotate", "dropout"]
        assert 30 <= values["jpeg"] <= 100
        assert -10 <= values["rotate"] <= 10
        assert 0.012 <= values["noise"] <= 0.028


def test_turning_one_off_moves_no_other() -> None:
    full, without = drawn(Augmentation(), 50), drawn(Augmentation(noise=0), 50)
    assert [one.place for one in full] == [one.place for one in without]
    assert [one.shared for one in full] == [one.shared for one in without]


def test_geometry_is_shared_and_light_is_not(rgb: RGB) -> None:
    for one in drawn(replace(NEVER, rotate=1, dropout=1), 10):
        picture, sare_map = one.apply(rgb, rgb)
        np.testing.assert_array_equal(picture, sare_map)
        assert (picture != rgb).any()
    for one in drawn(replace(NEVER, noise=1, blur=1, jpeg=1, light=1), 10):
        picture, sare_map = one.apply(rgb, rgb)
        np.testing.assert_array_equal(sare_map, rgb)
        assert (picture != rgb).any()


def test_plain_is_crop_and_mirror_alone(rgb: RGB) -> None:
    several = drawn(Augmentation.plain())
    assert {(one.scale, str(one.photometric), str(one.shared)) for one in several} == {(1.0, "", "")}
    assert {one.mirrored for one in several} == {True, False}
    np.testing.assert_array_equal(AugmentationSample().apply(rgb, rgb)[0], rgb)


def test_it_is_what_its_dictionary_says() -> None:
    made = Augmentation(noise=0.3, scales=(0.8, 1.2))
    listed = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(made).items()}
    assert Augmentation(**listed) == made


def test_wrong_numbers_are_refused() -> None:
    with pytest.raises(OptionError, match=r"augmentation noise is 1\.5, expected a share from 0 to 1"):
        Augmentation(noise=1.5)
    with pytest.raises(OptionError, match="augmentation qualities is 90 to 30, expected the smaller first"):
        Augmentation(qualities=(90, 30))
    with pytest.raises(OptionError, match="jpeg is 0, expected a whole number from 1 to 100"):
        Augmentation(qualities=(0, 30))
