"""Lanes: parameters of all models at once, heads that are calibrated on them, and what a row says of others."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from unprompt.cli.app import _overridden, app
from unprompt.detectors import load
from unprompt.detectors.calibration import Thresholds
from unprompt.errors import OptionError, SuiteError
from unprompt.evaluation import fit_calibration
from unprompt.instruments import Manifest, Suite
from unprompt.instruments.suite_file import pin, to_toml
from unprompt.recipes.lanes import LaneRun, measure, shortened, table
from unprompt.store import Store
from unprompt.workflows.data.labelled import logits_of
from unprompt.workflows.detect import detect
from unprompt.workflows.planning.costs import extractors_of, tflop
from unprompt.workflows.prediction.candidates import candidate_suites as suites_of

QUICK = """
[lanes.quick]
fitted = "lanes/quick.json"
parameters = { "diffusion.steps" = 3, "diffusion.solver" = "dpm-solver++" }

[lanes.unfitted.parameters]
"diffusion.steps" = 3
"""


@pytest.fixture(scope="module")
def lanes(candidate_suites: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The suite of small models, with two lanes of which none is fitted yet."""
    folder = tmp_path_factory.mktemp("lanes") / "suite"
    shutil.copytree(candidate_suites, folder)
    (folder / "lanes").mkdir()
    with (folder / "suite.toml").open("a") as file:
        file.write(QUICK)
    return folder


@pytest.fixture(scope="module")
def fitted(lanes: Path, store: Path, pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of what was measured; the suite's lane ``quick`` is fitted after that."""
    cache = tmp_path_factory.mktemp("cache")
    shutil.copytree(store, cache / "exact")  # which is the same evidence
    measure(LaneRun(str(lanes), f"folder:{pictures}", cache), ["quick"], 2)
    return cache


def test_a_lane_exchanges_its_parameters_but_those_that_are_named(lanes: Path) -> None:
    quick = Manifest.read(f"{lanes}[lane=quick]")
    assert quick.instruments["diffusion"].parameters["steps"] == 3
    assert quick.called == "fake[lane=quick]"
    assert Manifest.read(f"{lanes}[lane=quick,diffusion.steps=4]").instruments["diffusion"].parameters["steps"] == 4
    assert Manifest.read(f"{lanes}[lane=exact]") == Manifest.read(lanes)


def test_a_file_with_lanes_and_back(lanes: Path, tmp_path: Path) -> None:
    shutil.copytree(lanes, tmp_path / "suite")
    file = tmp_path / "suite" / "suite.toml"
    before = Manifest.read(file)
    file.write_text(to_toml(before))
    assert Manifest.read(file) == before


def test_an_unknown_lane_names_those_there_are(lanes: Path) -> None:
    with pytest.raises(OptionError, match=r"suite 'fake' has no lane 'slow' \(it has: exact, quick, unfitted\)"):
        Suite.load(f"{lanes}[lane=slow]")
    with pytest.raises(OptionError, match="suite 'miniature' has no lane 'slow'"):
        suites_of("auto[lane=slow]", "panel")


def test_auto_takes_a_lane_where_there_is_one() -> None:
    assert [one.name for one in suites_of("auto[lane=fast]", "panel")] == ["miniature[lane=fast]", "photo"]
    with pytest.raises(OptionError, match=r"no suite 'auto\[diffusion.steps=3\]'|no suite 'auto'"):
        suites_of("auto[diffusion.steps=3]", "panel")


@pytest.mark.parametrize("method", ["sare", "semgir", "semgir-a"])
def test_the_papers_models_have_lanes_of_fewer_steps(method: str) -> None:
    work = []
    for lane in ("exact", "fast", "draft"):
        suite = Manifest.read(f"paper[lane={lane}]")
        work.append(sum(tflop(suite, one) for one in extractors_of(method, suite)))
        solvers = {one.parameters.get("solver", "ddim") for one in suite.generators_of(method).values()}
        assert solvers == ({"ddim"} if lane == "exact" else {"dpm-solver++"})
    assert work[0] > 2.4 * work[1] > 4.7 * work[2]


def test_heads_are_calibrated_on_the_lane(fitted: Path, lanes: Path) -> None:
    stored = json.loads((lanes / "lanes" / "quick.json").read_text())
    suite = Suite.load(f"{lanes}[lane=quick]")
    assert set(stored) == {load(suite.head(name), suite).digest for name in ("sare", "semgir", "panel")}
    head = load(suite.head("semgir"), suite)
    logits, pictures = logits_of([Store(fitted / "quick")], head, suite, "validation")
    alone = fit_calibration(pictures.labels, logits, "platt")
    assert head.calibration is not None
    assert head.thresholds is not None
    assert np.allclose(head.probability(logits), alone.probability(logits), atol=1e-4)
    real = np.asarray(pictures.labels) == 0
    assert (head.probability(logits)[real] > head.thresholds.upper).mean() <= head.thresholds.fpr
    assert load(Suite.load(lanes).head("semgir"), Suite.load(lanes)).calibration != head.calibration


@given(st.lists(st.floats(0, 1), min_size=2, max_size=40))
def test_shorter_thresholds_pass_no_rate(probabilities: list[float]) -> None:
    real = sorted(probabilities)
    exact = Thresholds(real[0], real[-2], fpr=0.1, fnr=0.1, n_real=len(real), n_generated=1, real_quantiles=real)
    short = Thresholds.from_dict(shortened(exact))  # type: ignore[arg-type]
    assert short.lower <= exact.lower
    assert exact.upper <= short.upper <= exact.upper * (1 + 1e-5)
    assert all(one <= other for one, other in zip(real, short.real_quantiles, strict=True))


def test_the_frontier(fitted: Path) -> None:
    told = json.loads((fitted / "frontier.json").read_text())
    assert list(told["speeds"]) == ["exact", "quick"]
    one = told["lanes"]["quick"]["semgir"]
    assert one["pictures"] == 20
    assert one["auc"]["macro"]["difference"] == pytest.approx(
        one["auc"]["macro"]["first"] - one["auc"]["macro"]["second"]
    )
    assert set(one["verdicts"]) == {"exact", "quick"}
    lines = table(told).splitlines()
    assert lines[0].split(" | ")[3:7] == ["sare", "semgir", "tidy", "item"]
    assert lines[2].startswith("| exact | ")
    assert len(lines) == 4
    tidy = told["lanes"]["quick"]["tidy"]  # no drawing is part of it
    assert tidy["auc"]["macro"]["difference"] == 0
    assert tidy["agreement"] > 0.9


def test_a_row_in_a_lane(fitted: Path, lanes: Path, pictures: Path) -> None:
    picture = pictures / "test" / "real" / "0.png"
    (row,) = detect([picture], suite=f"{lanes}[lane=quick]", method="semgir", max_minutes=None)
    assert row.suite == "fake[lane=quick]"
    assert not [one for one in row.warnings if "was not measured" in one]


@pytest.mark.parametrize("name", ["[lane=unfitted]", "[diffusion.steps=3]", "[lane=quick,diffusion.steps=3]"])
def test_a_row_of_what_was_not_measured_says_so(fitted: Path, lanes: Path, pictures: Path, name: str) -> None:
    picture = pictures / "test" / "real" / "0.png"
    (row,) = detect([picture], suite=f"{lanes}{name}", method="semgir", max_minutes=None)
    (told,) = [one for one in row.warnings if "was not measured" in one]
    assert told.startswith("this head was fitted on evidence with the suite's own parameters, not with diffusion.s")
    (row,) = detect([picture], suite=f"{lanes}{name}", method="tidy", max_minutes=None)
    assert not [one for one in row.warnings if "was not measured" in one]


def test_what_was_fitted_is_held_against_its_digest(fitted: Path, lanes: Path, tmp_path: Path) -> None:
    shutil.copytree(lanes, tmp_path / "suite")
    folder = tmp_path / "suite"
    pin(folder / "suite.toml")
    file = folder / "lanes" / "quick.json"
    assert '"lanes/quick.json" = ' in (folder / "suite.toml").read_text()
    file.write_text(file.read_text().replace("slope", "slopes"))
    suite = Suite.load(f"{folder}[lane=quick]")
    with pytest.raises(SuiteError, match=r"quick\.json has the SHA-256"):
        load(suite.head("semgir"), suite)
    file.unlink()
    with pytest.raises(
        SuiteError,
        match=r"quick.json, which a lane of the suite names, cannot be read \(.*unprompt.recipes.lanes` writes",
    ):
        load(suite.head("semgir"), suite)


@pytest.mark.parametrize("verb", ["detect", "attribute"])
def test_the_flag(verb: str, lanes: Path, pictures: Path) -> None:
    def run(*words: str) -> str:
        done = CliRunner().invoke(app, [verb, str(pictures / "test" / "real" / "0.png"), *words])
        assert done.exit_code == 2
        return done.stderr

    assert "suite 'fake' has no lane 'slow'" in run("--suite", str(lanes), "--lane", "slow")
    assert "suite 'miniature' has no lane 'slow'" in run("--lane", "slow")
    with pytest.raises(OptionError, match="--lane is 'fast', expected --suite beside it"):
        _overridden(None, [], "fast")
