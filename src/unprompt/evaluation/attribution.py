"""How well an attributor tells generators apart: the confusion matrix and what can be read off it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from unprompt.detectors.decide import LEAST, answers
from unprompt.errors import DataError
from unprompt.evaluation import metrics
from unprompt.evaluation.arrays import Floats
from unprompt.types import NONE_OF_THESE, REAL_PICTURES

Kind: TypeAlias = Literal["candidate", "outsider", "real"]


@dataclass(frozen=True)
class AttributionRow:
    """One row of the confusion matrix: the pictures of one origin."""

    kind: Kind
    """An outsider is a generator that is no candidate; its right answer is none of these."""
    answers: Mapping[str, int]
    """Answer -> number of pictures, every candidate and none of these included."""
    accuracy: float
    """Share of its pictures that got the right answer."""
    n: int
    n_failed: int
    """Pictures that could not be read; they enter no figure."""


@dataclass(frozen=True)
class CandidateFigures:
    """One candidate against all the rest, its calibrated probability cut at 0.5."""

    accuracy: float
    """SemGIR's ACC: its pictures that are attributed to it and the others that are not, of all."""
    balanced_accuracy: float
    auc: float
    ap: float


@dataclass(frozen=True)
class AttributionTable:
    """What ``evaluate`` measures of an attributor."""

    candidates: tuple[str, ...]
    rows: Mapping[str, AttributionRow]
    """Origin -> row: the candidates, then the outsiders, then the real pictures."""
    heads: Mapping[str, CandidateFigures]
    accuracy: float
    """Share of all generated pictures with the right answer, outsiders included."""
    macro: float
    """Mean accuracy of the generators' rows."""
    outsiders: float | None
    """Share of the outsiders' pictures that are called none of these; None without an outsider."""

    @property
    def answers(self) -> tuple[str, ...]:
        """The columns of the confusion matrix."""
        return (*self.candidates, NONE_OF_THESE)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; rows under ``generators``, as in a detector's table."""
        stated = asdict(self) | {"candidates": list(self.candidates)}
        return {"generators": stated.pop("rows"), **stated}


def evaluate_attribution(
    candidates: Sequence[str],
    makers: Sequence[str | None],
    probabilities: Sequence[Sequence[float] | None] | Floats,
) -> AttributionTable:
    """From N makers (None = a real picture) and N x K calibrated probabilities (None = the picture failed).

    :class:`DataError` for unequal numbers, and for a candidate without a picture of its own or of others.
    """
    if len(makers) != len(probabilities):
        raise DataError(f"got {len(makers)} makers and {len(probabilities)} rows of probabilities: give one a picture")
    failed = Counter(maker for maker, row in zip(makers, probabilities, strict=True) if row is None)
    kept = [(maker, row) for maker, row in zip(makers, probabilities, strict=True) if row is not None]
    heads = np.asarray([row for _, row in kept], np.float64).reshape(len(kept), -1)
    truths = [maker for maker, _ in kept]
    found = answers(candidates, heads) if kept else []
    measured = {
        name: _head(name, [maker == name for maker in truths], heads[:, k]) for k, name in enumerate(candidates)
    }
    pairs = list(zip(truths, found, strict=True))
    rows = {name or REAL_PICTURES: _row(name, candidates, pairs, failed[name]) for name in _origins(candidates, makers)}
    generated = [row for row in rows.values() if row.kind != "real"]
    return AttributionTable(
        candidates=tuple(candidates),
        rows=rows,
        heads=measured,
        accuracy=_pooled(generated),
        macro=float(np.mean([row.accuracy for row in generated])),
        outsiders=_pooled(unseen) if (unseen := [row for row in generated if row.kind == "outsider"]) else None,
    )


def _origins(candidates: Sequence[str], makers: Sequence[str | None]) -> Iterator[str | None]:
    """The candidates in their order, the outsiders by name, the real pictures."""
    yield from candidates
    yield from sorted({name for name in makers if name is not None} - set(candidates))
    if None in makers:
        yield None


def _row(
    maker: str | None, candidates: Sequence[str], pairs: Sequence[tuple[str | None, str]], n_failed: int
) -> AttributionRow:
    counts = Counter(answer for truth, answer in pairs if truth == maker)
    if not counts:
        raise DataError(
            f"{maker or REAL_PICTURES}: no picture has an answer, {n_failed} failed; add some, or see why they failed"
        )
    kind: Kind = "real" if maker is None else "candidate" if maker in candidates else "outsider"
    right = counts[maker if maker is not None and kind == "candidate" else NONE_OF_THESE]
    shown = {answer: counts[answer] for answer in (*candidates, NONE_OF_THESE)}
    return AttributionRow(kind, shown, right / counts.total(), counts.total(), n_failed)


def _head(name: str, own: Sequence[bool], probabilities: Floats) -> CandidateFigures:
    if not 0 < sum(own) < len(own):
        raise DataError(
            f"got {sum(own)} pictures by the candidate {name!r} and {len(own) - sum(own)} others, expected some of "
            "each: add pictures, and name each one's generator by its folder or a manifest"
        )
    labels, cut = np.asarray(own, np.int64), np.nextafter(LEAST, 0)  # a probability of 0.5 is a yes
    return CandidateFigures(
        accuracy=metrics.accuracy(labels, probabilities, cut),
        balanced_accuracy=metrics.balanced_accuracy(labels, probabilities, cut),
        auc=metrics.roc_auc(labels, probabilities),
        ap=metrics.average_precision(labels, probabilities),
    )


def _pooled(rows: Sequence[AttributionRow]) -> float:
    return sum(row.accuracy * row.n for row in rows) / sum(row.n for row in rows)
