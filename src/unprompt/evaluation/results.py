"""Tables as tidy rows: one number a row, with every setting that moved it, and a place for the paper's beside it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from unprompt.evaluation.rates import NAMES
from unprompt.evaluation.table import EvaluationTable


@dataclass(frozen=True)
class Result:
    """One number. Columns that every table shares stand alone; the rest of the settings is ``settings``, as JSON."""

    method: str
    checkpoint: str
    suite: str
    split: str
    perturbation: str
    """name:value[,name:value]; empty = none."""
    generator: str
    """A generator's name, ``macro`` or ``pooled``."""
    metric: str
    """A field of ``Rates`` or, as ``verdict_...``, of ``Verdicts``."""
    value: float
    low: float | None
    high: float | None
    level: float | None
    interval: str | None
    """bootstrap, delong or wilson."""
    n_real: int
    n_generated: int
    n_failed: int
    n_copies: int
    threshold: float | None
    """None where each head has its own."""
    settings: str
    paper: float | None = None
    """The paper's number for the same cell, in the same unit; None when there is none."""


def results(table: EvaluationTable) -> list[Result]:
    """The rows of a table and, after them, of its perturbed ones."""
    return [*_rows(table), *(row for one in table.perturbed.values() for row in results(one))]


def with_paper(rows: Iterable[Result], paper: Mapping[tuple[str, str, str], float]) -> list[Result]:
    """The rows, with the paper's numbers by (perturbation, generator, metric), where it has one."""
    return [replace(row, paper=paper.get((row.perturbation, row.generator, row.metric))) for row in rows]


def _rows(table: EvaluationTable) -> Iterator[Result]:
    settings = dict(table.settings)
    shared: dict[str, Any] = {name: str(settings.pop(name, "")) for name in ("method", "checkpoint", "suite", "split")}
    shared["perturbation"] = str(settings.pop("perturbation", ""))
    text = json.dumps(settings, sort_keys=True)
    for generator, metrics in table.rows():
        counts = {name: getattr(metrics, name) for name in ("n_real", "n_generated", "n_failed", "n_copies")}
        common = {**shared, **counts, "generator": generator, "threshold": table.threshold, "settings": text}
        intervals = table.intervals.get(generator, {})
        cells = [(name, getattr(metrics, name), intervals.get(name)) for name in NAMES]
        if generator in table.verdicts:
            cells += [(f"verdict_{name}", value, None) for name, value in vars(table.verdicts[generator]).items()]
        for metric, value, found in cells:
            low, high, level, method = (found.low, found.high, found.level, found.method) if found else (None,) * 4
            yield Result(metric=metric, value=value, low=low, high=high, level=level, interval=method, **common)
