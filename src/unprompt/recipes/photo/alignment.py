"""Do generated photographs align more with their captions than real ones, or less? By generator, with intervals.

TIDY (figure 1b) and ITEM (abstract) find generated pictures farther from their captions than real ones. What a picture
shows moves the alignment far more than who made it, so each generator is held against real pictures of its own content,
every collection of them weighing alike.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from unprompt.analysis.alignment import cosines
from unprompt.evaluation.bootstrap import percentile
from unprompt.evidence.alignment import AlignmentEvidence, item, tidy
from unprompt.recipes.photo.figures import LEAST, LEVEL, REPEATS
from unprompt.recipes.photo.scoring import Floats
from unprompt.recipes.photo.sources import Photograph

ALL: Final = "all"
"""The row of all generated pictures, each generator weighing alike."""
PAIRS: Final = {"midjourney-shoes": ("shoes",)}
"""Generator -> the collections that show the same things through the same pipeline."""


def alignment(rows: Sequence[Photograph], evidence: Sequence[AlignmentEvidence]) -> dict[str, Any]:
    """Per measure each generator's mean less that of real pictures of its content, with an interval at 95 %.

    ``collections`` are the means of the real ones; ``deviation`` is over all real pictures.
    """
    image, text = np.stack([one.image for one in evidence]), np.stack([one.text for one in evidence])
    measures = {
        "cosine": cosines(image, text),
        "tidy": np.linalg.norm(tidy(image, text), axis=1),
        "item": np.linalg.norm(item(image, text), axis=1),
    }
    against = counterparts(rows)
    return {name: _table(values.astype(np.float64), rows, against) for name, values in measures.items()}


def counterparts(rows: Sequence[Photograph]) -> dict[str, tuple[str, ...]]:
    """Generator of LEAST pictures or more -> collections of as many that show its commonest content, or else all."""
    counts = Counter((one.label, one.source) for one in rows)
    contents: dict[str, Counter[str]] = {}
    for one in rows:
        contents.setdefault(one.source, Counter())[one.sample.content or ""] += 1
    common = {name: several.most_common(1)[0][0] for name, several in contents.items()}
    real = [name for (label, name), count in sorted(counts.items()) if label == 0 and count >= LEAST]
    found = {}
    for name in sorted(name for (label, name), count in counts.items() if label == 1 and count >= LEAST):
        alike = tuple(one for one in real if common[one] == common[name])
        paired = tuple(one for one in PAIRS.get(name, ()) if one in real)
        found[name] = paired or alike or tuple(real)
    return found


def _table(values: Floats, rows: Sequence[Photograph], against: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    """Means of the real collections, and of each generator, drawn again and again."""
    rng = np.random.default_rng(0)
    sources = np.array([one.source for one in rows])
    real = np.array([one.label == 0 for one in rows])

    def drawn(name: str) -> tuple[float, Floats]:
        own = values[(sources == name) & (real != (name in against))]
        return float(own.mean()), np.array([rng.choice(own, len(own)).mean() for _ in range(REPEATS)])

    collections = {name: drawn(name) for name in sorted({one for several in against.values() for one in several})}
    more, means, draws = {}, [], []
    for name, several in against.items():
        own, again = drawn(name)
        means.append(own - float(np.mean([collections[one][0] for one in several])))
        draws.append(again - np.mean([collections[one][1] for one in several], axis=0))
        more[name] = {"n": int((sources == name).sum()), **_around(means[-1], draws[-1])}
    if means:
        more[ALL] = {"n": len(means), **_around(float(np.mean(means)), np.mean(draws, axis=0))}
    return {
        "collections": {name: mean for name, (mean, _) in collections.items()},
        "deviation": float(values[real].std()),
        "more": more,
    }


def _around(value: float, draws: Floats) -> dict[str, float]:
    interval = percentile(float(value), draws, LEVEL)
    return {"value": interval.estimate, "low": interval.low, "high": interval.high}
