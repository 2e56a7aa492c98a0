"""Gradient maps by finite differences and by hand, of a StyleGAN's discriminator and of classifiers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch.nn import functional as F
from transformers import ResNetConfig, ResNetForImageClassification

from unprompt.errors import NotFinite, OptionError, SuiteError
from unprompt.images import centre_square
from unprompt.instruments.backbones import from_torchvision
from unprompt.instruments.cards import Origin
from unprompt.instruments.classifiers import ResNetClassifier
from unprompt.instruments.discriminator import min_max
from unprompt.instruments.stylegan import PUBLISHED, StyleGanDiscriminator, StyleGanJudge
from unprompt.testing.fake_suite import save_stylegan
from unprompt.types import RGB

MEAN, STD = [0.4, 0.5, 0.6], [0.2, 0.25, 0.3]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        save_stylegan(tmp_path / "judge")
    return tmp_path / "judge"


def test_a_map_is_the_gradient_by_finite_differences(folder: Path, pictures: list[RGB]) -> None:
    """In float64, where M is linear between its kinks, at some pixels; as shares of the map's range."""
    judge = StyleGanDiscriminator(Origin(folder)).load()
    (found,), model = judge.gradient_maps(pictures[:1]), judge.model.double()
    x = torch.from_numpy(centre_square(pictures[0], 32) / 127.5 - 1).permute(2, 0, 1)[None]
    seen = x.clone().requires_grad_()
    (whole,) = torch.autograd.grad(model(seen).sum(), seen)
    low, high, step = whole.min(), whole.max(), 1e-6
    for place in [(0, 0, 0), (1, 7, 20), (2, 31, 31), (0, 16, 3), (1, 12, 12)]:
        up, down = x.clone(), x.clone()
        up[0][place] += step
        down[0][place] -= step
        slope = (model(up) - model(down)).item() / (2 * step)
        channel, row, column = place
        assert found[row, column, channel] == pytest.approx(float((slope - low) / (high - low) * 255), abs=0.52)
    assert (found.min(), found.max(), found.shape, found.dtype) == (0, 255, (32, 32, 3), np.uint8)


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=9))
def test_the_least_is_0_and_the_greatest_255(values: list[float]) -> None:
    x = torch.tensor(values)
    found = min_max(x)
    assert found[x.argmin()] == 0
    assert found[x.argmax()] == (255 if x.min() < x.max() else 0)
    assert torch.equal(found, found.round())
    assert (found[x.argsort()].diff() >= 0).all()


def test_what_is_not_finite_stays_so() -> None:
    assert all(min_max(torch.tensor([0.0, 1.0, float(bad)])).isnan().any() for bad in ("nan", "inf", "-inf"))


def test_a_flat_gradient_is_black_and_damaged_weights_are_told(folder: Path, pictures: list[RGB]) -> None:
    file = folder / "model.safetensors"
    weights = load_file(file)
    save_file({name: torch.zeros_like(one) for name, one in weights.items()}, file)
    assert not np.any(StyleGanDiscriminator(Origin(folder)).gradient_maps(pictures))
    save_file({name: one * float("nan") for name, one in weights.items()}, file)
    with pytest.raises(NotFinite, match=r"StyleGanDiscriminator\('judge'.*answers numbers that are NaN") as told:
        StyleGanDiscriminator(Origin(folder)).gradient_maps(pictures[:2])
    assert list(told.value.places) == [0, 1]


def test_the_batch_does_not_matter(folder: Path, pictures: list[RGB]) -> None:
    judge = StyleGanDiscriminator(Origin(folder))
    alone = [judge.gradient_maps([one])[0] for one in pictures]
    judge.batch_size = 4
    np.testing.assert_array_equal(judge.gradient_maps(pictures[::-1])[::-1], alone)


def test_the_network_is_stylegans() -> None:
    """With the published form of halving: kernels of 4 x 4 with stride 2 on blurred maps."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        judge, x = StyleGanJudge(16, 48, 6).double(), torch.randn(4, 3, 16, 16).double()
    W = {name.removesuffix(".weight"): one * (2 / one[0].numel()) ** 0.5 for name, one in judge.state_dict().items()}

    def conv(name: str, x: torch.Tensor, halved: bool = False) -> torch.Tensor:
        w = W[name]
        if halved:
            w = F.pad(w, (1, 1, 1, 1))
            w = (w[..., 1:, 1:] + w[..., :-1, 1:] + w[..., 1:, :-1] + w[..., :-1, :-1]) / 4
            row = torch.tensor([1.0, 2, 1]).double()
            x = torch.stack([F.conv2d(one[:, None], (row.outer(row) / 16)[None, None], padding=1)[:, 0] for one in x])
        return F.leaky_relu(F.conv2d(x, w, stride=2 if halved else 1, padding=w.shape[-1] // 2 - halved), 0.2)

    h = conv("input0", x)
    for first in (0, 2):
        h = conv(f"layer{first + 1}", conv(f"layer{first}", h), halved=True)
    spread = ((h - h.mean(0)).square().mean(0) + 1e-8).sqrt().mean()
    h = conv("layer4", torch.cat([h, spread.expand(4, 1, 4, 4)], 1)).flatten(1)
    torch.testing.assert_close(judge(x), F.leaky_relu(h @ W["layer5"].T, 0.2) @ W["layer6"].T / 2**0.5)


def test_without_a_configuration_it_is_the_published_one(folder: Path) -> None:
    (folder / "config.json").unlink()
    judge = StyleGanDiscriminator(Origin(folder))
    with pytest.raises(SuiteError, match=r"leave 12 parameters of StyleGanJudge unset, 'layer10.bias' first"):
        judge.load()
    with torch.device("meta"):
        shapes = [tuple(one.shape) for name, one in StyleGanJudge(**PUBLISHED).named_parameters() if "weight" in name]
    assert (judge.side, shapes[0], *shapes[-3:]) == (256, (64, 3, 1, 1), (512, 513, 3, 3), (512, 8192), (1, 512))


@pytest.mark.parametrize(
    ("stated", "words"),
    [
        ({"resolution": 32}, r"states \{'resolution': 32\}, expected whole numbers above 0 for resolution, fmap_base"),
        ({"resolution": 24, "fmap_base": 9, "fmap_max": 4}, "states resolution 24, expected a power of two from 8"),
    ],
)
def test_odd_sizes_are_errors(folder: Path, stated: dict[str, int], words: str) -> None:
    (folder / "config.json").write_text(json.dumps(stated), "utf-8")
    with pytest.raises(SuiteError, match=words):
        StyleGanDiscriminator(Origin(folder))


def _timm(folder: Path, drop: str = "") -> ResNetForImageClassification:
    """A ResNet-18 under torchvision's names."""
    sizes = {"layer_type": "basic", "hidden_sizes": [64, 128, 256, 512], "depths": [2, 2, 2, 2], "num_labels": 5}
    model = ResNetForImageClassification(ResNetConfig(**sizes)).eval()
    blocks = [f"layer{stage}.{block}" for stage in (1, 2, 3, 4) for block in (0, 1)]
    own = ["conv1", "bn1", *(f"{at}.{kind}{place}" for at in blocks for kind in ("conv", "bn") for place in (1, 2))]
    own += [f"layer{stage}.0.downsample.{place}" for stage in (2, 3, 4) for place in (0, 1)]
    weights = model.state_dict()
    back = {f"fc.{name}": weights[f"classifier.1.{name}"] for name in ("weight", "bias")}
    for name in (f"{at}.{kind}" for at in own for kind in ("weight", "bias", "running_mean", "running_var")):
        if (theirs := f"resnet.{next(iter(from_torchvision({name: torch.zeros(0)})))}") in weights:
            back[name] = weights[theirs]
    folder.mkdir()
    save_file({name: one.contiguous() for name, one in back.items() if name != drop}, folder / "model.safetensors")
    stated = {"architecture": "resnet18", "pretrained_cfg": {"mean": MEAN, "std": STD}}
    (folder / "config.json").write_text(json.dumps(stated), "utf-8")
    return model


def _transformers(folder: Path) -> ResNetForImageClassification:
    model = ResNetForImageClassification(ResNetConfig(hidden_sizes=[8, 16], depths=[1, 1], embedding_size=8)).eval()
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps({"image_mean": MEAN, "image_std": STD}), "utf-8")
    return model


@pytest.mark.parametrize("saved", [_timm, _transformers])
def test_a_classifiers_map_is_the_gradient_of_its_summed_logits(
    saved: Callable[[Path], ResNetForImageClassification], tmp_path: Path, pictures: list[RGB]
) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(6)
        model = saved(tmp_path / "net")
    found = ResNetClassifier(Origin(tmp_path / "net"), side=40)
    x = torch.from_numpy(centre_square(pictures[5], 40)).permute(2, 0, 1)[None].float() / 255
    mean, std = (torch.tensor(one).view(3, 1, 1) for one in (MEAN, STD))
    x = ((x - mean) / std).requires_grad_()
    (g,) = torch.autograd.grad(model(x).logits.sum(), x)
    expected = (g - g.min()) / (g.max() - g.min()) * 255
    (made,) = found.gradient_maps([pictures[5]])
    np.testing.assert_allclose(made, expected[0].permute(1, 2, 0).numpy(), atol=0.6)
    assert (found.card.kind, found.card.parameters["side"]) == ("discriminator", 40)


def test_a_classifier_without_its_last_layer_is_none(tmp_path: Path) -> None:
    _timm(tmp_path / "net", drop="fc.bias")
    with pytest.raises(SuiteError, match=r"leave 1 parameters of ResNetForImageClassification unset, 'classifier.1.b"):
        ResNetClassifier(Origin(tmp_path / "net")).load()
    with pytest.raises(OptionError, match="side must be at least 32, got 16"):
        ResNetClassifier(Origin(tmp_path / "net"), side=16)
