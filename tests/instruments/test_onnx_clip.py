"""A vision tower out of an ONNX file of 8-bit matrices, against the net that the file was written from."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest
import torch
from safetensors.torch import load_file

from unprompt.errors import SuiteError
from unprompt.instruments.cards import Origin
from unprompt.instruments.clip_vision import ClipVision
from unprompt.instruments.digests import folder_digest
from unprompt.instruments.onnx_clip import convert
from unprompt.testing.fake_towers import fake_vision
from unprompt.testing.fake_wheels import write_quantised
from unprompt.types import RGB


@pytest.fixture
def source(tmp_path: Path) -> Path:
    write_quantised(fake_vision(), tmp_path / "tower.onnx")
    return tmp_path / "tower.onnx"


def test_every_weight_is_what_the_integers_say(source: Path, tmp_path: Path, pictures: list[RGB]) -> None:
    net = fake_vision()
    expected = write_quantised(net, source)
    convert(source, tmp_path / "made")
    found = load_file(tmp_path / "made" / "model.safetensors")
    assert found.keys() == net.state_dict().keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, rtol=1e-6, atol=0)
    stated, made = net.config.to_dict(), json.loads((tmp_path / "made" / "config.json").read_text("utf-8"))
    assert made == {name: stated[name] for name in made if name != "architectures"} | {
        "architectures": ["CLIPVisionModelWithProjection"]
    }
    net.load_state_dict(expected)
    tower = ClipVision(Origin(tmp_path / "made"))
    with torch.no_grad():
        seen = net(pixel_values=tower._normalise.cropped(pictures)).image_embeds
    for one, row in zip(tower.tokens(pictures), seen, strict=True):
        torch.testing.assert_close(torch.from_numpy(one.embedding), row, rtol=0, atol=1e-4)


def test_twice_the_same_bytes(source: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        convert(source, tmp_path / name)
    assert folder_digest(tmp_path / "one") == folder_digest(tmp_path / "two")


def test_no_onnx_file(tmp_path: Path) -> None:
    (tmp_path / "no.onnx").write_bytes(b"\xff" * 100)
    with pytest.raises(SuiteError, match=r"no.onnx cannot be read as an ONNX file .*\(DecodeError"):
        convert(tmp_path / "no.onnx", tmp_path / "made")


@pytest.mark.parametrize(
    ("lost", "words"),
    [
        ("vision_model.post_layernorm.bias", r"weight 'vision_model.post_layernorm.bias' is of shape None, .*\(64,\)"),
        ("vision_model.embeddings.patch_embedding.weight", r"no CLIP vision tower: .*patch_embedding.weight"),
    ],
)
def test_a_weight_that_is_lacking(source: Path, tmp_path: Path, lost: str, words: str) -> None:
    model = onnx.load(source)
    kept = [one for one in model.graph.initializer if one.name != lost]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    onnx.save(model, source)
    with pytest.raises(SuiteError, match=words):
        convert(source, tmp_path / "made")
    assert not (tmp_path / "made").exists()
