"""A page: one HTML file and the pictures that it shows, readable without a network or a script."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Generic, Self

import jinja2

from unprompt import images
from unprompt.errors import StoreError
from unprompt.provenance import ProvenanceNote
from unprompt.report.gauge import Gauge
from unprompt.report.report_item import LONGEST, Illustration, ReportItem, Row
from unprompt.report.summary import Summary
from unprompt.report.words import printable
from unprompt.types import Attribution, Box, Prediction

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
    number: int | str
    """In the name of its heading."""
    row: Prediction | Attribution
    outcome: _Outcome
    headline: str
    truth: str
    facts: str
    figures: tuple[_StoredFigure, ...]
    bars: dict[str, float]
    gauge: Gauge | None = None
    provenance: Sequence[ProvenanceNote] | None = None
    """What the file says of itself; None = nobody looked."""


def write_page(folder: Path, items: Iterable[ReportItem[Row]], kind: type[Summary[Row]], title: str) -> Path:
    """``folder/index.html`` and ``folder/pictures/NNN-*.png`` of the rows that ``kind`` sums up; the page's path."""
    with PageWriter(folder, kind, title) as page:
        for item in items:
            page.add(item)
    return page.path


class PageWriter(Generic[Row]):
    """A page in ``folder`` whose pictures are written as they come, and which is written when the ``with`` ends.

    So it never names a picture that is not there, and what came before an interruption is on it. No picture is kept
    in memory. Raises StoreError when the folder cannot be written, or is not there any more.
    """

    def __init__(self, folder: Path, kind: type[Summary[Row]], title: str) -> None:
        self.folder, self.path = folder, folder / "index.html"
        self._kind, self._title = kind, title
        self._rows: list[Row] = []
        self._figures: list[tuple[_StoredFigure, ...]] = []
        self._gauges: list[Gauge | None] = []

    def __enter__(self) -> Self:
        with writing(self.folder):
            (self.folder / "pictures").mkdir(parents=True, exist_ok=True)
        return self

    def add(self, item: ReportItem[Row]) -> None:
        """Store the pictures of a row, which becomes the next card."""
        number = len(self._rows) + 1
        with writing(self.folder):
            figures = tuple(_stored(self.folder, number, one) for one in item.figures)
        self._rows.append(item.row)
        self._figures.append(figures)
        self._gauges.append(item.gauge)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not isinstance(error, StoreError):
            text = self._rendered()
            with writing(self.folder):
                self.path.write_text(text, encoding="utf-8")

    def _rendered(self) -> str:
        summary = self._kind(self._rows)
        outcomes = _outcomes(summary)
        several = zip(self._rows, self._figures, self._gauges, strict=True)
        cards = [
            _card(summary, outcomes, number, row, figures, gauge)
            for number, (row, figures, gauge) in enumerate(several, 1)
        ]
        return template(summary.template).render(
            cards=cards,
            title=self._title,
            outcomes=list(outcomes.values()),
            confusion=summary.confusion(),
            truth_line=summary.truth_line(),
            longest=LONGEST,
            bars=summary.bars_title,
        )


def card_html(item: ReportItem[Row], kind: type[Summary[Row]], name: str, provenance: Sequence[ProvenanceNote]) -> str:
    """One card as HTML with its pictures in it, for a page that has :func:`styles`; ``name`` is its own there."""
    summary = kind([item.row])
    figures = tuple(_shown(f"data:image/png;base64,{b64encode(_png(one)).decode()}", one) for one in item.figures)
    card = _card(summary, _outcomes(summary), name, item.row, figures, item.gauge, provenance)
    return template("card.html.jinja").render(card=card, bars=summary.bars_title)


def styles() -> str:
    """The style sheet of every page."""
    return template("page.css").render()


def _outcomes(summary: Summary[Any]) -> dict[str, _Outcome]:
    return {
        name: _Outcome(
            slug,
            SIGNS.get(slug, "◆"),
            "errors" if slug == "error" else name,
            summary.headings[name],
            summary.counts[name],
        )
        for name, slug in summary.slugs.items()
    }


def _card(
    summary: Summary[Row],
    outcomes: Mapping[str, _Outcome],
    number: int | str,
    row: Row,
    figures: tuple[_StoredFigure, ...],
    gauge: Gauge | None,
    provenance: Sequence[ProvenanceNote] | None = None,
) -> _PageCard:
    return _PageCard(
        number=number,
        row=row,
        outcome=outcomes[summary.outcome(row)],
        headline=summary.headline(row),
        truth=summary.truth_words(row),
        facts=" · ".join(_facts(row)),
        figures=figures,
        bars=summary.bars(row),
        gauge=gauge,
        provenance=provenance,
    )


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
    source = f"pictures/{number:03d}-{figure.name}.png"
    (folder / source).write_bytes(_png(figure))
    return _shown(source, figure)


def _png(figure: Illustration) -> bytes:
    return images.encode_png(figure.rgb)


def _shown(source: str, figure: Illustration) -> _StoredFigure:
    longest = max(figure.height, figure.width)
    height, width = (round(1000 * side / longest) for side in (figure.height, figure.width))
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
