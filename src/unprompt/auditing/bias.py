"""How well format, size and JPEG quality alone predict the class, without any pixel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from unprompt.auditing.facts import FileFacts, Item
from unprompt.datasets import members_by_generator
from unprompt.detectors.logistic import logistic
from unprompt.detectors.options import ClosedFormOptions
from unprompt.evaluation import bootstrap, roc_auc
from unprompt.types import GENERATED, REAL

LIMIT: Final = 0.6
"""AUC above which the data are called biased."""
FOLDS: Final = 5
RARE: Final = 3
"""A value that fewer training pictures have counts as rare, and all rare values as one."""
REPEATS: Final = 200

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Bias:
    """AUC of two metadata-only classifiers on pictures that they were not fitted to; chance is 0.5."""

    linear: float
    """Logistic regression, the detector ``trivial-metadata``: trends of size and quality, and the format."""
    exact: float
    """Naive Bayes on exact values: 512 x 512 is suspicious and 500 x 375 is not."""
    stronger: Literal["linear", "exact"]
    low: float
    """Lower end of the stronger one's 95 % bootstrap interval."""
    high: float
    generators: dict[str, float]
    """The stronger one's AUC for each generator against the real pictures that belong to it."""

    @property
    def auc(self) -> float:
        """That of the stronger classifier."""
        return max(self.linear, self.exact)


def metadata_bias(items: Sequence[Item]) -> Bias | None:
    """Both classifiers, cross-validated in at most five folds; None with fewer than two distinct pictures of a class.

    A picture that lies in both classes tells nothing of either, and is left out with all its copies.
    """
    known = _labelled(items)
    labels = np.array([item.label == GENERATED for item, _ in known], np.bool_)
    distinct = [len({facts.pixels for item, facts in known if item.label == label}) for label in (REAL, GENERATED)]
    folds = min(FOLDS, *distinct)  # copies are in one fold, so that no fold takes a whole class
    if folds < 2:
        return None
    read = [facts for _, facts in known]
    fold = _folds(read, labels, folds)
    features = np.stack([one.features for one in read]).astype(np.float64)
    linear, exact = np.zeros(len(read)), np.zeros(len(read))
    for number in range(folds):
        held, fitted = fold == number, fold != number
        weights, bias = logistic(features[fitted], labels[fitted], ClosedFormOptions().l2)
        linear[held] = features[held] @ weights + bias
        exact[held] = _by_values(read, labels, fitted, held)
    scores, stronger = (linear, "linear") if roc_auc(labels, linear) >= roc_auc(labels, exact) else (exact, "exact")
    around = bootstrap(roc_auc, labels, scores, repeats=REPEATS)
    return Bias(
        roc_auc(labels, linear),
        roc_auc(labels, exact),
        "linear" if stronger == "linear" else "exact",
        around.low,
        around.high,
        {
            name: roc_auc(labels[members], scores[members])
            for name, members in members_by_generator(labels, [item.sample.generator for item, _ in known]).items()
        },
    )


def _labelled(items: Iterable[Item]) -> list[tuple[Item, FileFacts]]:
    """The readable pictures of one known class."""
    known = [(item, item.facts) for item in items if item.facts is not None and item.label is not None]
    real, made = ({facts.pixels for item, facts in known if item.label == label} for label in (REAL, GENERATED))
    both = real & made
    return [(item, facts) for item, facts in known if facts.pixels not in both]


def _folds(read: Sequence[FileFacts], labels: Flags, folds: int) -> npt.NDArray[np.int64]:
    """Fold of each picture: dealt out within each class in the order of the pixels' hashes, copies together."""
    fold = np.zeros(len(read), np.int64)
    for wanted in (False, True):
        members = np.flatnonzero(labels == wanted)
        _, rank = np.unique(np.array([read[i].pixels for i in members.tolist()]), return_inverse=True)
        fold[members] = rank % folds
    return fold


def _by_values(read: Sequence[FileFacts], labels: Flags, fitted: Flags, held: Flags) -> Floats:
    """Sum over format, exact size and quality of log P(value | generated) / P(value | real), for the held pictures."""
    columns: list[list[Hashable]] = [
        [one.format for one in read],
        [(one.width, one.height) for one in read],
        [one.quality for one in read],
    ]
    score = np.zeros(int(held.sum()))
    for column in columns:
        seen = [[column[i] for i in np.flatnonzero(fitted & (labels == wanted))] for wanted in (False, True)]
        common = {value for value, count in (Counter(seen[0]) + Counter(seen[1])).items() if count >= RARE}
        real, made = (Counter(value if value in common else None for value in values) for values in seen)
        # Half a picture is added to each value and class (Krichevsky-Trofimov), so that none is impossible.
        added = (len(common) + 1) / 2
        base = np.log((len(seen[0]) + added) / (len(seen[1]) + added))
        keys = [column[i] if column[i] in common else None for i in np.flatnonzero(held)]
        score += [base + np.log((made[key] + 0.5) / (real[key] + 0.5)) for key in keys]
    return score
