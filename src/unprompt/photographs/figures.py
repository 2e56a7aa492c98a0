"""What the card tells, from every picture's probability by nets, weights and thresholds that never saw its source."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from unprompt.evaluation import ece, roc_auc, tpr_at_fpr, wilson
from unprompt.photographs.fusing import Flags, Judged
from unprompt.photographs.judging import Floats
from unprompt.photographs.sources import Photograph

LEAST: Final = 15
"""Pictures of a generator that are enough for a figure of its own."""
RATE: Final = 0.03
"""False-positive rate at which the true-positive rate is told."""
REPEATS: Final = 1000
LEVEL: Final = 0.95

Figure = Callable[[Floats, Floats], float]
"""Real and generated scores -> one number."""


def auc(real: Floats, generated: Floats) -> float:
    """Area under the ROC curve."""
    return roc_auc(*_both(real, generated))


def hits(real: Floats, generated: Floats) -> float:
    """True-positive rate where 3 % of these very real pictures lie above: a point of the curve, not a promise."""
    return tpr_at_fpr(*_both(real, generated), RATE)


def condition(rows: Sequence[Photograph], judged: Judged, seed: int = 0) -> dict[str, Any]:
    """One condition: by generator, macro and pooled, with intervals; false alarms by collection and by content."""
    told, real = judged.probabilities, np.array([one.label == 0 for one in rows])
    sources = np.array([one.source for one in rows])
    groups = {name: told[sources == name] for name in sorted(set(sources[~real]))}
    shown = {name: scores for name, scores in groups.items() if len(scores) >= LEAST}
    curves = {name: figure for name, figure in (("auc", auc), ("tpr_at_3", hits))}
    return {
        "generators": {
            name: {
                "n": len(scores),
                **{key: _interval(figure, told[real], {name: scores}, seed) for key, figure in curves.items()},
                "accused": _share(judged.accused[sources == name]),
            }
            for name, scores in shown.items()
        },
        "macro": {key: _interval(figure, told[real], shown, seed) for key, figure in curves.items()},
        "pooled": {
            "n": int((~real).sum()),
            **{key: _interval(figure, told[real], {"": told[~real]}, seed) for key, figure in curves.items()},
            "ece": ece((~real).astype(int), told, prior=0.5),
            "accused": _share(judged.accused[~real]),
            "cleared": _share(judged.cleared[~real]),
        },
        "real": {
            **_alarms(judged, real),
            "collections": {name: _alarms(judged, real & (sources == name)) for name in sorted(set(sources[real]))},
            "contents": {
                name: _alarms(judged, real & (np.array([kind(one) for one in rows]) == name))
                for name in sorted({kind(one) for one in rows if one.label == 0})
            },
        },
    }


def kind(one: Photograph) -> str:
    """What a real picture shows, as far as the card tells kinds apart."""
    if one.source in PRODUCTS:
        return "product"
    return one.sample.content or "photo"


PRODUCTS: Final = ("clothing", "grocery", "shoes")
"""Collections of goods for sale."""


def _alarms(judged: Judged, members: Flags) -> dict[str, Any]:
    return {
        "n": int(members.sum()),
        "accused": _share(judged.accused[members]),
        "cleared": _share(judged.cleared[members]),
    }


def _share(flags: Flags) -> dict[str, float]:
    found = wilson(float(flags.mean()), len(flags), LEVEL)
    return {"count": int(flags.sum()), "value": found.estimate, "low": found.low, "high": found.high}


def _interval(figure: Figure, real: Floats, groups: Mapping[str, Floats], seed: int) -> dict[str, float]:
    """The mean of the groups' figures against the same real pictures, and where it lies when all are drawn again."""
    chance = np.random.default_rng(seed)
    drawn = []
    for _ in range(REPEATS):
        others = chance.choice(real, len(real))
        drawn.append(np.mean([figure(others, chance.choice(scores, len(scores))) for scores in groups.values()]))
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    value = float(np.mean([figure(real, scores) for scores in groups.values()]))
    return {"value": value, "low": float(low), "high": float(high)}


def _both(real: Floats, generated: Floats) -> tuple[Floats, Floats]:
    return np.repeat([0, 1], [len(real), len(generated)]), np.concatenate([real, generated])
