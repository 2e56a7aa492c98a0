"""A suite's head of one method, from pictures to rows; importing this loads torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Generic

import numpy as np
import numpy.typing as npt

from unprompt.detectors import OF_FILES, checkpoint, load, load_attributor
from unprompt.detectors.attributor import Attributor
from unprompt.detectors.base import Detector, Floats, Model
from unprompt.detectors.calibration import Thresholds, sigmoid
from unprompt.detectors.decide import answers
from unprompt.detectors.methods.panel import Panel
from unprompt.detectors.ood import OODDetector
from unprompt.errors import CheckpointError
from unprompt.evidence.base import Extractor
from unprompt.evidence.joint import JointEvidence
from unprompt.evidence.product_cache import ProductCache
from unprompt.evidence.traces import trace_vectors
from unprompt.images import is_toned
from unprompt.instruments import Suite
from unprompt.report.gauge import Gauge
from unprompt.report.report_item import ReportItem, Row, attribution_figures, detection_figures
from unprompt.types import NONE_OF_THESE, Attribution, Caption, Picture, Prediction
from unprompt.workflows.prediction.predictor import NO_CAPTION, OUTSIDE, UNGROUNDED, facts
from unprompt.workflows.prediction.reading import Reading, readings

TONED: Final = "a grey or toned picture: this suite has learned nothing of such ones"
MISSED: Final = "this head often misses pictures by {}"
"""Names of generators, with how well they are told from real pictures -> a warning where nothing was found."""
LESSER: Final = (
    "judged by the lesser head that needs no model, since those of the better one are not on this machine: "
    "run `unprompt fetch {}`"
)


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


class DetectorHead(Head[Prediction]):
    """Generated or real?"""

    def __init__(
        self,
        suite: Suite,
        method: str,
        *,
        prior: float = 0.5,
        fpr: float | None = None,
        average: int = 1,
        fallback: bool = False,
    ) -> None:
        super().__init__(suite, suite.manifest.fallbacks[method] if fallback else suite.head(method))
        self.notes = (LESSER.format(suite.manifest.cli_name),) if fallback else ()
        """What every row warns of."""
        self.prior, self.fpr, self._average = prior, fpr, average

    @cached_property
    def detector(self) -> Detector[Any, Any]:
        """The loaded head."""
        return load(self.path, self.suite)

    @property
    def model(self) -> Detector[Any, Any]:
        return self.detector

    @property
    def draws(self) -> int:
        return self._average if self.extractor.noisy else 1

    @property
    def missed(self) -> tuple[str, ...]:
        """What a row warns of whose picture is not called generated."""
        weak = [f"{name} (AUC {area:.2f})" for name, area in self.detector.figures.get("weak", {}).items()]
        return (MISSED.format(", ".join(weak)),) if weak else ()

    @cached_property
    def thresholds(self) -> Thresholds:
        """Those of the checkpoint, at the chosen false-positive rate."""
        stored = self.detector.thresholds
        if stored is None:
            raise CheckpointError(
                f"{self.detector.path} has no thresholds, so it can give no verdict: train it with validation evidence"
            )
        return stored if self.fpr is None else stored.at_fpr(self.fpr)

    def check(self) -> None:
        """CheckpointError for a head that can give no verdict, OptionError for a rate that it cannot promise."""
        _ = self.thresholds

    def probabilities(self, cache: ProductCache) -> Floats:
        return self.detector.probability(self.detector.logits(self.extractor.extract(cache)))

    def answer(self, cache: ProductCache, ood: Sequence[bool], explain: bool) -> list[ReportItem[Prediction]]:
        evidence = self.extractor.extract(cache)
        further = (self.extractor.extract(cache.at_noise(draw)) for draw in range(1, self.draws))
        drawn = [self._logits(one) for one in (evidence, *further)]
        logits = {name: np.mean([one[name] for one in drawn], axis=0) for name in drawn[0]}
        numbers = self._numbers(logits, drawn)
        told = readings(cache, self.suite) if explain and not self._reads else [None] * len(evidence)
        panel = self.detector if explain and isinstance(self.detector, Panel) else None
        added = panel.contributions(logits) if panel else [{}] * len(evidence)
        counted = zip(numbers, added, strict=True)
        rows = zip(cache.pictures, evidence, counted, ood, told, strict=True)
        return [self._item(*row, explain=explain) for row in rows]

    @property
    def _reads(self) -> bool:
        """Whether a caption is part of its evidence."""
        return "captioner" in self.extractor.roles

    def _logits(self, evidence: Sequence[Any]) -> dict[str, Floats]:
        """Method -> N logits: the detector's own, and of a panel those of its members, each run once."""
        if not isinstance(self.detector, Panel):
            return {self.detector.method: self.detector.logits(evidence)}
        features = self.detector.features(evidence)
        members = {one.method: column for one, column in zip(self.detector.members, features.T, strict=True)}
        return {self.detector.method: self.detector.combined(features), **members}

    def _numbers(self, logits: dict[str, Floats], drawn: Sequence[dict[str, Floats]]) -> list[dict[str, Any]]:
        """The numbers and the verdict of each row; ``logits`` are the means of those ``drawn`` with other noise."""
        method = self.detector.method
        members = self.detector.members if isinstance(self.detector, Panel) else (self.detector,)
        columns = {one.method: one.probability(logits[one.method], self.prior).tolist() for one in members}
        spreads: list[float | None] = [None] * len(logits[method])
        if len(drawn) > 1:
            moved = self.detector.probability(np.stack([one[method] for one in drawn]), self.prior)
            spreads = moved.std(axis=0, ddof=1).tolist()
        rows = zip(
            sigmoid(logits[method]).tolist(),
            self.detector.probability(logits[method], self.prior).tolist(),
            spreads,
            map(self.thresholds.verdict, self.detector.probability(logits[method]).tolist()),
            [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)],
            strict=True,
        )
        return [dict(zip(("score", "probability", "spread", "verdict", "scores"), row, strict=True)) for row in rows]

    def _item(
        self,
        picture: Picture,
        evidence: Any,
        counted: tuple[dict[str, Any], dict[str, float]],
        ood: bool,
        told: Reading | None,
        explain: bool,
    ) -> ReportItem[Prediction]:
        numbers, contributions = counted
        by_method = evidence.by_method if isinstance(evidence, JointEvidence) else {self.detector.method: evidence}
        caption = next((one.caption for one in by_method.values() if hasattr(one, "caption")), None)
        boxes = next((one.objects.boxes for one in by_method.values() if getattr(one, "objects", None)), None)
        reasons = self.reasons(picture, ood)
        withheld = {"probability": None, "spread": None, "verdict": "inconclusive"} if reasons else {}
        missed = () if reasons or numbers["verdict"] == "generated" else self.missed
        row = Prediction(
            **facts(picture),
            status="ok",
            method=self.detector.method,
            suite=self.suite.name,
            caption=caption.text if caption else None,
            warnings=(*self.notes, *reasons, *missed, *of_caption(caption), *((UNGROUNDED,) if boxes == () else ())),
            **(numbers | withheld),
        )
        if not explain:
            return ReportItem(row)
        gauge = None if reasons else Gauge.of(numbers["probability"], numbers["verdict"], self.thresholds, self.prior)
        sare, semgir = by_method.get("sare"), by_method.get("semgir")
        figures = detection_figures(
            sare.picture if sare else picture.rgb,
            sare.reconstruction if sare else None,
            sare.sare_map if sare else None,
            semgir.regenerations[0] if semgir else None,
            told.boxes if told else boxes or (),
            told.title if told else "The picture",
        )
        return ReportItem(row, figures, gauge, {} if reasons else contributions)


class AttributorHead(Head[Attribution]):
    """Which of the candidates made it?"""

    def __init__(self, suite: Suite, method: str, generators: Sequence[str] | None = None) -> None:
        super().__init__(suite, suite.head(method))
        self._generators = generators

    @cached_property
    def attributor(self) -> Attributor[Any, Any]:
        """The loaded head, with the candidates that are asked about."""
        loaded = load_attributor(self.path, self.suite)
        return loaded if self._generators is None else loaded.subset(self._generators)

    @property
    def model(self) -> Attributor[Any, Any]:
        return self.attributor

    def check(self) -> None:
        _ = self.attributor

    def probabilities(self, cache: ProductCache) -> Floats:
        return np.asarray(self._probabilities(self.extractor.extract(cache)).max(axis=1))

    def _probabilities(self, evidence: Sequence[Any]) -> Floats:
        return self.attributor.probabilities(self.attributor.logits(evidence))

    def answer(self, cache: ProductCache, ood: Sequence[bool], explain: bool) -> list[ReportItem[Attribution]]:
        evidence, candidates = self.extractor.extract(cache), self.attributor.candidates
        table = self._probabilities(evidence)
        items = []
        rows = zip(cache.pictures, evidence, table.tolist(), answers(candidates, table), ood, strict=True)
        for picture, one, probabilities, answer, is_ood in rows:
            reasons = self.reasons(picture, is_ood)
            row = Attribution(
                **facts(picture),
                status="ok",
                method=self.attributor.method,
                suite=self.suite.name,
                generator=NONE_OF_THESE if reasons else answer,
                scores=dict(zip(candidates, probabilities, strict=True)),
                caption=one.caption.text,
                warnings=(*reasons, *of_caption(one.caption)),
            )
            items.append(ReportItem(row, attribution_figures(picture.rgb, one.regenerations) if explain else ()))
        return items


def of_caption(caption: Caption | None) -> tuple[str, ...]:
    """What a row warns of about its caption, whichever the method."""
    return (NO_CAPTION,) if caption and caption.fallback else ()
