"""A suite that lacks what a method is built on is refused from configurations, before a picture is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import nn

from unprompt.detectors import EVERY, METHODS
from unprompt.errors import MissingExtra, OptionError, SuiteError, UnpromptError
from unprompt.instruments import Suite, clip
from unprompt.instruments.base import Encoder, Instrument, Vectors
from unprompt.instruments.cards import Origin
from unprompt.instruments.clip import ClipEncoder
from unprompt.instruments.specs import CLASSES
from unprompt.testing.fake_paper import save_fake_paper
from unprompt.types import RGB
from unprompt.workflows import extract as extracting
from unprompt.workflows.extract import extract

BUILT = tuple(method for method in METHODS if method != "panel")


class Blind(Encoder):
    """Vectors, and no tower that could be learned."""

    def __init__(self, origin: Origin, device: str = "cpu", dtype: str = "float32") -> None:
        super().__init__(origin, device, dtype)
        self.of = ClipEncoder(origin, device, dtype)
        self.width = self.of.width

    def _embed_pictures(self, pictures: Sequence[RGB]) -> Sequence[Vectors]:
        return list(self.of.embed_pictures(pictures))

    def _embed_texts(self, texts: Sequence[str]) -> Sequence[Vectors]:
        return list(self.of.embed_texts(texts))


class Wordless(Blind):
    """An image tower alone."""

    def __init__(self, origin: Origin, device: str = "cpu", dtype: str = "float32") -> None:
        super().__init__(origin, device, dtype)
        self.side, self.mean, self.std = self.of.side, self.of.mean, self.of.std

    def tower(self) -> tuple[nn.Module, nn.Module]:
        return self.of.tower()


class Uninstalled(ClipEncoder):
    """One whose package is not there."""

    def check(self) -> None:
        raise MissingExtra("CLIP needs the package nowhere")


Edit = Callable[[str], str]
TABLES: dict[str, Edit] = {
    "whole": lambda text: text,
    "blind": lambda text: text.replace('class = "clip"\n', 'class = "blind"\n'),
    "wordless": lambda text: text.replace('class = "clip"\n', 'class = "wordless"\n'),
    "uninstalled": lambda text: text.replace('class = "clip"\n', 'class = "uninstalled"\n'),
    "convolutions": lambda text: text.replace(
        'class = "resnet"\npath = "backbone"', 'class = "convnext"\npath = "next"'
    ),
    **{
        f"no {role}": lambda text, role=role: text.replace(f"[instruments.{role}]", f"[generators.spare-{role}]")
        for role in ("captioner", "encoder", "diffusion", "grounder", "backbone")
    },
}
"""What a suite's file says instead."""


@pytest.fixture(scope="module")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transformers import ConvNextConfig, ConvNextModel

    folder = save_fake_paper(tmp_path_factory.mktemp("fake"))
    ConvNextModel(ConvNextConfig(hidden_sizes=[8, 16, 16, 16], depths=[1, 1, 1, 1])).save_pretrained(folder / "next")
    return folder


@pytest.fixture(params=TABLES)
def suite(request: pytest.FixtureRequest, fake: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for kind in (Blind, Wordless, Uninstalled):
        monkeypatch.setattr(clip, kind.__name__, kind, raising=False)
        monkeypatch.setitem(CLASSES, kind.__name__.lower(), f"{clip.__name__}:{kind.__name__}")
    file = fake / f"{request.param.replace(' ', '-')}.toml"
    file.write_text(TABLES[request.param](fake.joinpath("suite.toml").read_text("utf-8")), "utf-8")
    return file


def refusal(make: Callable[[], Any]) -> type[UnpromptError] | None:
    try:
        make()
    except UnpromptError as error:
        return type(error)
    return None


@pytest.mark.parametrize("method", EVERY)
def test_what_cannot_be_built_is_refused_before_a_picture_is_read(
    method: str, suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever making the evidence and building the head would refuse, the check refuses; and nothing else."""
    (tmp_path / "a.png").touch()
    made = EVERY[method]

    def whole() -> None:
        loaded = Suite.load(suite)
        for name in BUILT[:4] if method == "panel" else [method]:
            one = EVERY[name](loaded)
            one.extractor.recipes(loaded)
            for role in {*one.extractor.roles, *one.head_roles(one.options)}:
                one.suite.instrument(role).check()

    expected = refusal(whole)

    class Read(Exception):
        """A picture was about to be read."""

    def stop(*_: object) -> None:
        raise Read

    with monkeypatch.context() as patch:
        patch.setattr(extracting, "read_or_error", stop)
        patch.setattr(Instrument, "load", lambda self: pytest.fail(f"{self!r} was loaded"))
        with pytest.raises(Read if expected is None else expected):
            extract(method, data=f"folder:{tmp_path}", out=tmp_path / "out", suite=suite)
    if suite.stem == "whole":
        assert expected is None, made


@pytest.mark.parametrize(
    ("method", "options", "error", "words"),
    [
        (
            "semgir",
            {"layers": 9},
            SuiteError,
            r"--layers is 9, but the image tower of ClipEncoder\(.* has 3 transformer",
        ),
        ("semgir-a", {"layers": 4}, SuiteError, r"--layers is 4, but the image tower of ClipEncoder"),
        (
            "sare",
            {"crop": 48, "resize": 64},
            OptionError,
            r"--crop is 48, this suite's encoder takes pictures of 32 pixels",
        ),
    ],
)
def test_so_are_options_that_the_suite_cannot_serve(
    method: str, options: dict[str, Any], error: type[UnpromptError], words: str, fake: Path, tmp_path: Path
) -> None:
    (tmp_path / "a.png").touch()
    with pytest.raises(error, match=words):
        extract(method, data=f"folder:{tmp_path}", out=tmp_path / "out", suite=fake, options=options)


def test_a_text_tower_is_asked_of_who_reads_texts(fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from unprompt.detectors.towers import check_towers

    encoder = Wordless(Origin(fake / "encoder"))
    check_towers(encoder, 0)
    with pytest.raises(
        SuiteError, match=r"encoder is Wordless\(.*expected a CLIP model whose text tower can be learned"
    ):
        check_towers(encoder, 0, text=True)
    short = ClipEncoder(Origin(fake / "encoder"))
    monkeypatch.setattr(short, "text_layers", 1)
    check_towers(short, 2)
    with pytest.raises(
        SuiteError, match=r"--layers is 2, but the text tower of ClipEncoder\(.* has 1 transformer layers"
    ):
        check_towers(short, 2, text=True)
    assert np.isfinite(encoder.embed_texts(["a ball"])).all()
