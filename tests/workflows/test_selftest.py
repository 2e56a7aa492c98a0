"""The self-test: it passes on what was measured, and fails on anything else."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from unprompt.detectors.golden import TOLERANCE, Golden
from unprompt.errors import SuiteError
from unprompt.instruments import Suite
from unprompt.workflows import doctor
from unprompt.workflows.detect import detect
from unprompt.workflows.prediction.selftest import checks, measure

NAMES = ["0.png", "1.png"]
METHODS = ["item", "panel", "sare", "semgir", "tidy"]
Shift = Callable[[str, float], None]


@pytest.fixture(scope="module")
def measured(candidate_suites: Path, pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A suite with golden scores of two pictures."""
    folder = tmp_path_factory.mktemp("measured") / "suite"
    shutil.copytree(candidate_suites, folder)
    shutil.copytree(pictures / "test" / "real", folder / "golden")
    measure(Suite.load(folder), folder / "golden", NAMES).write(folder / "golden")
    return folder


@pytest.fixture
def folder(measured: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(measured, tmp_path / "suite"))


@pytest.fixture
def shift(folder: Path) -> Shift:
    """Move the golden score of the second picture."""

    def shift(method: str, by: float) -> None:
        path = folder / "golden" / "golden.json"
        stored = json.loads(path.read_text())
        stored["probabilities"][method][NAMES[1]] += by
        path.write_text(json.dumps(stored))

    return shift


def run(folder: Path, name: str) -> str:
    found = dict(checks(Suite.load(folder)))
    return found[f"fake: selftest, {name}"]()


def test_what_was_measured_is_what_detect_says(measured: Path) -> None:
    golden = Golden.read(measured / "golden")
    rows = detect([measured / "golden" / name for name in NAMES], suite=measured)
    for row, name in zip(rows, NAMES, strict=True):
        assert golden.pixels[name] == row.pixels
        assert golden.probabilities["panel"][name] == pytest.approx(row.probability, abs=1e-4)
        for method, probability in row.scores.items():
            assert golden.probabilities[method][name] == pytest.approx(probability, abs=1e-4)


def test_every_head_is_tested_and_passes(measured: Path) -> None:
    found = dict(checks(Suite.load(measured)))
    assert list(found) == [f"fake: selftest, {name}" for name in ("pictures", *METHODS)]
    said = [look() for look in found.values()]
    assert said[0] == "2 pictures decode to the same pixels"
    assert all(line.endswith(f"on 2 pictures, at most {TOLERANCE} is expected") for line in said[1:])


def test_a_small_difference_passes_and_is_told(folder: Path, shift: Shift) -> None:
    shift("tidy", TOLERANCE / 2)
    assert run(folder, "tidy").startswith("largest difference 1.0e-02 on 2 pictures")


@pytest.mark.parametrize("by", [1.5 * TOLERANCE, -1.5 * TOLERANCE])
def test_a_large_difference_fails_and_names_the_picture(folder: Path, shift: Shift, by: float) -> None:
    shift("tidy", by)
    with pytest.raises(
        SuiteError, match=r"tidy gives 0\.\d{4} for 1\.png, expected -?0\.\d{4} \+- 0\.02: these are not"
    ):
        run(folder, "tidy")
    assert run(folder, "item")


def test_other_pixels_fail(folder: Path) -> None:
    shutil.copy(folder / "golden" / "2.png", folder / "golden" / "0.png")
    with pytest.raises(
        SuiteError, match=r"golden/0\.png decodes to the pixels [0-9a-f]{12}, expected [0-9a-f]{12}: the"
    ):
        run(folder, "pictures")


def test_a_head_without_golden_scores_fails(folder: Path) -> None:
    path = folder / "golden" / "golden.json"
    stored = json.loads(path.read_text())
    del stored["probabilities"]["sare"]
    path.write_text(json.dumps(stored))
    with pytest.raises(SuiteError, match=r"golden has no golden scores of sare; reinstall"):
        run(folder, "sare")


def test_a_suite_without_the_file_fails_everywhere(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(folder / "golden")
    monkeypatch.setattr(doctor, "embedded", lambda: [folder])
    rows = {row.name: row for row in doctor.doctor(selftest=True) if "selftest" in row.name}
    assert {row.status for row in rows.values()} == {"fail"}
    assert len(rows) == 1 + len(METHODS)
    assert "no sound golden scores" in rows["fake: selftest, panel"].message
    assert not [row for row in doctor.doctor() if "selftest" in row.name]


def test_a_suite_without_heads_has_nothing_to_compare(suite: Path) -> None:
    assert list(checks(Suite.load(suite))) == []
