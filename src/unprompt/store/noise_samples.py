"""Which pictures of a store were drawn under further noise, and how often: a note of one method's."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from unprompt.errors import StoreError
from unprompt.store.files import keep
from unprompt.store.fingerprint import fingerprint


@dataclass(frozen=True)
class NoiseSamples:
    """What ``extract --spread`` made of one method's evidence; the products lie on shelves of their own."""

    method: str
    evidence: str
    """Fingerprint of the evidence view that these are further draws of."""
    number: int
    """Noise samples, the first included; 2 or more."""
    pictures: Mapping[str, Sequence[str]]
    """Number of the part, as text -> hashes of the pixels of the pictures that were drawn."""

    def of(self, part: int) -> frozenset[str]:
        """Hashes of the pictures of one part."""
        return frozenset(self.pictures.get(str(part), ()))


def write_noise_samples(folder: Path, draws: NoiseSamples) -> None:
    """Store ``draws`` under ``folder`` as ``<method>.json``."""
    text = json.dumps({**asdict(draws), "checksum": fingerprint(draws)}, indent=2, sort_keys=True).encode("ascii")
    keep(folder / f"{draws.method}.json", text)


def read_noise_samples(folder: Path, method: str) -> NoiseSamples | None:
    """The draws of ``method`` under ``folder``; None when there are none. Raises StoreError when damaged."""
    path = folder / f"{method}.json"
    if not path.exists():
        return None
    try:
        stored = json.loads(path.read_bytes())
        checksum = stored.pop("checksum", None)  # files of before have none
        draws = NoiseSamples(**stored)
        if checksum not in (None, fingerprint(draws)):
            raise ValueError(f"its checksum says {checksum}")
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise StoreError(
            f"{path}: no sound note of draws ({error!r}); run `unprompt extract {method} --data ... "
            f"--out {folder.parent} --spread K`"
        ) from error
    return draws
