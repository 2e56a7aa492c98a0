"""The leaderboard's page and its twin, which pictures serve for what, and the whole road on a small suite."""

from __future__ import annotations

import gzip
import importlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from unprompt import Sample
from unprompt.detectors import METHODS
from unprompt.errors import DataError, OptionError
from unprompt.instruments import Suite
from unprompt.testing.fake_suite import save_fake_suite

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
KEPT = json.loads(gzip.decompress((DOCS / "leaderboard.json.gz").read_bytes()))


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("board")


@pytest.fixture
def leaderboard(board: Any) -> Any:
    return importlib.import_module("leaderboard")


def test_the_page_says_what_its_twin_says(board: Any) -> None:
    assert (DOCS / "leaderboard.md").read_text("utf-8") == board.page(KEPT)


def test_the_page_has_the_rows_of_the_registry(board: Any) -> None:
    known = board.worlds(ROOT / "benchmarks" / "leaderboard.toml")
    assert "miniature" in [world["name"] for world in KEPT]
    for world in KEPT:
        rows = {row["name"]: (row["method"], row["settings"], row["share"]) for row in world["rows"]}
        told = {row.called(): (row.method, dict(row.settings), row.share) for row in known[world["name"]].rows}
        assert rows == told


def test_rows_are_methods_with_options_that_they_know(board: Any) -> None:
    for world in board.worlds(ROOT / "benchmarks" / "leaderboard.toml").values():
        for row in world.rows:
            METHODS[row.method].Options().override(row.settings)
            if row.shipped and world.name == "miniature":
                assert Suite.load("miniature").head(row.method).is_file()


def test_figures_lie_in_their_intervals() -> None:
    for world in KEPT:
        for row in world["rows"]:
            assert list(row["cells"])[:-1] == list(world["pictures"])
            for cells in row["cells"].values():
                for value, low, high in cells.values():
                    assert 0 <= low <= high <= 1
                    assert low - 0.05 <= value <= high + 0.05  # a calibration error is biased in a drawn sample


def samples(root: str) -> list[Sample]:
    made = []
    for split in ("train", "validation", "test"):
        for maker, label in (("camera", 0), ("one", 1), ("two", 1)):
            made += [Sample(f"{root}/{split}/{maker}-{n}.png", label, maker, split) for n in range(20)]
    return made


def counted(found: list[Sample]) -> dict[tuple[str, str], int]:
    keys = [(one.split or "", one.generator) for one in found]
    return {key: keys.count(key) for key in keys}


def test_other_generators_are_met_in_the_test_alone(board: Any) -> None:
    world = board.World("w", "", "", "fake", (), taught=("one",))
    assert counted(board.material(samples("/a"), Path("/a"), world, 0.25)) == {
        **{("test", maker): 20 for maker in ("camera", "one", "two")},
        **{(split, maker): 5 for split in ("train", "validation") for maker in ("camera", "one")},
    }


def test_a_validation_split_that_is_measured_calibrates_nothing(board: Any) -> None:
    world = board.World("w", "", "", "fake", (), measured="validation", held=0.3)
    found = board.material(samples("/a"), Path("/a"), world, 1.0)
    assert {one.uri.split("/")[2] for one in found if one.split == "test"} == {"validation"}
    assert {one.uri.split("/")[2] for one in found if one.split != "test"} == {"train"}
    assert (len(found), 8 <= sum(one.split == "validation" for one in found) <= 28) == (120, True)
    moved = board.material(samples("/b"), Path("/b"), world, 1.0)  # another folder, the same lots
    assert [one.split for one in moved] == [one.split for one in found]


def test_generators_of_few_pictures_are_measured_together(board: Any) -> None:
    few = [Sample(f"/a/test/three-{n}.png", 1, "three", "test") for n in range(4)]
    found = board.material([*samples("/a"), *few], Path("/a"), board.World("w", "", "", "fake", (), least=5), 1.0)
    tested = {key[1]: count for key, count in counted(found).items() if key[0] == "test"}
    assert tested == {"camera": 20, "one": 20, "two": 20, "others": 4}


def test_rows_that_saw_other_pictures_make_no_table(board: Any) -> None:
    world = board.World("w", "", "", "fake", ())
    one = {"name": "one", "pictures": {"x": [5, 5, 0]}}
    with pytest.raises(DataError, match=r"other was measured on \{'x': \[5, 4, 0\]\}, one on \{'x': \[5, 5, 0\]\}"):
        board.gathered(world, [one, {"name": "other", "pictures": {"x": [5, 4, 0]}}])
    with pytest.raises(DataError, match=r"one was measured on \{'x': \[5, 5, 1\]\}"):
        board.gathered(world, [{**one, "pictures": {"x": [5, 5, 1]}}])


def test_two_rows_of_one_name_are_refused(board: Any, tmp_path: Path) -> None:
    row = '[[w.rows]]\nmethod = "npr"\nsees = "x"\n'
    (tmp_path / "two.toml").write_text(f'[w]\ntitle = "t"\nabout = "a"\nsuite = "fake"\n{row}{row}')
    with pytest.raises(OptionError, match="two rows are called 'npr', expected one"):
        board.worlds(tmp_path / "two.toml")


def painted(root: Path) -> Path:
    """Smooth pictures are real, grainy ones generated; a manifest without a test split."""
    lines, random = ["path,label,generator,split"], np.random.default_rng(0)
    for split, count in (("train", 24), ("validation", 8)):
        for label, maker in ((0, "camera"), (1, "grain")):
            for number in range(count):
                rgb = np.full((40, 40, 3), random.integers(60, 200)) + random.normal(0, 2 + 20 * label, (40, 40, 3))
                name = f"{split}-{maker}-{number}.png"
                Image.fromarray(rgb.clip(0, 255).astype(np.uint8)).save(root / name)
                lines.append(f"{name},{label},{maker},{split}")
    (root / "manifest.csv").write_text("\n".join(lines) + "\n")
    return root / "manifest.csv"


REGISTRY = """[small]
title = "A small world"
about = "Smooth or grainy."
suite = '{suite}'
measured = "validation"
held = 0.4
[[small.rows]]
method = "trivial-energy"
sees = "how much neighbours differ"
[[small.rows]]
method = "univfd"
sees = "CLIP's vector"
settings = {{ epochs = {epochs} }}
"""


def test_one_command_makes_the_page_and_again_makes_nothing(leaderboard: Any, tmp_path: Path) -> None:
    suite = save_fake_suite(tmp_path / "suite")
    manifest, registry, page = painted(tmp_path), tmp_path / "rows.toml", tmp_path / "board.md"
    command = ["--cache", str(tmp_path / "cache"), "--data", f"small={manifest}"]
    command += ["--registry", str(registry), "--page", str(page)]

    def run(epochs: int) -> dict[str, tuple[int, int]]:
        registry.write_text(REGISTRY.format(suite=suite, epochs=epochs))
        assert leaderboard.main(command) == 0
        heads = {one.stem: one for one in (tmp_path / "cache" / "small" / "heads").glob("*.safetensors")}
        return {name: (one.stat().st_ino, one.stat().st_mtime_ns) for name, one in heads.items()}

    first, again, longer = run(1), run(1), run(2)
    assert first == again
    assert first["trivial-energy"] == longer["trivial-energy"]
    assert first["univfd"] != longer["univfd"]
    (world,) = json.loads(gzip.decompress(page.with_suffix(".json.gz").read_bytes()))
    assert world["pictures"] == {"grain": [8, 8, 0]}
    rows = {row["name"]: row for row in world["rows"]}
    assert rows["trivial-energy"]["cells"]["grain"]["auc"][0] == 1.0
    assert rows["univfd"]["settings"] == {"epochs": 2}
    assert sum(rows["univfd"]["learned"].values()) < 48
    assert "| `trivial-energy` |" in page.read_text()
    registry.write_text(REGISTRY.format(suite=suite, epochs=1))
    assert leaderboard.main([*command, "--only", "univfd"]) == 0
    (world,) = json.loads(gzip.decompress(page.with_suffix(".json.gz").read_bytes()))
    assert [row["settings"] for row in world["rows"]] == [{}, {"epochs": 1}]
    assert world["rows"][0] == rows["trivial-energy"]
    with pytest.raises(OptionError, match="--data is big=x, expected one of small before the sign"):
        leaderboard.main([*command, "--data", "big=x"])
    with pytest.raises(OptionError, match="--only is 'univdf', expected one of trivial-energy, univfd"):
        leaderboard.main([*command, "--only", "univdf"])


def test_figures_move_with_the_pictures_of_the_key(leaderboard: Any, board: Any, tmp_path: Path) -> None:
    suite = Suite.load(save_fake_suite(tmp_path))
    row = board.Row("npr", "pixels")
    key = leaderboard._key(row, suite, Path("unused"), [("a.png", 1, "test")])
    assert key == leaderboard._key(replace(row, sees="other words"), suite, Path("unused"), [("a.png", 1, "test")])
    assert key != leaderboard._key(row, suite, Path("unused"), [("b.png", 1, "test")])
    assert key != leaderboard._key(replace(row, settings={"epochs": 2}), suite, Path("unused"), [("a.png", 1, "test")])
