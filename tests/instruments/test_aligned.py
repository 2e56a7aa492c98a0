"""Encoder, captioner and grounder that are built on two frozen towers, on tiny models of the real classes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unprompt.errors import MissingWeights, SuiteError
from unprompt.images import resize
from unprompt.instruments import Manifest, Suite
from unprompt.instruments.aligned import AlignedEncoder
from unprompt.instruments.base import Instrument
from unprompt.instruments.clip_vision import ClipVision
from unprompt.instruments.dense import DenseGrounder, likenesses
from unprompt.instruments.prefix import Prefix, PrefixCaptioner
from unprompt.instruments.recent import Recent
from unprompt.instruments.specs import BUILT_ON
from unprompt.testing.fake_towers import save_fake_photo
from unprompt.types import RGB

BUILT = [("", "encoder"), ("", "captioner"), ("", "grounder"), ("univfd", "encoder")]
TEXTS = ["a red ball", "a blue cube on sand", "wood"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_fake_photo(tmp_path_factory.mktemp("aligned"))


@pytest.fixture
def photo(folder: Path) -> Suite:
    return Suite.load(folder)


def weights(folder: Path, name: str) -> dict[str, np.ndarray]:
    from safetensors.numpy import load_file

    return {key: value.astype(np.float64) for key, value in load_file(folder / name).items()}


def mapped(maps: dict[str, np.ndarray], side: str, rows: np.ndarray) -> np.ndarray:
    """W (x - mean) / deviation + b, written again."""
    scaled = (rows - maps[f"{side}.mean"]) / maps[f"{side}.deviation"]
    return np.asarray(scaled @ maps[f"{side}.linear.weight"].T + maps[f"{side}.linear.bias"])


def test_a_picture_is_its_layers_and_its_embedding_mapped(photo: Suite, folder: Path, pictures: list[RGB]) -> None:
    tokens = photo.vision.tokens(pictures)
    rows = np.stack([np.concatenate([one.cls[0], one.cls[2], one.embedding]) for one in tokens])
    found = photo.encoder.embed_pictures(pictures)
    assert (found.shape, found.dtype) == ((len(pictures), photo.encoder.width), np.dtype(np.float32))
    np.testing.assert_allclose(found, mapped(weights(folder, "encoder/model.safetensors"), "picture", rows), atol=1e-3)
    assert not np.allclose(found[0], found[1], atol=1e-2)


def test_a_text_is_its_sentence_vector_mapped(photo: Suite, folder: Path) -> None:
    expected = mapped(weights(folder, "encoder/model.safetensors"), "text", photo.text.embed(TEXTS))
    np.testing.assert_allclose(photo.encoder.embed_texts(TEXTS), expected, atol=1e-4)
    assert photo.encoder.embed_texts([]).shape == (0, photo.encoder.width)


def test_places_are_patch_tokens_mapped(photo: Suite, folder: Path, pictures: list[RGB]) -> None:
    encoder = photo.encoder
    assert isinstance(encoder, AlignedEncoder)
    square = resize(pictures[0], encoder.side, encoder.side)
    [seen] = photo.vision.crop_tokens([square], [1])
    [found] = encoder.places([square])
    expected = mapped(weights(folder, "encoder/model.safetensors"), "patch", seen.patches[0].astype(np.float64))
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_what_is_built_on_a_tower_shares_it(photo: Suite, pictures: list[RGB], monkeypatch: pytest.MonkeyPatch) -> None:
    """A square picture goes through the tower once, for captioner, encoder and a reader of its layers."""
    looks: list[int] = []
    look = ClipVision._look

    def counted(tower: ClipVision, crops: list[RGB], layers: list[int]) -> object:
        looks.append(len(crops))
        return look(tower, crops, layers)

    monkeypatch.setattr(ClipVision, "_look", counted)
    square = [resize(pictures[0], 32, 32)]
    photo.captioner.captions(square)
    photo.encoder.embed_pictures(square)
    photo.vision.tokens(square)
    photo.of("univfd").encoder.embed_pictures(square)
    assert looks == [1]
    photo.vision.tokens(square, [0, 2])  # patch tokens that nobody asked for before
    assert looks == [1, 1]


def test_captions_are_greedy_and_alike_in_company(photo: Suite, pictures: list[RGB]) -> None:
    captioner = photo.captioner
    assert isinstance(captioner, PrefixCaptioner)
    together = captioner.captions(pictures)
    assert [captioner.captions([one])[0] for one in pictures] == together
    assert len({one.text for one in together}) > 1
    ids = captioner.told(_seen(captioner, pictures[:1]))
    assert ids[0].tolist() == _greedy(captioner, _seen(captioner, pictures[:1]), len(ids[0]))


def _seen(captioner: PrefixCaptioner, pictures: list[RGB]) -> torch.Tensor:
    """The prefix, from tokens and maps, without the captioner's own road."""
    vision, encoder = captioner._vision, captioner._encoder
    squares = [resize(one, vision.side, vision.side) for one in pictures]
    patches = torch.from_numpy(np.stack([one.patches[0] for one in vision.crop_tokens(squares, [1])]))
    whole = encoder.embed_pictures(squares)
    unit = torch.from_numpy(whole / np.linalg.norm(whole, axis=1, keepdims=True))
    with torch.no_grad():
        made: torch.Tensor = captioner._prefix(unit, patches)
    return made


def _greedy(captioner: PrefixCaptioner, seen: torch.Tensor, length: int) -> list[int]:
    """The likeliest token, one after the other."""
    ids = [captioner._tokenizer.bos_token_id]
    with torch.no_grad():
        while len(ids) < length:
            logits = captioner.model(input_ids=torch.tensor([ids]), encoder_hidden_states=seen).logits
            ids.append(int(logits[0, -1].argmax()))
    return ids


def test_a_prefix_without_patches_is_the_whole_alone() -> None:
    torch.manual_seed(0)
    prefix = Prefix(joint=5, patch=3, grid=2, width=4)
    whole, patches = torch.randn(2, 5), torch.randn(2, 4, 4, 3)
    both = prefix(whole, patches)
    assert both.shape == (2, 5, 4)
    torch.testing.assert_close(prefix(whole, None)[:, 0], both[:, 0])
    corner = patches[0, :2, :2].reshape(4, 3).mean(dim=0)
    corner = (corner - corner.mean()) / (corner.var(correction=0) + 1e-5).sqrt()
    torch.testing.assert_close(both[0, 1], prefix.patch(corner) + prefix.position[0])


class OnePlace(AlignedEncoder):
    """Sees a phrase in a block of places, and says of any text that it lies along the first axis."""

    def __init__(self) -> None:
        self.side, self.width = 32, 2

    def places(self, squares: list[RGB]) -> list[np.ndarray]:  # type: ignore[override]
        made = np.zeros((4, 4, 2), np.float32)
        made[..., 1] = 1
        made[1:3, 2:4] = [1, 0]
        made[0, 0] = [0.8, 0.6]  # another place, less like the phrase, apart from the first
        return [made for _ in squares]

    def embed_texts(self, texts: list[str]) -> np.ndarray:  # type: ignore[override]
        return np.array([[1, 0] if text != "nothing" else [0, -1] for text in texts], np.float32)


def test_a_phrase_is_where_the_likest_places_hang_together(photo: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    grounder = photo.grounder
    assert isinstance(grounder, DenseGrounder)
    monkeypatch.setattr(grounder, "_encoder", OnePlace())
    monkeypatch.setattr(grounder, "_load", lambda: None)
    [[box]] = grounder.ground([np.zeros((40, 80, 3), np.uint8)], [["a ball", "nothing"]])
    assert (box.phrase, box.left, box.top, box.right, box.bottom) == ("a ball", 0.5, 0.25, 1.0, 0.75)
    assert box.score == pytest.approx(1.0)


def test_likeness_is_the_cosine() -> None:
    rng = np.random.default_rng(0)
    places, texts = rng.normal(size=(3, 3, 5)).astype(np.float32), rng.normal(size=(2, 5)).astype(np.float32)
    expected = places[1, 2] @ texts[1] / np.sqrt((places[1, 2] ** 2).sum() * (texts[1] ** 2).sum())
    assert likenesses(places, texts)[1, 1, 2] == pytest.approx(expected, abs=1e-6)


def test_a_grounder_finds_boxes_inside_the_picture(photo: Suite, pictures: list[RGB]) -> None:
    for boxes in photo.grounder.ground(pictures, [TEXTS] * len(pictures)):
        for box in boxes:
            assert 0 <= box.left < box.right <= 1
            assert 0 <= box.top < box.bottom <= 1


def test_clip_without_texts_is_the_towers_embedding(photo: Suite, pictures: list[RGB]) -> None:
    encoder = photo.of("univfd").encoder
    expected = [one.embedding for one in photo.vision.tokens(pictures)]
    np.testing.assert_allclose(encoder.embed_pictures(pictures), expected, atol=1e-6)
    with pytest.raises(SuiteError, match=r"ClipImageEncoder\('vision'.* reads no texts, got 'a red ball'"):
        encoder.embed_texts(["a red ball"])


def test_cards_and_sizes_are_known_without_weights(photo: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Instrument, "load", None)
    assert {photo.of(method).manifest.instruments_of(method)[role].kind for method, role in BUILT} == set(BUILT_ON)
    assert [photo.of(method).card(role).kind for method, role in BUILT] == [role for _, role in BUILT]
    assert (photo.encoder.width, photo.encoder.side, photo.of("univfd").encoder.width) == (12, 32, 24)
    assert photo.card("captioner").parameters["max_new_tokens"] == 8


def test_a_card_tells_the_towers_apart(photo: Suite, folder: Path, tmp_path: Path) -> None:
    other = Suite.load(save_fake_photo(tmp_path, seed=1))
    assert photo.card("encoder").parameters["vision"] == photo.card("vision").digest
    assert photo.card("encoder").parameters["text"] == photo.card("text").digest
    assert photo.card("captioner").parameters["encoder"] == photo.card("encoder").digest
    assert photo.card("encoder") != other.card("encoder")


def test_roles_with_what_they_are_built_on(folder: Path) -> None:
    manifest = Manifest.read(folder)
    assert sorted(manifest.with_built_on(["captioner"])) == ["captioner", "encoder", "text", "vision"]
    assert manifest.with_built_on(["vision", "vision", "nobody"]) == ["vision", "nobody"]


def test_a_suite_without_a_tower(folder: Path) -> None:
    lacking = folder / "lacking.toml"
    lacking.write_text(
        (folder / "suite.toml").read_text("utf-8").replace("[instruments.text]", "[instruments.backbone]")
    )
    with pytest.raises(SuiteError, match="suite 'towers' has no instrument 'text'"):
        _ = Suite.load(lacking).encoder


def test_maps_that_are_not_there_and_maps_that_are_odd(tmp_path: Path) -> None:
    folder = save_fake_photo(tmp_path)
    config = folder / "encoder" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text("utf-8")), "width": 5}), "utf-8")
    with pytest.raises(
        SuiteError, match=r"(?s)model 'encoder' cannot be loaded from .*size mismatch for picture.*Size\(\[5, "
    ):
        Suite.load(folder).encoder.load()
    config.write_text(json.dumps({"width": 0, "layers": [0, 2], "patches": [1]}), "utf-8")
    with pytest.raises(SuiteError, match=r"(?s)model 'encoder' cannot be loaded from .*width"):
        _ = Suite.load(folder).encoder
    (folder / "encoder" / "model.safetensors").unlink()
    with pytest.raises(MissingWeights, match=r"model 'encoder' are not on this machine .*no safetensors file"):
        _ = Suite.load(folder).encoder


@given(st.lists(st.integers(0, 9), max_size=40), st.integers(1, 5))
def test_the_last_that_were_used_are_remembered(names: list[int], kept: int) -> None:
    recent, used = Recent[int](kept), list[int]()
    for name in names:
        expected = name if name in used[-kept:] else None
        assert recent.get(str(name)) == expected
        recent.put(str(name), name)
        used = [one for one in used if one != name] + [name]
