"""Cards without weights: the same card before and after loading, its errors, and how often a file is read."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import numpy as np
import pytest
import torch
from transformers import ConvNextConfig, ConvNextModel

from unprompt.errors import MissingWeights, SuiteError
from unprompt.instruments import CLASSES, Suite, digests
from unprompt.instruments.base import Instrument
from unprompt.instruments.digests import folder_digest
from unprompt.instruments.specs import BUILT_ON
from unprompt.testing.fake_paper import save_fake_paper
from unprompt.testing.fake_towers import save_fake_sentence

SAMPLING = {"strength": 0.5, "steps": 2, "guidance": 7.5, "side": 32}
BRIEF = {"prompt": "Brief description within 50 words.", "beams": 1, "max_new_tokens": 6}
PARAMETERS: dict[tuple[str, str], dict[str, str | int | float]] = {
    ("", "captioner"): {"beams": 1, "max_new_tokens": 6},
    ("", "encoder"): {},
    ("", "diffusion"): SAMPLING,
    ("", "grounder"): {"trunk": "encoder", "threshold": 0.35},
    ("", "perceptual"): {"layers": "1,2,3"},
    ("", "backbone"): {},
    ("", "vision"): {},
    ("", "text"): {},
    ("", "discriminator"): {"dtype": "float32"},
    ("lgrad", "discriminator"): {"side": 32, "dtype": "float32"},
    ("", "generators.sibling"): SAMPLING,
    ("", "generators.flow"): {"steps": 2, "guidance": 2.0},
    ("convnext", "backbone"): {},
    ("drct", "backbone"): {},
    ("swin", "backbone"): {},
    ("tidy", "captioner"): {"beams": 1, "max_new_tokens": 6},
    ("item", "captioner"): BRIEF,
    ("item", "grounder"): {"threshold": 0.35},
    ("semgir", "diffusion"): SAMPLING,
}
"""Method and role -> what the card names, beside the suite's dtype. It enters fingerprints: evidence rests on it."""
FURTHER = """
[methods.drct.instruments.backbone]
class = "convnext"
path = "convnext"
[instruments.text]
class = "sentence"
path = "text"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A suite of every class that needs no extra."""
    made = save_fake_paper(tmp_path_factory.mktemp("paper"))
    ConvNextModel(ConvNextConfig(hidden_sizes=[8, 8, 8, 16], depths=[1, 1, 1, 1])).save_pretrained(made / "convnext")
    save_fake_sentence(made / "text")
    with (made / "suite.toml").open("a", encoding="utf-8") as file:
        file.write(FURTHER)
    return made


@pytest.fixture
def models(folder: Path, tmp_path: Path) -> Path:
    """The same, free to be changed."""
    return Path(shutil.copytree(folder, tmp_path / "suite"))


def instrument(suite: Suite, role: str) -> Instrument:
    kind, _, name = role.partition(".")
    made: Instrument = suite.generator(name) if kind == "generators" else getattr(suite, role)
    return made


def forbid(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(self: Instrument) -> None:
        raise AssertionError(f"{self!r} was loaded")

    monkeypatch.setattr(Instrument, "load", load)


def test_every_class_is_in_the_table(folder: Path) -> None:
    manifest = Suite.load(folder).manifest
    kinds = {spec.kind for spec in manifest.specs()}
    assert set(CLASSES) - kinds == {"amused", "open-clip", "lpips", *BUILT_ON}  # these have tests of their own
    assert {role for method, role in PARAMETERS if not method} == {
        *manifest.instruments,
        *(f"generators.{name}" for name in manifest.generators),
    }
    assert {(method, role) for method, own in manifest.methods.items() for role in own.instruments} <= set(PARAMETERS)


@pytest.mark.parametrize(("method", "role"), PARAMETERS)
def test_the_card_is_that_of_the_loaded_instrument(
    folder: Path, method: str, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = Suite.load(folder, dtype="bfloat16").of(method)
    with monkeypatch.context() as patch:
        forbid(patch)
        card = suite.card(role)
    expected = {"dtype": "bfloat16", **PARAMETERS[method, role]}
    assert card.parameters == expected
    assert {name: type(value) for name, value in card.parameters.items()} == {
        name: type(value) for name, value in expected.items()
    }
    if role != "generators.flow":  # whose folder holds another model's weights here
        assert instrument(suite, role).load().card is card
    spec = suite.manifest.generators.get(role.partition(".")[2]) or suite.manifest.instruments_of(method)[role]
    trunk = folder / "encoder" if "trunk" in spec.parameters else None
    assert card.digest == folder_digest(folder / spec.path, spec.build().files, trunk)


def test_sizes_are_known_without_weights(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    suite: Any = Suite.load(folder)
    forbid(monkeypatch)
    assert (suite.encoder.width, suite.encoder.side, len(suite.encoder.mean), len(suite.encoder.std)) == (16, 32, 3, 3)
    assert (suite.backbone.width, suite.of("drct").backbone.width, suite.grounder.threshold) == (16, 16, 0.35)
    assert suite.diffusion.prepare(np.zeros((64, 48, 3), np.uint8)).shape == (32, 24, 3)


def test_cards_import_no_diffusers(folder: Path) -> None:
    asked = f"cards = [suite.of(method).card(role) for method, role in {list(PARAMETERS)!r}]"
    code = f"import sys; from unprompt.instruments import Suite; suite = Suite.load({str(folder)!r}); {asked}"
    # Without the extras of the tests, which need the shim of tests/conftest.py.
    path = {"PYTHONPATH": os.pathsep.join(one for one in sys.path if "test-extras" not in one)}
    subprocess.run(
        [sys.executable, "-c", f"{code}; assert 'diffusers' not in sys.modules"], check=True, env=os.environ | path
    )


def test_loading_draws_no_random_number_and_leaves_a_model_that_a_head_can_learn(folder: Path) -> None:
    suite: Any = Suite.load(folder)
    before = torch.get_rng_state()
    with torch.inference_mode():
        suite.encoder.embed_texts(["a red ball"])
        suite.backbone.load()
    assert torch.equal(torch.get_rng_state(), before)
    assert not any(weight.is_inference() for weight in suite.encoder.model.parameters())
    assert not any(weight.is_inference() for weight in suite.backbone.model.parameters())


def test_several_threads_load_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    suite, loaded, together = Suite.load(folder), list[str](), Barrier(4)
    encoder, load = suite.encoder, type(suite.encoder)._load

    def counted(self: Any) -> None:
        loaded.append(self.card.model)
        load(self)

    def embed(text: str) -> Any:
        together.wait(60)
        return encoder.embed_texts([text])

    monkeypatch.setattr(type(encoder), "_load", counted)
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(embed, ["a red ball"] * 4))
    assert loaded == ["encoder"]
    for one in found:
        np.testing.assert_allclose(one, found[0], atol=1e-5)


WEIGHTS = [
    ("encoder", "encoder/model.safetensors", "model 'encoder' .*no safetensors file in 'encoder'"),
    ("diffusion", "diffusion/vae/diffusion_pytorch_model.safetensors", "'diffusion' .*no safetensors file in 'vae'"),
    ("grounder", "encoder/model.safetensors", "model 'grounder' .*no safetensors file in 'encoder'"),
    ("generators.sibling", "sibling/unet/diffusion_pytorch_model.safetensors", "'sibling' .* file in 'unet'"),
]


@pytest.mark.parametrize(("role", "file", "words"), WEIGHTS)
def test_a_card_of_missing_weights_is_an_error(models: Path, role: str, file: str, words: str) -> None:
    (models / file).unlink()
    with pytest.raises(MissingWeights, match=rf"{words}.*`unprompt fetch .*suite.toml`.*`--suite miniature`"):
        Suite.load(models).card(role)
    shutil.rmtree(models / file.partition("/")[0])
    with pytest.raises(MissingWeights, match=r"on this machine.*`unprompt fetch .*suite.toml`"):
        Suite.load(models).card(role)


def test_a_card_of_changed_weights_is_an_error(models: Path) -> None:
    right = folder_digest(models / "encoder")
    text = (models / "suite.toml").read_text("utf-8")
    pinned = text.replace('path = "encoder"\n', f'path = "encoder"\ndigest = "{right}"\n', 1)
    (models / "suite.toml").write_text(pinned, "utf-8")
    assert Suite.load(models).card("encoder").digest == right
    with (models / "encoder" / "model.safetensors").open("ab") as file:
        file.write(b"x")
    with pytest.raises(SuiteError, match=f"model 'encoder' in .* have digest .*, but its suite expects {right}"):
        Suite.load(models).card("encoder")


def test_a_role_that_is_not_there(folder: Path) -> None:
    suite = Suite.load(folder)
    with pytest.raises(SuiteError, match=r"has no generator 'gan' \(it has: diffusion, sibling, flow\)"):
        suite.card("generators.gan")
    assert suite.card("generators.diffusion") is suite.card("diffusion")


def test_a_settled_file_is_read_once_and_again_when_it_changed(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: Counter[str] = Counter()
    digest = hashlib.file_digest

    def counted(stream: Any, kind: str) -> Any:
        read[Path(stream.name).name] += 1
        return digest(stream, kind)

    monkeypatch.setattr(hashlib, "file_digest", counted)
    file = models / "encoder" / "model.safetensors"
    with monkeypatch.context() as later:
        later.setattr(digests, "SETTLED", -(10**12))
        for role in ("encoder", "perceptual", "grounder"):  # two of the encoder's folder, one on it as its trunk
            first = Suite.load(models).card(role).digest
        assert read["model.safetensors"] == 2  # the encoder's, and the grounder's own
        os.utime(file, (1, 1))
        assert Suite.load(models).card("grounder").digest == first
        assert read["model.safetensors"] == 3
    content = file.read_bytes()
    file.write_bytes(content[::-1])  # Of the same length, and too young to be known by its time.
    changed = Suite.load(models).card("grounder").digest
    file.write_bytes(content)
    assert changed != first == Suite.load(models).card("grounder").digest
