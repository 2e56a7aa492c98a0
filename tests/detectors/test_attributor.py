"""What every attributor keeps: one logit a picture and candidate, the same alone and in company, saved and loaded."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from unprompt.detectors import ATTRIBUTORS, EVERY, METHODS, load, load_attributor
from unprompt.detectors.attributor import Attributor, targets
from unprompt.detectors.calibration import Calibration
from unprompt.detectors.checkpoint import read_header
from unprompt.detectors.decide import answers
from unprompt.detectors.methods.tidy import TidyDetector
from unprompt.errors import CheckpointError, DataError, OptionError, SuiteError
from unprompt.evidence.product_cache import ProductCache
from unprompt.images import encode_png, read
from unprompt.instruments import Manifest, Suite
from unprompt.training import state
from unprompt.training.fit import Report, Validation, fit
from unprompt.types import NONE_OF_THESE, Picture

from .conftest import moved, weights

CANDIDATES = ("diffusion", "sibling")
MAKERS = ["diffusion", None, "sibling", "flow", "diffusion", "sibling", None]


@pytest.fixture(params=list(ATTRIBUTORS))
def attributor(request: pytest.FixtureRequest, suite: Suite) -> Attributor[Any, Any]:
    return ATTRIBUTORS[request.param](suite)


@pytest.fixture
def evidence(attributor: Attributor[Any, Any], cache: ProductCache) -> list[Any]:
    return attributor.extractor.extract(cache)


def loss_of(attributor: Attributor[Any, Any], evidence: list[Any]) -> torch.Tensor:
    logits = attributor.network(*attributor.collate(evidence, np.random.default_rng(0)))
    return F.binary_cross_entropy_with_logits(logits, torch.from_numpy(targets(CANDIDATES, MAKERS)))


def calibrated(attributor: Attributor[Any, Any]) -> Attributor[Any, Any]:
    attributor.calibrations = {"diffusion": Calibration(2.0, -0.5), "sibling": Calibration(1.0, 0.25)}
    return attributor


def test_the_registry_knows_it_beside_the_detectors() -> None:
    assert list(EVERY) == [*METHODS, *ATTRIBUTORS]
    with pytest.raises(OptionError, match=r"method is 'semgir-a', expected one of sare, semgir,"):
        _ = METHODS["semgir-a"]


def test_it_asks_about_the_candidates_of_its_suite(attributor: Attributor[Any, Any], suite: Suite) -> None:
    assert attributor.candidates == suite.candidates == CANDIDATES
    assert attributor.instruments() == {
        "captioner": suite.captioner.card.digest,
        "encoder": suite.encoder.card.digest,
        "diffusion": suite.diffusion.card.digest,
        "generators.sibling": suite.generator("sibling").card.digest,
    }


def test_one_finite_logit_a_picture_and_candidate(attributor: Attributor[Any, Any], evidence: list[Any]) -> None:
    logits = attributor.logits(evidence)
    assert (logits.shape, logits.dtype) == ((7, 2), np.float64)
    assert np.isfinite(logits).all()
    assert (np.ptp(logits, axis=0) > 0).all()
    np.testing.assert_array_equal(attributor.logits(evidence), logits)
    np.testing.assert_array_equal(type(attributor)(attributor.suite).logits(evidence), logits)


def test_the_batch_does_not_matter(attributor: Attributor[Any, Any], pictures: list[Picture]) -> None:
    together = attributor.predict(pictures)
    np.testing.assert_allclose(together, [attributor.predict([one])[0] for one in pictures], atol=1e-4)
    order = np.random.default_rng(2).permutation(len(pictures))
    np.testing.assert_allclose(attributor.predict([pictures[i] for i in order]), together[order], atol=1e-4)


def test_training_mode_does_not_leak_into_a_score(attributor: Attributor[Any, Any], evidence: list[Any]) -> None:
    before = attributor.logits(evidence)
    attributor.network.train()
    np.testing.assert_array_equal(attributor.logits(evidence), before)


@pytest.mark.parametrize("half", [False, True])
def test_saved_and_loaded_it_says_the_same(
    attributor: Attributor[Any, Any], evidence: list[Any], suite: Suite, tmp_path: Path, half: bool
) -> None:
    calibrated(attributor).figures = {"accuracy": 0.75, "n": 7}
    attributor.save(tmp_path / "one", half=half)
    found = load_attributor(tmp_path / "one", suite)
    assert type(found) is type(attributor)
    assert (repr(found), found.options) == (repr(attributor), attributor.options)
    assert (found.calibrations, found.figures, found.digest) == (
        attributor.calibrations,
        attributor.figures,
        attributor.digest,
    )
    probabilities = attributor.probabilities(attributor.logits(evidence))
    np.testing.assert_allclose(found.probabilities(found.logits(evidence)), probabilities, atol=0.02 if half else 1e-12)
    assert read_header(tmp_path / "one").instruments == attributor.instruments()
    found.save(tmp_path / "two", half=half)
    assert (tmp_path / "two").read_bytes() == (tmp_path / "one").read_bytes()


def test_other_instruments_are_refused(attributor: Attributor[Any, Any], other_suite: Suite, tmp_path: Path) -> None:
    attributor.save(tmp_path / "one")
    with pytest.raises(CheckpointError, match=r"was fitted with the \S+ [0-9a-f]{12}, this suite has [0-9a-f]{12}"):
        load_attributor(tmp_path / "one", other_suite)


def test_another_candidate_generator_alone_is_refused(
    attributor: Attributor[Any, Any], suite: Suite, other_suite: Suite, tmp_path: Path
) -> None:
    attributor.save(tmp_path / "one")
    mixed = suite.manifest.file.parent / "mixed.toml"
    text = suite.manifest.file.read_text("utf-8")
    shutil.copytree(other_suite.manifest.file.parent / "sibling", mixed.parent / "other-sibling")
    mixed.write_text(text.replace('path = "sibling"', 'path = "other-sibling"'), "utf-8")
    with pytest.raises(CheckpointError, match=r"was fitted with the generators\.sibling [0-9a-f]{12}, this suite has"):
        load_attributor(tmp_path / "one", Suite(Manifest.read(mixed)))


def test_a_detector_and_an_attributor_are_not_taken_for_each_other(
    attributor: Attributor[Any, Any], suite: Suite, tmp_path: Path
) -> None:
    attributor.save(tmp_path / "one")
    TidyDetector(suite).save(tmp_path / "tidy")
    with pytest.raises(CheckpointError, match=r"one holds semgir-a, which tells generators apart .* attribute, or"):
        load(tmp_path / "one", suite)
    with pytest.raises(CheckpointError, match=r"tidy holds tidy, which tells no generators apart, expected semgir-a"):
        load_attributor(tmp_path / "tidy", suite)


def test_the_gradient_reaches_every_trainable_parameter(attributor: Attributor[Any, Any], evidence: list[Any]) -> None:
    attributor.network.train()
    loss_of(attributor, evidence).backward()
    groups = [weight for group in attributor.parameter_groups() for weight in group["params"]]
    assert {id(weight) for weight in groups} == {id(weight) for weight in attributor.network.parameters()}
    for name, weight in attributor.network.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 0, name


def test_a_step_moves_its_own_weights_and_nothing_that_is_frozen(
    attributor: Attributor[Any, Any], evidence: list[Any], suite: Suite
) -> None:
    drawing = suite.generator("sibling").load()._text2img  # type: ignore[attr-defined]
    frozen = [suite.encoder.model, drawing.unet, drawing.text_encoder]  # type: ignore[attr-defined]
    before, own = [weights(module) for module in frozen], weights(attributor.network)
    optimiser = torch.optim.AdamW(attributor.parameter_groups(), lr=1e-2)
    attributor.network.train()
    loss_of(attributor, evidence).backward()
    optimiser.step()
    assert {name for name, _ in attributor.network.named_parameters()} <= moved(own, attributor.network)
    for then, module in zip(before, frozen, strict=True):
        assert not moved(then, module)
        assert not any(weight.requires_grad for weight in module.parameters())


def test_the_loop_trains_it_and_an_interruption_changes_nothing(
    attributor: Attributor[Any, Any], evidence: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "SAVE_SECONDS", -1.0)
    options = attributor.options.from_dict({**attributor.options.to_dict(), "epochs": 3, "batch": 3, "rate": 1e-3})
    labels = targets(CANDIDATES, MAKERS)
    validation, told = Validation(evidence[:5], labels[:5]), list[Report]()

    def run(stop: int | None, partial: Path) -> dict[str, torch.Tensor]:
        made, steps = type(attributor)(attributor.suite, options), list[Report]()

        def on_epoch(report: Report) -> None:
            steps.append(report)
            if len(steps) == stop:
                raise KeyboardInterrupt

        fit(made, evidence, labels, 4, on_epoch, validation, partial)
        told[:] = steps
        return weights(made.network)

    whole = run(None, tmp_path / "whole")
    assert told[-1].loss < told[0].loss
    with pytest.raises(KeyboardInterrupt):
        run(4, tmp_path / "half")
    resumed = run(None, tmp_path / "half")
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_each_head_has_its_own_calibration(attributor: Attributor[Any, Any], evidence: list[Any]) -> None:
    logits = attributor.logits(evidence)
    found = calibrated(attributor).probabilities(logits)
    expected = 1 / (1 + np.exp(-(logits * [2.0, 1.0] + [-0.5, 0.25])))
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert attributor.probabilities(np.zeros((0, 2))).shape == (0, 2)
    del attributor.calibrations["sibling"]
    with pytest.raises(CheckpointError, match="semgir-a has no calibration of sibling: train it"):
        attributor.probabilities(logits)


def test_the_answer_is_the_highest_head_or_none(attributor: Attributor[Any, Any], evidence: list[Any]) -> None:
    attributor.calibrations = {"diffusion": Calibration(30.0, -3.0), "sibling": Calibration(30.0, 1.0)}
    told = attributor.probabilities(attributor.logits(evidence))
    expected = [NONE_OF_THESE if max(a, b) < 0.5 else "diffusion" if a >= b else "sibling" for a, b in told.tolist()]
    assert attributor.attribute(evidence) == expected
    attributor.calibrations = {name: Calibration(1e-6, -9.0) for name in CANDIDATES}
    assert attributor.attribute(evidence) == [NONE_OF_THESE] * 7


def test_asked_about_fewer_candidates_it_says_the_same_of_those(
    attributor: Attributor[Any, Any], evidence: list[Any], pictures: list[Picture], monkeypatch: pytest.MonkeyPatch
) -> None:
    logits = calibrated(attributor).logits(evidence)
    fewer = attributor.subset(["sibling"])
    assert (fewer.candidates, set(fewer.calibrations)) == (("sibling",), {"sibling"})
    # fewer drawings or turned ones are another batch, over which float32 sums may take another order
    np.testing.assert_allclose(fewer.logits(evidence), logits[:, 1:], atol=1e-5)
    turned = attributor.subset(["sibling", "diffusion"])
    np.testing.assert_allclose(turned.logits(evidence), logits[:, ::-1], atol=1e-5)
    assert attributor.candidates == CANDIDATES
    monkeypatch.setattr(type(attributor.suite), "diffusion", property(lambda self: pytest.fail("it was not asked")))
    assert fewer.predict(pictures[:1]).shape == (1, 1)
    with pytest.raises(OptionError, match=r"--generators names 'flow', semgir-a has heads for diffusion, sibling: ch"):
        attributor.subset(["sibling", "flow"])


@pytest.mark.parametrize("size", [(1, 1), (2, 4000), (4000, 3)])
def test_extreme_pictures_get_an_answer(attributor: Attributor[Any, Any], size: tuple[int, int]) -> None:
    picture = read(encode_png(np.full((*size, 3), 255, np.uint8)), "extreme.png")
    evidence = attributor.extractor.extract(ProductCache([picture], attributor.suite))
    assert calibrated(attributor).attribute(evidence)[0] in (*CANDIDATES, NONE_OF_THESE)


def test_foreign_evidence_and_broken_weights_are_errors(attributor: Attributor[Any, Any], evidence: list[Any]) -> None:
    with pytest.raises(DataError, match=r"evidence\[0\] is str, semgir-a expects AttributionEvidence: extract it"):
        attributor.logits(["a picture"])
    with torch.no_grad():
        for weight in attributor.network.parameters():
            weight.fill_(torch.nan)
    with pytest.raises(CheckpointError, match=r"semgir-a answers 14 of 14 logits that are NaN or infinite"):
        attributor.logits(evidence)


def test_targets_are_one_column_a_candidate() -> None:
    found = targets(("a", "b"), ["b", None, "a", "c"])
    np.testing.assert_array_equal(found, [[0, 1], [0, 0], [1, 0], [0, 0]])
    assert found.dtype == np.float32


@pytest.mark.parametrize(
    ("makers", "words"),
    [
        (["a", None], "the train split has 0 pictures by the candidate 'b' and 2 others"),
        (["a", "a"], "the train split has 2 pictures by the candidate 'a' and 0 others"),
        ([], "the train split has 0 pictures by the candidate 'a' and 0 others"),
    ],
)
def test_a_candidate_needs_its_own_pictures_and_others(makers: list[str | None], words: str) -> None:
    with pytest.raises(DataError, match=words):
        targets(("a", "b"), makers, "the train split")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ([[0.5]], r"probabilities of shape \(1, 1\), expected N x 2"),
        ([[0.5, 1.5]], r"probabilities from 0\.5 to 1\.5, expected 0 to 1"),
        ([[0.5, np.nan]], r"expected 0 to 1"),
    ],
)
def test_answers_want_probabilities(wrong: list[list[float]], words: str) -> None:
    with pytest.raises(DataError, match=words):
        answers(["a", "b"], wrong)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"generators": []}, r"generators is \[\], expected a list of one name or more"),
        ({"generators": "diffusion"}, r"generators is 'diffusion', expected a list"),
        ({"generators": ["a", "b", "a"]}, r"generators is a, b, a, expected each name once"),
        ({"dropout": 1.0}, r"--dropout is 1\.0, expected a share from 0 to below 1"),
        ({"widening": 0}, r"--widening is 0, expected 1 or more"),
        ({"rate": 0.0}, r"--rate is 0\.0, expected a number above 0"),
    ],
)
def test_options_outside_their_range_are_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(CheckpointError, match=words):
        ATTRIBUTORS["semgir-a"].Options.from_dict(wrong)


def test_a_suite_without_a_candidate_is_refused(suite: Suite) -> None:
    file = suite.manifest.file.parent / "nobody.toml"
    head, _, rest = suite.manifest.file.read_text("utf-8").partition("[instruments.diffusion]")
    bare = rest.partition("[generators.sibling]")[2].replace("candidate = true\n", "")
    file.write_text(f"{head}[generators.sibling]{bare}", "utf-8")
    with pytest.raises(SuiteError, match=r"suite 'fake' has no candidate generators: .* candidate = true .*nobody"):
        ATTRIBUTORS["semgir-a"](Suite.load(file))
