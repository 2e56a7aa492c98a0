"""Published heads: files with the public names and shapes, the same logits as the public network, and refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import CLIPConfig, CLIPModel

from unprompt.detectors import load
from unprompt.detectors.checkpoint import read_header
from unprompt.errors import CheckpointError, OptionError
from unprompt.evidence.product_cache import ProductCache
from unprompt.instruments import Suite
from unprompt.testing.fake_suite import save_fake_suite
from unprompt.types import Picture
from unprompt.workflows.import_checkpoint import import_checkpoint

MEAN, STD = (torch.tensor(one).view(3, 1, 1) for one in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
State = dict[str, Tensor]


def bottlenecks(depths: list[int], stem: int, head: str) -> State:
    """Weights of a torchvision ResNet of bottlenecks, under the names that the public files have."""
    random = torch.Generator().manual_seed(1)
    made: State = {}

    def conv(name: str, out: int, ins: int, side: int) -> None:
        made[f"{name}.weight"] = torch.randn(out, ins, side, side, generator=random) / (ins * side * side) ** 0.5

    def norm(name: str, width: int) -> None:
        for part, low in (("weight", 0.5), ("bias", -0.1), ("running_mean", -0.1), ("running_var", 0.5)):
            made[f"{name}.{part}"] = low + torch.rand(width, generator=random) * (0.2 if low < 0 else 1)
        made[f"{name}.num_batches_tracked"] = torch.tensor(9)

    conv("conv1", 64, 3, stem)
    norm("bn1", 64)
    ins = 64
    for stage, depth in enumerate(depths):
        width = 64 << stage
        for block in range(depth):
            at = f"layer{stage + 1}.{block}"
            for number, (out, side) in enumerate(((width, 1), (width, 3), (4 * width, 1)), 1):
                conv(f"{at}.conv{number}", out, ins if number == 1 else width, side)
                norm(f"{at}.bn{number}", out)
            if block == 0:
                conv(f"{at}.downsample.0", 4 * width, ins, 1)
                norm(f"{at}.downsample.1", 4 * width)
            ins = 4 * width
    made[f"{head}.weight"] = torch.randn(1, ins, generator=random) / ins**0.5
    made[f"{head}.bias"] = torch.randn(1, generator=random)
    return made


def public_logit(weights: State, x: Tensor, depths: list[int], head: str, stem_padding: int) -> float:
    """The public networks' forward, function by function."""

    def norm(name: str, y: Tensor) -> Tensor:
        parts = (weights[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
        return F.batch_norm(y, *parts, training=False)

    y = F.relu(norm("bn1", F.conv2d(x, weights["conv1.weight"], stride=2, padding=stem_padding)))
    y = F.max_pool2d(y, 3, stride=2, padding=1)
    for stage, depth in enumerate(depths):
        for block in range(depth):
            at, stride = f"layer{stage + 1}.{block}", 2 if stage and not block else 1
            z = F.relu(norm(f"{at}.bn1", F.conv2d(y, weights[f"{at}.conv1.weight"])))
            z = F.relu(norm(f"{at}.bn2", F.conv2d(z, weights[f"{at}.conv2.weight"], stride=stride, padding=1)))
            z = norm(f"{at}.bn3", F.conv2d(z, weights[f"{at}.conv3.weight"]))
            if not block:
                y = norm(f"{at}.downsample.1", F.conv2d(y, weights[f"{at}.downsample.0.weight"], stride=stride))
            y = F.relu(y + z)
    return float(F.linear(y.mean((2, 3)), weights[f"{head}.weight"], weights[f"{head}.bias"]))


def normalised(rgb: Any) -> Tensor:
    return (torch.from_numpy(rgb.copy()).permute(2, 0, 1)[None].float() / 255 - MEAN) / STD


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_fake_suite(tmp_path / "suite")


@pytest.mark.slow
def test_cnndet_says_what_the_public_network_says(folder: Path, pictures: list[Picture], tmp_path: Path) -> None:
    depths = [3, 4, 6, 3]
    weights = bottlenecks(depths, 7, "fc")
    torch.save({"model": weights, "total_steps": 7}, tmp_path / "blur_jpg_prob0.5.pth")
    head = import_checkpoint("cnndet", tmp_path / "blur_jpg_prob0.5.pth", out=tmp_path / "own", suite=folder)
    detector = load(head, Suite.load(folder))
    some = pictures[:3]
    with torch.inference_mode():
        expected = [public_logit(weights, normalised(one.rgb), depths, "fc", 3) for one in some]
    found = detector.logits(detector.extractor.extract(ProductCache(some, Suite.load(folder))))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    header = read_header(head)
    assert header.figures["imported"] == "blur_jpg_prob0.5.pth"
    assert len(header.figures["imported_sha256"]) == 64
    assert (header.options["backbone"], header.instruments, header.calibration) == ("imported", {}, None)


@pytest.mark.parametrize("before", ["", "module."])
def test_npr_says_what_the_public_network_says(
    before: str, folder: Path, pictures: list[Picture], tmp_path: Path
) -> None:
    depths = [3, 4]
    weights = bottlenecks(depths, 3, "fc1")
    stored = {f"{before}{name}": tensor for name, tensor in weights.items() if "num_batches" not in name}
    torch.save({**stored, f"{before}fc.weight": torch.zeros(1, 2048)}, tmp_path / "NPR.pth")
    head = import_checkpoint("npr", tmp_path / "NPR.pth", out=tmp_path / "own", suite=folder)
    detector = load(head, Suite.load(folder))
    evidence = detector.extractor.extract(ProductCache(pictures[:3], Suite.load(folder)))
    for one, found in zip(evidence, detector.logits(evidence), strict=True):
        (square,) = detector.collate([one])
        x = (square.float() / 255 - MEAN) / STD
        assert x.shape[-1] == 256
        left = x - F.interpolate(F.interpolate(x, scale_factor=0.5, mode="nearest"), scale_factor=2.0, mode="nearest")
        with torch.inference_mode():
            expected = public_logit(weights, left * 2 / 3, depths, "fc1", 1)
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_univfd_takes_the_public_layer_on_an_encoder_of_768(
    folder: Path, pictures: list[Picture], tmp_path: Path
) -> None:
    config = CLIPConfig.from_pretrained(folder / "encoder")
    config.projection_dim = config.vision_config.projection_dim = config.text_config.projection_dim = 768
    CLIPModel(config).save_pretrained(folder / "encoder", safe_serialization=True)
    layer = nn.Linear(768, 1)
    torch.save(layer.state_dict(), tmp_path / "fc_weights.pth")
    head = import_checkpoint("univfd", tmp_path / "fc_weights.pth", out=tmp_path / "own", suite=folder)
    suite = Suite.load(folder)
    detector = load(head, suite)
    cache = ProductCache(pictures, suite)
    with torch.inference_mode():
        expected = layer(torch.from_numpy(cache.picture_embeddings())).squeeze(1).numpy()
    np.testing.assert_allclose(detector.logits(detector.extractor.extract(cache)), expected, atol=1e-5)
    assert read_header(head).instruments == {"encoder": suite.encoder.card.digest}


def test_a_layer_for_another_encoder_is_refused(folder: Path, tmp_path: Path) -> None:
    save_file(nn.Linear(768, 1).state_dict(), tmp_path / "fc.safetensors")
    with pytest.raises(CheckpointError, match=r"linear\.weight first: it has shape \(1, 768\), expected \(1, 16\)"):
        import_checkpoint("univfd", tmp_path / "fc.safetensors", out=tmp_path / "own", suite=folder)
    assert not (tmp_path / "own").exists()


class Trap:
    """A pickle that would run code when it is opened."""

    def __reduce__(self) -> Any:
        return (print, ("it ran",))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"weight": torch.zeros(1, 16), "trap": Trap()}, r"file\.pth holds more than weights, so nothing of it"),
        (nn.Linear(16, 1), r"file\.pth holds more than weights"),
        ([torch.zeros(3)], r"file\.pth holds a list, expected a state dict"),
        ({"weight": torch.zeros(1, 16), "lr": 0.1}, r"file\.pth holds a dict, expected a state dict"),
        ({"weight": torch.zeros(1, 16)}, r"linear\.bias first: it has shape None, expected \(1,\)"),
    ],
)
def test_what_is_no_head_is_refused(
    content: Any, words: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save(content, tmp_path / "file.pth")
    with pytest.raises(CheckpointError, match=words):
        import_checkpoint("univfd", tmp_path / "file.pth", out=tmp_path / "own", suite=folder)
    assert "it ran" not in capsys.readouterr().out


def test_damaged_and_missing_files_are_told(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "half.pth").write_bytes(b"PK\x03\x04 and then nothing")
    with pytest.raises(CheckpointError, match=r"half\.pth is damaged or no file of torch\.save, expected a state dict"):
        import_checkpoint("univfd", tmp_path / "half.pth", out=tmp_path / "own", suite=folder)
    with pytest.raises(CheckpointError, match=r"none\.pth does not exist, expected the weights that the authors"):
        import_checkpoint("univfd", tmp_path / "none.pth", out=tmp_path / "own", suite=folder)


def test_a_method_without_public_heads_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"method is 'gramnet', expected one whose published .*: cnndet, npr, univfd"):
        import_checkpoint("gramnet", tmp_path / "any.pth", out=tmp_path / "own", suite=folder)
