"""``/healthz``, ``/readyz`` and ``/metrics``: for who watches the service. They tell of no picture and need no key."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import Response

from unprompt.serve.problems import RESPONSES

ROUTER: Final = APIRouter(tags=["health"])


@ROUTER.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@ROUTER.get("/readyz", responses={503: RESPONSES[503]})
async def readyz(request: Request) -> dict[str, str]:
    """The models are loaded, and pictures are taken."""
    request.app.state.engine.check()
    return {"status": "ready"}


@ROUTER.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics(request: Request) -> Response:
    """Numbers for Prometheus."""
    state = request.app.state
    state.metrics.waiting.set(state.engine.batcher.waiting)
    return Response(generate_latest(state.metrics.registry), media_type=CONTENT_TYPE_LATEST)
