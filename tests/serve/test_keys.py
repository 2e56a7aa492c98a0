"""Keys: stored as digests, asked of whom they should be, and counted."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from unprompt.cli.app import app
from unprompt.errors import OptionError
from unprompt.serve.database import connect
from unprompt.serve.keys import KeyStore
from unprompt.serve.keys_command import add, list_, remove

from .asking import SCENE, Serving, files


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'service.db'}"


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_nothing_but_a_digest_is_stored(url: str, tmp_path: Path) -> None:
    key = add("desk", database=url)
    assert len(key) > 40
    assert key.encode() not in (tmp_path / "service.db").read_bytes()
    assert add("other", rate="5/second", database=url) != key
    store = KeyStore(connect(url))
    found = store.find(key)
    assert found is not None
    assert (found.name, found.rate) == ("desk", "600/minute")
    assert store.find(key[:-1]) is None
    assert [one.name for one in list_(database=url)] == ["desk", "other"]
    assert remove("desk", database=url) == "removed desk"
    assert store.find(key) is None


def test_wrong_words_are_refused(url: str) -> None:
    add("desk", database=url)
    with pytest.raises(OptionError, match="there is a key 'desk' already"):
        add("desk", database=url)
    with pytest.raises(OptionError, match="--rate is 'often', expected a number of requests in a time, as 600/minute"):
        add("other", rate="often", database=url)
    with pytest.raises(OptionError, match="got a name of 0 characters, expected 1 to 80"):
        add("", database=url)
    with pytest.raises(OptionError, match="there is no key 'nobody'"):
        remove("nobody", database=url)
    with pytest.raises(OptionError, match="--database is 'nowhere', which cannot be opened"):
        add("other", database="nowhere")


def test_the_command_line_prints_a_key_once(url: str) -> None:
    done = CliRunner().invoke(app, ["keys", "add", "desk", "--database", url])
    assert done.exit_code == 0
    assert KeyStore(connect(url)).find(done.stdout.strip()) is not None
    listed = CliRunner().invoke(app, ["keys", "list", "--database", url])
    assert "desk" in listed.stdout
    assert done.stdout.strip() not in listed.stdout
    assert CliRunner().invoke(app, ["keys", "remove", "desk", "--database", url]).stdout == "removed desk\n"
    assert CliRunner().invoke(app, ["keys", "remove", "desk", "--database", url]).exit_code == 2


def test_the_user_has_a_database_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    engine = connect(None)
    assert sa.inspect(engine).get_table_names() == ["job_pictures", "jobs", "keys"]
    assert (tmp_path / "unprompt" / "service.db").is_file()


def test_this_machine_needs_no_key_until_there_is_one(serving: Serving, url: str) -> None:
    with serving() as client:
        assert client.post("/v1/detect", files=files(SCENE)).status_code == 200
        key = add("desk", database=url)
        answer = client.post("/v1/detect", files=files(SCENE))
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert "expected the header 'Authorization: Bearer KEY'" in answer.json()["detail"]
        assert client.post("/v1/detect", files=files(SCENE), headers=bearer(key)).status_code == 200
        wrong = client.post("/v1/detect", files=files(SCENE), headers=bearer(key + "x"))
        assert (wrong.status_code, wrong.json()["type"]) == (401, "urn:unprompt:unknown-key")
        assert client.get("/readyz").status_code == 200
        remove("desk", database=url)
        assert client.post("/v1/detect", files=files(SCENE), headers=bearer(key)).status_code == 401


def test_other_machines_always_need_one(serving: Serving, url: str) -> None:
    with serving(client="192.0.2.7") as client:
        assert client.post("/v1/detect", files=files(SCENE)).status_code == 401
        key = add("desk", database=url)
        assert client.post("/v1/detect", files=files(SCENE), headers=bearer(key)).status_code == 200


def test_a_key_may_ask_so_often(serving: Serving, url: str) -> None:
    with serving() as client:
        key, other = add("desk", rate="2/hour", database=url), add("other", database=url)
        for status in (415, 415, 429):
            answer = client.post("/v1/detect", content=b"x", headers={"Content-Type": "text/plain", **bearer(key)})
            assert answer.status_code == status
        assert "the key 'desk' allows 2 per 1 hour: wait" in answer.json()["detail"]
        assert 0 < int(answer.headers["retry-after"]) <= 3600
        assert client.post("/v1/detect", files=files(SCENE), headers=bearer(other)).status_code == 200
