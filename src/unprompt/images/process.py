"""One decoding process, seen from the process that asks it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

import numpy as np

from unprompt import errors
from unprompt.errors import PictureError
from unprompt.images.limits import Limits
from unprompt.images.messages import Message, receive, send
from unprompt.types import Picture

SERVE: Final = "from unprompt.images.worker import serve; serve()"
"""What the process runs."""
# Replaced before anything is imported: a folder's own numpy.py must not run, and what the caller imports must.
_PATHS: Final = "import sys; sys.path[:] = sys.argv[1:]; "
_PATIENCE: Final = 60.0
"""Seconds that starting may take, on a busy machine."""
_PIPE: Final = 1024**2
# Threads of linear algebra and their heaps would fill the address space that pixels are to have.
_FRUGAL: Final = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}


class NotStarted(Exception):
    """No process came up that decodes."""


class Ended(Exception):
    """The process ended instead of answering; ``seconds`` after it was asked."""

    def __init__(self, how: str, seconds: float) -> None:
        super().__init__(how)
        self.seconds = seconds


class DecoderProcess:
    """Started at once, ready after :meth:`await_ready`; used by one thread at a time. Raises NotStarted."""

    def __init__(self, program: str = SERVE) -> None:
        command = [sys.executable, "-X", f"utf8={sys.flags.utf8_mode}", "-c", _PATHS + program]
        try:
            self._process = subprocess.Popen(
                [*command, *map(os.path.abspath, sys.path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=os.path.abspath(os.sep),  # no folder is kept from being removed
                env=os.environ | _FRUGAL,
                start_new_session=True,  # what is pressed in the terminal is for the caller, who ends this one
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except (OSError, ValueError) as error:
            raise NotStarted(f"{sys.executable} cannot be started: {error}") from error
        self._requests = cast(BinaryIO, self._process.stdin)
        self._replies = cast(BinaryIO, self._process.stdout)
        self._ready = False
        self.answers = 0
        """Pictures and errors that it gave."""
        _widen(self._replies)

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def await_ready(self) -> None:
        """Wait until it can be asked; NotStarted, and ended, where it never can."""
        if self._ready:
            return
        late = threading.Timer(_PATIENCE, self._process.kill)
        late.start()
        try:
            message = receive(self._replies)
        except ValueError:
            message = None
        finally:
            late.cancel()
        if message != {"ready": True}:
            self.close()
            raise NotStarted(f"{sys.executable} does not run as a decoder ({self._how()})")
        self._ready = True

    def read(self, source: Path | bytes, uri: str, limits: Limits) -> Picture:
        """The picture, or the error that reading it raises; Ended where the process does."""
        began = time.monotonic()
        body = source if isinstance(source, bytes) else b""
        what = {"bytes": len(body)} if isinstance(source, bytes) else {"path": str(_absolute(source))}
        try:
            send(self._requests, {**what, "uri": uri, "limits": asdict(limits)}, body)
            reply = receive(self._replies)
            if reply is None:
                raise EOFError
            answer = _error(reply) if "error" in reply else self._picture(reply)
        except (OSError, EOFError, ValueError, LookupError, TypeError, AttributeError) as error:
            seconds = time.monotonic() - began
            self.close()
            raise Ended(self._how(), seconds) from error
        self.answers += 1
        if isinstance(answer, PictureError):
            raise answer
        return answer

    def close(self) -> None:
        """End it, whatever it is doing."""
        self._process.kill()
        with suppress(subprocess.TimeoutExpired):  # a disk that does not answer holds a process that was killed
            self._process.wait(10)
        for stream in (self._requests, self._replies):
            with suppress(OSError):
                stream.close()

    def forget(self) -> None:
        """In a fork: let go of the pipes, so that the process ends with the one that started it."""
        for stream in (self._requests, self._replies):
            nowhere = os.open(os.devnull, os.O_RDWR)
            os.dup2(nowhere, stream.fileno())  # another thread may have held the stream's lock for good
            os.close(nowhere)
        self._process.returncode = 0  # not ours to wait for

    def _picture(self, reply: Message) -> Picture:
        rgb = np.empty(reply["shape"], np.uint8)
        if self._replies.readinto(rgb.reshape(-1).data) != rgb.size:  # type: ignore[attr-defined]
            raise EOFError
        facts: dict[str, Any] = reply["picture"]
        return Picture(**facts | {"rgb": rgb, "warnings": tuple(facts["warnings"])})

    def _how(self) -> str:
        code = self._process.returncode
        if code is None:
            return "hangs"
        if code < 0:
            with suppress(ValueError):
                return f"was ended by {signal.Signals(-code).name}"
        return f"ended with exit code {code}"


def _absolute(path: Path) -> Path:
    """As seen from any folder; unchanged where the working folder is gone."""
    with suppress(OSError):
        return path.absolute()
    return path


def _error(reply: Message) -> PictureError:
    kind: type[PictureError] = getattr(errors, reply["error"])
    if not issubclass(kind, PictureError):
        raise TypeError(f"expected a PictureError, got {kind.__name__}")
    return kind(reply["message"])


def _widen(stream: BinaryIO) -> None:
    """A pipe that takes a megabyte at a time, where the system has such ones."""
    with suppress(ImportError, AttributeError, OSError):
        import fcntl

        fcntl.fcntl(stream.fileno(), fcntl.F_SETPIPE_SZ, _PIPE)
