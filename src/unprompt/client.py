"""A client of the service that ``unprompt serve`` starts. Importing this loads no torch.

The rows are those of :func:`unprompt.detect` and :func:`unprompt.attribute`; what the service refuses is a ServiceError
with its own words.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import fields
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import httpx2

from unprompt.errors import DataError, OptionError, ServiceError
from unprompt.types import Attribution, Job, Prediction, Question

if TYPE_CHECKING:
    from unprompt.workflows.prediction.sources import Source

_Row = TypeVar("_Row", Prediction, Attribution)


class Client:
    """Asks a service at ``url``, with the ``key`` that ``unprompt keys add`` printed where it needs one.

    It waits ``seconds`` for an answer; the service itself gives up after 300. Close it, or use it in a ``with``.
    Several threads may share one. OptionError for a key that no header takes.

    A picture is a path, the bytes of a picture's file, a file object opened with mode ``"rb"``, a ``PIL.Image`` or an
    array of H x W x 3 uint8 in sRGB; the last two are sent as PNG. Before anything is sent, DataError for no picture,
    and UnreadablePicture for what cannot be read here.

    >>> from unprompt.client import Client
    >>> with Client("http://127.0.0.1:8000") as client:  # doctest: +SKIP
    ...     [row] = client.detect("picture.jpg")
    >>> row.uri, row.status  # doctest: +SKIP
    ('picture.jpg', 'ok')
    """

    def __init__(self, url: str = "http://127.0.0.1:8000", *, key: str | None = None, seconds: float = 330.0) -> None:
        self.url = url.rstrip("/")
        if key is not None and not (key.isascii() and key.isprintable() and key.split() == [key]):
            raise OptionError(
                "the key holds what no key does, as a space or the end of a line; expected the one line that `unprompt "
                "keys add` printed: strip it"
            )
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        self._http = httpx2.Client(base_url=self.url, headers=headers, timeout=seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End its connections."""
        self._http.close()

    def detect(self, pictures: Source | Iterable[Source]) -> list[Prediction]:
        """One row a picture, in order, at most 32 at a time; of several, one that cannot be judged is a row too.

        >>> rows = client.detect(["picture.jpg", b"no picture"])  # doctest: +SKIP
        >>> [row.status for row in rows]  # doctest: +SKIP
        ['ok', 'error']
        >>> client.detect(b"no picture")  # doctest: +SKIP, +ELLIPSIS
        Traceback (most recent call last):
        unprompt.errors.ServiceError: picture 1: not a picture: 10 bytes beginning with b'no picture'; ...
        """
        return [_row(Prediction, row) for row in self._posted("/v1/detect", pictures).json()]

    def attribute(self, pictures: Source | Iterable[Source]) -> list[Attribution]:
        """As :meth:`detect`: the generator that made each, or none of these.

        >>> [row] = client.attribute("picture.jpg")  # doctest: +SKIP
        >>> sorted(row.scores)  # doctest: +SKIP
        ['diffusion', 'sibling']
        """
        return [_row(Attribution, row) for row in self._posted("/v1/attribute", pictures).json()]

    def submit(self, pictures: Source | Iterable[Source], question: Question = "detect") -> Job:
        """Have up to 1000 pictures judged in the background; the job is stored once this returns.

        >>> job = client.submit(["picture.jpg", "picture.jpg"])  # doctest: +SKIP
        >>> client.wait(job).done  # doctest: +SKIP
        2
        >>> [row.uri for row in client.results(job)]  # doctest: +SKIP
        ['picture.jpg', 'picture.jpg']
        >>> client.cancel(job)  # doctest: +SKIP
        """
        return Job(**self._posted("/v1/jobs", pictures, question=question).json())

    def job(self, job: Job | str) -> Job:
        """How far a job is, by itself or by its id."""
        return Job(**self._asked("GET", f"/v1/jobs/{_id(job)}").json())

    def wait(self, job: Job | str, *, every: float = 0.5) -> Job:
        """The job once all its rows are there; it is asked for ``every`` so many seconds."""
        while (found := self.job(job)).state != "done":
            time.sleep(every)
        return found

    def results(self, job: Job | str, *, after: int = 0, every: float = 0.5) -> Iterator[Prediction | Attribution]:
        """The rows in the pictures' order, as they come, until all are there; the first ``after`` are left out.

        A client that was interrupted goes on by giving how many it has.
        """
        found = self.job(job)
        kind: type[Any] = Attribution if found.question == "attribute" else Prediction
        while after < found.total:
            lines = self._asked("GET", f"/v1/jobs/{found.id}/results", params={"after": after}).text.splitlines()
            for line in lines:
                yield _row(kind, json.loads(line))
            after += len(lines)
            if after < found.total:
                time.sleep(every)

    def cancel(self, job: Job | str) -> None:
        """Cancel a job, and have the service forget its pictures and rows."""
        self._asked("DELETE", f"/v1/jobs/{_id(job)}")

    def _posted(self, route: str, pictures: Source | Iterable[Source], **params: str) -> httpx2.Response:
        form = [("pictures", part) for part in _parts(pictures)]
        if not form:
            raise DataError("got no picture, expected one or more: paths, bytes, file objects, images or arrays")
        return self._asked("POST", route, files=form, params=params)

    def _asked(self, method: str, route: str, **given: Any) -> httpx2.Response:
        try:
            answer = self._http.request(method, route, **given)
        except httpx2.TransportError as error:
            raise ServiceError(
                f"{self.url} does not answer ({type(error).__name__}: {error}); expected a service: start it with "
                "`unprompt serve`, or name its address"
            ) from error
        if answer.is_success:
            return answer
        raise _refused(answer)


def _parts(pictures: Source | Iterable[Source]) -> Iterator[tuple[str, bytes]]:
    """The name and the contents of each file of a form."""
    from unprompt.images import DEFAULT_LIMITS
    from unprompt.workflows.prediction.sources import each_of, encoded

    for number, one in enumerate(each_of(pictures), 1):
        name = os.path.basename(os.fspath(one)) if isinstance(one, (str, os.PathLike)) else f"picture {number}"
        yield name, encoded(one, name, DEFAULT_LIMITS)


def _row(kind: type[_Row], row: dict[str, Any]) -> _Row:
    """Of the fields that are known here: a newer service may give more."""
    known = {one.name for one in fields(kind)}
    return kind(**{name: value for name, value in row.items() if name in known} | {"warnings": tuple(row["warnings"])})


def _id(job: Job | str) -> str:
    return job if isinstance(job, str) else job.id


def _refused(answer: httpx2.Response) -> ServiceError:
    try:
        told = answer.json()
        detail, kind = told["detail"], told["type"]
    except (ValueError, LookupError, TypeError):  # a proxy's words
        detail, kind = f"{answer.url} answers with {answer.status_code} {answer.reason_phrase}", ""
    after = answer.headers.get("Retry-After", "")
    return ServiceError(
        detail, status=answer.status_code, kind=kind, retry_after=int(after) if after.isdigit() else None
    )
