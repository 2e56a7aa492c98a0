"""Whose picture is left out with whom."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unprompt.errors import DataError
from unprompt.recipes.photo.documents import page
from unprompt.recipes.photo.sources import HERE, Photograph, folds, learned, packed_rows, photographs
from unprompt.types import Sample


def manifest(folder: Path, rows: list[tuple[str, str, str]]) -> str:
    """A manifest of small PNGs: name, label, source."""
    for number, (name, _, _) in enumerate(rows):
        Image.fromarray(np.full((80, 80, 3), number, np.uint8)).save(folder / name)
    lines = ["path,label,source,content", *(f"{name},{label},{source},photo" for name, label, source in rows)]
    (folder / "manifest.csv").write_text("\n".join(lines), "utf-8")
    return str(folder / "manifest.csv")


def test_every_source_has_one_fold_and_every_fold_both_classes() -> None:
    text = (HERE / "folds.toml").read_text("utf-8")
    named = re.findall(r'"([^"]+)"', re.sub(r"(?m)^(#|mixtures).*$", "", text))
    assert len(named) == len(set(named)) == len(folds())
    assert set(folds().values()) == set(range(text.count("[[fold]]")))
    assert text.count("generators = [") == text.count("collections = [") == text.count("[[fold]]")


def test_the_packages_pictures_are_all_known() -> None:
    rows = packed_rows()
    assert {row["source"] for row in rows if row["content"] != "art"} <= set(folds())
    assert {row["label"] for row in rows if row["content"] == "art"} == {"0"}
    assert all(re.fullmatch(r"[0-9a-f]{64}", row["sha256"]) for row in rows)
    assert not [row["path"] for row in rows if Path(row["path"]).is_absolute()]


def test_a_fold_learns_from_all_others(tmp_path: Path) -> None:
    rows = photographs(
        [manifest(tmp_path, [("a.png", "1", "sd-1.5"), ("b.png", "0", "coco"), ("c.png", "0", "bsds500")])]
    )
    assert [one.label for one in rows] == [1, 0, 0]
    assert [one.source for one in learned(rows, without=folds()["coco"])] == ["sd-1.5", "bsds500"]
    assert [one.source for one in learned(rows, without=folds()["sd-1.5"])] == ["coco"]


def test_a_mixture_of_its_families_teaches_no_net_of_a_fold(tmp_path: Path) -> None:
    rows = photographs([manifest(tmp_path, [("a.png", "1", "sfhq-t2i-mix"), ("b.png", "0", "coco")])])
    assert [one.source for one in learned(rows, without=folds()["sdxl-base-1.0"])] == ["coco"]
    assert [one.source for one in learned(rows, without=folds()["flux.1-dev"])] == ["coco"]
    assert [one.source for one in learned(rows, without=folds()["stylegan2"])] == ["sfhq-t2i-mix", "coco"]


def test_an_unknown_source_and_a_missing_label_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"a\.png is of 'dreams', which no fold holds, expected one of .*coco.*folds\.toml"
    ):
        photographs([manifest(tmp_path, [("a.png", "1", "dreams")])])
    with pytest.raises(DataError, match=r"a\.png has no label, expected 0 or 1"):
        photographs([manifest(tmp_path, [("a.png", "", "coco")])])


def test_a_packages_picture_is_the_one_that_was_named(tmp_path: Path) -> None:
    given = manifest(tmp_path, [("a.png", "1", "sd-1.5")])
    first = packed_rows()[0]
    with pytest.raises(DataError, match=rf"holds nothing, expected {first['sha256'][:12]}: unpack the packages"):
        photographs([given], tmp_path)
    path = tmp_path / first["path"]
    path.parent.mkdir(parents=True)
    path.write_bytes(b"another")
    with pytest.raises(DataError, match=rf"holds ae448ac86c4e, expected {first['sha256'][:12]}"):
        photographs([given], tmp_path)


def test_a_picture_is_read_as_large_as_the_detectors_see_it(tmp_path: Path) -> None:
    rows = photographs([manifest(tmp_path, [("a.png", "1", "sd-1.5")])])
    Image.fromarray(np.zeros((100, 3200, 3), np.uint8)).save(rows[0].uri)
    picture = rows[0].read()
    assert (picture.width, picture.height, picture.rgb.shape) == (3200, 100, (50, 1600, 3))


def test_pages_are_drawn_alike_and_differ() -> None:
    assert np.array_equal(page(3), page(3))
    assert len({page(number).tobytes() for number in range(4)}) == 4


def test_a_picture_has_one_name_in_a_cache_however_its_path_is_spelt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    spelt = ("a.png", "./a.png", "x/../a.png", str(tmp_path / "a.png"))
    assert len({Photograph(Sample(one, 1, "flux.2"), 2).key for one in spelt}) == 1
    assert Photograph(Sample("b.png", 1, "flux.2"), 2).key != Photograph(Sample("a.png", 1, "flux.2"), 2).key
