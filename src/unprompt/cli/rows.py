"""One row an input -> a table, JSON, JSON lines or CSV on stdout, as they come where the format allows it."""

from __future__ import annotations

import csv
import io
import json
import sys
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any, Final, Generic

import typer

from unprompt.cli.flags import Format
from unprompt.cli.output import message
from unprompt.cli.tables import print_table
from unprompt.errors import OptionError
from unprompt.report.attribution import AttributionSummary
from unprompt.report.report_item import Row
from unprompt.report.summary import PredictionSummary, Summary
from unprompt.report.words import counted, printable
from unprompt.types import Attribution, Prediction

if TYPE_CHECKING:
    from unprompt.workflows.prediction.predictor import RowPredictor

FORMULA: Final = ("=", "+", "-", "@")
"""What a spreadsheet takes for the beginning of a formula."""


def print_predictions(form: Format, follow: bool = False) -> AbstractContextManager[Mapping[str, Any]]:
    """``watch`` for ``detect``; OptionError for a format that cannot ``follow``, since it has an end."""
    if follow and form == "json":
        raise OptionError("--format is json, expected jsonl, csv or table with --follow: an array has an end")
    return _printing((_LinePrinter if follow and form == "table" else _PRINTERS[form])(PredictionSummary))


def print_attributions(form: Format) -> AbstractContextManager[Mapping[str, Any]]:
    """``watch`` for ``attribute``."""
    return _printing(_PRINTERS[form](AttributionSummary))


def predictions_code(rows: Sequence[Prediction]) -> int:
    """1 where a picture got no verdict."""
    return int(any(row.verdict is None for row in rows))


def attributions_code(rows: Sequence[Attribution]) -> int:
    """1 where a picture got no answer."""
    return int(any(row.generator is None for row in rows))


@contextmanager
def _printing(printer: RowPrinter[Any]) -> Iterator[Mapping[str, Any]]:
    """Whatever ends the rows, those that there are get printed."""
    try:
        yield {"watch": printer}
    except BaseException:
        if printer.printed:
            printer.finish()
            message(f"ended early: {counted(printer.printed, 'input')} got a row, printed on stdout")
        raise
    printer.finish()


class RowPrinter(Generic[Row]):
    """Called with each row as it comes."""

    def __init__(self, kind: type[Summary[Row]]) -> None:
        self.kind, self.printed = kind, 0
        self.stream = sys.stdout
        """Of now: while a workflow runs, libraries' words go elsewhere."""
        self._predictor: RowPredictor[Row] | None = None
        self._place = 0

    def __call__(self, row: Row, predictor: RowPredictor[Row]) -> None:
        """Take the next row, and what gave it; a run that began anew once it was confirmed repeats rows."""
        if predictor is not self._predictor:
            self._predictor, self._place = predictor, 0
        if self._place == self.printed:
            self.add(row, predictor)
            self.printed += 1
        self._place += 1

    @abstractmethod
    def add(self, row: Row, predictor: RowPredictor[Row]) -> None:
        """Print the row, or keep it for the end."""

    def finish(self) -> None:
        """Print what waited for the last row."""


class _JsonLinesPrinter(RowPrinter[Row]):
    def add(self, row: Row, predictor: RowPredictor[Row]) -> None:
        print(json.dumps(asdict(row), allow_nan=False), file=self.stream, flush=True)


class _LinePrinter(RowPrinter[Row]):
    """A table whose rows come one by one: the answer, the probability, the picture, the notes."""

    def add(self, row: Row, predictor: RowPredictor[Row]) -> None:
        value = getattr(row, "probability", None)
        cells = [f"{self.kind.outcome(row):<12}", "    " if value is None else f"{value:.2f}", row.uri, *_notes(row)]
        print("  ".join(map(printable, cells)), file=self.stream, flush=True)


class _CsvPrinter(RowPrinter[Row]):
    """A column for each field, then ``scores.METHOD`` for each method; warnings are joined by semicolons."""

    _scorers: Sequence[str] = ()

    def add(self, row: Row, predictor: RowPredictor[Row]) -> None:
        if not self.printed:
            self._scorers = predictor.scorers
            self._print_header()
        values: dict[str, Any] = asdict(row) | {"warnings": "; ".join(row.warnings)}
        self._print([*map(values.get, self._names()), *map(row.scores.get, self._scorers)])

    def finish(self) -> None:
        if not self.printed:
            self._print_header()

    def _print_header(self) -> None:
        self._print([*self._names(), *(f"scores.{name}" for name in self._scorers)])

    def _names(self) -> list[str]:
        return [field.name for field in fields(self.kind.kind) if field.name != "scores"]

    def _print(self, cells: Sequence[Any]) -> None:
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow([csv_cell(cell) for cell in cells])
        print(line.getvalue(), end="", file=self.stream, flush=True)


class _WholePrinter(RowPrinter[Row]):
    """Of a format that begins with its end in view."""

    def __init__(self, kind: type[Summary[Row]]) -> None:
        super().__init__(kind)
        self.rows: list[Row] = []

    def add(self, row: Row, predictor: RowPredictor[Row]) -> None:
        self.rows.append(row)


class _JsonPrinter(_WholePrinter[Row]):
    def finish(self) -> None:
        typer.echo(json.dumps([asdict(row) for row in self.rows], indent=1, allow_nan=False))


class _TablePrinter(_WholePrinter[Row]):
    def finish(self) -> None:
        _print_table(self.kind(self.rows))


_PRINTERS: Final[Mapping[Format, type[RowPrinter[Any]]]] = {
    "table": _TablePrinter,
    "json": _JsonPrinter,
    "jsonl": _JsonLinesPrinter,
    "csv": _CsvPrinter,
}


def csv_cell(value: Any) -> Any:
    r"""A text that no spreadsheet calculates and no terminal obeys; other values as they are.

    >>> csv_cell("=1+1"), csv_cell("a\tb"), csv_cell(-0.5)
    ("'=1+1", 'a\\tb', -0.5)
    """
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if text.startswith(FORMULA) else text


def _print_table(summary: Summary[Row]) -> None:
    """A column for whoever scored one of the rows, the suite only where several answered; then the counts."""
    methods = list(dict.fromkeys(method for row in summary.rows for method in row.scores))
    several = len({row.suite for row in summary.rows if row.suite}) > 1
    header = ["picture", "truth", "suite", summary.answer, "probability", *methods, "caption", "notes"]
    table = []
    for row in summary.rows:
        numbers = [getattr(row, "probability", None), *(row.scores.get(method) for method in methods)]
        answer = [row.suite or "" if several else "", summary.outcome(row)]
        shown = ["" if value is None else f"{value:.2f}" for value in numbers]
        table.append([row.uri, summary.truth(row), *answer, *shown, row.caption or "", "; ".join(_notes(row))])
    if table:
        print_table(header, table, right=["probability", *methods])
    typer.echo(summary.counts_line())
    if line := summary.truth_line():
        typer.echo(line)


def _notes(row: Prediction | Attribution) -> Iterator[str]:
    if row.error:
        yield row.error
    yield from row.warnings
    if isinstance(row, Attribution):
        return
    if row.spread is not None:
        yield f"±{row.spread:.2f} with the noise"
    if row.duplicate_of is not None:
        yield f"the same pixels as {row.duplicate_of}"
