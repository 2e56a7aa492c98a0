"""What is not finite is made again in float32; what is not finite there costs its own picture, and no other."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from unprompt.detectors import EVERY
from unprompt.errors import NotFinite
from unprompt.evidence.base import rows_by_shard
from unprompt.evidence.product_cache import ProductCache
from unprompt.images import encode_png, read
from unprompt.instruments import Suite, flow
from unprompt.instruments.blip import BlipCaptioner
from unprompt.instruments.cards import Origin
from unprompt.instruments.flow import PixelFlow
from unprompt.instruments.owlv2 import Owlv2Grounder
from unprompt.store import Store, verify_store
from unprompt.testing.fake_paper import save_flow
from unprompt.testing.fake_suite import clip_tokenizer, save_fake_suite
from unprompt.types import RGB, Box, Caption
from unprompt.workflows.extract import extract

HALF, NEVER = 1e5, 3e38
"""Overflows in float16 alone; in float32 too, once a norm adds it up."""
BAD = "a blue cube"
EMBEDDING = "embeddings.token_embedding.weight"


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_fake_suite(tmp_path_factory.mktemp("sound"))


def changed(suite: Path, folder: Path, file: str, change: Callable[[dict[str, torch.Tensor]], object]) -> Path:
    """A copy of the suite with other weights in one file."""
    copy = Path(shutil.copytree(suite, folder))
    weights = load_file(copy / file)
    change(weights)
    save_file(weights, copy / file, {"format": "pt"})
    return copy


def overflowing(suite: Path, folder: Path, value: float, file: str = "diffusion/text_encoder") -> Path:
    """A copy of the suite in which one word overflows the text encoder."""

    def change(weights: dict[str, torch.Tensor]) -> None:
        (word,) = clip_tokenizer()("blue", add_special_tokens=False).input_ids
        (name,) = (name for name in weights if name.endswith(EMBEDDING))
        weights[name][word] = value * torch.tensor([1.0, 1.0, 1.0, -0.5]).repeat(weights[name].shape[1] // 4)

    return changed(suite, folder, f"{file}/model.safetensors", change)


@pytest.fixture
def rgbs() -> list[RGB]:
    random = np.random.default_rng(3)
    return [random.integers(0, 255, (30 + 2 * place, 32, 3), dtype=np.uint8) for place in range(5)]


@pytest.fixture
def speak(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every second picture of a batch is called by the word that overflows."""

    def captions(self: BlipCaptioner, pictures: list[RGB]) -> list[Caption]:
        return [Caption(BAD if rgb.shape[0] % 4 else "a red ball") for rgb in pictures]

    monkeypatch.setattr(BlipCaptioner, "captions", captions)


@pytest.fixture
def data(rgbs: list[RGB], tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    for place, rgb in enumerate(rgbs):
        (tmp_path / "data" / f"{place}.png").write_bytes(encode_png(rgb))
    return tmp_path / "data"


def test_what_overflows_float16_is_made_again_in_float32(
    sound: Path, rgbs: list[RGB], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    suite = overflowing(sound, tmp_path / "suite", HALF)
    half, whole = (Suite.load(suite, dtype=dtype).diffusion for dtype in ("float16", "float32"))
    texts, seeds = ["a red ball", BAD, "a red ball"], [1, 2, 3]
    made, exact = half.reconstruct(rgbs[:3], texts, seeds), whole.reconstruct(rgbs[:3], texts, seeds)
    assert [line for line in caplog.messages if "1 of 3 answers are not finite in torch.float16" in line]
    np.testing.assert_array_equal(made[1], exact[1])
    assert made[1].std() > 1
    for place in (0, 2):
        healthy = Suite.load(sound, dtype="float16").diffusion
        np.testing.assert_array_equal(made[place], healthy.reconstruct(rgbs[:3], texts, seeds)[place])
    drawn = half.regenerate([BAD], [4])
    np.testing.assert_array_equal(drawn, whole.regenerate([BAD], [4]))


def test_in_a_batch_what_overflows_moves_no_neighbour(sound: Path, rgbs: list[RGB], tmp_path: Path) -> None:
    suite, shapes = overflowing(sound, tmp_path / "suite", HALF), [rgbs[0]] * 4
    texts, seeds = ["a red ball", BAD, "a red ball", "a cone"], [1, 2, 3, 4]
    half, healthy = (Suite.load(one, dtype="float16", batch_size=3).diffusion for one in (suite, sound))
    made, expected = half.reconstruct(shapes, texts, seeds), healthy.reconstruct(shapes, texts, seeds)
    for place in (0, 2, 3):
        np.testing.assert_array_equal(made[place], expected[place])
    np.testing.assert_array_equal(made[1], Suite.load(suite).diffusion.reconstruct(shapes[1:2], [BAD], [2])[0])


def test_what_is_not_finite_in_float32_is_an_error_with_all_else(sound: Path, rgbs: list[RGB], tmp_path: Path) -> None:
    suite = Suite.load(overflowing(sound, tmp_path / "suite", NEVER))
    with pytest.raises(
        NotFinite, match=r"StableDiffusion\('diffusion', .*answers numbers that are NaN .*float32 too"
    ) as found:
        suite.diffusion.reconstruct(rgbs[:3], ["a red ball", BAD, "a red ball"], [1, 2, 3])
    assert found.value.places == (1,)
    expected = Suite.load(sound).diffusion.reconstruct(rgbs[:3], ["a red ball"] * 3, [1, 2, 3])
    np.testing.assert_array_equal(found.value.made[0], expected[0])
    np.testing.assert_array_equal(found.value.made[2], expected[2])
    assert found.value.made[1] is None


def test_infinity_is_no_white_picture(sound: Path, rgbs: list[RGB], tmp_path: Path) -> None:
    def change(weights: dict[str, torch.Tensor]) -> None:
        weights["decoder.conv_out.bias"][:] = float("inf")

    file = "diffusion/vae/diffusion_pytorch_model.safetensors"
    suite = Suite.load(changed(sound, tmp_path / "suite", file, change))
    with pytest.raises(NotFinite, match="answers numbers that are NaN or infinite"):
        suite.diffusion.regenerate(["a ball"], [1])


def test_a_flow_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_flow(tmp_path / "flow")
    made = PixelFlow(Origin(tmp_path / "flow"), steps=2)
    assert len(made.regenerate(["a ball"], [1])) == 1
    monkeypatch.setattr(flow, "paint", lambda predict, noise, steps: noise / 0)
    with pytest.raises(NotFinite, match="PixelFlow"):
        made.regenerate(["a ball"], [1])


def test_a_picture_becomes_a_row_with_an_error_and_no_other_changes(
    sound: Path, data: Path, tmp_path: Path, speak: None, caplog: pytest.LogCaptureFixture
) -> None:
    broken = overflowing(sound, tmp_path / "suite", NEVER)
    out = extract("sare", data=f"folder:{data}", out=tmp_path / "out", suite=broken)
    whole = extract("sare", data=f"folder:{data}", out=tmp_path / "whole", suite=sound)
    rows = Store(out).read_samples().to_pylist()
    assert [row["status"] for row in rows] == ["error", "ok", "error", "ok", "error"]
    assert rows[0]["error"].startswith("reconstructions: StableDiffusion('diffusion', digest=")
    assert rows[0]["pixels"] == Store(whole).read_samples().to_pylist()[0]["pixels"]

    def pictures(folder: Path, suite: Path) -> dict[str, bytes]:
        loaded, extractor = Suite.load(suite), EVERY["sare"].evidence_of(EVERY["sare"].Options())
        table = Store(folder).product_table(extractor.recipes(loaded)["reconstructions"]).read(0)
        assert table is not None
        return dict(zip(table["pixels"].to_pylist(), table["png"].to_pylist(), strict=True))

    mine, theirs = pictures(out, broken), pictures(whole, sound)
    assert mine == {row["pixels"]: theirs[row["pixels"]] for row in rows if row["status"] == "ok"}
    assert verify_store(Store(out)).problems == ()

    caplog.clear()
    extract("sare", data=f"folder:{data}", out=out, suite=broken)
    assert [line for line in caplog.messages if line == "1 of 1 shards already there"]
    extract("semgir", data=f"folder:{data}", out=out, suite=broken)
    assert verify_store(Store(out)).problems == ()
    suite = Suite.load(broken)
    for method in ("sare", "semgir"):
        extractor = EVERY[method](suite).extractor
        ((shard, kept),) = rows_by_shard(Store(out))
        assert len(extractor.load_shard(Store(out), Store(out).read_view(method), shard, suite, kept)) == 2


def test_a_shard_of_errors_alone(sound: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = overflowing(sound, tmp_path / "suite", NEVER)
    monkeypatch.setattr(BlipCaptioner, "captions", lambda self, pictures: [Caption(BAD) for _ in pictures])
    for _ in range(2):
        out = extract("sare", data=f"folder:{data}", out=tmp_path / "out", suite=broken)
        assert {row["status"] for row in Store(out).read_samples().to_pylist()} == {"error"}
    assert verify_store(Store(out)).problems == ()


def test_embeddings_are_no_exception(sound: Path, data: Path, tmp_path: Path, speak: None) -> None:
    broken = overflowing(sound, tmp_path / "suite", NEVER, "encoder")
    out = extract("defake", data=f"folder:{data}", out=tmp_path / "out", suite=broken)
    rows = Store(out).read_samples().to_pylist()
    assert [row["status"] for row in rows] == ["error", "ok", "error", "ok", "error"]
    assert rows[0]["error"].startswith("caption_embeddings: ClipEncoder('encoder', digest=")
    ((shard, kept),) = rows_by_shard(Store(out))
    suite = Suite.load(broken)
    extractor = EVERY["defake"](suite).extractor
    evidence: list[Any] = extractor.load_shard(Store(out), Store(out).read_view("defake"), shard, suite, kept)
    assert all(np.isfinite(one.text).all() for one in evidence)


def test_a_phrase_is_charged_to_its_picture(sound: Path, rgbs: list[RGB], tmp_path: Path) -> None:
    suite = Suite.load(overflowing(sound, tmp_path / "suite", NEVER, "encoder"))
    pictures = [read(encode_png(rgb), str(place)) for place, rgb in enumerate(rgbs[:4])]
    cache = ProductCache(pictures, suite)
    found = [("a ball",), (), ("red", "blue"), ("a ball",)]
    boxes = [tuple(Box(phrase, 0.0, 0.0, 1.0, 1.0, 0.9) for phrase in phrases) for phrases in found]
    cache.boxes = lambda: boxes  # type: ignore[method-assign]
    with pytest.raises(NotFinite) as error:
        cache.phrase_embeddings()
    assert error.value.places == (2,)
    assert [len(rows) for rows in error.value.made] == [1, 0, 2, 1]
    assert cache.without((2,)).pixels == [pictures[place].pixels for place in (0, 1, 3)]


def test_no_box_is_not_the_same_as_no_answer(sound: Path, rgbs: list[RGB], monkeypatch: pytest.MonkeyPatch) -> None:
    grounder = Suite.load(sound).grounder
    search = Owlv2Grounder._search

    def bad(self: Owlv2Grounder, picture: RGB, phrases: list[str]) -> Any:
        seen = search(self, picture, phrases)
        return [(edges, scores * np.nan) for edges, scores in seen] if picture is rgbs[1] else seen

    monkeypatch.setattr(Owlv2Grounder, "_search", bad)
    asked = [["a ball"]] * 3
    with pytest.raises(NotFinite, match="Owlv2Grounder") as error:
        grounder.ground(rgbs[:3], asked)
    assert error.value.places == (1,)
    assert error.value.made[::2] == grounder.ground(rgbs[:3:2], asked[::2])
