"""Whether pictures are generated, by a suite's head of one method."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Final

import numpy as np

from unprompt.detectors import load
from unprompt.detectors.base import Detector, Floats
from unprompt.detectors.calibration import Thresholds, sigmoid
from unprompt.detectors.methods.panel import Panel
from unprompt.errors import CheckpointError
from unprompt.evidence.joint import JointEvidence
from unprompt.evidence.product_cache import ProductCache
from unprompt.instruments import Suite
from unprompt.report.gauge import Gauge
from unprompt.report.report_item import ReportItem, detection_figures
from unprompt.types import Picture, Prediction
from unprompt.workflows.prediction.heads import Head, of_caption
from unprompt.workflows.prediction.predictor import UNGROUNDED, facts
from unprompt.workflows.prediction.reading import Reading, readings
from unprompt.workflows.prediction.redrawing import DrawnAgain, Redrawing

MISSED: Final = "this head often misses pictures by {}"
"""Names of generators, with how well they are told from real pictures -> a warning where nothing was found."""
ACCUSED: Final = "of real pictures that it never saw, this head calls more generated than it promises: of {}"
"""Kinds of pictures, with their shares -> a warning where generated is found."""
LESSER: Final = (
    "judged by the lesser head that needs no model, since those of the better one are not on this machine: "
    "run `unprompt fetch {}`"
)


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
        redrawing: Redrawing | None = None,
    ) -> None:
        super().__init__(suite, suite.manifest.fallbacks[method] if fallback else suite.head(method))
        self.notes = (LESSER.format(suite.manifest.fetch_name),) if fallback else ()
        """What every row warns of."""
        self.prior, self.fpr, self._average, self._redrawing = prior, fpr, average, redrawing

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

    @property
    def accused(self) -> tuple[str, ...]:
        """What a row warns of whose picture is called generated."""
        kinds = self.detector.figures.get("accused", {})
        often = [f"{name} ({100 * rate:.0f} % of {n})" for name, (rate, n) in kinds.items()]
        return (ACCUSED.format(", ".join(often)),) if often else ()

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
        nothing = [None] * len(evidence)
        told = readings(cache, self.suite) if explain and not self._reads else nothing
        redrawn = self._redrawing.of(cache.pictures) if explain and self._redraws and self._redrawing else nothing
        panel = self.detector if explain and isinstance(self.detector, Panel) else None
        added = panel.contributions(logits) if panel else [{}] * len(evidence)
        counted, beside = zip(numbers, added, strict=True), zip(told, redrawn, strict=True)
        rows = zip(cache.pictures, evidence, counted, ood, beside, strict=True)
        return [self._item(*row, explain=explain) for row in rows]

    @property
    def _reads(self) -> bool:
        """Whether a caption is part of its evidence."""
        return "captioner" in self.extractor.roles

    @property
    def _redraws(self) -> bool:
        """Whether no drawing is part of its evidence, so that another suite's can be shown."""
        return "diffusion" not in self.extractor.roles

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
        beside: tuple[Reading | None, DrawnAgain | None],
        explain: bool,
    ) -> ReportItem[Prediction]:
        (numbers, contributions), (told, redrawn) = counted, beside
        by_method = evidence.by_method if isinstance(evidence, JointEvidence) else {self.detector.method: evidence}
        caption = next((one.caption for one in by_method.values() if hasattr(one, "caption")), None)
        boxes = next((one.objects.boxes for one in by_method.values() if getattr(one, "objects", None)), None)
        reasons = self.reasons(picture, ood)
        withheld = {"probability": None, "spread": None, "verdict": "inconclusive"} if reasons else {}
        caveats = () if reasons else self.accused if numbers["verdict"] == "generated" else self.missed
        ungrounded = (UNGROUNDED,) if boxes == () else ()
        row = Prediction(
            **facts(picture),
            status="ok",
            method=self.detector.method,
            suite=self.suite.name,
            prior=self.prior,
            fpr=self.fpr,
            average=self._average,
            dtype=self.suite.dtype,
            caption=caption.text if caption else None,
            warnings=(*self.notes, *self.unmeasured, *reasons, *caveats, *of_caption(caption), *ungrounded),
            **(numbers | withheld),
        )
        if not explain:
            return ReportItem(row)
        stated = numbers["probability"], numbers["verdict"], self.thresholds, self.prior, self.detector.figures
        gauge = None if reasons else Gauge.of(*stated)
        own, semgir = by_method.get("sare"), by_method.get("semgir")
        sare = own or redrawn
        regeneration = semgir.regenerations[0] if semgir else redrawn.regeneration if redrawn else None
        figures = detection_figures(
            own.picture if own else picture.rgb,
            sare.reconstruction if sare else None,
            sare.sare_map if sare else None,
            regeneration,
            told.boxes if told else boxes or (),
            told.title if told else "The picture",
            redrawn.note if redrawn else "",
        )
        return ReportItem(row, figures, gauge, {} if reasons else contributions)
