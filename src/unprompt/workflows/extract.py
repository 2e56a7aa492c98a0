"""``unprompt extract``: evidence from the frozen models, once; a second run only makes what is missing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np

from unprompt import datasets
from unprompt.choices import EngineName
from unprompt.detectors import EVERY
from unprompt.detectors.base import Model
from unprompt.detectors.options import Options
from unprompt.engines import Engine, InProcess, engine_for
from unprompt.errors import OptionError, PictureError, StoreError
from unprompt.evidence.base import Extractor, ok_rows
from unprompt.evidence.joint import JointExtractor
from unprompt.evidence.product_cache import ProductCache, ShardReader
from unprompt.images import DEFAULT_LIMITS, PIXELS_IN_MEMORY, Limits, read_isolated
from unprompt.instruments import Suite
from unprompt.perturbations import UNCHANGED, Chain, perturbed
from unprompt.progress import TimeLeft
from unprompt.store import Place, Shard, Shards, Store, place, sample_rows
from unprompt.types import Picture, Sample
from unprompt.workflows.fitting.spread import draw_again
from unprompt.workflows.planning.costs import check_cost, members

log = logging.getLogger(__name__)


def extract(
    method: str,
    *,
    data: str,
    out: str | Path,
    suite: str | Path = "miniature",
    spread: int = 1,
    device: str = "cpu",
    dtype: str = "float32",
    batch_size: int | None = None,
    perturb: str = "",
    max_pixels: int = 100_000_000,
    options: Mapping[str, Any] | None = None,
    max_minutes: float | None = 5.0,
    engine: EngineName = "local",
    devices: int | None = None,
    address: str | None = None,
) -> Place:
    """Make a method's evidence by the frozen models, once; what is stored already is not made again.

    ``panel`` extracts for its four members at once. Pictures that cannot be read become rows with an error, and so do
    those about which a model answers NaN, in float32 too.

    A run that would take longer than ``max_minutes`` on a CPU raises Unconfirmed before it begins; None = no limit.

    Args:
        data: What to read, as NAME:ARGUMENT: ``unprompt datasets`` lists the names.
        out: Folder of the evidence, or its URL in an object store, as s3://BUCKET/FOLDER; it is returned.
        suite: The models to use: ``unprompt suites`` lists them.
        spread: Noise samples of some validation pictures, so that ``train`` can measure how far scores move.
        batch_size: Pictures that go through a model at once, of every model; default: each model's own number. Fewer
            need less memory.
        perturb: Change the decoded pictures first, as NAME:VALUE,...: jpeg:80, blur:2, noise:0.01, scale:0.75, flip:3,
            and others.
        max_pixels: Width times height of the largest picture that is opened; rows that are stored stay as they are.
        devices: Processes that share the shards, each with models of its own, on a device of its own; default: of local
            one, of ray as many as the cluster has processors, or GPUs.
    """
    if spread < 1:
        raise OptionError(f"--spread is {spread}, expected 1 or more draws of the noise")
    if batch_size is not None and batch_size < 1:
        raise OptionError(f"--batch-size is {batch_size}, expected 1 or more pictures")
    method_class, chain, limits, samples = EVERY[method], Chain.parse(perturb), Limits(max_pixels), datasets.load(data)
    spreading = engine_for(engine, device, devices, address)
    instruments = Suite.load(suite, device, dtype, batch_size)
    chosen = method_class.fitting_options(instruments).override(options)
    method_class.check_suite(instruments, chosen)
    extractor = _extractor(method_class, instruments, chosen)
    check_cost(instruments, extractor, len(samples), max_minutes)
    store = extract_samples(extractor, samples, place(out), instruments, chain, limits, spreading)
    if spread > 1:
        draw_again(store, store.plan(samples).numbers, members(extractor), instruments, spread)
    return store.root


def extract_samples(
    extractor: Extractor[Any],
    samples: Sequence[Sample],
    out: Place,
    instruments: Suite,
    chain: Chain = UNCHANGED,
    limits: Limits = DEFAULT_LIMITS,
    engine: Engine | None = None,
) -> Store:
    """As :func:`extract`, from samples, a suite and an extractor at hand, which may be a panel's."""
    store, extractors = Store(out), members(extractor)
    store.check_perturbation(str(chain))
    shards = store.plan(samples)
    gaps = [_missing(store, shards, one, instruments) for one in extractors]
    incomplete = shards.only(frozenset().union(*gaps))
    there = len(shards) - len(incomplete)
    if there:
        log.info(f"{there} of {len(shards)} shards already there")
    left, work = TimeLeft(), ShardFilling(store, instruments, tuple(extractors), chain, limits)
    tasks = ((shard, [place for place, missing in enumerate(gaps) if shard.index in missing]) for shard in incomplete)
    for number, made in enumerate((engine or InProcess(instruments.device)).run(work, tasks), 1):
        store.check_read()
        told = "made" if made else "already there"
        log.info(f"shard {there + number} of {len(shards)}: {told}{left(number, len(incomplete))}")
    if shards.numbers:
        store.check_read(shards.numbers)
        store.check_planned(samples)
    for one in extractors:
        store.write_view(one.view(instruments))
    return store


@dataclass(frozen=True)
class ShardFilling:
    """The unit of work of every engine: a shard, and the extractors that it lacks, by their places."""

    store: Store
    suite: Suite
    extractors: tuple[Extractor[Any], ...]
    chain: Chain
    limits: Limits

    def open(self, device: str) -> Callable[[tuple[Shard, Sequence[int]]], bool]:
        suite = self.suite.on(device)

        def fill(task: tuple[Shard, Sequence[int]]) -> bool:
            shard, places = task
            return _make(self.store, shard, [self.extractors[one] for one in places], suite, self.chain, self.limits)

        return fill


def _extractor(method: type[Model[Any, Any]], suite: Suite, chosen: Options) -> Extractor[Any]:
    """The method's own, or those of all members with the options that fit each."""
    extractor = method.evidence_of(chosen)
    if not isinstance(extractor, JointExtractor):
        return extractor
    several = {name: EVERY[name] for name in extractor.extractors}
    return JointExtractor({name: _extractor(one, suite, one.fitting_options(suite)) for name, one in several.items()})


def _missing(store: Store, shards: Shards, extractor: Extractor[Any], suite: Suite) -> frozenset[int]:
    tables = [store.product_table(recipe).name for recipe in extractor.recipes(suite).values()]
    return store.missing(shards.numbers, tables)


def _make(
    store: Store, shard: Shard, extractors: Sequence[Extractor[Any]], suite: Suite, chain: Chain, limits: Limits
) -> bool:
    """Make what a shard lacks; False when nothing, since it was read and has no picture."""
    unread = store.read_shard(shard.index) is None
    if not unread and not ok_rows(store, shard.index):
        return False
    results = list(_bounded((read_or_error(sample, chain, limits) for sample in shard.samples), store.root))
    if unread:
        store.write_samples(shard.index, sample_rows(shard, results, str(chain)))
    failed = store.failed_pictures(shard.index)
    pictures = [one for one in results if isinstance(one, Picture) and one.pixels not in failed]
    cache = ProductCache(pictures, suite, ShardReader(store, shard.index))
    for extractor in extractors:
        cache = extractor.fill(cache)
    return True


def _bounded(results: Iterable[Picture | PictureError], folder: Place) -> Iterator[Picture | PictureError]:
    """The same, with what passes ``PIXELS_IN_MEMORY`` on the disk: a shard is one batch, however large its pictures."""
    held = 0
    for result in results:
        held += result.rgb.size // 3 if isinstance(result, Picture) else 0
        yield _on_disk(result, folder) if isinstance(result, Picture) and held > PIXELS_IN_MEMORY else result


def _on_disk(picture: Picture, folder: Place) -> Picture:
    """The picture with its pixels in a nameless file, of which memory holds what there is room for."""
    try:
        with TemporaryFile(dir=folder if isinstance(folder, Path) else None) as file:
            file.write(picture.rgb.data)
            file.flush()
            pixels = np.memmap(file, np.uint8, "c", shape=picture.rgb.shape)
    except OSError as error:
        raise StoreError(
            f"{folder}: the pixels of {picture.uri} cannot be written ({error}); expected a folder with "
            f"{picture.rgb.nbytes} bytes of free space that you may write to: make room or name another --out"
        ) from error
    return replace(picture, rgb=np.asarray(pixels))


def read_or_error(sample: Sample, chain: Chain = UNCHANGED, limits: Limits = DEFAULT_LIMITS) -> Picture | PictureError:
    """The picture after ``chain``, or the error."""
    try:
        return perturbed(read_isolated(Path(sample.uri), sample.uri, limits), chain)
    except PictureError as error:
        return error
