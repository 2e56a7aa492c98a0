"""What a costly run on a CPU is told to take, and who agrees to it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from unprompt.errors import MissingWeights, OptionError, Unconfirmed
from unprompt.evidence.joint import JointExtractor
from unprompt.instruments import Manifest
from unprompt.instruments.shelf import shipped
from unprompt.workflows.detect import detect
from unprompt.workflows.extract import extract
from unprompt.workflows.planning import costs
from unprompt.workflows.planning.costs import extractors_of, specs_of, tflop

from .conftest import speaking


@pytest.fixture(scope="module")
def costly(suite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The random suite, whose file says that its encoder were a monster."""
    folder = Path(shutil.copytree(suite, tmp_path_factory.mktemp("costly") / "suite"))
    text = (folder / "suite.toml").read_text("utf-8")
    entry = '[instruments.encoder]\nclass = "clip"\n'
    assert entry in text
    (folder / "suite.toml").write_text(text.replace(entry, f"{entry}needs = {{ work = 1e5 }}\n"), "utf-8")
    return folder


def test_work_is_counted_as_the_papers_run_their_models() -> None:
    """SARE: a caption and 25 steps of two passes; SemGIR: a caption and 50; TIDY: BLIP-2 and CLIP."""
    paper = Manifest.read(shipped("paper"))
    blip, clip, sd = (paper.instruments[role].needs.work for role in ("captioner", "encoder", "diffusion"))
    blip2 = paper.overrides("tidy")["captioner"].needs.work
    found = {method: tflop(paper, extractors_of(method, paper)[0]) for method in ("sare", "semgir", "tidy", "item")}
    assert found["sare"] == pytest.approx(blip + 25 * 2 * sd)
    assert found["semgir"] == pytest.approx(blip + 50 * 2 * sd)
    assert found["tidy"] == found["item"]
    assert found["tidy"] >= blip2 + clip


def test_an_attribution_pays_for_every_candidates_drawing() -> None:
    """SemGIR-A: a caption, and 50 steps of two passes by each candidate."""
    paper = Manifest.read(shipped("paper"))
    blip = paper.instruments["captioner"].needs.work
    works = {spec.key: spec.needs.work for spec in paper.generators_of("semgir-a").values()}
    (made,) = extractors_of("semgir-a", paper)
    assert tflop(paper, made) == pytest.approx(blip + 50 * 2 * sum(works.values()))
    assert {spec.source for spec in paper.generators_of("semgir-a").values()} <= {
        spec.source for spec in specs_of(paper, [made])
    }


def test_a_panel_pays_for_what_is_shared_once() -> None:
    paper = Manifest.read(shipped("paper"))
    joint = JointExtractor({one.method: one for one in extractors_of("panel", paper)})
    each = {method: tflop(paper, extractors_of(method, paper)[0]) for method in ("sare", "semgir", "tidy")}
    blip = paper.instruments["captioner"].needs.work
    assert tflop(paper, joint) == pytest.approx(sum(each.values()) - blip)


def test_a_method_needs_its_own_models_and_no_others() -> None:
    paper = Manifest.read(shipped("paper"))
    models = {spec.source for spec in specs_of(paper, extractors_of("semgir", paper))}
    assert models == {
        "Salesforce/blip-image-captioning-base",
        "timm/resnet50x4_clip.openai",
        "stable-diffusion-v1-5/stable-diffusion-v1-5",
    }


def test_the_minutes_are_work_over_speed(
    costly: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(costs, "speed", lambda dtype: 2.0)
    minutes = 1e5 / (2.0 * costs.EFFICIENCY) / 60  # 1190
    words = rf"clip-probe with the suite fake takes about {minutes:.1f} minutes a picture on this CPU, .* hours for 61"
    with pytest.raises(Unconfirmed, match=words):
        extract("clip-probe", data=f"folder:{pictures}", out=tmp_path / "out", suite=costly)
    assert not (tmp_path / "out").exists()


def test_nobody_to_ask_is_a_no(costly: Path, pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"takes about [\d.]+ minutes a picture .*: add --yes .*--suite miniature"):
        extract("clip-probe", data=f"folder:{pictures}", out=tmp_path / "out", suite=costly)


def test_yes_goes_on_and_tells(costly: Path, pictures: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    extract("clip-probe", data=f"folder:{pictures}", out=tmp_path / "out", suite=costly, max_minutes=None)
    assert "minutes a picture on this CPU" in caplog.messages[0]
    assert len(list((tmp_path / "out").rglob("part-00000.parquet"))) == 2


def test_what_states_no_work_or_is_quick_asks_nobody(suite: Path, pictures: Path, tmp_path: Path) -> None:
    extract("clip-probe", data=f"folder:{pictures}", out=tmp_path / "out", suite=suite)
    embedded = Manifest.read("miniature")
    assert all(spec.needs.work == 0 for spec in embedded.specs())


def test_detect_asks_too(costly: Path, heads: Path, pictures: Path, tmp_path: Path) -> None:
    folder = speaking(costly, tmp_path / "suite", [heads / "tidy.safetensors"])
    picture = pictures / "test" / "real" / "0.png"
    with pytest.raises(Unconfirmed, match="tidy with the suite fake takes about"):
        detect(picture, suite=folder, method="tidy")
    assert detect(picture, suite=folder, method="tidy", max_minutes=None)[0].status == "ok"


def test_missing_weights_come_before_any_question(costly: Path, pictures: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(costly, tmp_path / "suite"))
    shutil.rmtree(folder / "captioner")
    with pytest.raises(MissingWeights, match="model 'captioner' are not on this machine"):
        extract("tidy", data=f"folder:{pictures}", out=tmp_path / "out", suite=folder)
