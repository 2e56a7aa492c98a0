"""Each baseline's signal part and road to a logit, computed once more from its paper."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from sklearn.linear_model import Ridge
from torch.nn import functional as F

from unprompt.detectors import METHODS
from unprompt.detectors.base import Detector
from unprompt.detectors.methods.clip_flow import ClipFlowDetector, ClipFlowNetwork, ClipFlowOptions
from unprompt.detectors.methods.cnndet import CnndetDetector, CnndetOptions, blur_and_jpeg
from unprompt.detectors.methods.convnext import ConvNextSizes
from unprompt.detectors.methods.defake import DefakeDetector
from unprompt.detectors.methods.dire import DireDetector
from unprompt.detectors.methods.drct import DrctDetector, DrctOptions, contrastive
from unprompt.detectors.methods.fredect import FredectDetector, log_spectrum, ridge
from unprompt.detectors.methods.fusing import FusingDetector, FusingOptions, proposals
from unprompt.detectors.methods.gramnet import GramnetDetector, GramnetOptions, gram
from unprompt.detectors.methods.lgrad import LgradOptions
from unprompt.detectors.methods.npr import NprDetector, NprOptions
from unprompt.detectors.methods.resnet50 import ResNet50Detector, ResNet50Options
from unprompt.detectors.methods.swin import SwinSizes
from unprompt.detectors.methods.univfd import NearestDetector
from unprompt.detectors.methods.vibnet import VibnetDetector
from unprompt.detectors.npr_residual import residual
from unprompt.errors import DataError, OptionError
from unprompt.evidence.dire import DireEvidence
from unprompt.evidence.drct import DrctEvidence
from unprompt.evidence.product_cache import ProductCache
from unprompt.evidence.proxy import proxy
from unprompt.images import centre_crop, centre_square
from unprompt.instruments import Manifest, Suite
from unprompt.instruments.shelf import shipped

LABELS = np.array([0, 1, 0, 1, 0, 1, 0])


@pytest.fixture
def rng() -> np.random.Generator:
    """Of each test its own: none depends on those before it."""
    return np.random.default_rng(3)


def extracted(method: str, suite: Suite, cache: ProductCache) -> tuple[Detector[Any, Any], list[Any]]:
    detector = METHODS[method](suite, METHODS[method].fitting_options(suite))
    return detector, detector.extractor.extract(cache)


# NPR


def test_npr_is_the_picture_minus_its_nearest_neighbour_copy(rng: np.random.Generator) -> None:
    x = torch.from_numpy(rng.normal(size=(2, 3, 12, 18)))
    copy = F.interpolate(F.interpolate(x, scale_factor=0.5, mode="nearest"), scale_factor=2.0, mode="nearest")
    torch.testing.assert_close(residual(x), x - copy)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 4), (9, 3)])
def test_npr_takes_odd_sizes(rng: np.random.Generator, size: tuple[int, int]) -> None:
    x = torch.from_numpy(rng.normal(size=(1, 3, *size)))
    found = residual(x)
    for row in range(size[0]):
        for column in range(size[1]):
            first = x[..., row - row % 2, column - column % 2]
            torch.testing.assert_close(found[..., row, column], x[..., row, column] - first)


def test_npr_starts_from_nothing() -> None:
    with pytest.raises(OptionError, match="--backbone is 'suite', expected scratch: npr's stem of 3 x 3"):
        NprOptions(backbone="suite")


def test_npr_ignores_what_is_flat(suite: Suite) -> None:
    """The residual of any flat picture is 0, so all of them get one logit."""
    network = NprDetector(suite).network
    shades = torch.tensor([0, 90, 255], dtype=torch.uint8).view(3, 1, 1, 1).expand(3, 3, 16, 16)
    with torch.inference_mode():
        logits = network(shades)
    torch.testing.assert_close(logits, logits[:1].expand(3))


# GramNet


def test_gram_is_the_mean_product_of_maps(rng: np.random.Generator) -> None:
    maps = rng.normal(size=(2, 4, 3, 5))
    expected = np.zeros((2, 4, 4))
    for n in range(2):
        for i in range(4):
            for j in range(4):
                expected[n, i, j] = sum(maps[n, i, y, x] * maps[n, j, y, x] for y in range(3) for x in range(5)) / (
                    4 * 3 * 5
                )
    np.testing.assert_allclose(gram(torch.from_numpy(maps)).numpy(), expected, rtol=1e-12)


def test_a_gram_branch_does_not_see_where_things_lie(rng: np.random.Generator) -> None:
    maps = torch.from_numpy(rng.normal(size=(1, 4, 6, 6)))
    shuffled = maps.flatten(2)[..., torch.randperm(36)].view_as(maps)
    torch.testing.assert_close(gram(maps), gram(shuffled))


def test_gramnet_has_six_branches_beside_a_resnet18(suite: Suite) -> None:
    options = GramnetOptions(backbone="scratch", trunk=GramnetDetector.sizes)
    network: Any = GramnetDetector(suite, options).network
    assert [branch.maps[0].in_channels for branch in network.branches] == [3, 64, 64, 64, 128, 256]
    assert network.first.in_features == 512 + 6 * 32 == 704
    assert sum(weight.numel() for weight in network.trunk.parameters()) == 11_176_512


# Fusing


def test_patches_lie_where_the_network_looked(rng: np.random.Generator) -> None:
    cells = rng.random((2, 3, 7, 7)).astype(np.float32)
    sizes = [(300, 500), (120, 90)]
    found = proposals(torch.from_numpy(cells), torch.tensor(sizes), 224)
    for n, (height, width) in enumerate(sizes):
        expected = []
        for cells_a_side, patch in ((3, 224), (2, 112)):
            count = 8 - cells_a_side
            scores = np.array(
                [
                    [cells[n, :, y : y + cells_a_side, x : x + cells_a_side].sum() for x in range(count)]
                    for y in range(count)
                ]
            )
            for _ in range(3):
                y, x = np.unravel_index(scores.argmax(), scores.shape)
                box = []
                for cell, length in ((y, height), (x, width)):
                    short = min(height, width)
                    centre = (length - short) // 2 + int(short * (cell + cells_a_side / 2) / 7)
                    start = max(0, min(centre - patch // 2, length - patch))
                    box.append((start, min(start + patch, length)))
                expected.append([box[0][0], box[1][0], box[0][1], box[1][1]])
                scores[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2] = -1
        assert found[n].tolist() == expected


def test_places_that_are_alike_are_taken_in_their_order() -> None:
    boxes = proposals(torch.full((1, 2, 7, 7), 0.3), torch.tensor([[224, 224]]), 224)
    assert boxes[0, 3:].tolist() == [[0, 0, 112, 112], [0, 40, 112, 152], [0, 104, 112, 216]]
    assert boxes[0, :3].tolist() == [[0, 0, 224, 224]] * 3


def test_fusing_joins_the_whole_and_six_patches(suite: Suite, cache: ProductCache) -> None:
    detector, evidence = extracted("fusing", suite, cache)
    assert isinstance(detector, FusingDetector)
    network: Any = detector.network.double()
    wholes, pictures, sizes = detector.collate(evidence)
    with torch.inference_mode():
        cells = network.trunk.net(network.trunk.normalised(wholes).double()).last_hidden_state
        boxes = proposals(cells, sizes, detector.options.crop)
        for n, one in enumerate(evidence):
            assert np.array_equal(pictures[n, :, : sizes[n, 0], : sizes[n, 1]].permute(1, 2, 0).numpy(), one.picture)
            views = [cells[n].mean((1, 2))]
            for top, left, bottom, right in boxes[n].tolist():
                patch = torch.from_numpy(one.picture[top:bottom, left:right].copy()).permute(2, 0, 1)[None].double()
                patch = F.interpolate(patch, (detector.options.crop,) * 2, mode="bilinear", align_corners=True)
                mean, std = (torch.tensor(v).view(3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
                views.append(network.trunk.net((patch / 255 - mean) / std).last_hidden_state.mean((2, 3))[0])
            tokens = F.relu(network.token(torch.stack(views)))
            for block in network.blocks:
                joined, _ = block.self_attn(tokens, tokens, tokens)
                tokens = block.norm1(tokens + joined)
                tokens = block.norm2(tokens + block.linear2(F.relu(block.linear1(tokens))))
            expected = float(network.head(tokens[0]))
            network.float()
            assert detector.logits([one])[0] == pytest.approx(expected, abs=1e-4)
            network.double()


def test_fusing_has_one_view() -> None:
    with pytest.raises(OptionError, match="--view is 'whole', expected crop: fusing sees the central square, and"):
        FusingOptions(view="whole")


# FreDect


def test_the_spectrum_is_the_cosine_sum(rng: np.random.Generator) -> None:
    rgb = rng.integers(0, 256, (6, 5, 3), dtype=np.uint8)
    grey = 0.299 * rgb[..., 0] + 0.587 * rgb[..., 1] + 0.114 * rgb[..., 2]
    rows, columns = grey.shape
    expected = np.zeros_like(grey)
    for u in range(rows):
        for v in range(columns):
            total = sum(
                grey[y, x]
                * math.cos(math.pi * (2 * y + 1) * u / (2 * rows))
                * math.cos(math.pi * (2 * x + 1) * v / (2 * columns))
                for y in range(rows)
                for x in range(columns)
            )
            scale = math.sqrt((1 if u == 0 else 2) / rows) * math.sqrt((1 if v == 0 else 2) / columns)
            expected[u, v] = math.log(abs(scale * total) + 1e-3)
    np.testing.assert_allclose(log_spectrum(rgb), expected, rtol=1e-9, atol=1e-9)


def test_ridge_is_sklearns_optimum(rng: np.random.Generator) -> None:
    features = rng.normal(size=(30, 50)) * rng.uniform(0.1, 9, 50) + rng.normal(size=50)
    features[:, 7] = 0.1  # a weighted mean of which need not be 0.1
    labels = (rng.random(30) > 0.7).astype(int)
    weights, bias = ridge(features, labels, l2=0.05)
    share = np.where(labels == 1, 0.5 / labels.sum(), 0.5 / (30 - labels.sum()))
    centre = np.average(features, axis=0, weights=share)
    spread = np.sqrt(np.average((features - centre) ** 2, axis=0, weights=share))
    z = (features - centre) / spread
    z[:, 7] = 0
    peer = Ridge(alpha=0.05, solver="svd").fit(z, 2 * labels - 1, sample_weight=share)
    np.testing.assert_allclose(features @ weights + bias, peer.predict(z), atol=1e-8)
    assert weights[7] == 0


def test_fredect_is_linear_in_the_spectrum(suite: Suite, cache: ProductCache) -> None:
    detector, evidence = extracted("fredect", suite, cache)
    assert isinstance(detector, FredectDetector)
    assert detector.options.side == 32
    detector.solve(evidence, LABELS)
    spectra = np.stack([log_spectrum(centre_crop(one.picture, 32)).ravel() for one in evidence])
    weights, bias = ridge(spectra, LABELS, detector.options.l2)
    np.testing.assert_allclose(detector.logits(evidence), spectra @ weights + bias, atol=1e-3)


# UnivFD, DE-FAKE


def test_the_nearest_neighbour_decides(suite: Suite, cache: ProductCache) -> None:
    detector, evidence = extracted("univfd-nn", suite, cache)
    assert isinstance(detector, NearestDetector)
    detector.solve(evidence[:5], LABELS[:5])
    assert (detector.options.real, detector.options.generated) == (3, 2)
    vectors = np.stack([one.image for one in evidence]).astype(np.float64)
    distances = cdist(vectors, vectors[:5], "cosine")
    real, generated = distances[:, LABELS[:5] == 0].min(1), distances[:, LABELS[:5] == 1].min(1)
    np.testing.assert_allclose(detector.logits(evidence), real - generated, atol=1e-5)
    assert ((detector.logits(evidence[:5]) > 0) == (LABELS[:5] == 1)).all()


def test_univfd_is_linear_in_clips_vector(suite: Suite, cache: ProductCache) -> None:
    detector, evidence = extracted("univfd", suite, cache)
    W = detector.network.state_dict()
    expected = cache.picture_embeddings() @ W["linear.weight"].numpy()[0] + W["linear.bias"].numpy()
    np.testing.assert_allclose(detector.logits(evidence), expected, atol=1e-5)


def test_defake_is_three_layers_on_both_vectors(suite: Suite, cache: ProductCache) -> None:
    detector, evidence = extracted("defake", suite, cache)
    assert isinstance(detector, DefakeDetector)
    W = {name: tensor.double().numpy() for name, tensor in detector.network.state_dict().items()}
    assert [W[f"fc{layer}.bias"].size for layer in (1, 2, 3)] == [512, 256, 2]
    h = np.concatenate([cache.picture_embeddings(), cache.caption_embeddings()], axis=1).astype(np.float64)
    for layer in (1, 2):
        h = np.maximum(h @ W[f"fc{layer}.weight"].T + W[f"fc{layer}.bias"], 0)
    z = h @ W["fc3.weight"].T + W["fc3.bias"]
    np.testing.assert_allclose(detector.logits(evidence), z[:, 1] - z[:, 0], atol=1e-5)


# DIRE, LGrad, DRCT


def test_dire_sees_what_a_reconstruction_without_caption_changes(suite: Suite, cache: ProductCache) -> None:
    detector, evidence = extracted("dire", suite, cache)
    assert isinstance(detector, DireDetector)
    blind = suite.diffusion.reconstruct([one.rgb for one in cache.pictures], [""] * 7, [p.seed for p in cache.pictures])
    for picture, one, made in zip(cache.pictures, evidence, blind, strict=True):
        expected = np.abs(suite.diffusion.prepare(picture.rgb).astype(int) - made.astype(int))
        np.testing.assert_array_equal(detector.picture(one), expected)


def test_a_reconstruction_of_another_size_is_no_evidence() -> None:
    with pytest.raises(DataError, match=r"reconstruction has shape \(8, 8, 3\), expected \(8, 9, 3\)"):
        DireEvidence(np.zeros((8, 9, 3), np.uint8), np.zeros((8, 8, 3), np.uint8))


def test_lgrad_sees_the_whole_gradient_map(suite: Suite, cache: ProductCache) -> None:
    detector, evidence = extracted("lgrad", suite, cache)
    maps = suite.discriminator.gradient_maps([one.rgb for one in cache.pictures])
    np.testing.assert_array_equal([detector.picture(one) for one in evidence], maps)
    (judged,), (learned,) = detector.collate(evidence), detector.collate(evidence, np.random.default_rng(0))
    np.testing.assert_array_equal(judged.permute(0, 2, 3, 1).numpy(), maps)  # the suite's pictures have 32 pixels
    assert learned.shape == (7, 3, 28, 28)
    assert list(detector.instruments()) == ["discriminator"]


def test_the_contrastive_loss_pair_by_pair(rng: np.random.Generator) -> None:
    features = rng.normal(size=(6, 4))
    target = [0, 1, 1, 0, 1, 0]
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    alike, other = [], []
    for i in range(6):
        for j in range(i + 1, 6):
            d = math.dist(unit[i], unit[j])
            if target[i] == target[j]:
                alike.append(d)
            else:
                other.append(max(0.0, 1.2 - d))
    expected = sum(alike) / sum(d > 0 for d in alike) + sum(other) / sum(d > 0 for d in other)
    found = contrastive(torch.from_numpy(features), torch.tensor(target), 1.2)
    assert float(found) == pytest.approx(expected, rel=1e-6)


def test_drct_learns_that_every_reconstruction_is_fake(suite: Suite, cache: ProductCache) -> None:
    detector = DrctDetector(suite, replace(DrctDetector.fitting_options(suite), alpha=0.25))
    evidence = detector.extractor.extract(cache)
    seen, made = detector.collate(evidence, np.random.default_rng(0))
    assert seen.shape == made.shape == (7, 16)
    target = torch.from_numpy(LABELS).float()
    loss = detector.loss((seen, made), target)
    W = {name: tensor for name, tensor in detector.network.state_dict().items()}
    embedded = torch.cat([seen, made]) @ W["embedding.weight"].T + W["embedding.bias"]
    classes = embedded @ W["head.weight"].T + W["head.bias"] + torch.tensor([0.0, math.log(3)])  # one real, three fake
    labels = torch.tensor([*LABELS, *[1] * 7])
    expected = 0.75 * F.cross_entropy(classes, labels) + 0.25 * contrastive(embedded, labels, 1.0)
    torch.testing.assert_close(loss, expected)
    (judged,) = detector.collate(evidence)
    z = (judged @ W["embedding.weight"].T + W["embedding.bias"]) @ W["head.weight"].T + W["head.bias"]
    np.testing.assert_allclose(detector.logits(evidence), z[:, 1] - z[:, 0], atol=1e-5)


def test_a_trained_drct_asks_for_no_reconstruction(suite: Suite, cache: ProductCache, tmp_path: Any) -> None:
    detector = DrctDetector(suite)
    detector.save(tmp_path / "drct.safetensors")
    loaded = DrctDetector.load(tmp_path / "drct.safetensors", suite)
    assert [len(one.extractor.products()) for one in (detector, loaded)] == [1, 0]
    assert list(loaded.instruments()) == ["encoder"]
    np.testing.assert_allclose(loaded.predict(cache.pictures), detector.predict(cache.pictures), atol=1e-6)
    lone = [DrctEvidence(cache.pictures[0].rgb)]
    with pytest.raises(DataError, match=r"evidence\[0\] has no reconstruction, expected one to learn from"):
        loaded.collate(lone, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"features": "swin"}, r"--features is 'swin', expected one of clip, backbone"),
        ({"alpha": 1.5}, r"--alpha is 1\.5, expected a share from 0 to 1"),
        ({"margin": 0.0}, r"--margin is 0\.0, expected a distance above 0, up to 2"),
    ],
)
def test_drct_options_outside_their_range_are_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        DrctOptions(**wrong)


# What is cut and changed


def test_blur_and_jpeg_come_as_often_as_the_paper_says() -> None:
    augmentation, rng = blur_and_jpeg(0.1), np.random.default_rng(0)
    drawn = [augmentation.draw(rng) for _ in range(3000)]
    steps = [{step.name: step.value for step in one.photometric.steps} for one in drawn]
    for name, low, high in (("blur", 0.01, 3), ("jpeg", 30, 100)):
        values = [one[name] for one in steps if name in one]
        assert 0.08 < len(values) / 3000 < 0.12
        assert low <= min(values) < low + 0.1 * high
        assert 0.95 * high < max(values) <= high
    assert all([*one] in ([], ["blur"], ["jpeg"], ["blur", "jpeg"]) for one in steps)
    assert not any(one.shared.steps or one.scale != 1 for one in drawn)


def test_the_papers_other_chance_can_be_set() -> None:
    """By what docs/baselines.md tells."""
    told = re.findall(
        "--set 'augmentation=(.+)'", (Path(__file__).parents[2] / "docs" / "baselines.md").read_text("utf-8")
    )
    assert CnndetOptions().override({"augmentation": json.loads(told[0])}).augmentation == blur_and_jpeg(0.1)


def test_cnndet_judges_the_whole_picture_as_it_is(suite: Suite, cache: ProductCache) -> None:
    detector, evidence = extracted("cnndet", suite, cache)
    assert isinstance(detector, CnndetDetector)
    network: Any = detector.network
    for one, logit in zip(evidence, detector.logits(evidence), strict=True):
        x = torch.from_numpy(one.picture.copy()).permute(2, 0, 1)[None].float() / 255
        mean, std = (torch.tensor(v).view(3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
        with torch.inference_mode():
            cells = network.trunk.net((x - mean) / std).last_hidden_state
            expected = network.head(cells.mean((2, 3)))
        assert logit == pytest.approx(float(expected), abs=1e-5)


def test_npr_judges_the_whole_square(suite: Suite, cache: ProductCache) -> None:
    detector, evidence = extracted("npr", suite, cache)
    (judged,), (learned,) = detector.collate(evidence), detector.collate(evidence, np.random.default_rng(0))
    assert judged.shape[-1] == detector.options.resize == 32
    assert learned.shape[-1] == detector.options.crop == 28


def test_the_published_numbers_are_the_defaults() -> None:
    resnet50, cnndet, npr, gramnet = ResNet50Options(), CnndetOptions(), NprOptions(), GramnetOptions()
    fusing, lgrad = FusingOptions(), LgradOptions()
    assert [(one.optimiser, one.rate, one.batch) for one in (resnet50, cnndet, npr, gramnet, fusing, lgrad)] == [
        ("adamw", 1e-4, 64),
        ("adam", 1e-4, 64),
        ("adam", 2e-4, 32),
        ("adam", 1e-5, 16),
        ("adam", 5e-5, 128),
        ("adam", 5e-4, 16),
    ]
    assert {(one.resize, one.crop) for one in (resnet50, cnndet, npr, lgrad)} == {(256, 224)}
    assert (lgrad.view, lgrad.epochs) == ("square", 100)
    assert (cnndet.view, npr.view, npr.backbone, cnndet.backbone) == ("whole", "square", "scratch", "suite")
    assert sum(weight.numel() for weight in resnet50.trunk.build().parameters()) == 23_508_032
    assert ResNet50Detector.sizes == CnndetDetector.sizes == resnet50.trunk


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"view": "left"}, "--view is 'left', expected one of crop, square, whole"),
        ({"backbone": "imagenet"}, "--backbone is 'imagenet', expected one of suite, scratch, imported"),
        ({"resize": 200}, "--resize is 200, expected 224 or more"),
    ],
)
def test_trunk_options_outside_their_range_are_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        CnndetOptions(**wrong)


# VIB-Net


def test_vibnet_judges_by_the_mean_and_learns_by_a_drawn_code(suite: Suite, cache: ProductCache) -> None:
    detector, evidence = extracted("vibnet", suite, cache)
    assert isinstance(detector, VibnetDetector)
    vectors = torch.from_numpy(np.stack([one.image for one in evidence]))
    net = detector.network
    hidden = F.relu(
        F.linear(F.relu(F.linear(vectors, net.first.weight, net.first.bias)), net.second.weight, net.second.bias)
    )
    both = F.linear(hidden, net.code.weight, net.code.bias)
    mean, log_variance = both[:, :256], both[:, 256:]
    logits = mean @ net.head.weight[0] + net.head.bias
    np.testing.assert_allclose(detector.logits(evidence), logits.detach().numpy(), atol=1e-5)
    target = torch.from_numpy(LABELS).float()
    torch.manual_seed(4)
    found = detector.loss((vectors,), target)
    torch.manual_seed(4)
    code = torch.distributions.Normal(mean, torch.exp(log_variance / 2))
    drawn = code.loc + code.scale * torch.randn(mean.shape)
    nought = torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
    divergence = torch.distributions.kl_divergence(code, nought).sum(dim=1).mean()
    cross = F.binary_cross_entropy_with_logits(drawn @ net.head.weight[0] + net.head.bias, target)
    torch.testing.assert_close(found, cross + 1e-3 * divergence, atol=1e-5, rtol=1e-5)


# CLIP-Flow


def bent_flow(width: int) -> ClipFlowNetwork:
    torch.manual_seed(6)
    network = ClipFlowNetwork(width, ClipFlowOptions(blocks=3, hidden=8)).double()
    for weight in network.couplings.parameters():
        torch.nn.init.normal_(weight, 0.0, 0.7)
    return network


def test_the_flows_determinant_is_that_of_its_jacobian() -> None:
    network, x = bent_flow(5), torch.randn(1, 5, dtype=torch.float64)
    z, found = network.latent(x)
    jacobian = torch.autograd.functional.jacobian(lambda one: network.latent(one)[0], x)[0, :, 0]
    torch.testing.assert_close(torch.linalg.slogdet(jacobian).logabsdet, found[0])
    gaussian = torch.distributions.Normal(0.0, 1.0)
    expected = -(gaussian.log_prob(z).sum(dim=1) + found) / 5 - gaussian.entropy()
    torch.testing.assert_close(network.surprise(x), expected)


def test_the_flow_can_be_undone() -> None:
    network, x = bent_flow(5), torch.randn(4, 5, dtype=torch.float64)
    y, layers = network.latent(x)[0], list[Any](network.couplings)
    for layer in layers[::-1]:
        a, b = y[:, [2, 0]], y[:, [3, 1, 4]]
        raw, shift = layer.second(F.relu(layer.first(a))).split(3, dim=1)
        y = torch.cat([a, (b - shift) / torch.exp(2 * torch.tanh(raw / 2))], dim=1)
    torch.testing.assert_close(y, x)


def test_the_flows_likelihood_integrates_to_one() -> None:
    network, steps = bent_flow(2), torch.linspace(-40, 40, 1601, dtype=torch.float64)
    with torch.no_grad():
        surprise = network.surprise(torch.cartesian_prod(steps, steps))
    density = torch.exp(-2 * surprise) / (2 * math.pi * math.e)
    assert float(density.sum()) * 0.05**2 == pytest.approx(1, abs=2e-3)


def test_a_proxy_is_a_picture_with_another_decay(rng: np.random.Generator) -> None:
    height, width = 12, 9
    rgb, drawn = rng.integers(100, 140, (height, width, 3), dtype=np.uint8), np.random.default_rng(8)
    gamma, expected = drawn.choice([-1, 1]) * (0.5 + drawn.random()), np.zeros(rgb.shape)
    for v, u in np.ndindex(height, width):
        gain = max(1.0, 8 * math.hypot(min(v, height - v) / height, min(u, width - u) / width)) ** gamma
        wave = np.exp(2j * np.pi * (np.arange(height)[:, None] * v / height + np.arange(width) * u / width))
        expected += (gain * np.einsum("yx,yxc->c", wave.conj(), rgb) * wave[..., None]).real / (height * width)
    np.testing.assert_allclose(proxy(rgb, 8), expected.clip(0, 255), atol=0.5 + 1e-9)


def test_clip_flow_learns_from_real_pictures_and_their_proxies(suite: Suite, cache: ProductCache) -> None:
    detector = ClipFlowDetector(suite, ClipFlowOptions(natural=0.25))
    evidence, picture = detector.extractor.extract(cache), cache.pictures[4]
    changed = proxy(centre_square(picture.rgb, suite.encoder.side), picture.seed)
    detector.prepare_fit(evidence)
    (seen, made), real = detector.collate(evidence), torch.from_numpy(LABELS == 0)
    np.testing.assert_allclose(made[4], suite.encoder.embed_pictures([changed])[0], atol=1e-5)
    torch.testing.assert_close(detector.network.mean, seen.mean(dim=0))
    logits = detector.network(torch.cat([seen[real], made[real]]))
    contrast = F.binary_cross_entropy_with_logits(logits, torch.tensor([0.0] * 4 + [1.0] * 4), reduction="sum")
    expected = (contrast + 0.25 * detector.network.surprise(seen[real]).sum()) / 7
    strange = [torch.where(real[:, None], rows, 9.0) for rows in (seen, made)]  # generated ones do not matter
    torch.testing.assert_close(detector.loss(strange, torch.from_numpy(LABELS).float()), expected)


def test_a_trained_clip_flow_makes_no_proxy(suite: Suite, cache: ProductCache, tmp_path: Path) -> None:
    detector = ClipFlowDetector(suite)
    detector.save(tmp_path / "head")
    evidence = detector.extractor.extract(cache)
    evidence += ClipFlowDetector.load(tmp_path / "head", suite).extractor.extract(cache)
    with pytest.raises(DataError, match=r"evidence\[7\] has no proxy"):
        detector.prepare_fit(evidence)


@pytest.mark.parametrize(("name", "value"), [("blocks", 0), ("natural", -1.0)])
def test_clip_flow_options_outside_their_range_are_refused(name: str, value: Any) -> None:
    with pytest.raises(OptionError, match=f"--{name} is {value}, expected"):
        ClipFlowOptions(**{name: value})


# ConvNeXt-B, Swin-B


@pytest.mark.parametrize(("sizes", "millions", "width"), [(ConvNextSizes(), 87.6, 1024), (SwinSizes(), 86.7, 1024)])
def test_plain_networks_are_of_the_published_size(sizes: Any, millions: float, width: int) -> None:
    """Without the last layer of ImageNet's classes: torchvision counts 88.6 and 87.8 million with it."""
    with torch.device("meta"):
        network = sizes.build()
    assert sizes.width == width
    assert sum(one.numel() for one in network.parameters()) / 1e6 == pytest.approx(millions, abs=0.06)


@pytest.mark.parametrize("method", ["convnext", "swin"])
def test_a_backbone_of_another_kind_is_not_started_from(method: str) -> None:
    manifest = Manifest.read(shipped("paper"))
    assert METHODS[method].options_for(manifest).backbone == "suite"
    other = replace(manifest, methods={name: one for name, one in manifest.methods.items() if name != method})
    assert other.instruments_of(method)["backbone"].kind == "resnet"
    assert METHODS[method].options_for(other).backbone == "scratch"
