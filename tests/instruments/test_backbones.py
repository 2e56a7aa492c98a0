"""Backbones from saved folders: of transformers, and of timm's hub by torchvision's names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import ConvNextConfig, ConvNextModel, ResNetConfig, ResNetForImageClassification, ResNetModel

from unprompt.detectors import METHODS
from unprompt.errors import MissingWeights, SuiteError
from unprompt.instruments import Suite
from unprompt.instruments.backbones import ConvNextBackbone, ResNetBackbone, from_torchvision
from unprompt.instruments.cards import Origin
from unprompt.testing.fake_suite import save_fake_suite

SIZES = {"hidden_sizes": [8, 16], "depths": [1, 2], "embedding_size": 8}


def _torchvision(name: str) -> str:
    """The public name of a weight, from that of transformers: the other way round than the code."""
    if name.startswith("embedder.embedder."):
        kind, weight = name.split(".")[2:]
        return f"{'conv1' if kind == 'convolution' else 'bn1'}.{weight}"
    _, _, stage, _, layer, *rest = name.split(".")
    at = f"layer{int(stage) + 1}.{layer}"
    if rest[0] == "shortcut":
        return f"{at}.downsample.{0 if rest[1] == 'convolution' else 1}.{rest[2]}"
    return f"{at}.{'conv' if rest[2] == 'convolution' else 'bn'}{int(rest[1]) + 1}.{rest[3]}"


def _timm(folder: Path, architecture: str = "resnet18") -> ResNetModel:
    model = ResNetModel(ResNetConfig(layer_type="basic", hidden_sizes=[64, 128, 256, 512], depths=[2, 2, 2, 2])).eval()
    weights = {_torchvision(name): tensor.contiguous() for name, tensor in model.state_dict().items()}
    folder.mkdir()
    save_file(
        {**weights, "fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)}, folder / "model.safetensors"
    )
    stated = {"architecture": architecture, "pretrained_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]}}
    (folder / "config.json").write_text(json.dumps(stated), "utf-8")
    return model


def test_every_name_of_a_resnet_has_its_public_one() -> None:
    for layer in ("basic", "bottleneck"):
        names = list(ResNetModel(ResNetConfig(**SIZES, layer_type=layer)).state_dict())
        back = from_torchvision({_torchvision(name): torch.zeros(1) for name in names})
        assert list(back) == names
    assert _torchvision("encoder.stages.1.layers.0.layer.2.normalization.bias") == "layer2.0.bn3.bias"


def test_a_classifier_gives_its_trunk(tmp_path: Path) -> None:
    source = ResNetForImageClassification(ResNetConfig(**SIZES)).eval()
    source.save_pretrained(tmp_path)
    found = ResNetBackbone(Origin(tmp_path))
    x = torch.randn(2, 3, 40, 40)
    with torch.inference_mode():
        torch.testing.assert_close(found.model(x).pooler_output, source.resnet(x).pooler_output)
    assert (found.width, found.mean, found.card.kind) == (16, (0.485, 0.456, 0.406), "backbone")
    assert not found.model.training
    assert not any(weight.requires_grad for weight in found.model.parameters())


def test_a_resnet_of_timm_needs_no_timm(tmp_path: Path) -> None:
    source = _timm(tmp_path / "timm")
    found = ResNetBackbone(Origin(tmp_path / "timm"))
    x = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(found.model(x).pooler_output, source(x).pooler_output)
    assert (found.width, found.mean, found.std) == (512, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))


def test_another_architecture_of_timm_is_refused(tmp_path: Path) -> None:
    _timm(tmp_path / "timm", "resnet50d")
    with pytest.raises(SuiteError, match="is a 'resnet50d' of timm, expected one of resnet18, resnet34, resnet50"):
        ResNetBackbone(Origin(tmp_path / "timm"))


def test_nothing_is_left_at_random(tmp_path: Path) -> None:
    _timm(tmp_path / "timm")
    weights = load_file(tmp_path / "timm" / "model.safetensors")
    del weights["layer3.1.conv2.weight"]
    save_file(weights, tmp_path / "timm" / "model.safetensors")
    with pytest.raises(
        SuiteError, match=r"leave 1 parameters of ResNetModel unset, 'encoder.stages.2.layers.1.layer.1"
    ):
        ResNetBackbone(Origin(tmp_path / "timm")).load()
    (tmp_path / "timm" / "model.safetensors").unlink()
    with pytest.raises(MissingWeights, match="weights of model 'timm' are not on this machine"):
        ResNetBackbone(Origin(tmp_path / "timm"))


def _suite(folder: Path, kind: str) -> Suite:
    """The fake suite with a backbone that was saved to disk."""
    save_fake_suite(folder)
    if kind == "resnet":
        ResNetModel(ResNetConfig(**SIZES, layer_type="basic")).save_pretrained(folder / "backbone")
    else:
        sizes = {"hidden_sizes": [8, 8, 16, 16], "depths": [1, 1, 1, 1]}
        ConvNextModel(ConvNextConfig(**sizes)).save_pretrained(folder / "backbone")
    with (folder / "suite.toml").open("a", encoding="utf-8") as file:
        file.write(f'\n[instruments.backbone]\nclass = "{kind}"\npath = "backbone"\n')
    return Suite.load(folder)


def test_a_baseline_starts_from_the_suites_backbone_and_says_so(tmp_path: Path) -> None:
    suite = _suite(tmp_path / "suite", "resnet")
    for method in ("resnet50", "cnndet", "gramnet", "dire"):
        detector = METHODS[method](suite)
        assert detector.options.backbone == "suite"
        assert detector.instruments()["backbone"] == suite.backbone.card.digest
        own = detector.network.trunk.net.state_dict()
        for name, tensor in suite.backbone.model.state_dict().items():
            torch.testing.assert_close(own[name], tensor)
    scratch = METHODS["resnet50"](suite, METHODS["resnet50"].Options(backbone="scratch"))
    assert "backbone" not in scratch.instruments()
    assert METHODS["npr"](suite).options.backbone == "scratch"


def test_a_suite_without_backbone_trains_from_nothing_and_says_so(tmp_path: Path) -> None:
    suite = Suite.load(save_fake_suite(tmp_path))
    detector = METHODS["resnet50"](suite, METHODS["resnet50"].fitting_options(suite))
    assert (detector.options.backbone, detector.instruments()) == ("scratch", {})
    with pytest.raises(SuiteError, match=r"has no instrument 'backbone' \(it has: captioner"):
        METHODS["resnet50"](suite, METHODS["resnet50"].Options(backbone="suite"))


def test_drct_learns_a_convnext(tmp_path: Path) -> None:
    suite = _suite(tmp_path / "suite", "convnext")
    assert isinstance(suite.backbone, ConvNextBackbone)
    options = METHODS["drct"].fitting_options(suite).override({"features": "backbone", "embedding": 32})
    detector = METHODS["drct"](suite, options)
    assert list(detector.instruments()) == ["backbone"]
    pixels = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8)
    detector.loss((pixels, pixels.flip(0)), torch.tensor([0.0, 1.0, 0.0])).backward()
    assert all(weight.grad is not None for weight in detector.network.parameters())
    with pytest.raises(
        SuiteError, match=r"backbone is ConvNextBackbone\(.*\), resnet50 expects a ResNetBackbone: give \[methods"
    ):
        METHODS["resnet50"](suite)
