"""Pictures that people hand over, decoded in processes that can be stopped: a crash or a bomb costs one row."""

from __future__ import annotations

import atexit
import logging
import os
import sys
from pathlib import Path
from typing import Final

from unprompt.errors import PictureError, PictureTooLarge, UnreadablePicture
from unprompt.images.decode import read
from unprompt.images.limits import DEFAULT_LIMITS, Limits
from unprompt.images.process import SERVE, DecoderProcess, Ended, NotStarted
from unprompt.types import Picture

log = logging.getLogger(__name__)
LASTS: Final = 1000
"""Answers after which a process is replaced, for a decoder in C may lose a little with each damaged file.

On Python 3.11 imagecodecs' libpng loses a reference to None with each, which ended a process after some 12,000.
"""


class Decoder:
    """As many processes as threads read at the same time, each started when it is needed and kept for LASTS answers.

    Where none can be started, pictures are decoded in this process, which the log tells once.
    """

    def __init__(self, program: str = SERVE) -> None:
        self._program = program
        self._idle: list[DecoderProcess] = []
        self._every: set[DecoderProcess] = set()
        # A frozen application's executable is the application, which would start itself again.
        self._able = bool(sys.executable) and not getattr(sys, "frozen", False)

    def start(self) -> None:
        """Start a process without waiting for it, so that it is ready when the first picture is."""
        if self._able and not self._idle:
            try:
                self._idle.append(self._started())
            except NotStarted as error:
                self._give_up(error)

    def read(self, source: Path | bytes, uri: str, limits: Limits = DEFAULT_LIMITS) -> Picture:
        """As :func:`~unprompt.images.decode.read`, within ``limits.max_seconds``.

        Raises PictureTooLarge also for what takes longer or more memory, UnreadablePicture for what ends the process.
        """
        if not self._able:
            return read(source, uri, limits)
        try:
            process = self._taken()
        except NotStarted as error:
            self._give_up(error)
            return read(source, uri, limits)
        try:
            picture = process.read(source, uri, limits)
        except Ended as error:
            self._drop(process)
            raise _explained(error, uri, limits) from error
        except PictureError:
            self._keep(process)
            raise
        except BaseException:  # such as an interruption: the process may be amid an answer that nobody will read
            self._drop(process)
            raise
        self._keep(process)
        return picture

    def close(self) -> None:
        """End every process; the next picture starts a new one."""
        self._idle.clear()
        for process in list(self._every):
            self._drop(process)

    def forget(self) -> None:
        """After a fork: leave every process to the parent, and start others."""
        for process in self._every:
            process.forget()
        self._idle, self._every = [], set()

    def _taken(self) -> DecoderProcess:
        """An idle process that lives, or a new one, ready to read."""
        while True:
            try:
                process = self._idle.pop()
            except IndexError:
                process = self._started()
            if process.alive:
                process.await_ready()
                return process
            self._drop(process)

    def _started(self) -> DecoderProcess:
        process = DecoderProcess(self._program)
        self._every.add(process)
        return process

    def _keep(self, process: DecoderProcess) -> None:
        """For the next picture, unless it has answered often."""
        if process.answers < LASTS:
            self._idle.append(process)
        else:
            self._drop(process)

    def _drop(self, process: DecoderProcess) -> None:
        self._every.discard(process)
        process.close()

    def _give_up(self, error: NotStarted) -> None:
        self._able = False
        self.close()
        log.warning(f"pictures are decoded in this process, without a limit of time: {error}")


def _explained(error: Ended, uri: str, limits: Limits) -> PictureTooLarge | UnreadablePicture:
    if error.seconds >= limits.max_seconds:
        return PictureTooLarge(
            f"{uri}: decoding took longer than {limits.max_seconds:g} s and was stopped: "
            "export the picture again, leave it out, or raise max_seconds if you trust it"
        )
    return UnreadablePicture(
        f"{uri}: the decoder {error} at this file; expected a picture that can be decoded: "
        "export it again, or leave it out"
    )


_DECODER: Final = Decoder()
read_isolated = _DECODER.read
start_decoder = _DECODER.start
atexit.register(_DECODER.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_DECODER.forget)
