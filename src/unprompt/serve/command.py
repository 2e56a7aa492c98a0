"""``unprompt serve``: the service and its page. Importing this loads neither a model nor the web's libraries."""

from __future__ import annotations

import logging
from pathlib import Path

from unprompt.errors import MissingExtra, UnpromptError

log = logging.getLogger(__name__)


def serve(
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    suite: str | Path = "auto",
    method: str = "panel",
    prior: float = 0.5,
    fpr: float | None = None,
    average: int = 1,
    batch_size: int = 32,
    device: str = "cpu",
    dtype: str = "float32",
    max_pixels: int = 50_000_000,
    max_megabytes: int = 20,
    queue: int = 256,
    database: str | None = None,
    allow_urls: bool = False,
) -> None:
    """Answer on HTTP what ``detect`` and ``attribute`` answer here, with a page for people; until Ctrl-C.

    The page is at /, the description of the interface at /openapi.json. No picture is kept, and nothing is fetched but,
    with --allow-urls, pictures whose URL a client sends.
    Anybody on this machine may ask; once ``unprompt keys add`` has made a key, and for other machines always, a key is
    needed.

    Args:
        host: The address to listen at; the default can be reached from this machine alone.
        port: The port to listen at; 0 = a free one.
        suite: The models to use: ``unprompt suites`` lists them; auto = those made for pictures like this one.
        method: The method that judges: ``unprompt methods`` lists them.
        prior: Share of generated pictures to expect, in (0, 1); it moves the probability, not the verdict.
        fpr: Call generated at this false-positive rate on validation pictures, in (0, 1).
        average: Noise samples to average the logits over; each costs as much again.
        batch_size: Pictures, of whatever requests, that are judged together.
        max_pixels: Width times height of the largest picture that is opened.
        max_megabytes: Size of the largest file that is taken.
        queue: Pictures that may wait for the models; further ones are answered with 503.
        database: Where the digests of keys are stored, as SQLAlchemy's URL; default: SQLite in the user's data folder.
        allow_urls: Also take {"url": ...} as a body and fetch that picture, from public addresses alone.
    """
    try:
        import uvicorn

        from unprompt.serve.admission import is_loopback
        from unprompt.serve.app import create_app
        from unprompt.serve.database import connect
        from unprompt.serve.fetching import Fetcher
        from unprompt.serve.logs import configure
        from unprompt.serve.middleware import LOOPBACK
    except ModuleNotFoundError as error:
        raise missing(error) from error
    from unprompt.serve.limits import ServiceLimits
    from unprompt.workflows.prediction.candidates import candidate_suites
    from unprompt.workflows.prediction.detection import Predictor

    limits = ServiceLimits(max_bytes=max_megabytes * 1_000_000, max_pixels=max_pixels, queue=queue)
    predictor = Predictor(
        candidate_suites(suite, method, device, dtype),
        method,
        prior=prior,
        fpr=fpr,
        average=average,
        batch_size=batch_size,
        limits=limits.of_pictures,
    )
    local = is_loopback(host)
    ended: list[None] = []

    def failed() -> None:
        ended.append(None)
        server.should_exit = True

    fetcher = Fetcher(limits.fetch_seconds) if allow_urls else None
    names = (host, *LOOPBACK) if local else ()
    app = create_app(predictor, connect(database), limits, names, failed, fetcher)
    configure()
    if not local:
        log.warning(f"{host} can be reached from other machines, without encryption: put a proxy with TLS before it")
    config = uvicorn.Config(app, host, port, log_config=None, access_log=False, timeout_graceful_shutdown=60)
    server = uvicorn.Server(config)
    server.run()
    if ended:
        why = app.state.engine.error
        raise why if isinstance(why, UnpromptError) else UnpromptError(f"the service ended: {why}")


def missing(error: ModuleNotFoundError) -> MissingExtra:
    """For a library of the extra."""
    return MissingExtra(f"the service needs {error.name}, which is not installed: pip install 'unprompt[serve]'")
