"""The page at ``/``, for people, and what it asks for: not part of the interface, and free to change."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, HTMLResponse, Response

from unprompt.detectors import golden
from unprompt.errors import PictureError
from unprompt.provenance import find_provenance
from unprompt.report.fragment import attribution_html, card_html
from unprompt.report.page import styles
from unprompt.report.report_item import ReportItem
from unprompt.report.summary import PredictionSummary
from unprompt.serve.admission import admitted
from unprompt.serve.problems import RequestProblem
from unprompt.serve.routes.rows import only_item
from unprompt.serve.uploads import Upload, uploads
from unprompt.types import Prediction

ROUTER: Final = APIRouter(include_in_schema=False)
FILES: Final = Path(__file__).parents[1] / "page"
EXAMPLES: Final = 3
"""Of each suite and kind, at most."""


@ROUTER.get("/")
async def index() -> FileResponse:
    """The page."""
    return FileResponse(FILES / "index.html")


@ROUTER.get("/page/report.css")
async def report_style() -> Response:
    """The style of a report, which the cards of the page share."""
    return Response(styles(), media_type="text/css")


@ROUTER.get("/page/about")
async def about(request: Request) -> dict[str, Any]:
    """Who judges, what is taken, the generators that attribution knows, and the names of examples."""
    engine = request.app.state.engine
    suites = engine.detection.suites
    return {
        "suites": [suite.name for suite in suites],
        "method": engine.detection.method,
        "candidates": engine.candidates,
        "max_bytes": engine.limits.max_bytes,
        "examples": list(_examples(request)),
    }


@ROUTER.get("/page/examples/{name:path}")
async def example(name: str, request: Request) -> FileResponse:
    """One of the pictures that a suite ships."""
    path = _examples(request).get(name)
    if path is None:
        raise RequestProblem(404, "no-example", f"there is no example {name!r:.80}")
    return FileResponse(path)


@ROUTER.post("/page/card", dependencies=[Depends(admitted)])
async def card(request: Request) -> HTMLResponse:
    """The verdict on one picture, as a card with the pictures that explain it and with what the file says of itself."""
    answer, upload = await _asked(request)
    return HTMLResponse(await run_in_threadpool(_card, answer, upload))


@ROUTER.post("/page/attribution", dependencies=[Depends(admitted)])
async def attribution(request: Request) -> HTMLResponse:
    """Which generator made one picture, as a section of its card, with what each candidate draws of its caption."""
    answer, upload = await _asked(request, attribute=True)
    item = only_item(answer, upload)
    return HTMLResponse(await run_in_threadpool(attribution_html, item, uuid.uuid4().hex))


async def _asked(request: Request, attribute: bool = False) -> tuple[ReportItem[Any] | PictureError, Upload]:
    """The answer about the one picture of a request, with what explains it."""
    state = request.app.state
    state.engine.check()
    lane = state.engine.lane(attribute, explain=True)
    async with uploads(request, state.engine.limits, state.budget) as given:
        if len(given) != 1:
            raise RequestProblem(400, "one-picture", f"got {len(given)} pictures, expected one: send the others apart")
        request.state.pictures = 1
        (answer,) = await state.engine.answer(lane, given)
        return answer, given[0]


def _card(answer: ReportItem[Any] | PictureError, upload: Upload) -> str:
    if isinstance(answer, PictureError):
        answer = ReportItem(Prediction(upload.uri, "error", str(answer)))
    return card_html(answer, PredictionSummary, uuid.uuid4().hex, find_provenance(upload.data))


def _examples(request: Request) -> dict[str, Path]:
    """Name -> picture, of those that lie beside the suites in folders that tell what they are."""
    found: dict[str, Path] = {}
    for suite in request.app.state.engine.detection.suites:
        folder = suite.manifest.file.parent / golden.FOLDER
        for kind in ("real", "generated"):
            pictures = sorted((folder / kind).glob("*.*"))
            for path in pictures[:: -(-len(pictures) // EXAMPLES) or 1]:
                found[f"{suite.name}/{path.relative_to(folder).as_posix()}"] = path
    return found
