"""Trees of the published benchmarks, grown in the test with their true names and 32-pixel pictures."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Grow = Callable[..., Path]


def picture(name: str) -> bytes:
    """32 x 32 pixels that depend on ``name``; JPEG where its suffix says so, else PNG."""
    rgb = np.random.default_rng(zlib.crc32(name.encode())).integers(0, 256, (32, 32, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "JPEG" if name.lower().endswith((".jpg", ".jpeg")) else "PNG")
    return file.getvalue()


@pytest.fixture
def grow(tmp_path: Path) -> Grow:
    """Makes files below a new root: ``paths`` are whole, ``empty`` has no byte, ``cut`` half of them.

    ``swapped`` names have the bytes of the other format; ``beside`` are no pictures at all.
    """

    def make(
        paths: Iterable[str],
        empty: Iterable[str] = (),
        cut: Iterable[str] = (),
        swapped: Iterable[str] = (),
        beside: Iterable[str] = (),
    ) -> Path:
        root = tmp_path / "root"
        files = {path: picture(path) for path in paths}
        files |= dict.fromkeys(empty, b"") | dict.fromkeys(beside, b"see the web page")
        files |= {path: picture(path)[:600] for path in cut}
        files |= {path: picture("x.png" if path.lower().endswith(("jpg", "jpeg")) else "x.jpg") for path in swapped}
        for path, data in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(data)
        return root

    return make
