"""Attribute: extracted, trained, measured and asked; a row for every input, none of these for a stranger."""

from __future__ import annotations

import itertools
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unprompt.detectors import load_attributor
from unprompt.detectors.attributor import Attributor
from unprompt.detectors.ood import OODDetector, OODHeader
from unprompt.errors import CheckpointError, DataError, MissingHead, OptionError, SuiteError
from unprompt.evaluation import AttributionTable, fit_platt
from unprompt.instruments import Suite
from unprompt.recipes.lanes import LaneRun
from unprompt.store import Store
from unprompt.types import NONE_OF_THESE, Split
from unprompt.workflows.attribute import attribute
from unprompt.workflows.detect import detect
from unprompt.workflows.evaluate import evaluate
from unprompt.workflows.extract import extract
from unprompt.workflows.fitting.attribution import attributable, names_in
from unprompt.workflows.prediction.predictor import OUTSIDE
from unprompt.workflows.train import train

from .conftest import speaking

CANDIDATES = ("diffusion", "sibling")
COLOURS = {"diffusion": (200, 60, 40), "sibling": (40, 60, 200), "flow": (60, 200, 60), "real": (128, 128, 128)}
OPTIONS = {"epochs": 12, "batch": 8, "rate": 1e-3}
SPLITS: dict[Split, int] = {"train": 8, "validation": 6, "test": 5}


def paint(path: Path, maker: str, seed: int) -> None:
    grain = np.random.default_rng(seed).normal(0, 2, (34, 40, 3))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.clip(COLOURS[maker] + grain, 0, 255).astype(np.uint8)).save(path)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each candidate and the real pictures in every split, the outsider and a file that is none in the last."""
    root = tmp_path_factory.mktemp("makers")
    for split, count in SPLITS.items():
        for maker in ("diffusion", "sibling", "real", *(["flow"] if split == "test" else [])):
            for number in range(count):
                folder = root / split / ("real" if maker == "real" else f"fake/{maker}")
                paint(
                    folder / f"{number}.png",
                    maker,
                    100 * list(SPLITS).index(split) + 10 * list(COLOURS).index(maker) + number,
                )
    (root / "test" / "fake" / "flow" / "text.jpg").write_text("this is no picture")
    return root


@pytest.fixture(scope="module")
def store(pictures: Path, suite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return extract("semgir-a", data=f"folder:{pictures}", out=tmp_path_factory.mktemp("evidence"), suite=suite)


@pytest.fixture(scope="module")
def head(store: Path, suite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("heads") / "semgir-a.safetensors"
    return train("semgir-a", evidence=store, out=out, suite=suite, options=OPTIONS)


@pytest.fixture(scope="module")
def candidate_suites(suite: Path, head: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The random suite with its head, for once allowed to speak."""
    return speaking(suite, tmp_path_factory.mktemp("speaking") / "suite", [head])


@pytest.fixture
def attributor(head: Path, suite: Path) -> Attributor:
    return load_attributor(head, Suite.load(suite))


def test_it_learns_and_is_calibrated_on_the_validation_split(attributor: Attributor, store: Path) -> None:
    evidence, makers = attributable(attributor, [Store(store)], "validation", None)
    assert (len(evidence), makers.count(None), makers.count("sibling")) == (18, 6, 6)
    logits = attributor.logits(evidence)
    for k, name in enumerate(CANDIDATES):
        calibration = attributor.calibrations[name]
        expected = fit_platt([maker == name for maker in makers], logits[:, k])
        assert (calibration.slope, calibration.intercept) == pytest.approx((expected.slope, expected.intercept))
    figures = attributor.figures
    assert (figures["data"], figures["n"], figures["candidates"]) == ("validation", 18, ["diffusion", "sibling"])
    assert figures["accuracy"] > 0.8  # plain colours: else it has learned nothing


def test_training_again_gives_the_same_file(head: Path, store: Path, suite: Path, tmp_path: Path) -> None:
    again = train("semgir-a", evidence=store, out=tmp_path / "again", suite=suite, options=OPTIONS)
    assert again.read_bytes() == head.read_bytes()
    assert not list(tmp_path.glob("*.partial"))


def test_evaluate_measures_candidates_outsiders_and_real_pictures(head: Path, store: Path, suite: Path) -> None:
    table = evaluate(head, evidence=store, suite=suite)
    assert isinstance(table, AttributionTable)
    assert list(table.rows) == ["diffusion", "sibling", "flow", "real"]
    assert [row.n for row in table.rows.values()] == [5, 5, 5, 5]
    assert [row.n_failed for row in table.rows.values()] == [0, 0, 1, 0]
    assert min(table.rows[name].accuracy for name in CANDIDATES) >= 0.8
    assert table.outsiders == table.rows["flow"].accuracy


def test_without_real_pictures_it_is_the_papers(store: Path, suite: Path, tmp_path: Path) -> None:
    out = train("semgir-a", evidence=store, out=tmp_path / "one", suite=suite, options={"epochs": 1, "reals": False})
    assert load_attributor(out, Suite.load(suite)).figures["n"] == 12


def test_a_generator_can_be_left_out_of_the_training(store: Path, suite: Path, tmp_path: Path) -> None:
    words = "the train split has 0 pictures by the candidate 'sibling' and 16 others"
    with pytest.raises(DataError, match=words):
        train("semgir-a", evidence=store, out=tmp_path / "one", suite=suite, generators="diffusion")
    with pytest.raises(DataError, match="--generators names 'gan', the generated pictures are by diffusion, flow, sib"):
        train("semgir-a", evidence=store, out=tmp_path / "one", suite=suite, generators=["gan"])


def test_a_picture_whose_generator_has_no_name_is_named(suite: Path, tmp_path: Path) -> None:
    for number, (label, split) in enumerate([(1, "train"), (0, "train")]):
        paint(tmp_path / "data" / str(split) / ("fake" if label else "real") / "0.png", "flow", number)
    store = extract("semgir-a", data=f"folder:{tmp_path / 'data'}", out=tmp_path / "out", suite=suite)
    with pytest.raises(DataError, match="1 generated pictures of the train split name no generator: put each"):
        train("semgir-a", evidence=store, out=tmp_path / "one", suite=suite)


@pytest.fixture(scope="module")
def aliased(pictures: Path, suite: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """Three pictures a folder, suite and evidence: the suite says sd-v1-5, the folders say stable_diffusion_v_1_5."""
    root = tmp_path_factory.mktemp("aliased")
    shutil.copytree(pictures, root / "pictures", ignore=shutil.ignore_patterns("[3-9].png"))
    for split in SPLITS:
        (root / "pictures" / split / "fake" / "sibling").rename(
            root / "pictures" / split / "fake" / "stable_diffusion_v_1_5"
        )
    shutil.copytree(suite, root / "suite")
    file = root / "suite" / "suite.toml"
    file.write_text(file.read_text().replace("[generators.sibling]", "[generators.sd-v1-5]"))
    data = f"folder:{root / 'pictures'}"
    return root / "pictures", root / "suite", extract("semgir-a", data=data, out=root / "out", suite=root / "suite")


def test_a_candidate_meets_its_pictures_under_another_name(aliased: tuple[Path, Path, Path], tmp_path: Path) -> None:
    _, named, evidence = aliased
    out, options = tmp_path / "head", {"epochs": 1}
    with pytest.raises(DataError, match="the train split has 0 pictures by the candidate 'diffusion' and 6 others"):
        train("semgir-a", evidence=evidence, out=out, suite=named, options=options, generators="SDv1.5")
    train("semgir-a", evidence=evidence, out=out, suite=named, options=options, generators=["diffusion", "sd15"])
    table = evaluate(out, evidence=evidence, suite=named)
    assert isinstance(table, AttributionTable)
    assert {name: (row.kind, row.n) for name, row in table.rows.items()} == {
        "diffusion": ("candidate", 3),
        "sd-v1-5": ("candidate", 3),
        "flow": ("outsider", 3),
        "real": ("real", 3),
    }
    attributor = load_attributor(out, Suite.load(named))
    assert attributor.subset(["Stable Diffusion v1.5"]).candidates == ("sd-v1-5",)
    with pytest.raises(OptionError, match=r"--generators names 'sdxl', .*/head has heads for diffusion, sd-v1-5"):
        attributor.subset(["sdxl"])


def test_every_input_gets_a_row(candidate_suites: Path, pictures: Path) -> None:
    rows = attribute([pictures / "test", pictures / "gone.png"], suite=candidate_suites)
    assert [row.status for row in rows].count("error") == 2
    assert [Path(row.uri).name for row in rows if row.generator is None] == ["text.jpg", "gone.png"]
    good = [row for row in rows if row.status == "ok"]
    assert len(good) == 20
    for row in good:
        assert list(row.scores) == list(CANDIDATES)
        best = max(row.scores, key=row.scores.__getitem__)
        assert row.generator == (best if row.scores[best] >= 0.5 else NONE_OF_THESE)
        assert (row.method, row.suite) == ("semgir-a", "fake")
        assert row.caption is not None
        assert len(row.sha256 or "") == len(row.pixels or "") == 64
    assert {row.truth for row in good} == {"diffusion", "sibling", "flow", "real"}
    known = [row for row in good if row.truth in CANDIDATES]
    assert np.mean([row.generator == row.truth for row in known]) >= 0.8


def test_a_lane_is_calibrated(candidate_suites: Path, head: Path, store: Path, pictures: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(candidate_suites, tmp_path / "suite")
    with (folder / "suite.toml").open("a") as file:
        file.write('[lanes.quick]\nfitted = "fits"\nparameters = { "diffusion.steps" = 3 }\n')
    (folder / "fits").write_text("{}")
    run, lane = LaneRun(str(folder), f"folder:{pictures}", tmp_path), f"{folder}[lane=quick]"
    shutil.copytree(store, tmp_path / "exact")  # which is the same evidence
    ((digest, fit),) = run.fit("quick").items()
    loaded = load_attributor(folder / "heads" / head.name, Suite.load(lane))
    evidence, makers = attributable(loaded, [Store(tmp_path / "quick")], "validation", None)
    own = fit_platt([maker == "sibling" for maker in makers], loaded.logits(evidence)[:, 1])
    assert fit["calibration"]["sibling"] == pytest.approx(own.to_dict())
    fit["calibration"]["sibling"]["intercept"] = 9
    (folder / "fits").write_text(json.dumps({digest: fit}))
    (row,) = attribute(pictures / "test" / "real" / "0.png", suite=lane)
    assert (row.suite, row.warnings, row.scores["sibling"] > 0.99) == ("fake[lane=quick]", (), True)
    told, table = run.compare_answers("exact")["semgir-a"], evaluate(loaded.path, evidence=store, suite=folder)
    assert {name: told[name]["first"] for name in table.rows} == {
        name: one.accuracy for name, one in table.rows.items()
    }


def test_alone_and_in_company_a_picture_gets_one_answer(candidate_suites: Path, pictures: Path) -> None:
    paths = sorted((pictures / "test").rglob("*.png"))[:6]
    together = attribute(paths, suite=candidate_suites)
    turned = attribute(paths[::-1], suite=candidate_suites, batch_size=4)[::-1]
    alone = attribute(paths[2], suite=candidate_suites)
    scores = [[list(row.scores.values()) for row in rows] for rows in (together, turned)]
    np.testing.assert_allclose(scores[0], scores[1], atol=1e-4)
    np.testing.assert_allclose(list(alone[0].scores.values()), scores[0][2], atol=1e-4)


@pytest.mark.parametrize("generators", ["sibling", ["sibling"], " sibling , sibling"])
def test_some_candidates_alone(candidate_suites: Path, pictures: Path, generators: str | list[str]) -> None:
    path = pictures / "test" / "fake" / "sibling" / "0.png"
    (whole,), (one,) = (
        attribute(path, suite=candidate_suites),
        attribute(path, suite=candidate_suites, generators=generators),
    )
    assert one.scores == {"sibling": pytest.approx(whole.scores["sibling"], abs=1e-4)}


def test_outside_the_world_it_is_none_of_these(
    candidate_suites: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Elsewhere:
        facts = OODHeader("an encoder", 1.0, 0.005, 2, 200, (1.0,))
        numbers = itertools.count()

        def is_ood(self, pictures: list[np.ndarray], vectors: None) -> np.ndarray:
            return np.array([next(self.numbers) % 2 == 0 for _ in pictures])

        def reason(self, rgb: np.ndarray) -> None:
            """It is what the picture shows."""

    monkeypatch.setattr(OODDetector, "load", lambda path, suite: Elsewhere())
    text = (candidate_suites / "suite.toml").read_text()
    file = candidate_suites / "worldly.toml"
    file.write_text(f'world = "world.safetensors"\n{text}')
    paths = sorted((pictures / "test" / "fake" / "diffusion").iterdir())[:2]
    far, near = attribute(paths, suite=file)
    assert (far.status, far.generator, far.warnings) == ("ok", NONE_OF_THESE, (OUTSIDE,))
    assert near.warnings == ()
    assert list(far.scores) == list(CANDIDATES)


def test_the_page_is_written(candidate_suites: Path, pictures: Path, tmp_path: Path) -> None:
    attribute([pictures / "test" / "fake"], suite=candidate_suites, report=tmp_path / "page")
    page = (tmp_path / "page" / "index.html").read_text()
    assert "Drawn by sibling" in page
    assert "text.jpg" in page
    assert len(list((tmp_path / "page" / "pictures").iterdir())) == 3 * 15


def test_a_random_suite_gives_no_answer(suite: Path, pictures: Path) -> None:
    with pytest.raises(SuiteError, match="'fake' has random weights and gives no verdict"):
        attribute([pictures], suite=suite)


def test_wrong_use_is_named(candidate_suites: Path, pictures: Path) -> None:
    with pytest.raises(DataError, match="got no path, expected pictures, folders of pictures or patterns"):
        attribute([], suite=candidate_suites)
    with pytest.raises(OptionError, match="--batch-size is 0, expected 1 or more"):
        attribute([pictures], suite=candidate_suites, batch_size=0)
    with pytest.raises(OptionError, match=r"--generators names 'flow', .* has heads for diffusion, sibling"):
        attribute([pictures], suite=candidate_suites, generators="diffusion,flow")
    for empty in ("", "a,,b", []):
        with pytest.raises(OptionError, match=r"--generators is .*, expected names with commas"):
            names_in(empty)
    with pytest.raises(CheckpointError, match="holds semgir-a, which tells generators apart"):
        detect([pictures], suite=candidate_suites, method="semgir-a")


def test_a_suite_without_the_head_says_how_to_make_it(candidate_suites: Path, pictures: Path) -> None:
    file = candidate_suites / "headless.toml"
    file.write_text((candidate_suites / "suite.toml").read_text().partition("[heads]")[0])
    with pytest.raises(MissingHead, match=r"no trained head for method 'semgir-a' .*unprompt train semgir-a --evid"):
        attribute([pictures], suite=file)
