"""Which generator made pictures, by a suite's head."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from unprompt.detectors import load_attributor
from unprompt.detectors.attributor import Attributor
from unprompt.detectors.base import Floats
from unprompt.detectors.decide import answers
from unprompt.evidence.product_cache import ProductCache
from unprompt.instruments import Suite
from unprompt.report.report_item import ReportItem, attribution_figures
from unprompt.types import NONE_OF_THESE, Attribution
from unprompt.workflows.prediction.heads import Head, of_caption
from unprompt.workflows.prediction.predictor import facts


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
                dtype=self.suite.dtype,
                generator=NONE_OF_THESE if reasons else answer,
                scores=dict(zip(candidates, probabilities, strict=True)),
                caption=one.caption.text,
                warnings=(*self.unmeasured, *reasons, *of_caption(one.caption)),
            )
            items.append(ReportItem(row, attribution_figures(picture.rgb, one.regenerations) if explain else ()))
        return items
