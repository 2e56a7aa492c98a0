"""``--dtype auto``: what it chooses, of what, that it measures once, and that the models then run in it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

from unprompt.instruments import Manifest, Suite, precision
from unprompt.instruments.base import Instrument
from unprompt.instruments.cache import cache_folder
from unprompt.instruments.probe import CAPTIONS, EQUAL, Numbers, answers, decibels, probe_pictures
from unprompt.processors import processor_name


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNPROMPT_HOME", str(tmp_path / "home"))


def on_a_device(patch: pytest.MonkeyPatch, **rates: float) -> None:
    """A device that multiplies so fast."""
    known = {"float32": 1.0, "bfloat16": 1.4, "float16": 0.1} | rates
    patch.setattr(precision, "matrix_rates", lambda device: known)


def with_roles(fake: Path, home: Path, *roles: str) -> Path:
    """The fake suite with these instruments alone."""
    folder = Path(shutil.copytree(fake, home / "suite"))
    head, *tables = (folder / "suite.toml").read_text("utf-8").split("\n[")
    kept = [f"\n[{one}" for one in tables if one.startswith(tuple(f"instruments.{role}]" for role in roles))]
    (folder / "suite.toml").write_text("".join([head, *kept]), "utf-8")
    return folder


def test_a_device_that_gains_nothing_loads_nothing(
    fake: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    on_a_device(monkeypatch)
    monkeypatch.setattr(Instrument, "load", lambda self: pytest.fail(f"{self!r} was loaded"))
    assert Suite.load(fake, dtype="auto").dtype == "float32"
    assert caplog.messages[-1].startswith(f"--dtype auto is float32 for the suite fake on {processor_name()}")
    assert caplog.messages[-1].endswith(": bfloat16 1.4, float16 0.1 times as fast, expected 1.5")


def test_the_lower_one_where_no_model_notices_it(fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_a_device(monkeypatch, bfloat16=10.0)
    folder = with_roles(fake, tmp_path, "captioner", "perceptual", "grounder")
    shutil.rmtree(folder / "captioner")
    suite, named = (Suite.load(folder, dtype=name) for name in ("auto", "bfloat16"))
    assert (suite.dtype, suite.card("grounder")) == ("bfloat16", named.card("grounder"))  # So evidence has its name.
    assert {one.dtype for one in suite.perceptual.model.parameters()} == {torch.bfloat16}
    both = probe_pictures()[:1], probe_pictures()[1:2]
    exact = suite.at_dtype("float32").perceptual.distances(*both)
    assert 0 < abs(suite.perceptual.distances(*both) - exact) < 0.0056 * exact


def test_one_model_that_notices_it_is_enough(
    fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    on_a_device(monkeypatch, bfloat16=10.0)
    folder = with_roles(fake, tmp_path, "encoder", "perceptual")
    assert Suite.load(folder, dtype="auto").dtype == "float32"
    low, exact = (Suite.load(folder, dtype=name).encoder for name in ("bfloat16", "float32"))
    seen = [(one.embed_pictures(probe_pictures()), one.embed_texts(CAPTIONS)) for one in (low, exact)]
    rows, right = map(np.concatenate, seen)
    errors = sorted(np.linalg.norm(rows - right, axis=1) / np.linalg.norm(right, axis=1), reverse=True)
    median, low = (-20 * np.log10(errors[place]) for place in (3, 0))  # Of eight, the worse one in the middle.
    assert f"encoder in bfloat16 comes to {median:.1f} dB (5 %: {low:.1f}), expected 45 and 35" in caplog.text
    on_a_device(monkeypatch, bfloat16=10.0, float16=9.0)
    shutil.rmtree(cache_folder())
    assert Suite.load(folder, dtype="auto").dtype == "float16"


def test_a_second_start_measures_nothing(fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, compared = with_roles(fake, tmp_path, "perceptual"), list[str]()

    def newly_compared() -> int:
        compared.clear()
        assert Suite.load(folder, dtype="auto").dtype == "bfloat16"
        return len(compared)

    on_a_device(monkeypatch, bfloat16=10.0)
    monkeypatch.setattr(precision, "answers", lambda one: compared.append(one.card.digest) or answers(one))
    assert newly_compared() == 2
    with monkeypatch.context() as patch:
        patch.setattr(precision, "matrix_rates", lambda device: pytest.fail("measured again"))
        assert newly_compared() == 0
    with (folder / "encoder" / "model.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x01")
    assert newly_compared() == 2  # of other weights
    monkeypatch.setattr(torch, "__version__", "2.99.0")
    assert newly_compared() == 2
    monkeypatch.setattr(precision, "device_name", lambda device: "another device")
    assert newly_compared() == 2
    for text in ("{", '{"found": {"x": 1}}', '{"found": {"median": NaN, "low": 1, "bfloat16": NaN, "float16": 1}}'):
        for damaged in (cache_folder() / "precision").iterdir():
            damaged.write_text(text, "utf-8")
        assert newly_compared() == 2


def test_what_is_measured_is_told_before(
    fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder, once = with_roles(fake, tmp_path, "perceptual"), "on Tesla 9, once: later runs take what is found"
    both = ("the speed of each dtype", "the suite's perceptual in bfloat16 against float32")
    told = [f"--dtype auto measures {what} {once}" for what in both]

    def compared(one: Instrument) -> list[str | Numbers]:
        assert caplog.messages[-1] == told[-1]
        return answers(one)

    def newly_told() -> list[str]:
        caplog.clear()
        Suite.load(folder, dtype="auto")
        return [line for line in caplog.messages if "measures" in line]

    on_a_device(monkeypatch, bfloat16=10.0)
    monkeypatch.setattr(precision, "device_name", lambda device: "Tesla 9")
    monkeypatch.setattr(precision, "answers", compared)
    assert (newly_told(), newly_told()) == (told, [])


def test_without_models_nothing_is_said_of_them(
    fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    on_a_device(monkeypatch, bfloat16=10.0)
    folder = with_roles(fake, tmp_path, "captioner")
    shutil.rmtree(folder / "captioner")
    assert Suite.load(folder, dtype="auto").dtype == "float32"
    assert "none of its models is on this machine, so that none can be compared" in caplog.text


def test_what_cannot_be_done_is_told(
    fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> Mapping[str, float]:
        raise torch.OutOfMemoryError("CUDA out of memory")

    folder = with_roles(fake, tmp_path, "perceptual")
    cache_folder().mkdir(parents=True)
    (kept := cache_folder() / "precision").write_text("no folder")
    on_a_device(monkeypatch, bfloat16=2.0)
    assert Suite.load(folder, dtype="auto").dtype == "bfloat16"
    assert f"for --dtype auto cannot be kept ([Errno 17] File exists: '{kept}')" in caplog.text
    monkeypatch.setattr(precision, "answers", full)
    assert Suite.load(folder, dtype="auto").dtype == "float32"
    assert "perceptual cannot be compared in bfloat16 (CUDA out of memory), name a --dtype" in caplog.text
    monkeypatch.setattr(precision, "matrix_rates", full)
    assert Suite.load(folder, dtype="auto").dtype == "float32"
    assert "its speed cannot be measured (CUDA out of memory)" in caplog.text


def test_every_instrument_answers_the_probe(fake: Path) -> None:
    for role in (*Manifest.read(fake).instruments, "generators.sibling"):
        first, second = (answers(Suite.load(fake).instrument(role)) for _ in range(2))
        assert [decibels(*pair) for pair in zip(first, second, strict=True)] == [EQUAL] * len(first)
        assert len(first) >= 4


def test_decibels() -> None:
    exact, other = (Numbers(np.full((2, 2, 3), value, np.uint8), 255.0) for value in (100, 101))
    assert decibels(other, exact) == pytest.approx(48.13, abs=0.01)
    assert (decibels(exact, exact), decibels("a dog", "a dog"), decibels("a dog", "a cat")) == (EQUAL, EQUAL, 0)
