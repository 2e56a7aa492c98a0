"""What surrounds every request: a line in the log, numbers, headers of safety, and a check of the host's name."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from unprompt.serve.logs import FACTS
from unprompt.serve.metrics import ServiceMetrics
from unprompt.serve.problems import RequestProblem

log = logging.getLogger(__name__)
LOOPBACK: Final = ("localhost", "127.0.0.1", "[::1]")
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_SAFETY: Final = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class Surroundings:
    """``hosts`` are the names by which it may be called; empty = any. Pages of other sites may not ask.

    On a loopback address they could else reach it by a name that is made to point here.
    """

    def __init__(self, app: ASGIApp, metrics: ServiceMetrics, hosts: Collection[str] = ()) -> None:
        self.app, self.metrics, self.hosts = app, metrics, frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, identity, status = time.perf_counter(), uuid.uuid4().hex[:16], 500

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = identity
                for name, value in _SAFETY.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._answer(scope)(scope, receive, sent)
        finally:
            self._note(scope, identity, status, time.perf_counter() - began)

    def _answer(self, scope: Scope) -> ASGIApp:
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host:
            return RequestProblem(403, "other-site", f"a page of {origin!r:.80} may not ask here").response()
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        if self.hosts and name not in self.hosts:
            names = ", ".join(sorted(self.hosts))
            return RequestProblem(
                421, "wrong-host", f"called by the name {name!r:.80}, expected one of {names}"
            ).response()
        return self.app

    def _note(self, scope: Scope, identity: str, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "other")
        self.metrics.requests.labels(route, str(status)).inc()
        self.metrics.seconds.labels(route).observe(seconds)
        facts = {
            "request": identity,
            "method": scope["method"],
            "route": route,
            "status": status,
            "milliseconds": round(1000 * seconds, 1),
            "key": scope.get("state", {}).get("key"),
            "pictures": scope.get("state", {}).get("pictures"),
        }
        log.info("request", extra={FACTS: facts})
