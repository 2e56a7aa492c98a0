"""``audit`` reads a tree with the field's damage in it; ``--align`` writes a view that betrays nothing."""

from __future__ import annotations

import csv
import json
import logging
import os
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import unprompt
from unprompt.auditing import align
from unprompt.auditing.align import Alignment
from unprompt.cli import app
from unprompt.datasets import load
from unprompt.errors import DataError, OptionError, StoreError
from unprompt.images import encode_jpeg, encode_png, read

SD, ADM = "stable_diffusion_v_1_4/imagenet_ai_0419_sdv4", "ADM/imagenet_ai_0508_adm"


def paint(name: str, width: int, height: int, jpeg: int | None = None) -> bytes:
    rgb = np.random.default_rng(zlib.crc32(name.encode())).integers(0, 256, (height, width, 3), np.uint8)
    return encode_png(rgb) if jpeg is None else encode_jpeg(rgb, jpeg)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """GenImage in small: JPEG of any size against square PNG, with empty, cut and misnamed files and two copies."""
    root = tmp_path / "GenImage"
    files = {}
    for inner, tag in ((SD, "sdv4"), (ADM, "adm")):
        for split, first in (("train", 0), ("val", 100)):
            for number in range(first, first + 6):
                name = f"{inner}/{split}/nature/n01440764_{number}{tag}.JPEG"
                files[name] = paint(name, 30 + number % 7, 28 + number % 5, 90)
                files[f"{inner}/{split}/ai/000_{tag}_{number:05d}.png"] = paint(f"{tag}{number}", 32, 32)
    files[f"{SD}/val/ai/033_sdv4_00152.png"] = b""
    files[f"{SD}/val/ai/034_sdv4_00007.png"] = paint("x", 32, 32)[:300]
    files[f"{ADM}/val/ai/1_adm_7.png"] = paint("misnamed", 32, 32, 90)
    files[f"{SD}/val/ai/001_sdv4_00900.png"] = files[f"{SD}/train/ai/000_sdv4_00001.png"]
    files[f"{ADM}/val/nature/n01440764_900.JPEG"] = paint(f"{SD}/train/nature/n01440764_3sdv4.JPEG", 33, 31, 60)
    for path, data in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    return root


def test_audit_sees_what_is_wrong_with_a_benchmark(tree: Path) -> None:
    found = unprompt.audit(f"genimage:{tree}", workers=2)
    assert found.pictures == 53
    assert found.bias is not None
    assert found.bias.auc > 0.9
    assert [Path(one.uri).name for one in found.unreadable] == ["033_sdv4_00152.png", "034_sdv4_00007.png"]
    assert found.unreadable[0].error.startswith(f"{tree}/{SD}/val/ai/033_sdv4_00152.png: not a picture: an empty file")
    assert [Path(uri).name for uri in found.misnamed] == ["1_adm_7.png"]
    assert [(one.kind, [Path(copy.uri).name for copy in one.pictures]) for one in found.copies] == [
        ("exact", ["000_sdv4_00001.png", "001_sdv4_00900.png"]),
        ("similar", ["n01440764_900.JPEG", "n01440764_3sdv4.JPEG"]),
    ]
    assert {(one.label, one.generator): (one.pictures, one.unreadable) for one in found.profiles} == {
        (0, "ADM"): (13, 0),
        (0, "stable_diffusion_v_1_4"): (12, 0),
        (1, "ADM"): (13, 0),
        (1, "stable_diffusion_v_1_4"): (13, 2),
    }


def test_any_number_of_workers_finds_the_same(tree: Path) -> None:
    one, several = (unprompt.audit(f"genimage:{tree}", workers=workers).to_dict() for workers in (1, 3))
    assert one == several


def test_pictures_without_a_split_get_that_of_the_workflows(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.png").write_bytes(paint("same", 32, 32))
    found = unprompt.audit(f"folder:{tmp_path}")
    assert found.other_copies == 1
    assert found.copies == ()


def test_prompts_of_a_manifest(tmp_path: Path) -> None:
    rows = ["path,label,split,prompt"]
    for number, split in enumerate(("train", "test", "test")):
        (tmp_path / f"{number}.png").write_bytes(paint(str(number), 32, 32))
        rows.append(f"{number}.png,1,{split},{'a cat' if number < 2 else 'a dog'}")
    (tmp_path / "m.csv").write_text("\n".join(rows))
    found = unprompt.audit(str(tmp_path / "m.csv"))
    assert [(one.prompt, one.splits) for one in found.prompts] == [("a cat", {"test": 1, "train": 1})]


def run(*words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["audit", *words], catch_exceptions=False)
    return done.exit_code, done.stdout, done.stderr


def test_the_command_prints_tables_lists_and_findings_and_ends_with_0(tree: Path, tmp_path: Path) -> None:
    code, out, err = run("--data", f"genimage:{tree}", "--report", str(tmp_path / "page"))
    assert code == 0
    assert f"unreadable: {tree}/{SD}/val/ai/034_sdv4_00007.png: damaged or truncated PNG" in out
    assert f"wrong suffix: {tree}/{ADM}/val/ai/1_adm_7.png" in out
    assert "exact across splits:" in out
    assert "metadata" in out
    assert "warn" in out
    assert (tmp_path / "page/index.html").is_file()
    assert f"report: {tmp_path}/page/index.html" in err


def test_the_command_prints_json_and_nothing_else(tree: Path) -> None:
    code, out, _ = run("--data", f"genimage:{tree}", "--format", "json")
    told = json.loads(out)
    assert code == 0
    assert told == json.loads(json.dumps(unprompt.audit(f"genimage:{tree}").to_dict()))


@pytest.mark.parametrize(
    ("names", "groups"),
    [
        (["real/1:a", "real/2:b", "fake/1:a", "fake/2:b"], 2),
        (["real/1:a", "real/2:a", "fake/1:a", "fake/2:a"], 1),
        (["real/1:a", "real/2:b", "fake/1:c", "fake/2:c"], 0),
        (["real/1:a", "real/2:b", "fake/1:", "fake/2:"], 0),
        (["real/1:a", "real/2:b", "real/3:c"], 0),
        (["fake/1:a"], 0),
        (["1:"], 0),
    ],
)
def test_no_label_and_no_copy_fails_an_audit(names: list[str], groups: int, tmp_path: Path) -> None:
    for name, _, pixels in (one.partition(":") for one in names):
        path = tmp_path / "data" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(paint(pixels, 32, 32) if pixels else b"")
    code, out, _ = run("--data", f"folder:{tmp_path}/data", "--format", "json", "--report", str(tmp_path / "page"))
    told = json.loads(out)
    assert (code, told["bias"], told["pictures"]) == (0, None, len(names))
    assert [(one["kind"], one["across_classes"]) for one in told["copies"]] == [("exact", True)] * groups
    assert told["findings"][0]["message"].startswith("unknown: needs two readable pictures of each class at least")
    assert len(told["unreadable"]) == sum(name.endswith(":") for name in names)


def test_a_wrong_root_ends_with_1_and_one_line(tmp_path: Path) -> None:
    code, out, err = run("--data", f"genimage:{tmp_path}")
    assert (code, out) == (1, "")
    assert err.startswith(f"error: genimage: looked in '{tmp_path}'; found")


# --align


def test_the_aligned_view_betrays_nothing_and_keeps_every_row(
    tree: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out = tmp_path / "aligned"
    unprompt.audit(f"genimage:{tree}", align="jpeg:96,size:24", out=out)
    before, after = load(f"genimage:{tree}"), load(f"manifest:{out}/manifest.csv")
    assert [(one.label, one.generator, one.split, one.content) for one in after if "GenImage" not in one.uri] == [
        (one.label, one.generator, one.split, one.content)
        for one in before
        if ("sdv4_00152" not in one.uri and "sdv4_00007.png" not in one.uri) or "/train/" in one.uri
    ]
    damaged = [one for one in after if "GenImage" in one.uri]
    assert [Path(one.uri).name for one in damaged] == ["033_sdv4_00152.png", "034_sdv4_00007.png"]
    assert not any(word in one.uri for one in after if one not in damaged for word in ("ai/", "nature", "sdv4", "adm"))
    again = unprompt.audit(f"manifest:{out}/manifest.csv")
    assert again.bias is not None
    assert again.bias.auc == 0.5
    assert {(*one.formats, *one.sizes, one.quality) for one in again.profiles} == {("JPEG", "24x24", (96, 96, 96))}
    assert len(again.unreadable) == 2
    assert f"now: --data manifest:{out}/manifest.csv" in "\n".join(caplog.messages)


def test_the_square_is_a_seeded_piece_of_the_resized_picture(tree: Path, tmp_path: Path) -> None:
    unprompt.audit(f"genimage:{tree}", align="size:24", out=tmp_path / "out")
    with (tmp_path / "out/manifest.csv").open() as file:
        row = next(one for one in csv.DictReader(file) if one["original"].endswith("n01440764_1sdv4.JPEG"))
    source = read(Path(row["original"]), "x")
    assert (row["original_format"], row["original_quality"], row["original_width"]) == ("JPEG", "90", "31")
    from PIL import Image

    whole = np.asarray(Image.fromarray(source.rgb).resize((26, 24), Image.Resampling.BICUBIC))
    piece = read(tmp_path / "out" / row["path"], "y")
    assert (piece.format, piece.rgb.shape) == ("PNG", (24, 24, 3))
    assert any(np.array_equal(piece.rgb, whole[:, left : left + 24]) for left in range(3))


def test_jpeg_alone_keeps_sizes(tree: Path, tmp_path: Path) -> None:
    unprompt.audit(f"genimage:{tree}", align="jpeg:80", out=tmp_path / "out")
    found = unprompt.audit(f"manifest:{tmp_path}/out/manifest.csv")
    assert {(*one.formats, one.quality) for one in found.profiles} == {("JPEG", (80, 80, 80))}
    assert sum(one.distinct_sizes for one in found.profiles) > 4


def files(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_second_run_makes_nothing_and_a_fresh_one_the_same(
    tree: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("one", "two"):
        unprompt.audit(f"genimage:{tree}", align="jpeg:96,size:24", out=tmp_path / name, workers=2)
    first = files(tmp_path / "one")
    unprompt.audit(f"genimage:{tree}", align="jpeg:96,size:24", out=tmp_path / "one")
    second = files(tmp_path / "one")
    assert caplog.messages[-1].startswith("made 0, there already or unreadable 53;")
    assert {name: made for name, made in first.items() if name.startswith("pictures")} == {
        name: made for name, made in second.items() if name.startswith("pictures")
    }
    assert {name: data for name, (_, data) in first.items()} == {
        name: data for name, (_, data) in files(tmp_path / "two").items()
    }


KILLED = """
import os, sys
from unprompt.auditing import align
from unprompt.workflows import audit
plain, left = align.write_aside, [int(sys.argv[3])]
def write(path, fill):
    if path.suffix == ".jpg":
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), 9)
    plain(path, fill)
align.write_aside = write
audit.audit(sys.argv[1], align="jpeg:96,size:24", out=sys.argv[2], workers=1)
"""


def test_a_killed_run_is_taken_up(tree: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    words = [sys.executable, "-c", KILLED, f"genimage:{tree}", str(tmp_path / "out"), "9"]
    assert subprocess.run(words, env={**os.environ}, check=False).returncode == -9
    assert len(list((tmp_path / "out/pictures").rglob("*.jpg"))) == 9
    assert not (tmp_path / "out/manifest.csv").exists()
    unprompt.audit(f"genimage:{tree}", align="jpeg:96,size:24", out=tmp_path / "out")
    assert caplog.messages[-1].startswith("made 42, there already or unreadable 11;")
    unprompt.audit(f"genimage:{tree}", align="jpeg:96,size:24", out=tmp_path / "whole")
    assert {name: data for name, (_, data) in files(tmp_path / "out").items()} == {
        name: data for name, (_, data) in files(tmp_path / "whole").items()
    }


def test_a_changed_source_is_aligned_anew(tree: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    out = tmp_path / "out"
    unprompt.audit(f"genimage:{tree}", align="size:24", out=out)
    (tree / f"{ADM}/val/ai/1_adm_7.png").write_bytes(paint("other", 40, 40))
    unprompt.audit(f"genimage:{tree}", align="size:24", out=out)
    assert caplog.messages[-1].startswith("made 1,")
    assert all(Path(one.uri).is_file() for one in load(f"manifest:{out}/manifest.csv"))


def test_enlarged_pictures_are_told(tree: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    unprompt.audit(f"genimage:{tree}", align="size:32", out=tmp_path / "out")
    line = next(one.getMessage() for one in caplog.records if one.levelno == logging.WARNING)
    assert "of the real and 0% of the generated pictures were smaller than 32 pixels and were enlarged" in line


def test_a_folder_of_other_options_is_left_alone(tree: Path, tmp_path: Path) -> None:
    unprompt.audit(f"genimage:{tree}", align="size:24", out=tmp_path / "out")
    with pytest.raises(DataError, match=r"out was aligned with .*'size': 24\}, not with .*'size': 16\}: name another"):
        unprompt.audit(f"genimage:{tree}", align="size:16", out=tmp_path / "out")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "--align is empty; expected jpeg:QUALITY, size:PIXELS or both"),
        ("jpeg:0", "--align has jpeg:0; expected a quality from 1 to 100"),
        ("size:4", "--align has size:4; expected 8 to 8192 pixels"),
        ("jpeg", "--align has 'jpeg'; expected jpeg:QUALITY and size:PIXELS, each once"),
        ("jpeg:9,jpeg:8", "--align has 'jpeg:8'; expected"),
        ("blur:1", "--align has 'blur:1'; expected"),
        ("size:-3", "--align has 'size:-3'; expected"),
    ],
)
def test_wrong_alignments(text: str, words: str) -> None:
    with pytest.raises(OptionError) as told:
        Alignment.parse(text)
    assert words in str(told.value)


@pytest.mark.parametrize("options", [{"align": "size:24"}, {"out": "x"}])
def test_align_and_out_go_together(options: dict[str, str]) -> None:
    with pytest.raises(OptionError, match="--align and --out go together; got one without the other"):
        unprompt.audit("folder:none", **options)  # type: ignore[arg-type]


def test_workers_are_positive() -> None:
    with pytest.raises(OptionError, match="--workers is 0; expected 1 or more"):
        unprompt.audit("folder:none", workers=0)


def test_other_verbs_take_the_view(tree: Path, tmp_path: Path) -> None:
    unprompt.audit(f"genimage:{tree}/ADM", align="jpeg:96,size:24", out=tmp_path / "view")
    store = unprompt.extract(
        "trivial-energy", data=f"manifest:{tmp_path}/view/manifest.csv", out=tmp_path / "evidence", suite="miniature"
    )
    assert len(list((store / "samples").iterdir())) == 1
    assert align.MANIFEST == "manifest.csv"


def test_what_has_too_many_pixels_is_a_row_that_names_the_option(tmp_path: Path) -> None:
    for label, side in (("real", 20), ("fake", 30)):
        (tmp_path / label).mkdir()
        (tmp_path / label / "a.png").write_bytes(encode_png(np.full((side, side, 3), 9, np.uint8)))
    found = unprompt.audit(f"folder:{tmp_path}", max_pixels=400)
    ((uri, error),) = [(one.uri, one.error) for one in found.unreadable]
    assert Path(uri).parent.name == "fake"
    assert "30 x 30 = 900 pixels; at most 400 are opened" in (error or "")
    assert "raise --max-pixels" in (error or "")
    with pytest.raises(OptionError, match="max_pixels is 0; expected 1 or more"):
        unprompt.audit(f"folder:{tmp_path}", max_pixels=0)


def test_a_view_whose_folder_vanished_is_an_error(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, out = align.write_aside, tmp_path / "out"

    def write(path: Path, *given: object) -> None:
        if (out / "pictures").is_dir():
            shutil.rmtree(out / "pictures")
        plain(path, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(align, "write_aside", write)
    with pytest.raises(
        StoreError, match=r"out/pictures/.+ is gone; expected that nobody removes or changes .+/out while"
    ):
        unprompt.audit(f"genimage:{tree}", align="jpeg:96,size:24", out=out, workers=1)
    assert not (out / "manifest.csv").exists()
