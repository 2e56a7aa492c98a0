"""What training pictures go through, counted; and the conditions of the card, each made once more by Pillow."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from unprompt.errors import OptionError, PictureTooLarge
from unprompt.images import encode_jpeg, encode_webp, sniff
from unprompt.perturbations import CONDITIONS, DegradationPipeline, condition, degradation
from unprompt.types import RGB

NEVER = DegradationPipeline(history=0, shrink=0, enlarge=0, blur=0, mirror=0, jpeg=0, webp=0)
DRAWS = 2000


def noise(height: int, width: int) -> RGB:
    return np.random.default_rng(4).integers(0, 256, (height, width, 3), dtype=np.uint8)


def by_pillow(rgb: RGB, name: str, **settings: Any) -> RGB:
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, name, **settings)
    return np.array(Image.open(file))


class Watched:
    """What is asked of the encoders, without their work."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.codes: list[tuple[str, int, str]] = []
        self.sigmas: list[float] = []
        patch.setattr(degradation, "recompressed", self.jpeg)
        patch.setattr(degradation, "encode_webp", self.webp)
        patch.setattr(degradation, "blur", self.blurred)

    def jpeg(self, rgb: RGB, quality: int, chroma: str) -> RGB:
        self.codes.append(("jpeg", quality, chroma))
        return rgb

    def webp(self, rgb: RGB, quality: int) -> bytes:
        self.codes.append(("webp", quality, ""))
        return encode_jpeg(rgb, 50)

    def blurred(self, rgb: RGB, sigma: float, rng: np.random.Generator) -> RGB:
        self.sigmas.append(sigma)
        return rgb


def test_history_is_for_lossless_files_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    watched, rng, rgb = Watched(monkeypatch), np.random.default_rng(0), noise(4, 4)
    made = replace(NEVER, history=0.8)
    for _ in range(DRAWS):
        made.apply(rgb, True, rng)
    assert len(watched.codes) / DRAWS == pytest.approx(0.8, abs=0.04)
    assert {quality for _, quality, _ in watched.codes} == {*range(70, 97)}
    chromas = Counter(chroma for _, _, chroma in watched.codes)
    assert chromas["4:2:0"] / len(watched.codes) == pytest.approx(0.5, abs=0.05)
    assert set(chromas) == {"4:2:0", "4:4:4"}
    watched.codes.clear()
    for _ in range(50):
        made.apply(rgb, False, rng)
    assert not watched.codes


def test_it_is_published_as_often_as_stated(monkeypatch: pytest.MonkeyPatch) -> None:
    watched, rng = Watched(monkeypatch), np.random.default_rng(1)
    for _ in range(DRAWS):
        DegradationPipeline().apply(noise(2, 2), False, rng)
    found = {name: [quality for code, quality, _ in watched.codes if code == name] for name in ("jpeg", "webp")}
    assert len(found["jpeg"]) / DRAWS == pytest.approx(0.6, abs=0.04)
    assert len(found["webp"]) / DRAWS == pytest.approx(0.12, abs=0.03)
    assert set(found["jpeg"]) == {*range(60, 99)}
    assert 60 <= min(found["webp"]) < max(found["webp"]) <= 97
    assert len(watched.sigmas) / DRAWS == pytest.approx(0.08, abs=0.03)
    assert 0.2 <= min(watched.sigmas) < 0.3 < 0.9 < max(watched.sigmas) <= 1


def test_mirrored_half_the_time() -> None:
    rgb, rng = noise(3, 5), np.random.default_rng(2)
    made = replace(NEVER, mirror=0.5)
    turned = [not np.array_equal(made.apply(rgb, False, rng), rgb) for _ in range(400)]
    assert np.mean(turned) == pytest.approx(0.5, abs=0.08)
    np.testing.assert_array_equal(replace(NEVER, mirror=1).apply(rgb, True, rng), rgb[:, ::-1])


@pytest.mark.parametrize(("short", "shrunk", "least", "enlarged"), [(500, 0.45, 0.4, 0.1), (200, 0.45, 0.8, 0.1)])
def test_sizes_of_large_pictures(short: int, shrunk: float, least: float, enlarged: float) -> None:
    factors = sizes(short)
    assert np.mean(factors < 1) == pytest.approx(shrunk, abs=0.04)
    assert np.mean(factors > 1) == pytest.approx(enlarged, abs=0.03)
    assert least <= factors.min() < least + 0.05
    assert 1.5 < factors.max() <= 1.6


def test_a_small_picture_is_enlarged_instead_of_shrunk() -> None:
    factors = sizes(199)
    assert factors.min() == 1
    assert np.mean(factors > 1) == pytest.approx(0.55, abs=0.04)


def sizes(short: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    rng = np.random.default_rng(short)
    return np.array([DegradationPipeline()._size(short, rng)[0] for _ in range(DRAWS)])


def test_one_generator_one_outcome(rgb: RGB) -> None:
    before = rgb.copy()
    first, second = (
        [DegradationPipeline().apply(rgb, True, rng) for _ in range(20)] for rng in map(np.random.default_rng, (5, 5))
    )
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)
    assert len({one.tobytes() for one in first}) > 15
    np.testing.assert_array_equal(rgb, before)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 70), st.booleans(), st.integers(0, 99))
def test_the_crop_never_passes_its_side(height: int, width: int, side: int, lossless: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    crop = DegradationPipeline(side=side, kept=8).apply(noise(height, width), lossless, rng)
    assert crop.dtype == np.uint8
    assert max(crop.shape[:2]) <= side
    assert min(crop.shape) >= 1
    kept = replace(NEVER, side=side).apply(noise(height, width), lossless, rng)
    assert kept.shape == (min(height, side), min(width, side), 3)


@pytest.mark.parametrize("seed", range(12))
def test_a_crop_is_cut_from_what_the_whole_picture_became(seed: int) -> None:
    """History and resize of all pixels, then the crop, by Pillow: equal but for single grey levels of rounding."""
    smooth = np.array(Image.fromarray(noise(30, 41)).resize((410, 301), Image.Resampling.BICUBIC))
    made = replace(NEVER, side=64, history=1, shrink=0.6, enlarge=0.4, kept=100)
    found = made.apply(smooth, True, np.random.default_rng(seed))
    rng = np.random.default_rng(seed)
    rng.random()
    quality, chroma = int(rng.integers(70, 97)), ("4:2:0", "4:4:4")[rng.integers(2)]
    factor, kernel = made._size(301, rng)
    whole = Image.fromarray(by_pillow(smooth, "JPEG", quality=quality, subsampling=chroma))
    width, height = round(410 * factor), round(301 * factor)
    top, left = int(rng.integers(height - 63)), int(rng.integers(width - 63))
    whole = whole.resize((width, height), kernel)
    apart = np.abs(found.astype(int) - np.array(whole)[top : top + 64, left : left + 64])
    assert apart.max() <= 1
    assert apart.mean() < 0.02


def test_conditions_by_name() -> None:
    assert list(CONDITIONS) == ["raw", "aligned", "jpeg:90", "jpeg:70", "jpeg:50", "resize:0.5", "screenshot"]
    with pytest.raises(OptionError, match=r"the condition is 'jpeg:10', expected one of raw, aligned, jpeg:90, jpeg"):
        condition("jpeg:10")


def test_what_was_compressed_already_is_given_no_history(rgb: RGB) -> None:
    rng = np.random.default_rng(0)
    expected = {
        "raw": rgb,
        "aligned": by_pillow(rgb, "JPEG", quality=92, subsampling="4:4:4"),
        **{f"jpeg:{q}": by_pillow(rgb, "JPEG", quality=q, subsampling="4:2:0") for q in (90, 70, 50)},
        "resize:0.5": by_pillow(rgb, "JPEG", quality=90, subsampling="4:2:0"),  # 60 pixels are few enough
        "screenshot": np.array(Image.fromarray(rgb).resize((135, 90), Image.Resampling.BILINEAR)),
    }
    for name in CONDITIONS:
        np.testing.assert_array_equal(condition(name)(rgb, False, rng), expected[name])
    assert rng.random() == np.random.default_rng(0).random()


@pytest.mark.parametrize("name", list(CONDITIONS))
def test_a_lossless_file_gets_a_history_from_its_seed(name: str, rgb: RGB) -> None:
    before = rgb.copy()
    first, again, other = (condition(name)(rgb, True, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (name == "raw") == np.array_equal(first, other)
    np.testing.assert_array_equal(rgb, before)
    rng = np.random.default_rng(1)
    quality, chroma = int(rng.integers(70, 97)), ("4:2:0", "4:4:4")[rng.integers(2)]
    aged = rgb if name == "raw" else by_pillow(rgb, "JPEG", quality=quality, subsampling=chroma)
    np.testing.assert_array_equal(first, condition(name)(aged, False, rng))


@pytest.mark.parametrize(
    ("name", "size", "expected"),
    [
        ("resize:0.5", (640, 401), (320, 200)),
        ("resize:0.5", (240, 700), (160, 467)),
        ("resize:0.5", (3, 2000), (3, 2000)),
        ("screenshot", (900, 1600), (450, 800)),
        ("screenshot", (700, 300), (800, 343)),
        ("screenshot", (100, 40), (150, 60)),
        ("aligned", (30, 20), (30, 20)),
        ("jpeg:50", (300, 20), (300, 20)),
    ],
)
def test_conditions_keep_the_whole_picture(name: str, size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert condition(name)(noise(*size), False, np.random.default_rng(0)).shape == (*expected, 3)


def test_it_is_what_its_dictionary_says() -> None:
    made = DegradationPipeline(blur=0.3, qualities=(50, 90))
    listed = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(made).items()}
    assert DegradationPipeline(**listed) == made


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"blur": 1.5}, r"degradation blur is 1\.5, expected a share from 0 to 1"),
        ({"qualities": (90, 60)}, r"degradation qualities is 90 to 60, expected the smaller first, from 1 to 100"),
        ({"sigmas": (0, 1)}, r"degradation sigmas is 0 to 1, expected the smaller first, from 0\.01 to 50"),
        ({"side": 0}, r"degradation side is 0, expected 1 pixel or more"),
        ({"jpeg": 0.7, "webp": 0.5}, r"degradation jpeg and webp add up to 1\.2, expected 1 at most"),
        ({"least": 0.01}, r"degradation least is 0\.01, expected a factor from 0\.05 to 1"),
    ],
)
def test_wrong_numbers_are_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        DegradationPipeline(**wrong)


def test_webp_is_pillows_at_that_quality(rgb: RGB) -> None:
    data = encode_webp(rgb, 70)
    assert sniff(data) == "WEBP"
    np.testing.assert_array_equal(np.array(Image.open(io.BytesIO(data))), by_pillow(rgb, "WEBP", quality=70))
    with pytest.raises(OptionError, match="the WebP quality is 101; expected 1 to 100"):
        encode_webp(rgb, 101)
    with pytest.raises(PictureTooLarge, match="1 x 16384 pixels; WebP takes at most 16383"):
        encode_webp(np.zeros((16384, 1, 3), np.uint8), 80)


def test_jpeg_keeps_its_colours_whole_where_it_is_told(rgb: RGB) -> None:
    with Image.open(io.BytesIO(encode_jpeg(rgb, 80, "4:4:4"))) as image:
        assert image.layer[0][1:3] == (1, 1)  # type: ignore[attr-defined]
    with pytest.raises(OptionError, match="the JPEG chroma is '4:1:1'; expected one of 4:2:0, 4:4:4"):
        encode_jpeg(rgb, 80, "4:1:1")  # type: ignore[arg-type]
