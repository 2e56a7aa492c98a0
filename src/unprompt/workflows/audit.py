"""``unprompt audit``: metadata leakage and copies in a dataset's files, and a view of it with less leakage."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from unprompt import datasets
from unprompt.auditing import Audit, FileFacts, Item
from unprompt.auditing.align import Alignment, write_aligned
from unprompt.errors import OptionError, PictureError
from unprompt.images import Limits
from unprompt.processors import usable_cores
from unprompt.progress import TimeLeft
from unprompt.report.folder import check_report
from unprompt.types import Sample
from unprompt.urls import local_path
from unprompt.workflows.data.splits import assigned_split
from unprompt.workflows.extract import read_or_error

log = logging.getLogger(__name__)

CHUNK = 256
"""Pictures that are submitted at a time, so that an interruption is noticed and progress logged."""


def audit(
    data: str,
    *,
    report: Path | str | None = None,
    align: str | None = None,
    out: Path | str | None = None,
    workers: int | None = None,
    max_pixels: int = 100_000_000,
) -> Audit:
    """Report what a dataset's files reveal: formats, sizes, compression, copies.

    Args:
        data: What to read, as NAME:ARGUMENT: ``unprompt datasets`` lists the names.
        report: Also write a page with plots into this folder.
        align: Also re-encode and size both classes alike, as jpeg:96,size:512, into the folder out, whose manifest.csv
            every command takes.
        out: Folder of the aligned view.
        workers: Threads that read; by default one a core. Each holds one picture.
        max_pixels: Width times height of the largest picture that is opened.

    >>> unprompt.audit("folder:pictures").bias.auc  # doctest: +SKIP
    0.97
    """
    if (align is None) != (out is None):
        raise OptionError("--align and --out go together; got one without the other: give both, or neither")
    check_report(report)
    folder = None if out is None else local_path(out, "--out")
    threads = usable_cores() if workers is None else workers
    if threads < 1:
        raise OptionError(f"--workers is {workers}; expected 1 or more")
    alignment, limits = None if align is None else Alignment.parse(align), Limits(max_pixels)
    samples = datasets.load(data)
    with ThreadPoolExecutor(threads) as pool:
        items = list(_items(samples, pool, limits))
        result = Audit.of(data, items)
        if alignment is not None and folder is not None:
            write_aligned(items, alignment, folder, pool, limits)
    if report is not None:
        from unprompt.report.audit_page import write_audit  # without a page no template is needed

        write_audit(Path(report), result, items, limits)
    return result


def _items(samples: Sequence[Sample], pool: ThreadPoolExecutor, limits: Limits) -> Iterator[Item]:
    left = TimeLeft()
    for start in range(0, len(samples), CHUNK):
        yield from pool.map(partial(_item, limits), samples[start : start + CHUNK])
        done = min(start + CHUNK, len(samples))
        log.info(f"read {done} of {len(samples)}{left(done, len(samples))}")


def _item(limits: Limits, sample: Sample) -> Item:
    picture = read_or_error(sample, limits=limits)
    if isinstance(picture, PictureError):
        return Item(sample, sample.split, None, str(picture))
    row = {"split": sample.split, "pixels": picture.pixels, "sha256": picture.sha256}
    return Item(sample, assigned_split(row), FileFacts.of(picture))
