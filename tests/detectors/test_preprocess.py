"""``preprocess=crop``: the central pixels as they are, in black where there are too few, for all that can see them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from unprompt.detectors import METHODS, load
from unprompt.detectors.base import Detector
from unprompt.detectors.closed_form import ClosedForm
from unprompt.detectors.geometry import cut, native_window, window
from unprompt.detectors.methods.drct import DrctDetector
from unprompt.detectors.methods.sare import SareDetector
from unprompt.detectors.options import CropOptions
from unprompt.errors import DataError, OptionError, SuiteError
from unprompt.evidence.product_cache import ProductCache
from unprompt.evidence.products import VERSION, picture_embeddings
from unprompt.evidence.sare import SareExtractor
from unprompt.images import fit_short
from unprompt.instruments import Suite
from unprompt.perturbations import Augmentation, AugmentationSample
from unprompt.store import ProductRecipe
from unprompt.types import RGB

SIDE = 32
LABELS = [0, 1, 0, 1, 0, 1, 0]


def centre(rgb: RGB, side: int = SIDE) -> RGB:
    """The central square one pixel at a time; what lies outside of the picture is black."""
    height, width = rgb.shape[:2]
    top, left = (int(np.sign(a - side)) * round(abs(a - side) / 2) for a in (height, width))
    made = np.zeros((side, side, 3), np.uint8)
    for y in range(side):
        for x in range(side):
            if 0 <= y + top < height and 0 <= x + left < width:
                made[y, x] = rgb[y + top, x + left]
    return made


def cropping(method: str, suite: Suite, cache: ProductCache, **options: Any) -> tuple[Detector[Any, Any], list[Any]]:
    kind = METHODS[method]
    detector = kind(suite, kind.fitting_options(suite).override({"preprocess": "crop", **options}))
    evidence = detector.extractor.extract(cache)
    if isinstance(detector, ClosedForm):
        detector.solve(evidence, LABELS)
    return detector, evidence


@pytest.mark.parametrize("method", ["tidy", "item", "univfd", "univfd-nn"])
def test_the_encoder_sees_the_native_crop(method: str, suite: Suite, cache: ProductCache) -> None:
    _, evidence = cropping(method, suite, cache)
    expected = suite.encoder.embed_pictures([centre(picture.rgb) for picture in cache.pictures])
    np.testing.assert_allclose([one.image for one in evidence], expected, atol=1e-5)
    resized = METHODS[method](suite).extractor.extract(cache)
    sizes = [picture.rgb.shape[:2] for picture in cache.pictures]
    same = [np.allclose(a.image, b.image, atol=1e-5) for a, b in zip(evidence, resized, strict=True)]
    assert same == [size == (SIDE, SIDE) for size in sizes]


def test_captions_and_objects_are_those_of_the_whole_picture(suite: Suite, cache: ProductCache) -> None:
    evidence, plain = cropping("tidy", suite, cache)[1], METHODS["tidy"](suite).extractor.extract(cache)
    for one, other in zip(evidence, plain, strict=True):
        assert (one.caption, one.objects.boxes) == (other.caption, other.objects.boxes)
        np.testing.assert_array_equal(one.objects.images, other.objects.images)


def test_a_native_crop_is_a_product_of_its_own_and_the_other_stays_what_it_was(suite: Suite) -> None:
    card = suite.card("encoder")
    names = [picture_embeddings(policy).recipe(suite).name for policy in ("resize", "crop")]  # type: ignore[arg-type]
    assert names[0] == ProductRecipe("embedding", VERSION, [card], {"of": "picture"}).name
    assert names[1] != names[0]
    sare = [SareExtractor(native=native).view(suite) for native in (False, True)]
    assert sare[0] == sare[1]  # nothing of a picture is stored: one store serves both


def test_sares_picture_is_native_and_its_map_is_resized(suite: Suite, cache: ProductCache) -> None:
    detector, evidence = cropping("sare", suite, cache)
    assert isinstance(detector, SareDetector)
    picture, sare_map = detector.collate(evidence)
    for place, (one, whole) in enumerate(zip(evidence, cache.pictures, strict=True)):
        np.testing.assert_array_equal(picture[place].permute(1, 2, 0), centre(whole.rgb))
        resized = window(one.difference, detector.options.resize, SIDE)
        np.testing.assert_array_equal(sare_map[place].permute(1, 2, 0), resized)


def test_sare_without_the_native_picture_is_refused(suite: Suite, cache: ProductCache) -> None:
    detector, _ = cropping("sare", suite, cache)
    with pytest.raises(DataError, match=r"evidence has no picture at its native size, sare with preprocess 'crop'"):
        detector.collate(SareExtractor().extract(cache))


def test_drct_sees_native_crops_of_picture_and_reconstruction(suite: Suite, cache: ProductCache) -> None:
    detector, evidence = cropping("drct", suite, cache, augmentation=replace(Augmentation.plain(), mirror=0))
    assert isinstance(detector, DrctDetector)
    expected = suite.encoder.embed_pictures([centre(picture.rgb) for picture in cache.pictures])
    np.testing.assert_allclose(detector.collate(evidence)[0], expected, atol=1e-5)
    black = [replace(one, picture=np.zeros_like(one.picture)) for one in evidence]
    dark, drawn = detector.collate(black, np.random.default_rng(0))
    np.testing.assert_allclose(dark, np.tile(dark[:1], (7, 1)), atol=1e-5)  # no other picture shows in it
    assert np.ptp(drawn.numpy(), axis=0).max() > 0.1


@pytest.mark.parametrize("method", ["sare", "tidy", "univfd", "univfd-nn", "drct"])
def test_a_head_remembers_its_policy(method: str, suite: Suite, cache: ProductCache, tmp_path: Path) -> None:
    detector, evidence = cropping(method, suite, cache)
    detector.save(tmp_path / "head.safetensors")
    found = load(tmp_path / "head.safetensors", suite)
    assert found.options == detector.options
    assert found.options.preprocess == "crop"
    np.testing.assert_array_equal(found.predict(cache.pictures), detector.predict(cache.pictures))
    older = {name: value for name, value in detector.options.to_dict().items() if name != "preprocess"}
    assert type(detector).Options.from_dict(older).preprocess == "resize"
    assert len(evidence) == 7


def test_an_encoder_that_does_not_say_its_size_is_refused(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = METHODS["tidy"]
    monkeypatch.setattr(suite.of("tidy").encoder, "side", 0)
    with pytest.raises(SuiteError, match=r"preprocess is 'crop', but the suite's encoder ClipEncoder\(.* does not say"):
        kind.check_suite(suite, kind.fitting_options(suite).override({"preprocess": "crop"}))
    with pytest.raises(OptionError, match="--preprocess is 'pad', expected one of resize, crop"):
        kind.fitting_options(suite).override({"preprocess": "pad"})


def test_a_scaled_window_is_that_of_the_scaled_picture() -> None:
    down, across = np.meshgrid(np.linspace(0, 250, 90), np.linspace(0, 250, 120), indexing="ij")
    rgb = np.stack([down, across, (down + across) / 2], -1).astype(np.uint8)
    for scale in (0.5, 0.7, 1.0, 1.5):
        expected = centre(fit_short(rgb, round(90 * scale)))
        found = native_window(rgb, SIDE, scale)
        assert np.abs(found.astype(int) - expected).max() <= 8
    np.testing.assert_array_equal(native_window(rgb, SIDE), centre(rgb))
    np.testing.assert_array_equal(native_window(rgb, SIDE, place=(1.0, 0.0)), rgb[-SIDE:, :SIDE])
    np.testing.assert_array_equal(native_window(rgb, SIDE, mirrored=True), centre(rgb)[:, ::-1])
    small = native_window(rgb[:40, :40], SIDE, 0.5)
    assert small.any(axis=2).sum() <= 20 * 20  # the rest is black


def test_one_sample_moves_both_policies() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)
    options, sample = CropOptions(resize=40, crop=SIDE), AugmentationSample((1.0, 0.25), True, 0.75)
    np.testing.assert_array_equal(cut(rgb, options, "resize", sample), window(rgb, 30, SIDE, (1.0, 0.25), True))
    native = native_window(rgb, SIDE, 0.75, (1.0, 0.25), True)
    np.testing.assert_array_equal(cut(rgb, options, "crop", sample), native)
    assert torch.from_numpy(native.copy()).shape == (SIDE, SIDE, 3)
