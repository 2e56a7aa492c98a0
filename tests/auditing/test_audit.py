"""The counts, the findings and their words."""

from __future__ import annotations

import json

import numpy as np

from unprompt.auditing import Audit, Cell, FileFacts, Item, profiles
from unprompt.images import encode_jpeg, read
from unprompt.types import Sample


def test_profiles_count_format_size_and_quality(item) -> None:
    items = [
        *(item(1, "sd", size=(512, 512)) for _ in range(3)),
        item(1, "sd", size=(200, 300), form="JPEG", quality=75),
        item(1, "sd", error="cut"),
        item(0, "coco", size=(640, 480), form="JPEG", quality=96),
        item(0, "coco", size=(100, 120), form="JPEG", quality=60),
        item(None, ""),
    ]
    real, made, unknown = profiles(items)
    assert (real.label, real.generator, real.formats, real.side) == (0, "coco", {"JPEG": 2}, (120, 380, 640))
    assert real.quality == (60, 78, 96)
    assert (made.pictures, made.unreadable, made.formats) == (4, 1, {"PNG": 3, "JPEG": 1})
    assert (made.sizes, made.distinct_sizes) == ({"512x512": 3, "200x300": 1}, 2)
    assert made.cells == (Cell("PNG", "257-512", "none", 3), Cell("JPEG", "257-512", "70-79", 1))
    assert (unknown.label, unknown.quality) == (None, None)


def test_a_suffix_that_promises_another_format() -> None:
    facts = FileFacts.of(read(encode_jpeg(np.zeros((9, 9, 3), np.uint8), 90), "a"))
    told = {uri: Item(Sample(uri), None, facts).misnamed for uri in ("a.JPG", "a.jpeg", "a.png", "a", "a.dat", "b.tif")}
    assert told == {"a.JPG": False, "a.jpeg": False, "a.png": True, "a": False, "a.dat": False, "b.tif": True}


def test_findings_warn(item) -> None:
    items = [item(number % 2, size=(512, 512) if number % 2 else (64, 64), uri=f"{number}.jpg") for number in range(40)]
    items += [item(0, pixels="p", split="train", prompt="x"), item(1, pixels="p", split="test", prompt="x")]
    items.append(item(1, error="z.png: an empty file", uri="z.png"))
    found = Audit.of("folder:x", items)
    told = {one.name: (one.status, one.message) for one in found.findings()}
    assert told["metadata"][0] == "warn"
    assert "above 0.6: align both classes (--align jpeg:96,size:512 --out DIR)" in told["metadata"][1]
    assert told["copies across classes"] == ("warn", "groups of equal pictures: 1, of similar ones: 0")
    assert told["copies across splits"] == ("warn", "groups of equal pictures: 1, of similar ones: 0")
    assert told["prompts"] == ("warn", "in two splits or more: 1; pictures with a known prompt: 2")
    assert told["unreadable"] == ("warn", "files that cannot be read as pictures: 1 of 43")
    assert told["suffixes"] == ("warn", "files whose suffix promises another format than they have: 40")
    assert [(one.uri, one.error) for one in found.unreadable] == [("z.png", "z.png: an empty file")]


def test_findings_pass_and_skip(item) -> None:
    aligned = Audit.of("m.csv", [item(number % 2, size=(64, 64)) for number in range(40)])
    told = {one.name: (one.status, one.message) for one in aligned.findings()}
    assert told["metadata"][0] == "pass"
    assert "alone reach AUC 0.50 (95 % interval 0.50 to 0.50" in told["metadata"][1]
    assert told["prompts"][0] == "skip"
    assert {status for name, (status, _) in told.items() if name != "prompts"} == {"pass"}
    alone = {one.name: one for one in Audit.of("x", [item(0), item(0)]).findings()}
    assert alone["metadata"].status == "skip"
    assert "needs two readable pictures of each class" in alone["metadata"].message


def test_the_dictionary_is_json(item) -> None:
    items = [item(number % 2, f"g{number % 2}", size=(64 + number, 64)) for number in range(20)]
    items += [item(0, pixels="p"), item(1, pixels="p")]
    found = Audit.of("folder:x", items)
    told = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert told["version"] == 1
    assert told["bias"]["auc"] == found.bias.auc
    assert told["copies"][0]["across_classes"] is True
    assert [one["name"] for one in told["findings"]] == [one.name for one in found.findings()]
