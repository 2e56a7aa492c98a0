"""A paper's table as data: what is trained, on what it is tested, the numbers that were printed, and the claim."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import field, replace
from typing import Annotated, Any, Final, Self, TypeAlias, TypeVar

from pydantic import AfterValidator, Field, ValidationError
from pydantic.dataclasses import dataclass

from unprompt.detectors import EVERY
from unprompt.errors import DataError
from unprompt.evaluation.pictures import MACRO
from unprompt.evaluation.rates import NAMES
from unprompt.perturbations import Chain
from unprompt.validation import CONFIG, Misfit, Number, Share, Size

T = TypeVar("T")
Several: TypeAlias = Annotated[tuple[T, ...], Field(min_length=1, description="one or more")]


def _sound(text: str) -> str:
    """A perturbation that there is; OptionError, which is a ValueError, for another."""
    Chain.parse(text)
    return text


Perturbations: TypeAlias = tuple[Annotated[str, AfterValidator(_sound)], ...]
"""Each ``name:value,...``, as ``unprompt extract --perturb`` takes it."""
EVERY_COLUMN: Final = "every column"
"""In place of generators to learn from: those of the columns that have pictures in the train split."""


@dataclass(frozen=True, config=CONFIG)
class Column:
    """One test set of a table."""

    heading: str
    """As the paper prints it."""
    generator: str
    """As the loader names it."""
    real: str = ""
    """Collection of the real pictures, where a shared one serves several generators; empty = the generator's own."""


@dataclass(frozen=True, config=CONFIG)
class TrainingSet:
    """What a head is trained on."""

    generators: Several[str]
    """Those whose pictures are learned from."""
    stand_in: tuple[str, ...] = ()
    """What takes their place where the data has none of the paper's generators."""
    pictures: Size = 0
    """Of each generator, and as many real ones in all; 0 = all."""


@dataclass(frozen=True, config=CONFIG)
class RecipeRow:
    """One line of a table: a method as it is varied there, and what the paper printed of it."""

    name: str
    method: str = ""
    """Empty = a method that this package lacks, whose printed numbers stand alone, or a stack."""
    stack: tuple[str, ...] = ()
    """Rows whose heads are fused as a panel fuses its members: logistic stacking, fitted on validation pictures."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Of the method, as ``train --set`` takes them."""
    instruments: Mapping[str, Any] = field(default_factory=dict)
    """ROLE.PARAMETER -> value, exchanged in the suite."""
    models: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """ROLE -> a model in place of the suite's, as a suite's file states it; for suites of models from the hub."""
    train: TrainingSet | None = None
    """Where it is not the table's."""
    pictures: Size | None = None
    """Of each generator to learn from, in place of the number there."""
    leave_out: bool = False
    """Each column is asked of a head of its own, or of a stack of such, that has not learned from its generator."""
    paper: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """Metric -> percent for each column and then their average, or the average alone; NaN = nothing was printed.
    Of a figure: number of its table -> what was printed, for each column, in the number's own unit."""

    def __post_init__(self) -> None:
        if self.stack and (self.method or len(self.stack) < 2):
            raise ValueError(f"{self.name}: stack is {list(self.stack)!r}, expected two rows or more, and no method")
        if self.method and self.method not in EVERY:
            raise ValueError(f"{self.name}: no method {self.method!r} among {', '.join(EVERY)}")


@dataclass(frozen=True, config=CONFIG)
class Term:
    """One number of a claim."""

    row: str
    generator: str = MACRO
    """A generator or candidate; ``macro`` = their mean, ``unseen`` = the mean of those not learned from."""
    perturbation: str = ""
    """One of the table's, or ``mean`` = the mean of all of them."""


@dataclass(frozen=True, config=CONFIG)
class Claim:
    """What a table is to show. The rule: the sum of ``plus`` minus the sum of ``minus`` lies above ``above``."""

    says: str
    """In one sentence."""
    metric: str
    plus: Several[Term]
    minus: tuple[Term, ...] = ()
    above: Number = 0.0
    """Percentage points; below 0 = "no worse by more than"."""


@dataclass(frozen=True, config=CONFIG)
class Recipe:
    """What a table and a figure have in common."""

    name: Annotated[str, Field(exclude=True)]
    """PAPER/TABLE; no field of the file."""
    title: str
    loader: str
    """Dataset whose loader reads a root that is named without one."""
    columns: Several[Column]
    """Test sets."""
    rows: Several[RecipeRow]

    @classmethod
    def from_dict(cls, name: str, table: Mapping[str, Any]) -> Self:
        """From a recipe file's content; :class:`DataError` that names what is missing, unknown or of a wrong length."""
        try:
            return cls(name, **table)
        except ValidationError as error:
            wrong = Misfit.of(error, cls)
            raise DataError(f"recipe {name}: {wrong.message(' '.join(wrong.place))}", got=wrong.got) from error


@dataclass(frozen=True, config=CONFIG)
class TableRecipe(Recipe):
    """All that a run needs to know of a table, beside the suite and the pictures."""

    metrics: Several[str]
    """What is printed, each as a table of its own: fields of :class:`~unprompt.evaluation.Rates`."""
    train: TrainingSet
    claims: Several[Claim]
    perturbations: Perturbations = ()
    """Columns of the table in place of the test sets, of which each then holds the mean."""
    fpr: Share = 0.0
    """Above 0, accuracies are measured at the threshold that this share of a head's real validation pictures may pass,
    as a verdict is given, and not at 0.5."""
    axis: str = ""
    """Of the curves that are drawn beside a table whose rows are named "LINE, LEVEL": what a level counts."""
    candidates: tuple[Column, ...] = ()
    """Of a table of attribution: the generators that each head tells from all others, and its columns."""
    open_set: bool = False
    """A table of attribution asks whether a picture is by one of the candidates at all: the highest of their heads'
    probabilities, their pictures against those by all others."""

    def __post_init__(self) -> None:
        for metric in (*self.metrics, *(claim.metric for claim in self.claims)):
            if metric not in NAMES:
                raise ValueError(f"metric {metric!r}; expected one of {NAMES}")
        if self.fpr == 1 or (self.fpr and self.candidates):
            raise ValueError(f"fpr is {self.fpr:g}, expected a share below 1, and none in a table with candidates")
        if self.fpr and not any("accuracy" in metric for metric in self.metrics):
            raise ValueError(f"fpr is {self.fpr:g}, expected an accuracy among the metrics {', '.join(self.metrics)}")
        if self.open_set and not self.candidates:
            raise ValueError("open_set is true, expected so in a table with candidates alone")
        self._check_rows()
        self._check_claims()

    def _check_rows(self) -> None:
        sizes = {1, len(self.perturbations)} if self.perturbations else {1, len(self.printed_columns) + 1}
        heads = [row.name for row in self.rows if row.method and not row.leave_out]
        names = [row.name for row in self.rows]
        if twice := next((name for name in names if names.count(name) > 1), ""):
            raise ValueError(f"two rows are named {twice!r}, expected each name once")
        for row in self.rows:
            if self.axis and ", " not in row.name:
                raise ValueError(f"a row is named {row.name!r}, where a table with an axis has LINE, LEVEL")
            if (row.stack or row.leave_out) and self.candidates:
                raise ValueError(f"{row.name} has stack or leave_out, expected a table without candidates")
            if not set(row.stack) <= set(heads):
                raise ValueError(f"{row.name}: stack is {list(row.stack)!r}, expected some of {', '.join(heads)}")
            for metric, numbers in row.paper.items():
                if metric not in self.metrics:
                    raise ValueError(f"{row.name}: metric {metric!r}; expected one of {', '.join(self.metrics)}")
                if len(numbers) not in sizes:
                    expected = " or ".join(map(str, sorted(sizes)))
                    raise ValueError(f"{row.name}: {metric} has {len(numbers)} numbers; expected {expected}")

    def _check_claims(self) -> None:
        names = [row.name for row in self.rows]
        for number, claim in enumerate(self.claims):
            for term in (*claim.plus, *claim.minus):
                if term.row not in names:
                    raise ValueError(f"claims {number}: no row {term.row!r} among {', '.join(names)}")
                if term.perturbation not in ("", *(["mean", *self.perturbations] if self.perturbations else [])):
                    raise ValueError(f"claims {number}: no perturbation {term.perturbation!r} in this table")

    def training(self, row: RecipeRow) -> TrainingSet:
        """What a row learns from."""
        own = row.train or self.train
        return own if row.pictures is None else replace(own, pictures=row.pictures)

    @property
    def trainings(self) -> tuple[TrainingSet, ...]:
        """The table's, then those of rows that have their own."""
        return tuple(dict.fromkeys([self.train, *map(self.training, self.rows)]))

    @property
    def printed_columns(self) -> tuple[Column, ...]:
        """Test sets, or candidates where the table is one of attribution."""
        return self.candidates or self.columns

    def paper(self, row: RecipeRow, whole: bool) -> dict[tuple[str, str, str], float]:
        """A row's printed numbers as shares, by (perturbation, generator, metric); with averages if ``whole``."""
        found: dict[tuple[str, str, str], float] = {}
        for metric, numbers in row.paper.items():
            average = [("", MACRO)]
            if len(numbers) == 1:
                cells = average
            elif self.perturbations:
                cells = [(chain, MACRO) for chain in self.perturbations]
            else:
                cells = [("", column.generator) for column in self.printed_columns] + average
            for (chain, generator), value in zip(cells, numbers, strict=True):
                if not math.isnan(value) and (whole or generator != MACRO):
                    found[chain, generator, metric] = value / 100
        return found
