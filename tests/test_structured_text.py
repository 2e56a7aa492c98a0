"""JSON, TOML and lines within limits: whatever is wrong is a ValueError."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unprompt import structured_text
from unprompt.structured_text import parse_json, parse_object, read_json, read_lines, read_object, read_toml

from .hostile import VALUES, damaged

SHARED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
TOML = b'name = "a"\n[heads]\nsare = "x"\n[a."b c".d]\nnumbers = [1, 2.5, inf]\ninner = { a = { b = [] } }\n'


@given(value=VALUES)
def test_json_is_read_as_it_was_written(value: object) -> None:
    text = json.dumps(value)
    with suppress(ValueError):  # a lone surrogate
        assert json.dumps(parse_json(text)) == text


@given(text=st.text(alphabet='[]{}",:0123456789eE.-\\utfn \n', max_size=40))
def test_any_text_as_json(text: str) -> None:
    with suppress(ValueError):
        parse_object(text)


@SHARED
@given(data=damaged(TOML))
def test_damaged_toml(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.toml").write_bytes(data)
    with suppress(ValueError):
        read_toml(tmp_path / "a.toml")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 100_000, "nested more than 64 deep"),
        ("[" * 66 + "]" * 66, "nested more than 64 deep"),
        ('{"a": 1, "b": 2, "a": 3}', "an object names 'a' twice"),
        ('"\\ud800"', "surrogates not allowed"),
        ("1" * 5000, "Exceeds the limit"),
        ("{", "Expecting property name"),
    ],
)
def test_hostile_json(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_json(text)


@pytest.mark.parametrize("text", ["[" * 64 + "]" * 64, '"\\udcff"', '"\\ud83d\\ude00"', "[NaN]"])
def test_json_that_stays_within(text: str) -> None:
    parse_json(text)


@pytest.mark.parametrize(
    "text",
    [
        "a=" + "[" * 10_000,
        "a=" + "{a=" * 5_000,
        "a." * 20_000 + "a=1",
        '"!".' * 20_000 + "a=1",
        "[" + "'! '  . " * 5_000 + "a]",
    ],
)
def test_deep_toml(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(ValueError, match="nested more than 64 deep"):
        read_toml(tmp_path / "a.toml")


def test_sizes_encodings_and_kinds(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("[" + " " * 100 + "]")
    with pytest.raises(ValueError, match="it has more than 50 bytes, the most that is read as a whole"):
        read_json(path, 50)
    with pytest.raises(ValueError, match="got a list; expected an object"):
        read_object(path)
    path.write_text("#" * (structured_text.TOML_BYTES + 1))
    with pytest.raises(ValueError, match="it has more than 262,144 bytes"):
        read_toml(path)
    path.write_text("{}", "utf-16")
    with pytest.raises(ValueError, match="it is UTF-16 text; expected UTF-8: save it so"):
        read_json(path)
    path.write_text("{}", "utf-8-sig")
    assert read_json(path) == {}


def test_lines_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(structured_text, "LINE", 5)
    (tmp_path / "a").write_bytes(b"\xef\xbb\xbfabcd\nab\r\n123456\n")
    lines = read_lines(tmp_path / "a", newline="")
    assert [next(lines), next(lines)] == ["abcd\n", "ab\r\n"]
    with pytest.raises(ValueError, match="line 3 is longer than 5 characters"):
        next(lines)
