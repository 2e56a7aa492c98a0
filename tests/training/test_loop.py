"""One contract for every method that is trained: devices, accumulation and precision take the steps of one process."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, GradientState, PartialState

from unprompt.errors import CheckpointError, OptionError
from unprompt.training import loop
from unprompt.training import state as training_state
from unprompt.training.fit import Report, Run, fit

from .conftest import weights

Lessons = Callable[[str], Any]


class KilledError(Exception):
    pass


def trained(
    lesson: Any, run: Run | None = None, partial: Path | None = None, stop: int = 0, **options: Any
) -> tuple[Any, list[Report], Any]:
    detector, reports = lesson.detector(**options), list[Report]()

    def on_epoch(report: Report) -> None:
        reports.append(report)
        if len(reports) == stop:
            raise KilledError

    made = fit(detector, lesson.evidence, lesson.labels, 3, on_epoch, lesson.held, partial, run=run)
    return detector, reports, made


def assert_close(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor], most: float) -> None:
    assert left.keys() == right.keys()
    apart = {name: float((left[name].double() - right[name].double()).abs().max()) for name in left}
    assert max(apart.values()) <= most, apart


def test_each_epoch_is_reported_and_the_best_one_kept(lesson: Any) -> None:
    detector, reports, made = trained(lesson)
    assert [report.epoch for report in reports] == [1, 2]
    assert made.epochs == 2
    assert reports[made.kept - 1].best
    assert not detector.network.training


def test_killed_it_goes_on_to_the_same_bytes(lesson: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_state, "SAVE_SECONDS", -1.0)  # after each step
    expected = weights(trained(lesson)[0])
    for stop in (2, 3):  # in the midst of an epoch, and at the end of one
        partial = tmp_path / f"{stop}.partial"
        with pytest.raises(KilledError):
            trained(lesson, None, partial, stop)
        assert_close(weights(trained(lesson, None, partial)[0]), expected, 0)
        assert_close(weights(trained(lesson, None, partial)[0]), expected, 0)  # finished: nothing is left to do


def test_the_parts_of_a_step_make_up_its_gradient(lesson: Any) -> None:
    detector = lesson.detector()
    _, task = lesson.training(detector)
    network = detector.network.eval()  # without dropout and the means of a batch

    def gradient(parts: list[Any]) -> torch.Tensor:
        network.zero_grad()
        for part in parts:
            (task.loss(part.inputs) * part.weight / len(parts)).backward()
        return torch.cat([weight.grad.flatten() for weight in network.parameters() if weight.grad is not None])

    for step, sizes in ((0, [1, 1, 1, 1, 0]), (2, [1, 0, 0, 0, 0])):  # 4 pictures, and the last one
        parts = [task.batches(0, step, number, 5) for number in range(5)]
        assert [part.count for part in parts] == sizes
        if hasattr(detector.options, "augmentation") or lesson.method == "vibnet":  # every part draws its own
            continue
        whole = gradient([task.batches(0, step, 0, 1)])
        np.testing.assert_allclose(gradient(parts), whole, atol=1e-5 * float(whole.abs().max()))


@pytest.mark.parametrize(
    "run", [Run(accumulate=2), Run(accumulate=2, workers=1), Run(devices=2, accumulate=2)], ids=["1", "workers", "2"]
)
def test_accumulation_does_not_enlarge_a_step(run: Run, lessons: Lessons) -> None:
    lesson = lessons("item")
    expected, whole, _ = trained(lesson)
    detector, reports, _ = trained(lesson, run)
    assert_close(weights(detector), weights(expected), 2e-5)
    if run.devices == 1:
        assert [report.loss for report in reports] == pytest.approx([report.loss for report in whole], rel=1e-4)


def test_workers_change_nothing(lessons: Lessons) -> None:
    lesson = lessons("sare")
    assert_close(weights(trained(lesson, Run(workers=2))[0]), weights(trained(lesson)[0]), 0)


def test_two_processes_share_each_step(lesson: Any, tmp_path: Path) -> None:
    """Gradients, validation loss, weights and reports of two processes come back to this one."""
    before = weights(lesson.detector())
    detector, reports, made = trained(lesson, Run(devices=2), tmp_path / "two.partial")
    assert [(report.epoch, report.epochs) for report in reports] == [(1, 2), (2, 2)]
    assert (made.epochs, made.kept in (1, 2)) == (2, True)
    assert reports[made.kept - 1].best
    assert (tmp_path / "two.partial").is_file()
    if lesson.method in ("tidy", "item", "univfd"):
        expected, whole, _ = trained(lesson)
        assert_close(weights(detector), weights(expected), 2e-5)
        validation = [report.validation_loss for report in whole]
        assert [report.validation_loss for report in reports] == pytest.approx(validation, rel=1e-4)
    else:  # dropout, augmentations and batch means differ from part to part
        assert any(not torch.equal(before[name], tensor) for name, tensor in weights(detector).items())
    assert not detector.network.training
    assert np.isfinite(detector.logits(lesson.evidence)).all()


def test_two_processes_go_on_where_one_was_killed(
    lessons: Lessons, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_state, "SAVE_SECONDS", -1.0)
    lesson, partial = lessons("item"), tmp_path / "item.partial"
    with pytest.raises(KilledError):
        trained(lesson, None, partial, 2)
    detector, _, made = trained(lesson, Run(devices=2), partial)
    assert made.epochs == 2
    assert_close(weights(detector), weights(trained(lesson)[0]), 2e-5)


def test_an_error_in_a_process_is_that_of_the_training(lessons: Lessons) -> None:
    lesson = lessons("item")
    detector = lesson.detector(rate=1e30)
    with pytest.raises(CheckpointError, match=r"item answers .* logits that are NaN or infinite"):
        fit(detector, lesson.evidence, lesson.labels, 3, validation=lesson.held, run=Run(devices=2))


@pytest.mark.parametrize("run", [None, Run(accumulate=2), Run(devices=2)])
def test_a_papers_own_loss_is_what_a_step_makes_smaller(run: Run | None, lessons: Lessons) -> None:
    """Without a share of cross-entropy DRCT's embedding learns and its last layer has nothing to learn from."""
    lesson = lessons("drct")
    detector = lesson.detector(alpha=1.0, weight_decay=0.0)
    before = weights(detector)
    fit(detector, lesson.evidence, lesson.labels, 3, run=run)
    after = weights(detector)
    assert {name for name in before if not torch.equal(before[name], after[name])} == {
        "embedding.weight",
        "embedding.bias",
    }


def test_mixed_precision_keeps_the_weights_whole(lesson: Any) -> None:
    detector, reports, _ = trained(lesson, Run(precision="bf16-mixed"))
    _, whole, _ = trained(lesson)
    assert {tensor.dtype for tensor in detector.network.parameters()} == {torch.float32}
    assert reports[0].loss != whole[0].loss
    assert reports[0].loss == pytest.approx(whole[0].loss, abs=0.05)


def test_each_training_has_an_accelerator_of_its_own(lessons: Lessons) -> None:
    """Another precision follows, and what the process had set up for itself is as it was."""
    lesson = lessons("tidy")
    expected = weights(trained(lesson)[0])
    try:
        outer = Accelerator(cpu=True, mixed_precision="bf16")
        for run in (Run(precision="bf16-mixed"), Run(devices=2), Run()):
            detector, _, _ = trained(lesson, run)
        assert_close(weights(detector), expected, 0)
        assert outer.mixed_precision == AcceleratorState().mixed_precision == "bf16"
    finally:
        for one in (AcceleratorState, GradientState, PartialState):
            one._shared_state.clear()


def test_patience_ends_it_on_one_device_and_on_two(lessons: Lessons) -> None:
    lesson = lessons("tidy")
    for run in (Run(patience=2), Run(patience=2, devices=2)):
        _, reports, found = trained(lesson, run, epochs=400, rate=0.5)
        best = max(place for place, report in enumerate(reports, 1) if report.best)
        assert (found.epochs, found.kept) == (best + 2, best)
        assert len(reports) == best + 2 < 400


def test_patience_needs_something_to_go_by(lessons: Lessons) -> None:
    lesson = lessons("tidy")
    with pytest.raises(OptionError, match="--patience is 3, and there is no validation evidence"):
        fit(lesson.detector(), lesson.evidence, lesson.labels, run=Run(patience=3))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"devices": 0}, "--devices is 0, expected 1 or more"),
        ({"accumulate": 0}, "--accumulate is 0, expected 1 or more"),
        ({"workers": -1}, "--workers is -1, expected 0 or more"),
        ({"patience": 0}, "--patience is 0, expected 1 or more"),
        ({"precision": "64"}, "--precision is '64', expected one of 32, bf16-mixed, 16-mixed"),
        ({"precision": "16-mixed"}, "--precision is 16-mixed and --device cpu, expected a GPU: use bf16-mixed"),
        ({"device": "cuda:1", "devices": 2}, "--device is cuda:1 and --devices 2: name the kind alone"),
    ],
)
def test_what_cannot_be_run_is_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        Run(**wrong)


def test_what_is_changed_is_told() -> None:
    assert Run(device="cuda", patience=3).changed == ("device", "patience")
    assert Run(devices=2, precision="bf16-mixed", workers=3).changed == ("devices", "precision", "workers")
    assert Run(devices=2, workers=3, patience=4).to_dict() == {"devices": 2, "patience": 4}


@pytest.mark.skipif(torch.cuda.is_available(), reason="names a GPU that is not there")
def test_more_devices_than_there_are(lessons: Lessons) -> None:
    with pytest.raises(OptionError, match="--devices is 3 and --device cuda: this machine has 0 GPUs"):
        trained(lessons("item"), Run(device="cuda", devices=3))


def test_processes_that_cannot_be_forked(lessons: Lessons, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "fork")
    with pytest.raises(OptionError, match="--devices is 2, and this system cannot fork processes"):
        trained(lessons("item"), Run(devices=2))


def short_of_memory(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """A GPU that holds the activations of ``most`` pictures."""
    plain = loop._Objective.forward

    def forward(objective: Any, inputs: Any) -> torch.Tensor:
        if len(inputs[1]) > most:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return plain(objective, inputs)

    monkeypatch.setattr(loop._Objective, "forward", forward)


def test_a_step_that_does_not_fit_is_taken_in_parts(
    lessons: Lessons, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    lesson = lessons("item")
    expected = weights(trained(lesson)[0])
    short_of_memory(monkeypatch, 1)
    with caplog.at_level("WARNING", "unprompt"):
        detector, reports, made = trained(lesson)
    assert [one.message for one in caplog.records] == [
        f"a step does not fit into the memory of cpu: taken in {parts} parts" for parts in (2, 4)
    ]
    assert (made.run.accumulate, len(reports)) == (4, 2)
    assert_close(weights(detector), expected, 2e-5)


def test_a_picture_that_does_not_fit_is_an_error(lessons: Lessons, monkeypatch: pytest.MonkeyPatch) -> None:
    short_of_memory(monkeypatch, 0)
    monkeypatch.setattr(loop, "MOST_PARTS", 4)
    with pytest.raises(OptionError, match=r"a step does not fit into the memory of cpu in 4 parts: give a smaller"):
        trained(lessons("item"))


@pytest.mark.parametrize("method", ["sare", "semgir", "semgir-a"])
def test_activations_that_are_computed_again_give_the_same_gradients(method: str, lessons: Lessons) -> None:
    lesson = lessons(method)
    plain, again = trained(lesson)[0], trained(lesson, Run(checkpointing=True))
    assert_close(weights(again[0]), weights(plain), 1e-6)
    towers = [one for one in again[0].network.modules() if getattr(one, "gradient_checkpointing", False)]
    assert towers


def test_checkpointing_needs_a_transformer(lessons: Lessons) -> None:
    with pytest.raises(OptionError, match="--checkpointing is given, and item learns no transformer: leave it out"):
        trained(lessons("item"), Run(checkpointing=True))
