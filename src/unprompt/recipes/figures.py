"""How a suite's figures are stored beside it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def encoded(figures: Mapping[str, Any]) -> bytes:
    """Sorted JSON without spaces, numbers to six significant digits: intervals are far wider, and packages smaller."""
    return f"{json.dumps(_rounded(figures), separators=(',', ':'), sort_keys=True)}\n".encode()


def packed(figures: Mapping[str, Any]) -> bytes:
    """:func:`encoded`, compressed by gzip, without a time."""
    return gzip.compress(encoded(figures), mtime=0)


def read_packed(path: Path) -> dict[str, Any]:
    """The figures in a file of :func:`packed` bytes."""
    figures: dict[str, Any] = json.loads(gzip.decompress(path.read_bytes()))
    return figures


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, Mapping):
        return {name: _rounded(one) for name, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, (list, tuple)) else value
