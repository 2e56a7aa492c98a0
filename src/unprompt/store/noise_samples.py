"""Which pictures of a store have further noise samples, and how many: a note of one method's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from unprompt.store.fingerprint import fingerprint
from unprompt.store.notes import sound, write_note
from unprompt.store.places import Place
from unprompt.structured_text import read_object


@dataclass(frozen=True)
class NoiseSamples:
    """What ``extract --spread`` made of one method's evidence; the products lie in product tables of their own."""

    method: str
    evidence: str
    """Fingerprint of the evidence view that these are further noise samples of."""
    number: int
    """Noise samples, the first included; 2 or more."""
    pictures: Mapping[str, Sequence[str]]
    """Number of the shard, as text -> hashes of the pixels of the pictures that have them."""

    def of(self, shard: int) -> frozenset[str]:
        """Hashes of the pictures of one shard."""
        return frozenset(self.pictures.get(str(shard), ()))


def write_noise_samples(folder: Place, note: NoiseSamples) -> None:
    """Store ``note`` under ``folder`` as ``<method>.json``."""
    write_note(folder / f"{note.method}.json", {**asdict(note), "checksum": fingerprint(note)})


def read_noise_samples(folder: Place, method: str) -> NoiseSamples | None:
    """The note of ``method`` under ``folder``; None when there is none. Raises StoreError when damaged."""
    path = folder / f"{method}.json"
    if not path.exists():
        return None
    with sound(
        path, "note of noise samples", f"run `unprompt extract {method} --data ... --out {folder.parent} --spread K`"
    ):
        stored = read_object(path)
        checksum = stored.pop("checksum", None)  # files of before have none
        note = NoiseSamples(**stored)
        if checksum not in (None, fingerprint(note)):
            raise ValueError(f"its checksum says {checksum}")
    return note
