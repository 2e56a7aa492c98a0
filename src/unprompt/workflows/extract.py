"""``unprompt extract``: the costly half, once; a second run only makes what is missing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from unprompt.detectors import METHODS
from unprompt.errors import PictureError
from unprompt.evidence.base import Extractor, ok_rows
from unprompt.evidence.bench import Bench, PartShelves
from unprompt.evidence.joint import JointExtractor
from unprompt.images import read
from unprompt.instruments import Suite
from unprompt.perturbations import UNCHANGED, Chain, perturbed
from unprompt.store import Part, Store, sample_rows
from unprompt.types import Picture, Sample
from unprompt.workflows.sources import samples_of


def silent(line: str) -> None:
    """Tell no one."""


def extract(
    method: str,
    *,
    data: str,
    out: str | Path,
    suite: str | Path = "miniature",
    device: str = "cpu",
    dtype: str = "float32",
    perturb: str = "",
    say: Callable[[str], None] = silent,
) -> Path:
    """Store the evidence that ``method`` needs of all pictures of ``data`` in the folder ``out``, and return it.

    ``panel`` extracts for its four members at once. Pictures that cannot be read become rows with an error.
    ``perturb``, name:value[,name:value], changes the decoded pictures before any instrument sees them.
    """
    made, chain, samples = METHODS[method], Chain.parse(perturb), samples_of(data)
    instruments = Suite.load(suite, device, dtype)
    extractors = extractors_of(made.evidence_of(made.fitting_options(instruments)))
    return extract_samples(extractors, samples, Path(out), instruments, chain, say)


def extract_samples(
    extractors: Sequence[Extractor[Any]],
    samples: Sequence[Sample],
    out: Path,
    instruments: Suite,
    chain: Chain = UNCHANGED,
    say: Callable[[str], None] = silent,
) -> Path:
    """As :func:`extract`, from samples and a suite at hand."""
    store = Store(out)
    store.check_perturbation(str(chain))
    parts = store.plan(samples)
    for number, part in enumerate(parts, 1):
        missing = [one for one in extractors if not _stored(store, part, one, instruments)]
        if missing:
            _make(store, part, missing, instruments, chain)
        say(f"part {number} of {len(parts)}: {'made' if missing else 'already there'}")
    for one in extractors:
        store.write_view(one.view(instruments))
    return store.root


def extractors_of(extractor: Extractor[Any]) -> Sequence[Extractor[Any]]:
    """The extractor itself, or those that a joint one joins."""
    return list(extractor.extractors.values()) if isinstance(extractor, JointExtractor) else [extractor]


def _stored(store: Store, part: Part, extractor: Extractor[Any], suite: Suite) -> bool:
    if store.read_part(part.index) is None:
        return False
    shelves = [store.shelf(recipe) for recipe in extractor.recipes(suite).values()]
    return all(shelf.has(part.index) for shelf in shelves) or not ok_rows(store, part.index)


def _make(store: Store, part: Part, extractors: Sequence[Extractor[Any]], suite: Suite, chain: Chain) -> None:
    found = [read_or_error(sample, chain) for sample in part.samples]
    if store.read_part(part.index) is None:
        store.write_samples(part.index, sample_rows(part, found, str(chain)))
    pictures = [picture for picture in found if isinstance(picture, Picture)]
    bench = Bench(pictures, suite, PartShelves(store, part.index))
    for extractor in extractors:
        extractor.extract(bench)


def read_or_error(sample: Sample, chain: Chain = UNCHANGED) -> Picture | PictureError:
    """The picture after ``chain``, or what stood in its way."""
    try:
        return perturbed(read(Path(sample.uri), sample.uri), chain)
    except PictureError as error:
        return error
