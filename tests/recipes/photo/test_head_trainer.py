"""The recipe from pictures to heads, figures and page, with few steps on few pictures."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from unprompt.detectors.golden import Golden
from unprompt.detectors.ood import OODDetector
from unprompt.instruments import Suite
from unprompt.recipes.figures import read_packed
from unprompt.recipes.photo import __main__ as recipe
from unprompt.recipes.photo.head_trainer import SUITE
from unprompt.recipes.photo.nets import SCHEDULES
from unprompt.recipes.photo.sources import folds
from unprompt.testing.fake_towers import fake_vision
from unprompt.workflows.detect import detect


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the pictures, the suite and the page."""
    folder = tmp_path_factory.mktemp("photographs")
    tower = folder / "suite" / "vision"
    fake_vision().save_pretrained(tower)
    text = (SUITE / "suite.toml").read_text("utf-8")
    tables = re.sub(r"\[digests\].*?\n(?=\[|#)", "", text, flags=re.S).split("[instruments.vision]")[0]
    (folder / "suite" / "suite.toml").write_text(
        f'{tables}[instruments.vision]\nclass = "clip-vision"\npath = "vision"\n'
        '[methods.univfd.instruments.encoder]\nclass = "clip-image"\npath = "vision"\n'
    )
    (folder / "manifest.csv").write_text("\n".join(["path,label,source,content", *pictures(folder)]), "utf-8")
    run(folder)
    return folder


def pictures(folder: Path) -> list[str]:
    """Of each fold two noisy reals and two smooth generated ones."""
    rows, rng = [], np.random.default_rng(0)
    for fold in sorted(set(folds().values())):
        named = [name for name, number in folds().items() if number == fold]
        for label, source in ((1, named[0]), (0, named[-1])):
            for number in range(2):
                image = Image.fromarray(rng.integers(0, 256, (96, 130, 3), np.uint8))
                image.filter(ImageFilter.GaussianBlur(1 + label)).save(folder / f"{source}-{number}.png")
                rows.append(f"{source}-{number}.png,{label},{source},photo")
    return rows


def run(folder: Path) -> None:
    words = ["--data", folder / "manifest.csv", "--cache", folder / "cache", "--suite", folder / "suite"]
    words += ["--page", folder / "photo.md", "--workers", "1", "--quick"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["photographs", *map(str, words)])
        patch.setattr("unprompt.recipes.photo.training_views.VIEWS", 2)
        patch.setattr("unprompt.recipes.photo.tower_views.DRAWS", 2)
        for method, schedules in SCHEDULES.items():
            patch.setitem(SCHEDULES, method, tuple(replace(one, batch=8) for one in schedules))
        patch.setattr("unprompt.recipes.photo.measuring.PAGES", 1)
        patch.setattr("unprompt.recipes.photo.head_trainer.CONDITIONS", ("raw", "aligned"))
        patch.setattr("unprompt.recipes.photo.figures.REPEATS", 5)
        patch.setattr("unprompt.recipes.photo.figures.LEAST", 2)
        assert recipe.main() == 0


def test_heads_figures_and_page_are_written(made: Path) -> None:
    heads = {path.name for path in (made / "suite" / "heads").iterdir()}
    members = {"patches", "traces", "clip-layers", "univfd"}
    assert heads == {f"{name}.safetensors" for name in members | {"panel", "pixels"}}
    golden = Golden.read(made / "suite" / "golden")
    assert (len(golden.pixels), set(golden.probabilities)) == (6, members | {"panel"})
    figures = read_packed(made / "suite" / "figures.json.gz")
    assert (figures["facts"]["generated"], figures["facts"]["real"], figures["facts"]["given"]) == (12, 12, 24)
    assert figures["conditions"]["aligned"]["pooled"]["n"] == 12
    assert figures["strangers"]["document"]["raw"]["n"] == 1
    text = " ".join((made / "photo.md").read_text("utf-8").split())
    assert f"{figures['facts']['metadata']:.2f} as they are" in text
    assert "{" not in text


def test_the_suite_speaks_and_knows_what_is_too_small(made: Path) -> None:
    Image.fromarray(np.zeros((40, 90, 3), np.uint8)).save(made / "tiny.png")
    rows = detect([made / "manifest.csv", *sorted(made.glob("*.png"))], suite=made / "suite")
    assert [row.status for row in rows[:1]] == ["error"]
    by_name = {Path(row.uri).name: row for row in rows[1:]}
    told = by_name["tiny.png"].warnings
    assert told[0] == "outside this suite's world"
    assert told[-1] == "too small to be judged: 90 x 40 pixels, expected a shorter side of 64 or more"
    assert {row.status for row in by_name.values()} == {"ok"}
    assert all(set(row.scores) == {"univfd", "clip-layers"} and row.caption is None for row in by_name.values())
    suite = Suite.load(made / "suite")
    assert suite.world is not None
    assert OODDetector.load(suite.world, suite).facts.least == 64


def test_a_second_run_makes_nothing_again_and_writes_the_same(made: Path) -> None:
    before = {path: path.read_bytes() for path in made.rglob("*") if path.is_file()}
    run(made)
    assert {path: path.read_bytes() for path in made.rglob("*") if path.is_file()} == before


def test_the_shipped_suite_names_its_heads() -> None:
    assert set(Suite.load(SUITE).manifest.heads) == {
        "panel", "patches", "traces", "clip-layers", "tidy", "item", "univfd"
    }  # fmt: skip
