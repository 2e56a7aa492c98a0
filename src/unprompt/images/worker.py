"""The process that decodes pictures for another: requests on stdin, replies on stdout, until stdin ends.

What cannot be interrupted from Python, a decoder in C, is stopped with the whole process, by a watch that needs neither
the interpreter nor the process that asked: no picture takes longer than its limits, and nothing outlives its caller.
"""

from __future__ import annotations

import faulthandler
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import fields
from pathlib import Path
from typing import BinaryIO, Final

from unprompt.errors import PictureError, PictureTooLarge
from unprompt.images.decode import read
from unprompt.images.limits import Limits
from unprompt.images.messages import Message, receive, send
from unprompt.types import Picture

MEMORY: Final = 2 * 1024**3
"""Bytes of address space that a decoder may take beyond what its pixels may."""
PIXEL: Final = 24
"""Bytes for each pixel that the limits allow: six times what RGBA takes, for the copies of a conversion."""


def serve() -> None:
    """Answer until the caller closes its end, then end without ceremony."""
    requests, replies = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not pass for a reply
    send(replies, {"ready": True})
    while (request := receive(requests)) is not None:
        limits = Limits(**request["limits"])
        source = _source(request, requests)
        with _watch(limits):
            line, picture = _answer(source, request["uri"], limits)
        send(replies, line, b"" if picture is None else picture.rgb.reshape(-1).data)
        del source, picture  # not to be held while the next is decoded
    os._exit(0)


def memory(limits: Limits) -> int:
    """Bytes of address space within which a picture is decoded, where the system can hold a process to them."""
    return MEMORY + PIXEL * limits.max_pixels


def _source(request: Message, stream: BinaryIO) -> Path | bytes:
    return Path(request["path"]) if "path" in request else stream.read(request["bytes"])


@contextmanager
def _watch(limits: Limits) -> Iterator[None]:
    """End the process when the body takes longer than it may."""
    _hold(memory(limits))
    faulthandler.dump_traceback_later(min(limits.max_seconds, threading.TIMEOUT_MAX / 2), exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def _hold(size: int) -> None:
    """Limit the address space; where the system knows no such limit, or has a lower one already, that stays."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (size if most == resource.RLIM_INFINITY else min(size, most), most))


def _answer(source: Path | bytes, uri: str, limits: Limits) -> tuple[Message, Picture | None]:
    """The reply's line, and the picture whose pixels follow it."""
    try:
        picture = read(source, uri, limits)
    except (PictureError, MemoryError) as error:
        found = error if isinstance(error, PictureError) else PictureTooLarge(uri)
        if isinstance(error, MemoryError) or isinstance(error.__cause__, MemoryError):
            found = PictureTooLarge(
                f"{uri}: not enough memory to decode it within {memory(limits) // 1024**2} MiB: "
                "make the picture smaller, or raise max_pixels if you trust it"
            )
        return {"error": type(found).__name__, "message": str(found)}, None
    facts = {one.name: getattr(picture, one.name) for one in fields(picture) if one.name != "rgb"}
    return {"picture": facts, "shape": picture.rgb.shape}, picture
