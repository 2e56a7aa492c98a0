"""Bodies that come slowly, or not whole."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from starlette.requests import Request

from unprompt.serve.limits import ServiceLimits
from unprompt.serve.problems import RequestProblem
from unprompt.serve.uploads import ByteBudget, Upload, uploads

LIMITS = ServiceLimits(upload_seconds=0.2)


def asked(*messages: dict[str, Any], budget: ByteBudget) -> list[Upload]:
    """What a request gives whose body comes in these messages, and then no more."""
    left = list(messages)

    async def receive() -> dict[str, Any]:
        if not left:
            await asyncio.sleep(60)
        return left.pop(0)

    async def ask(receive: Callable[[], Awaitable[Any]]) -> list[Upload]:
        scope = {"type": "http", "headers": [(b"content-type", b"image/png")], "query_string": b"name=a.png"}
        async with uploads(Request(scope, receive), LIMITS, budget) as found:
            assert budget.held == sum(len(one.data) for one in found)
            return found

    return asyncio.run(ask(receive))


def part(body: bytes, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


def test_a_body_in_parts_is_one_picture() -> None:
    budget = ByteBudget(10)
    assert asked(part(b"pix"), part(b"els", more=False), budget=budget) == [Upload("a.png", b"pixels")]
    assert budget.held == 0


@pytest.mark.parametrize(
    ("messages", "status", "detail"),
    [
        ([part(b"pic")], 408, r"the body did not arrive within 0\.2 s: send it again"),
        ([part(b"pic"), {"type": "http.disconnect"}], 400, "the body ended before it was complete"),
        ([part(b"pixels"), part(b"pixels")], 503, "requests with 6 bytes are here already, of at most 10"),
    ],
)
def test_others_are_told_and_not_held(messages: list[dict[str, Any]], status: int, detail: str) -> None:
    budget = ByteBudget(10)
    with pytest.raises(RequestProblem, match=detail) as error:
        asked(*messages, budget=budget)
    assert error.value.status == status
    assert budget.held == 0
