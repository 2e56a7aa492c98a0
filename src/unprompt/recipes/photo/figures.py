"""What the card tells, from every picture's probability by nets, weights and thresholds that never saw its source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from unprompt.evaluation import ece, wilson
from unprompt.recipes.photo.fusion import Flags, Judged
from unprompt.recipes.photo.scoring import Floats
from unprompt.recipes.photo.sources import Photograph

LEAST: Final = 15
"""Pictures of a generator that are enough for a figure of its own."""
RATE: Final = 0.03
"""False-positive rate at which the true-positive rate is told."""
REPEATS: Final = 1000
LEVEL: Final = 0.95
MACRO: Final = "macro"

CURVES: Final = ("auc", "tpr_at_3")


def curve(real: Floats, generated: Floats) -> Floats:
    """Area under the ROC curve, and the true-positive rate where 3 % of these very real pictures lie above.

    The second is a point of the curve, not a promise.
    """
    ordered = np.sort(real)
    below = np.searchsorted(ordered, generated, "left") + np.searchsorted(ordered, generated, "right")
    bound = ordered[len(real) - 1 - int(RATE * len(real))]
    return np.array([below.mean() / (2 * len(real)), (generated > bound).mean()])


def condition(rows: Sequence[Photograph], judged: Judged, seed: int = 0) -> dict[str, Any]:
    """One condition: by generator, macro and pooled, with intervals; false alarms by collection and by content."""
    told, real = judged.probabilities, np.array([one.label == 0 for one in rows])
    sources = np.array([one.source for one in rows])
    groups = {name: told[sources == name] for name in sorted(set(sources[~real]))}
    shown = {name: scores for name, scores in groups.items() if len(scores) >= LEAST}
    around = intervals(told[real], shown, seed)
    return {
        "generators": {
            name: {"n": len(scores), **around[name], "accused": share(judged.accused[sources == name])}
            for name, scores in shown.items()
        },
        "macro": around[MACRO],
        "pooled": {
            "n": int((~real).sum()),
            **intervals(told[real], {"": told[~real]}, seed)[MACRO],
            "ece": ece((~real).astype(int), told, prior=0.5),
            "accused": share(judged.accused[~real]),
            "cleared": share(judged.cleared[~real]),
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
        "accused": share(judged.accused[members]),
        "cleared": share(judged.cleared[members]),
    }


def share(flags: Flags) -> dict[str, float]:
    """How many of the flags are up: count, share and Wilson's interval."""
    found = wilson(float(flags.mean()), len(flags), LEVEL)
    return {"count": int(flags.sum()), "value": found.estimate, "low": found.low, "high": found.high}


def intervals(real: Floats, groups: Mapping[str, Floats], seed: int) -> dict[str, dict[str, dict[str, float]]]:
    """Each group's figures against the same real pictures, and under MACRO their mean; all pictures drawn again."""
    rng = np.random.default_rng(seed)
    drawn = np.zeros((REPEATS, len(groups), len(CURVES)))
    for repeat in range(REPEATS):
        others = rng.choice(real, len(real))
        drawn[repeat] = [curve(others, rng.choice(scores, len(scores))) for scores in groups.values()]
    found = np.array([curve(real, scores) for scores in groups.values()])
    told = {name: _around(found[place], drawn[:, place]) for place, name in enumerate(groups)}
    return {**told, MACRO: _around(found.mean(axis=0), drawn.mean(axis=1))}


def _around(found: Floats, drawn: Floats) -> dict[str, dict[str, float]]:
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    rows = zip(CURVES, found.tolist(), low.tolist(), high.tolist(), strict=True)
    return {name: {"value": value, "low": least, "high": most} for name, value, least, most in rows}
