"""A request's body -> pictures' bytes, within limits of size, memory and time; nothing is written to a disk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from unprompt.serve.fetching import LONGEST_URL, Fetcher
from unprompt.serve.limits import ServiceLimits
from unprompt.serve.problems import RequestProblem, busy

_RAW: Final = "application/octet-stream"
_JSON: Final = "application/json"
LONGEST_NAME: Final = 255
UNNAMED: Final = "picture"
_FIELDS: Final = 8
"""Of a form, beside its files."""


class PictureUrl(BaseModel):
    """A picture that the service is to fetch."""

    model_config = ConfigDict(extra="forbid")
    url: str = Field(max_length=LONGEST_URL, pattern=r"^https?://[^\s/?#@]+([/?#]\S*)?$")
    """Of http or https, at a public address."""


BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "description": "One picture as it is, one or several as the files of a form, or, where the service was "
        "started with --allow-urls, the URL of one.",
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "pictures": {"type": "array", "minItems": 1, "items": {"type": "string", "format": "binary"}}
                    },
                    "required": ["pictures"],
                    "maxProperties": _FIELDS,
                }
            },
            **{kind: {"schema": {"type": "string", "format": "binary"}} for kind in (_RAW, "image/*")},
            _JSON: {"schema": PictureUrl.model_json_schema()},
        },
    }
}
"""What the OpenAPI page says of a body of pictures."""


@dataclass(frozen=True)
class Upload:
    """The bytes of a picture's file."""

    uri: str
    """Its name, as the client gave it."""
    data: bytes


class ByteBudget:
    """Bytes that all requests together may hold; used by the event loop alone."""

    def __init__(self, size: int) -> None:
        self.size, self.held = size, 0


class _Share:
    """What one request holds of the budget."""

    def __init__(self, budget: ByteBudget, limits: ServiceLimits) -> None:
        self.budget, self.most, self.taken = budget, limits.max_request_bytes, 0

    def take(self, size: int) -> None:
        """RequestProblem 413 or 503 where that is too much for one request, or for all together."""
        if self.taken + size > self.most:
            raise RequestProblem(413, "request-too-large", f"at most {self.most} bytes a request are taken")
        held = self.budget.held
        if held + size > self.budget.size:
            raise busy(f"requests with {held} bytes are here already, of at most {self.budget.size}: try again soon")
        self.taken += size
        self.budget.held += size

    def give_back(self) -> None:
        """Once nothing of it is held any more."""
        self.budget.held -= self.taken
        self.taken = 0


class _InMemory(MultiPartParser):
    spool_max_size = 2**62  # pictures never touch a disk


@asynccontextmanager
async def uploads(request: Request, limits: ServiceLimits, budget: ByteBudget) -> AsyncIterator[list[Upload]]:
    """The pictures of a request, one or more, whose bytes count as held until the ``with`` ends.

    One of more bytes than a picture may have is refused by its decoder, so that the others are judged. Raises
    RequestProblem: 400 for a damaged form or one without a picture, 408 for a body that comes slowly, 413 for
    too many bytes or pictures, 415 for another type of body, 503 where others fill the memory; and of a URL what
    :meth:`~unprompt.serve.fetching.Fetcher.fetch` raises, 403 where none is fetched.
    """
    share = _Share(budget, limits)
    try:
        found = await _arrived(request, _counted(request, share), limits)
        if isinstance(found, PictureUrl):
            found = [await _fetched(request.app.state.fetcher, found.url, limits, share)]
        if not found:
            raise RequestProblem(
                400, "no-picture", "got a form without a file, expected one or more files called 'pictures'"
            )
        yield found
    finally:
        share.give_back()


async def _fetched(fetcher: Fetcher | None, url: str, limits: ServiceLimits, share: _Share) -> Upload:
    if fetcher is None:
        raise RequestProblem(
            403, "urls-not-allowed", "no URL is fetched here: send the picture, or start the service with --allow-urls"
        )
    return Upload(_name(url), await fetcher.fetch(url, limits.max_bytes, share.take))


async def _arrived(
    request: Request, body: AsyncGenerator[bytes, None], limits: ServiceLimits
) -> list[Upload] | PictureUrl:
    try:
        async with asyncio.timeout(limits.upload_seconds):
            return await _parsed(request, body, limits)
    except TimeoutError as error:
        raise RequestProblem(
            408, "slow-upload", f"the body did not arrive within {limits.upload_seconds:g} s: send it again"
        ) from error
    except ClientDisconnect as error:
        raise RequestProblem(400, "cut-off", "the body ended before it was complete") from error


async def _counted(request: Request, share: _Share) -> AsyncGenerator[bytes, None]:
    async for chunk in request.stream():
        share.take(len(chunk))
        yield chunk


async def _parsed(
    request: Request, body: AsyncGenerator[bytes, None], limits: ServiceLimits
) -> list[Upload] | PictureUrl:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return await _form(request, body, limits)
    if kind == _RAW or kind.startswith("image/"):
        data = b"".join([chunk async for chunk in body])
        return [Upload(_name(request.query_params.get("name")), data)]
    if kind == _JSON:
        return await _url(body)
    raise RequestProblem(
        415, "unsupported-body", f"got Content-Type {kind!r:.80}, expected multipart/form-data, image/* or {_RAW}"
    )


async def _url(body: AsyncGenerator[bytes, None]) -> PictureUrl:
    data = b""
    async for chunk in body:
        data += chunk
        if len(data) > 2 * LONGEST_URL:
            break
    try:
        return PictureUrl.model_validate_json(data)
    except ValidationError as error:
        raise RequestProblem(
            422, "bad-url", f'got {data!r:.80}, expected {{"url": "https://example.org/picture.jpg"}}'
        ) from error


async def _form(request: Request, body: AsyncGenerator[bytes, None], limits: ServiceLimits) -> list[Upload]:
    parser = _InMemory(request.headers, body, max_files=limits.max_pictures, max_fields=_FIELDS)
    try:
        form = await parser.parse()
    except MultiPartException as error:
        if error.message.startswith("Too many files"):
            raise RequestProblem(
                413, "too-many-pictures", f"at most {limits.max_pictures} pictures a request are taken"
            ) from error
        raise RequestProblem(400, "damaged-form", f"the form cannot be read: {error.message}") from error
    parts = [part for _, part in form.multi_items() if isinstance(part, UploadFile)]
    found = [Upload(_name(part.filename), await part.read()) for part in parts]
    await form.close()
    return found


def _name(given: str | None) -> str:
    return (given or "").replace("\0", "")[:LONGEST_NAME] or UNNAMED  # PostgreSQL's texts hold no NUL
