"""The heads' stage on random models, the verbs called in this process; what a second run leaves alone."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from unprompt.cli import app
from unprompt.datasets.miniature import Counts, materialise
from unprompt.detectors import load, load_attributor
from unprompt.detectors.ood import OODDetector
from unprompt.errors import UnpromptError
from unprompt.images import read
from unprompt.instruments import Suite
from unprompt.recipes.figures import read_packed
from unprompt.recipes.miniature import assemble, heads
from unprompt.recipes.miniature.assemble import write_manifest
from unprompt.recipes.miniature.heads import Apprentices
from unprompt.recipes.miniature.stage import BuildContext, put


@pytest.fixture
def context(fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BuildContext:
    quick = {
        place: replace(entry, parameters={**entry.parameters, "steps": 2}) if "steps" in entry.parameters else entry
        for place, entry in assemble.ENTRIES.items()
    }
    monkeypatch.setattr(assemble, "ENTRIES", quick)
    shutil.copytree(fake, tmp_path / "suite")
    context = BuildContext(tmp_path, quick=True)
    materialise(context.pictures, [Suite.load(context.suite)], counts=Counts(6, 6, 6))
    write_manifest(context.suite)
    return context


@pytest.fixture
def verbs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Verb and method of every call."""
    called: list[str] = []

    def run(command: list[str], **how: object) -> subprocess.CompletedProcess[str]:
        assert command[:3] == [sys.executable, "-m", "unprompt"]
        called.append(f"{command[3]} {Path(command[4]).stem}")
        done = CliRunner().invoke(app, command[3:])
        return subprocess.CompletedProcess(command, done.exit_code, done.stdout)

    monkeypatch.setattr(heads.subprocess, "run", run)
    for name in ("HEADS", "EXTRACTED"):
        monkeypatch.setattr(heads, name, ("clip-probe", "trivial-energy"))
    monkeypatch.setattr(heads, "WORLD_SCENES", 200)
    return called


def test_heads_are_trained_measured_and_named_once(context: BuildContext, verbs: list[str]) -> None:
    put(context.stamp("captioner"), b'{"figures": {"facts": 0.9}, "minutes": 1}')
    figures = heads.make(context)
    assert set(figures) == {f"{head}, {maker}" for head in heads.HEADS for maker in ("diffusion", "sibling", "flow")}
    extracts = ["extract clip-probe", "extract trivial-energy"]
    fits = [f"{verb} {head}" for head in heads.HEADS for verb in ("train", "evaluate")]
    assert verbs == extracts + fits
    measured = read_packed(context.suite / "figures.json.gz")
    assert measured["models"] == {"captioner": {"facts": 0.9}}
    assert set(measured["world"]) == {"scenes", "diffusion", "sibling", "flow"}
    tables = measured["methods"]
    stored = tables["clip-probe"]["generators"]["sibling"]["auc"]
    assert stored == pytest.approx(figures["clip-probe, sibling"], rel=1e-5)
    assert tables["clip-probe"]["pooled"]["n_real"] == 6
    assert tables["clip-probe"]["settings"]["checkpoint"] == "heads/clip-probe.safetensors"
    assert str(context.cache) not in json.dumps(measured)
    file = context.suite / "suite.toml"
    assert "[heads]" in file.read_text("utf-8")
    suite = Suite.load(context.suite)
    assert set(suite.heads) == set(heads.HEADS)
    assert suite.world is not None
    scene = read(context.pictures / "real" / "4000000.jpg", "scene").rgb
    distances = OODDetector.load(suite.world, suite).distances([scene, np.zeros((64, 64, 3), np.uint8)])
    assert distances[0] < distances[1]
    verbs.clear()
    assert heads.make(context) == figures
    assert verbs == extracts + [f"evaluate {head}" for head in heads.HEADS]


def test_a_head_is_trained_again_when_a_picture_changed(context: BuildContext, verbs: list[str]) -> None:
    cache = Apprentices(context)
    cache.extract("trivial-energy")
    cache.head("trivial-energy")
    other = (context.pictures / "real" / "2000001.jpg").read_bytes()
    (context.pictures / "real" / "2000000.jpg").write_bytes(other)
    verbs.clear()
    cache.extract("trivial-energy")
    cache.head("trivial-energy")
    assert verbs == ["extract trivial-energy", "train trivial-energy", "evaluate trivial-energy"]


def test_a_verb_that_fails_is_named(context: BuildContext, verbs: list[str]) -> None:
    with pytest.raises(UnpromptError, match=r"`unprompt extract haruspicy --data .*` ended with exit code 2: see"):
        Apprentices(context).extract("haruspicy")


def test_detection_meets_the_sibling_only_in_the_test_and_attribution_learns_it(
    context: BuildContext, verbs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HEADS", "EXTRACTED"):
        monkeypatch.setattr(heads, name, ("clip-probe", "semgir-a"))
    monkeypatch.setattr(heads, "DRAWS", 1)  # no spread, of which the figures here tell nothing
    monkeypatch.setattr(assemble, "OPTIONS", {"semgir-a": {"epochs": 1}})
    write_manifest(context.suite)
    figures = heads.make(context)
    makers = ("diffusion", "sibling", "flow")
    assert set(figures) == {f"clip-probe, {one}" for one in makers} | {f"semgir-a, {one}" for one in (*makers, "real")}
    suite = Suite.load(context.suite)
    assert load(suite.head("clip-probe"), suite).figures["generators"] == ["diffusion"]
    told = load_attributor(suite.head("semgir-a"), suite)
    assert (told.candidates, told.figures["n"]) == (("diffusion", "sibling"), 18)
    tables = read_packed(context.suite / "figures.json.gz")["methods"]
    assert tables["semgir-a"]["generators"]["flow"]["kind"] == "outsider"
    assert figures["semgir-a, flow"] == pytest.approx(tables["semgir-a"]["outsiders"], rel=1e-5)
