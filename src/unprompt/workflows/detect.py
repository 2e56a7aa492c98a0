"""``unprompt detect``: pictures in, one judgement each out; nothing lost, nothing invented."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from unprompt.datasets import load_folder
from unprompt.detectors import load
from unprompt.detectors.base import Detector
from unprompt.detectors.calibration import Thresholds
from unprompt.detectors.panel import Panel
from unprompt.detectors.world import World
from unprompt.errors import CheckpointError, DataError, OptionError, SuiteError
from unprompt.evidence.bench import Bench
from unprompt.evidence.joint import JointEvidence
from unprompt.instruments import Suite
from unprompt.report import Exhibit, write_page
from unprompt.types import Judgement, Picture, Sample
from unprompt.workflows.costs import agree, refuse
from unprompt.workflows.extract import read_or_error, silent

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
    batch_size: int = 32,
    device: str = "cpu",
    dtype: str = "float32",
    report: str | Path | None = None,
    yes: bool = False,
    ask: Callable[[str], None] = refuse,
    say: Callable[[str], None] = silent,
) -> list[Judgement]:
    """Judge pictures and folders of pictures; the judgements come in the order of the inputs.

    A folder is walked recursively and judged by content. A picture that cannot be judged is a row with
    ``status = "error"``. ``prior``, the share of generated pictures where they come from, moves the probability,
    not the verdict; ``fpr`` moves the upper threshold to another false-positive rate. With ``report`` a page is
    written into that folder. What takes long on a CPU goes to ``ask`` first, which raises to stop it; ``yes`` = go on.

    >>> unprompt.detect(["picture.jpg"])[0].verdict  # doctest: +SKIP
    'generated'
    """
    if batch_size < 1:
        raise OptionError(f"--batch-size is {batch_size}, expected 1 or more")
    samples = samples_in([paths] if isinstance(paths, (str, Path)) else paths)
    bureau = Bureau(speaking(suite, device, dtype), method, prior, fpr)
    agree(bureau.suite, bureau.detector.extractor, len(samples), yes=yes, ask=ask, say=say)
    exhibits: list[Exhibit] = []
    judgements: list[Judgement] = []
    for start in range(0, len(samples), batch_size):
        made = list(bureau.judge(samples[start : start + batch_size]))
        judgements += [exhibit.judgement for exhibit in made]
        if report is not None:
            exhibits += made
        say(f"judged {len(judgements)} of {len(samples)}")
    if report is not None:
        write_page(Path(report), exhibits, "Is this picture an answer to a prompt?")
    return judgements


def samples_in(paths: Sequence[str | Path]) -> list[Sample]:
    """The pictures that paths and folders name; a path that is not there stays, to become an error row."""
    if not paths:
        raise DataError("got no path, expected pictures or folders of pictures")
    found: list[Sample] = []
    for path in (os.fspath(one) for one in paths):
        found += load_folder(path) if os.path.isdir(path) else [Sample(path)]
    return found


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

    def __init__(self, suite: Suite, method: str, prior: float, fpr: float | None) -> None:
        self.suite, self.prior = suite, prior
        self.detector: Detector[Any, Any] = load(suite.head(method), suite)
        self.thresholds = self._thresholds(fpr)
        self.world = World.load(suite.world, suite.encoder) if suite.world else None

    def _thresholds(self, fpr: float | None) -> Thresholds:
        stored = self.detector.thresholds
        if stored is None:
            raise CheckpointError(
                f"{self.detector.path} has no thresholds, so it can give no verdict: train it with validation evidence"
            )
        return stored if fpr is None else stored.at_fpr(fpr)

    def judge(self, samples: Sequence[Sample]) -> Iterator[Exhibit]:
        """One exhibit a sample, in order."""
        found = [read_or_error(sample) for sample in samples]
        pictures = [one for one in found if isinstance(one, Picture)]
        judged = iter(self._judged(pictures))
        for sample, one in zip(samples, found, strict=True):
            if isinstance(one, Picture):
                exhibit = next(judged)
                yield replace(exhibit, judgement=replace(exhibit.judgement, label=sample.label))
            else:
                yield Exhibit(Judgement(sample.uri, "error", str(one), label=sample.label))

    def _judged(self, pictures: Sequence[Picture]) -> list[Exhibit]:
        if not pictures:
            return []
        bench = Bench(pictures, self.suite)
        evidence = self.detector.extractor.extract(bench)
        logits = self.detector.logits(evidence)
        scores = np.exp(-np.logaddexp(0, -logits))
        certain = self.detector.probability(logits)
        told = self.detector.probability(logits, self.prior)
        outside = self.world.outside([one.rgb for one in pictures]) if self.world else np.zeros(len(pictures), bool)
        members = self._members(evidence)
        return [
            self._exhibit(picture, evidence[i], scores[i], certain[i], told[i], bool(outside[i]), members[i])
            for i, picture in enumerate(pictures)
        ]

    def _members(self, evidence: Sequence[Any]) -> list[dict[str, float]]:
        """Method -> calibrated probability, for every picture."""
        if not isinstance(self.detector, Panel):
            one = self.detector.probability(self.detector.logits(evidence), self.prior)
            return [{self.detector.method: float(value)} for value in one]
        columns = {
            member.method: member.probability(member.logits([row.parts[member.method] for row in evidence]), self.prior)
            for member in self.detector.members
        }
        return [{method: float(column[i]) for method, column in columns.items()} for i in range(len(evidence))]

    def _exhibit(
        self,
        picture: Picture,
        evidence: Any,
        score: float,
        certain: float,
        told: float,
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
