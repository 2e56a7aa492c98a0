"""Content Credentials (C2PA): a signed history of the file, read and checked without a network."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from unprompt.images import sniff
from unprompt.provenance.note import ProvenanceNote
from unprompt.provenance.source_type import in_words

_SOURCE: Final = "Content Credentials"
_MARK: Final = b"c2pa"
_STATES: Final = {
    "Trusted": "Signed by {}, whose certificate is on a list of trusted ones; the file is unchanged since",
    "Valid": "Signed by {}, who is on no list of trusted signers here; the file is unchanged since",
    "Invalid": "Signed by {}, but the signature does not fit: the file was changed since, or they are forged",
}
_OFFLINE: Final = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}


def credential_notes(data: bytes) -> Iterator[ProvenanceNote]:
    """Who signed the file and what for; that it cannot be told where the extra ``c2pa`` is not installed."""
    if _MARK not in data:
        return
    try:
        manifest, state = _read(data)
    except ModuleNotFoundError:
        words = "The file seems to hold some, which are not read here: pip install 'unprompt[c2pa]'"
        yield ProvenanceNote.of(_SOURCE, words, "")
        return
    except Exception as error:  # the library raises one kind for each of its many errors
        yield ProvenanceNote.of(_SOURCE, "The file seems to hold some, which cannot be read", str(error))
        return
    if manifest is None:
        return
    signature = manifest.get("signature_info") or {}
    signer = signature.get("issuer") or signature.get("common_name") or "nobody who is named"
    yield ProvenanceNote.of(_SOURCE, _STATES.get(state, "Of signer {}").format(signer), _program(manifest))
    for action in _actions(manifest):
        code = str(action.get("digitalSourceType", "")).rpartition("/")[2]
        meaning = f", {in_words(code)}" if code else ""
        yield ProvenanceNote.of(_SOURCE, f"The signer says of a step{meaning}", str(action.get("action", "")))


def _read(data: bytes) -> tuple[dict[str, Any] | None, str]:
    """The active manifest and the state of its signature; None without one."""
    from c2pa import Reader

    kind = (sniff(data) or "").lower()
    with_manifest = Reader.try_create(f"image/{kind}", io.BytesIO(data), None, _context())
    if with_manifest is None:
        return None, ""
    with with_manifest as reader:
        return dict(reader.get_active_manifest() or {}), str(reader.get_validation_state())


@cache
def _context() -> Any:
    from c2pa import Context, Settings

    return Context(Settings.from_json(json.dumps(_OFFLINE)))


def _program(manifest: dict[str, Any]) -> str:
    programs = manifest.get("claim_generator_info") or []
    return ", ".join(f"{one.get('name', '')} {one.get('version', '')}".strip() for one in programs)


def _actions(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """The steps that the signer lists, at most ten."""
    assertions = manifest.get("assertions") or []
    listed = [one.get("data", {}).get("actions", []) for one in assertions if "actions" in str(one.get("label"))]
    return [action for actions in listed for action in actions][:10]
