"""Attribution in ``train``, ``evaluate`` and ``attribute``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from unprompt.detectors.attributor import Attributor, targets
from unprompt.detectors.base import Model
from unprompt.errors import DataError, OptionError
from unprompt.evaluation import AttributionTable, evaluate_attribution, fit_platt
from unprompt.generators import matching_names
from unprompt.instruments import Manifest
from unprompt.store import Store
from unprompt.training.fit import Labels, Validation
from unprompt.types import GENERATED, Label, Split
from unprompt.workflows.data.labelled import failures, gathered, sample_rows

Learn: TypeAlias = Callable[[Model[Any, Any], Sequence[Any], Labels, Validation], None]
"""The training loop: what is fitted, evidence, labels, validation."""


def names_in(generators: Sequence[str] | str | None) -> list[str] | None:
    """The names of a list, or of a text with commas between them; OptionError for an empty one."""
    if generators is None:
        return None
    names = [name.strip() for name in (generators.split(",") if isinstance(generators, str) else generators)]
    if not names or not all(names):
        raise OptionError(f"--generators is {generators!r}, expected names with commas between them, as a,b,c")
    return list(dict.fromkeys(names))


def stored_names(
    folders: Sequence[Store], generators: Sequence[str] | str | None, manifest: Manifest, method: str
) -> list[str] | None:
    """As :func:`names_in`, under the names that the stored pictures bear; one that none of them bears stays."""
    names = names_in(generators)
    if names is None:
        return None
    there = sorted({row["generator"] for row in sample_rows(folders) if row["label"] == GENERATED and row["generator"]})

    def stored(name: str) -> list[str]:
        meant = manifest.canonical_name(name, method)
        return matching_names(name, there) or matching_names(meant, there) or [name]

    return list(dict.fromkeys(one for name in names for one in stored(name)))


def fit_attributor(
    attributor: Attributor[Any, Any], folders: Sequence[Store], generators: Sequence[str] | None, learn: Learn
) -> str:
    """Train each candidate's head against the rest and calibrate it on the validation split; returns the accuracy."""
    evidence, train_makers = attributable(attributor, folders, "train", generators)
    held_out, makers = attributable(attributor, folders, "validation", generators)
    labels = targets(attributor.candidates, train_makers, "the train split")
    truth = targets(attributor.candidates, makers, "the validation split")
    learn(attributor, evidence, labels, Validation(held_out, truth))
    logits = attributor.logits(held_out)
    attributor.calibrations = {
        name: fit_platt(truth[:, k], logits[:, k]) for k, name in enumerate(attributor.candidates)
    }
    table = evaluate_attribution(attributor.candidates, makers, attributor.probabilities(logits))
    attributor.figures = {"data": "validation", "n": len(held_out), **table.to_dict()}
    return f"accuracy {table.accuracy:.3f} on {len(held_out)} pictures"


def attributable(
    attributor: Attributor[Any, Any], folders: Sequence[Store], split: Split, generators: Sequence[str] | None
) -> tuple[Sequence[Any], list[str | None]]:
    """Evidence and makers of one split's pictures, without the real ones where the attributor learns from none."""
    pictures = gathered(folders, attributor, attributor.suite, split, generators)
    makers = _makers(attributor, pictures.labels, pictures.generators, split)
    kept = [i for i, maker in enumerate(makers) if maker is not None or attributor.options.reals]
    return pictures.subset(kept).evidence, [makers[i] for i in kept]


def makers_of(labels: Sequence[Label], generators: Sequence[str], split: Split) -> list[str | None]:
    """The generator of each picture, None for a real one; DataError for a generated one whose generator has no name."""
    nameless = sum(label == GENERATED and not name for label, name in zip(labels, generators, strict=True))
    if nameless:
        raise DataError(
            f"{nameless} generated pictures of the {split} split name no generator: put each generator's into a "
            "folder of its own, or name it in a manifest, and extract again"
        )
    return [name if label == GENERATED else None for label, name in zip(labels, generators, strict=True)]


def _makers(
    attributor: Attributor[Any, Any], labels: Sequence[Label], generators: Sequence[str], split: Split
) -> list[str | None]:
    """As :func:`makers_of`, a candidate's pictures under the candidate's name."""
    makers = makers_of(labels, generators, split)
    candidates = {name: attributor.candidate_of(name) for name in set(makers) if name is not None}
    return [None if name is None else candidates[name] for name in makers]


def measure(attributor: Attributor[Any, Any], folders: Sequence[Store], split: Split) -> AttributionTable:
    """The attributor's figures on one split; real pictures and unseen generators are none of its candidates."""
    pictures = gathered(folders, attributor, attributor.suite, split)
    probabilities = attributor.probabilities(attributor.logits(pictures.evidence)).tolist()
    labels, generators = failures(folders, split)
    makers = _makers(attributor, pictures.labels + labels, pictures.generators + generators, split)
    return evaluate_attribution(attributor.candidates, makers, [*probabilities, *[None] * len(labels)])
