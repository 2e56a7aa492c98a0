"""The client gives the rows of the command line, and the service's words for what it refuses."""

from __future__ import annotations

import doctest
import io
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
from PIL import Image

import unprompt.client
from unprompt.client import Client
from unprompt.errors import DataError, OptionError, ServiceError, UnreadablePicture
from unprompt.serve.database import connect
from unprompt.serve.keys import KeyStore
from unprompt.types import Attribution, Prediction
from unprompt.workflows.prediction.detection import Predictor

from .asking import DRAWING, SCENE
from .browsing import served
from .test_rows import as_served, same

DOCUMENT = Path(__file__).parents[2] / "docs" / "service.md"
ADDRESS = "http://127.0.0.1:8000"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("asked")


@pytest.fixture(scope="module")
def address(predictor: Predictor, folder: Path) -> Iterator[str]:
    with served(predictor, folder) as found:
        yield found


@pytest.fixture
def client(address: str) -> Iterator[Client]:
    with Client(address) as made:
        yield made


def plain(row: Prediction | Attribution) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(asdict(row)))
    return found


def test_rows_are_those_of_detect(client: Client) -> None:
    (row,) = client.detect(SCENE)
    assert same(plain(row), as_served(SCENE))
    assert isinstance(row.warnings, tuple)
    (row,) = client.detect(io.BytesIO(DRAWING.read_bytes()))
    assert same({**plain(row), "uri": DRAWING.name}, as_served(DRAWING))
    rows = client.detect([str(SCENE), b"no picture", DRAWING.read_bytes()])
    assert [(row.uri, row.status) for row in rows] == [
        (SCENE.name, "ok"),
        ("picture 2", "error"),
        ("picture 3", "ok"),
    ]


def test_images_and_arrays_are_sent_as_they_are_seen(client: Client) -> None:
    image = Image.open(DRAWING)
    rows = client.detect(one for one in (image, np.asarray(image.convert("RGB")), DRAWING, memoryview(b"no picture")))
    assert [(row.uri, row.status) for row in rows] == [
        ("picture 1", "ok"),
        ("picture 2", "ok"),
        (DRAWING.name, "ok"),
        ("picture 4", "error"),
    ]
    assert len({row.pixels for row in rows[:3]}) == 1


@pytest.mark.parametrize(
    ("pictures", "kind", "told"),
    [
        ([], DataError, "got no picture, expected one or more: paths, bytes, file objects, images or arrays"),
        (None, UnreadablePicture, "picture 1: got NoneType; expected a path, the bytes of a picture's file"),
        ([b"a", 3], UnreadablePicture, "picture 2: got int; expected a path"),
        (io.StringIO("a"), UnreadablePicture, r"picture 1: its read\(\) gives str; expected bytes: open it with 'rb'"),
        ("gone.png", UnreadablePicture, r"gone\.png: cannot be opened: .*No such file.*; expected a readable file"),
    ],
)
def test_what_is_no_picture_is_not_sent(pictures: Any, kind: type[Exception], told: str) -> None:
    with Client("http://127.0.0.1:9") as nobody:
        for ask in (nobody.detect, nobody.attribute, nobody.submit):
            with pytest.raises(kind, match=told):
                ask(pictures)


@pytest.mark.parametrize("key", ["secret\n", "", "sec ret", "sécret"])
def test_a_key_is_one_word(key: str) -> None:
    with pytest.raises(OptionError, match=r"the key holds what no key does, .*: strip it") as told:
        Client(key=key)
    assert "secret" not in str(told.value)


def test_jobs_are_followed_to_their_end(client: Client) -> None:
    job = client.submit([SCENE, b"no picture", DRAWING])
    assert (job.question, job.total) == ("detect", 3)
    rows = list(client.results(job, every=0.02))
    assert [row.status for row in rows] == ["ok", "error", "ok"]
    assert list(client.results(job.id, after=2)) == rows[2:]
    assert client.wait(job, every=0.02) == client.job(job.id)
    client.cancel(job)
    with pytest.raises(ServiceError, match=f"there is no job '{job.id}' of yours") as told:
        client.job(job)
    assert (told.value.status, told.value.kind) == (404, "urn:unprompt:no-job")
    (row,) = client.results(client.submit(DRAWING, question="attribute"), every=0.02)
    assert isinstance(row, Attribution)
    assert client.attribute(DRAWING)[0].scores == pytest.approx(row.scores, abs=1e-4)


def test_what_is_refused_has_the_services_words(client: Client, address: str, folder: Path) -> None:
    with pytest.raises(ServiceError, match="picture 1: not a picture: 10 bytes beginning with b'no picture'") as told:
        client.detect(b"no picture")
    assert (told.value.status, told.value.kind, told.value.retry_after) == (415, "urn:unprompt:not-a-picture", None)
    with pytest.raises(ServiceError, match="at most 32 pictures a request are taken"):
        client.detect([SCENE] * 33)
    keys = KeyStore(connect(f"sqlite:///{folder / 'service.db'}"))
    key = keys.add("desk", "1/hour")
    try:
        with pytest.raises(ServiceError, match="expected the header 'Authorization: Bearer KEY'"):
            client.detect(SCENE)
        with Client(f"{address}/", key=key) as admitted:
            assert admitted.detect(SCENE)[0].status == "ok"
            with pytest.raises(ServiceError, match="the key 'desk' allows 1 per 1 hour: wait") as told:
                admitted.detect(SCENE)
            assert told.value.status == 429
            assert told.value.retry_after is not None
            assert 0 < told.value.retry_after <= 3600
    finally:
        keys.remove("desk")


def test_a_service_that_is_not_there_and_one_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        Client("http://127.0.0.1:9") as nobody,
        pytest.raises(
            ServiceError, match=r"^http://127\.0\.0\.1:9 does not answer \(Connect.*`unprompt serve`"
        ) as told,
    ):
        nobody.detect(b"a")
    assert told.value.status is None
    answer = httpx2.Response(502, text="<html>", request=httpx2.Request("POST", "http://proxy.example/v1/detect"))
    monkeypatch.setattr(httpx2.Client, "request", lambda *given, **options: answer)
    with pytest.raises(ServiceError, match=r"http://proxy\.example/v1/detect answers with 502 Bad Gateway"):
        Client("http://proxy.example").detect(b"a")


def test_a_newer_services_rows_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    row = asdict(Prediction("a.png", "ok")) | {"mood": "good"}
    answer = httpx2.Response(200, json=[row], request=httpx2.Request("POST", ADDRESS))
    monkeypatch.setattr(httpx2.Client, "request", lambda *given, **options: answer)
    assert Client().detect(b"a") == [Prediction("a.png", "ok")]


@pytest.mark.parametrize("name", ["Client", "Client.detect", "Client.attribute", "Client.submit"])
def test_examples_of_the_docstrings_work(
    name: str, client: Client, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "picture.jpg").write_bytes(DRAWING.read_bytes())
    (example,) = [
        one for one in doctest.DocTestFinder(recurse=True).find(unprompt.client) if one.name.endswith(f".{name}")
    ]
    source = re.sub(r"\+SKIP(, )?", "", str(example.docstring)).replace("# doctest: \n", "\n").replace(ADDRESS, address)
    parsed = doctest.DocTestParser().get_doctest(source, {"client": client}, name, None, None)
    assert parsed.examples
    assert doctest.DocTestRunner().run(parsed).failed == 0


def test_examples_of_the_document_work(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("picture.jpg", "a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(DRAWING.read_bytes())
    blocks = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        exec(block.replace(ADDRESS, address).replace("Client()", f"Client({address!r})"), {"__name__": "example"})


def test_importing_it_loads_no_torch() -> None:
    script = (
        "import sys, unprompt.client; print(*({'torch', 'transformers', 'fastapi', 'sqlalchemy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout == "\n"
