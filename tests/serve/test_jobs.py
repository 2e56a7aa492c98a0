"""Jobs: rows in order, of their owner alone, and no restart loses or repeats any."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from unprompt.serve.database import connect
from unprompt.serve.jobs import CLAIMED, JobPicture, JobStore
from unprompt.serve.keys import KeyStore
from unprompt.serve.uploads import Upload
from unprompt.types import Job, Prediction
from unprompt.workflows.prediction.detection import Predictor
from unprompt.workflows.prediction.inputs import iter_inputs

from .asking import DRAWING, EXAMPLES, METHOD, SCENE, Serving, files
from .databases import postgresql
from .test_service import free_port, status

unix = pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no SIGKILL")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'jobs.db'}"
        return
    with postgresql() as found:
        yield found


@pytest.fixture
def engine(url: str) -> Iterator[sa.Engine]:
    made = connect(url)
    yield made
    made.dispose()


@pytest.fixture
def store(engine: sa.Engine) -> JobStore:
    return JobStore(engine)


def judged(pictures: Sequence[JobPicture]) -> list[Prediction]:
    return [Prediction(one.upload.uri, "ok") for one in pictures]


def uris(store: JobStore, job: Job, after: int = 0) -> list[str]:
    return [json.loads(row)["uri"] for row in store.rows(job.id, after)]


def test_a_job_goes_on_until_all_have_rows(store: JobStore) -> None:
    names = [f"{number}.png" for number in range(CLAIMED + 3)]
    job = store.add("desk", "detect", [Upload(name, name.encode()) for name in names])
    assert (job.total, job.done, job.state, store.waiting()) == (CLAIMED + 3, 0, "running", CLAIMED + 3)
    assert store.advance(judged) == CLAIMED
    assert store.find("desk", job.id) == Job(job.id, "detect", job.made, CLAIMED + 3, CLAIMED, "running")
    assert uris(store, job) == names[:CLAIMED]
    assert store.advance(judged) == 3
    assert store.advance(judged) == 0
    assert uris(store, job) == names
    assert uris(store, job, after=CLAIMED) == names[CLAIMED:]
    found = store.find("desk", job.id)
    assert found is not None
    assert (found.done, found.state) == (found.total, "done")


def test_an_error_while_judging_loses_nothing(store: JobStore) -> None:
    job = store.add("", "detect", [Upload("a.png", b"a")])
    with pytest.raises(ZeroDivisionError):
        store.advance(lambda pictures: [1 / 0 for _ in pictures])
    assert store.waiting() == 1
    assert store.advance(judged) == 1
    assert uris(store, job) == ["a.png"]


def test_a_job_is_its_owners(store: JobStore) -> None:
    job = store.add("desk", "detect", [Upload("a.png", b"a")])
    assert store.find("other", job.id) is None
    assert not store.remove("other", job.id)
    assert store.remove("desk", job.id)
    assert not store.remove("desk", job.id)
    assert (store.find("desk", job.id), store.waiting(), uris(store, job)) == (None, 0, [])


def test_no_picture_is_kept_once_it_has_its_row(store: JobStore, engine: sa.Engine) -> None:
    store.add("", "detect", [Upload("a.png", b"a picture")])
    store.advance(judged)
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT data FROM job_pictures")).all() == [(None,)]
    store.expire(timedelta(days=1))
    assert len(store_rows(engine)) == 1
    store.expire(timedelta(seconds=-2))
    assert store_rows(engine) == []


def store_rows(engine: sa.Engine) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(sa.text("SELECT id FROM jobs")).all())


def test_two_processes_of_one_server_share_the_work() -> None:
    with postgresql() as url:
        engines = connect(url), connect(url)
        store, other = map(JobStore, engines)
        job = store.add("", "detect", [Upload(f"{number}.png", b"a") for number in range(CLAIMED + 3)])
        taken: list[int] = []

        def judge(pictures: Sequence[JobPicture]) -> list[Prediction]:
            taken.append(other.advance(judged))
            return judged(pictures)

        assert store.advance(judge) == CLAIMED
        assert taken == [3]
        assert uris(store, job) == [f"{number}.png" for number in range(CLAIMED + 3)]
        for engine in engines:
            engine.dispose()


def test_what_is_removed_while_it_is_judged_gets_no_row(tmp_path: Path) -> None:
    store = JobStore(connect(f"sqlite:///{tmp_path / 'jobs.db'}"))
    job = store.add("", "detect", [Upload("a.png", b"a")])

    def judge(pictures: Sequence[JobPicture]) -> list[Prediction]:
        assert store.remove("", job.id)
        return judged(pictures)

    assert store.advance(judge) == 1
    assert uris(store, job) == []


def finished(client: TestClient, job: str, **options: Any) -> dict[str, Any]:
    while (found := client.get(f"/v1/jobs/{job}", **options).json())["state"] != "done":
        time.sleep(0.05)
    return dict(found)


def test_over_http(client: TestClient, tmp_path: Path) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("no picture")
    answer = client.post("/v1/jobs", files=files(SCENE, text, DRAWING))
    job = answer.json()
    assert (answer.status_code, answer.headers["location"]) == (202, f"/v1/jobs/{job['id']}")
    assert (job["question"], job["total"], job["done"], job["state"]) == ("detect", 3, 0, "running")
    assert finished(client, job["id"])["done"] == 3
    results = client.get(f"/v1/jobs/{job['id']}/results")
    assert results.headers["content-type"] == "application/jsonl"
    rows = [json.loads(line) for line in results.text.splitlines()]
    assert [row["uri"] for row in rows] == ["scene-00.jpg", "text.jpg", "flow-00.jpg"]
    assert [row["status"] for row in rows] == ["ok", "error", "ok"]
    assert len(client.get(f"/v1/jobs/{job['id']}/results?after=2").text.splitlines()) == 1
    assert client.delete(f"/v1/jobs/{job['id']}").status_code == 204
    for gone in (client.get(f"/v1/jobs/{job['id']}"), client.delete(f"/v1/jobs/{job['id']}")):
        assert (gone.status_code, gone.json()["type"]) == (404, "urn:unprompt:no-job")


def test_attribution_as_a_job(client: TestClient) -> None:
    job = client.post("/v1/jobs?question=attribute", files=files(DRAWING)).json()
    finished(client, job["id"])
    (row,) = [json.loads(line) for line in client.get(f"/v1/jobs/{job['id']}/results").text.splitlines()]
    assert (row["method"], set(row["scores"])) == ("semgir-a", {"diffusion", "sibling"})
    wrong = client.post("/v1/jobs?question=guess", files=files(DRAWING))
    assert (wrong.status_code, wrong.json()["type"]) == (422, "urn:unprompt:invalid-request")
    assert "query.question: Input should be 'detect' or 'attribute'" in wrong.json()["detail"]


def test_keys_keep_jobs_apart(serving: Serving, tmp_path: Path) -> None:
    keys = KeyStore(connect(f"sqlite:///{tmp_path / 'service.db'}"))
    with serving() as client:
        mine, other = ({"Authorization": f"Bearer {keys.add(name)}"} for name in ("mine", "other"))
        job = client.post("/v1/jobs", files=files(SCENE), headers=mine).json()["id"]
        assert client.get(f"/v1/jobs/{job}", headers=other).status_code == 404
        assert client.get(f"/v1/jobs/{job}/results", headers=other).status_code == 404
        assert client.delete(f"/v1/jobs/{job}", headers=other).status_code == 404
        assert client.get(f"/v1/jobs/{job}").status_code == 401
        assert finished(client, job, headers=mine)["total"] == 1


def test_limits_of_jobs_are_told(serving: Serving) -> None:
    with serving(max_job_pictures=2, max_waiting=1) as client:
        answer = client.post("/v1/jobs", files=files(SCENE, SCENE, SCENE))
        assert (answer.status_code, answer.json()["detail"]) == (413, "at most 2 pictures a request are taken")
        answer = client.post("/v1/jobs", files=files(SCENE, SCENE))
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert "0 pictures of jobs wait already, of at most 1" in answer.json()["detail"]


def test_what_no_model_can_judge_is_not_tried_for_ever(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Predictor, "answer", lambda *given: 1 / 0)
    with serving() as client:
        job = client.post("/v1/jobs", files=files(SCENE)).json()["id"]
        finished(client, job)
        row = json.loads(client.get(f"/v1/jobs/{job}/results").text)
        assert row["error"] == "scene-00.jpg: ZeroDivisionError where it was judged; the service's log tells more"


KILLED = """
import os, signal, sys
from unprompt.serve.database import connect
from unprompt.serve.jobs import JobStore
JobStore(connect(sys.argv[1])).advance(lambda pictures: os.kill(os.getpid(), signal.SIGKILL))
"""


@unix
def test_what_a_killed_process_had_taken_is_taken_again(url: str, store: JobStore) -> None:
    names = [f"{number}.png" for number in range(CLAIMED + 3)]
    job = store.add("desk", "detect", [Upload(name, b"a") for name in names])
    ended = subprocess.run([sys.executable, "-c", KILLED, url], check=False)
    assert (ended.returncode, uris(store, job)) == (-signal.SIGKILL, [])
    while store.waiting():  # a server needs a moment to see who is gone
        store.advance(judged)
    assert uris(store, job) == names


@pytest.mark.slow
@unix
def test_a_kill_loses_and_repeats_nothing(predictor: Predictor, tmp_path: Path) -> None:
    paths = sorted(EXAMPLES.glob("*/*.jpg"))[: CLAIMED + 4]
    port, url = free_port(), f"sqlite:///{tmp_path / 'jobs.db'}"
    base = f"http://127.0.0.1:{port}"
    job, before = "", []
    for kill in (True, False):
        process = started(port, url, tmp_path)
        try:
            if not job:
                job = httpx2.post(f"{base}/v1/jobs", files=files(*paths), timeout=60).json()["id"]
            while len(rows := asked(f"{base}/v1/jobs/{job}/results")) < (1 if kill else len(paths)):
                time.sleep(0.05)
            assert rows[: len(before)] == before
            before = rows
            process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
            process.wait(60)
        finally:
            process.kill()
            process.wait()
    rows = [json.loads(row) for row in before]
    assert [row["uri"] for row in rows] == [path.name for path in paths]
    expected = predictor.predict(iter_inputs(paths))
    assert [row["pixels"] for row in rows] == [row.pixels for row in expected]
    assert [row["score"] for row in rows] == pytest.approx([row.score for row in expected], abs=1e-4)
    with connect(url).connect() as connection:
        counted = connection.execute(sa.text("SELECT COUNT(*), COUNT(data), COUNT(row) FROM job_pictures")).one()
    assert tuple(counted) == (len(paths), 0, len(paths))


def started(port: int, url: str, folder: Path) -> subprocess.Popen[bytes]:
    words = ["serve", "--suite", "miniature", "--method", METHOD, "--port", str(port), "--database", url]
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen([sys.executable, "-m", "unprompt", *words], stdout=log, stderr=log, env=os.environ)
    while status(f"http://127.0.0.1:{port}/healthz") != 200:
        assert process.poll() is None, (folder / "log").read_text()
        time.sleep(0.05)
    return process


def asked(url: str) -> list[bytes]:
    return urllib.request.urlopen(url, timeout=60).read().splitlines()
