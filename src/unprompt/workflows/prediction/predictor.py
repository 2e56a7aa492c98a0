"""Pictures in, one row each out: what ``detect`` and ``attribute`` do. Importing this loads no torch."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence, Sized
from contextlib import closing
from copy import copy
from dataclasses import replace
from functools import reduce
from itertools import chain, compress
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, Self, cast

import numpy as np

from unprompt.detectors import EVERY, METHODS
from unprompt.engines import Engine
from unprompt.errors import MissingWeights, NotFinite, OptionError, PictureError
from unprompt.images import DEFAULT_LIMITS, Limits, from_array
from unprompt.instruments import Suite
from unprompt.progress import TimeLeft
from unprompt.report.report_item import ReportItem, Row
from unprompt.report.summary import Summary
from unprompt.types import Picture, Sample
from unprompt.workflows.prediction.batches import Batch, batches
from unprompt.workflows.prediction.inputs import Input
from unprompt.workflows.prediction.spreading import spread

if TYPE_CHECKING:
    from unprompt.evidence.product_cache import ProductCache
    from unprompt.workflows.prediction.heads import Head

log = logging.getLogger(__name__)

_SIDE: Final = 128
"""Of the noise that warms models up: no picture is too small for any head then."""
SHARE: Final = 4
"""On a CPU workers get this part of a batch at a time, so that they end together."""

OUTSIDE: Final = "outside this suite's world"
NO_CAPTION: Final = "the captioner found no words; its caption is a stand-in"
ABSENT: Final = "the suite {0} might know it, but its models are not on this machine: run `unprompt fetch {0}`"
UNGROUNDED: Final = "no phrase of the caption was found in the picture; only the whole picture was compared"


class RowPredictor(ABC, Generic[Row]):
    """The heads of one method in one or several suites: the first that a picture is in distribution of, else the last.

    Making one checks what can be checked without a model. The heads are loaded once, for the first picture that can be
    read. Several threads may share one predictor: pictures are read side by side, and the models run for one at a time.
    ``confirm`` is called with each head before it is first used, and raises to stop. With ``engine`` its workers judge,
    each with models of its own; a predictor travels there without what it has loaded.
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
        limits: Limits = DEFAULT_LIMITS,
        engine: Engine | None = None,
    ) -> None:
        if batch_size < 1:
            raise OptionError(f"--batch-size is {batch_size}, expected 1 or more")
        for suite in suites:
            if method not in EVERY and method not in suite.heads:
                raise OptionError(f"--method is {method!r}, expected one of {', '.join(METHODS)}")
            suite.head(method)
        self.suites, self.method, self.batch_size = tuple(suites), method, batch_size
        self._confirm, self._limits, self._lock, self._engine = confirm, limits, RLock(), engine
        self._heads: tuple[Head[Row], ...] = ()
        self._confirmed: set[Head[Row]] = set()
        self._absent: tuple[str, ...] = ()
        """What is told of suites that lack models, where no other knows a picture."""

    def __getstate__(self) -> dict[str, Any]:
        unloaded: dict[str, Any] = {"_confirm": None, "_confirmed": set(), "_heads": (), "_engine": None, "_lock": None}
        return {**vars(self), **unloaded}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _lock=RLock())

    def on(self, device: str) -> Self:
        """The same, not loaded yet, with models on ``device``."""
        twin = copy(self)
        twin.suites = tuple(suite.on(device) for suite in self.suites)
        return twin

    @property
    def heads(self) -> tuple[Head[Row], ...]:
        """In the order in which they are tried; found at the first call, each loaded for its first picture."""
        with self._lock:
            if not self._heads:
                self._heads = tuple(self._present())
        return self._heads

    def _ready(self, head: Head[Row]) -> Head[Row]:
        """The head, confirmed before it is first used."""
        if self._confirm and head not in self._confirmed:
            self._confirm(head)
            self._confirmed.add(head)
        return head

    def _present(self) -> Iterator[Head[Row]]:
        """Of one suite its head; of several those whose models are on this machine, and MissingWeights for none.

        Of several suites, one that lacks no model is loaded when a picture is in its distribution: to know that takes
        less than its heads do.
        """
        lacking: list[MissingWeights] = []
        for suite in self.suites:
            try:
                head = self._head(suite)
                if suite is self.suites[-1] or not suite.manifest.whole:
                    head = self._checked(head)
                yield head
            except MissingWeights as error:
                lacking.append(error)
                self._absent = (*self._absent, ABSENT.format(suite.manifest.fetch_name))
        if len(lacking) == len(self.suites):
            raise lacking[0]

    @property
    @abstractmethod
    def scorers(self) -> tuple[str, ...]:
        """The names that the ``scores`` of a row can have, in the order of columns; no weights are read."""

    def warm_up(self) -> None:
        """Load every model and run it once, about noise; raises what its first picture would."""
        from unprompt.evidence.product_cache import ProductCache  # Here, since it loads torch.

        noise = np.random.default_rng(0).integers(0, 256, (_SIDE, _SIDE, 3), np.uint8)
        with self._lock:
            for head in self.heads:
                cache = ProductCache([from_array(noise, "noise", self._limits)], head.suite)
                head.is_ood(cache)
                self._ready(head).answer(cache, [False], explain=False)

    def iterate(
        self, inputs: Iterable[Input], report: Path | None = None, remember: bool = True, pictures: bool = True
    ) -> Generator[Row, None, None]:
        """One row an input, in order, whatever became of it, as soon as its batch is judged.

        Equal pictures are judged once a call, or once a batch without ``remember``, which holds no row and logs no
        progress, for the inputs may have no end. With ``report`` a page in this folder shows what each row was read
        from, unless without ``pictures``; it is written when the rows end, however they end.
        """
        if report is None:
            yield from (item.row for item in self._items(inputs, explain=False, remember=remember))
            return
        from unprompt.report.page import PageWriter  # Here, since without a page no template is needed.

        with PageWriter(report, self.summary, self.title, pictures) as page:
            for item in self._items(inputs, explain=True):
                page.add(item)
                yield item.row

    def predict(
        self,
        inputs: Iterable[Input],
        report: Path | None = None,
        watch: Callable[[Row, Self], None] | None = None,
        pictures: bool = True,
    ) -> list[Row]:
        """The rows of :meth:`iterate`; ``watch`` is called with each as soon as it is there, and with this."""
        rows = []
        with closing(self.iterate(inputs, report, pictures=pictures)) as judged:
            for row in judged:
                rows.append(row)
                if watch is not None:
                    watch(row, self)
        return rows

    def answer(self, pictures: Sequence[Picture], explain: bool = False) -> list[ReportItem[Row]]:
        """An item a picture, in order, each as if it had been asked for alone; equal ones cost one answer."""
        fresh = {self._key(picture): picture for picture in pictures}
        with self._lock:
            answered = dict(zip(fresh, self._answers(list(fresh.values()), explain), strict=True))
        return [_own(answered[self._key(picture)], picture) for picture in pictures]

    def explain(self, inputs: Iterable[Input]) -> list[ReportItem[Row]]:
        """As :meth:`predict`, with the pictures that each row was read from."""
        return list(self._items(inputs, explain=True))

    def items(self, inputs: Iterable[Input], explain: bool, remember: bool = True) -> Iterator[ReportItem[Row]]:
        """What the rows are read from, as :meth:`iterate`, by this process, which tells no progress."""
        # On a CPU the first rows come soon; elsewhere less than a batch costs as much as a whole one.
        first = 1 if self._on_cpu else self.batch_size
        taken = batches(inputs, self.batch_size, self._limits, first=first)
        rows: dict[str, Row] = {}
        # Not a loop, whose variable would hold one batch of pictures while the next is read.
        judged = map(lambda batch: self._judged(rows if remember else {}, explain, batch), taken)
        return chain.from_iterable(judged)

    @property
    def _on_cpu(self) -> bool:
        return all(suite.on_cpu for suite in self.suites)

    def _items(self, inputs: Iterable[Input], explain: bool, remember: bool = True) -> Iterator[ReportItem[Row]]:
        if self._engine is None:
            judged = self.items(inputs, explain, remember)
        else:
            size = max(1, self.batch_size // SHARE) if self._on_cpu else self.batch_size
            judged = spread(self, self._engine, inputs, size, explain)
        done, told, left = 0, 0, TimeLeft()
        for done, item in enumerate(judged, 1):
            yield item
            if remember and (done % self.batch_size == 0 or done.bit_count() == 1):  # at first after 1, 2, 4, ...
                told = done
                self._tell(done, inputs, left)
        if remember and done > told:
            self._tell(done, inputs, left)

    def _tell(self, done: int, inputs: Iterable[Input], left: TimeLeft) -> None:
        total = len(inputs) if isinstance(inputs, Sized) else None
        log.info(f"{self.done} {done}{f' of {total}' if total else ''}{left(done, total)}")

    def _judged(self, first: dict[str, Row], explain: bool, batch: Batch) -> Iterator[ReportItem[Row]]:
        """An item for each input of a batch; ``first`` are the answers of former ones, and is added to."""
        fresh: dict[str, Picture] = {}
        for _, picture in batch:
            if isinstance(picture, Picture) and self._key(picture) not in first:
                fresh.setdefault(self._key(picture), picture)
        with self._lock:  # an instrument is loaded at its first use, and transformers loads in one thread at a time
            answered = dict(zip(fresh, self._answers(list(fresh.values()), explain), strict=True))
        first |= {key: item.row for key, item in answered.items()}  # without the pictures that explain them
        for given, picture in batch:
            if isinstance(picture, PictureError):
                item = ReportItem(cast(Row, self.summary.kind(given.sample.uri, "error", str(picture))))
            else:
                key = self._key(picture)
                item = answered[key] if fresh.get(key) is picture else self._copied(first[key], picture, explain)
                item = _own(item, picture)
            yield replace(item, row=replace(item.row, **self._truth(given.sample)))

    def _key(self, picture: Picture) -> str:
        """What two inputs of one answer have in common."""
        return picture.sha256 if self._of_files and picture.sha256 else picture.pixels

    def name_of(self, row: Row) -> str:
        """The same by the row; empty for a picture that could not be read."""
        return (self._of_files and row.sha256) or row.pixels or ""

    @property
    def _of_files(self) -> bool:
        return any(one.of_files for one in self.heads)

    def _answers(self, pictures: Sequence[Picture], explain: bool) -> list[ReportItem[Row]]:
        if not pictures:
            return []
        from unprompt.evidence.product_cache import ProductCache  # Here, since it loads torch.

        items: dict[int, ReportItem[Row]] = {}
        waiting = list(range(len(pictures)))
        for head in self.heads:
            cache = ProductCache([pictures[place] for place in waiting], head.suite)
            ood = head.is_ood(cache).tolist()
            last = head is self.heads[-1]
            chosen = [
                i for i, picture in enumerate(cache.pictures) if last or not (ood[i] or head.is_unlearned(picture))
            ]
            answered = self._answered(head, cache.subset(chosen), [ood[i] for i in chosen], explain)
            for i, item in zip(chosen, answered, strict=True):
                reason = head.ood.reason(cache.pictures[i].rgb) if ood[i] and head.ood else None
                notes = (*((reason,) if reason else ()), *(self._absent if ood[i] else ()))
                items[waiting[i]] = reduce(ReportItem.warned, notes, item)
            waiting = [place for place in waiting if place not in items]
        return [items[place] for place in range(len(pictures))]

    def _answered(
        self, head: Head[Row], cache: ProductCache, ood: Sequence[bool], explain: bool
    ) -> list[ReportItem[Row]]:
        """The head's answers; an error row for a picture about which a model answers NaN or infinity."""
        if not cache.pictures:
            return []
        try:
            return self._ready(head).answer(cache, ood, explain)
        except NotFinite as error:
            sound = [place not in error.places for place in range(len(ood))]
            rest = iter(self._answered(head, cache.without(error.places), list(compress(ood, sound)), explain))
            failed = ReportItem(cast(Row, self.summary.kind("", "error", str(error))))
            return [
                next(rest) if is_sound else replace(failed, row=replace(failed.row, **facts(picture)))
                for picture, is_sound in zip(cache.pictures, sound, strict=True)
            ]

    @abstractmethod
    def _head(self, suite: Suite) -> Head[Row]:
        """Not loaded yet."""

    def _checked(self, head: Head[Row]) -> Head[Row]:
        """The head or what stands in for it, loaded; raises where it can give no answer."""
        head.check()
        return head

    @abstractmethod
    def _truth(self, sample: Sample) -> dict[str, Any]:
        """The field of the row that holds what is known of an input."""

    @abstractmethod
    def _copied(self, first: Row, picture: Picture, explain: bool) -> ReportItem[Row]:
        """The answer to an equal picture, with the facts of this file; of its pictures at most itself is shown."""

    @abstractmethod
    def repeated(self, item: ReportItem[Row], first: str) -> ReportItem[Row]:
        """The same for a picture that was judged again, whose equal is called ``first``."""


def _own(item: ReportItem[Row], picture: Picture) -> ReportItem[Row]:
    """The answer about a picture's pixels, as that about its file."""
    warnings = (*picture.warnings, *item.row.warnings)
    return replace(item, row=replace(item.row, **facts(picture), warnings=warnings))


def facts(picture: Picture) -> dict[str, Any]:
    """What a row says of its file."""
    names = ("uri", "sha256", "pixels", "width", "height", "format", "quality")
    return {name: getattr(picture, name) or None for name in names}
