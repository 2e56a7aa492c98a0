"""The predictor behind ``attribute``. Importing this loads no torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from unprompt.engines import Engine
from unprompt.images import DEFAULT_LIMITS, Limits
from unprompt.instruments import Suite
from unprompt.report.attribution import AttributionSummary
from unprompt.report.report_item import ReportItem, attribution_figures
from unprompt.types import REAL, REAL_PICTURES, Attribution, Picture, Sample
from unprompt.workflows.prediction.predictor import RowPredictor, facts

if TYPE_CHECKING:
    from unprompt.workflows.prediction.heads import Head


class AttributionPredictor(RowPredictor[Attribution]):
    """Which generator made it? ``generators`` are some of the suite's candidates; None = all."""

    summary = AttributionSummary
    title = "Whose answer is this picture?"
    done = "attributed"

    def __init__(
        self,
        suite: Suite,
        method: str = "semgir-a",
        *,
        generators: Sequence[str] | None = None,
        batch_size: int = 32,
        confirm: Callable[[Head[Any]], None] | None = None,
        limits: Limits = DEFAULT_LIMITS,
        engine: Engine | None = None,
    ) -> None:
        super().__init__([suite], method, batch_size, confirm, limits, engine)
        self._generators = generators

    @property
    def scorers(self) -> tuple[str, ...]:
        """The candidates."""
        from unprompt.detectors import checkpoint  # Here, since it loads torch.

        (suite,) = self.suites
        candidates = checkpoint.read_header(suite.head(self.method)).options["generators"]
        return tuple(self._generators or candidates)

    def _head(self, suite: Suite) -> Head[Attribution]:
        from unprompt.workflows.prediction.attributor_head import AttributorHead  # Here, since it loads torch.

        return AttributorHead(suite, self.method, self._generators)

    def _truth(self, sample: Sample) -> dict[str, Any]:
        return {"truth": REAL_PICTURES if sample.label == REAL else sample.generator or None}

    def _copied(self, first: Attribution, picture: Picture, explain: bool) -> ReportItem[Attribution]:
        row = replace(first, **facts(picture))
        return ReportItem(row, attribution_figures(picture.rgb, {}) if explain else ())

    def repeated(self, item: ReportItem[Attribution], first: str) -> ReportItem[Attribution]:
        return ReportItem(item.row, item.figures[:1])
