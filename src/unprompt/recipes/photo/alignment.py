"""Do generated photographs align more with their captions than real ones, or less? By generator, with intervals.

TIDY (figure 1b) and ITEM (abstract) find generated pictures farther from their captions than real ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from unprompt.evaluation.bootstrap import percentile
from unprompt.evidence.alignment import AlignmentEvidence, direction, item, tidy
from unprompt.recipes.photo.figures import LEAST, LEVEL, REPEATS
from unprompt.recipes.photo.scoring import Floats
from unprompt.recipes.photo.sources import Photograph

ALL: Final = "all"
"""The row of all generated pictures, each generator weighing alike."""


def alignment(rows: Sequence[Photograph], evidence: Sequence[AlignmentEvidence]) -> dict[str, Any]:
    """Per measure the mean of real pictures, and per generator its mean less theirs, with an interval at 95 %."""
    image, text = np.stack([one.image for one in evidence]), np.stack([one.text for one in evidence])
    measures = {
        "cosine": (direction(image) * direction(text)).sum(axis=1),
        "tidy": np.linalg.norm(tidy(image, text), axis=1),
        "item": np.linalg.norm(item(image, text), axis=1),
    }
    sources, real = np.array([one.source for one in rows]), np.array([one.label == 0 for one in rows])
    names = [name for name in sorted(set(sources[~real])) if (sources == name).sum() >= LEAST]
    groups = {name: sources == name for name in names}
    return {name: _table(values.astype(np.float64), real, groups) for name, values in measures.items()}


def _table(values: Floats, real: Any, groups: Mapping[str, Any]) -> dict[str, Any]:
    """Means of real pictures and of each generator, drawn again and again."""
    rng = np.random.default_rng(0)
    base, drawn = values[real], np.array([rng.choice(values[real], real.sum()).mean() for _ in range(REPEATS)])
    rows, means, all_drawn = {}, [], []
    for name, members in groups.items():
        own = values[members]
        again = np.array([rng.choice(own, len(own)).mean() for _ in range(REPEATS)]) - drawn
        means.append(own.mean() - base.mean())
        all_drawn.append(again)
        rows[name] = {"n": len(own), **_around(means[-1], again)}
    if means:
        rows[ALL] = {"n": len(means), **_around(float(np.mean(means)), np.mean(all_drawn, axis=0))}
    return {"real": float(base.mean()), "deviation": float(base.std()), "more": rows}


def _around(value: float, draws: Floats) -> dict[str, float]:
    interval = percentile(float(value), draws, LEVEL)
    return {"value": interval.estimate, "low": interval.low, "high": interval.high}
