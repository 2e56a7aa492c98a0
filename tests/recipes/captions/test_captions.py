"""The recipe of maps and captioner: the whole road with few steps on tiny towers, and its parts one by one."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from unprompt.errors import DataError
from unprompt.instruments import Suite
from unprompt.instruments.aligned import AlignedConfig, AlignedMaps, StandardisedMap
from unprompt.instruments.digests import folder_digest
from unprompt.recipes.captions import __main__ as recipe
from unprompt.recipes.captions import measuring
from unprompt.recipes.captions.decoder import END, START, spelt, tokenizer_of
from unprompt.recipes.captions.maps import Contrast
from unprompt.recipes.captions.pairs import Captioned, captioned, only_texts, tidied
from unprompt.recipes.captions.seen import pooled
from unprompt.testing.fake_towers import save_fake_photo
from unprompt.types import Box

WORDS = ["a red ball on wood", "a blue cube on sand", "two green cones", "a red cube and a blue ball on grass"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with captioned pictures, texts, and the suite that was trained on them."""
    folder = save_fake_photo(tmp_path_factory.mktemp("captions"))
    file, old = folder / "suite.toml", 'path = "captioner"\n'
    file.write_text(file.read_text("utf-8").replace(old, f'{old}digest = "{"0" * 64}"\n'), "utf-8")
    rng, lines = np.random.default_rng(0), []
    (folder / "pictures").mkdir()
    for number in range(40):
        Image.fromarray(rng.integers(0, 256, (48, 64, 3), np.uint8)).save(folder / "pictures" / f"{number}.png")
        lines.append({"path": f"pictures/{number}.png", "captions": [WORDS[number % 4], "wood"], "set": "coco_val2017"})
    (folder / "captions.jsonl").write_text("\n".join(map(json.dumps, lines)), "utf-8")
    (folder / "texts.json.gz").write_bytes(
        gzip.compress(json.dumps({str(n): [f"a thing {n}", "a dog ."] for n in range(9)}).encode())
    )
    run(folder)
    return folder


def run(folder: Path) -> None:
    words = ["--captioned", folder / "captions.jsonl", "--texts", folder / "texts.json.gz", "--cache", folder / "cache"]
    words += ["--suite", folder, "--quick"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["captions", *map(str, words)])
        patch.setattr("unprompt.recipes.captions.measuring.MOSAICS", 2)
        assert recipe.main() == 0


def test_what_was_trained_loads_and_is_measured(made: Path) -> None:
    assert Suite.load(made).card("captioner").digest == folder_digest(made / "captioner")
    suite, figures = Suite.load(made), json.loads((made / "captions.json").read_text("utf-8"))
    assert (suite.encoder.width, suite.captioner.card.model, suite.grounder.card.model) == (256, "captioner", "encoder")
    picture = np.asarray(Image.open(made / "pictures" / "3.png"))
    assert suite.encoder.embed_pictures([picture]).shape == suite.encoder.embed_texts(["wood"]).shape == (1, 256)
    assert suite.captioner.captions([picture])[0].text
    held_out = sum(one.held_out for one in captioned(made / "captions.jsonl"))
    assert figures["held_out"] == figures["retrieval"]["all"]["pictures"] == held_out > 0
    assert figures["captioner"]["human"]["among"] == held_out


def test_a_second_run_makes_the_same(made: Path) -> None:
    kept = [made / "encoder" / "model.safetensors", made / "captioner" / "model.safetensors", made / "captions.json"]
    before = [path.read_bytes() for path in kept]
    run(made)
    assert [path.read_bytes() for path in kept] == before


def test_captions_of_held_out_pictures_are_learned_by_nobody(made: Path) -> None:
    texts = [made / "texts.json.gz"]
    assert len(only_texts(texts, ())) == 9
    assert only_texts(texts, ["a thing 4"]) == [pair for n, pair in enumerate(only_texts(texts, ())) if n != 4]
    assert only_texts(texts, [tidied("A dog .")]) == []


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('{"path": "gone.png", "captions": ["a"], "set": "s"}', "line 1: StopIteration"),
        ('{"path": "captions.jsonl", "set": "s"}', "KeyError 'captions'"),
        ("[]", "got '\\[\\]'"),
    ],
)
def test_a_line_that_is_none(tmp_path: Path, line: str, why: str) -> None:
    (tmp_path / "captions.jsonl").write_text(line, "utf-8")
    with pytest.raises(DataError, match=why):
        captioned(tmp_path / "captions.jsonl")


def test_a_file_is_held_out_by_its_name_alone() -> None:
    flags = [Captioned(f"{folder}/{n}.png", ("a",), "s").held_out for folder in ("a", "b") for n in range(200)]
    assert flags[:200] == flags[200:]
    assert 8 <= sum(flags[:200]) <= 34


def test_standardising_leaves_what_never_varies() -> None:
    rows = torch.tensor([[1.0, 5.0], [3.0, 5.0]])
    one = StandardisedMap(2, 3)
    one.standardise(rows)
    torch.testing.assert_close(one.deviation, torch.tensor([2**0.5, 1.0]))
    torch.testing.assert_close(one(rows).mean(dim=0), one.linear.bias)


def test_the_contrast_is_the_mean_of_both_directions() -> None:
    """InfoNCE by rows and by columns; equal texts are no contrast to each other."""
    torch.manual_seed(0)
    contrast = (
        Contrast(AlignedMaps(AlignedConfig(width=4, layers=(1,), patches=(1,)), 3, 3, 5)).eval().requires_grad_(False)
    )
    pictures, texts = torch.randn(3, 3), torch.randn(3, 5)
    texts[2] = texts[0]
    same = torch.eye(3, dtype=torch.bool)
    same[0, 2] = same[2, 0] = True
    left = F.normalize(contrast.maps.picture(pictures), dim=1).numpy().astype(np.float64)
    right = F.normalize(contrast.maps.text(texts), dim=1).numpy().astype(np.float64)
    logits = 10 * left @ right.T
    logits[0, 2] = logits[2, 0] = -np.inf
    each = [np.log(np.exp(table).sum(axis=1)) - np.diag(table) for table in (logits, logits.T)]
    assert float(contrast.whole(pictures, texts, same)) == pytest.approx(np.mean(each), abs=1e-4)
    places = pictures[:, None].repeat(1, 4, 1)  # one place, four times: the best of them is each of them
    contrast.maps.patch.load_state_dict(contrast.maps.picture.state_dict())
    local, whole = contrast.local(places, texts, same), contrast.whole(pictures, texts, same)
    assert float(local) == pytest.approx(float(whole), abs=1e-4)


def test_pooling_is_the_mean_of_squares() -> None:
    rows = np.arange(32, dtype=np.float32).reshape(4, 4, 2)
    np.testing.assert_allclose(pooled(rows, 2)[1, 0], rows[2:, :2].reshape(4, 2).mean(axis=0))


def test_words_come_back() -> None:
    tokenizer = tokenizer_of(WORDS)
    ids, mask = spelt(tokenizer, WORDS)
    assert tokenizer.batch_decode(ids, skip_special_tokens=True) == WORDS
    assert {int(row[0]) for row in ids} == {tokenizer.convert_tokens_to_ids(START)}
    assert [int(row[count - 1]) for row, count in zip(ids, mask.sum(dim=1), strict=True)] == [
        tokenizer.convert_tokens_to_ids(END)
    ] * len(WORDS)


def test_a_caption_finds_its_picture_by_cosine() -> None:
    images = np.eye(4, dtype=np.float32)
    assert measuring.found_among(images, images) == {"among": 4, "first": 1.0}
    assert measuring.found_among(images, images[[1, 0, 2, 3]])["first"] == 0.5


class Pointer:
    """Says that every phrase but one is in the lower right quarter."""

    def ground(self, pictures: list[np.ndarray], phrases: list[tuple[str, ...]]) -> list[tuple[Box, ...]]:
        return [tuple(Box(phrase, 0.6, 0.6, 0.9, 1.0, 1.0) for phrase in phrases[0] if phrase != "a boat")]


def test_pointing_counts_quarters() -> None:
    """Of eight pictures four are shown; of the others' phrases none should be found, and all but the boat's are."""
    names = ("dog", "cat", "house", "boat", "ball", "cube", "cone", "tree")
    rows = [Captioned(f"{n}.png", (f"a {name}",), "s") for n, name in enumerate(names)]
    suite = type("Stub", (), {"grounder": Pointer()})()
    found = measuring.pointing(rows, [np.zeros((9, 9, 3), np.uint8)] * 8, suite)
    asked = 4 * measuring.MOSAICS
    boat = asked - round(found["found"] * asked)
    assert (found["phrases"], round(asked * (1 - found["absent"]))) == (asked, measuring.MOSAICS - boat)
    assert found["right"] == pytest.approx((asked / 4 - boat_there(rows)) / (asked - boat))


def boat_there(rows: list[Captioned]) -> int:
    """Mosaics whose lower right quarter is the boat, by the same draws."""
    rng = np.random.default_rng(0)
    return sum(rows[rng.permutation(len(rows))[3]].captions == ("a boat",) for _ in range(measuring.MOSAICS))


def test_a_mosaic_is_read_from_the_top_left() -> None:
    made = measuring.mosaic([np.full((5, 9, 3), 10 * n, np.uint8) for n in range(4)])
    assert [int(made[y, x, 0]) for y in (0, -1) for x in (0, -1)] == [0, 10, 20, 30]
    boxes = [Box("a", x, y, x + 0.4, y + 0.4, 1.0) for y in (0.0, 0.5) for x in (0.0, 0.5)]
    assert [measuring.quarter_of(box) for box in boxes] == [0, 1, 2, 3]
