"""A figure's files: drawings as vectors, and the numbers that they were drawn from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from unprompt.analysis.style import FORMATS, looks, saver
from unprompt.errors import DataError, OptionError
from unprompt.store import write_aside

if TYPE_CHECKING:
    from matplotlib.figure import Figure


WORDS: Final = ("line", "generator", "kind", "condition", "metric")
"""Columns that stay words in a CSV, whatever they look like."""


def write_figure(
    folder: Path, name: str, draw: Callable[[pa.Table], Figure], table: pa.Table, forms: Sequence[str]
) -> list[Path]:
    """``folder/name.parquet``, the same as ``.csv``, and the figure in each of ``forms`` (svg, pdf, png)."""
    check_forms(forms)
    written = [folder / f"{name}.{suffix}" for suffix in ("parquet", "csv")]
    write_aside(written[0], lambda file: pq.write_table(table, file, compression="zstd"))
    write_aside(written[1], lambda file: pyarrow.csv.write_csv(table, file))
    with looks():
        figure = draw(table)
        for form in forms:
            written.append(folder / f"{name}.{form}")
            write_aside(written[-1], saver(figure, form))
    return written


def read_numbers(path: Path) -> pa.Table:
    """The numbers of a figure, from its .parquet or .csv; DataError for another file."""
    readers: dict[str, Callable[[Path], pa.Table]] = {".parquet": pq.read_table, ".csv": _read_csv}
    if path.suffix.lower() not in readers:
        raise DataError(f"got {path} as numbers of a figure; expected a name that ends in {', '.join(readers)}")
    try:
        return readers[path.suffix.lower()](path)
    except (OSError, pa.ArrowException) as error:
        raise DataError(
            f"{path} cannot be read as numbers of a figure ({error}); expected one that analyse wrote"
        ) from error


def check_forms(forms: Sequence[str]) -> None:
    """:class:`OptionError` for a form that no figure is saved in."""
    for form in forms:
        if form not in FORMATS:
            raise OptionError(f"--suffix names {form!r}, expected one or more of {', '.join(FORMATS)}")


def _read_csv(path: Path) -> pa.Table:
    kinds = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(WORDS, pa.string()))
    return pyarrow.csv.read_csv(path, convert_options=kinds)
