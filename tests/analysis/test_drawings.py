"""Drawings: vectors whose words are words, drawn from stored numbers alone, the same bytes each time."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from unprompt.analysis import (
    Redrawn,
    Scored,
    alignment_table,
    consistency_table,
    read_numbers,
    reliability_table,
    robustness_table,
    roc_table,
    shift_table,
    sign_table,
    style,
    tsne_table,
    write_figure,
)
from unprompt.errors import DataError, MissingExtra, OptionError
from unprompt.workflows.figures.numbers import FIGURES

SVG = "{http://www.w3.org/2000/svg}"


def numbers() -> dict[str, pa.Table]:
    """Made-up numbers of every figure: two generators with real pictures of their own."""
    rng = np.random.default_rng(1)
    labels = np.repeat([0, 1], 40).tolist()
    names = ["ADM", "BigGAN"] * 40
    lines = {
        name: Scored(np.repeat([False, True], 60), np.clip(rng.normal(np.repeat([0.35, gain], 60), 0.2), 0, 1))
        for name, gain in (("ADM", 0.6), ("BigGAN", 0.8), ("pooled", 0.7))
    }
    redrawn = [
        Redrawn(label, name, kind, rng.normal(0.3, 0.02), rng.normal(9 if kind == "regeneration" else 17, 2))
        for kind in ("regeneration", "reconstruction")
        for label, name in zip(labels, names, strict=True)
    ]
    redrawn.append(Redrawn(1, "512", "regeneration", 0.2, 7.0))  # a name of digits, and no error of a single picture
    chains = ["", "jpeg:90", "jpeg:80", "jpeg:70", "noise:0.001", "noise:0.01", "blur:1", "blur:3", "scale:0.75"]
    results = [
        {
            **{"method": method, "suite": "paper", "metric": "auc", "generator": "macro", "perturbation": chain},
            **{"n_real": 50, "n_generated": 60, "value": 0.9 - 0.02 * at - 0.05 * place},
            **{"low": 0.85 - 0.02 * at - 0.05 * place, "high": 0.95 - 0.02 * at - 0.05 * place},
        }
        for place, method in enumerate(("sare", "item"))
        for at, chain in enumerate(chains)
    ]
    curve, places = roc_table(lines), rng.normal(np.repeat([[0], [3]], 40, axis=0), 1, (80, 2))
    far = rng.normal(np.repeat([0.5, 0.4], 40), 0.1).tolist()
    return {
        "shift": shift_table(labels, names, {"with caption": far, "without caption": rng.normal(0.3, 0.1, 80)}),
        "gap": shift_table(labels, names, {"BLIP": far, "LLaVA-NeXT": far, "one object": far}),
        "alignment": alignment_table(labels, names, rng.normal(np.repeat([0.3, 0.27], 40), 0.04)),
        "sign": sign_table(labels, names, *rng.normal(size=(2, 80, 4)).astype(np.float32)),
        "consistency": consistency_table(redrawn),
        "tsne": pa.concat_tables([tsne_table(one, labels, names, places) for one in ("UniFD", "ITEM")]),
        "roc": curve,
        "det": curve,
        "reliability": reliability_table(lines),
        "robustness": robustness_table(results, "auc"),
    }


LABELS = {
    "shift": {"mean perceptual distance", "Δ, real minus generated", "generated, with caption", "n = 20 + 20", "ADM"},
    "alignment": {
        "cosine of picture and caption",
        "Alignment, n = 40 + 40",
        "real: ADM, n = 20",
        "generated: BigGAN, n = 20",
    },
    "sign": {"P(a generated picture lies further from its caption)", "The sign, 95 % intervals", "|I - T|"},
    "consistency": {"PSNR to the picture (dB)", "regeneration, generated: ADM, n = 20"},
    "gap": {"generated, one object", "real, LLaVA-NeXT", "BLIP", "BigGAN"},
    "tsne": {"UniFD: t-SNE,", "ITEM: t-SNE,", "n = 80, perplexity 26.3", "real, n = 40", "BigGAN, n = 20"},
    "roc": {"ROC, n = real + generated", "false-positive rate (real called generated)"},
    "det": {"DET, n = real + generated", "BigGAN, n = 60 + 60", "real called generated (%)"},
    "reliability": {"Reliability, n = real + generated", "share that was generated, at prior 0.5"},
    "robustness": {"JPEG quality", "AUC, macro", "sare (paper)", "After perturbations, n = 50 + 60", "none"},
}


def texts(path: Path) -> set[str]:
    return {"".join(one.itertext()).strip() for one in ET.parse(path).getroot().iter(f"{SVG}text")}


@pytest.mark.parametrize("name", FIGURES)
def test_an_svg_parses_and_holds_its_labels(name: str, tmp_path: Path) -> None:
    files = write_figure(tmp_path, name, FIGURES[name].draw, numbers()[name], ["svg"])
    assert [path.name for path in files] == [f"{name}.parquet", f"{name}.csv", f"{name}.svg"]
    assert ET.parse(files[2]).getroot().tag == f"{SVG}svg"
    assert LABELS[name] <= texts(files[2])


@pytest.mark.parametrize("name", FIGURES)
def test_stored_numbers_draw_the_same_figure(name: str, tmp_path: Path) -> None:
    first = write_figure(tmp_path / "first", name, FIGURES[name].draw, numbers()[name], ["svg"])
    for source in first[:2]:
        again = write_figure(tmp_path / source.suffix, name, FIGURES[name].draw, read_numbers(source), ["svg"])
        assert again[2].read_bytes() == first[2].read_bytes()


def test_pdf_and_png_are_written_undated(tmp_path: Path) -> None:
    draw, table = FIGURES["roc"].draw, numbers()["roc"]
    files = write_figure(tmp_path, "roc", draw, table, ["pdf", "png"])
    assert files[2].read_bytes().startswith(b"%PDF")
    assert b"CreationDate" not in files[2].read_bytes()
    assert files[3].read_bytes().startswith(b"\x89PNG")


def test_an_unknown_form_or_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="--suffix names 'gif', expected one or more of svg, pdf, png"):
        write_figure(tmp_path, "roc", FIGURES["roc"].draw, numbers()["roc"], ["gif"])
    (tmp_path / "bad.parquet").write_text("no")
    with pytest.raises(DataError, match=r"bad\.parquet cannot be read as numbers of a figure"):
        read_numbers(tmp_path / "bad.parquet")
    with pytest.raises(DataError, match=r"got .*bad\.txt as numbers of a figure"):
        read_numbers(tmp_path / "bad.txt")


def test_a_missing_library_is_told_with_its_line() -> None:
    with pytest.raises(MissingExtra, match=r"analyse needs no_such_library.*pip install 'unprompt\[plots\]'"):
        style.drawing("no_such_library")


def test_lines_differ_in_more_than_colour_and_colours_in_lightness() -> None:
    looks = [tuple(style.look(place).values()) for place in range(17)]  # the sixteen of ITEM's table, and all
    assert len(set(looks)) == 17
    assert len({look[:2] for look in looks}) == 17
    assert len({look[0] for look in looks[:8]}) == 8
    assert all(one[1:] != other[1:] for one, other in pairwise(looks))

    def lightness(colour: str) -> float:
        linear = [(int(colour[at : at + 2], 16) / 255) ** 2.2 for at in (1, 3, 5)]
        return float(np.dot([0.2126, 0.7152, 0.0722], linear))

    assert abs(lightness(style.REAL_COLOUR) - lightness(style.GENERATED_COLOUR)) > 0.05
