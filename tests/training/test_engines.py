"""One contract for every method that is trained: Lightning takes the loop's steps, and shares them out fairly."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from unprompt.errors import MissingExtra, OptionError
from unprompt.training import course as room
from unprompt.training import loop
from unprompt.training.fit import Report, Run, fit

pytest.importorskip("pytorch_lightning", reason="needs the extra train", exc_type=ImportError)

GroundingTargets = Callable[[str], Any]
CPU = torch.device("cpu")


class KilledError(Exception):
    pass


@pytest.fixture(autouse=True)
def _same_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Lightning writes into the environment for its processes does not reach the next test."""
    monkeypatch.setattr(os, "environ", os.environ.copy())


def weights(detector: Any) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in detector.network.state_dict().items()}


def looped(lesson: Any, **options: Any) -> tuple[dict[str, torch.Tensor], list[Report]]:
    detector, told = lesson.detector(**options), list[Report]()
    loop.run(lesson.course(detector, on_epoch=told.append), CPU)
    return weights(detector), told


def lightened(lesson: Any, run: Run, partial: Path | None = None, stop: int = 0) -> tuple[Any, list[Report], Any]:
    from unprompt.training import lightning

    detector, told = lesson.detector(), list[Report]()

    def on_epoch(report: Report) -> None:
        told.append(report)
        if len(told) == stop:
            raise KilledError

    return detector, told, lightning.run(lesson.course(detector, on_epoch=on_epoch, path=partial), run)


def assert_close(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor], most: float) -> None:
    assert left.keys() == right.keys()
    apart = {name: float((left[name].double() - right[name].double()).abs().max()) for name in left}
    assert max(apart.values()) <= most, apart


def test_lightning_takes_the_very_steps_of_the_loop(lesson: Any) -> None:
    expected, whole = looped(lesson)
    detector, told, (epochs, kept) = lightened(lesson, Run())
    assert_close(weights(detector), expected, 0)
    assert told == whole
    assert epochs == 2
    assert whole[kept - 1].best
    assert not detector.network.training


def test_killed_under_one_engine_it_goes_on_under_the_other(
    lesson: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "SAVE_SECONDS", -1.0)  # after each step
    expected, _ = looped(lesson)
    for stop in (2, 3):  # in the midst of an epoch, and at the end of one
        partial = tmp_path / f"{stop}.partial"
        with pytest.raises(KilledError):
            lightened(lesson, Run(), partial, stop)
        again = lesson.detector()
        loop.run(lesson.course(again, path=partial), CPU)
        assert_close(weights(again), expected, 0)
        assert_close(weights(lightened(lesson, Run(), partial)[0]), expected, 0)  # finished: nothing is left to do


def test_the_parts_of_a_step_make_up_its_gradient(lesson: Any) -> None:
    detector = lesson.detector()
    course = lesson.course(detector)
    network = detector.network.eval()  # without dropout and the means of a batch

    def gradient(parts: list[Any]) -> torch.Tensor:
        network.zero_grad()
        for part in parts:
            loss = detector.loss(part.inputs, part.target)
            (loss * part.weight / len(parts)).backward()
        return torch.cat([weight.grad.flatten() for weight in network.parameters() if weight.grad is not None])

    for step, sizes in ((0, [1, 1, 1, 1, 0]), (2, [1, 0, 0, 0, 0])):  # 4 pictures, and the last one
        parts = [course.part(0, step, number, 5) for number in range(5)]
        assert [part.count for part in parts] == sizes
        if hasattr(detector.options, "augmentation"):  # every part draws its own
            continue
        whole = gradient([course.part(0, step)])
        np.testing.assert_allclose(gradient(parts), whole, atol=1e-5 * float(whole.abs().max()))


@pytest.mark.parametrize("run", [Run(accumulate=2), Run(accumulate=2, workers=1)], ids=["parts", "workers"])
def test_accumulation_does_not_enlarge_a_step(run: Run, lessons: GroundingTargets) -> None:
    lesson = lessons("item")
    expected, whole = looped(lesson)
    detector, told, _ = lightened(lesson, run)
    assert_close(weights(detector), expected, 2e-5)
    assert [report.loss for report in told] == pytest.approx([report.loss for report in whole], rel=1e-4)


def test_two_processes_share_each_step(lesson: Any, tmp_path: Path) -> None:
    """DDP on two processes with gloo, forked; the weights come back to this one."""
    before = weights(lesson.detector())
    detector, told, (epochs, kept) = lightened(
        lesson, Run(devices=2, strategy="ddp_notebook"), tmp_path / "ddp.partial"
    )
    assert told == []  # it was another process that told
    assert (epochs, kept in (1, 2)) == (2, True)
    assert (tmp_path / "ddp.partial").is_file()
    if lesson.method in ("tidy", "item", "univfd"):
        assert_close(weights(detector), looped(lesson)[0], 2e-5)
    else:  # dropout, augmentations and batch means differ from part to part
        assert any(not torch.equal(before[name], tensor) for name, tensor in weights(detector).items())
    assert np.isfinite(detector.logits(lesson.evidence)).all()


@pytest.mark.parametrize("run", [None, Run(accumulate=2), Run(devices=2, strategy="ddp_notebook")])
def test_a_papers_own_loss_is_what_a_step_makes_smaller(run: Run | None, lessons: GroundingTargets) -> None:
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
    detector, told, _ = lightened(lesson, Run(precision="bf16-mixed"))
    _, whole = looped(lesson)
    assert {tensor.dtype for tensor in detector.network.parameters()} == {torch.float32}
    assert told[0].loss != whole[0].loss
    assert told[0].loss == pytest.approx(whole[0].loss, abs=0.05)


def test_patience_ends_it_under_both_engines(lessons: GroundingTargets) -> None:
    lesson, told = lessons("tidy"), list[list[Report]]()
    for run in (Run(patience=2), Run(patience=2, strategy="ddp")):
        detector, reports = lesson.detector(epochs=400, rate=0.5), list[Report]()
        held = lesson.course(detector).validation
        found = fit(detector, lesson.evidence, lesson.labels, 3, reports.append, held, run=run)
        best = max(place for place, report in enumerate(reports, 1) if report.best)
        assert (found.epochs, found.kept) == (best + 2, best)
        assert len(reports) == best + 2 < 400
        told.append(reports)
    assert told[0] == told[1]


def test_patience_needs_something_to_go_by(lessons: GroundingTargets) -> None:
    lesson = lessons("tidy")
    with pytest.raises(OptionError, match="--patience is 3, and there is no validation evidence"):
        fit(lesson.detector(), lesson.evidence, lesson.labels, run=Run(patience=3))


def test_without_lightning_its_flags_name_the_extra(lessons: GroundingTargets, monkeypatch: pytest.MonkeyPatch) -> None:
    lesson = lessons("tidy")
    monkeypatch.delitem(sys.modules, "unprompt.training.lightning", raising=False)
    monkeypatch.delattr("unprompt.training.lightning", raising=False)
    monkeypatch.setitem(sys.modules, "pytorch_lightning", None)
    fit(lesson.detector(), lesson.evidence, lesson.labels)
    with pytest.raises(MissingExtra, match=r"need the package pytorch_lightning.*pip install 'unprompt\[train\]'"):
        fit(lesson.detector(), lesson.evidence, lesson.labels, run=Run(accumulate=2))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"devices": 0}, "--devices is 0, expected 1 or more"),
        ({"accumulate": 0}, "--accumulate is 0, expected 1 or more"),
        ({"workers": -1}, "--workers is -1, expected 0 or more"),
        ({"patience": 0}, "--patience is 0, expected 1 or more"),
        ({"strategy": "fsdp"}, "--strategy is 'fsdp', expected auto or ddp or ddp_notebook"),
        ({"precision": "64"}, "--precision is '64', expected 32 or bf16-mixed or 16-mixed"),
        ({"device": "cuda:1", "devices": 2}, "--device is cuda:1 and --devices 2: name the kind alone"),
    ],
)
def test_what_cannot_be_run_is_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        Run(**wrong)


def test_what_asks_for_lightning() -> None:
    assert Run(device="cuda", patience=3).asked == ()
    assert Run(devices=2, precision="bf16-mixed", workers=3).asked == ("devices", "precision", "workers")
    assert Run(devices=2, workers=3, patience=4).to_dict() == {"devices": 2, "patience": 4}


def test_the_first_process_leads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    for rank, expected in ((None, True), ("0", True), ("1", False)):
        if rank is None:
            monkeypatch.delenv("LOCAL_RANK", raising=False)
        else:
            monkeypatch.setitem(os.environ, "LOCAL_RANK", rank)
        from unprompt.training.run import leads

        assert leads() is expected
