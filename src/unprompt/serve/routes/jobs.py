"""``/v1/jobs``: batches that are judged in the background, and that a restart neither loses nor repeats."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response, StreamingResponse

from unprompt.serve.admission import admitted
from unprompt.serve.jobs import JobStore
from unprompt.serve.problems import RESPONSES, RequestProblem, busy
from unprompt.serve.uploads import BODY, uploads
from unprompt.types import Job, Question

ROUTER: Final = APIRouter(prefix="/v1/jobs", tags=["jobs"], dependencies=[Depends(admitted)])
_KNOWN: Final[dict[int | str, dict[str, Any]]] = {
    **{status: RESPONSES[status] for status in (401, 422, 429)},
    404: RESPONSES[400] | {"description": "No such job of this key"},
}


@ROUTER.post("", status_code=202, response_model=Job, responses=RESPONSES, openapi_extra=BODY)
async def add(request: Request, question: Question = "detect") -> JSONResponse:
    """Have many pictures judged in the background.

    They are stored until each has its row, and the rows for seven days. What the answer names is stored already.
    """
    state, store = request.app.state, _store(request)
    if question == "attribute":
        state.engine.lane(attribute=True)
    limits = state.engine.limits.of_jobs
    async with uploads(request, limits, state.budget) as given:
        request.state.pictures = len(given)
        waiting = await run_in_threadpool(store.waiting)
        if waiting + len(given) > limits.max_waiting:
            raise busy(f"{waiting} pictures of jobs wait already, of at most {limits.max_waiting}: try again later")
        job = await run_in_threadpool(store.add, _owner(request), question, given)
    state.runner.wake()
    return JSONResponse(vars(job), 202, {"Location": f"/v1/jobs/{job.id}"})


@ROUTER.get("/{job}", response_model=Job, responses=_KNOWN)
async def show(request: Request, job: str) -> JSONResponse:
    """How far a job is."""
    return JSONResponse(vars(await _found(request, job)))


@ROUTER.get(
    "/{job}/results", response_class=StreamingResponse, responses=_KNOWN | {200: {"content": {"application/jsonl": {}}}}
)
async def results(
    request: Request, job: str, after: Annotated[int, Query(ge=0, le=1_000_000)] = 0
) -> StreamingResponse:
    """The rows that are there, as JSON Lines, in the pictures' order, up to the first that is missing.

    `after` leaves out that many, so that a client can go on where it stopped.
    """
    await _found(request, job)
    lines = (f"{row}\n" for row in _store(request).rows(job, after))
    return StreamingResponse(lines, media_type="application/jsonl")


@ROUTER.delete("/{job}", status_code=204, responses=_KNOWN)
async def remove(request: Request, job: str) -> Response:
    """Cancel a job and forget its pictures and rows."""
    if not await run_in_threadpool(_store(request).remove, _owner(request), job):
        raise _unknown(job)
    return Response(status_code=204)


def _store(request: Request) -> JobStore:
    store: JobStore = request.app.state.jobs
    return store


def _owner(request: Request) -> str:
    """The name of the key; empty for who needs none."""
    return request.state.key or ""


async def _found(request: Request, job: str) -> Job:
    found = await run_in_threadpool(_store(request).find, _owner(request), job)
    if found is None:
        raise _unknown(job)
    return found


def _unknown(job: str) -> RequestProblem:
    return RequestProblem(
        404, "no-job", f"there is no job {job!r:.80} of yours: it was deleted, or is older than 7 days"
    )
