"""A page: one HTML file and the pictures that it shows, readable without a network or a script."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import jinja2

from unprompt import images
from unprompt.errors import StoreError
from unprompt.report.report_item import Illustration, ReportItem, Row
from unprompt.report.summary import Summary
from unprompt.report.words import printable
from unprompt.types import Attribution, Box, Prediction

LONGEST: Final = 768
"""Longer side, in pixels, above which a picture is shown smaller."""
_TINY: Final = 256
"""Longer side below which the pixels are drawn as squares and not smeared."""

SIGNS: Final = {"inconclusive": "◐", "real": "○", "none": "○", "error": "✕"}
"""Class of an outcome -> its sign; ◆ for any other."""


@dataclass(frozen=True)
class _Outcome:
    slug: str
    sign: str
    label: str
    heading: str
    count: int


@dataclass(frozen=True)
class _StoredFigure:
    source: str
    """Relative to the page."""
    title: str
    tiny: bool
    width: int
    """In the drawing's own units, of which the longer side has 1000."""
    height: int
    boxes: tuple[Box, ...]


@dataclass(frozen=True)
class _PageCard:
    number: int
    row: Prediction | Attribution
    outcome: _Outcome
    headline: str
    truth: str
    facts: str
    figures: tuple[_StoredFigure, ...]
    bars: dict[str, float]


def write_page(folder: Path, items: Sequence[ReportItem[Row]], kind: type[Summary[Row]], title: str) -> Path:
    """``folder/index.html`` and ``folder/pictures/NNN-*.png`` of the rows that ``kind`` sums up; the page's path.

    The page is written last, so that it never names a picture that is not there. Pictures whose longer side
    is above ``LONGEST`` pixels are stored smaller. Raises StoreError when the folder cannot be written.
    """
    summary = kind([item.row for item in items])
    outcomes = {
        name: _Outcome(
            slug,
            SIGNS.get(slug, "◆"),
            "errors" if slug == "error" else name,
            summary.headings[name],
            summary.counts[name],
        )
        for name, slug in summary.slugs.items()
    }
    with writing(folder):
        (folder / "pictures").mkdir(parents=True, exist_ok=True)
        cards = [
            _PageCard(
                number=number,
                row=item.row,
                outcome=outcomes[summary.outcome(item.row)],
                headline=summary.headline(item.row),
                truth=summary.truth_words(item.row),
                facts=" · ".join(_facts(item.row)),
                figures=tuple(_stored(folder, number, one) for one in item.figures),
                bars=summary.bars(item.row),
            )
            for number, item in enumerate(items, 1)
        ]
        page = folder / "index.html"
        text = template(summary.template).render(
            cards=cards,
            title=title,
            outcomes=list(outcomes.values()),
            confusion=summary.confusion(),
            truth_line=summary.truth_line(),
            longest=LONGEST,
        )
        page.write_text(text, encoding="utf-8")
    return page


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """StoreError where the report in ``folder`` cannot be written."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"{folder}: the report cannot be written ({error}); expected a folder with free space that you may "
            "write to: make room or name another --report"
        ) from error


def _stored(folder: Path, number: int, figure: Illustration) -> _StoredFigure:
    """Store a picture, not longer than ``LONGEST``."""
    source = f"pictures/{number:03d}-{figure.name}.png"
    longest = max(figure.rgb.shape[:2])
    shown = images.fit_long(figure.rgb, LONGEST) if longest > LONGEST else figure.rgb
    (folder / source).write_bytes(images.encode_png(shown))
    height, width = (round(1000 * side / longest) for side in figure.rgb.shape[:2])
    return _StoredFigure(source, figure.title, longest < _TINY, width, height, figure.boxes)


def _facts(row: Prediction | Attribution) -> Iterator[str]:
    """What is known of the file."""
    if row.format:
        yield row.format
    if row.width and row.height:
        yield f"{row.width} × {row.height} pixels"  # noqa: RUF001
    if row.quality is not None:
        yield f"quality about {row.quality}"
    if row.suite:
        yield f"suite {row.suite}"
    if isinstance(row, Attribution):
        return
    if row.spread is not None:
        yield f"moves by ±{row.spread:.2f} with the noise"
    if row.duplicate_of is not None:
        yield f"the same pixels as {row.duplicate_of}"


def template(name: str) -> jinja2.Template:
    """A template of this package; whatever comes from a file is escaped, and a misspelt name is an error."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("unprompt.report"),
        autoescape=True,  # file names and captions may hold anything
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["printable"] = printable
    return environment.get_template(name)
