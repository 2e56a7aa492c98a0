"""Reproduce: the recipes that are shipped, what they take of a tree, and whole runs two pictures a cell."""

from __future__ import annotations

import json
import math
from pathlib import Path
from zlib import crc32

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from unprompt.datasets.genimage import GENIMAGE
from unprompt.datasets.tree import holdout_split
from unprompt.datasets.universal import UNIVERSAL
from unprompt.errors import DataError, OptionError
from unprompt.evaluation import TableRecipe, average_precision
from unprompt.types import GENERATED, REAL
from unprompt.workflows.planning.dry_run import DryRun
from unprompt.workflows.planning.recipes import recipe, recipes, select, specs_of
from unprompt.workflows.reproduce import Reproduction, reproduce

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "pictures"
INNER = {
    "Midjourney": "imagenet_midjourney",
    "stable_diffusion_v_1_4": "imagenet_ai_0419_sdv4",
    "stable_diffusion_v_1_5": "imagenet_ai_0424_sdv5",
    "ADM": "imagenet_ai_0508_adm",
    "glide": "imagenet_glide",
    "wukong": "imagenet_ai_0424_wukong",
    "VQDM": "imagenet_ai_0419_vqdm",
    "BigGAN": "imagenet_ai_0419_biggan",
}


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory):
    """A user's cache of our own: the suite ``fake`` is made there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


def paint(path: Path, generated: bool) -> None:
    """32 x 32 pixels that no other path has: grainy when real, a ramp when generated."""
    rng = np.random.default_rng(crc32(str(path).encode()))
    ramp = np.linspace(0, 255, 32)[None, :, None] * rng.random(3) + np.zeros((32, 1, 1))
    grain = rng.normal(0, 3 if generated else 60, (32, 32, 3))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.clip(ramp + grain, 0, 255).astype(np.uint8)).save(path)


def names_for(split: str, prefix: str) -> list[str]:
    """Two stems that a carved split takes."""
    return [stem for number in range(200) if holdout_split(stem := f"{prefix}_{number:05d}") == split][:2]


@pytest.fixture(scope="module")
def genimage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """GenImage's true tree, three pictures a cell of the test sets, without VQDM."""
    root = tmp_path_factory.mktemp("genimage") / "root"
    for outer, inner in INNER.items():
        if outer == "VQDM":
            continue
        base = root / outer / inner
        for number in range(3):
            paint(base / "val" / "ai" / f"00{number}_x_0000{number}.png", True)
            paint(base / "val" / "nature" / f"ILSVRC2012_val_0000{number}.JPEG", False)
    sd = root / "stable_diffusion_v_1_4" / INNER["stable_diffusion_v_1_4"]
    for split in ("train", "validation"):
        for stem in names_for(split, "000_sdv4"):
            paint(sd / "train" / "ai" / f"{stem}.png", True)
        for stem in names_for(split, "n01440764"):
            paint(sd / "train" / "nature" / f"{stem}.JPEG", False)
    paint(root / "ADM" / INNER["ADM"] / "train" / "ai" / "000_adm_00001.PNG", True)  # not to be learned from
    return root


@pytest.fixture(scope="module")
def universal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ForenSynths and UniversalFakeDetect side by side, two pictures a cell."""
    root = tmp_path_factory.mktemp("universal") / "root"
    for number in range(2):
        for split in ("train", "val"):
            paint(root / split / "car" / "1_fake" / f"{number}.png", True)
            paint(root / split / "car" / "0_real" / f"{number}.png", False)
        for column in recipe("item/table1").columns:
            paint(root / "test" / column.generator / "1_fake" / f"{number}.png", True)
            paint(root / "test" / (column.real or column.generator) / "0_real" / f"{number}.png", False)
    return root


# the recipes


def test_the_shipped_recipes_are_found_by_name() -> None:
    assert list(recipes()) == ["item/table1", "sare/table1"]
    with pytest.raises(OptionError, match=r"got the table 'sare/table9', expected one of item/table1, sare/table1"):
        recipe("sare/table9")


@pytest.mark.parametrize("name", ["item/table1", "sare/table1"])
def test_printed_averages_are_those_of_their_cells(name: str) -> None:
    """The papers' own arithmetic holds every copied number to its neighbours."""
    for table in recipe(name).tables:
        for row, numbers in table.rows.items():
            cells = [one for one in numbers[:-1] if not math.isnan(one)]
            assert len(cells) >= len(numbers) - 2, row
            assert sum(cells) / len(cells) == pytest.approx(numbers[-1], abs=0.0051), (table.name, row)


def test_numbers_are_the_papers() -> None:
    """Cells read off the papers' pages, and the gains that their texts state."""
    sare, item = recipe("sare/table1"), recipe("item/table1")
    told = sare.paper(whole=True)
    assert told["", "Midjourney", "accuracy"] == pytest.approx(0.9032)
    assert told["", "BigGAN", "auc"] == pytest.approx(0.9751)
    assert (told["", "macro", "accuracy"], told["", "macro", "auc"]) == pytest.approx((0.9317, 0.9815))
    accuracy, auc = (table.rows for table in sare.tables)
    assert accuracy["SARE (ours)"][-1] - accuracy["DRCT"][-1] == pytest.approx(4.36)
    assert auc["SARE (ours)"][-1] - auc["DRCT"][-1] == pytest.approx(2.49)
    told = item.paper(whole=False)
    assert told["", "guided", "accuracy"] == pytest.approx(0.7951)
    assert told["", "whichfaceisreal", "ap"] == pytest.approx(0.9793)
    assert ("", "macro", "ap") not in told
    ap = item.tables[1].rows
    for other, gain in (("DIRE", 11.33), ("UniFD", 1.71), ("NPR", 8.04)):
        assert ap["ITEM"][-1] - ap[other][-1] == pytest.approx(gain)


def test_columns_are_names_that_the_loaders_know() -> None:
    for name, benchmark in (("sare/table1", GENIMAGE), ("item/table1", UNIVERSAL)):
        for column in recipe(name).columns:
            assert benchmark.generator(column.generator) == column.generator
            assert not column.real or column.real in benchmark.partners(column.generator)


@pytest.mark.parametrize("name", ["item/table1", "sare/table1"])
def test_the_head_says_command_hours_and_numbers(name: str) -> None:
    head = recipes()[name].read_text().partition("\ntitle")[0]
    numbers = [f"{table.rows[table.own][-1]:.2f}" for table in recipe(name).tables]
    for word in (f"unprompt reproduce {name} --suite paper", "Expected", "hours", *numbers):
        assert word in head


def test_a_wrong_recipe_is_told(tmp_path: Path) -> None:
    text = recipes()["sare/table1"].read_text()
    for old, new, told in (
        ("91.19, 57.05, 48.63, 71.76", "91.19, 57.05, 71.76", "GramNet has 8 numbers; expected 8 columns and their av"),
        ('metric = "auc"', 'metric = "f1"', "table 2: metric 'f1'; expected one of"),
        (
            'loader = "genimage"',
            'lodaer = "genimage"',
            "recipe mine: lodaer is unknown, expected one of claim, columns, loader",
        ),
        ('own = "SARE (ours)"', 'own = "SARE"', "table 1: no row 'SARE' among GramNet, "),
        ('heading = "MJ"', "heading = 3", "recipe mine: columns 0 heading is 3, expected a text"),
        (
            'generators = ["stable',
            'generator = ["stable',
            "train generator is unknown, expected one of generators, pic",
        ),
        ('["stable_diffusion_v_1_4"]', "[]", r"train generators is \[\], expected one or more"),
        ("title = ", "title ", r"mine\.toml cannot be read as a recipe"),
    ):
        (tmp_path / "mine.toml").write_text(text.replace(old, new, 1))
        with pytest.raises(DataError, match=told):
            recipe(str(tmp_path / "mine.toml"))
    (tmp_path / "mine.toml").write_text(text)
    assert recipe(str(tmp_path / "mine.toml")).tables == recipe("sare/table1").tables


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
    assert set(found.pairs()) == {
        "guided=imagenet",
        *(f"{one.generator}=laion" for one in recipe("item/table1").columns if one.real == "laion"),
    }
    told = {**asdict_recipe("item/table1"), "train": {"generators": ["progan"], "pictures": 1}}
    one = select(TableRecipe.from_dict("mine/table", told), [f"universal:{universal}"])
    assert [cell.pictures for cell in one.cells() if cell.split == "train"] == [1, 1]
    assert {cell.pictures for cell in one.cells() if cell.split != "train"} == {2}


def asdict_recipe(name: str) -> dict[str, object]:
    import tomllib

    return tomllib.loads(recipes()[name].read_text())


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
    out = tmp_path_factory.mktemp("run") / "out"
    found = reproduce("sare/table1", data=str(genimage), suite="fake", out=out, **FEW)
    assert isinstance(found, Reproduction)
    return out, found


FEW = {"pictures": 2, "repeats": 20, "options": {"epochs": 1}}


def test_sare_runs_the_whole_way_on_genimage(run: tuple[Path, Reproduction]) -> None:
    out, found = run
    assert found.absent == ("VQDM",)
    rows = {(row.generator, row.metric): row for row in found.rows}
    for column in recipe("sare/table1").columns:
        if column.generator != "VQDM":
            row = rows[column.generator, "auc"]
            assert (row.n_real, row.n_generated, row.suite, row.split) == (2, 2, "fake", "test")
            assert row.paper == recipe("sare/table1").paper(True)["", column.generator, "auc"]
    assert rows["macro", "auc"].paper is None  # of other test sets than the paper's
    stored = {(row["generator"], row["metric"]): row for row in pq.read_table(out / "results.parquet").to_pylist()}
    assert {key: row["value"] for key, row in stored.items()} == {key: row.value for key, row in rows.items()}
    names = {path.name for path in found.files}
    assert names == {"results.parquet", "results.json", "table.md", "table.html", "table.tex"}


def test_tables_stand_as_the_paper_lays_them_out(run: tuple[Path, Reproduction]) -> None:
    out, found = run
    rows = {(row.generator, row.metric): row for row in found.rows}
    auc = found.tables[1]
    assert auc.header == ("method", "MJ", "SDv1.4", "SDv1.5", "ADM", "GLIDE", "Wukong", "VQDM", "BigGAN", "Avg.")
    lines = {row[0]: row[1:] for row in auc.rows}
    assert lines["DRCT, the paper"][:2] == ("96.91", "99.64")
    assert lines["SARE (ours), the paper"][-1] == "98.15"
    ours = 100 * rows["ADM", "auc"].value
    assert lines["sare, ours"][3].startswith(f"{ours:.2f} [")
    assert lines["ours minus the paper's"][3] == f"{ours - 94.87:+.2f}".replace("-", "\N{MINUS SIGN}")
    assert (lines["sare, ours"][6], lines["ours minus the paper's"][6]) == ("\N{EN DASH}",) * 2
    assert lines["sare, ours"][-1].endswith("*")
    assert lines["ours minus the paper's"][-1] == "\N{EN DASH}"
    assert "n = 14 real and 14 generated" in auc.title
    below = {row[0]: row[1:] for row in found.tables[0].rows}["sare, ours, at 0.5 before calibration"]
    assert below[3].startswith(f"{100 * rows['ADM', 'raw_accuracy'].value:.2f} [")
    assert (below[6], below[-1][-1]) == ("\N{EN DASH}", "*")
    assert "sare, ours, at 0.5 before calibration" not in lines
    for form in ("md", "html", "tex"):
        text = (out / f"table.{form}").read_text()
        assert "98.15" in text
        assert "93.17" in text


def test_the_same_command_goes_on_and_another_is_refused(
    run: tuple[Path, Reproduction], genimage: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out, found = run
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    again = reproduce("sare/table1", data=str(genimage), suite="fake", out=out, **FEW)
    assert isinstance(again, Reproduction)
    assert again.rows == found.rows
    assert any(line.startswith("sare: already trained") for line in caplog.messages)
    assert "sare/table1: no test pictures by VQDM (VQDM): the table has a hole there" in caplog.messages
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    with pytest.raises(OptionError, match=r"holds a run with seed 0, this one has 1: name another folder with --out"):
        reproduce("sare/table1", data=str(genimage), suite="fake", out=out, **FEW, seed=1)


def test_item_runs_the_whole_way_on_shared_real_pictures(universal: Path, tmp_path: Path) -> None:
    found = reproduce("item/table1", data=[f"universal:{universal}"], suite="fake", out=tmp_path, **FEW)
    assert isinstance(found, Reproduction)
    assert found.absent == ()
    rows = {(row.generator, row.metric): row for row in found.rows}
    assert (rows["dalle", "ap"].n_real, rows["pooled", "ap"].n_real) == (2, 2 * 10)
    assert rows["macro", "ap"].paper == pytest.approx(0.9705)
    columns = [one.generator for one in recipe("item/table1").columns]
    assert rows["macro", "ap"].value == pytest.approx(np.mean([rows[name, "ap"].value for name in columns]))
    gap = dict((row[0], row[1:]) for row in found.tables[1].rows)["ours minus the paper's"]
    assert len(gap) == 17
    assert average_precision([0, 0, 1, 1], [0, 0, 1, 1]) == 1.0  # higher = generated, as in every row above


def test_a_dry_run_says_what_is_missing_and_times_a_sample(genimage: Path, tmp_path: Path) -> None:
    found = reproduce("sare/table1", data=str(genimage), suite="fake", out=tmp_path / "out", dry_run=True)
    assert isinstance(found, DryRun)
    assert found.absent == ("VQDM (VQDM)",)
    assert (found.problems, found.weights, found.present) == ((), (), 0)
    assert found.pictures == sum(one.pictures for one in found.cells) == 4 * 2 + 7 * 6
    assert found.sample == 7
    assert found.seconds is not None
    assert found.extract_hours == pytest.approx(found.seconds * found.pictures / 3600)
    assert found.kilobytes is not None
    assert found.gigabytes == pytest.approx(found.kilobytes * found.pictures / 1e6)
    assert found.epoch_seconds is not None
    assert found.train_hours == pytest.approx(found.epoch_seconds * 4 * 17 / 3600)
    assert found.free_gigabytes > 0
    assert json.dumps(found.to_dict())
    assert not list(tmp_path.iterdir())


def test_a_dry_run_without_weights_names_them(genimage: Path, tmp_path: Path) -> None:
    found = reproduce("sare/table1", data=f"genimage:{genimage}/ADM", suite="paper", out=tmp_path, dry_run=True)
    assert isinstance(found, DryRun)
    assert len(found.weights) == 3
    assert "unprompt fetch" in " ".join(found.weights)
    assert (found.seconds, found.extract_hours, found.gigabytes) == (None, None, None)
    assert found.tflop == pytest.approx(0.12 + 0.81 * 2 * 25)
    assert any("stable_diffusion_v_1_4 in the train split" in one for one in found.problems)
    assert len(found.absent) == 7


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
    found = reproduce("sare/table1", data=data, suite="miniature", out=tmp_path / "out", **FEW)
    assert isinstance(found, Reproduction)
    assert {row.generator for row in found.rows} == {"diffusion", "flow", "macro", "pooled"}
    assert all(row.paper is None for row in found.rows)
    ours = found.tables[0]
    assert ours.header == ("method", "diffusion", "flow", "Avg.")
    assert "on other generators than the paper's, suite miniature, n = 2 real and 4 generated" in ours.title
    assert "4.36 points above its backbone DRCT" in ours.title
    printed = found.tables[2]
    assert printed.rows[-1][0] == "SARE (ours), the paper"
    assert printed.rows[-1][-1] == "93.17"
