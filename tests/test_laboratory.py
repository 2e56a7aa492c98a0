"""The laboratory's page: written from stored results alone, and the committed one from the committed numbers."""

from __future__ import annotations

import importlib
import json
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from unprompt.analysis import sign_table
from unprompt.evaluation import Result, Ruling
from unprompt.recipes.figures import read_packed
from unprompt.report.results import write_rows
from unprompt.workflows.planning.recipe_files import recipe, recipes

ROOT = Path(__file__).parents[1]
DATA = ["miniature:x?train=2&camera=phone"]


@pytest.fixture(scope="module")
def laboratory() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        return importlib.import_module("laboratory")


def number(row: str, generator: str, value: float) -> Result:
    settings = json.dumps({"row": row})
    where = ("", generator, "auc", value, value - 0.1, value + 0.1)
    return Result("sare", "", "fake", "test", *where, 0.95, "bootstrap", 4, 8, 0, 0, 0.5, settings)


def stored(folder: Path) -> Path:
    """What ``reproduce`` leaves of a run of SARE's table 6."""
    answers: list[dict[str, Any]] = [
        {"answer": "holds", "difference": 12.5, "low": 3.25, "high": 20.0, "n_real": 4, "n_generated": 8},
        {"answer": "not run", "reason": "no weights"},
        {"answer": "not run", "reason": "no weights"},
        {"answer": "undecided", "difference": -0.5, "low": -2.0, "high": 1.0, "n_real": 4, "n_generated": 8},
    ]
    claims = recipe("sare/table6").claims
    rulings = [
        Ruling(one.says, one.metric, above=one.above, **answer) for one, answer in zip(claims, answers, strict=True)
    ]
    folder.mkdir(parents=True)
    told = {"recipe": "sare/table6", "suite": "fake", "data": DATA, "claims": [asdict(one) for one in rulings]}
    (folder / "claims.json").write_text(json.dumps(told))
    settings = {"pictures": 2, "seeds": 3, "seed": 0, "learned": ["diffusion"], "index": "x"}
    (folder / "run.json").write_text(json.dumps(settings))
    rows = [number("DRCT", "macro", 0.5), number("DRCT", "unseen", 0.625), number("SARE, w = 2.5", "macro", 0.75)]
    write_rows(folder / "results.json", [*rows, number("DRCT", "flow", 0.1)])
    return folder


def test_a_run_becomes_a_part_of_the_page(laboratory: ModuleType, tmp_path: Path) -> None:
    stored(tmp_path / "out" / "a")
    table = sign_table(
        [0, 0, 1, 1], ["", "", "flow", "flow"], *np.eye(4, 3, dtype=np.float32)[[0, 1, 2, 3]][None].repeat(2, 0)
    )
    pq.write_table(table, tmp_path / "sign.parquet")
    page = tmp_path / "page.md"
    took = {"first": {"status": 0, "seconds": 3700.2, "processor": 7200.0}}
    noted = {"settings": {"suite": "fake", "data": DATA}, "recipes": {"sare/table6": took, "sare/table1": took}}
    (tmp_path / "out" / "costs.json").write_text(json.dumps(noted))
    words = ["--results", str(tmp_path / "out"), "--sign", f"fake={tmp_path / 'sign.parquet'}", "--page", str(page)]
    assert laboratory.main(words) == 0
    text = page.read_text()
    assert "Of 4 claims asked about: 1 holds, 0 does not hold, 1 undecided, 2 not run." in text
    assert "| SARE is above DRCT in mean AUC at w = 2.5 | holds | AUC +12.50 [+3.25, +20.00] | 4 + 8 |" in text
    assert "undecided | AUC \N{MINUS SIGN}0.50 [\N{MINUS SIGN}2.00, +1.00], expected above \N{MINUS SIGN}1.00" in text
    assert "not run | no weights" in text
    assert "**Quick**: suite `fake`, at most 2 pictures of each label, generator and split, 3 trainings" in text
    assert "## sare/table6, camera phone: " in text
    assert "| sare/table6, camera phone | yes | 12 | 1 | 0 | 1 | 2 |" in text
    assert "| DRCT | 50.0 [40.0, 60.0] | 62.5 [52.5, 72.5] |" in text
    assert "| SARE, w = 2.5 | 75.0 [65.0, 85.0] |  |" in text
    assert "### 2.0 hours of a processor" in text
    assert "| sare/table6, camera phone | 3,700 | 7,200 |\n" in text
    assert text.count("| fake | ") == 3
    assert len([line for line in text.splitlines() if line.startswith("- `")]) == len(recipes()) - 1
    before = page.read_text()
    assert laboratory.main(["--page", str(page)]) == 0  # what is not given stays
    assert page.read_text() == before


def test_curves_are_drawn_beside_the_page(laboratory: ModuleType, tmp_path: Path) -> None:
    made = recipe("beyond/knob")
    folder = tmp_path / "out" / "knob"
    folder.mkdir(parents=True)
    rulings = [asdict(Ruling(one.says, one.metric, "undecided", 1.0, -1.0, 2.0)) for one in made.claims]
    told = {"recipe": "beyond/knob", "suite": "fake", "data": ["miniature:"], "claims": rulings}
    (folder / "claims.json").write_text(json.dumps(told))
    settings = {"pictures": None, "seeds": 1, "seed": 0, "learned": ["diffusion"], "suite_options": {}}
    (folder / "run.json").write_text(json.dumps(settings))
    write_rows(folder / "results.json", [number("TIDY, 2", "macro", 0.625), number("TIDY, all", "macro", 0.75)])
    page = tmp_path / "page.md"
    assert laboratory.main(["--results", str(tmp_path / "out"), "--page", str(page)]) == 0
    assert "![How much the caption tells (ours)](laboratory-beyond-knob.webp)" in page.read_text()
    drawn = Image.open(tmp_path / "laboratory-beyond-knob.webp")
    assert min(drawn.size) > 400
    assert {"#ffffff"} < {"#{:02x}{:02x}{:02x}".format(*pixel) for _, pixel in drawn.getcolors(1 << 20)}
    assert "papers' schedules; learned" not in page.read_text()


def test_a_quick_run_gives_way_to_a_longer_one(laboratory: ModuleType) -> None:
    quick, longer, phone, other = (
        {"recipe": recipe, "camera": camera, "pictures": pictures}
        for recipe, camera, pictures in (
            ("sare/table1", "", 64),
            ("sare/table1", "", None),
            ("sare/table1", "phone", 64),
            ("sare/table3", "", 64),
        )
    )
    assert laboratory.lasting([quick, longer, phone, other]) == [longer, phone, other]


def test_the_page_is_that_of_the_committed_numbers(laboratory: ModuleType) -> None:
    kept = read_packed(ROOT / "docs" / "laboratory.json.gz")
    assert laboratory.page(kept) == (ROOT / "docs" / "laboratory.md").read_text("utf-8")


def test_other_claims_than_were_asked_about_are_told(laboratory: ModuleType, tmp_path: Path) -> None:
    made = {**laboratory.entry(stored(tmp_path / "a")), "recipe": "sare/table5"}
    with pytest.raises(SystemExit, match="sare/table5 asks about other claims than it did when it was run"):
        laboratory.page({"runs": [made], "signs": []})
