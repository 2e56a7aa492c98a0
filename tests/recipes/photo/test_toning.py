"""The card's table of grey and toned pictures: which pictures it may be measured on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unprompt.errors import DataError
from unprompt.recipes.photo.toning import held_out


def manifest(folder: Path, sources: dict[str, int]) -> str:
    rows = ["path,label,source,split"]
    for number, (source, label) in enumerate(sources.items()):
        rgb = np.random.default_rng(number).integers(0, 256, (20, 30, 3), np.uint8)
        Image.fromarray(rgb).save(folder / f"{number}.png")
        rows.append(f"{number}.png,{label},{source},validation")
    (folder / "manifest.csv").write_text("\n".join(rows), "utf-8")
    return str(folder / "manifest.csv")


def test_only_sources_that_no_fold_knows(tmp_path: Path) -> None:
    given = manifest(tmp_path, {"a new generator": 1, "a new camera": 0, "coco": 0, "sd-1.5": 1})
    assert {one.generator for one in held_out(given, "validation", 5)} == {"a new generator", "a new camera"}


def test_no_table_without_a_class(tmp_path: Path) -> None:
    given = manifest(tmp_path, {"coco": 0, "sd-1.5": 1, "a new camera": 0})
    words = "has 1 coloured pictures of the split 'validation' whose source no fold knows, expected some of each class"
    with pytest.raises(DataError, match=words):
        held_out(given, "validation", 5)
