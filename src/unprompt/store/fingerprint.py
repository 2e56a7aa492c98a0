"""One name for one content: what a stored thing was made of, as 64 hex digits."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass


def fingerprint(*parts: object) -> str:
    """SHA-256 over the canonical JSON of ``parts``: 64 hex digits, whatever the order of mapping keys.

    >>> fingerprint({"strength": 0.5, "steps": 50}) == fingerprint({"steps": 50, "strength": 0.5})
    True
    """
    plain = [part if isinstance(part, str) else canonical(part) for part in parts]
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def canonical(part: object) -> object:
    """``part`` as plain JSON values: dataclasses become mappings, sequences lists.

    Raises TypeError for a type that has no one spelling (a set, an array, a path): turn it into text first.
    """
    if part is None or isinstance(part, str | bool | int | float):
        return part
    if is_dataclass(part) and not isinstance(part, type):
        return {field.name: canonical(getattr(part, field.name)) for field in fields(part)}
    if isinstance(part, Mapping):
        return {_key(key): canonical(value) for key, value in part.items()}
    if isinstance(part, Sequence) and not isinstance(part, bytes | bytearray | memoryview):
        return [canonical(value) for value in part]
    raise TypeError(_refusal(part, "a dataclass, mapping, sequence, str, int, float, bool or None"))


def _key(key: object) -> str:
    if isinstance(key, str):
        return key
    raise TypeError(_refusal(key, "a str as key of a mapping, since 1 and '1' would become one name"))


def _refusal(got: object, expected: str) -> str:
    return f"a fingerprint cannot be taken of {got!r} ({type(got).__name__}); expected {expected}"
