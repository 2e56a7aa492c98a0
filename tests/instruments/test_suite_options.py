"""What a suite's file gives to a method's training in place of the paper's options."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from unprompt.detectors import EVERY, METHODS
from unprompt.detectors.checkpoint import read_header
from unprompt.errors import SuiteError
from unprompt.instruments import Manifest, Suite
from unprompt.instruments.suite_file import parse, to_toml
from unprompt.recipes.miniature.assemble import OPTIONS


@pytest.fixture
def file(fake: Path, tmp_path: Path) -> Path:
    shutil.copytree(fake, tmp_path / "suite")
    file = tmp_path / "suite" / "suite.toml"
    options = "[methods.sare]\noptions = { rate = 0.5, augmentation = { mirror = 0.0, qualities = [30, 90] } }\n"
    file.write_text(file.read_text("utf-8") + options, "utf-8")
    return file


def test_they_stand_above_the_papers_and_under_the_users(file: Path) -> None:
    found = METHODS["sare"].fitting_options(Suite.load(file))
    sized = METHODS["sare"].sized_options(Suite.load(file))
    assert (found.rate, found.augmentation.mirror, found.augmentation.qualities) == (0.5, 0.0, (30, 90))
    assert found == sized.override({"rate": 0.5, "augmentation": found.augmentation})
    assert found.override({"rate": 0.25}).rate == 0.25
    assert METHODS["sare"](Suite.load(file)).options == found
    assert METHODS["tidy"].fitting_options(Suite.load(file)) == METHODS["tidy"].sized_options(Suite.load(file))


def test_they_are_written_as_they_were_read(file: Path) -> None:
    manifest = Manifest.read(file)
    again = file.with_name("again.toml")
    again.write_text(to_toml(manifest), "utf-8")
    assert parse(again).methods == manifest.methods


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("{ eporchs = 3 }", "methods.sare.options: --eporchs is unknown, expected one of "),
        ("{ epochs = 0 }", "methods.sare.options: --epochs is 0, expected 1 or more"),
    ],
)
def test_what_the_method_does_not_know_is_told_with_its_place(file: Path, told: str, said: str) -> None:
    text = file.read_text("utf-8")
    file.write_text(re.sub(r"(?<=\[methods.sare\]\noptions = ).*", told, text), "utf-8")
    with pytest.raises(SuiteError, match=re.escape(f"{file}: {said}")):
        METHODS["sare"].fitting_options(Suite.load(file))


@pytest.mark.parametrize("method", OPTIONS)
def test_the_shipped_ones_are_those_of_the_shipped_heads(method: str) -> None:
    suite = Suite.load("miniature")
    assert suite.manifest.options_of(method) == OPTIONS[method]
    found = EVERY[method].fitting_options(suite).to_dict()
    stored = read_header(suite.head(method)).options if method in suite.heads else found
    for name, value in OPTIONS[method].items():
        assert stored[name] == found[name] == value
