"""Every error of the service in one shape: RFC 9457, ``application/problem+json``."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from unprompt.errors import PictureError, PictureTooLarge, UnreadablePicture
from unprompt.images import sniff

log = logging.getLogger(__name__)
MEDIA_TYPE: Final = "application/problem+json"


class ProblemDetails(BaseModel):
    """What went wrong, as RFC 9457 spells it."""

    type: str
    """urn:unprompt:NAME; about:blank where the status says it all."""
    title: str
    """The status in words."""
    status: int
    detail: str
    """What was got, what was expected, what to do."""


class RequestProblem(Exception):
    """An answer that is an error; ``name`` tells apart what shares a status."""

    def __init__(self, status: int, name: str, detail: str, retry_after: int | None = None) -> None:
        super().__init__(detail)
        self.status, self.name, self.detail, self.retry_after = status, name, detail, retry_after

    @classmethod
    def of_picture(cls, error: PictureError, data: bytes) -> RequestProblem:
        """Of a request about one picture: 413 for too large a one, 415 for what is none, 422 for a damaged one."""
        if isinstance(error, PictureTooLarge):
            return cls(413, "picture-too-large", str(error))
        if isinstance(error, UnreadablePicture) and sniff(data) is None:
            return cls(415, "not-a-picture", str(error))
        return cls(422, "unreadable-picture", str(error))

    def response(self) -> JSONResponse:
        """As it is sent."""
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        if self.status == HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = "Bearer"
        return _response(self.status, f"urn:unprompt:{self.name}", self.detail, headers)


def busy(detail: str) -> RequestProblem:
    """503 for what will pass."""
    return RequestProblem(503, "busy", detail, retry_after=5)


RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    status: {
        "description": HTTPStatus(status).phrase,
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}},
    }
    for status in (400, 401, 403, 408, 413, 415, 422, 429, 500, 502, 503, 504)
}
"""What the OpenAPI page says of a route that takes pictures."""


def install(app: FastAPI) -> None:
    """Answer every error of an app in this shape."""
    app.add_exception_handler(RequestProblem, _problem)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _unexpected)


async def _problem(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestProblem)
    return error.response()


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return _response(error.status_code, "about:blank", str(error.detail), dict(error.headers or {}))


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    wrong = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
    return _response(422, "urn:unprompt:invalid-request", "; ".join(wrong), {})


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    log.error("an error that nobody expected", exc_info=error)
    return _response(500, "urn:unprompt:unexpected", "something went wrong here; the log tells what", {})


def _response(status: int, kind: str, detail: str, headers: dict[str, str]) -> JSONResponse:
    details = ProblemDetails(type=kind, title=HTTPStatus(status).phrase, status=status, detail=detail)
    return JSONResponse(details.model_dump(), status, headers, media_type=MEDIA_TYPE)
