"""Pictures by URL: only where it was switched on, from public addresses alone, within limits of size and time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient

from unprompt.serve.app import create_app
from unprompt.serve.database import connect
from unprompt.serve.fetching import Fetcher, direct, is_public
from unprompt.serve.problems import RequestProblem
from unprompt.workflows.prediction.detection import Predictor

from .asking import SCENE
from .test_rows import as_served, same

PUBLIC, OTHER, PRIVATE = "93.184.215.14", "2606:4700::1111", "10.0.0.7"
Handler = Callable[[httpx2.Request], httpx2.Response]


class Names:
    """A resolver whose names answer with the next of their addresses each time."""

    def __init__(self, **addresses: list[list[str]]) -> None:
        self.addresses, self.asked = addresses, list[str]()

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(f"{host}:{port}")
        found = self.addresses[host]
        return found.pop(0) if len(found) > 1 else found[0]


def fetched(url: str, names: Names, answer: Handler, most: int = 1000, seconds: float = 60) -> bytes:
    fetcher = Fetcher(seconds, names, lambda: httpx2.MockTransport(answer))
    return asyncio.run(fetcher.fetch(url, most, lambda size: None))


def problem(*given: Any, **options: Any) -> tuple[int, str, str]:
    with pytest.raises(RequestProblem) as told:
        fetched(*given, **options)
    return told.value.status, told.value.name, told.value.detail


def ok(content: bytes) -> httpx2.Response:
    return httpx2.Response(200, stream=httpx2.ByteStream(content))


def never(request: httpx2.Request) -> httpx2.Response:
    raise AssertionError(f"{request.url} was asked")


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "198.18.0.1"),
        *("169.254.169.254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "203.0.113.5"),
        *("224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "ff02::1"),
        *("::", "::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1", "2001:db8::1"),
        *("::ffff:10.0.0.1", "::ffff:8.8.8.8", "64:ff9b::a00:1", "64:ff9b:1::1", "2002:a00:1::", "2001::1"),
    ],
)
def test_addresses_that_are_not_public_are_refused(address: str) -> None:
    assert not is_public(address)
    told = problem("http://a.example/p.png", Names(**{"a.example": [[address]]}), never)
    assert told == (403, "private-address", "'a.example' is at no public address: send the picture itself")


@pytest.mark.parametrize("address", [PUBLIC, OTHER, "8.8.8.8", "2a00:1450:4001::1"])
def test_public_addresses_are_taken(address: str) -> None:
    assert is_public(address)


def test_the_connection_goes_to_what_was_checked_under_the_name_that_was_asked() -> None:
    names = Names(**{"a.example": [[PUBLIC]]})
    asked: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        return ok(b"pixels")

    assert fetched("https://a.example:8443/p.png?q=1", names, answer) == b"pixels"
    (request,) = asked
    assert str(request.url) == f"https://{PUBLIC}:8443/p.png?q=1"
    assert request.headers["host"] == "a.example:8443"
    assert request.headers["accept-encoding"] == "identity"
    assert request.extensions["sni_hostname"] == "a.example"
    assert names.asked == ["a.example:8443"]


def test_a_name_that_points_elsewhere_a_moment_later_leads_nowhere() -> None:
    names = Names(**{"rebound.example": [[PUBLIC], ["127.0.0.1"]]})
    hosts: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        hosts.append(request.url.host)
        return ok(b"pixels")

    assert fetched("http://rebound.example/", names, answer) == b"pixels"
    assert (hosts, names.asked) == ([PUBLIC], ["rebound.example:80"])
    again = Names(**{"rebound.example": [[PUBLIC], ["127.0.0.1"]]})
    moved = lambda request: httpx2.Response(302, headers={"Location": "http://rebound.example/second"})  # noqa: E731
    assert problem("http://rebound.example/", again, moved)[:2] == (403, "private-address")
    assert len(again.asked) == 2


def test_one_private_address_among_public_ones_is_enough() -> None:
    names = Names(**{"mixed.example": [[PUBLIC, PRIVATE]]})
    assert problem("http://mixed.example/", names, never)[:2] == (403, "private-address")


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("http://inside.example/", (403, "private-address")),
        ("//inside.example/", (403, "private-address")),
        ("file:///etc/passwd", (422, "bad-url")),
        ("ftp://a.example/", (422, "bad-url")),
        ("http://me:pw@a.example/", (422, "bad-url")),
    ],
)
def test_a_redirect_is_checked_as_the_first_request(target: str, told: tuple[int, str]) -> None:
    names = Names(**{"a.example": [[PUBLIC]], "inside.example": [[PRIVATE]]})
    hosts: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        hosts.append(request.url.host)
        return httpx2.Response(302, headers={"Location": target})

    assert problem("http://a.example/", names, answer)[:2] == told
    assert hosts == [PUBLIC]


def test_redirects_are_followed_three_times() -> None:
    names = Names(**{"a.example": [[PUBLIC]], "b.example": [[OTHER]]})
    steps = {"/0": "/1", "/1": "https://b.example/2", "/2": "/3"}

    def answer(request: httpx2.Request) -> httpx2.Response:
        target = steps.get(request.url.path)
        return httpx2.Response(302, headers={"Location": target}) if target else ok(b"pixels")

    assert fetched("http://a.example/0", names, answer) == b"pixels"
    assert names.asked == ["a.example:80", "a.example:80", "b.example:443", "b.example:443"]
    steps["/3"] = "/4"
    told = problem("http://a.example/0", names, answer)
    assert told == (
        502,
        "no-answer",
        "'http://a.example/0' cannot be fetched: it redirects more than 3 times: send the picture itself",
    )


def test_the_next_address_is_tried_where_one_does_not_answer() -> None:
    names = Names(**{"a.example": [[OTHER, PUBLIC]]})

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.host == OTHER:
            raise httpx2.ConnectError("no route")
        return ok(b"pixels")

    assert fetched("http://a.example/", names, answer) == b"pixels"
    assert problem("http://a.example/", Names(**{"a.example": [[OTHER]]}), answer)[:2] == (502, "no-answer")


def test_limits_of_size_and_time() -> None:
    names = Names(**{"a.example": [[PUBLIC]]})
    told = problem("http://a.example/", names, lambda request: ok(bytes(1001)))
    assert told == (413, "picture-too-large", "'http://a.example/': more than 1000 bytes")

    async def slow(request: httpx2.Request) -> httpx2.Response:
        await asyncio.sleep(60)
        raise AssertionError

    fetcher = Fetcher(0.05, names, lambda: httpx2.MockTransport(slow))
    with pytest.raises(RequestProblem, match=r"'http://a\.example/' did not answer within 0\.05 s") as error:
        asyncio.run(fetcher.fetch("http://a.example/", 9, lambda size: None))
    assert (error.value.status, error.value.name) == (504, "slow-url")
    told = problem("http://a.example/", names, lambda request: httpx2.Response(404))
    assert told[0] == 502
    assert "it answers with the status 404" in told[2]


@pytest.mark.parametrize(
    "url", ["", "a.example/p.png", "file:///etc/passwd", "ftp://a.example/", "http:///p", "http://me:pw@a.example/"]
)
def test_other_urls_are_refused(url: str) -> None:
    status, name, detail = problem(url, Names(), never)
    assert (status, name) == (422, "bad-url")
    assert detail.startswith(f"got {url!r}, expected a URL of http or https")
    assert problem(f"http://a.example/{'a' * 2048}", Names(), never)[:2] == (422, "bad-url")


def test_numbers_that_the_system_reads_as_this_machine_are_refused() -> None:
    for host in ("localhost", "2130706433", "127.1", "0x7f.0.0.1", "[::1]", "[::ffff:127.0.0.1]"):
        with pytest.raises(RequestProblem, match=r"public address|has no address"):
            asyncio.run(Fetcher(20).fetch(f"http://{host}/", 9, lambda size: None))


@pytest.fixture
def origin() -> Iterator[int]:
    """The port of a server on this machine that has one picture."""

    class Origin(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(SCENE.read_bytes() if self.headers["Host"].startswith("pictures.example") else b"other")

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Origin) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_a_fetched_picture_gets_the_row_of_detect(
    predictor: Predictor, origin: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the client that sends over real connections; this machine's address stands for a public one."""
    monkeypatch.setattr("unprompt.serve.fetching.is_public", lambda address: address == "127.0.0.1")
    names = Names(**{"pictures.example": [["127.0.0.1"]], "inside.example": [[PRIVATE]]})
    app = create_app(predictor, connect(f"sqlite:///{tmp_path / 'service.db'}"), fetcher=Fetcher(60, names, direct))
    with TestClient(app, "http://127.0.0.1", client=("127.0.0.1", 5)) as client:
        while client.get("/readyz").status_code != 200:
            pass
        url = f"http://pictures.example:{origin}/{SCENE.name}"
        (row,) = client.post("/v1/detect", json={"url": url}).json()
        assert row["uri"] == url
        assert same({**row, "uri": SCENE.name}, as_served(SCENE))
        assert app.state.budget.held == 0
        answer = client.post("/v1/detect", json={"url": "http://inside.example/"})
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:unprompt:private-address")
        for body in (b"{}", b"no json", b'{"url": "http://a.example/", "more": 1}', b'{"url": "%s"}' % bytes(9000)):
            answer = client.post("/v1/detect", content=body, headers={"Content-Type": "application/json"})
            assert (answer.status_code, answer.json()["type"]) == (422, "urn:unprompt:bad-url")


def test_no_url_is_fetched_unless_it_was_switched_on(client: TestClient) -> None:
    for route in ("/v1/detect", "/v1/attribute", "/v1/jobs", "/page/card"):
        answer = client.post(route, json={"url": "https://example.org/picture.jpg"})
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:unprompt:urls-not-allowed")
        assert "start the service with --allow-urls" in answer.json()["detail"]
