"""The check that a picture belongs to a suite's world: its formulas, its promises, its file."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from scipy.spatial.distance import mahalanobis
from sklearn.covariance import LedoitWolf, ledoit_wolf_shrinkage

from unprompt.detectors import checkpoint
from unprompt.detectors.gaussian import MahalanobisGaussian, shrinkage
from unprompt.detectors.ood import OODDetector, texture_features, token_features
from unprompt.errors import CheckpointError, DataError, OptionError
from unprompt.images import read
from unprompt.instruments import Suite
from unprompt.types import RGB

PHOTOGRAPHS = Path(__file__).parents[3] / "shared" / "data" / "real"
AWKWARD = [(1, 1), (3000, 5), (5, 3000), (1, 40), (64, 48), (33, 120)]


def soft(seed: int, count: int) -> list[RGB]:
    """A world of its own: a light above, a darker floor below, a little grain."""
    random = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        slope = np.linspace(random.uniform(170, 200), random.uniform(60, 90), 40)[:, None, None]
        grain = random.normal(0, 3, (40, 40, 3))
        made.append((slope + random.uniform(-15, 15, 3) + grain).clip(0, 255).astype(np.uint8))
    return made


@pytest.fixture(scope="module")
def world(suite: Suite) -> OODDetector:
    return OODDetector.fit(suite.encoder, soft(0, 120), soft(1, 100), false_alarms=0.02)


@pytest.fixture
def path(world: OODDetector, tmp_path: Path) -> Path:
    world.save(tmp_path / "world.safetensors")
    return tmp_path / "world.safetensors"


@pytest.mark.parametrize(("n", "width"), [(30, 50), (200, 6)])
def test_shrinkage_is_that_of_ledoit_and_wolf(n: int, width: int) -> None:
    x = np.random.default_rng(0).normal(size=(n, width)) * np.linspace(1, 3, width)
    x -= x.mean(axis=0)
    assert shrinkage(x) == pytest.approx(ledoit_wolf_shrinkage(x, assume_centered=True), abs=1e-9)


def test_the_full_distance_is_that_of_mahalanobis() -> None:
    random = np.random.default_rng(1)
    rows = random.normal(size=(80, 10)) @ random.normal(size=(10, 10))
    scaled = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    precision = LedoitWolf(assume_centered=True).fit(scaled).precision_
    expected = [mahalanobis(row, np.zeros(10), precision) for row in scaled]
    np.testing.assert_allclose(MahalanobisGaussian.fit(rows, rank=10).distances(rows), expected, rtol=5e-3)


def test_the_directions_across_share_one_variance() -> None:
    random = np.random.default_rng(2)
    rows = random.normal(size=(80, 10)) @ random.normal(size=(10, 10))
    scaled = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    values, vectors = np.linalg.eigh(LedoitWolf(assume_centered=True).fit(scaled).covariance_)
    values[:7] = values[:7].mean()
    precision = vectors @ np.diag(1 / values) @ vectors.T
    expected = [mahalanobis(row, np.zeros(10), precision) for row in scaled]
    np.testing.assert_allclose(MahalanobisGaussian.fit(rows, rank=3).distances(rows), expected, rtol=5e-3)


def test_features_that_never_vary_keep_the_distance_finite() -> None:
    cloud = MahalanobisGaussian.fit(np.ones((5, 4)))
    assert np.isfinite(cloud.distances(np.zeros((1, 4)))).all()
    assert cloud.distances(np.ones((1, 4))) == 0


def test_token_features_are_means_of_bands_and_a_deviation() -> None:
    tokens = np.random.default_rng(3).normal(size=(2, 8, 5, 3))
    means = [tokens[:, top : top + 2].reshape(2, 10, 3).mean(1) for top in (0, 2, 4, 6)]
    expected = np.concatenate([*means, tokens.reshape(2, 40, 3).std(1)], axis=1)
    np.testing.assert_allclose(token_features([torch.from_numpy(tokens)]), expected)
    assert token_features([torch.from_numpy(tokens)] * 2).shape == (2, 30)


def test_texture_of_a_flat_picture_and_of_a_chessboard() -> None:
    flat = texture_features(np.full((16, 16, 3), (10, 20, 30), np.uint8)).reshape(4, 13)
    np.testing.assert_allclose(flat[:, :3], [[10, 20, 30]] * 4)
    np.testing.assert_allclose(flat[:, 6:8], 20)
    assert not flat[:, 3:6].any()
    assert not flat[:, 8:].any()
    board = np.indices((16, 16)).sum(axis=0) % 2 * np.uint8(9)
    steps = texture_features(np.repeat(board[..., None], 3, axis=2).astype(np.uint8)).reshape(4, 13)[:, 8:]
    np.testing.assert_allclose(steps[0], np.log1p(18))


def test_its_own_pictures_are_inside_and_others_outside(world: OODDetector) -> None:
    assert world.is_ood(soft(1, 100)).mean() <= 0.02
    assert world.is_ood(soft(2, 100)).mean() <= 0.1
    noise = np.random.default_rng(4).integers(0, 256, (5, 64, 64, 3), dtype=np.uint8)
    assert world.is_ood([*noise, *(picture[::-1] for picture in soft(3, 5))]).all()


def test_any_picture_has_a_distance(world: OODDetector) -> None:
    pictures = [np.full((height, width, 3), level, np.uint8) for height, width in AWKWARD for level in (0, 255)]
    distances = world.distances(pictures)
    assert distances.shape == (12,)
    assert np.isfinite(distances).all()
    assert world.is_ood(pictures).all()


def test_a_distance_does_not_depend_on_the_batch(world: OODDetector) -> None:
    pictures = [*soft(5, 5), np.zeros((7, 90, 3), np.uint8), *soft(6, 40)]
    alone = [world.distances([picture])[0] for picture in pictures]
    np.testing.assert_allclose(world.distances(pictures), alone, rtol=1e-4)
    np.testing.assert_allclose(world.distances(pictures[::-1])[::-1], alone, rtol=1e-4)


def test_no_picture(world: OODDetector) -> None:
    assert world.distances([]).shape == world.is_ood([]).shape == (0,)


def test_a_saved_check_says_the_same(world: OODDetector, path: Path, suite: Suite) -> None:
    loaded = OODDetector.load(path, suite)
    # the axes lie otherwise in memory, and a matrix product may add up in another order
    np.testing.assert_allclose(loaded.distances(soft(7, 9)), world.distances(soft(7, 9)), rtol=1e-12)
    assert loaded.facts == world.facts
    assert (world.facts.pictures, world.facts.held_out, world.facts.false_alarms) == (120, 100, 0.02)
    before = path.read_bytes()
    loaded.save(path)
    assert path.read_bytes() == before
    assert [found.name for found in path.parent.iterdir()] == [path.name]


def test_another_encoder(path: Path, suite: Suite, other_suite: Suite) -> None:
    stored, present = (one.encoder.card.digest[:12] for one in (suite, other_suite))
    with pytest.raises(CheckpointError, match=f"fitted with the encoder {stored}, this suite has {present}: use its"):
        OODDetector.load(path, other_suite).distances(soft(7, 1))


def rewrite(path: Path, change: Callable[[dict[str, object]], object], lacking: str = "") -> None:
    """The file again, with other facts or without one tensor."""
    facts = json.loads(checkpoint.load(path)[0][checkpoint.KEY])
    change(facts)
    tensors = {name: tensor for name, tensor in load_file(path).items() if name != lacking}
    save_file(tensors, path, {checkpoint.KEY: json.dumps(facts)})


def test_another_version(path: Path, suite: Suite) -> None:
    rewrite(path, lambda facts: facts.update(version=9))
    with pytest.raises(CheckpointError, match=r"world\.safetensors holds world version 9, expected world version 1"):
        OODDetector.load(path, suite)


def test_facts_that_are_none(path: Path, suite: Suite) -> None:
    rewrite(path, lambda facts: facts.pop("limits"))
    with pytest.raises(CheckpointError, match=r"world\.safetensors is no world check of unprompt \(limits is missing"):
        OODDetector.load(path, suite)


def test_a_tensor_that_is_lacking(path: Path, suite: Suite) -> None:
    rewrite(path, lambda facts: None, lacking="texture.axes")
    with pytest.raises(CheckpointError, match=r"lacks the tensor 'texture\.axes': the file is damaged"):
        OODDetector.load(path, suite)


def test_a_damaged_file(path: Path, suite: Suite) -> None:
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(CheckpointError, match=r"world\.safetensors is damaged or no safetensors file"):
        OODDetector.load(path, suite)


def test_too_few_pictures(suite: Suite) -> None:
    with pytest.raises(
        DataError, match=r"got 3 pictures and 5 held-out ones, expected at least 2 and 200 for .* 0\.005"
    ):
        OODDetector.fit(suite.encoder, soft(0, 3), soft(1, 5))


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_a_rate_that_is_none(suite: Suite, rate: float) -> None:
    with pytest.raises(OptionError, match=f"false_alarms must lie between 0 and 1, got {rate}"):
        OODDetector.fit(suite.encoder, soft(0, 3), soft(1, 5), rate)


@pytest.mark.skipif(not PHOTOGRAPHS.is_dir(), reason="needs photographs in ../shared/data/real, which are not shipped")
def test_photographs_are_outside(world: OODDetector) -> None:
    paths = sorted(PHOTOGRAPHS.glob("*/*"))[::25]
    pictures = [read(path, path.name).rgb for path in paths]
    assert world.is_ood(pictures).mean() >= 0.9


def test_a_picture_too_large_for_the_suite(suite: Suite) -> None:
    check = OODDetector.fit(suite.encoder, soft(0, 120), soft(1, 100), false_alarms=0.02, most=64)
    small, large = np.full((32, 32, 3), 90, np.uint8), np.full((40, 65, 3), 90, np.uint8)
    assert check.is_ood([large, small])[0]
    assert check.reason(large) == "too large for this suite: 65 x 40 pixels, expected a longer side of 64 or less"
    assert check.reason(small) is None or "large" not in str(check.reason(small))
    alone = [check.is_ood([rgb])[0] for rgb in (large, small)]
    assert check.is_ood([large, small]).tolist() == alone
