"""Who may ask: anybody on this machine until a key is minted, and from then on who has a key."""

from __future__ import annotations

import ipaddress
import math
import time
from typing import Annotated, Final

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.concurrency import run_in_threadpool

from unprompt.serve.keys import Key, KeyStore
from unprompt.serve.problems import RequestProblem

_BEARER: Final = HTTPBearer(auto_error=False, description="A key that `unprompt keys add NAME` printed")


class Admission:
    """Keys and their rates, which each process counts for itself."""

    def __init__(self, keys: KeyStore) -> None:
        self._keys = keys
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def check(self, key: str | None, host: str | None) -> str | None:
        """The name of the key; None for who needs none. Raises RequestProblem 401 or 429."""
        found = self._keys.find(key) if key else None
        if found is not None:
            self._count(found)
            return found.name
        if key:
            raise RequestProblem(401, "unknown-key", "this key is not known here: `unprompt keys add NAME` makes one")
        if self._keys.any() or not is_loopback(host):
            raise RequestProblem(
                401, "no-key", "expected the header 'Authorization: Bearer KEY': `unprompt keys add NAME` makes a key"
            )
        return None

    def _count(self, key: Key) -> None:
        rate = parse(key.rate)
        if not self._limiter.hit(rate, key.name):
            resets = self._limiter.get_window_stats(rate, key.name).reset_time
            wait = max(1, math.ceil(resets - time.time()))
            raise RequestProblem(429, "too-many-requests", f"the key {key.name!r} allows {rate}: wait {wait} s", wait)


async def admitted(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]
) -> None:
    """Raise RequestProblem unless the client may ask; ``request.state.key`` has the name of its key for the log."""
    admission: Admission = request.app.state.admission
    host = request.client.host if request.client else None
    key = credentials.credentials if credentials else None
    request.state.key = await run_in_threadpool(admission.check, key, host)


def is_loopback(host: str | None) -> bool:
    """Whether an address is this machine's own.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("10.0.0.1"), is_loopback(None)
    (True, True, False, False)
    """
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return host == "localhost"
