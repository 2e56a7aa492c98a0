"""The suite of the papers' models: a file without weights, and the papers' own words beside it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from unprompt.detectors import EVERY
from unprompt.errors import MissingHead, MissingWeights
from unprompt.instruments import Manifest, Suite, embedded
from unprompt.instruments.shelf import shipped
from unprompt.instruments.suite_file import parse, to_toml
from unprompt.workflows.catalogue import suites
from unprompt.workflows.detect import detect
from unprompt.workflows.doctor import doctor
from unprompt.workflows.extract import extract

EXAMPLES = Path(__file__).parents[2] / "examples" / "pictures"


@pytest.fixture(scope="module")
def paper() -> Manifest:
    return Manifest.read("paper")


@pytest.fixture(autouse=True)
def _no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "own"))


def test_each_method_has_its_papers_models(paper: Manifest) -> None:
    roles = {
        method: {role: spec.source.split("/")[-1] for role, spec in paper.instruments_of(method).items()}
        for method in ("sare", "semgir", "tidy", "item")
    }
    assert {method: found["captioner"] for method, found in roles.items()} == {
        "sare": "blip-image-captioning-base",
        "semgir": "blip-image-captioning-base",
        "tidy": "blip2-opt-2.7b",
        "item": "blip2-opt-2.7b",
    }
    assert {method: found["encoder"] for method, found in roles.items()} == {
        "sare": "clip-vit-large-patch14",
        "semgir": "resnet50x4_clip.openai",
        "tidy": "clip-vit-large-patch14",
        "item": "clip-vit-large-patch14",
    }
    assert roles["sare"]["diffusion"] == "stable-diffusion-v1-4"
    assert roles["semgir"]["diffusion"] == "stable-diffusion-v1-5"


def test_settings_are_the_papers(paper: Manifest) -> None:
    sare, semgir = (paper.instruments_of(method)["diffusion"].parameters for method in ("sare", "semgir"))
    assert sare == {"strength": 0.5, "steps": 50, "guidance": 7.5, "side": 512}
    assert semgir == {"steps": 50, "guidance": 7.5}


def test_what_two_methods_name_is_one_model(paper: Manifest) -> None:
    assert paper.overrides("tidy")["captioner"].key == paper.methods["item"].instruments["captioner"].key
    assert paper.generators["sd-v1-5"].key == paper.overrides("semgir")["diffusion"].key


@pytest.mark.parametrize("name", ["fake", "miniature", "paper"])
def test_suites_name_methods_that_exist(name: str) -> None:
    manifest = Manifest.read(shipped(name))
    assert manifest.name == name
    assert set(manifest.methods) | set(manifest.heads) <= set(EVERY)


def test_every_model_states_its_licence_and_its_needs(paper: Manifest) -> None:
    assert all(spec.licence and spec.needs.disk for spec in paper.specs())
    assert "non-commercial" in paper.overrides("tidy")["captioner"].licence
    assert not any(spec.revision or spec.digest for spec in paper.specs())
    assert "No revision was known" in paper.description


@pytest.mark.parametrize("name", ["fake", "miniature", "paper"])
def test_written_and_read_again_a_file_says_the_same(name: str, tmp_path: Path) -> None:
    file = Path(shutil.copy(shipped(name), tmp_path / "suite.toml"))
    before = parse(file)
    file.write_text(to_toml(before), "utf-8")
    assert parse(file) == before


def test_the_suites_are_listed_with_their_licences() -> None:
    rows = {row.name: row for row in suites()}
    assert list(rows) == embedded() == ["fake", "miniature", "paper", "photo"]
    assert "OPT-175B licence, non-commercial (blip2-opt-2.7b)" in rows["paper"].licences
    assert rows["miniature"].licences.startswith("Apache-2.0 (captioner")


def test_missing_weights_name_model_and_ways_out(tmp_path: Path) -> None:
    words = r"model 'openai/clip-vit-large-patch14' are not .*`unprompt fetch paper`, or use `--suite miniature`"
    with pytest.raises(MissingWeights, match=words):
        extract("sare", data=f"folder:{EXAMPLES}", out=tmp_path / "out", suite="paper")
    with pytest.raises(
        MissingWeights, match=r"'Salesforce/blip2-opt-2.7b' .*`unprompt fetch paper`.*--suite miniature"
    ):
        _ = Suite.load("paper").of("item").captioner
    with pytest.raises(
        MissingHead, match=r"suite 'paper' has no trained head for method 'sare' .*`unprompt train sare"
    ):
        detect(EXAMPLES, suite="paper", method="sare")


def test_the_doctor_tells_what_it_takes() -> None:
    found = {row.name: row for row in doctor() if row.name.startswith(("paper", "fake"))}
    blip2 = found["paper: blip2-opt-2.7b"]
    assert blip2.message.startswith("not fetched; 15.0 GB of disk, 15.0 GB of memory in float32; MIT, with OPT")
    assert (blip2.status, blip2.fix) == ("pass", "unprompt fetch paper")
    assert "sare 7.0, semgir 6.0, semgir-a 15.5, tidy 17.6, item 17.6, panel 27.9 GB" in found["paper: memory"].message
    assert "made in the user's cache" in found["fake: models"].message
