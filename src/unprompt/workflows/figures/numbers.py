"""Each figure: its numbers, collected from stored evidence, checkpoints and results, and its drawing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from unprompt.analysis import (
    FREE,
    GUIDED,
    Redrawn,
    alignment_table,
    alike,
    consistency_table,
    cosines,
    draw_alignment,
    draw_consistency,
    draw_det,
    draw_reliability,
    draw_robustness,
    draw_roc,
    draw_shift,
    draw_sign,
    draw_tsne,
    embedded,
    psnr,
    robustness_table,
    shift_table,
    sign_table,
    tsne_table,
)
from unprompt.detectors import METHODS, load
from unprompt.detectors.base import Detector
from unprompt.detectors.checkpoint import read_header
from unprompt.detectors.last_layer import last_inputs
from unprompt.errors import OptionError
from unprompt.evidence.alignment import AlignmentExtractor
from unprompt.evidence.base import ok_rows
from unprompt.evidence.dire import DireExtractor
from unprompt.evidence.product_cache import ProductCache, ShardReader
from unprompt.evidence.sare import SareExtractor
from unprompt.evidence.semgir import SemgirExtractor
from unprompt.evidence.stored import reopened
from unprompt.generators import canonical_name
from unprompt.instruments import Suite
from unprompt.report.results import read_rows
from unprompt.types import RGB, Caption
from unprompt.workflows.data.labelled import has_view, stores_with
from unprompt.workflows.figures.curves import reliability, roc
from unprompt.workflows.figures.inputs import FigureInputs, Rows, evidence_of, shards_of
from unprompt.workflows.planning.costs import check_cost

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

log = logging.getLogger(__name__)


def shift(inputs: FigureInputs) -> pa.Table:
    """SARE's figures 2 and 4: the free reconstructions are made here, where the store lacks them, and stored."""
    free = SareExtractor(guided=False)
    _make_free(inputs, free, inputs.loaded("sare"))
    return _shift(inputs, {GUIDED: SareExtractor(), FREE: free})


def caption_gap(inputs: FigureInputs) -> pa.Table:
    """SARE's figures 7 and 16: with the captions alone, as they stand in the evidence."""
    manifest = inputs.loaded("sare").manifest
    return _shift(inputs, {f"{GUIDED}, {manifest.called}" if manifest.changed else GUIDED: SareExtractor()})


def alignment(inputs: FigureInputs) -> pa.Table:
    """TIDY's figure 1b: cosine of the whole picture and its full caption."""
    method = inputs.named("tidy", "item")
    rows, evidence = evidence_of(inputs, AlignmentExtractor(method), inputs.loaded(method))
    values = cosines([one.image for one in evidence], [one.text for one in evidence])
    return alignment_table([row["label"] for row in rows], [row["generator"] for row in rows], list(values))


def sign(inputs: FigureInputs) -> pa.Table:
    """Whether generated pictures lie further from their captions than real ones, by three measures."""
    method = inputs.named("tidy", "item")
    rows, evidence = evidence_of(inputs, AlignmentExtractor(method), inputs.loaded(method))
    images, texts = np.stack([one.image for one in evidence]), np.stack([one.text for one in evidence])
    return sign_table([row["label"] for row in rows], [row["generator"] for row in rows], images, texts)


def consistency(inputs: FigureInputs) -> pa.Table:
    """SemGIR's table 3: its regenerations, and DIRE's reconstructions of the same pictures, made without caption."""
    suite, captions = inputs.loaded("semgir"), dict[str, Caption]()
    redrawn = list(_regenerated(inputs, suite, captions))
    if any(has_view(store, "dire") for store in inputs.folders):
        redrawn += _reconstructed(inputs, suite, captions)
    else:
        log.info("consistency: no evidence of dire, so regenerations alone: extract dire from the same pictures too")
    return consistency_table(redrawn)


def tsne(inputs: FigureInputs) -> pa.Table:
    """The vectors that a method's head takes, of so many pictures as are chosen, in the plane.

    Of a head that takes pictures, as a baseline's network does, what its last layer takes.
    """
    detector = _reader(inputs)
    rows, evidence = evidence_of(inputs, detector.extractor, detector.suite, inputs.pictures)
    vectors = detector.collate(evidence[:1])
    alone = len(vectors) == 1 and vectors[0].ndim == 2
    features = detector.collate(evidence)[0].numpy() if alone else last_inputs(detector, evidence)
    places = embedded(features, inputs.seed)
    labels, generators = ([row[key] for row in rows] for key in ("label", "generator"))
    return tsne_table(detector.method, labels, generators, places)


def robustness(inputs: FigureInputs) -> pa.Table:
    """From results that ``evaluate`` wrote."""
    if not inputs.results:
        raise OptionError("--results is missing, expected a .parquet or .json that evaluate wrote with --robustness")
    return robustness_table([row for path in inputs.results for row in map(asdict, read_rows(path))], inputs.metric)


@dataclass(frozen=True)
class Figure:
    """One figure: from the inputs to a table, and from that table alone to a drawing."""

    collect: Callable[[FigureInputs], pa.Table]
    draw: Callable[[pa.Table], Drawing]
    needs_evidence: bool = True


FIGURES: Final[Mapping[str, Figure]] = MappingProxyType(
    {
        "shift": Figure(shift, draw_shift),
        "gap": Figure(caption_gap, draw_shift),
        "alignment": Figure(alignment, draw_alignment),
        "sign": Figure(sign, draw_sign),
        "consistency": Figure(consistency, draw_consistency),
        "tsne": Figure(tsne, draw_tsne),
        "roc": Figure(roc, draw_roc),
        "det": Figure(roc, draw_det),
        "reliability": Figure(reliability, draw_reliability),
        "robustness": Figure(robustness, draw_robustness, needs_evidence=False),
    }
)


def _shift(inputs: FigureInputs, extractors: Mapping[str, SareExtractor]) -> pa.Table:
    """Distances of pictures from what each condition's extractor has stored of them, shard by shard."""
    suite = inputs.loaded("sare")
    metric, labels, generators = suite.of("sare").perceptual, list[int](), list[str]()
    distances: dict[str, list[float]] = {condition: [] for condition in extractors}
    for store, shard, rows in shards_of(inputs, "sare"):
        for condition, extractor in extractors.items():
            view = store.read_view("sare") if extractor.guided else extractor.view(suite)
            evidence = extractor.load_shard(store, view, shard, suite, rows)
            pairs = [one.picture for one in evidence], [one.reconstruction for one in evidence]
            distances[condition] += metric.distances(*pairs).tolist()
        labels += [row["label"] for row in rows]
        generators += [row["generator"] for row in rows]
        log.info(f"reconstructions compared: {len(labels)} pictures")
    name = suite.manifest.canonical_name("diffusion", "sare")
    own = {one for one in generators if name in (one, canonical_name(one))}
    return shift_table(labels, generators, distances, own)


def _regenerated(inputs: FigureInputs, suite: Suite, captions: dict[str, Caption]) -> Iterator[Redrawn]:
    """Of all pictures; their captions are put into ``captions``, by ``pixels``."""
    for store, shard, rows in shards_of(inputs, "semgir"):
        view = store.read_view("semgir")
        evidence = SemgirExtractor(int(str(view.options["regenerations"]))).load_shard(store, view, shard, suite, rows)
        captions |= {row["pixels"]: one.caption for row, one in zip(rows, evidence, strict=True)}
        drawn = [one.regenerations[0] for one in evidence]
        distances = [psnr(*alike(one.candidate, rgb)) for one, rgb in zip(evidence, drawn, strict=True)]
        yield from _redrawn("regeneration", rows, _scores(suite, drawn, [one.caption for one in evidence]), distances)


def _reconstructed(inputs: FigureInputs, suite: Suite, captions: Mapping[str, Caption]) -> Iterator[Redrawn]:
    """Of the pictures that have a caption: what DIRE draws has none, and is held against SemGIR's."""
    for store, shard, every in shards_of(inputs, "dire"):
        if rows := [row for row in every if row["pixels"] in captions]:
            evidence = DireExtractor("dire").load_shard(store, store.read_view("dire"), shard, suite, rows)
            scores = _scores(suite, [one.reconstruction for one in evidence], [captions[row["pixels"]] for row in rows])
            distances = [psnr(one.picture, one.reconstruction) for one in evidence]
            yield from _redrawn("reconstruction", rows, scores, distances)


def _scores(suite: Suite, drawn: Sequence[RGB], captions: Sequence[Caption]) -> list[float]:
    """CLIP scores, by SemGIR's encoder."""
    encoder = suite.of("semgir").encoder
    texts = encoder.embed_texts([caption.text for caption in captions])
    return [float(one) for one in cosines(encoder.embed_pictures(drawn), texts)]


def _redrawn(kind: str, rows: Rows, scores: Sequence[float], distances: Sequence[float]) -> Iterator[Redrawn]:
    for row, score, distance in zip(rows, scores, distances, strict=True):
        yield Redrawn(row["label"], row["generator"], kind, score, distance)


def _make_free(inputs: FigureInputs, free: SareExtractor, suite: Suite) -> None:
    """Reconstructions without the caption, of whole shards, so that other methods can share them."""
    (_, product) = free.products()
    recipe = product.recipe(suite.of("sare"))
    shards = [(store, shard) for store, shard, _ in shards_of(inputs, "sare")]
    present = {store.root: store.product_table(recipe).shards() for store, _ in shards}
    lacking = [(store, shard) for store, shard in shards if shard not in present[store.root]]
    counts = [len(ok_rows(store, shard)) for store, shard in lacking]
    check_cost(suite, free, sum(counts), inputs.max_minutes)
    for number, (store, shard) in enumerate(lacking, 1):
        pictures = [reopened(row) for row in ok_rows(store, shard)]
        free.extract(ProductCache(pictures, suite, ShardReader(store, shard)))
        log.info(f"shift: reconstructions without the caption, shard {number} of {len(lacking)}")


def _reader(inputs: FigureInputs) -> Detector[Any, Any]:
    """A detector that turns its evidence into vectors: that of the checkpoint, or an untrained one."""
    if len(inputs.checkpoints) > 1:
        raise OptionError(f"--checkpoint is given {len(inputs.checkpoints)} times, expected one head for t-SNE")
    if inputs.checkpoints:
        path = inputs.checkpoints[0]
        return load(path, inputs.loaded(read_header(path).method))
    method = inputs.named("item", "tidy", "clip-probe")
    suite = inputs.loaded(method)
    options = METHODS[method].fitting_options(suite)
    if method != "clip-probe":
        products = stores_with(inputs.folders, method)[0].read_view(method).products
        options = options.override({"scope": "both" if "boxes" in products else "global"})
    return METHODS[method](suite, options)
