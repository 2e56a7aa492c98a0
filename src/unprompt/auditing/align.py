"""``unprompt audit --align``: both classes re-encoded and sized alike, as a manifest that every verb takes."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import logging
import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Final, Self

import numpy as np

from unprompt.auditing import Item
from unprompt.errors import DataError, OptionError, StoreError
from unprompt.images import DEFAULT_LIMITS, Limits, encode_jpeg, encode_png, fit_short, read_isolated
from unprompt.progress import TimeLeft
from unprompt.store.files import write_aside
from unprompt.structured_text import read_object
from unprompt.types import RGB, Picture

log = logging.getLogger(__name__)

VERSION: Final = 1
"""Raised when the same picture and options give other bytes."""
MANIFEST: Final = "manifest.csv"
RECIPE: Final = "alignment.json"
CHUNK: Final = 256


@dataclass(frozen=True)
class Alignment:
    """What every picture of both classes goes through; at least one of the two is given."""

    jpeg: int | None = None
    """JPEG quality, 1 to 100, at 4:2:0; None = PNG."""
    size: int | None = None
    """Side in pixels of the square that every picture becomes; None = each keeps its size."""

    def __post_init__(self) -> None:
        if self.jpeg is None and self.size is None:
            raise OptionError("--align is empty; expected jpeg:QUALITY, size:PIXELS or both, as jpeg:96,size:512")
        if self.jpeg is not None and not 1 <= self.jpeg <= 100:
            raise OptionError(f"--align has jpeg:{self.jpeg}; expected a quality from 1 to 100")
        if self.size is not None and not 8 <= self.size <= 8192:
            raise OptionError(f"--align has size:{self.size}; expected 8 to 8192 pixels")

    @classmethod
    def parse(cls, text: str) -> Self:
        """``jpeg:96,size:512`` -> options; OptionError for another name, a repeated one, or a value that is no number.

        >>> Alignment.parse("jpeg:96,size:512")
        Alignment(jpeg=96, size=512)
        """
        options: dict[str, int] = {}
        for word in filter(None, text.split(",")):
            name, _, value = word.strip().partition(":")
            if name not in ("jpeg", "size") or name in options or not value.isdecimal():
                raise OptionError(f"--align has {word!r}; expected jpeg:QUALITY and size:PIXELS, each once")
            options[name] = int(value)
        return cls(**options)

    def apply(self, picture: Picture) -> bytes:
        """The picture's new file: the short side becomes ``size``, a square of it is cut out, then it is encoded.

        The square's place is drawn from the picture's seed: it breaks the grid of 8 x 8 blocks that a former JPEG left.
        """
        rgb = picture.rgb if self.size is None else _square(picture, self.size)
        return encode_png(rgb) if self.jpeg is None else encode_jpeg(rgb, self.jpeg)

    @property
    def suffix(self) -> str:
        """That of the files."""
        return ".png" if self.jpeg is None else ".jpg"


def write_aligned(
    items: Sequence[Item], alignment: Alignment, out: Path, pool: Executor, limits: Limits = DEFAULT_LIMITS
) -> Path:
    """Fill ``out`` with the aligned pictures and ``manifest.csv``, and return the manifest; nothing is made twice.

    A file's name is a hash of the source's path and pixels: it reveals no class, and a changed source gets another.
    Splits are written as the audit saw them. A picture that cannot be read keeps its row, with the damaged file's path.
    Raises DataError when ``out`` was made with other options, StoreError when it cannot be written.
    """
    _claim(out / RECIPE, alignment)
    rows: list[dict[str, object]] = []
    written, left = 0, TimeLeft()
    for start in range(0, len(items), CHUNK):
        chunk = items[start : start + CHUNK]
        written += sum(pool.map(partial(_write, alignment=alignment, out=out, limits=limits), chunk))
        rows += [_row(item, alignment) for item in chunk]
        log.info(f"aligned {len(rows)} of {len(items)}{left(len(rows), len(items))}")
    _warn_of_enlarged(items, alignment)
    if lacking := [place for item in items if (place := _place(item, alignment)) and not (out / place).is_file()]:
        raise StoreError(
            f"{out / lacking[0]} is gone; expected that nobody removes or changes {out} while it is filled: "
            "run the same command again"
        )
    manifest = out / MANIFEST
    write_aside(manifest, lambda file: file.write(_table(rows)))
    log.info(f"made {written}, there already or unreadable {len(items) - written}; now: --data manifest:{manifest}")
    return manifest


def _square(picture: Picture, side: int) -> RGB:
    rgb = fit_short(picture.rgb, side)
    rng = np.random.default_rng(picture.seed)
    top, left = (int(rng.integers(0, length - side + 1)) for length in rgb.shape[:2])
    return rgb[top : top + side, left : left + side]


def _claim(path: Path, alignment: Alignment) -> None:
    """Store the folder's options, or check that they are the same."""
    recipe = {"version": VERSION, **asdict(alignment)}
    if path.is_file():
        try:
            stored = read_object(path)
        except (OSError, ValueError) as error:
            raise DataError(f"{path} cannot be read ({error}): delete it, or name another --out") from error
        if stored != recipe:
            raise DataError(f"{path.parent} was aligned with {stored}, not with {recipe}: name another --out")
        return
    write_aside(path, lambda file: file.write(json.dumps(recipe, indent=1).encode()))


def _place(item: Item, alignment: Alignment) -> str | None:
    """Where the aligned picture lies below the folder; None when there is none."""
    if item.facts is None:
        return None
    name = hashlib.sha256(f"{item.facts.pixels}\0{os.path.abspath(item.sample.uri)}".encode()).hexdigest()[:32]
    return f"pictures/{name[:2]}/{name}{alignment.suffix}"


def _write(item: Item, alignment: Alignment, out: Path, limits: Limits) -> bool:
    """Write the aligned picture; False when it is there already, or cannot be."""
    place = _place(item, alignment)
    if place is None or (out / place).is_file():
        return False
    data = alignment.apply(read_isolated(Path(item.sample.uri), item.sample.uri, limits))
    write_aside(out / place, lambda file: file.write(data))
    return True


def _row(item: Item, alignment: Alignment) -> dict[str, object]:
    sample, facts = item.sample, item.facts
    return {
        "path": _place(item, alignment) or os.path.abspath(sample.uri),
        "label": "" if sample.label is None else sample.label,
        "generator": sample.generator,
        "split": item.split or "",
        "content": sample.content,
        "prompt": sample.prompt,
        "original": os.path.abspath(sample.uri),
        "original_format": facts.format if facts else "",
        "original_width": facts.width if facts else "",
        "original_height": facts.height if facts else "",
        "original_quality": "" if facts is None or facts.quality is None else facts.quality,
    }


def _table(rows: Sequence[dict[str, object]]) -> bytes:
    file = io.StringIO()
    writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue().encode()


def _warn_of_enlarged(items: Sequence[Item], alignment: Alignment) -> None:
    """Enlarged pictures are smooth: where one class has more of them, the view still separates the classes."""
    if alignment.size is None:
        return
    small, all_ = Counter[object](), Counter[object]()
    for item in items:
        if item.facts is not None and item.label is not None:
            all_[item.label] += 1
            small[item.label] += min(item.facts.width, item.facts.height) < alignment.size
    shares = {name: small[label] / all_[label] for label, name in ((0, "real"), (1, "generated")) if all_[label]}
    if any(shares.values()):
        enlarged = " and ".join(f"{share:.0%} of the {name}" for name, share in shares.items())
        log.warning(
            f"{enlarged} pictures were smaller than {alignment.size} pixels and were enlarged, which smooths "
            "them; a smaller size avoids it"
        )
