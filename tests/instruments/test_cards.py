"""Digests, expected digests and the words of MissingWeights."""

import hashlib
from pathlib import Path

import pytest

from unprompt.errors import MissingWeights, SuiteError
from unprompt.instruments.cards import Origin
from unprompt.instruments.digests import FILES, folder_digest

FILES_THERE = ["model.safetensors", "config.json"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in {"model.safetensors": b"weights", "config.json": b"{}", "README.md": b"words"}.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def test_digest_is_sha256_over_sorted_names_and_contents(folder: Path) -> None:
    lines = [f"{name} {hashlib.sha256((folder / name).read_bytes()).hexdigest()}\n" for name in sorted(FILES_THERE)]
    assert folder_digest(folder) == hashlib.sha256("".join(lines).encode()).hexdigest()


@pytest.mark.parametrize("name", FILES_THERE)
def test_digest_moves_with_weights_and_configuration(folder: Path, name: str) -> None:
    before = folder_digest(folder)
    (folder / name).write_bytes(b"other")
    assert folder_digest(folder) != before


def test_digest_ignores_words_and_place(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    before = folder_digest(folder)
    (folder / "README.md").write_bytes(b"other words")
    moved = tmp_path_factory.mktemp("elsewhere") / "model"
    folder.rename(moved)
    assert folder_digest(moved) == before


def test_card_bears_what_is_known(folder: Path) -> None:
    card = Origin(folder, "org/model", "abc", "MIT").card("encoder", FILES, {"steps": 3})
    assert (card.kind, card.model, card.revision, card.licence) == ("encoder", "org/model", "abc", "MIT")
    assert (card.digest, card.parameters) == (folder_digest(folder), {"steps": 3})


def test_expected_digest(folder: Path) -> None:
    right = folder_digest(folder)
    assert Origin(folder, digest=right).card("encoder", FILES).digest == right
    with pytest.raises(SuiteError, match=rf"model '{folder.name}' .* have digest {right}, but its suite expects 00ff"):
        Origin(folder, digest="00ff").card("encoder", FILES)


def test_empty_folder_is_missing_weights(tmp_path: Path) -> None:
    with pytest.raises(MissingWeights, match=r"'org/model' are not on this machine.*`unprompt fetch paper`.*miniature"):
        Origin(tmp_path, "org/model", suite="paper").card("encoder", FILES)
