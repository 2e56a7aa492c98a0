"""A page: one HTML file and the pictures that it shows, readable without a network or a script."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import jinja2

from unprompt import images
from unprompt.errors import StoreError
from unprompt.report import words
from unprompt.report.report_item import GAIN, ReportItem
from unprompt.report.summary import OUTCOMES, Outcome, Summary, outcome
from unprompt.types import RGB, Attribution, Box, Prediction

LONGEST: Final = 768
"""Longer side, in pixels, above which a picture is shown smaller."""
_TINY: Final = 256
"""Longer side below which the pixels are drawn as squares and not smeared."""

SIGNS: Final[dict[Outcome, str]] = {"generated": "◆", "inconclusive": "◐", "real": "○", "error": "✕"}
TITLES: Final = {
    "picture": "The picture",
    "reconstruction": "Reconstructed, with its caption",
    "map": f"What that changed (SARE map, brightness × {GAIN})",  # noqa: RUF001
    "regeneration": "Made anew, from the caption alone",
}


@dataclass(frozen=True)
class Figure:
    source: str
    """Relative to the page."""
    title: str
    tiny: bool
    width: int
    """In the drawing's own units, of which the longer side has 1000."""
    height: int
    boxes: tuple[Box, ...]


@dataclass(frozen=True)
class _PictureCard:
    number: int
    prediction: Prediction
    outcome: Outcome
    headline: str
    truth: str
    facts: str
    figures: tuple[Figure, ...]
    bars: dict[str, float]


def write_page(folder: Path, exhibits: Sequence[ReportItem], title: str) -> Path:
    """The page of ``detect``: ``folder/index.html`` and ``folder/pictures/NNN-*.png``; the page's path.

    The page is written last, so that it never names a picture that is not there. Pictures whose longer side
    is above ``LONGEST`` pixels are stored smaller. Raises StoreError when the folder cannot be written.
    """

    def render() -> str:
        cards = [_card(folder, number, exhibit) for number, exhibit in enumerate(exhibits, 1)]
        return _render(cards, Summary.of(card.prediction for card in cards), title)

    return written(folder, render)


def written(folder: Path, render: Callable[[], str]) -> Path:
    """Write ``folder/index.html`` as ``render`` returns it, whose pictures lie there by then; the page's path."""
    try:
        (folder / "pictures").mkdir(parents=True, exist_ok=True)
        page = folder / "index.html"
        page.write_text(render(), encoding="utf-8")
    except OSError as error:
        raise StoreError(
            f"{folder}: the report cannot be written ({error}); expected a folder with free space that you may "
            "write to: make room or name another --report"
        ) from error
    return page


def _card(folder: Path, number: int, exhibit: ReportItem) -> _PictureCard:
    prediction = exhibit.prediction
    return _PictureCard(
        number=number,
        prediction=prediction,
        outcome=outcome(prediction),
        headline=words.headline(prediction),
        truth=words.truth_words(prediction),
        facts=facts(prediction),
        figures=tuple(
            figure(folder, number, part, rgb, TITLES[part], exhibit.boxes if part == "picture" else ())
            for part, rgb in exhibit.pictures().items()
        ),
        bars=exhibit.bars(),
    )


def figure(folder: Path, number: int, part: str, rgb: RGB, title: str, boxes: tuple[Box, ...] = ()) -> Figure:
    """Store a picture, not longer than ``LONGEST``."""
    source = f"pictures/{number:03d}-{part}.png"
    longest = max(rgb.shape[:2])
    shown = images.fit_long(rgb, LONGEST) if longest > LONGEST else rgb
    (folder / source).write_bytes(images.encode_png(shown))
    height, width = (round(1000 * side / longest) for side in rgb.shape[:2])
    return Figure(source, title, longest < _TINY, width, height, boxes)


def facts(row: Prediction | Attribution) -> str:
    """What is known of the file, in one line."""
    return " · ".join(_facts(row))


def _facts(prediction: Prediction | Attribution) -> Iterator[str]:
    if prediction.format:
        yield prediction.format
    if prediction.width and prediction.height:
        yield f"{prediction.width} × {prediction.height} pixels"  # noqa: RUF001
    if prediction.quality is not None:
        yield f"quality about {prediction.quality}"
    if prediction.suite:
        yield f"suite {prediction.suite}"
    if isinstance(prediction, Attribution):
        return
    if prediction.spread is not None:
        yield f"moves by ±{prediction.spread:.2f} with the noise"
    if prediction.duplicate_of is not None:
        yield f"the same pixels as {prediction.duplicate_of}"


def template(name: str) -> jinja2.Template:
    """A template of this room; whatever comes from a file is escaped, and a misspelt name is an error."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("unprompt.report"),
        autoescape=True,  # file names and captions may hold anything
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["printable"] = words.printable
    return environment.get_template(name)


def _render(cards: Sequence[_PictureCard], summary: Summary, title: str) -> str:
    return template("page.html.jinja").render(
        cards=cards,
        summary=summary,
        title=title,
        signs=SIGNS,
        outcomes=OUTCOMES,
        truths=words.TRUTHS,
        truth_line=words.truth_line(summary),
        longest=LONGEST,
    )
