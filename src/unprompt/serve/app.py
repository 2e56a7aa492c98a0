"""The application: routes around one engine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager

import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.concurrency import run_in_threadpool
from starlette.staticfiles import StaticFiles

import unprompt
from unprompt.serve.admission import Admission
from unprompt.serve.fetching import Fetcher
from unprompt.serve.jobs import JobStore
from unprompt.serve.keys import KeyStore
from unprompt.serve.limits import ServiceLimits
from unprompt.serve.metrics import ServiceMetrics
from unprompt.serve.middleware import Surroundings
from unprompt.serve.problems import ProblemDetails, install
from unprompt.serve.routes import health, jobs, page, rows
from unprompt.serve.runner import JobRunner
from unprompt.serve.served_models import ServedModels
from unprompt.serve.uploads import ByteBudget
from unprompt.workflows.prediction.detection import Predictor


def create_app(
    detection: Predictor,
    database: sa.Engine,
    limits: ServiceLimits | None = None,
    hosts: Collection[str] = (),
    failed: Callable[[], None] = lambda: None,
    fetcher: Fetcher | None = None,
) -> FastAPI:
    """The service around a predictor, whose models are loaded once it starts.

    Its end also ends the database's connections. ``hosts`` are the names by which it may be called, empty = any;
    ``failed`` is called where models cannot be loaded; without a ``fetcher`` no picture is taken by its URL.
    """
    metrics, limits = ServiceMetrics(), limits or ServiceLimits()
    engine = ServedModels(detection, limits, watch=metrics.batches.observe)
    store = JobStore(database)
    runner = JobRunner(store, engine)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        engine.start(failed)
        runner.start()
        yield
        await run_in_threadpool(runner.close)
        await run_in_threadpool(engine.close)
        database.dispose()

    app = FastAPI(
        title="unprompt",
        version=unprompt.__version__,
        summary="Is this picture an answer to a prompt?",
        lifespan=lifespan,
        docs_url=None,  # these pages load scripts from the network
        redoc_url=None,
    )
    app.state.engine, app.state.metrics = engine, metrics
    app.state.jobs, app.state.runner = store, runner
    app.state.admission = Admission(KeyStore(database))
    app.state.budget, app.state.fetcher = ByteBudget(limits.max_held_bytes), fetcher
    install(app)
    for one in (rows, jobs, health, page):
        app.include_router(one.ROUTER)
    app.mount("/page/static", StaticFiles(directory=page.FILES))
    app.add_middleware(Surroundings, metrics=metrics, hosts=hosts)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def _openapi(app: FastAPI) -> dict[str, object]:
    """FastAPI's, with the shape of errors, which no route returns, and with keys as what not everybody needs."""
    if not app.openapi_schema:
        schema = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
        problem = ProblemDetails.model_json_schema()
        schema["components"]["schemas"]["ProblemDetails"] = problem
        for operation in (one for path in schema["paths"].values() for one in path.values()):
            if "security" in operation:
                operation["security"].append({})
        app.openapi_schema = schema
    return app.openapi_schema
