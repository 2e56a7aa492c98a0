"""Pictures by their URL: from public addresses alone, whatever a name or a redirect says.

A name is resolved once for each request that is sent, every address is checked, and the connection goes to what was
checked, so that a name that points elsewhere a moment later leads nowhere. No proxy is asked, which would resolve the
name itself.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import httpx2

from unprompt.serve.problems import RequestProblem

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve: TypeAlias = Callable[[str, int], Awaitable[list[str]]]
"""A host's name and a port -> its addresses, in the order in which they are to be tried."""
REDIRECTS: Final = 3
LONGEST_URL: Final = 2048
_HEADERS: Final = {"User-Agent": "unprompt", "Accept": "image/*", "Accept-Encoding": "identity"}
_FURTHER: Final = tuple(
    map(
        ipaddress.ip_network,
        (
            "168.63.129.16/32",  # Azure's metadata, at a public address
            "192.0.0.0/24",  # protocols' own, and Oracle's metadata
            "192.88.99.0/24",
            "64:ff9b::/96",  # what stands for an IPv4 address, which may be a private one
            "64:ff9b:1::/48",
            "2001::/23",
            "2002::/16",
            "fec0::/10",
        ),
    )
)
"""What Python's ``is_global`` lets pass, in some of its versions."""


def is_public(address: str) -> bool:
    """Whether anybody on the internet means the same machine by it, and no network has it for its own purposes.

    >>> is_public("93.184.215.14"), is_public("169.254.169.254"), is_public("::ffff:127.0.0.1"), is_public("224.0.0.1")
    (True, False, False, False)
    """
    one: Address = ipaddress.ip_address(address.partition("%")[0])
    if getattr(one, "ipv4_mapped", None) or one.is_multicast or one.is_reserved:
        return False
    return one.is_global and not any(one in network for network in _FURTHER)


async def resolve(host: str, port: int) -> list[str]:
    """By the system's resolver; RequestProblem 502 for a name that has no address."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise _failed(host, "its name has no address") from error
    return [str(one[4][0]) for one in found]


class PublicTransport(httpx2.AsyncBaseTransport):
    """Sends each request, also one that follows a redirect, to an address that was checked."""

    def __init__(self, inner: httpx2.AsyncBaseTransport, resolver: Resolve) -> None:
        self._inner, self._resolve = inner, resolver

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """RequestProblem 403 for a host with any address that is not public, 422 for a redirect to no URL of http."""
        check_url(str(request.url))
        host, port = request.url.host, request.url.port or (443 if request.url.scheme == "https" else 80)
        addresses = list(dict.fromkeys(await self._resolve(host, port)))
        if not addresses or not all(map(is_public, addresses)):
            raise RequestProblem(
                403, "private-address", f"{host!r:.80} is at no public address: send the picture itself"
            )
        *others, last = addresses
        for address in others:
            try:
                return await self._sent(request, host, address)
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                continue
        return await self._sent(request, host, last)

    async def _sent(self, request: httpx2.Request, host: str, address: str) -> httpx2.Response:
        """The header ``Host`` and the certificate are the name's."""
        return await self._inner.handle_async_request(
            httpx2.Request(
                request.method,
                request.url.copy_with(host=address),
                headers=request.headers,
                stream=request.stream,
                extensions={**request.extensions, "sni_hostname": host},
            )
        )

    async def aclose(self) -> None:
        await self._inner.aclose()


def direct() -> httpx2.AsyncBaseTransport:
    """No connection is used again: two names at one address are not one site."""
    return httpx2.AsyncHTTPTransport(trust_env=False, limits=httpx2.Limits(max_keepalive_connections=0))


class Fetcher:
    """Fetches one picture's bytes within ``seconds``, redirects and all."""

    def __init__(
        self, seconds: float, resolver: Resolve = resolve, inner: Callable[[], httpx2.AsyncBaseTransport] = direct
    ) -> None:
        self._seconds, self._resolve, self._inner = seconds, resolver, inner

    async def fetch(self, url: str, most: int, take: Callable[[int], None]) -> bytes:
        """The body; ``take`` is told the size of each part, and raises where there is no room for it.

        Raises RequestProblem: 403 for what is not public, 413 for more than ``most`` bytes, 422 for what is no URL of
        http or https, 502 where no picture comes, 504 where it comes too slowly.
        """
        check_url(url)
        try:
            async with asyncio.timeout(self._seconds):
                return await self._body(url, most, take)
        except (TimeoutError, httpx2.TimeoutException) as error:
            raise RequestProblem(
                504, "slow-url", f"{url!r:.120} did not answer within {self._seconds:g} s: send the picture itself"
            ) from error
        except httpx2.TooManyRedirects as error:
            raise _failed(url, f"it redirects more than {REDIRECTS} times") from error
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
            raise _failed(url, f"{type(error).__name__}") from error

    async def _body(self, url: str, most: int, take: Callable[[int], None]) -> bytes:
        transport = PublicTransport(self._inner(), self._resolve)
        client = httpx2.AsyncClient(
            transport=transport,
            headers=_HEADERS,
            timeout=self._seconds,
            follow_redirects=True,
            max_redirects=REDIRECTS,
            trust_env=False,
        )
        async with client, client.stream("GET", url) as answer:
            if answer.status_code != httpx2.codes.OK:
                raise _failed(url, f"it answers with the status {answer.status_code}")
            parts, size = [], 0
            async for part in answer.aiter_raw():
                size += len(part)
                if size > most:
                    raise RequestProblem(413, "picture-too-large", f"{url!r:.120}: more than {most} bytes")
                take(len(part))
                parts.append(part)
        return b"".join(parts)


def check_url(url: str) -> None:
    """RequestProblem 422 for anything but a URL of http or https with a host and without a password."""
    expected = "expected a URL of http or https without a user's name, as https://example.org/picture.jpg"
    try:
        found = httpx2.URL(url[: LONGEST_URL + 1])
    except httpx2.InvalidURL as error:
        raise RequestProblem(422, "bad-url", f"got {url!r:.120}, {expected}") from error
    if found.scheme not in ("http", "https") or not found.host or found.userinfo or len(url) > LONGEST_URL:
        raise RequestProblem(422, "bad-url", f"got {url!r:.120}, {expected}")


def _failed(what: str, why: str) -> RequestProblem:
    return RequestProblem(502, "no-answer", f"{what!r:.120} cannot be fetched: {why}: send the picture itself")
