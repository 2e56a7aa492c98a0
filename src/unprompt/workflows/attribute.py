"""``unprompt attribute``: pictures in, for each the candidate generator that made it, or none of these."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from unprompt.detectors import load_attributor
from unprompt.detectors.decide import answers
from unprompt.detectors.methods.semgir_a import SemgirAttributor
from unprompt.detectors.ood import OODDetector
from unprompt.evaluation import REAL_PICTURES
from unprompt.evidence.product_cache import ProductCache
from unprompt.instruments import Suite
from unprompt.report import AttributionItem, write_attribution_page
from unprompt.types import NONE_OF_THESE, REAL, Attribution, Picture
from unprompt.workflows.fitting.attribution import names_in
from unprompt.workflows.planning.costs import agree, refuse
from unprompt.workflows.prediction.inputs import Input, in_batches, inputs_of, sized
from unprompt.workflows.prediction.predictor import NO_CAPTION, OUTSIDE, candidate_suites


def attribute(
    paths: Sequence[str | Path] | str | Path,
    *,
    generators: Sequence[str] | str | None = None,
    suite: str | Path = "auto",
    batch_size: int = 32,
    device: str = "cpu",
    dtype: str = "float32",
    report: str | Path | None = None,
    yes: bool = False,
    ask: Callable[[str], None] = refuse,
) -> list[Attribution]:
    """Tell who made pictures, folders and patterns as ``detect`` takes them; the answers come in the inputs' order.

    ``generators`` asks about some of the candidates alone (names, or one text with commas between them). The answer
    is the candidate whose calibrated head is highest, or "none of these" when all are under 0.5 or the picture lies
    outside the suite's world. Whether a picture is generated at all is the question of ``detect``: a real one should
    be none of these. A picture that cannot be read is a row with ``status = "error"``. With ``report`` a page is
    written into that folder. A run that takes long on a CPU goes to ``ask`` first; ``yes`` = go on without asking.

    >>> unprompt.attribute(["picture.jpg"])[0].generator  # doctest: +SKIP
    'diffusion'
    """
    sized(batch_size)
    inputs = inputs_of(paths)
    office = Office(candidate_suites(suite, "semgir-a", device, dtype)[0], names_in(generators))
    agree(office.suite, office.attributor.extractor, len(inputs), yes=yes, ask=ask)
    exhibits: list[AttributionItem] = []
    attributions: list[Attribution] = []
    for exhibit in in_batches(inputs, batch_size, office.attribute, "attributed"):
        attributions.append(exhibit.attribution)
        if report is not None:
            exhibits.append(exhibit)
    if report is not None:
        write_attribution_page(Path(report), exhibits, "Whose answer is this picture?")
    return attributions


class Office:
    """A suite's attributor with everything that turns its heads into answers."""

    def __init__(self, suite: Suite, generators: Sequence[str] | None) -> None:
        self.suite = suite
        whole = load_attributor(suite.head(SemgirAttributor.method), suite)
        self.attributor = whole if generators is None else whole.subset(generators)
        self.world = OODDetector.load(suite.world, suite) if suite.world else None

    def attribute(self, inputs: Sequence[Input]) -> Iterator[AttributionItem]:
        """One exhibit an input, in order."""
        found = [one.read() for one in inputs]
        answered = iter(self._answered([one for one in found if isinstance(one, Picture)]))
        for sample, one in zip((given.sample for given in inputs), found, strict=True):
            truth = REAL_PICTURES if sample.label == REAL else sample.generator or None
            if isinstance(one, Picture):
                exhibit = next(answered)
                yield replace(exhibit, attribution=replace(exhibit.attribution, truth=truth))
            else:
                yield AttributionItem(Attribution(sample.uri, "error", str(one), truth=truth))

    def _answered(self, pictures: Sequence[Picture]) -> Iterator[AttributionItem]:
        if not pictures:
            return
        evidence = self.attributor.extractor.extract(ProductCache(pictures, self.suite))
        told = self.attributor.probabilities(self.attributor.logits(evidence))
        outside = self.world.is_ood([one.rgb for one in pictures]) if self.world else [False] * len(pictures)
        said = answers(self.attributor.candidates, told)
        for picture, one, row, answer, far in zip(pictures, evidence, told, said, outside, strict=True):
            warnings = [OUTSIDE] * bool(far) + [NO_CAPTION] * one.caption.fallback
            attribution = Attribution(
                uri=picture.uri,
                status="ok",
                sha256=picture.sha256,
                pixels=picture.pixels,
                method=self.attributor.method,
                suite=self.suite.name,
                generator=NONE_OF_THESE if far else answer,
                scores=dict(zip(self.attributor.candidates, row.tolist(), strict=True)),
                caption=one.caption.text,
                warnings=tuple(warnings),
                width=picture.width,
                height=picture.height,
                format=picture.format,
                quality=picture.quality,
            )
            yield AttributionItem(attribution, picture.rgb, one.regenerations)
