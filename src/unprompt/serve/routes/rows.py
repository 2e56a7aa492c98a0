"""``POST /v1/detect`` and ``/v1/attribute``: pictures in, rows out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import Any, Final

from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse

from unprompt.errors import PictureError
from unprompt.report.report_item import ReportItem
from unprompt.serve.admission import admitted
from unprompt.serve.batcher import Lane
from unprompt.serve.problems import RESPONSES, RequestProblem
from unprompt.serve.uploads import BODY, Upload, uploads
from unprompt.types import Attribution, Prediction

ROUTER: Final = APIRouter(prefix="/v1", tags=["pictures"], dependencies=[Depends(admitted)])
_NOT_IMPLEMENTED: Final[dict[int | str, dict[str, Any]]] = {
    501: RESPONSES[500] | {"description": "No suite here has a head for it"}
}


@ROUTER.post("/detect", responses=RESPONSES, response_model=list[Prediction], openapi_extra=BODY)
async def detect(request: Request) -> JSONResponse:
    """Judge pictures: generated, real or inconclusive.

    One row a picture, in order, exactly as `unprompt detect --format json` prints it. A single picture that cannot be
    judged is an error; among several it is a row with its error. Pictures are not kept.
    """
    return await _rows(request, request.app.state.engine.lane())


@ROUTER.post("/attribute", responses=RESPONSES | _NOT_IMPLEMENTED, response_model=list[Attribution], openapi_extra=BODY)
async def attribute(request: Request) -> JSONResponse:
    """Name the generator that made a picture, or none of these.

    One row a picture, in order, exactly as `unprompt attribute --format json` prints it.
    """
    return await _rows(request, request.app.state.engine.lane(attribute=True))


async def _rows(request: Request, lane: Lane) -> JSONResponse:
    state = request.app.state
    state.engine.check()
    summary = lane.predictor.summary
    async with uploads(request, state.engine.limits, state.budget) as given:
        request.state.pictures = len(given)
        answers = await state.engine.answer(lane, given)
        if len(given) == 1:
            only_item(answers[0], given[0])
        named = zip(answers, given, strict=True)
        rows = [
            summary.kind(upload.uri, "error", str(one)) if isinstance(one, PictureError) else one.row
            for one, upload in named
        ]
    for row in rows:
        state.metrics.pictures.labels(request.url.path, summary.outcome(row)).inc()
    return JSONResponse([asdict(row) for row in with_duplicates(rows)])


def only_item(answer: ReportItem[Any] | PictureError, upload: Upload) -> ReportItem[Any]:
    """The answer about the only picture of a request; RequestProblem where there is none."""
    if isinstance(answer, PictureError):
        raise RequestProblem.of_picture(answer, upload.data)
    if answer.row.error:
        raise RequestProblem(422, "unreadable-picture", answer.row.error)
    return answer


def with_duplicates(rows: Iterable[Any]) -> list[Any]:
    """The predictions of one request; one of the same pixels as a former one, and of its numbers, names it."""
    first: dict[tuple[str, float], Prediction] = {}

    def named(row: Any) -> Any:
        if not isinstance(row, Prediction) or row.pixels is None or row.score is None:
            return row
        former = first.setdefault((row.pixels, row.score), row)
        return row if former is row else replace(row, duplicate_of=former.uri)

    return [named(row) for row in rows]
