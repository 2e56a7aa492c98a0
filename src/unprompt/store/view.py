"""The evidence of one method: a view over products, which are shared between methods."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from unprompt.errors import StoreError
from unprompt.store.fingerprint import canonical, fingerprint
from unprompt.store.notes import sound, write_note
from unprompt.store.places import Place
from unprompt.structured_text import read_object

_KEYS = {"products": "shelves"}
"""Keys in the file, where they are not the field's name."""


@dataclass(frozen=True)
class EvidenceView:
    """Where the evidence of a method lies in a store, and what it was made with."""

    method: str
    version: int | str
    options: Mapping[str, object]
    """The method's options, as plain values."""
    suite: str
    """Name of the suite whose instruments made the products."""
    products: Mapping[str, str]
    """Role (caption, reconstruction, ...) -> name of the product table."""

    @property
    def fingerprint(self) -> str:
        """Name of the evidence. The suite is left out: its name moves nothing that the product tables do not say."""
        return fingerprint(self.method, self.version, self.options, self.products)

    def serves(self, wanted: EvidenceView) -> bool:
        """Whether all that ``wanted`` looks at is here too, made in the same way; there may be more."""
        fewer = {role: name for role, name in self.products.items() if role in wanted.products}
        return wanted.fingerprint == fingerprint(self.method, self.version, self.options, fewer)


def write_view(folder: Place, view: EvidenceView) -> None:
    """Store ``view`` under ``folder`` as ``<method>.json``."""
    write_note(folder / f"{view.method}.json", _facts(view))


def read_view(folder: Place, method: str) -> EvidenceView:
    """The view of ``method`` under ``folder``. Raises StoreError when it is missing or damaged."""
    path = folder / f"{method}.json"
    remedy = f"run `unprompt extract {method} --data ... --out {folder.parent}`"
    if not path.exists():
        there = ", ".join(sorted(found.stem for found in folder.glob("*.json"))) or "none"
        raise StoreError(f"{folder} holds no evidence of {method!r}; methods there: {there}; {remedy}")
    with sound(path, "evidence view", remedy):
        stored = read_object(path)
        view = EvidenceView(*(stored["view"][_key(field.name)] for field in fields(EvidenceView)))
        name, facts = stored["fingerprint"], _facts(view)
    former = {key: fact for key, fact in facts.items() if key != "checksum"}
    if stored not in (facts, former) or view.method != method:
        raise StoreError(
            f"got fingerprint {name}; expected {view.fingerprint} of {method!r} and its checksum; {remedy}", path=path
        )
    return view


def _facts(view: EvidenceView) -> dict[str, object]:
    """What is stored; the checksum, which files of before lack, covers the suite's name too."""
    stored = {_key(field.name): canonical(getattr(view, field.name)) for field in fields(view)}
    return {"checksum": fingerprint(stored), "fingerprint": view.fingerprint, "view": stored}


def _key(name: str) -> str:
    return _KEYS.get(name, name)
