"""Rows are those of ``detect`` and ``attribute``; every error has one shape."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

import unprompt
from unprompt.cli import app
from unprompt.types import Prediction
from unprompt.workflows.attribute import attribute
from unprompt.workflows.detect import detect
from unprompt.workflows.prediction.detection import Predictor

from .asking import DRAWING, METHOD, SCENE, Serving, files

CLOUDS = Path(unprompt.__file__).parent / "suites" / "photo" / "golden" / "clouds-0.png"
RAW = {"Content-Type": "image/jpeg"}
JSON = "application/problem+json"


def as_served(path: Path, **changed: Any) -> dict[str, Any]:
    (row,) = detect(path, suite="miniature", method=METHOD)
    return json.loads(json.dumps(asdict(replace(row, uri=path.name, label=None, **changed))))


def same(row: dict[str, Any], expected: dict[str, Any]) -> bool:
    """Up to what batches of another size move a score by."""
    numbers = {"score", "probability", "scores"}
    near = all(
        row[name] == pytest.approx(expected[name], abs=1e-4) for name in numbers if expected.get(name) is not None
    )
    return near and {**row, **dict.fromkeys(numbers)} == {**expected, **dict.fromkeys(numbers)}


def test_one_picture_of_a_form_gets_the_row_of_detect(client: TestClient) -> None:
    answer = client.post("/v1/detect", files=files(SCENE))
    assert answer.status_code == 200
    (row,) = answer.json()
    assert list(row) == list(as_served(SCENE))
    assert same(row, as_served(SCENE))


def test_a_raw_body_too(client: TestClient) -> None:
    answer = client.post("/v1/detect?name=flow-00.jpg", content=DRAWING.read_bytes(), headers=RAW)
    (row,) = answer.json()
    assert same(row, as_served(DRAWING))
    (row,) = client.post("/v1/detect?name=a%00b.jpg", content=DRAWING.read_bytes(), headers=RAW).json()
    assert row["uri"] == "ab.jpg"
    octets = {"Content-Type": "application/octet-stream"}
    (row,) = client.post("/v1/detect", content=DRAWING.read_bytes(), headers=octets).json()
    assert row["uri"] == "picture"


def test_several_are_rows_in_order_whatever_becomes_of_each(client: TestClient, tmp_path: Path) -> None:
    text, copy = tmp_path / "text.jpg", tmp_path / "copy.jpg"
    text.write_text("no picture")
    copy.write_bytes(SCENE.read_bytes())
    answer = client.post("/v1/detect", files=files(SCENE, text, DRAWING, copy))
    assert answer.status_code == 200
    rows = answer.json()
    assert [row["uri"] for row in rows] == ["scene-00.jpg", "text.jpg", "flow-00.jpg", "copy.jpg"]
    assert [row["status"] for row in rows] == ["ok", "error", "ok", "ok"]
    assert "text.jpg: not a picture" in rows[1]["error"]
    assert rows[1] == asdict(Prediction("text.jpg", "error", rows[1]["error"])) | {"warnings": []}
    assert rows[3]["duplicate_of"] == "scene-00.jpg"
    assert same({**rows[3], "duplicate_of": None, "uri": "scene-00.jpg"}, as_served(SCENE))


def test_a_row_is_the_same_from_the_line_the_service_and_python(client: TestClient) -> None:
    line = CliRunner().invoke(
        app, ["detect", str(SCENE), "--suite", "miniature", "--method", METHOD, "--format", "json"]
    )
    (printed,) = json.loads(line.stdout)
    (served,) = client.post("/v1/detect", files=files(SCENE)).json()
    (loaded,) = unprompt.load(suite="miniature", method=METHOD).predict(SCENE)
    given = json.loads(json.dumps(asdict(loaded)))
    assert list(printed) == list(served) == list(given)
    assert [row["schema_version"] for row in (printed, served, given)] == [1, 1, 1]
    assert same(printed, given)
    assert same(served | {"uri": given["uri"], "label": given["label"]}, given)


def test_a_copy_in_another_request_is_nobodys_business(client: TestClient) -> None:
    for _ in range(2):
        (row,) = client.post("/v1/detect", files=files(SCENE)).json()
        assert row["duplicate_of"] is None


def test_attribution_has_its_own_rows(client: TestClient) -> None:
    (row,) = client.post("/v1/attribute", files=files(DRAWING)).json()
    (expected,) = attribute(DRAWING, suite="miniature")
    assert list(row) == list(asdict(expected))
    assert row["scores"] == pytest.approx(expected.scores, abs=1e-4)
    assert row["generator"] == expected.generator


@pytest.mark.parametrize(
    ("body", "headers", "status", "kind", "detail"),
    [
        (b"no picture", RAW, 415, "not-a-picture", "picture: not a picture: 10 bytes beginning with"),
        (SCENE.read_bytes()[:700], RAW, 422, "unreadable-picture", "picture: damaged or truncated JPEG"),
        (b"", RAW, 415, "not-a-picture", "an empty file of 0 bytes"),
        (b"a=1", {"Content-Type": "text/plain"}, 415, "unsupported-body", "got Content-Type 'text/plain', expected"),
        (
            b"x",
            {"Content-Type": "multipart/form-data"},
            400,
            "damaged-form",
            "the form cannot be read: Missing boundary",
        ),
        (
            b"--a\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--a--\r\n",
            {"Content-Type": "multipart/form-data; boundary=a"},
            400,
            "no-picture",
            "got a form without a file",
        ),
    ],
)
def test_what_is_no_picture_is_an_error_of_one_shape(
    body: bytes, headers: dict[str, str], status: int, kind: str, detail: str, client: TestClient
) -> None:
    for route in ("detect", "attribute"):
        answer = client.post(f"/v1/{route}", content=body, headers=headers)
        assert (answer.status_code, answer.headers["content-type"]) == (status, JSON)
        problem = answer.json()
        assert (problem["status"], problem["type"]) == (status, f"urn:unprompt:{kind}")
        assert detail in problem["detail"]
        assert set(problem) == {"type", "title", "status", "detail"}


def test_what_is_not_there_has_the_shape_too(client: TestClient) -> None:
    assert client.get("/nowhere").json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "Not Found",
    }
    assert client.get("/v1/detect").headers["content-type"] == JSON


@pytest.mark.parametrize(
    ("limits", "paths", "status", "detail"),
    [
        ({"max_bytes": 900}, [SCENE], 413, "scene-00.jpg: "),
        ({"max_pixels": 4095}, [CLOUDS], 413, " pixels; at most 4095 are opened"),
        ({"max_pictures": 2}, [SCENE] * 3, 413, "at most 2 pictures a request are taken"),
        ({"max_request_bytes": 1000}, [SCENE], 413, "at most 1000 bytes a request are taken"),
        ({"max_held_bytes": 1000}, [SCENE], 503, "requests with 0 bytes are here already, of at most 1000"),
        ({"queue": 1}, [SCENE, DRAWING], 503, "0 pictures wait already, of at most 1"),
        ({"answer_seconds": 1e-6}, [SCENE], 503, "no answer within 1e-06 s"),
    ],
)
def test_limits_are_told(limits: dict[str, Any], paths: list[Path], status: int, detail: str, serving: Serving) -> None:
    with serving(**limits) as client:
        answer = client.post("/v1/detect", files=files(*paths))
        assert (answer.status_code, answer.json()["status"]) == (status, status)
        assert detail in answer.json()["detail"]
        assert ("retry-after" in answer.headers) == (status == 503)
        assert client.app.state.budget.held == 0  # type: ignore[attr-defined]
        assert client.get("/healthz").json() == {"status": "ok"}


def test_one_that_is_too_large_among_several_is_a_row(serving: Serving) -> None:
    most = DRAWING.stat().st_size
    large = ("large.png", SCENE.read_bytes() + bytes(most))
    with serving(max_bytes=most) as client:
        for route in ("detect", "attribute"):
            sent = [*files(DRAWING), ("pictures", large), *files(DRAWING)]
            rows = client.post(f"/v1/{route}", files=sent).json()
            assert [row["status"] for row in rows] == ["ok", "error", "ok"]
            assert f"large.png: {len(large[1])} bytes; at most {most} are opened" in rows[1]["error"]
        answer = client.post("/v1/detect", files=[("pictures", large)])
        assert (answer.status_code, answer.json()["type"]) == (413, "urn:unprompt:picture-too-large")
        job = client.post("/v1/jobs", files=[("pictures", large), *files(DRAWING)]).json()["id"]
        while client.get(f"/v1/jobs/{job}").json()["state"] != "done":
            time.sleep(0.02)
        rows = [json.loads(line) for line in client.get(f"/v1/jobs/{job}/results").text.splitlines()]
        assert [row["status"] for row in rows] == ["error", "ok"]


def test_an_error_that_nobody_expected_ends_one_request(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, serving: Serving
) -> None:
    with serving() as mine:
        with monkeypatch.context() as patch:
            patch.setattr(Predictor, "answer", lambda *given: 1 / 0)
            answer = mine.post("/v1/detect", files=files(SCENE))
        assert (answer.status_code, answer.json()["detail"]) == (500, "something went wrong here; the log tells what")
        assert mine.post("/v1/detect", files=files(SCENE)).status_code == 200


def test_a_suite_without_an_attributor_says_so(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client.app.state.engine, "attribution", None)  # type: ignore[attr-defined]
    answer = client.post("/v1/attribute", files=files(SCENE))
    assert (answer.status_code, answer.json()["type"]) == (501, "urn:unprompt:no-attribution")
    assert "miniature has no head of semgir-a" in answer.json()["detail"]
