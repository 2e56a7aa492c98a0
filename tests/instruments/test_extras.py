"""Instruments of optional packages: CLIP's residual networks and LPIPS. Without the packages only their errors."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from unprompt.detectors.towers import TextTower, check_towers
from unprompt.errors import MissingExtra, MissingWeights, SuiteError
from unprompt.images import centre_square, resize
from unprompt.instruments import Suite
from unprompt.instruments.base import Instrument
from unprompt.instruments.cards import Origin
from unprompt.instruments.lpips import LpipsPerceptual
from unprompt.instruments.open_clip import CONFIG, WEIGHTS, OpenClipEncoder
from unprompt.testing.fake_paper import save_alexnet, save_fake_paper, save_open_clip
from unprompt.types import RGB


@pytest.fixture(scope="module")
def residual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("open_clip", reason="needs the extra openclip", exc_type=ImportError)
    folder = tmp_path_factory.mktemp("rn")
    with torch.random.fork_rng():
        torch.manual_seed(5)
        save_open_clip(folder)
    return folder


@pytest.fixture(scope="module")
def alexnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("lpips", reason="needs the extra lpips", exc_type=ImportError)
    folder = tmp_path_factory.mktemp("alexnet")
    with torch.random.fork_rng():
        torch.manual_seed(6)
        save_alexnet(folder)
    return folder


def test_residual_embeddings_against_the_model_itself(residual: Path, pictures: list[RGB]) -> None:
    import open_clip

    stated = json.loads((residual / CONFIG).read_text("utf-8"))["model_cfg"]
    model = open_clip.model.CLIP(**stated).eval()
    model.load_state_dict(load_file(residual / WEIGHTS))
    encoder = OpenClipEncoder(Origin(residual))
    mean, std = np.array([0.48145466, 0.4578275, 0.40821073]), np.array([0.26862954, 0.26130258, 0.27577711])
    squares = np.stack([(centre_square(rgb, encoder.side) / 255 - mean) / std for rgb in pictures])
    with torch.no_grad():
        seen = model.encode_image(torch.from_numpy(squares.transpose(0, 3, 1, 2)).float()).numpy()
        read = model.encode_text(open_clip.SimpleTokenizer(context_length=16)(["a red ball"])).numpy()
    np.testing.assert_allclose(encoder.embed_pictures(pictures), seen, atol=1e-4)
    np.testing.assert_allclose(encoder.embed_texts(["a red ball"]), read, atol=1e-4)
    assert encoder.embed_pictures([]).shape == (0, encoder.width)


def test_residual_embeddings_alone_and_in_company(residual: Path, pictures: list[RGB]) -> None:
    encoder = OpenClipEncoder(Origin(residual))
    together = encoder.embed_pictures(pictures)
    assert together.std(axis=0).mean() > 1e-2
    alone = np.concatenate([encoder.embed_pictures([rgb]) for rgb in pictures])
    np.testing.assert_allclose(together, alone, atol=1e-4)
    np.testing.assert_array_equal(encoder.embed_texts(["a ball " * 40]), encoder.embed_texts(["a ball " * 80]))


def test_a_residual_network_is_frozen_and_whole(residual: Path, tmp_path: Path) -> None:
    model = OpenClipEncoder(Origin(residual)).model
    assert not any(module.training for module in model.modules())
    assert not any(parameter.requires_grad for parameter in model.parameters())
    copy = Path(shutil.copytree(residual, tmp_path / "rn"))
    weights = load_file(copy / WEIGHTS)
    del weights["visual.bn1.running_mean"]
    save_file(weights, copy / WEIGHTS)
    with pytest.raises(SuiteError, match=r"leave 1 parameters of CLIP unset, 'visual.bn1.running_mean' first"):
        OpenClipEncoder(Origin(copy)).load()
    (copy / WEIGHTS).unlink()
    with pytest.raises(
        MissingWeights, match=r"'org/rn' .*no safetensors file in 'rn'.*`unprompt fetch paper`.*--suite miniature"
    ):
        OpenClipEncoder(Origin(copy, "org/rn", suite="paper"))


def test_another_vocabulary_is_refused(residual: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(residual, tmp_path / "rn"))
    stated = json.loads((copy / CONFIG).read_text("utf-8"))
    stated["model_cfg"]["text_cfg"]["hf_tokenizer_name"] = "org/words"
    (copy / CONFIG).write_text(json.dumps(stated), "utf-8")
    with pytest.raises(SuiteError, match="'rn' reads by the tokenizer 'org/words', expected one with CLIP's own"):
        OpenClipEncoder(Origin(copy)).load()


def test_its_text_tower_reads_as_the_model_does(residual: Path) -> None:
    texts = ["a red ball", "", "a blue cube on wood and sand " * 9]
    encoder = OpenClipEncoder(Origin(residual))
    ids, mask = encoder.tokens(texts)
    assert ids.shape == mask.shape == (3, 16)
    assert mask.sum(1).tolist() == [5, 2, 16]
    tower = TextTower(encoder)
    with torch.no_grad():
        np.testing.assert_allclose(tower(ids, mask).numpy(), encoder.embed_texts(texts), atol=1e-5)
    tower(ids, mask).sum().backward()
    assert all(weight.grad is not None for weight in tower.parameters())
    assert not any(weight.requires_grad for weight in encoder.model.parameters())
    low = TextTower(OpenClipEncoder(Origin(residual), dtype="bfloat16"))
    assert {weight.dtype for weight in low.parameters()} == {torch.float32}
    assert torch.isfinite(low(ids, mask)).all()
    with pytest.raises(
        SuiteError, match=r"--layers is 1, but the image tower of OpenClipEncoder\(.* has no transformer"
    ):
        check_towers(encoder, 1)


@pytest.mark.parametrize("stated", [False, None])
def test_models_of_openai_need_their_activation(residual: Path, tmp_path: Path, stated: bool | None) -> None:
    copy = Path(shutil.copytree(residual, tmp_path / "rn"))
    assert OpenClipEncoder(Origin(copy, "timm/resnet50x4_clip.openai")).width == 16
    config = json.loads((copy / CONFIG).read_text("utf-8"))
    config["model_cfg"]["quick_gelu"] = stated
    (copy / CONFIG).write_text(json.dumps(config), "utf-8")
    assert OpenClipEncoder(Origin(copy, "org/trained-elsewhere")).width == 16
    with pytest.raises(
        SuiteError, match=rf"'timm/resnet50x4_clip.openai' states quick_gelu = {stated} .*expected true"
    ):
        OpenClipEncoder(Origin(copy, "timm/resnet50x4_clip.openai"))


def test_the_activation_is_built_as_stated(residual: Path) -> None:
    model = OpenClipEncoder(Origin(residual)).model
    assert {type(block.mlp.gelu).__name__ for block in model.transformer.resblocks} == {"QuickGELU"}


def test_another_end_of_a_text_is_refused(residual: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(residual, tmp_path / "rn"))
    config = json.loads((copy / CONFIG).read_text("utf-8"))
    config["model_cfg"]["text_cfg"]["pool_type"] = "last"
    (copy / CONFIG).write_text(json.dumps(config), "utf-8")
    with pytest.raises(SuiteError, match=r"'rn' pools a text by 'last', expected the state at its end"):
        OpenClipEncoder(Origin(copy))


def test_semgir_learns_a_residual_tower(residual: Path, tmp_path: Path, pictures: list[RGB]) -> None:
    from unprompt.detectors import METHODS, load
    from unprompt.evidence.semgir import SemgirEvidence
    from unprompt.types import Caption

    suite = Suite.load(save_fake_paper(tmp_path / "suite", packages=["open_clip"]))
    detector = METHODS["semgir"](suite)
    assert isinstance(detector.suite.encoder, OpenClipEncoder)
    assert not isinstance(suite.encoder, OpenClipEncoder)
    evidence = [SemgirEvidence(rgb, (rgb[::-1].copy(),), Caption("a ball")) for rgb in pictures]
    logits = detector.logits(evidence)
    detector.network.train()
    detector.network(*detector.collate(evidence)).sum().backward()
    assert all(weight.grad is not None for weight in detector.network.tower.parameters())
    assert not any(weight.requires_grad for weight in detector.suite.encoder.model.parameters())
    detector.network.eval()
    detector.save(tmp_path / "semgir.safetensors")
    found = load(tmp_path / "semgir.safetensors", suite)
    assert found.logits(evidence).shape == logits.shape
    assert found.instruments()["encoder"] == detector.suite.encoder.card.digest


def test_semgir_a_learns_both_towers(residual: Path, tmp_path: Path, pictures: list[RGB]) -> None:
    from unprompt.detectors import ATTRIBUTORS
    from unprompt.evidence.attribution import AttributionEvidence
    from unprompt.types import Caption

    suite = Suite.load(save_fake_paper(tmp_path / "suite", packages=["open_clip"]))
    attributor = ATTRIBUTORS["semgir-a"](suite)
    assert isinstance(attributor.suite.encoder, OpenClipEncoder)
    drawn = dict.fromkeys(attributor.candidates, pictures[0])
    evidence = [
        AttributionEvidence(rgb, drawn, Caption(text))
        for rgb, text in zip(pictures, ("a ball", "sand") * 4, strict=False)
    ]
    logits = attributor.logits(evidence)
    attributor.network.train()
    attributor.network(*attributor.collate(evidence)).sum().backward()
    learned = [*attributor.network.image.parameters(), *attributor.network.text.parameters()]
    assert all(weight.grad is not None for weight in learned)
    attributor.network.eval()
    attributor.save(tmp_path / "semgir-a.safetensors")
    again = ATTRIBUTORS["semgir-a"].load(tmp_path / "semgir-a.safetensors", suite)
    assert again.logits(evidence).shape == logits.shape == (7, len(attributor.candidates))


def test_distance_against_a_computation_by_hand(alexnet: Path, pictures: list[RGB]) -> None:
    import lpips
    from torch.nn import functional as F

    left, right = pictures[5], resize(pictures[0], 48, 64)
    assert left.shape == right.shape == (64, 48, 3)
    linear = torch.load(Path(lpips.__file__).parent / "weights/v0.1/alex.pth", map_location="cpu", weights_only=True)
    trunk = load_file(alexnet / "model.safetensors")
    shift = torch.tensor([-0.030, -0.088, -0.188]).view(1, 3, 1, 1)
    scale = torch.tensor([0.458, 0.448, 0.450]).view(1, 3, 1, 1)

    def features(rgb: RGB) -> list[torch.Tensor]:
        large = resize(rgb, 64, 64)  # The short side, 48, is enlarged.
        x = (torch.from_numpy(large.astype(np.float32)).permute(2, 0, 1)[None] / 127.5 - 1 - shift) / scale
        found = []
        for layer, (stride, padding, pool) in {
            0: (4, 2, 0),
            3: (1, 2, 1),
            6: (1, 1, 1),
            8: (1, 1, 0),
            10: (1, 1, 0),
        }.items():
            x = F.max_pool2d(x, 3, 2) if pool else x
            x = F.relu(F.conv2d(x, trunk[f"features.{layer}.weight"], trunk[f"features.{layer}.bias"], stride, padding))
            found.append(x / (x.square().sum(1, keepdim=True).sqrt() + 1e-10))
        return found

    pairs = zip(features(left), features(right), strict=True)
    total = sum(
        float(F.conv2d((f - g).square(), linear[f"lin{number}.model.1.weight"]).mean())
        for number, (f, g) in enumerate(pairs)
    )
    metric = LpipsPerceptual(Origin(alexnet))
    assert metric.distances([left], [right])[0] == pytest.approx(total, rel=1e-3)
    assert (metric.distances(pictures, pictures) == 0).all()
    there, back = metric.distances([left], [right]), metric.distances([right], [left])
    np.testing.assert_allclose(there, back, rtol=1e-4)
    assert metric.card.parameters["net"] == "alex"


def test_a_trunk_without_a_layer_is_refused(alexnet: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(alexnet, tmp_path / "alexnet"))
    weights = load_file(copy / "model.safetensors")
    del weights["features.6.bias"]
    save_file(weights, copy / "model.safetensors")
    with pytest.raises(SuiteError, match=r"model 'alexnet' cannot be loaded from .*KeyError: 'features.6.bias'"):
        LpipsPerceptual(Origin(copy)).load()


@pytest.mark.parametrize(
    ("module", "build", "line"),
    [
        (
            "open_clip",
            OpenClipEncoder,
            r"CLIP RN50 and RN50x4 need the package open_clip.*pip install 'unprompt\[openclip\]'",
        ),
        ("lpips", LpipsPerceptual, r"LPIPS need the package lpips.*pip install 'unprompt\[lpips\]'"),
    ],
)
def test_without_the_package_the_line_that_installs_it(
    module: str, build: type[Instrument], line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    stated = {"embed_dim": 16, "vision_cfg": {"image_size": 32}, "text_cfg": {}}
    (tmp_path / CONFIG).write_text(json.dumps({"model_cfg": stated}), "utf-8")
    for name in (WEIGHTS, "model.safetensors"):
        (tmp_path / name).touch()
    with pytest.raises(MissingExtra, match=line):
        build(Origin(tmp_path)).load()
