"""The numbers of a table as tidy rows."""

from __future__ import annotations

import json

from unprompt.evaluation import UNSEEN, Measurements, Result, TableRecipe
from unprompt.evaluation.laboratory import LEVEL
from unprompt.evaluation.pictures import MACRO
from unprompt.instruments import Manifest
from unprompt.workflows.laboratory.cells import Bench, row_options


def result_rows(recipe: TableRecipe, bench: Bench, found: Measurements, seeds: int) -> list[Result]:
    """One number a row, with what varied it and the paper's where pictures are the paper's."""
    suite, selection, rows = Manifest.read(bench.suite).called, bench.selection, []
    metrics = dict.fromkeys([*recipe.metrics, *(["raw_accuracy"] if "accuracy" in recipe.metrics else [])])
    by_name = {row.name: row for row in recipe.rows}
    for (name, chain), cells in found.cells.items():
        row = by_name[name]
        paper = {} if selection.standing_in else recipe.paper(row, whole=not selection.absent)
        settings = {
            "row": name,
            "options": row_options(row, bench.options) if row.method else {},
            "stack": list(row.stack),
            "instruments": dict(row.instruments),
            "models": {role: dict(model) for role, model in row.models.items()},
            "learned": list(selection.learned_by(row)),
            "leave_out": row.leave_out,
            "seeds": seeds,
            "dtype": bench.dtype,
            **({"fpr": recipe.fpr} if recipe.fpr else {}),
        }
        for generator, numbers in cells.items():
            counts = found.counts[MACRO if generator == UNSEEN else generator]
            for metric in metrics:
                around = numbers[metric].interval()
                rows.append(
                    Result(
                        method=row.method or "panel",
                        checkpoint="",
                        suite=suite,
                        split="test",
                        perturbation=chain,
                        generator=generator,
                        metric=metric,
                        value=around.estimate,
                        low=around.low,
                        high=around.high,
                        level=LEVEL,
                        interval=around.method,
                        n_real=counts.real,
                        n_generated=counts.generated,
                        n_failed=found.n_failed,
                        n_copies=counts.copies,
                        threshold=None if recipe.fpr else 0.5,
                        settings=json.dumps(settings, sort_keys=True),
                        paper=paper.get((chain, generator, metric)),
                    )
                )
    return rows
