"""A predictor's inputs shared among the workers of an engine; the rows are those of one process. Loads no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, TypeAlias

from unprompt.engines import Engine
from unprompt.report.report_item import ReportItem, Row
from unprompt.workflows.prediction.inputs import Input

if TYPE_CHECKING:
    from unprompt.workflows.prediction.predictor import RowPredictor

Chunk: TypeAlias = tuple[int, list[Input]]
"""Its place among all, and its inputs."""


@dataclass(frozen=True)
class Judging(Generic[Row]):
    """The unit of work of every engine: a chunk of inputs -> an item each, by a predictor that travels unloaded."""

    predictor: RowPredictor[Row]
    explain: bool

    def open(self, device: str) -> Callable[[Chunk], tuple[int, list[tuple[str, ReportItem[Row]]]]]:
        predictor = self.predictor.on(device)

        def judge(chunk: Chunk) -> tuple[int, list[tuple[str, ReportItem[Row]]]]:
            place, inputs = chunk
            items = predictor.items(inputs, self.explain)
            return place, [(predictor.name_of(item.row), item) for item in items]

        return judge


def spread(
    predictor: RowPredictor[Row], engine: Engine, inputs: Iterable[Input], size: int, explain: bool
) -> Iterator[ReportItem[Row]]:
    """An item an input, in order, ``size`` inputs a task; of equal pictures the later ones are told as copies."""
    first: dict[str, str] = {}
    answers = engine.run(Judging(predictor, explain), _chunks(inputs, size))
    for name, item in _in_order(answers):
        uri = first.setdefault(name, item.row.uri) if name else item.row.uri
        yield item if uri == item.row.uri else predictor.repeated(item, uri)


def _chunks(inputs: Iterable[Input], size: int) -> Iterator[Chunk]:
    waiting, place = iter(inputs), 0
    while taken := list(islice(waiting, size)):
        yield place, taken
        place += 1


def _in_order(answers: Iterable[tuple[int, Sequence[Any]]]) -> Iterator[Any]:
    """What the chunks hold, in their order; those that came too soon wait."""
    early: dict[int, Sequence[Any]] = {}
    place = 0
    for number, items in answers:
        early[number] = items
        while place in early:
            yield from early.pop(place)
            place += 1
