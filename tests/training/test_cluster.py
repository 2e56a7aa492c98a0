"""A training whose processes are Ray Train's workers ends with the head of one whose processes are this machine's."""

from __future__ import annotations

import os
import pickle
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from unprompt.errors import CheckpointError, EngineError, MissingExtra, OptionError
from unprompt.training import cluster as on_cluster
from unprompt.training import fit as fitting
from unprompt.training import loop
from unprompt.training.fit import fit
from unprompt.training.run import Run
from unprompt.training.state import Report

TWO = Run(devices=2, engine="ray")


class Fatal(list[Any]):
    """Evidence whose reader is killed in the midst of the second epoch, once."""

    mark: Path

    def __getitem__(self, place: Any) -> Any:
        self.taken = getattr(self, "taken", 0) + isinstance(place, int)
        if self.taken == 7 and not self.mark.exists():
            self.mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__getitem__(place)


def weights(detector: Any) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in detector.network.state_dict().items()}


def begun(lesson: Any, detector: Any) -> Callable[[], Any]:
    return partial(fitting._begin, Run(), detector, lesson.evidence, lesson.labels, 3, lesson.held)


def test_a_training_that_travelled_is_the_same(lesson: Any) -> None:
    made = []
    for travel in (lambda begin: begin, lambda begin: pickle.loads(pickle.dumps(begin))):
        state, task = travel(begun(lesson, lesson.detector(epochs=1)))()
        loop.train(state, task)
        made.append(state.network.state_dict())
    here, there = made
    assert here.keys() == there.keys()
    assert all(torch.equal(here[name], there[name]) for name in here)


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_workers_of_which_one_is_killed_make_the_same_head(
    lessons: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray.train", exc_type=ImportError)
    lesson = lessons("sare")
    expected, detector, steps, epochs = lesson.detector(), lesson.detector(), list[Report](), list[Report]()
    fit(expected, lesson.evidence, lesson.labels, 3, validation=lesson.held, run=Run(devices=2))
    evidence = Fatal(lesson.evidence)
    evidence.mark = tmp_path / "killed"
    monkeypatch.chdir(tmp_path)
    asked: dict[str, Any] = {"validation": lesson.held, "partial": Path("sare.partial"), "run": TWO}
    made = fit(detector, evidence, lesson.labels, 3, epochs.append, on_step=steps.append, **asked)
    assert evidence.mark.exists()
    assert [report.epoch for report in epochs] == [1, 2]
    assert [report.epoch for report in steps[-3:]] == pytest.approx([4 / 3, 5 / 3, 2])
    assert (made.epochs, made.run) == (2, TWO)
    found = weights(detector)
    for name, tensor in weights(expected).items():
        assert found[name].allclose(tensor, rtol=0, atol=2e-5), name


@pytest.mark.usefixtures("cluster")
def test_what_the_cluster_lacks_is_told(lessons: Callable[[str], Any], tmp_path: Path) -> None:
    pytest.importorskip("ray")
    lesson = lessons("item")
    asked: dict[str, Any] = {"run": replace(TWO, devices=3), "partial": tmp_path / "item.partial"}
    with pytest.raises(EngineError, match="the Ray cluster of this machine has 2 CPU, and --devices is 3"):
        fit(lesson.detector(), lesson.evidence, lesson.labels, 3, **asked)
    asked["run"] = Run(device="cuda", engine="ray")
    with pytest.raises(EngineError, match="the Ray cluster of this machine has 0 GPU, and --devices is 1"):
        fit(lesson.detector(), lesson.evidence, lesson.labels, 3, **asked)


def test_what_is_missing_is_told(
    lessons: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lesson, partial_file = lessons("item"), tmp_path / "item.partial"
    given = lesson.detector(), lesson.evidence, lesson.labels
    with pytest.raises(OptionError, match="--engine ray is given without a file `partial`, expected one that all"):
        fit(*given, run=TWO)
    with pytest.raises(OptionError, match="--address is 'auto', which --engine local has no use for"):
        Run(address="auto")
    monkeypatch.setattr(on_cluster, "_follow", lambda *_: TWO)
    monkeypatch.setattr(on_cluster, "connected", lambda _: __import__("contextlib").nullcontext())
    with pytest.raises(EngineError, match=r"the cluster's workers are done, but .*item.partial has 0 of 2 epochs"):
        fit(*given, run=TWO, partial=partial_file)
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "ray.train", None)
    with pytest.raises(MissingExtra, match=r"needs the package ray\[train\]: pip install 'unprompt\[ray\]'"):
        on_cluster._supervise(b"", TWO, None)
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtra, match=r"needs the package ray: pip install 'unprompt\[ray\]'"):
        fit(*given, run=TWO, partial=partial_file)


def test_what_a_worker_tells_is_handed_on(lessons: Callable[[str], Any]) -> None:
    lesson, told = lessons("item"), list[Report]()
    state, _ = begun(lesson, lesson.detector())()
    state.on_step = told.append
    used = replace(TWO, accumulate=4)
    assert on_cluster._deliver([("on_step", Report(0.5, 2, 0.7)), ("run", used)], state, TWO) == used
    assert told == [Report(0.5, 2, 0.7)]
    with pytest.raises(CheckpointError, match="item answers 3 logits"):
        on_cluster._deliver([("error", CheckpointError("item answers 3 logits"))], state, TWO)


def test_an_error_of_many_lines_is_told_by_its_last() -> None:
    told = r"3 times a worker ended before the training did \(ValueError: no\); expected that each has the memory"
    assert on_cluster._died(RuntimeError("Traceback\n  File\nValueError: no\n")).args
    with pytest.raises(EngineError, match=told):
        raise on_cluster._died(RuntimeError("Traceback\n  File\nValueError: no\n"))
