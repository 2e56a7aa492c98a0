"""Where a model's files lie, and cards made from them. Loads no torch."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from unprompt.errors import MissingWeights, SuiteError
from unprompt.instruments.digests import FILES, folder_digest
from unprompt.structured_text import as_table, read_object


@dataclass(frozen=True)
class Card:
    """What is known of a model: enough to fetch it again and to know when a result is comparable."""

    kind: str
    """captioner, encoder, diffusion, generator, grounder, perceptual, backbone, vision, text, discriminator."""
    model: str
    """Hub id, or the folder's name inside its suite."""
    digest: str
    """SHA-256 over the weight and configuration files: two instruments with one digest agree."""
    licence: str = ""
    revision: str = ""
    """Pinned hub revision; empty for a local folder."""
    parameters: dict[str, str | int | float | bool] = field(default_factory=dict)
    """Everything else that moves its output: prompt, beams, strength, steps, guidance, input size."""


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
        """The card of the model, from its files alone.

        ``trunk`` is the folder of the model that this one is built on; the digest covers both. MissingWeights when
        weights are not there, SuiteError for another digest than the expected one.
        """
        self._require_weights([self.folder / pattern for pattern in files])
        if trunk is not None:
            self._require_weights([trunk / pattern for pattern in FILES])
        found = folder_digest(self.folder, files, trunk)
        if self.digest and self.digest != found:
            found = folder_digest(self.folder, files, trunk, anew=True)  # lest a wrong note refuse what is right
        if self.digest and self.digest != found:
            raise SuiteError(
                f"the files of model {self.name!r} in {self.folder} have digest {found}, but its suite expects "
                f"{self.digest}: fetch the pinned revision again, or correct `digest` in the suite file"
            )
        return Card(kind, self.name, found, self.licence, self.revision, dict(parameters or {}))

    def _require_weights(self, patterns: Iterable[Path]) -> None:
        for pattern in (one for one in patterns if one.suffix == ".safetensors"):
            folder = pattern.parent
            if not any(folder.glob(pattern.name)):
                raise self.missing(f"no safetensors file in {folder.name!r}")
            if absent := lacking(folder, ()):
                raise self.missing(f"{absent[0]} is lacking in {folder.name!r}")

    def missing(self, what: str = "") -> MissingWeights:
        """The error that says whose weights are missing and what to do."""
        fetch = f"unprompt fetch {shlex.quote(self.suite or 'SUITE')}"
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
        shards = _shards(index)
        absent += sorted(shard for shard in shards if not (folder / shard).is_file())
    return absent


def _shards(index: Path) -> set[str]:
    """The weight files that an index names."""
    try:
        shards = set(as_table(read_object(index)["weight_map"]).values())
        if strange := [name for name in shards if not isinstance(name, str) or Path(name).name != name]:
            raise ValueError(f"it names the file {strange[0]!r}; expected one beside it")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SuiteError(f"{index} cannot be read as an index of weights ({error}): fetch the model again") from error
    return shards
