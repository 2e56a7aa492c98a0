"""Loading through the real classes: quiet, frozen, float32, and never with random weights."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers.utils import logging

from unprompt.errors import MissingWeights, OptionError, SuiteError
from unprompt.instruments import Suite
from unprompt.instruments.base import Instrument
from unprompt.instruments.cards import Origin
from unprompt.instruments.clip import ClipEncoder
from unprompt.instruments.loading import check_dtype, dtype_of, quietly
from unprompt.types import RGB

ROLES = ["captioner", "encoder", "diffusion", "grounder", "perceptual"]


@pytest.fixture
def encoder(fake: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(fake / "encoder", tmp_path / "encoder"))


def modules(instrument: Instrument) -> list[torch.nn.Module]:
    held = list(vars(instrument).values())
    held += [part for value in held for part in getattr(value, "components", {}).values()]
    return [value for value in held if isinstance(value, torch.nn.Module)]


def test_a_dtype_is_named_or_measured() -> None:
    check_dtype("auto")
    check_dtype("float16")
    for check, name in ((dtype_of, "auto"), (check_dtype, "int8")):
        with pytest.raises(OptionError, match=f"unknown dtype '{name}': expected one of float32, bfloat16, float16"):
            check(name)


@pytest.mark.parametrize("role", ROLES)
def test_frozen_and_evaluating_from_birth(suite: Suite, role: str) -> None:
    found = modules(getattr(suite, role).load())
    assert found
    assert not any(module.training for whole in found for module in whole.modules())
    assert not any(parameter.requires_grad for whole in found for parameter in whole.parameters())


@pytest.mark.parametrize("role", ROLES)
def test_cards_say_what_moves_the_output(suite: Suite, role: str) -> None:
    card = getattr(suite, role).card
    assert card.kind == role
    assert len(card.digest) == 64
    assert card.parameters["dtype"] == "float32"


def test_loading_and_running_is_quiet(fake: Path, pictures: list[RGB], capfd: pytest.CaptureFixture[str]) -> None:
    suite = Suite.load(fake)
    words = suite.captioner.captions(pictures[:2])
    suite.encoder.embed_texts(["a ball and " * 40])
    suite.diffusion.regenerate(["a ball and " * 40], [1])
    suite.diffusion.reconstruct(pictures[:2], [caption.text for caption in words], [1, 2])
    suite.perceptual.distances(pictures[:1], pictures[:1])
    assert capfd.readouterr() == ("", "")


def test_verbosity_is_given_back() -> None:
    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    with quietly():
        assert not logging.is_progress_bar_enabled()
        assert logging.get_verbosity() == logging.ERROR
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before


def test_float16_on_disk_is_float32_in_memory(encoder: Path, pictures: list[RGB]) -> None:
    exact = ClipEncoder(Origin(encoder)).embed_pictures(pictures)
    weights = load_file(encoder / "model.safetensors")
    halves = {name: value.half() if value.is_floating_point() else value for name, value in weights.items()}
    save_file(halves, encoder / "model.safetensors", metadata={"format": "pt"})
    loaded = ClipEncoder(Origin(encoder))
    assert {parameter.dtype for parameter in loaded.model.parameters()} == {torch.float32}
    np.testing.assert_allclose(loaded.embed_pictures(pictures), exact, rtol=0.05, atol=0.05)


def test_another_dtype_is_kept_and_on_the_card(encoder: Path, pictures: list[RGB]) -> None:
    loaded = ClipEncoder(Origin(encoder), dtype="bfloat16")
    assert loaded.card.parameters["dtype"] == "bfloat16"
    assert loaded.embed_pictures(pictures[:1]).dtype == np.float32
    assert {parameter.dtype for parameter in loaded.model.parameters()} == {torch.bfloat16}


def without_one_tensor(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights["visual_projection.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def of_another_shape(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    weights["visual_projection.weight"] = torch.zeros(3, 3)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def cut_short(folder: Path) -> None:
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[: len(content) // 2])


def without_words(folder: Path) -> None:
    (folder / "config.json").write_text("{", "utf-8")


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (without_one_tensor, "leave 1 parameters of CLIPModel unset, 'visual_projection.weight' first"),
        (of_another_shape, "model 'encoder' .*(unset|cannot be loaded)"),
        (cut_short, "model 'encoder' cannot be loaded from .*encoder: "),
        (without_words, "model 'encoder' cannot be loaded from .*encoder: "),
    ],
)
def test_damaged_models_are_refused(encoder: Path, harm: Callable[[Path], None], words: str) -> None:
    harm(encoder)
    with pytest.raises(SuiteError, match=words):
        ClipEncoder(Origin(encoder)).load()


def test_pickles_are_no_weights(encoder: Path) -> None:
    (encoder / "model.safetensors").rename(encoder / "pytorch_model.bin")
    with pytest.raises(MissingWeights, match=r"'encoder' are not on this machine .no safetensors file in 'encoder'"):
        ClipEncoder(Origin(encoder))


def test_a_checkpoint_without_its_unet(fake: Path, tmp_path: Path) -> None:
    from unprompt.instruments.stable_diffusion import StableDiffusion

    folder = Path(shutil.copytree(fake / "diffusion", tmp_path / "sd"))
    (folder / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    with pytest.raises(MissingWeights, match=r"'org/sd' are not on this machine .no safetensors file in 'unet'"):
        StableDiffusion(Origin(folder, "org/sd", suite="paper"))


def test_mean_and_deviation_come_from_the_folder(encoder: Path) -> None:
    stated = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.25, 0.25, 0.25]}
    assert ClipEncoder(Origin(encoder)).mean[0] == pytest.approx(0.48145466)
    (encoder / "processor_config.json").write_text(json.dumps({"image_processor": stated}), "utf-8")
    assert ClipEncoder(Origin(encoder)).std == (0.25, 0.25, 0.25)
    (encoder / "preprocessor_config.json").write_text(json.dumps({**stated, "image_mean": [0.1, 0.2, 0.3]}), "utf-8")
    assert ClipEncoder(Origin(encoder)).mean == (0.1, 0.2, 0.3)
