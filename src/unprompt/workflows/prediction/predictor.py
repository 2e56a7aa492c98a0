"""Pictures in, one row each out: what ``detect`` and ``attribute`` do. Importing this loads no torch."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, cast

from unprompt.detectors import EVERY, METHODS
from unprompt.detectors.calibration import Thresholds
from unprompt.errors import OptionError, PictureError, SuiteError
from unprompt.instruments import Suite
from unprompt.report.report_item import ReportItem, Row
from unprompt.report.summary import PredictionSummary, Summary
from unprompt.types import Picture, Prediction, Sample
from unprompt.workflows.prediction.inputs import Input

if TYPE_CHECKING:
    from unprompt.workflows.prediction.heads import Head

log = logging.getLogger(__name__)

AUTO: Final = "auto"
EMBEDDED: Final = ("miniature", "photo")
"""What ``auto`` tries, in this order: each suite's own check decides which pictures are in its distribution."""
OUTSIDE: Final = "outside this suite's world"
NO_CAPTION: Final = "the captioner found no words; its caption is a stand-in"
UNGROUNDED: Final = "no phrase of the caption was found in the picture; only the whole picture was compared"


def candidate_suites(name: str | Path, method: str, device: str = "cpu", dtype: str = "float32") -> list[Suite]:
    """The suites that are to give an answer, in the order in which they are tried; no model is loaded.

    ``auto`` is every embedded suite of ``EMBEDDED`` with a head of ``method``. SuiteError for one of random weights,
    OptionError for a device or numbers that cannot be used here.
    """
    if (device, dtype) != ("cpu", "float32"):
        from unprompt.instruments.loading import device_of, dtype_of  # Here, since it loads torch.

        device_of(device)
        dtype_of(dtype)
    suites = [Suite.load(one, device, dtype) for one in (EMBEDDED if name == AUTO else [name])]
    if suites[0].fake:
        raise SuiteError(
            f"suite {suites[0].name!r} has random weights and gives no verdict: it is for tests of plumbing; "
            "use --suite miniature, or a suite whose heads were trained"
        )
    return [one for one in suites if method in one.heads] or suites[:1]


class RowPredictor(ABC, Generic[Row]):
    """The heads of one method in one or several suites: the first that a picture is in distribution of, else the last.

    Making one checks what can be checked without a model. The heads are loaded once, for the first picture that can be
    read. Several threads may share one predictor: pictures are read side by side, and the models run for one at a time.
    ``confirm`` is called with each head before it is first used, and raises to stop.
    """

    summary: ClassVar[type[Summary[Any]]]
    title: ClassVar[str]
    """Of the page."""
    done: ClassVar[str]
    """The verb of the progress in the log."""

    def __init__(
        self,
        suites: Sequence[Suite],
        method: str,
        batch_size: int = 32,
        confirm: Callable[[Head[Any]], None] | None = None,
    ) -> None:
        if batch_size < 1:
            raise OptionError(f"--batch-size is {batch_size}, expected 1 or more")
        for suite in suites:
            if method not in EVERY and method not in suite.heads:
                raise OptionError(f"--method is {method!r}, expected one of {', '.join(METHODS)}")
            suite.head(method)
        self.suites, self.method, self.batch_size = tuple(suites), method, batch_size
        self._confirm, self._lock = confirm, RLock()
        self._heads: tuple[Head[Row], ...] = ()

    @property
    def heads(self) -> tuple[Head[Row], ...]:
        """In the order in which they are tried; loaded at the first call."""
        with self._lock:
            if not self._heads:
                heads = tuple(self._head(suite) for suite in self.suites)
                if self._confirm:
                    for head in heads:
                        self._confirm(head)
                self._heads = heads
        return self._heads

    def predict(self, inputs: Sequence[Input]) -> list[Row]:
        """One row an input, in order, whatever became of it; equal pictures are judged once a call."""
        return [item.row for item in self._items(inputs, explain=False)]

    def explain(self, inputs: Sequence[Input]) -> list[ReportItem[Row]]:
        """As :meth:`predict`, with the pictures that each row was read from."""
        return list(self._items(inputs, explain=True))

    def report(self, inputs: Sequence[Input], folder: Path) -> list[Row]:
        """As :meth:`predict`, with a page in ``folder`` that shows what each row was read from."""
        from unprompt.report.page import write_page  # Here, since without a page no template is needed.

        items = self.explain(inputs)
        write_page(folder, items, self.summary, self.title)
        return [item.row for item in items]

    def _items(self, inputs: Sequence[Input], explain: bool) -> Iterator[ReportItem[Row]]:
        first: dict[str, ReportItem[Row]] = {}
        for start in range(0, len(inputs), self.batch_size):
            batch = inputs[start : start + self.batch_size]
            pictures = [one.read() for one in batch]
            fresh: dict[str, Picture] = {}
            for picture in pictures:
                if isinstance(picture, Picture) and self._key(picture) not in first:
                    fresh.setdefault(self._key(picture), picture)
            with self._lock:  # an instrument is loaded at its first use, and transformers loads in one thread at a time
                first |= zip(fresh, self._answers(list(fresh.values()), explain), strict=True)
            for given, picture in zip(batch, pictures, strict=True):
                if isinstance(picture, PictureError):
                    item = ReportItem(cast(Row, self.summary.kind(given.sample.uri, "error", str(picture))))
                else:
                    key = self._key(picture)
                    item = first[key] if fresh.get(key) is picture else self._copied(first[key], picture)
                    item = replace(item, row=replace(item.row, warnings=(*picture.warnings, *item.row.warnings)))
                yield replace(item, row=replace(item.row, **self._truth(given.sample)))
            log.info(f"{self.done} {start + len(batch)} of {len(inputs)}")

    def _key(self, picture: Picture) -> str:
        """What two inputs of one answer have in common."""
        return picture.sha256 if any(one.extractor.of_files for one in self.heads) else picture.pixels

    def _answers(self, pictures: Sequence[Picture], explain: bool) -> list[ReportItem[Row]]:
        if not pictures:
            return []
        from unprompt.evidence.product_cache import ProductCache  # Here, since it loads torch.

        items: dict[int, ReportItem[Row]] = {}
        waiting = list(range(len(pictures)))
        for head in self.heads:
            cache = ProductCache([pictures[place] for place in waiting], head.suite)
            ood = head.is_ood(cache).tolist()
            chosen = [i for i, is_ood in enumerate(ood) if not is_ood or head is self.heads[-1]]
            answered = head.answer(cache.subset(chosen), [ood[i] for i in chosen], explain) if chosen else []
            items |= zip([waiting[i] for i in chosen], answered, strict=True)
            waiting = [place for place in waiting if place not in items]
        return [items[place] for place in range(len(pictures))]

    @abstractmethod
    def _head(self, suite: Suite) -> Head[Row]: ...

    @abstractmethod
    def _truth(self, sample: Sample) -> dict[str, Any]:
        """The field of the row that holds what is known of an input."""

    def _copied(self, first: ReportItem[Row], picture: Picture) -> ReportItem[Row]:
        """The answer to an equal picture, with the facts of this file."""
        return replace(first, row=replace(first.row, **facts(picture)))


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
    ) -> None:
        super().__init__(suites, method, batch_size, confirm)
        if average < 1:
            raise OptionError(f"--average is {average}, expected 1 or more draws of the noise")
        if not 0 < prior < 1:
            raise OptionError(f"--prior is {prior}, expected a share above 0 and below 1, such as 0.5")
        if fpr is not None:
            from unprompt.detectors import checkpoint  # Here, since it loads torch.

            for header in (checkpoint.read_header(suite.head(method)) for suite in suites):
                if header.thresholds is not None:
                    Thresholds.from_dict(header.thresholds).at_fpr(fpr)
        self._options: dict[str, Any] = {"prior": prior, "fpr": fpr, "average": average}

    def _head(self, suite: Suite) -> Head[Prediction]:
        from unprompt.workflows.prediction.heads import DetectorHead

        head = DetectorHead(suite, self.method, **self._options)
        head.check()
        return head

    def _truth(self, sample: Sample) -> dict[str, Any]:
        return {"label": sample.label}

    def _copied(self, first: ReportItem[Prediction], picture: Picture) -> ReportItem[Prediction]:
        return ReportItem(replace(first.row, **facts(picture), duplicate_of=first.row.uri))


def facts(picture: Picture) -> dict[str, Any]:
    """What a row says of its file."""
    names = ("uri", "sha256", "pixels", "width", "height", "format", "quality")
    return {name: getattr(picture, name) for name in names}
