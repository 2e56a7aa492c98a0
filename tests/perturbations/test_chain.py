"""Texts, seeds, identity and the papers' grids."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unprompt.errors import OptionError, PictureTooLarge
from unprompt.images import encode_png, hash_pixels, read
from unprompt.perturbations import GRIDS, KINDS, UNCHANGED, Chain, Perturbation, grid, perturbed
from unprompt.types import RGB, Picture


@pytest.fixture(scope="session")
def picture(rgb: RGB) -> Picture:
    return read(encode_png(rgb), "a.png")


@given(st.sampled_from(sorted(KINDS)), st.floats(0, 1))
def test_the_text_of_a_perturbation_is_parsed_to_it(name: str, share: float) -> None:
    kind = KINDS[name]
    value = kind.low + share * (kind.high - kind.low)
    one = Perturbation(name, round(value) if kind.whole else float(f"{value:.9g}"))
    assert Chain.parse(str(one)) == Chain((one,))


def test_a_chain_is_done_from_left_to_right(rgb: RGB) -> None:
    made = Chain.parse("scale:0.5,noise:0.1")(rgb, 7)
    assert made.shape == (30, 45, 3)
    small = Perturbation("scale", 0.5)(rgb, np.random.default_rng(0))
    np.testing.assert_array_equal(made, Perturbation("noise", 0.1)(small, np.random.default_rng((7, 1))))
    assert (Chain.parse("jpeg:30,blur:2")(rgb, 7) != Chain.parse("blur:2,jpeg:30")(rgb, 7)).any()


@pytest.mark.parametrize("text", ["", "  "])
def test_no_text_is_no_change(text: str, picture: Picture) -> None:
    assert Chain.parse(text) == UNCHANGED
    assert not UNCHANGED
    assert perturbed(picture, UNCHANGED) is picture


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("jpg:80", "--perturb names 'jpg', expected one of jpeg, blur"),
        ("jpeg", "--perturb has 'jpeg', expected name:value, as jpeg:80"),
        ("jpeg:high", "--perturb has 'jpeg:high', expected name:value"),
        ("jpeg:80,", "--perturb has '', expected name:value"),
        ("jpeg:0", "--perturb jpeg is 0, expected a whole number from 1 to 100: JPEG quality"),
        ("jpeg:80.5", "--perturb jpeg is 80.5, expected a whole number"),
        ("blur:nan", "--perturb blur is nan, expected a number from 0.01 to 50"),
        ("noise:2", "--perturb noise is 2, expected a number from 0.0001 to 1"),
    ],
)
def test_other_texts_are_refused(text: str, words: str) -> None:
    with pytest.raises(OptionError, match=re.escape(words)):
        Chain.parse(text)


def test_a_perturbed_picture_has_its_own_pixels_and_its_files_identity(picture: Picture) -> None:
    made = perturbed(picture, Chain.parse("noise:0.05"))
    assert made.pixels == hash_pixels(made.rgb) != picture.pixels
    assert made.original == picture.pixels
    assert made.seed != picture.seed
    kept = ("uri", "sha256", "width", "height", "format", "quality")
    assert [getattr(made, name) for name in kept] == [getattr(picture, name) for name in kept]
    again = perturbed(picture, Chain.parse("noise:0.05"))
    np.testing.assert_array_equal(made.rgb, again.rgb)


def test_the_draw_is_the_pictures_own(picture: Picture) -> None:
    other = replace(picture, pixels="1" + picture.pixels[1:])
    chain = Chain.parse("noise:0.05")
    assert (perturbed(picture, chain).rgb != perturbed(other, chain).rgb).any()


def test_severities_share_their_draw() -> None:
    grey = np.full((64, 64, 3), 128, np.uint8)
    weak, strong = (Chain.parse(f"noise:{sigma}")(grey, 3).astype(float) - 128 for sigma in (0.02, 0.08))
    assert np.corrcoef(weak.ravel(), strong.ravel())[0, 1] > 0.99


def test_an_impossible_step_names_the_picture() -> None:
    long = np.zeros((70000, 1, 3), np.uint8)
    picture = Picture("long.png", long, "s", "0" * 64, 1, 70000, "PNG", None)
    with pytest.raises(PictureTooLarge, match=r"long\.png: --perturb jpeg:80: 1 x 70000 pixels; JPEG takes at most"):
        perturbed(picture, Chain.parse("jpeg:80"))


def test_the_papers_grids() -> None:
    assert GRIDS["sare"] == ("jpeg:90", "jpeg:80", "jpeg:70", "scale:0.75", "scale:1.25")
    assert [*map(str, grid(["sare-flips"]))] == ["flip:3", "flip:6"]
    assert GRIDS["tidy"] == GRIDS["item"]
    assert [one for one in GRIDS["tidy"] if one.startswith("noise")] == ["noise:0.001", "noise:0.005", "noise:0.01"]
    assert len(grid(["papers"])) == 5 + 2 + 9  # jpeg:50 twice
    own = [name for name in GRIDS if not name.endswith("-variance")]
    assert {str(one) for name in own for one in grid([name])} == set(GRIDS["papers"])
    with pytest.raises(OptionError, match=r"--robustness names 'sear', expected one of sare, .*papers, or name:value"):
        grid(["sear"])


def test_noise_may_be_meant_as_a_variance() -> None:
    """The same numbers as the square of the deviation, in grey levels 255 sqrt(v); all else as in the other reading."""
    deviation, variance = ([*map(str, grid([name]))] for name in ("item", "tidy-variance"))
    assert GRIDS["tidy-variance"] == GRIDS["item-variance"]
    assert variance[:3] == ["noise-variance:0.001", "noise-variance:0.005", "noise-variance:0.01"]
    assert variance[3:] == deviation[3:]
    grey = np.full((300, 300, 3), 128, np.uint8)
    levels = [chain(grey, 1).astype(float).std() for chain in grid(["tidy-variance"])[:3]]
    np.testing.assert_allclose(levels, [8.06, 18.03, 25.5], rtol=0.02)
