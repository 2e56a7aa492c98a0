"""Pictures that several processes judge: the rows of one, in order, whatever dies meanwhile."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from unprompt.engines import Engine, InProcess
from unprompt.errors import OptionError
from unprompt.instruments import Suite
from unprompt.types import Prediction
from unprompt.workflows.detect import detect
from unprompt.workflows.prediction.detection import Predictor
from unprompt.workflows.prediction.inputs import Inputs
from unprompt.workflows.prediction.spreading import spread

from .conftest import Killing


@pytest.fixture(scope="module")
def folder(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The test pictures, of which three are there twice, and a file that is none."""
    folder = tmp_path_factory.mktemp("spread")
    shutil.copytree(pictures / "test", folder / "test")
    for number in range(3):
        shutil.copy(folder / "test" / "real" / f"{number}.png", folder / f"again-{number}.png")
    return folder


class Backwards(Engine):
    """Answers in another order, from a predictor that travelled."""

    def run(self, work: Any, tasks: Iterable[Any]) -> Iterator[Any]:
        answer = pickle.loads(pickle.dumps(work)).open("cpu")
        return reversed([answer(task) for task in tasks])


def close(rows: list[Prediction], others: list[Prediction]) -> bool:
    """Equal but for the last bits of what was computed in batches of other sizes."""
    numbers = ("score", "probability", "scores")
    same = [replace(one, **dict.fromkeys(numbers)) for one in rows] == [  # type: ignore[arg-type]
        replace(one, **dict.fromkeys(numbers))  # type: ignore[arg-type]
        for one in others
    ]
    pairs = [(one.probability, other.probability) for one, other in zip(rows, others, strict=True) if one.probability]
    return same and all(abs(one - (other or 0)) < 1e-5 for one, other in pairs)


def test_the_rows_are_those_of_one_process(candidate_suites: Path, folder: Path) -> None:
    predictor = Predictor([Suite.load(candidate_suites)], "tidy")
    alone = predictor.predict(Inputs(folder))
    assert sum(row.duplicate_of is not None for row in alone) == 3
    for size in (1, 4, 50):
        items = list(spread(predictor, Backwards(), Inputs(folder), size, explain=False))
        assert close([item.row for item in items], alone)


def test_a_page_has_the_pictures_of_all(candidate_suites: Path, folder: Path) -> None:
    predictor = Predictor([Suite.load(candidate_suites)], "tidy")
    one, other = (
        list(spread(predictor, engine, Inputs(folder), 4, explain=True)) for engine in (Backwards(), InProcess("cpu"))
    )
    assert [len(item.figures) for item in one] == [len(item.figures) for item in other]
    assert all(item.figures for item in one if item.row.status == "ok" and not item.row.duplicate_of)


def test_a_killed_worker_loses_and_doubles_no_row(
    candidate_suites: Path, folder: Path, tmp_path: Path, killing: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Killing, "__init__", lambda self, devices: setattr(self, "devices", devices[:1]))
    given: dict[str, Any] = {"suite": candidate_suites, "method": "tidy", "batch_size": 8, "max_minutes": None}
    rows = detect(folder, devices=2, out=tmp_path / "rows.jsonl", **given)
    assert close(rows, detect(folder, **given))
    stored = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert stored == json.loads(json.dumps([asdict(row) for row in rows]))


def test_what_cannot_be_spread(candidate_suites: Path, folder: Path) -> None:
    with pytest.raises(OptionError, match="--devices is 0, expected 1 or more"):
        detect(folder, suite=candidate_suites, devices=0)
    with pytest.raises(OptionError, match="--devices and --engine are of no use with --follow"):
        detect(folder, suite=candidate_suites, devices=2, follow=True)
