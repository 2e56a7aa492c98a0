"""``unprompt detect``: pictures in, one judgement each out; nothing lost, nothing invented."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from unprompt.errors import OptionError
from unprompt.report import ReportItem, write_page
from unprompt.types import Picture, Prediction
from unprompt.workflows.planning.costs import agree, refuse
from unprompt.workflows.prediction.inputs import Input, in_batches, inputs_of, sized
from unprompt.workflows.prediction.predictor import Voice, candidate_suites


def detect(
    paths: Sequence[str | Path] | str | Path,
    *,
    suite: str | Path = "auto",
    method: str = "panel",
    prior: float = 0.5,
    fpr: float | None = None,
    average: int = 1,
    batch_size: int = 32,
    device: str = "cpu",
    dtype: str = "float32",
    report: str | Path | None = None,
    yes: bool = False,
    ask: Callable[[str], None] = refuse,
) -> list[Prediction]:
    """Judge pictures, folders and patterns such as ``"shots/**/*.png"``; the judgements come in the inputs' order.

    A folder is walked recursively and judged by content; a file whose own name holds ``[``, ``*`` or ``?`` wins over
    the pattern. What cannot be judged is a row with ``status = "error"``, a pattern without a match too. Each input
    gets its row; pixels that were judged before are not judged again, and their row names the first in
    ``duplicate_of``. ``prior``, the share of generated pictures where they come from, moves the probability, not the
    verdict; ``fpr`` moves the upper threshold to another false-positive rate. ``average`` is the number of draws of
    the noise over which the logits are averaged: 1 is the plain score; further draws steady it, each at the full cost.
    With ``report`` a page is written into that folder. What takes long on a CPU goes to ``ask`` first, which raises to
    stop it; ``yes`` = go on.

    >>> unprompt.detect(["picture.jpg"])[0].verdict  # doctest: +SKIP
    'generated'
    """
    sized(batch_size)
    if average < 1:
        raise OptionError(f"--average is {average}, expected 1 or more draws of the noise")
    inputs = inputs_of(paths)
    voices = [Voice(one, method, prior, fpr, average) for one in candidate_suites(suite, method, device, dtype)]
    for voice in voices:
        agree(voice.suite, voice.detector.extractor, voice.draws * len(inputs), yes=yes, ask=ask)
    bureau = Bureau(voices)
    exhibits: list[ReportItem] = []
    predictions: list[Prediction] = []
    for exhibit in in_batches(inputs, batch_size, bureau.judge, "judged"):
        predictions.append(exhibit.prediction)
        if report is not None:
            exhibits.append(exhibit)
    if report is not None:
        write_page(Path(report), exhibits, "Is this picture an answer to a prompt?")
    return predictions


class Bureau:
    """Several voices, of whom the first that knows a picture's world speaks of it; the last, where none does."""

    def __init__(self, voices: Sequence[Voice]) -> None:
        self.voices = tuple(voices)
        self._of_files = any(one.detector.extractor.of_files for one in self.voices)
        self._first: dict[str, Prediction] = {}

    def judge(self, inputs: Sequence[Input]) -> Iterator[ReportItem]:
        """One exhibit an input, in order; what was judged before, by this call or an earlier one, is not again."""
        found = [one.read() for one in inputs]
        fresh: dict[str, Picture] = {}
        for one in found:
            if isinstance(one, Picture) and self._key(one) not in self._first:
                fresh.setdefault(self._key(one), one)
        judged = dict(zip(fresh, self._judged(list(fresh.values())), strict=True))
        self._first |= {key: exhibit.prediction for key, exhibit in judged.items()}
        for given, one in zip(inputs, found, strict=True):
            label = given.sample.label
            if not isinstance(one, Picture):
                yield ReportItem(Prediction(given.sample.uri, "error", str(one), label=label))
            elif (exhibit := judged.pop(self._key(one), None)) is not None:
                yield replace(exhibit, prediction=replace(exhibit.prediction, label=label))
            else:
                yield ReportItem(replace(_copied(self._first[self._key(one)], one), label=label))

    def _key(self, picture: Picture) -> str:
        """What two inputs of one score have in common."""
        return picture.sha256 if self._of_files else picture.pixels

    def _judged(self, pictures: Sequence[Picture]) -> list[ReportItem]:
        told: dict[int, ReportItem] = {}
        waiting = list(range(len(pictures)))
        for voice in self.voices:
            asked = [pictures[place] for place in waiting]
            outside = voice.is_ood(asked)
            spoken = np.ones(len(asked), bool) if voice is self.voices[-1] else ~outside
            chosen = [picture for picture, heard in zip(asked, spoken, strict=True) if heard]
            places = [place for place, heard in zip(waiting, spoken, strict=True) if heard]
            told |= zip(places, voice.judged(chosen, outside[spoken]), strict=True)
            waiting = [place for place, heard in zip(waiting, spoken, strict=True) if not heard]
        return [told[place] for place in range(len(pictures))]


def _copied(first: Prediction, picture: Picture) -> Prediction:
    """What was said of the same pixels before, with the facts of this file."""
    facts = {name: getattr(picture, name) for name in ("uri", "sha256", "width", "height", "format", "quality")}
    return replace(first, **facts, duplicate_of=first.uri)
