"""What a decoding process and its caller say to each other: a line of JSON, then bytes whose number it tells."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, BinaryIO, TypeAlias

Message: TypeAlias = dict[str, Any]
"""The line; what follows it is read by whoever knows where it is to go."""


def send(stream: BinaryIO, line: Mapping[str, Any], body: bytes | memoryview = b"") -> None:
    """Write one message whole."""
    stream.write(json.dumps(line).encode() + b"\n")
    stream.write(body)
    stream.flush()


def receive(stream: BinaryIO) -> Message | None:
    """The next line; None where the other side has closed its end. ValueError for what is none."""
    line = stream.readline()
    if not line.endswith(b"\n"):
        return None
    message = json.loads(line)
    if not isinstance(message, dict):
        raise ValueError(f"expected an object, got {type(message).__name__}")
    return message
