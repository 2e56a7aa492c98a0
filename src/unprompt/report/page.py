"""A page: one HTML file and the pictures that it shows, readable without a network or a script."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Generic, Self

import jinja2

from unprompt import images
from unprompt.errors import StoreError
from unprompt.report.folder import writing
from unprompt.report.page_card import StoredFigure, outcomes_of, page_card, places, stored_figure
from unprompt.report.report_item import LONGEST, Illustration, ReportItem, Row
from unprompt.report.summary import Summary
from unprompt.report.words import printable


def write_page(folder: Path, items: Iterable[ReportItem[Row]], kind: type[Summary[Row]], title: str) -> Path:
    """``folder/index.html`` and ``folder/pictures/NNN-*.png`` of the rows that ``kind`` sums up; the page's path."""
    with PageWriter(folder, kind, title) as page:
        for item in items:
            page.add(item)
    return page.path


class PageWriter(Generic[Row]):
    """A page in ``folder`` whose pictures are written as they come, and which is written when the ``with`` ends.

    So it never names a picture that is not there, and what came before an interruption is on it; where nothing came, a
    page of before stays. No picture is kept in memory. Without ``pictures`` it is one file, which shows none. Raises
    StoreError when the folder cannot be written, or is not there any more.
    """

    def __init__(self, folder: Path, kind: type[Summary[Row]], title: str, pictures: bool = True) -> None:
        self.folder, self.path = folder, folder / "index.html"
        self._kind, self._title, self._pictures = kind, title, pictures
        self._items: list[tuple[ReportItem[Row], tuple[StoredFigure, ...]]] = []

    def __enter__(self) -> Self:
        with writing(self.folder):
            (self.folder / "pictures" if self._pictures else self.folder).mkdir(parents=True, exist_ok=True)
        return self

    def add(self, item: ReportItem[Row]) -> None:
        """Store the pictures of a row, which becomes the next card."""
        number = len(self._items) + 1
        shown = item.figures if self._pictures else ()
        with writing(self.folder):
            figures = tuple(_stored(self.folder, number, one) for one in shown)
        self._items.append((replace(item, figures=()), figures))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not isinstance(error, StoreError) and (self._items or error is None):
            text = self._rendered()
            with writing(self.folder):
                self.path.write_text(text, encoding="utf-8")

    def _rendered(self) -> str:
        summary = self._kind(item.row for item, _ in self._items)
        outcomes = outcomes_of(summary)
        placed = enumerate(zip(self._items, places(summary), strict=True), 1)
        cards = [page_card(summary, outcomes, number, *one, place=place) for number, (one, place) in placed]
        return template(summary.template).render(
            cards=cards,
            title=self._title,
            outcomes=list(outcomes.values()),
            confusion=summary.confusion(),
            truth_line=summary.truth_line(),
            longest=LONGEST,
            rank=summary.rank_title,
        )


def styles() -> str:
    """The style sheet of every page."""
    return template("page.css").render()


def _stored(folder: Path, number: int, figure: Illustration) -> StoredFigure:
    source = f"pictures/{number:03d}-{figure.name}.png"
    (folder / source).write_bytes(images.encode_png(figure.rgb))
    return stored_figure(source, figure)


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
