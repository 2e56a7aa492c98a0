"""Ray Train's workers make the head of local processes."""

from __future__ import annotations

import os
import pickle
import signal
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch

from unprompt.errors import UnpromptError
from unprompt.training import cluster as on_cluster
from unprompt.training.fit import fit
from unprompt.training.run import Run
from unprompt.training.state import Report

TWO = Run(devices=2, engine="ray")


class Fatal(list[Any]):
    """Kills who reads it in the second epoch, once."""

    taken = 0

    def __getitem__(self, place: Any) -> Any:
        self.taken += not isinstance(place, slice)
        if self.taken == 11 and not self.killed.exists():
            self.killed.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__getitem__(place)


def test_every_head_travels(lesson: Any) -> None:
    here = lesson.detector()
    there, _ = pickle.loads(pickle.dumps((here, lesson.evidence)))
    losses = []
    for _, task in map(lesson.training, (here, there)):
        torch.manual_seed(0)  # vibnet draws its code
        losses.append(task.loss(task.batches(0, 0, 0, 1).inputs))
    assert losses[0] == losses[1]


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_a_killed_worker_changes_no_head(lessons: Any, tmp_path: Path) -> None:
    pytest.importorskip("ray.train", exc_type=ImportError)
    lesson, steps = lessons("sare"), list[Report]()
    here, there, evidence = lesson.detector(), lesson.detector(), Fatal(lesson.evidence)
    fit(here, lesson.evidence, lesson.labels, 3, validation=lesson.held, run=Run(devices=2))
    evidence.killed = tmp_path / "killed"
    asked: dict[str, Any] = {"validation": lesson.held, "partial": tmp_path / "partial", "on_step": steps.append}
    assert fit(there, evidence, lesson.labels, 3, run=TWO, **asked).run == TWO
    assert evidence.killed.exists()
    assert [report.epoch for report in steps[-3:]] == pytest.approx([4 / 3, 5 / 3, 2])
    one, other = here.network.state_dict(), there.network.state_dict()
    torch.testing.assert_close(other, one, rtol=0, atol=2e-5)


@pytest.mark.usefixtures("cluster")
def test_what_is_lacking_is_told(lessons: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lesson = lessons("item")

    def refused(words: str, partial: Path | None = tmp_path / "p") -> None:
        with pytest.raises(UnpromptError, match=words):
            fit(lesson.detector(), lesson.evidence, lesson.labels, partial=partial, run=Run(devices=3, engine="ray"))

    refused("--engine ray is given without `partial`", None)
    monkeypatch.setitem(sys.modules, "ray.train", pytest.importorskip("ray"))  # pandas or not
    refused("of this machine has 2 CPU, expected 3 or more")
    monkeypatch.setitem(sys.modules, "ray.train", None)
    refused(r"needs the package ray.train: pip install 'unprompt\[ray\]'")
    monkeypatch.setattr(on_cluster, "connected", lambda *_: nullcontext())
    monkeypatch.setattr(on_cluster, "_follow", lambda *_: TWO)
    refused("p has 0 of 2 epochs, expected all")
