"""What an attributor is: evidence -> one logit a candidate, each candidate against all others.

Its networks answer N x K logits, higher = more likely made by that candidate; each column has a calibration of
its own, so that the columns can be compared.
"""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Self, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import Field
from torch import nn

from unprompt.detectors.base import E, Floats, Model
from unprompt.detectors.calibration import Calibration
from unprompt.detectors.checkpoint import Header
from unprompt.detectors.decide import answers
from unprompt.detectors.options import TrainedOptions
from unprompt.errors import CheckpointError, DataError, OptionError, SuiteError
from unprompt.generators import canonical_name
from unprompt.validation import Flag, checked

if TYPE_CHECKING:
    from unprompt.instruments import Manifest, Suite


@checked()
class AttributorOptions(TrainedOptions):
    """Options of an attributor: its candidates, and what they are told apart from."""

    generators: Annotated[tuple[str, ...], Field(min_length=1, description="a list of one name or more")] = (
        "diffusion",
    )
    """The candidates, by their names in the suite."""
    reals: Flag = True
    """Learn real pictures as "none of these" too; False = from generated pictures alone, as in the paper."""

    def __post_init__(self) -> None:
        if len(set(self.generators)) < len(self.generators):
            raise OptionError(f"generators is {', '.join(self.generators)}, expected each name once")


A = TypeVar("A", bound=AttributorOptions)


class Attributor(Model[E, A]):
    """A method that tells generators apart."""

    def __init__(self, suite: Suite, options: A | None = None, seed: int = 0) -> None:
        super().__init__(suite, options, seed)
        self.calibrations: dict[str, Calibration] = {}

    @property
    def candidates(self) -> tuple[str, ...]:
        """The generators that it has a head for, in the order of the logits."""
        return self.options.generators

    def probabilities(self, logits: npt.ArrayLike) -> Floats:
        """N x K calibrated probabilities of N x K logits; :class:`CheckpointError` before a calibration."""
        if lacking := [name for name in self.candidates if name not in self.calibrations]:
            raise CheckpointError(
                f"{self.method} has no calibration of {', '.join(lacking)}: train it with validation evidence"
            )
        columns = np.asarray(logits, np.float64).reshape(-1, len(self.candidates)).T
        pairs = zip(self.candidates, columns, strict=True)
        return np.stack([self.calibrations[name].probability(column) for name, column in pairs], axis=1)

    def attribute(self, evidence: Sequence[E]) -> list[str]:
        """The candidate with the highest calibrated head, or :data:`~unprompt.types.NONE_OF_THESE`."""
        return answers(self.candidates, self.probabilities(self.logits(evidence)))

    def candidate_of(self, generator: str) -> str:
        """The candidate that a generator is, by its name in the suite or by any of the field's; else ``generator``."""
        if generator in self.candidates:
            return generator
        meant = canonical_name(generator)
        named = self.suite.manifest.canonical_name
        return next((one for one in self.candidates if named(one, self.method) == meant), generator)

    def subset(self, generators: Sequence[str]) -> Self:
        """The same with some of its candidates alone: the others draw nothing."""
        generators = list(dict.fromkeys(map(self.candidate_of, generators)))
        for name in generators:
            if name not in self.candidates:
                raise OptionError(
                    f"--generators names {name!r}, {self.path or self.method} has heads for "
                    f"{', '.join(self.candidates)}: choose among those, or train one with this candidate in its suite"
                )
        chosen = copy.copy(self)
        chosen.options = replace(self.options, generators=tuple(generators))
        chosen.extractor = chosen._extractor()
        chosen.network = self._network_of([self.candidates.index(name) for name in generators])
        chosen.calibrations = {name: one for name, one in self.calibrations.items() if name in generators}
        return chosen

    def instruments(self) -> dict[str, str]:
        """Role -> digest of what the answer depends on, every candidate included."""
        places = ["diffusion" if name == "diffusion" else f"generators.{name}" for name in self.candidates]
        return {**super().instruments(), **{place: self.suite.card(place).digest for place in places}}

    @abstractmethod
    def _network_of(self, heads: Sequence[int]) -> nn.Module:
        """The network with some of its heads, sharing all weights."""

    def _header(self) -> Header:
        calibration: dict[str, Any] = {name: one.to_dict() for name, one in self.calibrations.items()}
        return replace(super()._header(), calibration=calibration or None)

    def _restore(self, header: Header) -> None:
        self.calibrations = {name: Calibration.from_dict(one) for name, one in (header.calibration or {}).items()}


def targets(
    candidates: Sequence[str], makers: Sequence[str | None], place: str = "the evidence"
) -> npt.NDArray[np.float32]:
    """N x K: 1 where the candidate made the picture; the maker of a real one is None.

    :class:`DataError` for a candidate without a picture of its own, or without one of anything else.
    """
    made = np.array([[maker == name for name in candidates] for maker in makers], np.bool_).reshape(-1, len(candidates))
    for name, column in zip(candidates, made.T, strict=True):
        if column.all() or not column.any():
            raise DataError(
                f"{place} has {int(column.sum())} pictures by the candidate {name!r} and {int((~column).sum())} "
                "others, expected some of each: name each picture's generator by its folder or a manifest"
            )
    return made.astype(np.float32)


def candidates_of(manifest: Manifest, method: str) -> tuple[str, ...]:
    """The candidates of a suite's file; :class:`SuiteError` when it has none."""
    candidates = manifest.candidates_of(method)
    if not candidates:
        raise SuiteError(
            f"suite {manifest.name!r} has no candidate generators: give it a diffusion, or set candidate = true in one "
            f"of its [generators] in {manifest.file}"
        )
    return candidates
