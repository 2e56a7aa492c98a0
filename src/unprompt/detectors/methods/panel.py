"""The panel: logistic stacking of the members' logits, fitted on validation pictures that trained none of them.

A member's weight may take any sign: two members that see the same thing can be worth most as a difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
import torch

from unprompt.detectors.base import Detector, Floats
from unprompt.detectors.checkpoint import Header
from unprompt.detectors.closed_form import LinearDetector
from unprompt.detectors.options import ClosedFormOptions
from unprompt.detectors.registry import METHODS, load
from unprompt.errors import CheckpointError, OptionError
from unprompt.evidence.joint import JointEvidence, JointExtractor
from unprompt.instruments.digests import file_digest

if TYPE_CHECKING:
    from unprompt.instruments import Suite

MEMBERS: Final = ("sare", "semgir", "tidy", "item")
"""The panel's members unless others are chosen."""
CONSTANT: Final = "constant"
"""What the panel's logit would be if every member's were 0."""


class Panel(LinearDetector[JointEvidence]):
    """The default: logistic stacking of the calibrated scores of sare, semgir, tidy and item.

    One weight a member and a bias; the members themselves are not touched.
    """

    method = "panel"
    Evidence = JointEvidence

    def __init__(
        self, suite: Suite, members: Sequence[Detector[Any, Any]], options: ClosedFormOptions | None = None
    ) -> None:
        self.members = tuple(members)
        names = [member.method for member in self.members]
        if len(set(names)) < max(2, len(names)):
            raise OptionError(f"the panel's members are {names}, expected two or more different methods")
        super().__init__(suite, options)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({list(self.members)!r}, {self.options!r})"

    @property
    def width(self) -> int:
        return len(self.members)

    def features(self, evidence: Sequence[JointEvidence]) -> Floats:
        """N x members: each member's logits, in the order of ``members``."""
        return np.stack([one.logits([row.by_method[one.method] for row in evidence]) for one in self.members], axis=1)

    def combined(self, features: Floats) -> Floats:
        """N logits from N x members logits, such as stored evidence gives without a common cache."""
        with torch.inference_mode():
            return np.asarray(self.network(torch.from_numpy(features).float()).numpy(), np.float64)

    def contributions(self, logits: Mapping[str, Floats]) -> list[dict[str, float]]:
        """For each of N pictures what each member adds to the panel's logit, and CONSTANT; their sum is the logit.

        ``logits`` has N of each member, by its method.
        """
        linear = self.network.linear
        weights, constant = linear.weight.flatten().tolist(), linear.bias.item()
        columns = [weight * logits[one.method] for one, weight in zip(self.members, weights, strict=True)]
        names = [one.method for one in self.members]
        rows = zip(*(column.tolist() for column in columns), strict=True)
        return [dict(zip(names, row, strict=True)) | {CONSTANT: constant} for row in rows]

    def instruments(self) -> dict[str, str]:
        """All that the members depend on; METHOD.ROLE where the suite gives a member an instrument of its own."""
        return {
            f"{member.method}.{role}" if member.suite.has_override(role) else role: digest
            for member in self.members
            for role, digest in member.instruments().items()
        }

    def to(self, device: Any) -> Self:
        for member in self.members:
            member.to(device)
        return super().to(device)

    @classmethod
    def evidence_of(cls, options: ClosedFormOptions) -> JointExtractor:
        """The evidence of the four papers' methods, whatever the suite; a fitted panel has that of its members."""
        return JointExtractor({name: METHODS[name].evidence_of(METHODS[name].Options()) for name in MEMBERS})

    @classmethod
    def check_suite(cls, suite: Suite, options: ClosedFormOptions) -> None:
        """What the four members need of it."""
        for name in MEMBERS:
            METHODS[name].check_suite(suite, METHODS[name].fitting_options(suite))

    def _extractor(self) -> JointExtractor:
        return JointExtractor({member.method: member.extractor for member in self.members})

    def save(self, path: Path | str, *, half: bool = False) -> None:
        """One file that names the members' checkpoints, which have to lie beside it."""
        for member in self.members:
            if member.path is not None and member.path.resolve().parent != Path(path).resolve().parent:
                raise CheckpointError(
                    f"the panel's member {member.method} lies in {member.path.parent}, expected it in "
                    f"{Path(path).parent}: save it beside the panel"
                )
        super().save(path, half=half)

    def _header(self) -> Header:
        return replace(super()._header(), members=tuple(_named(member) for member in self.members))

    @classmethod
    def _from_header(cls, header: Header, path: Path, suite: Suite) -> Self:
        members = [_member(entry, path, suite) for entry in header.members]
        return cls(suite, members, ClosedFormOptions.from_dict(header.options))


def _named(member: Detector[Any, Any]) -> dict[str, str]:
    if member.path is None or member.digest is None:
        raise CheckpointError(f"the panel's member {member.method} was never saved: save it, then the panel beside it")
    return {"method": member.method, "file": member.path.name, "digest": member.digest}


def _member(entry: Mapping[str, str], path: Path, suite: Suite) -> Detector[Any, Any]:
    if lacking := {"method", "file", "digest"} - entry.keys():
        raise CheckpointError(f"{path} is a panel with a member without {', '.join(sorted(lacking))}: train it again")
    if Path(entry["file"]).name != entry["file"]:
        raise CheckpointError(f"{path} is a panel with a member in {entry['file']!r}, expected a file beside it")
    file = path.parent / entry["file"]
    if not file.is_file():
        raise CheckpointError(
            f"{path} is a panel with {entry['method']} in {entry['file']}, which does not lie beside it"
        )
    if (digest := file_digest(file)) != entry["digest"]:
        raise CheckpointError(
            f"{file} has the digest {digest[:12]}, the panel {path} was fitted with {entry['digest'][:12]}: "
            "train the panel again"
        )
    return load(file, suite)
