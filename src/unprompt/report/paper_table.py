"""A paper's table with our numbers under the printed ones, as the paper lays it out, and what answers its claims."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from unprompt.evaluation import UNSEEN, Estimate, Measurements, RecipeRow, Ruling, TableRecipe
from unprompt.evaluation.pictures import MACRO
from unprompt.report.grid import Grid
from unprompt.report.results import words

AVERAGE: Final = "Avg."
UNSEEN_AVERAGE: Final = "Avg. unseen"
NOTHING: Final = "\N{EN DASH}"
UNCHANGED: Final = "unchanged"
MEANS: Final = (MACRO, UNSEEN)


@dataclass(frozen=True)
class PaperTable:
    """A table that was measured, and how it is to be told."""

    recipe: TableRecipe
    found: Measurements
    headings: Mapping[str, str]
    """Generator or candidate -> its column; the data's own where they stand in for the paper's."""
    standing_in: bool
    suite: str

    def grids(self) -> list[Grid]:
        """For each metric a table: row by row the printed numbers, ours with intervals, and the difference.

        Where other generators stand in for the paper's nothing can be subtracted, and the printed table stands apart.
        """
        if not self.standing_in:
            return [self._grid(metric, printed=True) for metric in self.recipe.metrics]
        apart = [_alone(self.recipe, metric) for metric in self.recipe.metrics if _has(self.recipe, metric)]
        return [*(self._grid(metric, printed=False) for metric in self.recipe.metrics), *apart]

    def _grid(self, metric: str, printed: bool) -> Grid:
        columns = self._columns()
        rows = [line for row in self.recipe.rows for line in self._lines(row, metric, list(columns), printed)]
        where = "" if printed else ", on other generators than the paper's"
        note = "" if self._whole or not printed else "; * over the test sets that there are, so not comparable"
        return Grid(
            f"{_title(self.recipe, metric)}{where}: {self._counts()}{note}", ("method", *columns.values()), tuple(rows)
        )

    def _columns(self) -> dict[tuple[str, str], str]:
        """(perturbation, generator) -> heading."""
        if self.recipe.perturbations:
            return {("", MACRO): UNCHANGED} | {(chain, MACRO): chain for chain in self.recipe.perturbations}
        means = {MACRO: AVERAGE} | ({UNSEEN: UNSEEN_AVERAGE} if self._unseen else {})
        return {("", name): heading for name, heading in {**self.headings, **means}.items()}

    def _lines(
        self, row: RecipeRow, metric: str, columns: Sequence[tuple[str, str]], printed: bool
    ) -> Iterator[tuple[str, ...]]:
        paper = self.recipe.paper(row, whole=True)
        numbers = [paper.get((*column, metric)) for column in columns]
        ours = [self.cell(row, *column, metric) for column in columns]
        if printed and metric in row.paper:
            yield (f"{row.name}, printed", *(_percent(number) for number in numbers))
        if not any(ours):
            return
        unlike = ["" if self._whole or not printed or column[1] not in MEANS else "*" for column in columns]
        yield (f"{row.name}, ours", *(_cell(one) + star for one, star in zip(ours, unlike, strict=True)))
        if metric == "accuracy":
            raw = [self.cell(row, *column, "raw_accuracy") for column in columns]
            yield (f"{row.name}, ours, at 0.5 before calibration", *(_cell(one) for one in raw))
        if printed and metric in row.paper:
            gaps = [
                NOTHING if one is None or number is None or star else _points(100 * (one.value - number))
                for one, number, star in zip(ours, numbers, unlike, strict=True)
            ]
            yield (f"{row.name}, ours minus printed", *gaps)

    def cell(self, row: RecipeRow, chain: str, generator: str, metric: str) -> Estimate | None:
        """One number of ours; None for what was not measured."""
        found = self.found.cells.get((row.name, chain), {}).get(generator)
        return None if found is None else found[metric]

    @property
    def _unseen(self) -> bool:
        """Whether some row has seen some of the generators and not others."""
        cells = self.found.cells.values()
        return any(UNSEEN in one and one[UNSEEN]["auc"].value != one[MACRO]["auc"].value for one in cells)

    @property
    def _whole(self) -> bool:
        return all(
            one.generator in self.headings and one.generator in self.found.counts for one in self.recipe.printed_columns
        )

    def _counts(self) -> str:
        counts = self.found.counts[MACRO]
        real, made = counts.real, counts.generated
        classes = f"{real} real and {made} generated pictures"
        if self.recipe.candidates:
            classes = f"{made} pictures by a candidate and {real} by others"
        return f"suite {self.suite}, n = {classes}, 95 % intervals"


def claims_grid(rulings: Sequence[Ruling], points: bool = True) -> Grid:
    """What the measurements say to claims of tables, or without ``points`` of figures, in their numbers' own units."""
    show = _points if points else plain
    rows = [(one.says, one.answer, _difference(one, show), f"{one.n_real} + {one.n_generated}") for one in rulings]
    header = ("claim", "answer", "by, in points" if points else "by", "pictures")
    return Grid(f"The claims, by {'paired ' if points else ''}95 % intervals", header, tuple(rows), labels=2)


def _difference(ruling: Ruling, show: Callable[[float], str]) -> str:
    if ruling.difference is None or ruling.low is None or ruling.high is None:
        return ruling.reason
    bound = f", expected above {show(ruling.above)}" if ruling.above else ""
    ends = f"{show(ruling.low)}, {show(ruling.high)}"
    return f"{words(ruling.metric)} {show(ruling.difference)} [{ends}]{bound}"


def _alone(recipe: TableRecipe, metric: str) -> Grid:
    """What the paper printed, on its own pictures."""
    if recipe.perturbations:
        keys = {(chain, MACRO): chain for chain in recipe.perturbations}
    else:
        keys = {("", one.generator): one.heading for one in recipe.printed_columns} | {("", MACRO): AVERAGE}
    lines = []
    for row in recipe.rows:
        if metric in row.paper:
            paper = recipe.paper(row, whole=True)
            lines.append((f"{row.name}, printed", *(_percent(paper.get((*key, metric))) for key in keys)))
    return Grid(
        f"{_title(recipe, metric)}: as printed, on the paper's pictures", ("method", *keys.values()), tuple(lines)
    )


def _has(recipe: TableRecipe, metric: str) -> bool:
    return any(metric in row.paper for row in recipe.rows)


def _title(recipe: TableRecipe, metric: str) -> str:
    at = f" where {100 * recipe.fpr:g} % of real validation pictures pass" if recipe.fpr else ""
    return f"{recipe.name}, {words(metric)} in percent{at}"


def _percent(share: float | None) -> str:
    return NOTHING if share is None or math.isnan(share) else f"{100 * share:.2f}"


def _cell(estimate: Estimate | None) -> str:
    if estimate is None:
        return NOTHING
    around = estimate.interval()
    return f"{100 * estimate.value:.2f} [{100 * around.low:.2f}, {100 * around.high:.2f}]"


def plain(value: float) -> str:
    """A difference in a number's own unit, with its sign."""
    return f"{value:+.3g}".replace("-", "\N{MINUS SIGN}")


def _points(number: float) -> str:
    return f"{number:+.2f}".replace("-", "\N{MINUS SIGN}")
