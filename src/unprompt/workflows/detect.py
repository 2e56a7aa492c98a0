"""``unprompt detect``: pictures in, one judgement each out; nothing lost, nothing invented."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from unprompt.detectors import load
from unprompt.detectors.base import Detector, Floats
from unprompt.detectors.calibration import Thresholds
from unprompt.detectors.panel import Panel
from unprompt.detectors.world import World
from unprompt.errors import CheckpointError, OptionError, SuiteError
from unprompt.evidence.bench import Bench
from unprompt.evidence.joint import JointEvidence
from unprompt.instruments import Suite
from unprompt.report import Exhibit, write_page
from unprompt.types import Judgement, Picture
from unprompt.workflows.costs import agree, refuse
from unprompt.workflows.extract import silent
from unprompt.workflows.inputs import Input, in_batches, inputs_of, sized

OUTSIDE = "outside this suite's world"
SPEECHLESS = "the captioner found no words; its caption is a stand-in"
UNGROUNDED = "no phrase of the caption was found in the picture; only the whole picture was compared"
AUTO = "miniature"
"""The one embedded suite with heads: its own check tells which pictures belong to its world."""


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
    say: Callable[[str], None] = silent,
) -> list[Judgement]:
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
    bureau = Bureau(speaking(suite, device, dtype), method, prior, fpr, average)
    agree(bureau.suite, bureau.detector.extractor, bureau.draws * len(inputs), yes=yes, ask=ask, say=say)
    exhibits: list[Exhibit] = []
    judgements: list[Judgement] = []
    for exhibit in in_batches(inputs, batch_size, bureau.judge, "judged", say):
        judgements.append(exhibit.judgement)
        if report is not None:
            exhibits.append(exhibit)
    if report is not None:
        write_page(Path(report), exhibits, "Is this picture an answer to a prompt?")
    return judgements


def speaking(name: str | Path, device: str, dtype: str) -> Suite:
    """The suite that is to give an answer; SuiteError for one of random weights."""
    suite = Suite.load(AUTO if name == "auto" else name, device, dtype)
    if suite.fake:
        raise SuiteError(
            f"suite {suite.name!r} has random weights and gives no verdict: it is for tests of plumbing; "
            "use --suite miniature, or a suite whose heads were trained"
        )
    return suite


class Bureau:
    """A suite's detector with everything that turns its logits into judgements."""

    def __init__(self, suite: Suite, method: str, prior: float, fpr: float | None, average: int = 1) -> None:
        self.suite, self.prior = suite, prior
        self.detector: Detector[Any, Any] = load(suite.head(method), suite)
        self.draws = average if self.detector.extractor.noisy else 1
        self._first: dict[str, Judgement] = {}
        self.thresholds = self._thresholds(fpr)
        self.world = World.load(suite.world, suite.encoder) if suite.world else None

    def _thresholds(self, fpr: float | None) -> Thresholds:
        stored = self.detector.thresholds
        if stored is None:
            raise CheckpointError(
                f"{self.detector.path} has no thresholds, so it can give no verdict: train it with validation evidence"
            )
        return stored if fpr is None else stored.at_fpr(fpr)

    def judge(self, inputs: Sequence[Input]) -> Iterator[Exhibit]:
        """One exhibit an input, in order; what was judged before, by this call or an earlier one, is not again."""
        found = [one.read() for one in inputs]
        fresh: dict[str, Picture] = {}
        for one in found:
            if isinstance(one, Picture) and self._key(one) not in self._first:
                fresh.setdefault(self._key(one), one)
        judged = dict(zip(fresh, self._judged(list(fresh.values())), strict=True))
        self._first |= {key: exhibit.judgement for key, exhibit in judged.items()}
        for given, one in zip(inputs, found, strict=True):
            label = given.sample.label
            if not isinstance(one, Picture):
                yield Exhibit(Judgement(given.sample.uri, "error", str(one), label=label))
            elif (exhibit := judged.pop(self._key(one), None)) is not None:
                yield replace(exhibit, judgement=replace(exhibit.judgement, label=label))
            else:
                yield Exhibit(replace(_copied(self._first[self._key(one)], one), label=label))

    def _key(self, picture: Picture) -> str:
        """What two inputs of one score have in common."""
        return picture.sha256 if self.detector.extractor.of_files else picture.pixels

    def _judged(self, pictures: Sequence[Picture]) -> list[Exhibit]:
        if not pictures:
            return []
        bench, extractor = Bench(pictures, self.suite), self.detector.extractor
        evidence = extractor.extract(bench)
        further = (extractor.extract(bench.at_noise(draw)) for draw in range(1, self.draws))
        drawn = np.stack([self._logits(one) for one in (evidence, *further)])
        logits = drawn[:, 0].mean(axis=0)
        scores = np.exp(-np.logaddexp(0, -logits))
        certain = self.detector.probability(logits)
        told = self.detector.probability(logits, self.prior)
        moves = self._moves(drawn[:, 0])
        outside = self.world.outside([one.rgb for one in pictures]) if self.world else np.zeros(len(pictures), bool)
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
    ) -> Exhibit:
        parts = evidence.parts if isinstance(evidence, JointEvidence) else {self.detector.method: evidence}
        caption = next((part.caption for part in parts.values() if hasattr(part, "caption")), None)
        warnings = [OUTSIDE] if outside else []
        if caption is not None and caption.fallback:
            warnings.append(SPEECHLESS)
        boxes = next((part.objects.boxes for part in parts.values() if getattr(part, "objects", None)), None)
        if boxes == ():
            warnings.append(UNGROUNDED)
        judgement = Judgement(
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
        return Exhibit(
            judgement,
            picture=sare.picture if sare else picture.rgb,
            reconstruction=sare.reconstruction if sare else None,
            sare_map=sare.sare_map if sare else None,
            regeneration=semgir.regenerations[0] if semgir else None,
            boxes=boxes or (),
        )


def _copied(first: Judgement, picture: Picture) -> Judgement:
    """What was said of the same pixels before, with the facts of this file."""
    facts = {name: getattr(picture, name) for name in ("uri", "sha256", "width", "height", "format", "quality")}
    return replace(first, **facts, duplicate_of=first.uri)
