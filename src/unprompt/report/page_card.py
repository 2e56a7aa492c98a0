"""One card of a page, as its template takes it: what a row says in words, with its pictures and its numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from unprompt.provenance import ProvenanceNote
from unprompt.report.gauge import Gauge
from unprompt.report.report_item import Illustration, ReportItem, Row
from unprompt.report.summary import Summary
from unprompt.types import Attribution, Box, Prediction

_TINY: Final = 256
"""Longer side below which the pixels are drawn as squares and not smeared."""

SIGNS: Final = {"inconclusive": "◐", "real": "○", "none": "○", "error": "✕"}
"""Class of an outcome -> its sign; ◆ for any other."""


@dataclass(frozen=True)
class Outcome:
    """An answer that rows can have, as a page counts and filters it."""

    slug: str
    sign: str
    label: str
    heading: str
    count: int


@dataclass(frozen=True)
class StoredFigure:
    """A picture of a card where the page finds it."""

    name: str
    source: str
    """Relative to the page, or the picture itself as a data URL."""
    title: str
    tiny: bool
    width: int
    """In the drawing's own units, of which the longer side has 1000."""
    height: int
    boxes: tuple[Box, ...]


@dataclass(frozen=True)
class Contribution:
    """What a method adds to the panel's logit."""

    method: str
    logit: float
    share: float
    """Of the largest one of the card, from -1 to 1: the length of its bar."""


@dataclass(frozen=True)
class PageCard:
    """What the template of a card shows."""

    number: int | str
    """In the name of its heading."""
    row: Prediction | Attribution
    outcome: Outcome
    headline: str
    truth: str
    facts: str
    figures: tuple[StoredFigure, ...]
    bars: dict[str, float]
    bars_title: str
    gauge: Gauge | None = None
    contributions: tuple[Contribution, ...] = ()
    provenance: Sequence[ProvenanceNote] | None = None
    """What the file says of itself; None = nobody looked."""
    place: int | None = None
    """Among the cards by falling number, from 0; None = it has no number to be sorted by."""


def outcomes_of(summary: Summary[Any]) -> dict[str, Outcome]:
    """Every outcome that rows could have, by its name."""
    return {
        name: Outcome(
            slug,
            SIGNS.get(slug, "◆"),
            "errors" if slug == "error" else name,
            summary.headings[name],
            summary.counts[name],
        )
        for name, slug in summary.slugs.items()
    }


def page_card(
    summary: Summary[Row],
    outcomes: Mapping[str, Outcome],
    number: int | str,
    item: ReportItem[Row],
    figures: tuple[StoredFigure, ...],
    provenance: Sequence[ProvenanceNote] | None = None,
    place: int | None = None,
) -> PageCard:
    """The card of a row; ``figures`` are the pictures of ``item``, stored."""
    row = item.row
    return PageCard(
        number=number,
        row=row,
        outcome=outcomes[summary.outcome(row)],
        headline=summary.headline(row),
        truth=summary.truth_words(row),
        facts=" · ".join(_facts(row)),
        figures=figures,
        bars=summary.bars(row),
        bars_title=summary.bars_title(row),
        gauge=item.gauge,
        contributions=tuple(_contributions(item.contributions)),
        provenance=provenance,
        place=place,
    )


def places(summary: Summary[Any]) -> list[int | None]:
    """Of each row its place by falling number, equal ones in their order; None for one without."""
    ranks = [summary.rank(row) for row in summary.rows]
    numbers = [(-rank, at) for at, rank in enumerate(ranks) if rank is not None]
    found = {at: place for place, (_, at) in enumerate(sorted(numbers))}
    return [found.get(at) for at in range(len(ranks))]


def _contributions(logits: Mapping[str, float]) -> Iterator[Contribution]:
    largest = max(map(abs, logits.values()), default=0) or 1
    for method, logit in logits.items():
        yield Contribution(method, logit, logit / largest)


def stored_figure(source: str, figure: Illustration) -> StoredFigure:
    """The figure whose pixels lie at ``source``."""
    longest = max(figure.height, figure.width)
    height, width = (round(1000 * side / longest) for side in (figure.height, figure.width))
    return StoredFigure(figure.name, source, figure.title, longest < _TINY, width, height, figure.boxes)


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
