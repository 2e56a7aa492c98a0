"""How far a score moves when only the noise is drawn anew: ``extract --spread`` draws, ``train`` measures."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from unprompt.detectors.base import Detector
from unprompt.detectors.methods.panel import Panel
from unprompt.evaluation import spread
from unprompt.evidence.base import Extractor, rows_by_shard
from unprompt.evidence.product_cache import ProductCache, ShardReader
from unprompt.evidence.stored import reopened
from unprompt.instruments import Suite
from unprompt.store import NoiseSamples, Store
from unprompt.validation import Number, Size, checked
from unprompt.workflows.data.labelled import has_view
from unprompt.workflows.data.splits import in_split

log = logging.getLogger(__name__)

PICTURES = 64
"""Pictures that are drawn again at most: a standard deviation needs no more."""

Floats = npt.NDArray[np.float64]
Rows = dict[int, list[dict[str, Any]]]
"""Shard -> sample rows."""


@checked("")
class Spread:
    """A card's figure: standard deviations from draw to draw of the noise, on validation pictures."""

    draws: Size
    """0 = the score depends on no noise and is always the same."""
    pictures: Size
    logit: Number
    probability: Number
    """Of the calibrated probability at prior 0.5."""

    def __str__(self) -> str:
        if not self.draws:
            return "no noise enters"
        return f"±{self.probability:.3f} over {self.draws} draws of the noise, on {self.pictures} pictures"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for a checkpoint's figures."""
        return asdict(self)


STILL = Spread(0, 0, 0.0, 0.0)
"""Of a method without noise."""


def draw_again(
    store: Store,
    shards: Collection[int],
    extractors: Sequence[Extractor[Any]],
    suite: Suite,
    number: int,
) -> None:
    """Store ``number`` draws, the first included, of up to ``PICTURES`` labelled validation pictures of ``shards``."""
    chosen = _chosen(store, set(shards))
    for one in (extractor for extractor in extractors if extractor.noisy):
        for shard, rows in chosen.items():
            made = _draw_part(store, shard, rows, one, suite, number)
            log.info(f"{one.method}: {number} draws of shard {shard} {'made' if made else 'already there'}")
        pictures = {str(shard): [row["pixels"] for row in rows] for shard, rows in chosen.items()}
        store.write_noise_samples(NoiseSamples(one.method, one.view(suite).fingerprint, number, pictures))


def spread_of(folders: Sequence[Store], detector: Detector[Any, Any], suite: Suite) -> Spread | None:
    """How far the detector's scores move over the draws that the stores hold; None when they hold none."""
    members = detector.members if isinstance(detector, Panel) else (detector,)
    if not any(member.extractor.noisy for member in members):
        return STILL
    by_store = [one for store in folders if (one := _logits(store, members, suite)) is not None]
    if not by_store:
        return None
    number = min(len(one) for one in by_store)
    features = np.concatenate([one[:number] for one in by_store], axis=1)
    logits = np.stack([detector.combined(one) if isinstance(detector, Panel) else one[:, 0] for one in features])
    return Spread(number, logits.shape[1], spread(logits), spread(detector.probability(logits)))


def _chosen(store: Store, shards: set[int]) -> Rows:
    """The labelled validation pictures with the lowest hashes, which is as good as a random choice."""
    known = _validation(store)
    lowest = sorted({row["pixels"] for shard in shards & known.keys() for row in known[shard]})[:PICTURES]
    return _only(known, {shard: frozenset(lowest) for shard in shards})


def _validation(store: Store) -> Rows:
    return {shard: [row for row in rows if in_split(row, "validation")] for shard, rows in rows_by_shard(store)}


def _only(known: Rows, wanted: dict[int, frozenset[str]]) -> Rows:
    """The rows whose pixels are wanted in their shard; shards without any are left out."""
    kept = {shard: [row for row in rows if row["pixels"] in wanted.get(shard, ())] for shard, rows in known.items()}
    return {shard: rows for shard, rows in kept.items() if rows}


def _draw_part(
    store: Store, shard: int, rows: Sequence[dict[str, Any]], extractor: Extractor[Any], suite: Suite, number: int
) -> bool:
    """Make the draws of one shard that are not there yet; whether there were any."""
    reader, pixels = ShardReader(store, shard), [row["pixels"] for row in rows]
    drawn = [product for product in extractor.products() if product.drawn]
    lacking = [
        noise
        for noise in range(1, number)
        if any(reader.read(one, one.recipe(suite, noise), pixels, some=True) is None for one in drawn)
    ]
    if lacking:
        cache = ProductCache([reopened(row) for row in rows], suite, reader)
        for noise in lacking:
            cache = extractor.fill(cache.at_noise(noise))
    return bool(lacking)


def _logits(store: Store, members: Sequence[Detector[Any, Any]], suite: Suite) -> npt.NDArray[np.float64] | None:
    """Noise samples x pictures x members of the pictures that every noisy member's evidence has further draws of."""
    if not all(has_view(store, member.extractor.method) for member in members):
        return None
    notes = [_note(store, member.extractor, suite) for member in members if member.extractor.noisy]
    present = [note for note in notes if note is not None]
    if not present or len(present) < len(notes):
        return None
    known = _validation(store)
    rows = _only(known, {shard: frozenset.intersection(*(note.of(shard) for note in present)) for shard in known})
    if not rows:
        return None
    number = min(note.number for note in present)
    return np.array(
        [[_drawn(store, member, suite, rows, noise) for member in members] for noise in range(number)]
    ).transpose(0, 2, 1)


def _note(store: Store, extractor: Extractor[Any], suite: Suite) -> NoiseSamples | None:
    """The extractor's draws, unless they are of other evidence."""
    note = store.read_noise_samples(extractor.method)
    suite = suite.at_dtype(store.dtype(store.read_view(extractor.method)) or suite.dtype)
    return note if note is not None and note.evidence == extractor.view(suite).fingerprint else None


def _drawn(store: Store, member: Detector[Any, Any], suite: Suite, rows: Rows, noise: int) -> Floats:
    """N logits under one draw."""
    view = store.read_view(member.extractor.method)
    evidence = [
        one
        for shard, wanted in rows.items()
        for one in member.extractor.load_shard(store, view, shard, suite, wanted, noise)
    ]
    return member.logits(evidence)
