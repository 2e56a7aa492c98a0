"""The card's figures, from every picture's probability by nets, weights and thresholds that never saw its source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from unprompt.evaluation import ece, roc_auc, wilson
from unprompt.evaluation.bootstrap import percentile, resamples
from unprompt.evaluation.curve import Counts, Ranking
from unprompt.evaluation.pictures import MACRO
from unprompt.recipes.photo.fusion import FALSE_ALARMS, Flags, Judged
from unprompt.recipes.photo.scoring import Floats
from unprompt.recipes.photo.sources import Photograph

LEAST: Final = 15
"""Pictures of a generator that are enough for a figure of its own."""
RATE: Final = 0.03
"""False-positive rate at which the true-positive rate is given."""
REPEATS: Final = 1000
LEVEL: Final = 0.95

WEAK: Final = 0.75
"""Area under the ROC curve below which a verdict names the generator as one that the suite often misses."""

CURVES: Final = ("auc", "tpr_at_3")


def condition(rows: Sequence[Photograph], judged: Judged, seed: int = 0, repeats: int | None = None) -> dict[str, Any]:
    """One condition: by generator, macro and pooled, with intervals; false alarms by collection and by content."""
    scores, real = judged.probabilities, np.array([one.label == 0 for one in rows])
    sources = np.array([one.source for one in rows])
    groups = {name: scores[sources == name] for name in sorted(set(sources[~real]))}
    shown = {name: group for name, group in groups.items() if len(group) >= LEAST}
    around = intervals(scores[real], shown, seed, repeats)
    return {
        "generators": {
            name: {"n": len(group), **around[name], "accused": share(judged.flagged[sources == name])}
            for name, group in shown.items()
        },
        "macro": around[MACRO],
        "pooled": {
            "n": int((~real).sum()),
            **intervals(scores[real], {"": scores[~real]}, seed, repeats)[MACRO],
            "ece": ece((~real).astype(int), scores, prior=0.5),
            "accused": share(judged.flagged[~real]),
            "cleared": share(judged.passed[~real]),
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


def means(rows: Sequence[Photograph], scores: Floats) -> dict[str, float]:
    """The macro figures of :func:`condition`, without intervals."""
    sources, real = np.array([one.source for one in rows]), np.array([one.label == 0 for one in rows])
    groups = [scores[sources == name] for name in sorted(set(sources[~real]))]
    curves = []
    for own in groups:
        if len(own) >= LEAST:
            both = np.concatenate([scores[real], own])
            curve = Ranking.of(np.arange(len(both)) >= real.sum(), both).curve(np.ones(len(both), np.int64))
            curves.append((curve.auc(), curve.tpr_at_fpr(RATE)))
    return dict(zip(CURVES, np.mean(curves, axis=0).tolist(), strict=True))


def weak(rows: Sequence[Photograph], judged: Judged) -> dict[str, float]:
    """Generators, of LEAST pictures or more, whose area under the ROC curve is below WEAK: name -> area."""
    sources, real = np.array([one.source for one in rows]), np.array([one.label == 0 for one in rows])
    found: dict[str, float] = {}
    for name in sorted(set(sources[~real])):
        own = judged.probabilities[sources == name]
        truth = np.repeat([0, 1], [real.sum(), len(own)])
        area = roc_auc(truth, np.concatenate([judged.probabilities[real], own])) if len(own) >= LEAST else 1.0
        found |= {name: round(area, 3)} if area < WEAK else {}
    return found


def accused(rows: Sequence[Photograph], judged: Mapping[str, Judged]) -> dict[str, tuple[float, int]]:
    """Kinds of real pictures that are surely called generated more often than FALSE_ALARMS under a condition.

    Kind -> the highest share under any condition, and the number of pictures.
    """
    kinds = np.array([kind(one) if one.label == 0 else "" for one in rows])
    found = {}
    for name in sorted(set(kinds.tolist()) - {""}):
        worst = max((share(one.flagged[kinds == name]) for one in judged.values()), key=lambda one: one["value"])
        if worst["low"] > FALSE_ALARMS:
            found[name] = round(worst["value"], 3), int((kinds == name).sum())
    return found


def kind(one: Photograph) -> str:
    """What a real picture shows, by the kinds of the card."""
    if one.source in PRODUCTS:
        return "product"
    return one.sample.content or "photo"


PRODUCTS: Final = ("clothing", "grocery", "shoes")
"""Collections of goods for sale."""


def _alarms(judged: Judged, members: Flags) -> dict[str, Any]:
    return {
        "n": int(members.sum()),
        "accused": share(judged.flagged[members]),
        "cleared": share(judged.passed[members]),
    }


def share(flags: Flags) -> dict[str, float]:
    """How many of the flags are set: count, share and Wilson's interval."""
    interval = wilson(flags, LEVEL)
    return {"count": int(flags.sum()), "value": interval.estimate, "low": interval.low, "high": interval.high}


def intervals(
    real: Floats, groups: Mapping[str, Floats], seed: int, repeats: int | None = None
) -> dict[str, dict[str, dict[str, float]]]:
    """Each group's figures against the same real pictures, and under MACRO their mean; all pictures drawn again.

    ``repeats`` times, by default REPEATS.
    """
    scores, sizes = np.concatenate([real, *groups.values()]), [len(real), *map(len, groups.values())]
    strata = np.split(np.arange(len(scores)), np.cumsum(sizes)[:-1])
    members = [np.concatenate([strata[0], own]) for own in strata[1:]]
    rankings = [Ranking.of(own >= len(real), scores[own]) for own in members]

    def curves(counts: Counts) -> Floats:
        """Groups x figures: area under the ROC curve, and the TPR where 3 % of these very real pictures lie above."""
        curved = [ranking.curve(counts[own]) for ranking, own in zip(rankings, members, strict=True)]
        return np.array([(one.auc(), one.tpr_at_fpr(RATE)) for one in curved])

    estimates = curves(np.ones(len(scores), np.int64))
    draws = np.array([curves(counts) for counts in resamples(strata, repeats or REPEATS, seed)])
    rows = {name: _around(estimates[i], draws[:, i]) for i, name in enumerate(groups)}
    return {**rows, MACRO: _around(estimates.mean(axis=0), draws.mean(axis=1))}


def _around(estimates: Floats, draws: Floats) -> dict[str, dict[str, float]]:
    rows = {}
    for name, value, column in zip(CURVES, estimates.tolist(), draws.T, strict=True):
        interval = percentile(value, column, LEVEL)
        rows[name] = {"value": interval.estimate, "low": interval.low, "high": interval.high}
    return rows
