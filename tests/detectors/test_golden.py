"""Golden scores: what is written is read, what is damaged is named, what is asked is what the heads say."""

import json
from pathlib import Path

import pytest

from unprompt.detectors.golden import Golden
from unprompt.errors import SuiteError

GOLDEN = Golden({"real/a.jpg": "aa", "b.jpg": "bb"}, {"sare": {"real/a.jpg": 0.25, "b.jpg": 1 / 3}})


def test_what_was_written_is_read(tmp_path: Path) -> None:
    GOLDEN.write(tmp_path)
    assert Golden.read(tmp_path) == GOLDEN


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"pixels": {}}', '{"pixels": 3, "probabilities": {"a": 1}}'])
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "golden.json").write_text(text)
    with pytest.raises(
        SuiteError, match=r"golden\.json: no sound golden scores \(.+\); reinstall the package, or make"
    ):
        Golden.read(tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match=r"golden\.json: no sound golden scores \(.*No such file.*by its recipe"):
        Golden.read(tmp_path)


@pytest.mark.parametrize(
    "stored",
    [{"pixels": {}, "probabilities": {}}, {"pixels": {"a": "aa", "b": "bb"}, "probabilities": {"sare": {"a": 0.5}}}],
)
def test_nothing_to_compare_is_an_error(tmp_path: Path, stored: dict[str, object]) -> None:
    (tmp_path / "golden.json").write_text(json.dumps(stored))
    with pytest.raises(SuiteError, match=r"golden\.json: not every method has a score of every picture"):
        Golden.read(tmp_path)
