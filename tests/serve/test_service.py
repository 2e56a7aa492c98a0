"""The process as a whole: starting, being watched, being called by wrong names, ending."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from urllib.error import HTTPError, URLError

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from unprompt.errors import MissingExtra, OptionError, SuiteError
from unprompt.images.decoder import Decoder
from unprompt.serve import logs
from unprompt.serve.command import serve
from unprompt.serve.limits import ServiceLimits
from unprompt.workflows.prediction.detection import Predictor

from .asking import SCENE, Serving, files


def test_it_is_not_ready_before_the_models_are_loaded(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()
    monkeypatch.setattr(Predictor, "warm_up", lambda self: go.wait(60))
    with serving(ready=False) as client:
        for answer in (client.get("/readyz"), client.post("/v1/detect", files=files(SCENE))):
            assert (answer.status_code, answer.json()["detail"]) == (503, "the models are being loaded")
            assert answer.headers["retry-after"] == "5"
        assert client.get("/healthz").status_code == 200
        go.set()
        while client.get("/readyz").status_code != 200:
            time.sleep(0.01)
        assert client.post("/v1/detect", files=files(SCENE)).status_code == 200


def test_models_that_cannot_be_loaded_are_told(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Predictor) -> None:
        raise SuiteError("no such weights")

    monkeypatch.setattr(Predictor, "warm_up", fail)
    with serving(ready=False) as client:
        while "being loaded" in (detail := client.get("/readyz").json()["detail"]):
            time.sleep(0.01)
        assert detail == "the models cannot be loaded: no such weights"


def test_what_prometheus_is_told(serving: Serving) -> None:
    with serving() as client:
        client.post("/v1/detect", files=files(SCENE, SCENE))
        client.post("/v1/detect", content=b"x", headers={"Content-Type": "image/png"})
        found = {
            (sample.name, *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(client.get("/metrics").text)
            for sample in family.samples
        }
        assert found["unprompt_requests_total", "/v1/detect", "200"] == 1
        assert found["unprompt_requests_total", "/v1/detect", "415"] == 1
        assert sum(value for key, value in found.items() if key[0] == "unprompt_pictures_total") == 2
        assert found["unprompt_request_seconds_count", "/v1/detect"] == 2
        assert found["unprompt_batch_pictures_sum",] == 2
        assert found["unprompt_waiting_pictures",] == 0


def test_other_names_for_this_machine_are_refused(serving: Serving) -> None:
    with serving(ready=False, hosts=("localhost", "127.0.0.1", "[::1]")) as client:
        for host in ("localhost:8000", "127.0.0.1", "[::1]:8000"):
            assert client.get("/healthz", headers={"Host": host}).status_code == 200
        answer = client.get("/healthz", headers={"Host": "rebound.example:8000"})
        assert (answer.status_code, answer.json()["type"]) == (421, "urn:unprompt:wrong-host")
        assert "called by the name 'rebound.example', expected one of 127.0.0.1, [::1], localhost" in answer.text


def test_pages_of_other_sites_may_not_ask(client: TestClient) -> None:
    headers = {"Content-Type": "application/octet-stream"}
    own = client.post("/v1/detect", content=SCENE.read_bytes(), headers={**headers, "Origin": "http://127.0.0.1"})
    assert own.status_code == 200
    for origin in ("https://elsewhere.example", "http://127.0.0.1:81", "null"):
        answer = client.post("/v1/detect", content=SCENE.read_bytes(), headers={**headers, "Origin": origin})
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:unprompt:other-site")
        assert f"a page of '{origin}' may not ask here" in answer.json()["detail"]


DYING = """
import os
from unprompt.images import worker
read = worker.read
worker.read = lambda source, uri, limits: os._exit(7) if uri == "deadly.png" else read(source, uri, limits)
worker.serve()
"""


def test_a_decoder_that_dies_costs_its_picture_alone(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = Decoder(DYING)
    monkeypatch.setattr("unprompt.serve.batcher.read_isolated", decoder.read)
    deadly = ("pictures", ("deadly.png", SCENE.read_bytes(), "image/png"))
    rows = client.post("/v1/detect", files=[*files(SCENE), deadly, *files(SCENE)]).json()
    assert [row["status"] for row in rows] == ["ok", "error", "ok"]
    assert "deadly.png: the decoder ended with exit code 7 at this file" in rows[1]["error"]
    answer = client.post("/v1/detect", files=[deadly])
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:unprompt:unreadable-picture")
    assert client.get("/healthz").status_code == 200
    decoder.close()


def test_a_line_a_request_without_names_of_pictures(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    answer = client.post("/v1/detect", files=files(SCENE))
    (record,) = [one for one in caplog.records if one.getMessage() == "request"]
    line = json.loads(logs.JsonFormatter().format(record))
    assert line.items() >= {"method": "POST", "route": "/v1/detect", "status": 200, "pictures": 1, "key": None}.items()
    assert line["request"] == answer.headers["x-request-id"]
    assert SCENE.name not in json.dumps(line)
    try:
        raise ValueError("why")
    except ValueError:
        failed = logging.LogRecord("unprompt", logging.ERROR, "", 0, "what", None, sys.exc_info())
    assert json.loads(logs.JsonFormatter().format(failed))["traceback"].endswith("ValueError: why")


def test_the_interface_describes_itself(client: TestClient) -> None:
    described = client.get("/openapi.json").json()
    routes = {"/v1/detect", "/v1/attribute", "/v1/jobs", "/v1/jobs/{job}", "/v1/jobs/{job}/results"}
    assert set(described["paths"]) == routes | {"/healthz", "/readyz", "/metrics"}
    detect = described["paths"]["/v1/detect"]["post"]
    kinds = {"multipart/form-data", "application/octet-stream", "image/*", "application/json"}
    assert set(detect["requestBody"]["content"]) == kinds
    assert detect["security"] == [{"HTTPBearer": []}, {}]
    assert {"400", "401", "408", "413", "415", "422", "429", "503"} <= set(detect["responses"])
    assert {"Prediction", "Attribution", "ProblemDetails"} <= set(described["components"]["schemas"])


def test_limits_are_numbers_above_nothing() -> None:
    with pytest.raises(OptionError, match="queue is 0; expected more than 0"):
        ServiceLimits(queue=0)


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(MissingExtra, match=r"the service needs uvicorn, .*: pip install 'unprompt\[serve\]'"):
        serve()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def status(url: str) -> int:
    try:
        return int(urllib.request.urlopen(url, timeout=60).status)
    except HTTPError as error:
        return error.code
    except URLError:
        return 0


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGTERM that a process can answer")
def test_a_request_in_flight_is_answered_when_it_ends(tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "log"
    words = ["serve", "--suite", "miniature", "--method", "item", "--port", str(port)]
    with log.open("w") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "unprompt", *words],
            stderr=stream,
            stdout=stream,
            env=os.environ | {"XDG_DATA_HOME": str(tmp_path)},
        )
    try:
        while status(f"http://127.0.0.1:{port}/readyz") != 200:
            assert process.poll() is None, log.read_text()
            time.sleep(0.1)
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/v1/detect", SCENE.read_bytes(), {"Content-Type": "image/jpeg"}
        )
        answers: list[int] = []
        asking = threading.Thread(target=lambda: answers.append(urllib.request.urlopen(request, timeout=60).status))
        asking.start()
        while not re.search(r"unprompt_batch_pictures_count 1", metrics(port)) and not answers:
            time.sleep(0.001)
        process.send_signal(signal.SIGTERM)
        asking.join(60)
        assert answers == [200]
        process.wait(60)
    finally:
        process.kill()
        process.wait()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert {"ready", f"Finished server process [{process.pid}]"} <= {line["message"] for line in lines}


def metrics(port: int) -> str:
    return str(urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60).read())
