"""The models behind the service: loaded once, asked through one batcher."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final

from unprompt.errors import PictureError
from unprompt.report.report_item import ReportItem
from unprompt.serve.batcher import Batcher, Lane, QueueFull
from unprompt.serve.limits import ServiceLimits
from unprompt.serve.problems import RequestProblem, busy
from unprompt.serve.uploads import Upload
from unprompt.workflows.attribute import METHOD
from unprompt.workflows.prediction.attribution import AttributionPredictor
from unprompt.workflows.prediction.detection import Predictor

log = logging.getLogger(__name__)
LOADING: Final = "the models are being loaded"


class ServedModels:
    """Detection, and attribution where one of the suites has a head for it; both share the suites' models."""

    def __init__(
        self, detection: Predictor, limits: ServiceLimits, watch: Callable[[int], None] = lambda size: None
    ) -> None:
        self.limits, self.detection = limits, detection
        attributing = next((suite for suite in detection.suites if METHOD in suite.heads), None)
        self.attribution = AttributionPredictor(attributing) if attributing else None
        self.batcher = Batcher(
            limits.of_pictures,
            batch_size=detection.batch_size,
            queue=limits.queue,
            decoders=limits.decoders,
            watch=watch,
        )
        self.state = LOADING
        """Why no picture is taken; empty = ready."""
        self.error: Exception | None = None
        """That loading ended with."""

    @property
    def candidates(self) -> list[str]:
        """The generators that attribution can name; none where no suite can attribute."""
        return list(self.attribution.scorers) if self.attribution else []

    def start(self, failed: Callable[[], None] = lambda: None) -> None:
        """Load the models in the background, then take pictures; ``failed`` is called where they cannot be loaded."""
        self.batcher.start()
        threading.Thread(target=self._load, args=(failed,), daemon=True).start()

    def close(self) -> None:
        """Take no further picture, and finish those that wait."""
        self.state = "the service is ending"
        self.batcher.close()

    def _load(self, failed: Callable[[], None]) -> None:
        try:
            self.detection.warm_up()
            if self.attribution:
                self.attribution.warm_up()
        except Exception as error:
            self.error, self.state = error, f"the models cannot be loaded: {error}"
            log.error(self.state)
            failed()
            return
        if self.state == LOADING:
            self.state = ""
            log.info("ready")

    def lane(self, attribute: bool = False, explain: bool = False) -> Lane:
        """Where pictures wait that are asked the same; RequestProblem 501 where no suite can attribute."""
        if not attribute:
            return Lane(self.detection, explain)
        if self.attribution is None:
            names = ", ".join(suite.name for suite in self.detection.suites)
            raise RequestProblem(
                501, "no-attribution", f"{names} has no head of {METHOD}: start the service with another suite"
            )
        return Lane(self.attribution, explain)

    async def answer(self, lane: Lane, uploads: Sequence[Upload]) -> list[ReportItem[Any] | PictureError]:
        """What becomes of each picture, in order; RequestProblem 503 before models are loaded, or if too many wait."""
        self.check()
        try:
            answers = [asyncio.wrap_future(one) for one in self.batcher.submit(lane, uploads)]
        except QueueFull as error:
            raise busy(f"{error}: try again soon") from error
        try:
            async with asyncio.timeout(self.limits.answer_seconds):
                return await asyncio.gather(*answers)
        except TimeoutError as error:
            raise busy(f"no answer within {self.limits.answer_seconds:g} s: too many pictures wait") from error

    def check(self) -> None:
        """RequestProblem 503 unless pictures are taken."""
        if self.state:
            raise busy(self.state)
