"""Who speaks in ``detect``: one suite's detector with everything that turns its logits into judgements."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from unprompt.detectors import load
from unprompt.detectors.base import Detector, Floats
from unprompt.detectors.calibration import Thresholds
from unprompt.detectors.methods.panel import Panel
from unprompt.detectors.ood import OODDetector
from unprompt.errors import CheckpointError, SuiteError
from unprompt.evidence.joint import JointEvidence
from unprompt.evidence.product_cache import ProductCache
from unprompt.instruments import Suite
from unprompt.report import ReportItem
from unprompt.types import Picture, Prediction

AUTO: Final = "auto"
EMBEDDED: Final = ("miniature", "photo")
"""What ``auto`` asks, in this order: each suite's own check tells which pictures belong to its world."""
OUTSIDE: Final = "outside this suite's world"
NO_CAPTION: Final = "the captioner found no words; its caption is a stand-in"
UNGROUNDED: Final = "no phrase of the caption was found in the picture; only the whole picture was compared"


def candidate_suites(name: str | Path, method: str, device: str, dtype: str) -> list[Suite]:
    """The suites that are to give an answer, in the order in which they are asked.

    ``auto`` is every embedded suite of ``EMBEDDED`` with a head of ``method``. SuiteError for one of random weights.
    """
    if name != AUTO:
        return [require_trained(Suite.load(name, device, dtype))]
    suites = [Suite.load(one, device, dtype) for one in EMBEDDED]
    return [one for one in suites if method in one.manifest.heads] or suites[:1]


def require_trained(suite: Suite) -> Suite:
    """The suite; SuiteError for one of random weights."""
    if suite.fake:
        raise SuiteError(
            f"suite {suite.name!r} has random weights and gives no verdict: it is for tests of plumbing; "
            "use --suite miniature, or a suite whose heads were trained"
        )
    return suite


class Voice:
    """A suite's head of one method, with its thresholds and the check of what it may be asked about."""

    def __init__(self, suite: Suite, method: str, prior: float, fpr: float | None, average: int = 1) -> None:
        self.suite, self.prior = suite, prior
        self.detector: Detector[Any, Any] = load(suite.head(method), suite)
        self.draws = average if self.detector.extractor.noisy else 1
        self.thresholds = self._thresholds(fpr)
        self.world = OODDetector.load(suite.world, suite) if suite.world else None

    def is_ood(self, pictures: Sequence[Picture]) -> npt.NDArray[np.bool_]:
        """N answers: does the picture lie outside what this suite knows?"""
        if self.world is None or not pictures:
            return np.zeros(len(pictures), bool)
        return self.world.is_ood([one.rgb for one in pictures])

    def judged(self, pictures: Sequence[Picture], outside: npt.NDArray[np.bool_]) -> list[ReportItem]:
        """One exhibit a picture, in order; those ``is_ood`` get no verdict."""
        if not pictures:
            return []
        cache, extractor = ProductCache(pictures, self.suite), self.detector.extractor
        evidence = extractor.extract(cache)
        further = (extractor.extract(cache.at_noise(draw)) for draw in range(1, self.draws))
        drawn = np.stack([self._logits(one) for one in (evidence, *further)])
        logits = drawn[:, 0].mean(axis=0)
        scores = np.exp(-np.logaddexp(0, -logits))
        certain = self.detector.probability(logits)
        told = self.detector.probability(logits, self.prior)
        moves = self._moves(drawn[:, 0])
        members = self._members(drawn.mean(axis=0))
        return [
            self._exhibit(picture, evidence[i], scores[i], certain[i], told[i], moves[i], bool(outside[i]), members[i])
            for i, picture in enumerate(pictures)
        ]

    def _logits(self, evidence: Sequence[Any]) -> Floats:
        """Voices x N: the detector's logits, and below them those of a panel's members."""
        rows = [self.detector.logits(evidence)]
        if isinstance(self.detector, Panel):
            rows += [one.logits([row.parts[one.method] for row in evidence]) for one in self.detector.members]
        return np.stack(rows)

    def _moves(self, drawn: Floats) -> list[float | None]:
        """Standard deviation of each picture's probability over draws x N logits; None for a single draw."""
        if len(drawn) < 2:
            return [None] * drawn.shape[1]
        return [float(one) for one in self.detector.probability(drawn, self.prior).std(axis=0, ddof=1)]

    def _members(self, logits: Floats) -> list[dict[str, float]]:
        """Method -> calibrated probability, for every picture, from what ``_logits`` made."""
        speakers: Sequence[Detector[Any, Any]] = [self.detector]
        if isinstance(self.detector, Panel):
            speakers, logits = self.detector.members, logits[1:]
        columns = {one.method: one.probability(row, self.prior) for one, row in zip(speakers, logits, strict=True)}
        return [{method: float(column[i]) for method, column in columns.items()} for i in range(logits.shape[1])]

    def _exhibit(
        self,
        picture: Picture,
        evidence: Any,
        score: float,
        certain: float,
        told: float,
        moves: float | None,
        outside: bool,
        members: dict[str, float],
    ) -> ReportItem:
        parts = evidence.parts if isinstance(evidence, JointEvidence) else {self.detector.method: evidence}
        caption = next((part.caption for part in parts.values() if hasattr(part, "caption")), None)
        warnings = [OUTSIDE] if outside else []
        if caption is not None and caption.fallback:
            warnings.append(NO_CAPTION)
        boxes = next((part.objects.boxes for part in parts.values() if getattr(part, "objects", None)), None)
        if boxes == ():
            warnings.append(UNGROUNDED)
        prediction = Prediction(
            uri=picture.uri,
            status="ok",
            sha256=picture.sha256,
            pixels=picture.pixels,
            method=self.detector.method,
            suite=self.suite.name,
            score=float(score),
            probability=None if outside else float(told),
            spread=None if outside else moves,
            verdict="inconclusive" if outside else self.thresholds.verdict(float(certain)),
            caption=caption.text if caption else None,
            warnings=tuple(warnings),
            scores=members,
            width=picture.width,
            height=picture.height,
            format=picture.format,
            quality=picture.quality,
        )
        sare, semgir = parts.get("sare"), parts.get("semgir")
        return ReportItem(
            prediction,
            picture=sare.picture if sare else picture.rgb,
            reconstruction=sare.reconstruction if sare else None,
            sare_map=sare.sare_map if sare else None,
            regeneration=semgir.regenerations[0] if semgir else None,
            boxes=boxes or (),
        )

    def _thresholds(self, fpr: float | None) -> Thresholds:
        stored = self.detector.thresholds
        if stored is None:
            raise CheckpointError(
                f"{self.detector.path} has no thresholds, so it can give no verdict: train it with validation evidence"
            )
        return stored if fpr is None else stored.at_fpr(fpr)
