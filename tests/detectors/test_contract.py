"""What every method keeps, whatever its idea: a new one is met by the same tests through the registry."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from unprompt.detectors import METHODS, load
from unprompt.detectors.base import Detector
from unprompt.detectors.calibration import Calibration, Thresholds
from unprompt.detectors.checkpoint import read_header
from unprompt.detectors.methods.panel import Panel
from unprompt.errors import CheckpointError, DataError
from unprompt.evidence.product_cache import ProductCache
from unprompt.images import encode_png, read
from unprompt.instruments import Suite
from unprompt.types import Picture

from .conftest import moved, weights

ROWS = [
    *METHODS,
    *("tidy:scope=global", "tidy:scope=local", "item:scope=global", "item:scope=local"),
    *("sare:preprocess=crop", "tidy:preprocess=crop", "semgir:features=combiner"),
]
"""Every method by its defaults, and by options that give it other evidence or another network."""
pytestmark = pytest.mark.parametrize("method", ROWS)
Build = Callable[[str], Detector[Any, Any]]


def evidence_of(detector: Detector[Any, Any], cache: ProductCache) -> list[Any]:
    return detector.extractor.extract(cache)


def save(detector: Detector[Any, Any], folder: Path, half: bool = False) -> Path:
    for member in detector.members if isinstance(detector, Panel) else ():
        member.save(folder / f"{member.method}.safetensors", half=half)
    path = folder / f"{detector.method}.safetensors"
    detector.save(path, half=half)
    return path


def loss_of(detector: Detector[Any, Any], evidence: list[Any]) -> torch.Tensor:
    logits = detector.network(*detector.collate(evidence, np.random.default_rng(0)))
    return F.binary_cross_entropy_with_logits(logits, torch.arange(len(evidence)) % 2 * 1.0)


def test_one_finite_logit_a_picture(method: str, build: Build, cache: ProductCache) -> None:
    detector = build(method)
    logits = detector.logits(evidence_of(detector, cache))
    assert logits.shape == (len(cache.pictures),)
    assert logits.dtype == np.float64
    assert np.isfinite(logits).all()
    assert np.ptp(logits) > 0
    scores = detector.predict_evidence(evidence_of(detector, cache))
    np.testing.assert_allclose(scores, 1 / (1 + np.exp(-logits)), rtol=1e-12)
    assert detector.logits([]).shape == (0,)


def test_the_same_again(method: str, build: Build, cache: ProductCache) -> None:
    first, second = build(method), build(method)
    evidence = evidence_of(first, cache)
    np.testing.assert_array_equal(first.logits(evidence), first.logits(evidence))
    np.testing.assert_array_equal(first.logits(evidence), second.logits(evidence))


def test_the_batch_does_not_matter(method: str, build: Build, pictures: list[Picture]) -> None:
    detector = build(method)
    together = detector.predict(pictures)
    alone = [detector.predict([picture])[0] for picture in pictures]
    np.testing.assert_allclose(together, alone, atol=1e-4)
    order = np.random.default_rng(2).permutation(len(pictures))
    np.testing.assert_allclose(detector.predict([pictures[place] for place in order]), together[order], atol=1e-4)


def test_training_mode_does_not_leak_into_a_score(method: str, build: Build, cache: ProductCache) -> None:
    detector = build(method)
    evidence = evidence_of(detector, cache)
    before = detector.logits(evidence)
    detector.network.train()
    np.testing.assert_array_equal(detector.logits(evidence), before)


def test_saved_and_loaded_it_says_the_same(
    method: str, build: Build, cache: ProductCache, suite: Suite, tmp_path: Path
) -> None:
    detector = build(method)
    detector.calibration = Calibration(2.0, -0.5)
    detector.thresholds = Thresholds.from_validation(0.2, 0.8, fpr=0.05, fnr=0.05, real=[0.1, 0.3], n_generated=3)
    detector.figures = {"auc": 0.97, "data": "seven pictures"}
    detector.training = {"seed": 3, "epochs": 2}
    path = save(detector, tmp_path)
    found = load(path, suite)
    assert type(found) is type(detector)
    assert repr(found) == repr(detector)
    assert (found.options, found.calibration, found.thresholds) == (
        detector.options,
        detector.calibration,
        detector.thresholds,
    )
    assert (found.figures, found.training, found.digest) == (detector.figures, detector.training, detector.digest)
    evidence = evidence_of(detector, cache)
    np.testing.assert_array_equal(found.logits(evidence), detector.logits(evidence))
    header = read_header(path)
    assert header.options == json.loads(json.dumps(detector.options.to_dict()))  # JSON knows no tuples
    assert header.instruments == detector.instruments()
    again = save(found, tmp_path / "again")
    assert again.read_bytes() == path.read_bytes()


def test_in_half_precision_it_says_nearly_the_same(
    method: str, build: Build, cache: ProductCache, suite: Suite, tmp_path: Path
) -> None:
    detector = build(method)
    found = load(save(detector, tmp_path, half=True), suite)
    evidence = evidence_of(detector, cache)
    np.testing.assert_allclose(found.predict_evidence(evidence), detector.predict_evidence(evidence), atol=0.02)
    assert {tensor.dtype for tensor in found.network.parameters()} == {torch.float32}


def test_other_instruments_are_refused(method: str, build: Build, other_suite: Suite, tmp_path: Path) -> None:
    detector = build(method)
    path = save(detector, tmp_path)
    if not detector.instruments():
        load(path, other_suite)
        return
    with pytest.raises(CheckpointError, match=r"was fitted with the \w+ [0-9a-f]{12}, this suite has [0-9a-f]{12}"):
        load(path, other_suite)


def test_the_gradient_reaches_every_trainable_parameter(method: str, build: Build, cache: ProductCache) -> None:
    detector = build(method)
    detector.network.train()
    loss_of(detector, evidence_of(detector, cache)).backward()
    groups = [weight for group in detector.parameter_groups() for weight in group["params"]]
    assert {id(weight) for weight in groups} == {id(weight) for weight in detector.network.parameters()}
    for name, weight in detector.network.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 0, name


def test_a_step_moves_the_head_and_nothing_that_is_frozen(
    method: str, build: Build, cache: ProductCache, suite: Suite
) -> None:
    detector = build(method)
    evidence = evidence_of(detector, cache)
    frozen = [suite.encoder.model, *(one.network for one in getattr(detector, "members", ()))]  # type: ignore[attr-defined]
    before, own = [weights(module) for module in frozen], weights(detector.network)
    optimiser = torch.optim.AdamW(detector.parameter_groups(), lr=1e-2)
    detector.network.train()
    loss_of(detector, evidence).backward()
    optimiser.step()
    assert {name for name, _ in detector.network.named_parameters()} <= moved(own, detector.network)
    for then, module in zip(before, frozen, strict=True):
        assert not moved(then, module)
        assert not any(weight.requires_grad for weight in suite.encoder.model.parameters())  # type: ignore[attr-defined]


@pytest.mark.parametrize("shade", [0, 255])
@pytest.mark.parametrize("size", [(30, 30), (200, 1), (1, 1), (2, 4000), (4000, 3)])
def test_extreme_pictures_get_a_score(
    method: str, shade: int, size: tuple[int, int], build: Build, suite: Suite
) -> None:
    detector = build(method)
    picture = read(encode_png(np.full((*size, 3), shade, np.uint8)), "extreme.png")
    (score,) = detector.predict([picture])
    assert 0 <= score <= 1


def test_foreign_evidence_is_refused(method: str, build: Build) -> None:
    detector = build(method)
    with pytest.raises(
        DataError, match=rf"evidence\[0\] is str, {detector.method} expects {detector.Evidence.__name__}"
    ):
        detector.logits(["a picture"])


def test_broken_weights_are_an_error_and_no_score(method: str, build: Build, cache: ProductCache) -> None:
    detector = build(method)
    with torch.no_grad():
        for weight in detector.network.parameters():
            weight.fill_(torch.nan)
    with pytest.raises(CheckpointError, match=rf"{detector.method} answers 7 of 7 logits that are NaN or infinite"):
        detector.logits(evidence_of(detector, cache))
