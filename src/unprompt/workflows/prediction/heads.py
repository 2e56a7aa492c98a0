"""A suite's head of one method, from pictures to rows; importing this loads torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Generic

import numpy as np
import numpy.typing as npt

from unprompt.detectors import OF_FILES, checkpoint
from unprompt.detectors.base import Floats, Model
from unprompt.detectors.ood import OODDetector
from unprompt.evidence.base import Extractor
from unprompt.evidence.product_cache import ProductCache
from unprompt.evidence.traces import trace_vectors
from unprompt.images import is_toned
from unprompt.instruments import Suite
from unprompt.instruments.overrides import split_name
from unprompt.report.report_item import ReportItem, Row
from unprompt.types import Caption, Picture
from unprompt.workflows.prediction.predictor import NO_CAPTION, OUTSIDE

UNMEASURED: Final = "this head was fitted on evidence with {}, not with {}: what it promises was not measured here"
TONED: Final = "a grey or toned picture: this suite has learned nothing of such ones"


class Head(ABC, Generic[Row]):
    """A suite's head, which is loaded when it is first asked for, and the suite's out-of-distribution check."""

    def __init__(self, suite: Suite, path: Path) -> None:
        self.suite, self.path = suite, path

    @property
    @abstractmethod
    def model(self) -> Model[Any, Any]:
        """The loaded head."""

    @property
    def extractor(self) -> Extractor[Any]:
        """What makes its evidence."""
        return self.model.extractor

    @property
    def draws(self) -> int:
        """Of the noise, for each picture."""
        return 1

    @cached_property
    def of_files(self) -> bool:
        """Whether a score describes the file too, and not the pixels alone; from the header."""
        header = checkpoint.read_header(self.path)
        return not OF_FILES.isdisjoint({header.method, *(one["method"] for one in header.members)})

    @cached_property
    def unmeasured(self) -> tuple[str, ...]:
        """What every row warns of where the models run otherwise than when the head was fitted and calibrated."""
        manifest, model = self.suite.manifest, self.model
        if model.digest and manifest.fit_of(model.digest):
            return ()
        used = {*self.extractor.roles, *(one for product in self.extractor.products() for one in product.instruments)}
        names = {place.rpartition(".")[2] for place in used}
        fitted, present = (
            {name: value for name, value in manifest.exchanged(changed).items() if name.split(".")[-2] in names}
            for changed in (split_name(str(model.training.get("suite", "")))[1], manifest.changed)
        )
        return () if fitted == present else (UNMEASURED.format(_told(fitted), _told(present)),)

    @cached_property
    def ood(self) -> OODDetector | None:
        """None = the suite has no check, and every picture gets an answer."""
        return OODDetector.load(self.suite.world, self.suite) if self.suite.world else None

    def is_ood(self, cache: ProductCache) -> npt.NDArray[np.bool_]:
        """N answers: is the picture out of distribution?"""
        if self.ood is None or not cache.pictures:
            return np.zeros(len(cache.pictures), np.bool_)
        vectors = None if self.ood.facts.encoder else trace_vectors(cache)
        return self.ood.is_ood([one.rgb for one in cache.pictures], vectors)

    def reasons(self, picture: Picture, ood: bool) -> tuple[str, ...]:
        """Why this suite gives no verdict on a picture, as warnings; none = it gives one."""
        return (*((OUTSIDE,) if ood else ()), *((TONED,) if self.is_unlearned(picture) else ()))

    def is_unlearned(self, picture: Picture) -> bool:
        """Whether it is grey or toned, and the suite learned colour pictures alone."""
        return self.suite.manifest.colour_only and is_toned(picture.rgb)

    @abstractmethod
    def check(self) -> None:
        """Load it; CheckpointError or OptionError for one that can give no answer."""

    @abstractmethod
    def probabilities(self, cache: ProductCache) -> Floats:
        """N at prior 0.5, in distribution or not: of "generated", or of an attributor's highest candidate."""

    @abstractmethod
    def answer(self, cache: ProductCache, ood: Sequence[bool], explain: bool) -> list[ReportItem[Row]]:
        """One row a picture, in order; no verdict where there are :meth:`reasons`. ``explain``: with its sources."""


def _told(exchanged: Mapping[str, Any]) -> str:
    named = (f"{name}={exchanged[name]}" for name in sorted(exchanged))
    return ", ".join(named) or "the suite's own parameters"


def of_caption(caption: Caption | None) -> tuple[str, ...]:
    """What a row warns of about its caption, whichever the method."""
    return (NO_CAPTION,) if caption and caption.fallback else ()
