"""The loop: it learns, keeps the best epoch, and an interruption changes nothing."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from unprompt.detectors import checkpoint
from unprompt.detectors.base import Detector
from unprompt.detectors.discrepancy import DiscrepancyOptions
from unprompt.detectors.methods.item import ItemDetector
from unprompt.detectors.methods.probe import ClipProbe
from unprompt.detectors.methods.sare import SareDetector, SareOptions
from unprompt.detectors.methods.semgir import SemgirDetector, SemgirOptions
from unprompt.detectors.methods.tidy import TidyDetector
from unprompt.detectors.resnet import ResNetSizes
from unprompt.errors import CheckpointError, DataError, OptionError
from unprompt.evidence.alignment import AlignmentEvidence
from unprompt.evidence.embedding import EmbeddingEvidence
from unprompt.evidence.sare import SareEvidence
from unprompt.evidence.semgir import SemgirEvidence
from unprompt.instruments import Suite
from unprompt.training import state as training_state
from unprompt.training.fit import Report, Validation, fit, optimiser, prepare
from unprompt.training.loop import train
from unprompt.types import Caption

from .conftest import weights

LABELS = [0, 1] * 12
SAID = Caption("a ball")


def vectors(seed: int = 0, count: int = 24) -> list[AlignmentEvidence]:
    """Generated ones lie further from their captions."""
    random = np.random.default_rng(seed)
    made = []
    for index in range(count):
        text, step = random.normal(size=(2, 16)).astype(np.float32)
        made.append(AlignmentEvidence(text + step * (0.5 + index % 2), text, SAID))
    return made


def pictures() -> list[np.ndarray[Any, Any]]:
    random = np.random.default_rng(1)
    return [random.integers(0, 128 * (1 + index % 2), (32, 40, 3), dtype=np.uint8) for index in range(24)]


def sare(suite: Suite) -> tuple[SareDetector, list[SareEvidence]]:
    semantic = ResNetSizes(8, (8, 16), (1, 1), "basic")
    options = SareOptions(epochs=3, batch=10, resize=36, crop=32, heads=4, rate=1e-2, semantic=semantic)
    return SareDetector(suite, options), [SareEvidence(rgb, 255 - rgb, SAID) for rgb in pictures()]


def semgir(suite: Suite) -> tuple[SemgirDetector, list[SemgirEvidence]]:
    options = SemgirOptions(epochs=3, batch=10)
    return SemgirDetector(suite, options), [SemgirEvidence(rgb, (255 - rgb,), SAID) for rgb in pictures()]


def item(suite: Suite) -> tuple[ItemDetector, list[AlignmentEvidence]]:
    return ItemDetector(suite, DiscrepancyOptions(epochs=3, batch=10)), vectors()


def held(suite: Suite) -> tuple[SemgirDetector, list[SemgirEvidence]]:
    """Of which some layers are not learned."""
    return SemgirDetector(suite, SemgirOptions(epochs=3, batch=10, layers=1)), semgir(suite)[1]


def scheduled(suite: Suite) -> tuple[SareDetector, list[SareEvidence]]:
    """Whose two rates rise and fall."""
    detector, evidence = sare(suite)
    return SareDetector(suite, detector.options.override({"schedule": "one-cycle"})), evidence


def cooled(suite: Suite) -> tuple[ItemDetector, list[AlignmentEvidence]]:
    return ItemDetector(suite, DiscrepancyOptions(epochs=3, batch=10, schedule="cosine")), vectors()


CASES = [sare, semgir, held, item, scheduled, cooled]


class KilledError(Exception):
    pass


def assert_equal(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> None:
    assert left.keys() == right.keys()
    assert all(torch.equal(left[name], right[name]) for name in left)


@pytest.mark.parametrize("case", CASES)
def test_a_seed_settles_everything(case: Any, suite: Suite) -> None:
    trained = []
    for seed in (0, 0, 1):
        detector, evidence = case(suite)
        torch.manual_seed(len(trained))  # whatever the surroundings drew
        fit(detector, evidence, LABELS, seed)
        trained.append(weights(detector))
    assert_equal(trained[0], trained[1])
    assert any(not torch.equal(trained[0][name], trained[2][name]) for name in trained[0])


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("killed_after", [1, 2, 4, 5])
def test_an_interruption_changes_nothing(
    case: Any, killed_after: int, suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_state, "SAVE_SECONDS", -1.0)  # after each step
    detector, evidence = case(suite)
    validation = Validation(evidence[:6], LABELS[:6])
    whole: list[Report] = []
    fit(detector, evidence, LABELS, 5, whole.append, validation, tmp_path / "whole.partial")
    expected = weights(detector)

    partial, told = tmp_path / "detector.partial", []

    def kill(report: Report) -> None:
        told.append(report)
        if len(told) == killed_after:
            raise KilledError

    with pytest.raises(KilledError):
        fit(case(suite)[0], evidence, LABELS, 5, kill, validation, partial)
    fresh, _ = case(suite)
    fit(fresh, evidence, LABELS, 5, told.append, validation, partial)
    assert_equal(weights(fresh), expected)
    assert told == whole
    assert [found.name for found in tmp_path.iterdir() if found.name.startswith(".")] == []


def test_a_long_epoch_tells_of_itself(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_state, "SAVE_SECONDS", -1.0)
    told: list[Report] = []
    detector, evidence = item(suite)
    fit(detector, evidence, LABELS, on_epoch=told.append)
    assert [report.epoch for report in told] == pytest.approx([n / 3 for n in range(1, 10)])


def test_a_finished_training_comes_back_from_its_file(suite: Suite, tmp_path: Path) -> None:
    detector, evidence = item(suite)
    fit(detector, evidence, LABELS, partial=tmp_path / "item.partial")
    again, _ = item(suite)
    fit(again, evidence, LABELS, partial=tmp_path / "item.partial")
    assert_equal(weights(again), weights(detector))


@pytest.mark.parametrize(
    "other",
    [
        lambda suite: (ItemDetector(suite, DiscrepancyOptions(epochs=4, batch=10)), vectors(), LABELS, 0),
        lambda suite: (TidyDetector(suite, DiscrepancyOptions(epochs=3, batch=10)), vectors(), LABELS, 0),
        lambda suite: (item(suite)[0], vectors(), LABELS, 1),
        lambda suite: (item(suite)[0], vectors(seed=1), LABELS, 0),
        lambda suite: (item(suite)[0], vectors(), LABELS[::-1], 0),
    ],
)
def test_what_another_training_left_is_refused(other: Any, suite: Suite, tmp_path: Path) -> None:
    detector, evidence = item(suite)
    fit(detector, evidence, LABELS, partial=tmp_path / "item.partial")
    another, evidence, labels, seed = other(suite)
    with pytest.raises(CheckpointError, match=r"item\.partial was left by a training with other options, seed or"):
        fit(another, evidence, labels, seed, partial=tmp_path / "item.partial")


def test_another_start_is_another_training(suite: Suite, tmp_path: Path) -> None:
    detector, evidence = item(suite)
    fit(detector, evidence, LABELS, partial=tmp_path / "item.partial")
    with pytest.raises(CheckpointError, match=r"item\.partial was left by a training with other options, seed or"):
        fit(ItemDetector(suite, detector.options, seed=1), evidence, LABELS, partial=tmp_path / "item.partial")


@pytest.mark.parametrize("detector_class", [TidyDetector, ItemDetector])
def test_it_learns_what_can_be_learned(detector_class: Any, suite: Suite) -> None:
    detector = detector_class(suite, DiscrepancyOptions(epochs=40, batch=40))
    told: list[Report] = []
    fit(detector, vectors(count=200), [0, 1] * 100, on_epoch=told.append)
    scores = detector.predict_evidence(vectors(seed=9, count=100))
    assert np.mean(scores[1::2]) > np.mean(scores[::2]) + 0.2
    assert [report.epoch for report in told] == list(range(1, 41))
    assert told[-1].loss < 0.7 * told[0].loss


def test_the_epoch_with_the_lowest_validation_loss_is_kept(suite: Suite) -> None:
    validation = Validation(vectors(seed=3), LABELS)
    detector = ItemDetector(suite, DiscrepancyOptions(epochs=30, batch=6, rate=0.03))
    told: list[Report] = []
    fit(detector, vectors(), LABELS, on_epoch=told.append, validation=validation)
    losses = [report.validation_loss for report in told]
    best = int(np.argmin(losses))
    assert best < 29  # it overfits, else this test proves nothing
    assert [report.best for report in told].count(True) >= 1
    assert told[best].best
    logits = detector.logits(validation.evidence)
    found = np.logaddexp(0, np.where(np.array(LABELS) == 1, -logits, logits)).mean()
    assert found == pytest.approx(losses[best], rel=1e-6)


def test_the_last_epoch_is_kept_where_that_is_asked_for(suite: Suite) -> None:
    validation, schedule = Validation(vectors(seed=3), LABELS), {"epochs": 30, "batch": 6, "rate": 0.03}
    detector = ItemDetector(suite, DiscrepancyOptions(**schedule, keep="last"))
    told: list[Report] = []
    trained = fit(detector, vectors(), LABELS, on_epoch=told.append, validation=validation)
    assert (trained.epochs, trained.kept) == (30, 30)
    logits = detector.logits(validation.evidence)
    found = np.logaddexp(0, np.where(np.array(LABELS) == 1, -logits, logits)).mean()
    assert found == pytest.approx(told[-1].validation_loss, rel=1e-6)
    assert found > min(report.validation_loss for report in told)


def test_the_optimiser_and_its_rates_are_those_of_the_options(suite: Suite) -> None:
    made = optimiser(sare(suite)[0], SareOptions(rate=1e-4))
    assert isinstance(made, torch.optim.AdamW)
    assert [group["lr"] for group in made.param_groups] == [1e-5, 1e-4]
    made = optimiser(semgir(suite)[0], SemgirOptions())
    assert type(made) is torch.optim.Adam
    assert [group["lr"] for group in made.param_groups] == [1e-4]


def rates(detector: Detector[Any, Any], evidence: list[Any]) -> list[list[float]]:
    """The rate of each group at each step of a training."""
    state, task = prepare(detector, evidence, LABELS)
    seen = [[group["lr"] for group in state.optimiser.param_groups]]
    state.on_step = lambda report: seen.append([group["lr"] for group in state.optimiser.param_groups])
    train(state, task)
    return seen[:-1]


def test_a_constant_rate_is_the_default(suite: Suite) -> None:
    assert rates(*item(suite)) == [[1e-3]] * 9


def test_a_cosine_ends_near_a_fiftieth_of_the_rate(suite: Suite) -> None:
    expected = [1e-3 * (0.02 + 0.49 * (1 + math.cos(math.pi * step / 9))) for step in range(9)]
    np.testing.assert_allclose(np.ravel(rates(*cooled(suite))), expected, rtol=1e-9)


def test_one_cycle_rises_for_a_third_of_the_steps_and_falls(suite: Suite) -> None:
    """Smith and Topin, 2017, as torch has it: from 1/25 of the rate to the rate, then to 1/250,000 of it."""
    top, last = 0.3 * 9 - 1, 8
    shares = []
    for step in range(9):
        low, high, way = (1 / 25, 1.0, step / top) if step <= top else (4e-6, 1.0, (last - step) / (last - top))
        shares.append(low + (high - low) * (1 - math.cos(math.pi * way)) / 2)
    found = np.array(rates(*scheduled(suite)))
    np.testing.assert_allclose(found, np.outer(shares, [1e-5, 1e-2]), rtol=1e-9)
    assert found[2, 1] > 0.9e-2


def test_an_unknown_schedule_is_refused() -> None:
    with pytest.raises(OptionError, match="--schedule is 'linear', expected one of constant, cosine, one-cycle"):
        DiscrepancyOptions(schedule="linear")  # type: ignore[arg-type]


def test_the_papers_schedules_are_the_defaults() -> None:
    def schedule(options: Any) -> tuple[object, ...]:
        return options.epochs, options.batch, options.rate, options.weight_decay, options.optimiser

    assert schedule(SareOptions()) == (17, 512, 1e-4, 1e-2, "adamw")
    assert schedule(SemgirOptions()) == (10, 32, 1e-4, 0.0, "adam")
    assert schedule(DiscrepancyOptions()) == (50, 256, 1e-3, 1e-3, "adamw")


def test_what_is_solved_needs_no_epochs(suite: Suite) -> None:
    detector = ClipProbe(suite)
    random = np.random.default_rng(0)
    evidence = [EmbeddingEvidence((random.normal(size=16) + label).astype(np.float32)) for label in LABELS]
    fit(detector, evidence, LABELS)
    scores = detector.predict_evidence(evidence)
    assert scores[1::2].min() > scores[::2].max()


@pytest.mark.parametrize("labels", [[0] * 24, [0, 1]])
def test_labels_are_checked_before_anything_is_trained(labels: Sequence[int], suite: Suite) -> None:
    detector, evidence = item(suite)
    before = weights(detector)
    with pytest.raises(DataError, match="got 24 "):
        fit(detector, evidence, labels)
    assert_equal(weights(detector), before)


def test_a_state_that_another_training_clears_away_is_none(
    suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    partial, plain = tmp_path / "item.partial", checkpoint.load
    detector, evidence = item(suite)
    fit(detector, evidence, LABELS, 5, partial=partial)

    def load(path: Path) -> Any:
        path.unlink()
        return plain(path)

    monkeypatch.setattr(checkpoint, "load", load)
    fresh, _ = item(suite)
    fit(fresh, evidence, LABELS, 5, partial=partial)
    assert_equal(weights(fresh), weights(detector))
