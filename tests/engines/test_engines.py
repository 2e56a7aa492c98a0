"""Every engine gives each task to a worker once, and once more where a worker died."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from unprompt.engines import Engine, InProcess, engine_for
from unprompt.engines.local import LocalEngine
from unprompt.errors import EngineError, MissingExtra, OptionError, WorkerDied

pytestmark = pytest.mark.usefixtures("cluster")


@dataclass(frozen=True)
class Squares:
    """Squares; what it is to do besides depends on files, which outlive a worker."""

    folder: Path
    fatal: tuple[int, ...] = ()
    """Tasks that kill their worker, the first time or always."""
    always: bool = False

    def open(self, device: str) -> Callable[[int], tuple[int, str]]:
        (self.folder / f"opened-{os.getpid()}").touch()

        def square(number: int) -> tuple[int, str]:
            if number < 0:
                raise OptionError(f"--number is {number}, expected 0 or more", option="number")
            mark = self.folder / f"died-{number}"
            if number in self.fatal and (self.always or not mark.exists()):
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return number**2, device

        return square

    @property
    def opened(self) -> int:
        return len(list(self.folder.glob("opened-*")))


def ray_engine(device: str) -> Engine:
    pytest.importorskip("ray")
    return engine_for("ray", device, 2)


@pytest.fixture(params=["here", "local", "ray"])
def engine(request: pytest.FixtureRequest) -> Engine:
    if request.param == "ray":
        return ray_engine("cpu")
    return InProcess("cpu") if request.param == "here" else engine_for("local", "cpu", 2)


def test_each_task_is_answered_once(engine: Engine, tmp_path: Path) -> None:
    work = Squares(tmp_path)
    answers = list(engine.run(work, iter(range(30))))
    assert sorted(answers) == [(number**2, "cpu") for number in range(30)]
    assert 1 <= work.opened <= 2
    assert list(engine.run(work, [])) == []


def test_what_the_work_raises_is_raised(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="--number is -3, expected 0 or more") as caught:
        list(engine.run(Squares(tmp_path), [1, -3, 2]))
    assert caught.value.option == "number"


@pytest.mark.parametrize("name", ["local", "ray"])
def test_a_worker_that_dies_loses_and_repeats_nothing(name: Any, tmp_path: Path) -> None:
    engine = ray_engine("cpu") if name == "ray" else engine_for("local", "cpu", 2)
    answers = list(engine.run(Squares(tmp_path, fatal=(3, 11)), range(20)))
    assert sorted(answers) == [(number**2, "cpu") for number in range(20)]
    assert len(list(tmp_path.glob("died-*"))) == 2


@pytest.mark.parametrize("name", ["local", "ray"])
def test_workers_that_keep_dying_end_the_run(name: Any, tmp_path: Path) -> None:
    engine = ray_engine("cpu") if name == "ray" else engine_for("local", "cpu", 2)
    with pytest.raises(WorkerDied, match=r"3 workers in a row were killed, the last over 5; .* fewer --devices"):
        list(engine.run(Squares(tmp_path, fatal=(5,), always=True), [5]))


def test_a_run_that_is_left_ends_its_workers(tmp_path: Path) -> None:
    answers = engine_for("local", "cpu", 2).run(Squares(tmp_path), range(10**9))
    assert next(answers)[1] == "cpu"
    answers.close()  # type: ignore[attr-defined]  # hangs, where it does not end them


PARENT = """
import os, signal, sys
from pathlib import Path
from unprompt.engines import engine_for
sys.path.insert(0, sys.argv[1])
from test_engines import Squares
if __name__ == "__main__":
    answers = engine_for("local", "cpu", 2).run(Squares(Path(sys.argv[2])), range(10**9))
    next(answers)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="looks for processes as Linux lists them")
def test_workers_end_with_the_process_that_asked(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT, "utf-8")
    ended = subprocess.run([sys.executable, str(script), str(Path(__file__).parent), str(tmp_path)], timeout=120)
    assert ended.returncode == -signal.SIGKILL
    workers = [path.name.removeprefix("opened-") for path in tmp_path.glob("opened-*")]
    assert workers
    for _ in range(300):
        if not any(Path("/proc", one).exists() for one in workers):
            return
        time.sleep(0.1)
    pytest.fail(f"still there: {workers}")


def test_engines_are_chosen_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(engine_for("local", "cpu"), InProcess)
    assert isinstance(engine_for("local", "cpu", 1), InProcess)
    two = engine_for("local", "cpu", 2)
    assert isinstance(two, LocalEngine)
    assert two.devices == ("cpu", "cpu")
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    four = engine_for("local", "cuda", 3)
    assert isinstance(four, LocalEngine)
    assert four.devices == ("cuda:0", "cuda:1", "cuda:0")


def test_wrong_engines_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OptionError, match="--devices is 0, expected 1 or more"):
        engine_for("local", "cpu", 0)
    with pytest.raises(OptionError, match="--engine is 'spark', expected local or ray"):
        engine_for("spark", "cpu")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="--address is 'auto', which --engine local has no use for"):
        engine_for("local", "cpu", 2, "auto")
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(MissingExtra, match=r"--engine ray needs the package ray: pip install 'unprompt\[ray\]'"):
        next(engine_for("ray", "cpu", 2).run(Squares(Path()), [1]))


def test_a_cluster_without_gpus_is_told(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    with pytest.raises(EngineError, match="the Ray cluster of this machine has 0 GPU, expected 1 or more"):
        next(engine_for("ray", "cuda").run(Squares(tmp_path), [1]))


def test_a_cluster_that_does_not_answer_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray")

    def refused(address: str, **_: Any) -> None:
        raise ConnectionError(f"nobody at {address}")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", refused)
    told = r"no Ray answers at ray://gone:10001 \(nobody at ray://gone:10001\); expected the address of a running"
    with pytest.raises(EngineError, match=told):
        next(engine_for("ray", "cpu", 1, "ray://gone:10001").run(Squares(tmp_path), [1]))
