"""The networks on patches: where patches lie, each part computed once more, and the mean over networks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.signal import correlate2d

from unprompt.detectors.methods.patches import PatchesDetector, PatchesOptions, PatchNet, patches, places
from unprompt.errors import OptionError
from unprompt.evidence.pixels import PixelEvidence
from unprompt.evidence.product_cache import ProductCache
from unprompt.images import encode_jpeg, encode_png, encode_webp, read
from unprompt.instruments import Suite
from unprompt.perturbations import DegradationPipeline
from unprompt.types import RGB


def noise(height: int, width: int) -> RGB:
    return np.random.default_rng((8, height, width)).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def detector(suite: Suite) -> PatchesDetector:
    """Two networks with running statistics of their own, so that no part is the identity."""
    made = PatchesDetector(suite, PatchesOptions(nets=2, side=32, crop=16), seed=3)
    made.network.train()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for _ in range(8):
            made.network(torch.rand(8, 3, 32, 32), torch.ones(8, dtype=torch.int64))
    made.network.eval()
    return made


# Where patches lie


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 5000), st.integers(1, 200), st.integers(1, 6))
def test_patches_go_evenly_from_edge_to_edge(length: int, side: int, most: int) -> None:
    found = places(length, side, most).tolist()
    assert len(found) == max(1, min(most, length // side))
    room = max(0, length - side)
    if len(found) == 1:
        assert found[0] in (room // 2, (room + 1) // 2)
        return
    assert (found[0], found[-1]) == (0, room)
    steps = np.diff(found)
    assert steps.min() >= side
    assert np.ptp(steps) <= 1


def test_a_picture_of_256_is_its_four_quarters() -> None:
    rgb = noise(256, 256)
    quarters = [rgb[:128, :128], rgb[:128, 128:], rgb[128:, :128], rgb[128:, 128:]]
    for found, expected in zip(patches(rgb, 128, 4), quarters, strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("size", [(1, 1), (5, 7), (1, 900), (300, 20), (127, 128)])
def test_a_small_side_is_enlarged_as_the_whole_picture_would_be(size: tuple[int, int]) -> None:
    rgb = noise(*size)
    large = (max(128, size[1]), max(128, size[0]))
    whole = np.array(Image.fromarray(rgb).resize(large, Image.Resampling.BICUBIC))
    for found, expected in zip(patches(rgb, 128, 4), patches(whole, 128, 4), strict=True):
        np.testing.assert_array_equal(found, expected)


# The network


def test_learned_residuals_have_no_mean(detector: PatchesDetector) -> None:
    net: Any = detector.network.nets[0]
    x = torch.rand(1, 3, 20, 23)
    with torch.inference_mode():
        found = net.residuals(x)[0, :12].numpy()
        flat = net.residuals(torch.full((1, 3, 16, 16), 0.7))[0]
    kernels = net.res.weight.detach().double().numpy()
    for channel in range(12):
        total = sum(
            correlate2d(x[0, colour].double().numpy(), kernel - kernel.mean(), mode="valid")
            for colour, kernel in enumerate(kernels[channel])
        )
        np.testing.assert_allclose(found[channel], np.tanh(total / 0.15), atol=1e-4)
    np.testing.assert_allclose(flat.numpy(), 0, atol=1e-5)


@pytest.mark.parametrize("size", [(16, 16), (17, 16), (21, 19)])
def test_npr_lies_beside_them_on_any_size(size: tuple[int, int], detector: PatchesDetector) -> None:
    net: Any = detector.network.nets[0]
    x = torch.rand(1, 3, *size)
    with torch.inference_mode():
        found = net.residuals(x)
    assert found.shape == (1, 15, size[0] - 4, size[1] - 4)
    for row in range(2, size[0] - 2):
        for column in range(2, size[1] - 2):
            first = x[0, :, row - row % 2, column - column % 2]
            torch.testing.assert_close(found[0, 12:, row - 2, column - 2], 3 * (x[0, :, row, column] - first))


def test_what_is_pooled_value_by_value(detector: PatchesDetector) -> None:
    net: Any = detector.network.nets[0]
    x = torch.rand(2, 3, 24, 24)
    with torch.inference_mode():
        a = net.a(net.residuals(x))
        c = net.c(net.b(a))
        d = net.d(c)
        found, logits = net.pooled(x).numpy(), net(x).numpy()
    expected = np.zeros((2, 288))
    for n in range(2):
        parts = []
        for maps, spread in ((a, True), (c, False), (d, True)):
            values = [one.double().numpy().ravel() for one in maps[n]]
            parts.append([one.sum() / one.size for one in values])
            if spread:
                parts.append([np.sqrt(((one - one.mean()) ** 2).sum() / (one.size - 1) + 1e-5) for one in values])
        expected[n] = np.concatenate(parts)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    weight, bias = (tensor.detach().double().numpy() for tensor in (net.f.weight, net.f.bias))
    np.testing.assert_allclose(logits, expected @ weight[0] + bias, atol=1e-4)


def test_it_is_small() -> None:
    """Six of them take 1.6 MB in half precision."""
    assert sum(weight.numel() for weight in PatchNet().parameters()) == 130_709
    assert [*PatchNet().state_dict()][:3] == ["res.weight", "a.0.0.weight", "a.0.1.weight"]


def test_the_logit_is_the_mean_over_patches_and_networks(detector: PatchesDetector) -> None:
    evidence = [PixelEvidence(noise(*size)) for size in ((64, 70), (20, 100), (32, 32))]
    expected = []
    for one in evidence:
        told = []
        for net in detector.network.nets:
            for patch in patches(one.picture, 32, 4):
                x = torch.from_numpy(patch.astype(np.float32) / 255).permute(2, 0, 1)[None]
                with torch.inference_mode():
                    told.append(float(net(x)))
        expected.append(np.mean(told))
    np.testing.assert_allclose(detector.logits(evidence), expected, atol=1e-4)
    pixels, counts = detector.collate(evidence)
    assert counts.tolist() == [4, 3, 1]
    with torch.inference_mode():
        np.testing.assert_allclose(detector.network(pixels, counts).numpy(), expected, atol=1e-4)


def test_all_in_one_batch_or_each_alone(detector: PatchesDetector) -> None:
    evidence = [PixelEvidence(noise(*size)) for size in ((1, 1), (200, 3), (90, 140), (32, 64), (33, 31))]
    with torch.inference_mode():
        together = detector.network(*detector.collate(evidence)).numpy()
    alone = [float(detector.logits([one])[0]) for one in evidence]
    np.testing.assert_allclose(together, alone, atol=1e-4)
    np.testing.assert_allclose(detector.logits(evidence[::-1]), alone[::-1], atol=1e-6)


# How it learns


def test_each_network_has_a_loss_of_its_own(detector: PatchesDetector) -> None:
    inputs = torch.rand(3, 3, 16, 16), torch.ones(3, dtype=torch.int64)
    with torch.inference_mode():
        loss = float(detector.loss(inputs, torch.tensor([0.0, 1.0, 1.0])))
        told = np.stack([net(inputs[0]).double().numpy() for net in detector.network.nets])
    p, t = 1 / (1 + np.exp(-told)), np.array([0.025, 0.975, 0.975])
    assert loss == pytest.approx(-(t * np.log(p) + (1 - t) * np.log(1 - p)).mean(), abs=1e-5)


def test_a_training_patch_is_a_patch_turned_and_lit(suite: Suite) -> None:
    plain = DegradationPipeline(history=0, shrink=0, enlarge=0, blur=0, mirror=0, jpeg=0, webp=0)
    made = PatchesDetector(suite, PatchesOptions(nets=1, side=20, crop=16, augmentation=plain))
    rgb, rng = noise(22, 21), np.random.default_rng(0)
    seen = set()
    for _ in range(60):
        (found,), counts = made.collate([PixelEvidence(rgb)], rng)
        assert counts.tolist() == [1]
        matches = []
        for top in range(7):
            for left in range(6):
                patch = rgb[top : top + 16, left : left + 16].astype(np.float64) / 255
                for turn, turned in enumerate((patch, patch[:, ::-1])):
                    for swap, swapped in enumerate((turned, turned.transpose(1, 0, 2))):
                        light = found.permute(1, 2, 0).double().numpy() / np.where(swapped > 0, swapped, np.nan)
                        if np.nanmax(np.nanstd(light, (0, 1))) < 1e-5:
                            matches.append((turn, swap))
                            factors = np.nanmean(light, (0, 1))
                            assert (factors >= 0.9 - 1e-6).all()
                            assert (factors <= 1.1 + 1e-6).all()
                            assert np.ptp(factors) > 0
        assert len(matches) == 1
        seen.add(matches[0])
    assert seen == {(0, 0), (0, 1), (1, 0), (1, 1)}


def test_a_small_picture_is_learned_at_the_size_it_is_judged_at(suite: Suite) -> None:
    made = PatchesDetector(suite, PatchesOptions(nets=1, side=32, crop=32, augmentation=DegradationPipeline(side=8)))
    found, _ = made.collate([PixelEvidence(noise(50, 40))], np.random.default_rng(0))
    assert found.shape == (1, 3, 32, 32)


def test_files_that_may_be_lossless_are_told_apart(suite: Suite) -> None:
    rgb = noise(9, 9)
    pictures = [read(data, "a") for data in (encode_png(rgb), encode_jpeg(rgb, 90), encode_webp(rgb, 90))]
    evidence = PatchesDetector.evidence_of(PatchesOptions()).extract(ProductCache(pictures, suite))
    assert [one.lossless for one in evidence] == [True, False, True]


def test_no_score_asks_how_a_file_was_stored(detector: PatchesDetector) -> None:
    one = PixelEvidence(noise(40, 40))
    np.testing.assert_array_equal(detector.logits([one]), detector.logits([replace(one, lossless=True)]))


def test_a_world_of_small_pictures_has_small_patches(suite: Suite) -> None:
    found = PatchesDetector.fitting_options(suite)
    assert (found.side, found.crop, found.nets) == (32, 16, 6)
    assert replace(found, side=128, crop=64) == PatchesOptions()


def test_options_come_back_from_json() -> None:
    made = PatchesOptions().override({"augmentation": {"history": 0.5, "qualities": [50, 90]}})
    assert made.augmentation == DegradationPipeline(history=0.5, qualities=(50, 90))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"nets": 0}, "--nets is 0, expected 1 or more"),
        ({"grid": 0}, "--grid is 0, expected 1 or more"),
        ({"crop": 15}, "--crop is 15, expected 16 or more"),
        ({"side": 63}, "--side is 63, expected 64 or more"),
    ],
)
def test_options_outside_their_range_are_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        PatchesOptions(**wrong)


def test_networks_of_one_net_each_are_joined(suite: Suite) -> None:
    alone = [PatchesDetector(suite, PatchesOptions(nets=1, side=32, crop=16), seed=place) for place in range(2)]
    both = PatchesDetector(suite, PatchesOptions(nets=2, side=32, crop=16))
    both.network.join([one.network for one in alone])
    seen = [PixelEvidence(noise(70, 40))]
    np.testing.assert_allclose(both.logits(seen), np.mean([one.logits(seen) for one in alone], axis=0), atol=1e-5)


def test_a_picture_of_many_pixels_is_seen_smaller(detector: PatchesDetector) -> None:
    large = Image.fromarray(noise(100, 800)).resize((3200, 400), Image.Resampling.BICUBIC)
    smaller = large.resize((1600, 200), Image.Resampling.BICUBIC)
    one, other = (detector.logits([PixelEvidence(np.asarray(image))])[0] for image in (large, smaller))
    assert one == other
