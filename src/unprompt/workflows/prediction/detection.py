"""The predictor behind ``detect``. Importing this loads no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unprompt.detectors.calibration import Thresholds
from unprompt.engines import Engine
from unprompt.errors import MissingWeights, OptionError
from unprompt.images import DEFAULT_LIMITS, Limits
from unprompt.instruments import Suite
from unprompt.report.report_item import ReportItem
from unprompt.report.summary import PredictionSummary
from unprompt.types import Picture, Prediction, Sample
from unprompt.workflows.prediction.predictor import RowPredictor, facts

if TYPE_CHECKING:
    from unprompt.workflows.prediction.heads import Head
    from unprompt.workflows.prediction.redrawing import Redrawing


class Predictor(RowPredictor[Prediction]):
    """Generated or real? ``prior``, ``fpr`` and ``average`` are those of :func:`unprompt.detect`."""

    summary = PredictionSummary
    title = "Is this picture an answer to a prompt?"
    done = "judged"

    def __init__(
        self,
        suites: Sequence[Suite],
        method: str = "panel",
        *,
        prior: float = 0.5,
        fpr: float | None = None,
        average: int = 1,
        batch_size: int = 32,
        confirm: Callable[[Head[Any]], None] | None = None,
        limits: Limits = DEFAULT_LIMITS,
        redrawing: Redrawing | None = None,
        engine: Engine | None = None,
    ) -> None:
        super().__init__(suites, method, batch_size, confirm, limits, engine)
        if average < 1:
            raise OptionError(f"--average is {average}, expected 1 or more draws of the noise")
        if not 0 < prior < 1:
            raise OptionError(f"--prior is {prior}, expected a share above 0 and below 1, such as 0.5")
        if fpr is not None:
            from unprompt.detectors import checkpoint  # Here, since it loads torch.

            for header in map(checkpoint.read_header, self._checkpoints()):
                if header.thresholds is not None:
                    Thresholds.from_dict(header.thresholds).at_fpr(fpr)
        self._options: dict[str, Any] = {"prior": prior, "fpr": fpr, "average": average, "redrawing": redrawing}

    @property
    def scorers(self) -> tuple[str, ...]:
        """The methods of the heads, of a panel those of its members."""
        from unprompt.detectors import checkpoint  # Here, since it loads torch.

        headers = [checkpoint.read_header(path) for path in self._checkpoints()]
        several = [[member["method"] for member in one.members] or [one.method] for one in headers]
        return tuple(dict.fromkeys(chain.from_iterable(several)))

    def _checkpoints(self) -> Iterator[Path]:
        """Of each suite its head, and what answers where that cannot be built."""
        for suite in self.suites:
            yield suite.head(self.method)
            if self.method in suite.manifest.fallbacks:
                yield suite.manifest.fallbacks[self.method]

    def _head(self, suite: Suite) -> Head[Prediction]:
        from unprompt.workflows.prediction.detector_head import DetectorHead

        return DetectorHead(suite, self.method, **self._options)

    def _checked(self, head: Head[Prediction]) -> Head[Prediction]:
        from unprompt.workflows.prediction.detector_head import DetectorHead

        try:
            return super()._checked(head)
        except MissingWeights:
            if self.method not in head.suite.manifest.fallbacks:
                raise
        return super()._checked(DetectorHead(head.suite, self.method, fallback=True, **self._options))

    def _truth(self, sample: Sample) -> dict[str, Any]:
        return {"label": sample.label}

    def _copied(self, first: Prediction, picture: Picture, explain: bool) -> ReportItem[Prediction]:
        return ReportItem(replace(first, **facts(picture), duplicate_of=first.uri))

    def repeated(self, item: ReportItem[Prediction], first: str) -> ReportItem[Prediction]:
        return ReportItem(replace(item.row, duplicate_of=first))
