"""A head as a folder of the hub and back: for every method the same scores, and a card that the hub can read."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import huggingface_hub
import numpy as np
import pytest
from huggingface_hub import ModelCard

from unprompt.detectors import load
from unprompt.detectors.calibration import Calibration
from unprompt.detectors.methods.panel import Panel
from unprompt.detectors.methods.semgir_a import SemgirAttributor
from unprompt.errors import CheckpointError, DataError, OptionError, SuiteError
from unprompt.images import read
from unprompt.instruments import Manifest, Suite
from unprompt.instruments.shelf import shipped
from unprompt.workflows.card import card
from unprompt.workflows.evaluate import evaluate
from unprompt.workflows.from_pretrained import from_pretrained
from unprompt.workflows.push_to_hub import push_to_hub

METHODS = ("sare", "semgir", "tidy", "item", "panel")
COMMIT = "0123456789abcdef" * 2 + "01234567"


class Hub:
    """Stands for ``HfApi``: records its calls."""

    def __init__(self, calls: list[Any], refuses: Exception | None = None) -> None:
        self.calls, self.refuses = calls, refuses

    def __call__(self, **settings: Any) -> Hub:
        self.calls.append(settings)
        return self

    def create_repo(self, name: str, **settings: Any) -> str:
        if self.refuses:
            raise self.refuses
        self.calls.append((name, settings))
        return f"https://hub.example/{name}"

    def upload_folder(self, repo_id: str, folder_path: Path, commit_message: str) -> None:
        files = {path.name: path.read_bytes() for path in Path(folder_path).iterdir()}
        self.calls.append((repo_id, files, commit_message))


@pytest.mark.parametrize("method", METHODS)
def test_there_and_back_it_says_the_same(method: str, heads: Path, suite: Path, pictures: Path, tmp_path: Path) -> None:
    folder = card(heads / f"{method}.safetensors", to=tmp_path / "hub", suite=suite, licence="apache-2.0")
    head, back = load(heads / f"{method}.safetensors", Suite.load(suite)), from_pretrained(folder, suite=suite)
    assert type(back) is type(head)
    assert isinstance(back, Panel) == (method == "panel")
    shown = [read(path, path.name) for path in sorted((pictures / "test" / "real").glob("*.png"))[:3]]
    np.testing.assert_array_equal(back.predict(shown), head.predict(shown))
    config = json.loads((folder / "config.json").read_text())
    assert (config["method"], config["library_name"]) == (method, "unprompt")
    assert config["id2label"] == {"0": "real", "1": "generated"}
    assert (config["digest"], config["suite"]) == (head.digest, Suite.load(suite).name)


@pytest.mark.parametrize("method", METHODS)
def test_the_card_is_one_that_the_hub_reads(method: str, heads: Path, suite: Path, tmp_path: Path) -> None:
    folder = card(heads / f"{method}.safetensors", to=tmp_path, suite=suite, licence="mit", data="Ramps and grain.")
    found = ModelCard.load(folder / "README.md")
    assert (found.data.license, found.data.library_name, found.data.pipeline_tag) == (
        "mit",
        "unprompt",
        "image-classification",
    )
    head = load(heads / f"{method}.safetensors", Suite.load(suite))
    metrics = {one.metric_type: one.metric_value for one in found.data.eval_results}
    assert metrics["roc_auc"] == pytest.approx(head.figures["auc"], abs=1e-6)
    text = found.text
    assert head.thresholds is not None
    for words in (
        "Ramps and grain.",
        f"Above {head.thresholds.upper:.3f} = generated: at most 10 % of real ones, of the validation pictures (10",
        f"Below {head.thresholds.lower:.3f} = real",
        "decoded to upright 8-bit RGB",
        "weights are random",
        "## Limits",
        "The head's weights: mit.",
        *head.instruments().values(),
    ):
        assert words in text
    assert str(tmp_path) not in text
    assert str(suite) not in text


def test_an_attributor_says_who_it_asks_about(suite: Path, tmp_path: Path) -> None:
    head = SemgirAttributor(Suite.load(suite))
    head.calibrations = {name: Calibration(2.0, -0.5) for name in head.candidates}
    head.figures = {"data": "validation", "n": 40, "accuracy": 0.75}
    head.save(tmp_path / "semgir-a.safetensors")
    folder = card(tmp_path / "semgir-a.safetensors", to=tmp_path / "hub", suite=suite)
    back = from_pretrained(folder, suite=suite)
    assert isinstance(back, SemgirAttributor)
    assert (back.calibrations, back.candidates) == (head.calibrations, ("diffusion", "sibling"))
    config = json.loads((folder / "config.json").read_text())
    assert config["id2label"] == {"0": "diffusion", "1": "sibling", "2": "none of these"}
    found = ModelCard.load(folder / "README.md")
    assert "Its answers are diffusion, sibling, none of these." in found.text
    assert "Label 1" not in found.text
    assert head.instruments()["generators.sibling"] in found.text
    assert [(one.metric_type, one.metric_value) for one in found.data.eval_results] == [("accuracy", 0.75)]


def test_what_was_not_said_is_not_guessed(heads: Path, suite: Path, tmp_path: Path) -> None:
    text = (card(heads / "tidy.safetensors", to=tmp_path, suite=suite) / "README.md").read_text()
    assert "license" not in text.split("---")[1]
    assert "The head's licence is not stated." in text
    assert "did not say what the pictures were" in text


@pytest.mark.parametrize("suffix", [".json", ".parquet"])
def test_an_evaluation_brings_intervals(suffix: str, heads: Path, store: Path, suite: Path, tmp_path: Path) -> None:
    results = tmp_path / f"results{suffix}"
    table = evaluate(heads / "item.safetensors", evidence=store, suite=suite, out=[results], repeats=50)
    folder = card(heads / "item.safetensors", to=tmp_path / "hub", suite=suite, results=results)
    found = ModelCard.load(folder / "README.md")
    metrics = {(one.metric_type, one.dataset_split): one.metric_value for one in found.data.eval_results}
    assert metrics["roc_auc", "test"] == pytest.approx(table.pooled.auc, abs=1e-6)
    bounds = table.intervals["pooled"]["auc"]
    assert f"{table.pooled.auc:.3f} [{bounds.low:.3f}, {bounds.high:.3f}]" in found.text
    assert str(tmp_path) not in found.content
    with pytest.raises(DataError, match=r"has results of the checkpoint [0-9a-f]{12}, this one is [0-9a-f]{12}"):
        card(heads / "tidy.safetensors", to=tmp_path / "other", suite=suite, results=results)


@pytest.mark.parametrize(
    ("text", "words"), [("{}", "'results'"), ("", "Expecting value"), ('{"results": []}', "no rows")]
)
def test_a_file_without_results(text: str, words: str, heads: Path, suite: Path, tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(DataError, match=rf"results\.json holds no results \({words}.*evaluate --out"):
        card(heads / "tidy.safetensors", to=tmp_path, suite=suite, results=tmp_path / "results.json")


def test_the_suite_is_the_one_that_the_head_names(tmp_path: Path) -> None:
    head = Manifest.read(shipped("miniature")).head("tidy")  # from before heads named one
    with pytest.raises(OptionError, match=r"tidy\.safetensors does not name the suite .* give it with --suite"):
        card(head, to=tmp_path)
    folder = card(head, to=tmp_path, suite="miniature", licence="apache-2.0")
    assert from_pretrained(folder).suite.name == "miniature"
    assert "random" not in (folder / "README.md").read_text()


def test_other_instruments_are_refused(heads: Path, suite: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"was fitted with the captioner [0-9a-f]{12}, this suite has"):
        card(heads / "semgir.safetensors", to=tmp_path, suite="miniature")
    folder = card(heads / "semgir.safetensors", to=tmp_path, suite=suite)
    with pytest.raises(CheckpointError, match=r"was fitted with the captioner [0-9a-f]{12}, this suite has"):
        from_pretrained(folder, suite="miniature")
    config = folder / "config.json"
    config.write_text(config.read_text().replace('"suite": "fake"', '"suite": "mine"'))
    with pytest.raises(OptionError, match="no suite 'mine': expected one of"):  # one's own is found by its path alone
        from_pretrained(folder)


def test_a_repository_comes_from_the_cache_of_the_hub(
    heads: Path, suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    with pytest.raises(CheckpointError, match=r"'owner/tidy' is no folder here, and as a repository it cannot be"):
        from_pretrained("owner/tidy", suite=suite)
    home = tmp_path / "cache" / "models--owner--tidy"
    card(heads / "tidy.safetensors", to=home / "snapshots" / COMMIT, suite=suite)
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text(COMMIT)
    back = from_pretrained("owner/tidy", suite=suite)
    assert back.digest == load(heads / "tidy.safetensors", Suite.load(suite)).digest


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("[]", r"no configuration of a head \(got a list; expected an object\)"),
        ("{", "no configuration of a head"),
        ("{}", "method 'None'"),
    ],
)
def test_a_folder_that_is_no_head(config: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"config\.json is no configuration of a head \(.*No such file"):
        from_pretrained(tmp_path)
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(CheckpointError, match=words):
        from_pretrained(tmp_path)


def test_what_is_pushed_is_the_folder(candidate_suites: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []
    monkeypatch.setattr(huggingface_hub, "HfApi", Hub(calls))
    head = candidate_suites / "heads" / "panel.safetensors"
    address = push_to_hub(head, "owner/panel", suite=candidate_suites, licence="apache-2.0", private=True, token="t")
    assert address == "https://hub.example/owner/panel"
    settings, (name, asked), (repo, files, message) = calls
    assert settings == {"token": "t", "library_name": "unprompt"}
    assert (name, asked) == ("owner/panel", {"private": True, "exist_ok": True})
    assert (repo, message) == ("owner/panel", "Upload panel")
    members = {f"{method}.safetensors" for method in METHODS[:4]}
    assert set(files) == {"model.safetensors", "config.json", "README.md", *members}
    assert files["model.safetensors"] == head.read_bytes()


def test_a_hub_that_refuses_is_told(candidate_suites: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub, "HfApi", Hub([], OSError("no way\nthere")))
    with pytest.raises(CheckpointError, match=r"cannot be pushed to owner/x: OSError: no way there; log in with `hf"):
        push_to_hub(candidate_suites / "heads" / "tidy.safetensors", "owner/x", suite=candidate_suites)


def test_random_weights_are_not_published(heads: Path, suite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []
    monkeypatch.setattr(huggingface_hub, "HfApi", Hub(calls))
    with pytest.raises(SuiteError, match=r"tidy\.safetensors is built on suite .*, whose weights are random"):
        push_to_hub(heads / "tidy.safetensors", "owner/tidy", suite=suite)
    assert calls == []


def test_a_panel_without_its_members(heads: Path, suite: Path, tmp_path: Path) -> None:
    shutil.copy(heads / "panel.safetensors", tmp_path)
    with pytest.raises(CheckpointError, match=r"is a panel with sare in sare\.safetensors, which does not lie beside"):
        card(tmp_path / "panel.safetensors", to=tmp_path / "hub", suite=suite)
