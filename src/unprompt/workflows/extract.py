"""``unprompt extract``: evidence from the frozen models, once; a second run only makes what is missing."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from unprompt import datasets
from unprompt.detectors import EVERY
from unprompt.detectors.base import Model
from unprompt.errors import OptionError, PictureError
from unprompt.evidence.base import Extractor, ok_rows
from unprompt.evidence.joint import JointExtractor
from unprompt.evidence.product_cache import ProductCache, ShardReader
from unprompt.images import read
from unprompt.instruments import Suite
from unprompt.perturbations import UNCHANGED, Chain, perturbed
from unprompt.store import Shard, Shards, Store, sample_rows
from unprompt.types import Picture, Sample
from unprompt.workflows.fitting.spread import draw_again
from unprompt.workflows.planning.costs import check_cost, members

log = logging.getLogger(__name__)


def extract(
    method: str,
    *,
    data: str,
    out: Path | str,
    suite: str | Path = "miniature",
    spread: int = 1,
    device: str = "cpu",
    dtype: str = "float32",
    perturb: str = "",
    options: Mapping[str, Any] | None = None,
    max_minutes: float | None = 5.0,
) -> Path:
    """Make a method's evidence by the frozen models, once; what is stored already is not made again.

    ``panel`` extracts for its four members at once. Pictures that cannot be read become rows with an error, and so do
    those about which a model answers NaN, in float32 too.

    A run that would take longer than ``max_minutes`` on a CPU raises Unconfirmed before it begins; None = no limit.

    Args:
        data: What to read, as NAME:ARGUMENT: ``unprompt datasets`` lists the names.
        out: Folder of the evidence, which is returned.
        suite: The models to use: ``unprompt suites`` lists them.
        spread: Noise samples of some validation pictures, so that ``train`` can measure how far scores move.
        perturb: Change the decoded pictures first, as NAME:VALUE,...: jpeg:80, blur:2, noise:0.01, scale:0.75, flip:3,
            and others.
    """
    if spread < 1:
        raise OptionError(f"--spread is {spread}, expected 1 or more draws of the noise")
    method_class, chain, samples = EVERY[method], Chain.parse(perturb), datasets.load(data)
    instruments = Suite.load(suite, device, dtype)
    method_class.check_suite(instruments, method_class.fitting_options(instruments).override(options))
    extractor = _extractor(method_class, instruments, options)
    check_cost(instruments, extractor, len(samples), max_minutes)
    store = extract_samples(extractor, samples, Path(out), instruments, chain)
    if spread > 1:
        draw_again(store, store.plan(samples).numbers, members(extractor), instruments, spread)
    return store.root


def extract_samples(
    extractor: Extractor[Any],
    samples: Sequence[Sample],
    out: Path,
    instruments: Suite,
    chain: Chain = UNCHANGED,
) -> Store:
    """As :func:`extract`, from samples, a suite and an extractor at hand, which may be a panel's."""
    store, extractors = Store(out), members(extractor)
    store.check_perturbation(str(chain))
    shards = store.plan(samples)
    gaps = [(one, _missing(store, shards, one, instruments)) for one in extractors]
    incomplete = iter(shards.only({index for _, missing in gaps for index in missing}))
    for number, index in enumerate(shards.numbers, 1):
        lacking = [one for one, missing in gaps if index in missing]
        made = bool(lacking) and _make(store, next(incomplete), lacking, instruments, chain)
        log.info(f"shard {number} of {len(shards)}: {'made' if made else 'already there'}")
    for one in extractors:
        store.write_view(one.view(instruments))
    return store


def _extractor(method: type[Model[Any, Any]], suite: Suite, options: Mapping[str, Any] | None) -> Extractor[Any]:
    """The method's own, or those of all members with the options that fit each."""
    extractor = method.evidence_of(method.fitting_options(suite).override(options))
    if not isinstance(extractor, JointExtractor):
        return extractor
    return JointExtractor({name: _extractor(EVERY[name], suite, None) for name in extractor.extractors})


def _missing(store: Store, shards: Shards, extractor: Extractor[Any], suite: Suite) -> frozenset[int]:
    tables = [store.product_table(recipe).name for recipe in extractor.recipes(suite).values()]
    return store.missing(shards.numbers, tables)


def _make(store: Store, shard: Shard, extractors: Sequence[Extractor[Any]], suite: Suite, chain: Chain) -> bool:
    """Make what a shard lacks; False when nothing, since it was read and has no picture."""
    unread = store.read_shard(shard.index) is None
    if not unread and not ok_rows(store, shard.index):
        return False
    results = [read_or_error(sample, chain) for sample in shard.samples]
    if unread:
        store.write_samples(shard.index, sample_rows(shard, results, str(chain)))
    failed = store.failed_pictures(shard.index)
    pictures = [one for one in results if isinstance(one, Picture) and one.pixels not in failed]
    cache = ProductCache(pictures, suite, ShardReader(store, shard.index))
    for extractor in extractors:
        cache = extractor.fill(cache)
    return True


def read_or_error(sample: Sample, chain: Chain = UNCHANGED) -> Picture | PictureError:
    """The picture after ``chain``, or the error."""
    try:
        return perturbed(read(Path(sample.uri), sample.uri), chain)
    except PictureError as error:
        return error
