"""Every error that the package raises on purpose, in one tree.

    UnpromptError
    ├── PictureError            one picture cannot be judged
    │   ├── UnreadablePicture       no picture, damaged, truncated or of an unknown format
    │   ├── PictureTooLarge         more pixels or bytes than the limits allow
    │   └── NotFinite               a model answers NaN or infinity about it, in float32 too
    ├── DataError               a data specification, folder or manifest is wrong
    ├── StoreError              stored products or evidence are missing, damaged or cannot be written
    ├── SuiteError              a suite file is wrong
    │   ├── MissingWeights          a model's weights are not on this machine
    │   └── MissingHead             a suite has no trained head for a method
    ├── CheckpointError         a checkpoint is damaged, or was fitted with other instruments
    ├── OptionError             an option has a value outside its range
    │   └── Unconfirmed             a run that is costly or final waits for a yes
    ├── EngineError             the processes or the cluster that work is spread over cannot be used
    │   └── WorkerDied              workers were killed again and again
    ├── ServiceError            a service refuses what a client asks, or does not answer
    └── MissingExtra            an optional dependency is not installed

A message says what was got, what was expected and what to do next. Errors of other libraries are
translated where they occur, with ``raise ... from``. In a batch a :class:`PictureError` becomes a row with
``status = "error"``; every other error ends the command. What an error is about is in its attributes too, as far as
it is known, so that nobody needs to take a message apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class UnpromptError(Exception):
    """Root of the tree: catch this to catch everything that the package raises on purpose."""

    def __init__(
        self,
        *message: object,
        path: object = None,
        role: str | None = None,
        option: str | None = None,
        got: Any = None,
        expected: str | None = None,
    ) -> None:
        super().__init__(*message)
        self.path, self.role, self.option = path, role, option
        self.got, self.expected = got, expected


class PictureError(UnpromptError):
    """One picture cannot be judged; others are not affected."""


class UnreadablePicture(PictureError):
    """The bytes are no picture of a known format, or a damaged one."""


class PictureTooLarge(PictureError):
    """The picture passes a limit; nothing was decompressed."""


class NotFinite(PictureError):
    """A model's answers about some of the pictures that it was given are NaN or infinite, in float32 too.

    Nothing is lost: ``made`` has what was made of all of them, which is sound but at ``places``.
    """

    def __init__(self, message: str, places: Sequence[int], made: Sequence[Any]) -> None:
        super().__init__(message)
        self.places, self.made = tuple(places), list(made)


class DataError(UnpromptError):
    """A data specification, folder or manifest is wrong."""


class StoreError(UnpromptError):
    """Stored products or evidence are missing, damaged or cannot be written; with a ``path``, it begins the message."""

    def __str__(self) -> str:
        return f"{self.path}: {super().__str__()}" if self.path else super().__str__()


class SuiteError(UnpromptError):
    """A suite file is wrong."""


class MissingWeights(SuiteError):
    """A model's weights are not on this machine."""


class MissingHead(SuiteError):
    """A suite has no trained head for a method."""


class CheckpointError(UnpromptError):
    """A checkpoint is damaged, or was fitted with other instruments."""


class OptionError(UnpromptError, ValueError):
    """An option has a value outside its range."""


class Unconfirmed(OptionError):
    """What was asked for is costly or final and waits for a yes; nothing was begun."""

    def __init__(self, question: str, remedy: str) -> None:
        super().__init__(f"{question}: {remedy}")
        self.question = question


class EngineError(UnpromptError):
    """The processes or the cluster that work is spread over cannot be used."""


class WorkerDied(EngineError):
    """Workers were killed again and again, as for want of memory."""


class ServiceError(UnpromptError):
    """A service's own words for why it refuses what :mod:`unprompt.client` asks; or that it does not answer."""

    def __init__(self, message: str, status: int | None = None, kind: str = "", retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status, self.kind, self.retry_after = status, kind, retry_after
        """The status of HTTP (None = no answer), the problem's ``type``, and the seconds to wait where it says so."""


class MissingExtra(UnpromptError, ImportError):  # type: ignore[misc]  # both have a path
    """An optional dependency is not installed."""


def first_cause(error: Exception) -> str:
    """Class and words of an error's cause, or of itself, on one line: for a library's error within another's."""
    cause = error.__cause__ or error
    return f"{type(cause).__name__}: {' '.join(str(cause).split())}"
