"""Reproduce: the recipes that are shipped, what they take of a tree, and whole runs two pictures a cell."""

from __future__ import annotations

import json
import math
import tomllib
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from unprompt.datasets.diffusionforensics import DIFFUSIONFORENSICS
from unprompt.datasets.genimage import GENIMAGE
from unprompt.datasets.universal import UNIVERSAL
from unprompt.detectors import EVERY
from unprompt.errors import DataError, OptionError
from unprompt.evaluation import TableRecipe
from unprompt.perturbations import Chain
from unprompt.types import GENERATED, REAL
from unprompt.workflows.laboratory import cells
from unprompt.workflows.planning.dry_run import DryRun
from unprompt.workflows.planning.recipe_files import recipe, recipes
from unprompt.workflows.planning.recipes import select, specs_of
from unprompt.workflows.reproduce import Reproduction, reproduce

from .benchmark_trees import GENIMAGE as INNER
from .benchmark_trees import diffusionforensics_tree, forensynths_tree, genimage_tree, paint

pytestmark = pytest.mark.usefixtures("own_cache")

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "pictures"
FEW = {"pictures": 2, "repeats": 20, "options": {"epochs": 1}}
CELLS = sorted(recipes())
MISPRINTED = {
    ("sare/table3", "DRCT", "auc"): 80.58,
    ("tidy/table3", "TIDY", "accuracy"): 87.28,
    ("item/table3", "ITEM", "accuracy"): 87.28,
    ("tidy/table1", "ResNet-50", "accuracy"): 74.12,
}
"""Printed averages that are not those of their cells -> what they are; of the last one a cell is missing."""


@pytest.fixture(scope="module")
def genimage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """GenImage's true tree, three pictures a cell of the test sets, without VQDM."""
    root = tmp_path_factory.mktemp("genimage") / "root"
    genimage_tree(root, [name for name in INNER if name != "VQDM"], ["stable_diffusion_v_1_4"], pictures=3)
    paint(root / "ADM" / INNER["ADM"] / "train" / "ai" / "000_adm_00001.PNG", True)  # not to be learned from
    return root


@pytest.fixture(scope="module")
def universal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ForenSynths and UniversalFakeDetect side by side, two pictures a cell."""
    columns = recipe("item/table1").columns
    return forensynths_tree(
        tmp_path_factory.mktemp("universal") / "root", {one.generator: one.real or one.generator for one in columns}
    )


def fields_of(name: str) -> dict[str, object]:
    return tomllib.loads(recipes()[name].read_text())


# the recipes


def test_the_shipped_recipes_are_found_by_name() -> None:
    assert [name for name in recipes() if name.startswith("sare")] == [
        *(f"sare/figure{one}" for one in (16, 2, 4, 7, 8)),
        *(f"sare/table{one}" for one in (1, 3, 5, 6, 7)),
    ]
    assert len(recipes()) == 41
    with pytest.raises(
        OptionError, match=r"got the table 'sare/table9', expected one of beyond/few-shot, beyond/knob, bey"
    ):
        recipe("sare/table9")


@pytest.mark.parametrize("name", CELLS)
def test_a_recipe_is_sound(name: str) -> None:
    """Options are the methods', perturbations exist, and printed averages are those of their cells."""
    found = recipe(name)
    for row in found.rows:
        if row.method:
            EVERY[row.method].Options().override(row.options)
        for metric, numbers in row.paper.items():
            cells = [one for one in numbers[:-1] if not math.isnan(one)]
            averaged = isinstance(found, TableRecipe) and not found.perturbations
            if averaged and len(cells) > 1 and not math.isnan(numbers[-1]):
                assert np.mean(cells) == pytest.approx(
                    MISPRINTED.get((name, row.name, metric), numbers[-1]), abs=0.0075
                )
    for chain in found.perturbations:
        assert str(Chain.parse(chain)) == chain
    head = recipes()[name].read_text().partition("\ntitle")[0]
    for word in (
        f"unprompt reproduce {name} --suite paper",
        f"unprompt reproduce {name} --suite miniature",
        "Expected",
    ):
        assert word in head
    benchmarks = [GENIMAGE, UNIVERSAL, DIFFUSIONFORENSICS]
    for column in found.columns:
        known = [one for one in benchmarks if one.generator(column.generator) == column.generator]
        assert known or column.generator == "stable_diffusion_v_2_1", column
        assert not column.real or column.real in UNIVERSAL.partners(column.generator)


def test_numbers_are_the_papers() -> None:
    """Cells read off the papers' pages, and the gains that their texts state."""
    rows = {name: {row.name: row.paper for row in recipe(name).rows} for name in recipes()}
    sare, item = recipe("sare/table1"), recipe("item/table1")
    told = sare.paper(sare.rows[-1], whole=True)
    assert told["", "Midjourney", "accuracy"] == pytest.approx(0.9032)
    assert (told["", "macro", "accuracy"], told["", "macro", "auc"]) == pytest.approx((0.9317, 0.9815))
    assert ("", "macro", "ap") not in item.paper(item.rows[-1], whole=False)
    for name, metric, first, second, gain in (
        ("sare/table1", "accuracy", "SARE", "DRCT", 4.36),
        ("sare/table1", "auc", "SARE", "DRCT", 2.49),
        ("item/table1", "ap", "ITEM", "DIRE", 11.33),
        ("item/table1", "ap", "ITEM", "UniFD", 1.71),
        ("item/table1", "ap", "ITEM", "NPR", 8.04),
        ("sare/table6", "auc", "SARE, w = 2.5", "SARE, w = 7.5", 0.09),
        ("semgir/table1", "accuracy", "SemGIR", "UnivFD", 16.93),
        ("semgir/table4", "accuracy", "SemGIR", "candidate", 12.86),
        ("tidy/table3", "ap", "TIDY", "UniFD", 3.29),
        ("item/table3", "accuracy", "ITEM", "NPR", 7.95),
    ):
        gap = rows[name][first][metric][-1] - rows[name][second][metric][-1]
        assert gap == pytest.approx(gain, abs=0.0051), (name, first, second)
    told = rows["tidy/table1"]["TIDY"]
    assert np.mean(told["accuracy"][:-1]) - 87.17 == pytest.approx(2.54, abs=0.006)  # ITEM's average of UniFD
    assert np.mean(told["ap"][:-1]) - 95.34 == pytest.approx(1.69, abs=0.006)


def test_a_wrong_recipe_is_told(tmp_path: Path) -> None:
    text = recipes()["sare/table1"].read_text()
    for old, new, told in (
        ("91.19, 57.05, 48.63, 71.76", "91.19, 57.05, 71.76", "GramNet: accuracy has 8 numbers; expected 1 or 9"),
        ('metrics = ["accuracy", "auc"]', 'metrics = ["accuracy", "f1"]', "metric 'f1'; expected one of"),
        (
            'loader = "genimage"',
            'lodaer = "genimage"',
            "recipe mine: lodaer is unknown, expected one of axis, candidates, claims, columns, fpr, loader",
        ),
        ('method = "sare"', 'method = "sear"', "SARE: no method 'sear' among sare, semgir"),
        ('plus = [{ row = "SARE" }]', 'plus = [{ row = "SERA" }]', "claims 0: no row 'SERA' among GramNet, "),
        (
            'plus = [{ row = "SARE" }]',
            'plus = [{ row = "SARE", perturbation = "jpeg:90" }]',
            "claims 0: no perturbation 'jpeg:90' in this table",
        ),
        ('heading = "MJ"', "heading = 3", "recipe mine: columns 0 heading is 3, expected a text"),
        (
            'generators = ["stable',
            'generator = ["stable',
            "train generator is unknown, expected one of generators, pic",
        ),
        ('["stable_diffusion_v_1_4"]', "[]", r"train generators is \[\], expected one or more"),
        ("title = ", "title ", r"mine\.toml cannot be read as a recipe"),
    ):
        assert old in text
        (tmp_path / "mine.toml").write_text(text.replace(old, new, 1))
        with pytest.raises(DataError, match=told):
            recipe(str(tmp_path / "mine.toml"))
    (tmp_path / "mine.toml").write_text(text)
    assert recipe(str(tmp_path / "mine.toml")).rows == recipe("sare/table1").rows


def test_the_list_says_what_a_suite_lacks(genimage: Path) -> None:
    found = {one.name: one for one in reproduce(listed=True, suite="fake")}
    assert list(found) == CELLS
    assert (found["sare/table1"].status, found["sare/table1"].lacking) == ("runnable", ())
    assert (found["tidy/figure7"].status, found["sare/table5"].status) == ("1 of 3 rows", "3 of 4 rows")
    assert found["tidy/figure7"].lacking[0].startswith("suite 'fake' has no other encoder")
    assert found["sare/table5"].lacking[0].startswith("suite 'fake' has no other captioner")
    assert reproduce("tidy/figure7", listed=True, suite="fake") == (found["tidy/figure7"],)
    paper = {one.name: one for one in reproduce(listed=True, suite="paper", data=str(genimage))}
    assert "unprompt fetch" in paper["sare/table6"].lacking[0]
    assert paper["item/table1"].status == "missing: 1 thing"
    assert "its folders do not tell its generator and split" in paper["item/table1"].lacking[0]
    with pytest.raises(OptionError, match="no table is named, expected PAPER/TABLE, or --list"):
        reproduce()


# what is taken


def test_a_root_is_read_by_the_recipes_own_loader(tmp_path: Path) -> None:
    sare = recipe("sare/table1")
    assert specs_of(sare, ["/data/root"], "paper") == ["genimage:/data/root"]
    assert specs_of(sare, ["folder:/data", "miniature:"], "paper") == ["folder:/data", "miniature:"]
    assert specs_of(sare, [], "miniature") == ["miniature:"]
    (tmp_path / "list.csv").write_text("path,label\n")
    assert specs_of(sare, [str(tmp_path / "list.csv")], "paper") == [str(tmp_path / "list.csv")]
    with pytest.raises(OptionError, match="--data is missing, expected the root of genimage"):
        specs_of(sare, [], "paper")


def test_only_the_papers_generators_are_learned_from(genimage: Path) -> None:
    found = select(recipe("sare/table1"), [f"genimage:{genimage}"])
    assert not found.problems
    assert [one.generator for one in found.absent] == ["VQDM"]
    cells = {(one.split, one.label, one.generator): one.pictures for one in found.cells()}
    learned = "stable_diffusion_v_1_4"
    for split in ("train", "validation"):
        assert {key for key in cells if key[0] == split} == {(split, REAL, learned), (split, GENERATED, learned)}
        assert cells[split, REAL, learned] == cells[split, GENERATED, learned] == 2
    tested = set(INNER) - {"VQDM"}
    assert {key[2] for key in cells if key[0] == "test"} == tested
    assert all(cells["test", label, name] == 3 for label in (REAL, GENERATED) for name in tested)
    few = select(recipe("sare/table1"), [f"genimage:{genimage}"], pictures=2)
    assert {one.pictures for one in few.cells()} == {2}
    assert set(few.samples) <= set(found.samples)
    with pytest.raises(OptionError, match="--pictures is 0, expected 1 or more"):
        select(recipe("sare/table1"), [f"genimage:{genimage}"], pictures=0)


def test_an_index_of_ones_own_may_spell_the_generators_otherwise(genimage: Path, tmp_path: Path) -> None:
    lines = ["path,label,generator,split"]
    for number, (name, split) in enumerate(
        [("sd14", "train"), ("sd14", "validation"), ("sd14", "test"), ("MJ", "test"), ("mine", "test")]
    ):
        for label in (REAL, GENERATED):
            paint(tmp_path / f"{number}-{label}.png", bool(label))
            lines.append(f"{tmp_path / f'{number}-{label}.png'},{label},{name},{split}")
    (tmp_path / "list.csv").write_text("\n".join(lines))
    found = select(recipe("sare/table1"), [str(tmp_path / "list.csv")])
    assert [one.generator for one in found.columns] == ["Midjourney", "stable_diffusion_v_1_4"]
    assert {one.generator for one in found.samples} == {"Midjourney", "stable_diffusion_v_1_4"}
    assert not found.problems
    assert select(recipe("sare/table1"), [f"genimage:{genimage}"], train=["SDv1.4"]).learned == found.learned


def test_another_benchmarks_pictures_are_not_the_papers_test_set(genimage: Path) -> None:
    assert select(recipe("item/table1"), [f"genimage:{genimage}"], train=["sd14"]).standing_in


def test_shared_real_pictures_are_paired(universal: Path) -> None:
    found = select(recipe("item/table1"), [f"universal:{universal}"])
    assert (found.absent, found.problems) == ((), ())
    assert found.pairs() == {one.generator: one.real for one in recipe("item/table1").columns if one.real}
    told = {**fields_of("item/table1"), "train": {"generators": ["progan"], "pictures": 1}}
    one = select(TableRecipe.from_dict("mine/table", told), [f"universal:{universal}"])
    assert [cell.pictures for cell in one.cells() if cell.split == "train"] == [1, 1]
    assert {cell.pictures for cell in one.cells() if cell.split != "train"} == {2}


def test_a_tree_without_the_training_generator_is_refused(genimage: Path, tmp_path: Path) -> None:
    data = f"genimage:{genimage}/ADM"
    with pytest.raises(
        DataError, match=r"sare/table1 cannot be run on .*no generated picture by stable_diffusion_v_1_4"
    ):
        reproduce("sare/table1", data=data, suite="fake", out=tmp_path)
    assert not list(tmp_path.iterdir())


# whole runs


@pytest.fixture(scope="module")
def run(genimage: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Reproduction]:
    folder = tmp_path_factory.mktemp("run")
    found = reproduce(
        "sare/table1", data=str(genimage), suite="fake", out=folder / "out", store=folder / "store", **FEW
    )
    assert isinstance(found, Reproduction)
    return folder, found


def numbers(found: Reproduction, row: str) -> dict[tuple[str, str, str], object]:
    """(perturbation, generator, metric) -> result, of one row."""
    return {
        (one.perturbation, one.generator, one.metric): one
        for one in found.rows
        if json.loads(one.settings)["row"] == row
    }


def test_sare_runs_the_whole_way_on_genimage(run: tuple[Path, Reproduction]) -> None:
    folder, found = run
    assert found.absent == ("VQDM",)
    wanted = recipe("sare/table1")
    assert set(found.left_out) == {row.name for row in wanted.rows if not row.method}
    for own in (wanted.rows[-1], wanted.rows[-2]):
        rows = numbers(found, own.name)
        for column in wanted.columns:
            if column.generator != "VQDM":
                row = rows["", column.generator, "auc"]
                assert (row.n_real, row.n_generated, row.suite, row.split) == (2, 2, "fake", "test")
                assert row.paper == wanted.paper(own, True)["", column.generator, "auc"]
                assert row.low <= row.value <= row.high
        assert rows["", "macro", "auc"].paper is None  # of other test sets than the paper's
        unseen = [name for name in INNER if name not in ("VQDM", "stable_diffusion_v_1_4")]
        mean = np.mean([rows["", name, "auc"].value for name in unseen])
        assert rows["", "unseen", "auc"].value == pytest.approx(mean)
    stored = pq.read_table(folder / "out" / "results.parquet").to_pylist()
    assert [row["value"] for row in stored] == [row.value for row in found.rows]
    names = {path.name for path in found.files}
    assert names == {"results.parquet", "results.json", "table.md", "table.html", "table.tex", "claims.json"}
    told = json.loads((folder / "out" / "claims.json").read_text())["claims"]
    assert [one["answer"] for one in told] == [one.answer for one in found.claims]
    gap = found.claims[1]
    mine, theirs = (numbers(found, name)["", "macro", "auc"].value for name in ("SARE", "DRCT"))
    assert gap.difference == pytest.approx(100 * (mine - theirs))
    assert gap.low <= gap.difference <= gap.high


def test_tables_stand_as_the_paper_lays_them_out(run: tuple[Path, Reproduction]) -> None:
    folder, found = run
    rows = numbers(found, "SARE")
    auc = found.tables[1]
    columns = ("MJ", "SDv1.4", "SDv1.5", "ADM", "GLIDE", "Wukong", "VQDM", "BigGAN", "Avg.", "Avg. unseen")
    assert auc.header == ("method", *columns)
    lines = {row[0]: row[1:] for row in auc.rows}
    assert lines["DRCT, printed"][:2] == ("96.91", "99.64")
    assert lines["SARE, printed"][-2:] == ("98.15", "\N{EN DASH}")
    ours = 100 * rows["", "ADM", "auc"].value
    assert lines["SARE, ours"][3].startswith(f"{ours:.2f} [")
    assert lines["SARE, ours minus printed"][3] == f"{ours - 94.87:+.2f}".replace("-", "\N{MINUS SIGN}")
    assert (lines["SARE, ours"][6], lines["SARE, ours minus printed"][6]) == ("\N{EN DASH}",) * 2
    assert lines["SARE, ours"][-2].endswith("*")
    assert lines["SARE, ours minus printed"][-2] == "\N{EN DASH}"
    assert "n = 14 real and 14 generated" in auc.title
    below = {row[0]: row[1:] for row in found.tables[0].rows}["SARE, ours, at 0.5 before calibration"]
    assert below[3].startswith(f"{100 * rows['', 'ADM', 'raw_accuracy'].value:.2f} [")
    assert below[6] == "\N{EN DASH}"
    assert "SARE, ours, at 0.5 before calibration" not in lines
    assert [row[0] for row in found.tables[-1].rows] == [one.says for one in recipe("sare/table1").claims]
    for form in ("md", "html", "tex"):
        text = (folder / "out" / f"table.{form}").read_text()
        assert "98.15" in text
        assert "raises the backbone" in text


def test_the_same_command_goes_on_and_another_is_refused(
    run: tuple[Path, Reproduction], genimage: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, found = run
    command = {"data": str(genimage), "suite": "fake", "out": folder / "out", "store": folder / "store"}
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    monkeypatch.setattr(cells, "extract", None)  # nothing is made a second time
    monkeypatch.setattr(cells, "train", None)
    again = reproduce("sare/table1", **command, **FEW)
    assert isinstance(again, Reproduction)
    assert (again.rows, again.claims) == (found.rows, found.claims)
    assert "sare/table1: no test pictures by VQDM (VQDM): the table has a hole there" in caplog.messages
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    with pytest.raises(OptionError, match=r"holds a run with seed 0, this one has 1: name another folder with --out"):
        reproduce("sare/table1", **command, **FEW, seed=1)


def test_another_table_shares_evidence_and_heads(
    run: tuple[Path, Reproduction], genimage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Table 6 asks for DRCT and for w = 7.5 as table 1 made them, and for captions that are there."""
    folder, found = run
    (place,) = (folder / "store").glob("*/evidence")
    before, trained = {path.name for path in (place / "products").iterdir()}, []
    train = cells.train
    monkeypatch.setattr(cells, "train", lambda method, **given: trained.append(method) or train(method, **given))
    shared = reproduce("sare/table6", data=str(genimage), suite="fake", out=tmp_path, store=folder / "store", **FEW)
    assert isinstance(shared, Reproduction)
    made = {path.name for path in (place / "products").iterdir()} - before
    assert trained == ["sare"] * 2
    assert len(made) == 2  # the reconstructions at w = 2.5 and 12.5; those at 7.5 are the suite's own
    mine, theirs = (numbers(one, "DRCT")["", "macro", "auc"] for one in (shared, found))
    assert mine.value == theirs.value
    table = {row[0]: row[1:] for row in shared.tables[1].rows}
    assert table["SARE, w = 2.5, printed"][-2:] == ("98.24", "\N{EN DASH}")


def test_item_runs_the_whole_way_on_shared_real_pictures(universal: Path, tmp_path: Path) -> None:
    made = of_few("item/table1", tmp_path, ["UniFD", "VIB-Net", "ITEM"])
    found = run_fake(made, tmp_path, [f"universal:{universal}"])
    assert found.absent == ()
    rows = numbers(found, "ITEM")
    assert (rows["", "dalle", "ap"].n_real, rows["", "macro", "ap"].n_real) == (2, 2 * 10)
    assert rows["", "macro", "ap"].paper == pytest.approx(0.9705)
    columns = [one.generator for one in recipe("item/table1").columns]
    assert rows["", "macro", "ap"].value == pytest.approx(np.mean([rows["", name, "ap"].value for name in columns]))
    gap = dict((row[0], row[1:]) for row in found.tables[1].rows)["ITEM, ours minus printed"]
    assert "\N{EN DASH}" not in gap[:17]


def run_fake(name: str, folder: Path, data: list[str], **given: object) -> Reproduction:
    found = reproduce(name, data=data, suite="fake", out=folder / "out", store=folder / "store", **{**FEW, **given})
    assert isinstance(found, Reproduction)
    assert all(one.answer in ("holds", "does not hold", "undecided", "not run") for one in found.claims)
    return found


def test_a_table_of_perturbations_has_a_column_for_each(genimage: Path, tmp_path: Path) -> None:
    """SARE's tables 7 and 8, of a small tree and with fewer baselines; the printed numbers are means."""
    told = {**fields_of("sare/table7"), "perturbations": ["jpeg:90", "scale:0.75"]}
    kept = [row for row in told["rows"] if row["name"] in ("SARE", "DRCT")]
    rows = [{**row, "paper": {"accuracy": row["paper"]["accuracy"][:2]}} for row in kept]
    text = tomled({**told, "rows": rows, "claims": [one for one in told["claims"] if "NPR" not in one["says"]]})
    (tmp_path / "mine.toml").write_text(text)
    found = run_fake(str(tmp_path / "mine.toml"), tmp_path, [f"genimage:{genimage}"])
    accuracy = found.tables[0]
    assert accuracy.header == ("method", "unchanged", "jpeg:90", "scale:0.75")
    lines = {row[0]: row[1:] for row in accuracy.rows}
    assert lines["SARE, printed"] == ("\N{EN DASH}", "85.64", "82.72")
    rows = numbers(found, "SARE")
    assert lines["SARE, ours"][1].startswith(f"{100 * rows['jpeg:90', 'macro', 'accuracy'].value:.2f} [")
    mean = [
        np.mean([numbers(found, name)[chain, "macro", "auc"].value for chain in told["perturbations"]])
        for name in ("SARE", "DRCT")
    ]
    assert found.claims[0].difference == pytest.approx(100 * (mean[0] - mean[1]))


def tomled(told: dict[str, object]) -> str:
    """A recipe's fields as TOML: JSON's spelling of values serves, tables being inline."""

    def value(one: object) -> str:
        if isinstance(one, dict):
            return "{ " + ", ".join(f"{json.dumps(name)} = {value(own)}" for name, own in one.items()) + " }"
        if isinstance(one, list):
            return f"[{', '.join(map(value, one))}]"
        return json.dumps(one).replace("NaN", "nan")

    return "\n".join(f"{name} = {value(one)}" for name, one in told.items())


@pytest.fixture(scope="module")
def six(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What SemGIR's tables need of GenImage; SD v2.1 stands in a list of one's own."""
    root = tmp_path_factory.mktemp("six")
    names = ["stable_diffusion_v_1_5", "ADM"]
    genimage_tree(root / "genimage", names, names)
    lines = ["path,label,generator,split"]
    for split in ("train", "validation", "test"):
        for number in range(2):
            paint(root / "own" / f"{split}-{number}.png", True)
            lines.append(f"{root / 'own' / f'{split}-{number}.png'},1,stable_diffusion_v_2_1,{split}")
    (root / "own.csv").write_text("\n".join(lines))
    return [f"genimage:{root / 'genimage'}", f"manifest:{root / 'own.csv'}"]


def of_few(name: str, folder: Path, rows: list[str], **changed: object) -> str:
    """A shipped recipe with some of its rows, and training sets that a small tree has."""
    told = fields_of(name)
    kept = [one for one in told["rows"] if one["name"] in rows]
    named = [one for one in told["claims"] if {t["row"] for t in one["plus"] + one.get("minus", [])} <= set(rows)]
    (folder / "mine.toml").write_text(tomled({**told, "rows": kept, "claims": named, **changed}))
    return str(folder / "mine.toml")


THREE = {"train": {"generators": ["stable_diffusion_v_1_5", "stable_diffusion_v_2_1", "ADM"], "pictures": 2}}


def test_semgirs_ablations_run_the_whole_way(six: list[str], tmp_path: Path) -> None:
    rows = ["SemGIR", "candidate and caption", "candidate", "drawn by SDv2.1", "other features"]
    found = run_fake(of_few("semgir/table4", tmp_path, rows, **THREE), tmp_path, six)
    assert set(found.left_out) == {"drawn by SDv2.1"}
    assert "has no other diffusion: its models are files of its own" in found.left_out["drawn by SDv2.1"]
    assert found.claims[-1].answer == "not run"
    values = {json.loads(one.settings)["row"]: json.loads(one.settings)["options"] for one in found.rows}
    assert values["candidate"]["features"] == "candidate"
    assert found.tables[0].header[1:7] == ("SDv1.5", "SDv2.1", "Midjourney", "ADM", "VQDM", "StyleGAN2")


def test_attribution_asks_each_candidate_about_all_pictures(six: list[str], tmp_path: Path) -> None:
    """A baseline is trained once a candidate, on the same evidence under other labels; real pictures have no part."""
    made = of_few("semgir/table2", tmp_path, ["UnivFD"], **THREE, claims=[CLAIM])
    found = run_fake(made, tmp_path, six, options={"epochs": 2})
    rows = numbers(found, "UnivFD")
    (place,) = (tmp_path / "store").glob("*/heads")
    assert len(list(place.glob("univfd-0-*.safetensors"))) == 2
    own = rows["", "stable_diffusion_v_1_5", "accuracy"]
    assert (own.n_generated, own.n_real) == (2, 4)  # its own pictures against those of the two others
    mean = np.mean([rows["", f"stable_diffusion_v_{one}", "accuracy"].value for one in ("1_5", "2_1")])
    assert rows["", "macro", "accuracy"].value == pytest.approx(mean)
    assert found.tables[0].header == ("method", "SDv1.5", "SDv2.1", "Avg.")
    assert own.paper == pytest.approx(0.7748)


CLAIM = {"says": "It is above nothing", "metric": "accuracy", "plus": [{"row": "UnivFD"}]}


def test_an_attributor_answers_for_all_candidates(six: list[str], tmp_path: Path) -> None:
    """The suite fake draws by its own generators, whose names the pictures bear for once."""
    lines = ["path,label,generator,split"]
    for split in ("train", "validation", "test"):
        for number in range(2):
            for name in ("scenes", "diffusion", "sibling", "flow"):
                path = tmp_path / "own" / f"{split}-{name}-{number}.png"
                paint(path, name != "scenes")
                lines.append(f"{path},{int(name != 'scenes')},{name},{split}")
    (tmp_path / "own.csv").write_text("\n".join(lines))
    made = of_few("semgir/table2-jpeg", tmp_path, ["SemGIR-A", "CNNSpot"], perturbations=["jpeg:90"])
    found = run_fake(
        made, tmp_path, [f"manifest:{tmp_path / 'own.csv'}"], options={"epochs": 1, "crop": 28, "resize": 32}
    )
    rows = numbers(found, "SemGIR-A")
    for chain in ("", "jpeg:90"):
        assert (rows[chain, "sibling", "accuracy"].n_generated, rows[chain, "sibling", "accuracy"].n_real) == (2, 4)
    assert found.tables[0].header == ("method", "unchanged", "jpeg:90")
    terms = [
        numbers(found, name)[chain, "macro", "accuracy"].value
        for name, chain in (("SemGIR-A", "jpeg:90"), ("CNNSpot", ""), ("SemGIR-A", ""), ("CNNSpot", "jpeg:90"))
    ]
    assert found.claims[0].difference == pytest.approx(100 * (terms[0] + terms[1] - terms[2] - terms[3]))


def test_an_open_set_asks_whether_any_candidate_drew_it(six: list[str], tmp_path: Path) -> None:
    """The highest of the candidates' probabilities; nothing is learned from ADM, which no head knows."""
    told = {"train": {"generators": ["stable_diffusion_v_1_5", "stable_diffusion_v_2_1"], "pictures": 2}}
    made = of_few("beyond/open-set", tmp_path, ["UnivFD"], **told)
    found = run_fake(made, tmp_path, six, options={"epochs": 2})
    views: dict[str, dict[str, float]] = {}
    makers: dict[str, str] = {}
    for path in (tmp_path / "store").glob("*/scores/univfd-0-*.parquet"):
        for row in pq.read_table(path).to_pylist():
            views.setdefault(row["pixels"], {})[row["candidate"]] = row["probability"]
            makers.setdefault(row["pixels"], "ADM")
            if row["label"]:
                makers[row["pixels"]] = row["candidate"]
    highest = {pixels: max(said.values()) for pixels, said in views.items()}
    strangers = [highest[one] for one, maker in makers.items() if maker == "ADM"]
    for name in ("stable_diffusion_v_1_5", "stable_diffusion_v_2_1"):
        known = [highest[one] for one, maker in makers.items() if maker == name]
        pairs = [(one > other) + 0.5 * (one == other) for one in known for other in strangers]
        assert numbers(found, "UnivFD")["", name, "auc"].value == pytest.approx(np.mean(pairs))
    assert found.claims[0].above == 50
    with pytest.raises(DataError, match="open_set is true, expected so in a table with candidates alone"):
        recipe(of_few("semgir/table4", tmp_path, ["SemGIR", "candidate"], open_set=True))
    with pytest.raises(DataError, match="two rows are named 'A', expected each name once"):
        TableRecipe.from_dict("m", {**fields_of("beyond/open-set"), "rows": [{"name": "A", "method": "npr"}] * 2})


def test_rows_may_learn_from_different_generators(universal: Path, tmp_path: Path) -> None:
    """ITEM's figure 6: the same evidence, and each head sees its own training set alone."""
    genimage_tree(tmp_path / "genimage", [], ["ADM"])
    data = [f"universal:{universal}", f"genimage:{tmp_path / 'genimage'}"]
    found = run_fake("item/figure6", tmp_path, data, seeds=2)
    learned = {json.loads(one.settings)["row"]: json.loads(one.settings)["learned"] for one in found.rows}
    assert learned == {"trained on ProGAN": ["progan"], "trained on ADM": ["ADM"]}
    (place,) = (tmp_path / "store").iterdir()
    assert len(list((place / "heads").glob("*.safetensors"))) == 4  # of two seeds
    indexes = [path.read_text() for path in place.glob("index-*.csv")]
    assert len(indexes) == 2
    seen = []
    for index in indexes:
        rows = [line.split(",") for line in index.splitlines()[1:]]
        seen.append({name for _, label, name, split in rows if label == "1" and split == "train"})
    assert sorted(seen, key=str) == [{"ADM"}, {"progan"}]


def test_tidys_distances_and_further_generators_run(universal: Path, genimage: Path, tmp_path: Path) -> None:
    found = run_fake("tidy/figure5", tmp_path, [f"universal:{universal}"])
    assert {json.loads(one.settings)["options"]["scope"] for one in found.rows} == {"local", "global", "both"}
    diffusionforensics_tree(tmp_path / "df", ["sdv1", "ldm"])
    made = of_few("tidy/table3", tmp_path, ["TIDY", "UniFD"])
    data = [f"forensynths:{universal}", f"genimage:{genimage}", f"diffusionforensics:{tmp_path / 'df'}"]
    found = reproduce(made, data=data, suite="fake", out=tmp_path / "df-out", store=tmp_path / "store", **FEW)
    assert isinstance(found, Reproduction)
    assert set(found.absent) == {"VQDM", "SD-v2", "DALLE-2", "Mid.", "ProjGAN", "Diff-ProjGAN", "Diff-StyleGAN"}
    assert numbers(found, "TIDY")["", "sdv1", "ap"].paper == pytest.approx(0.9411)


def test_a_dry_run_prices_the_whole(genimage: Path, tmp_path: Path) -> None:
    told = of_few("sare/table7", tmp_path, ["SARE", "UnivFD", "AIDE"], claims=[{**CLAIM, "plus": [{"row": "SARE"}]}])
    found = reproduce(told, data=str(genimage), suite="fake", store=tmp_path / "store", dry_run=True, seeds=3)
    assert isinstance(found, DryRun)
    assert found.absent == ("VQDM (VQDM)",)
    assert (found.problems, found.present, found.perturbations) == ((), 0, 5)
    assert found.pictures == sum(one.pictures for one in found.cells) == 4 * 2 + 7 * 6
    assert (found.sample, found.tested) == (7, 42)
    assert [one.row for one in found.rows] == ["UnivFD", "SARE"]
    assert found.seconds == pytest.approx(sum(one.seconds for one in found.rows))
    assert found.extract_hours == pytest.approx(found.seconds * (50 + 5 * 42) / 3600)
    assert found.kilobytes is not None
    assert found.gigabytes == pytest.approx(found.kilobytes * (50 + 5 * 42) / 1e6)
    sare = found.rows[1]
    assert sare.train_hours == pytest.approx(3 * sare.epoch_seconds * 4 * 17 / 3600)
    assert found.train_hours == pytest.approx(sum(one.train_hours for one in found.rows))
    assert found.free_gigabytes > 0
    assert json.dumps(found.to_dict())
    assert {path.name for path in tmp_path.iterdir()} == {"mine.toml"}


def test_a_dry_run_without_weights_names_them(genimage: Path, tmp_path: Path) -> None:
    found = reproduce(
        "sare/table5", data=f"genimage:{genimage}/ADM", suite="paper", store=tmp_path / "store", dry_run=True
    )
    assert isinstance(found, DryRun)
    assert "unprompt fetch" in found.rows[0].missing
    assert {one.row: one.tflop for one in found.rows}["SARE, BLIP"] == pytest.approx(0.12 + 0.81 * 2 * 25)
    assert (found.seconds, found.extract_hours, found.gigabytes) == (None, None, None)
    assert any("stable_diffusion_v_1_4 in the train split" in one for one in found.problems)
    assert len(found.absent) == 7


def test_other_models_make_a_suite_of_their_own(tmp_path: Path) -> None:
    from unprompt.instruments import Manifest

    row = next(one for one in recipe("tidy/figure8").rows if one.name == "LLaVA")
    made = Manifest.read(cells.varied_suite("paper", row, tmp_path))
    assert made.file == tmp_path / "llava" / "suite.toml"
    assert made.instruments_of("tidy")["captioner"].kind == "llava-next"
    assert made.instruments_of("tidy")["captioner"].parameters == {"prompt": "sentence"}
    assert made.instruments_of("item")["captioner"].kind == "blip-2"
    assert made.instruments_of("tidy")["encoder"] == Manifest.read("paper").instruments_of("tidy")["encoder"]


def test_the_little_world_stands_in_with_its_own_suite(tmp_path: Path) -> None:
    """Example pictures in three splits: measured, and not compared with the paper's generators."""
    lines = ["path,label,generator,split"]
    for split, first in (("train", 0), ("validation", 2), ("test", 4)):
        for number in (first, first + 1):
            lines.append(f"{EXAMPLES}/real/scene-{number:02d}.jpg,0,scenes,{split}")
            lines.append(f"{EXAMPLES}/generated/diffusion-{number:02d}.jpg,1,diffusion,{split}")
            if split == "test":
                lines.append(f"{EXAMPLES}/generated/flow-{number:02d}.jpg,1,flow,{split}")
    (tmp_path / "list.csv").write_text("\n".join(lines))
    data = f"manifest:{tmp_path / 'list.csv'}"
    made = of_few("sare/table1", tmp_path, ["SARE", "UnivFD"], claims=[{**CLAIM, "plus": [{"row": "SARE"}]}])
    found = reproduce(made, data=data, suite="miniature", out=tmp_path / "out", store=tmp_path / "store", **FEW)
    assert isinstance(found, Reproduction)
    assert {row.generator for row in found.rows} == {"diffusion", "flow", "macro", "unseen"}
    assert all(row.paper is None for row in found.rows)
    ours = found.tables[0]
    assert ours.header[:4] == ("method", "diffusion", "flow", "Avg.")
    assert "on other generators than the paper's: suite miniature, n = 2 real and 4 generated" in ours.title
    printed = found.tables[2]
    assert printed.rows[-1][0] == "SARE, printed"
    assert printed.rows[-1][-1] == "93.17"
