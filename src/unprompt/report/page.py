"""The page of ``detect``: one HTML file and the pictures that it shows, readable without a network or a script."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import jinja2

from unprompt import images
from unprompt.errors import StoreError
from unprompt.report import words
from unprompt.report.exhibit import GAIN, Exhibit
from unprompt.report.summary import OUTCOMES, Outcome, Summary, outcome
from unprompt.types import RGB, Judgement

LONGEST: Final = 768
"""Longer side, in pixels, above which a picture is shown smaller."""
_TINY: Final = 256
"""Longer side below which the pixels are drawn as squares and not smeared."""

_SIGNS: Final[dict[Outcome, str]] = {"generated": "◆", "inconclusive": "◐", "real": "○", "error": "✕"}
_TITLES: Final = {
    "picture": "The picture",
    "reconstruction": "Reconstructed, with its caption",
    "map": f"What that changed (SARE map, brightness × {GAIN})",  # noqa: RUF001
    "regeneration": "Made anew, from the caption alone",
}


@dataclass(frozen=True)
class _Figure:
    source: str
    """Relative to the page."""
    title: str
    tiny: bool


@dataclass(frozen=True)
class _Card:
    number: int
    judgement: Judgement
    outcome: Outcome
    headline: str
    truth: str
    facts: str
    figures: tuple[_Figure, ...]
    bars: dict[str, float]


def write_page(folder: Path, exhibits: Sequence[Exhibit], title: str) -> Path:
    """Write ``folder/index.html`` and ``folder/pictures/NNN-*.png``; the page's path.

    The page is written last, so that it never names a picture that is not there. Pictures whose longer side
    is above ``LONGEST`` pixels are stored smaller. Raises StoreError when the folder cannot be written.
    """
    try:
        (folder / "pictures").mkdir(parents=True, exist_ok=True)
        cards = [_card(folder, number, exhibit) for number, exhibit in enumerate(exhibits, 1)]
        page = folder / "index.html"
        page.write_text(_render(cards, Summary.of(card.judgement for card in cards), title), encoding="utf-8")
    except OSError as error:
        raise StoreError(
            f"{folder}: the report cannot be written ({error}); expected a folder with free space that you may "
            "write to: make room or name another --report"
        ) from error
    return page


def _card(folder: Path, number: int, exhibit: Exhibit) -> _Card:
    judgement = exhibit.judgement
    return _Card(
        number=number,
        judgement=judgement,
        outcome=outcome(judgement),
        headline=words.headline(judgement),
        truth=words.truth_words(judgement),
        facts=" · ".join(_facts(judgement)),
        figures=tuple(_figure(folder, f"{number:03d}", part, rgb) for part, rgb in exhibit.pictures().items()),
        bars=exhibit.bars(),
    )


def _figure(folder: Path, number: str, part: str, rgb: RGB) -> _Figure:
    """Store a picture, not longer than ``LONGEST``."""
    source = f"pictures/{number}-{part}.png"
    longest = max(rgb.shape[:2])
    shown = images.fit_long(rgb, LONGEST) if longest > LONGEST else rgb
    (folder / source).write_bytes(images.encode_png(shown))
    return _Figure(source, _TITLES[part], tiny=longest < _TINY)


def _facts(judgement: Judgement) -> Iterator[str]:
    if judgement.format:
        yield judgement.format
    if judgement.width and judgement.height:
        yield f"{judgement.width} × {judgement.height} pixels"  # noqa: RUF001
    if judgement.quality is not None:
        yield f"quality about {judgement.quality}"
    if judgement.suite:
        yield f"suite {judgement.suite}"


def environment() -> jinja2.Environment:
    """How every page is filled in: whatever comes from a file is escaped, and a misspelt name is an error."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("unprompt.report"),
        autoescape=True,  # file names and captions may hold anything
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters["printable"] = words.printable
    return made


def _render(cards: Sequence[_Card], summary: Summary, title: str) -> str:
    return (
        environment()
        .get_template("page.html.jinja")
        .render(
            cards=cards,
            summary=summary,
            title=title,
            signs=_SIGNS,
            outcomes=OUTCOMES,
            truths=words.TRUTHS,
            truth_line=words.truth_line(summary),
            longest=LONGEST,
        )
    )
