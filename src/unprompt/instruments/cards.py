"""Where a model's files lie and what they are: digests of folders, and cards made from them. Loads no torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from unprompt.errors import MissingWeights, SuiteError

if TYPE_CHECKING:
    from unprompt.instruments.base import Card

FILES = ("*.json", "*.txt", "*.safetensors")
"""Files of a model folder that move its output: configuration, vocabulary, weights. Never pickles."""


@dataclass(frozen=True)
class Origin:
    """The folder that a model is loaded from, with what its suite says of it."""

    folder: Path
    model: str = ""
    """Hub id; empty for a local folder, whose name then stands for it."""
    revision: str = ""
    licence: str = ""
    digest: str = ""
    """Expected digest; empty = whatever lies in the folder."""
    suite: str = ""
    """Name of the suite that asks; used in messages."""

    @property
    def name(self) -> str:
        return self.model or self.folder.name

    def card(
        self,
        kind: str,
        files: Iterable[str],
        parameters: Mapping[str, str | int | float | bool] | None = None,
        trunk: Path | None = None,
    ) -> Card:
        """The card of the model: reads every file once; another digest than the expected one is a SuiteError.

        ``trunk`` is the folder of the model that this one is built on; the digest covers both.
        """
        from unprompt.instruments.base import Card  # Here, since it loads torch and origins are made without.

        found = folder_digest(self.folder, files, trunk)
        if not found:
            raise self.missing()
        if self.digest and self.digest != found:
            raise SuiteError(
                f"the files of model {self.name!r} in {self.folder} have digest {found}, but its suite expects "
                f"{self.digest}: fetch the pinned revision again, or correct `digest` in the suite file"
            )
        return Card(kind, self.name, found, self.licence, self.revision, dict(parameters or {}))

    def missing(self, what: str = "") -> MissingWeights:
        """The error that says whose weights are missing and what to do."""
        fetch = f"unprompt fetch {self.suite or 'SUITE'}"
        detail = f" ({what})" if what else ""
        return MissingWeights(
            f"the weights of model {self.name!r} are not on this machine{detail}: looked in {self.folder}; "
            f"run `{fetch}`, or use `--suite miniature`, which needs no download"
        )


def lacking(folder: Path, patterns: Iterable[str]) -> list[str]:
    """Weight files that a folder should have and has not: patterns without a match, and shards that an index names."""
    weights = [pattern for pattern in patterns if pattern.endswith(".safetensors")]
    absent = [pattern for pattern in weights if not any(folder.glob(pattern))]
    for index in folder.glob("*.safetensors.index.json"):
        shards = set(json.loads(index.read_text("utf-8"))["weight_map"].values())
        absent += sorted(shard for shard in shards if not (folder / shard).is_file())
    return absent


def folder_digest(folder: Path, patterns: Iterable[str] = FILES, trunk: Path | None = None) -> str:
    """SHA-256 over the names and contents of the files that match, sorted by name; "" when none does.

    With ``trunk`` it covers that folder's FILES too: a model on a trunk is another one when the trunk is.
    """
    paths = {path.relative_to(folder).as_posix(): path for pattern in patterns for path in folder.glob(pattern)}
    total = hashlib.sha256()
    for name in sorted(paths):
        with paths[name].open("rb") as stream:
            content = hashlib.file_digest(stream, "sha256").hexdigest()
        total.update(f"{name} {content}\n".encode())
    if trunk is not None:
        total.update(f"on {folder_digest(trunk)}\n".encode())
    return total.hexdigest() if paths else ""
