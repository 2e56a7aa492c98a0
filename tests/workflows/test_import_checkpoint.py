"""A published head on the whole road: taken in, calibrated, measured."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from unprompt.cli import app
from unprompt.detectors import load
from unprompt.errors import CheckpointError
from unprompt.evaluation import EvaluationTable
from unprompt.instruments import Suite
from unprompt.workflows.evaluate import evaluate
from unprompt.workflows.extract import extract


@pytest.fixture(scope="module")
def evidence(pictures: Path, suite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return extract("univfd", data=f"folder:{pictures}", out=tmp_path_factory.mktemp("import") / "evidence", suite=suite)


@pytest.fixture
def published(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    path = tmp_path / "fc_weights.pth"
    torch.save(torch.nn.Linear(16, 1).state_dict(), path)
    return path


def test_with_evidence_it_is_calibrated_and_can_be_measured(
    evidence: Path, suite: Path, published: Path, tmp_path: Path
) -> None:
    out = tmp_path / "univfd.safetensors"
    words = ["import-checkpoint", "univfd", str(published), "--out", str(out), "--suite", str(suite)]
    done = CliRunner().invoke(app, [*words, "--evidence", str(evidence), "--fpr", "0.1"], catch_exceptions=False)
    assert (done.exit_code, done.stdout) == (0, f"{out}\n")
    assert "univfd: imported" in done.stderr
    assert "on 20 pictures" in done.stderr
    detector = load(out, Suite.load(suite))
    assert detector.thresholds is not None
    assert detector.thresholds.fpr == 0.1
    assert (detector.figures["data"], detector.figures["imported"]) == ("validation", "fc_weights.pth")
    table = evaluate(out, evidence=evidence, suite=suite, repeats=0)
    assert isinstance(table, EvaluationTable)
    assert (table.pooled.n_real, table.pooled.n_generated) == (10, 10)


def test_without_evidence_it_says_that_it_cannot_be_asked_yet(
    evidence: Path, suite: Path, published: Path, tmp_path: Path
) -> None:
    out = tmp_path / "univfd.safetensors"
    words = ["import-checkpoint", "univfd", str(published), "--out", str(out), "--suite", str(suite)]
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert "no calibration: give --evidence before it is used" in done.stderr
    with pytest.raises(CheckpointError, match="univfd has no calibration: train it with validation evidence"):
        evaluate(out, evidence=evidence, suite=suite)


def test_an_unsafe_file_is_told_in_one_line(suite: Path, tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(16, 1), tmp_path / "model.pth")
    words = ["import-checkpoint", "univfd", str(tmp_path / "model.pth"), "--out", str(tmp_path / "own")]
    done = CliRunner().invoke(app, [*words, "--suite", str(suite)])
    assert done.exit_code == 1
    assert "model.pth holds more than weights, so nothing of it was read" in done.stderr
