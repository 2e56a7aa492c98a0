"""The results of an audit, and its findings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from unprompt.auditing.bias import LIMIT, Bias, metadata_bias
from unprompt.auditing.copies import Copies, SharedPrompt, copies, shared_prompts
from unprompt.auditing.facts import Item
from unprompt.auditing.profiles import Profile, profiles

VERSION: Final = 1
"""Version of the dictionary; it goes up when a key changes its name or meaning."""


@dataclass(frozen=True)
class Unreadable:
    """A file that is no whole picture."""

    uri: str
    error: str


@dataclass(frozen=True)
class Finding:
    """One check."""

    name: str
    status: Literal["pass", "warn", "skip"]
    message: str


@dataclass(frozen=True)
class Audit:
    """What is known of a dataset's files."""

    data: str
    """The data specification."""
    pictures: int
    """Samples, whether they can be read or not."""
    profiles: tuple[Profile, ...]
    bias: Bias | None
    """None, unknown, where a class has fewer than two distinct pictures that are not in the other class too."""
    copies: tuple[Copies, ...]
    """Groups across splits or classes."""
    other_copies: int
    """Groups of copies within one split and class."""
    prompted: int
    """Samples whose prompt is known."""
    prompts: tuple[SharedPrompt, ...]
    misnamed: tuple[str, ...]
    """Files whose suffix promises another format than their bytes have."""
    unreadable: tuple[Unreadable, ...]

    @classmethod
    def of(cls, data: str, items: Sequence[Item]) -> Audit:
        """From all items together."""
        groups = copies(items)
        crossing = [group for group in groups if group.across_classes or group.across_splits]
        return cls(
            data=data,
            pictures=len(items),
            profiles=tuple(profiles(items)),
            bias=metadata_bias(items),
            copies=tuple(crossing),
            other_copies=len(groups) - len(crossing),
            prompted=sum(bool(item.sample.prompt) for item in items),
            prompts=tuple(shared_prompts(items)),
            misnamed=tuple(item.sample.uri for item in items if item.misnamed),
            unreadable=tuple(Unreadable(item.sample.uri, item.error) for item in items if item.error is not None),
        )

    def findings(self) -> list[Finding]:
        """The conclusions, in one line each."""
        return [self._bias(), *self._copies(), self._prompts(), self._unreadable(), self._misnamed()]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields, with the findings and the version of this layout."""
        fields = asdict(self)
        if self.bias is not None:
            fields["bias"]["auc"] = self.bias.auc
        for group, row in zip(self.copies, fields["copies"], strict=True):
            row |= {"across_classes": group.across_classes, "across_splits": group.across_splits}
        return {"version": VERSION, **fields, "findings": [asdict(finding) for finding in self.findings()]}

    def _bias(self) -> Finding:
        if self.bias is None:
            needed = "two readable pictures of each class at least, without copies: label the data, or add pictures"
            return Finding("metadata", "skip", f"unknown: needs {needed}")
        message = f"format, size and JPEG quality alone reach AUC {self.bias.auc:.2f}"
        message += f" (95 % interval {self.bias.low:.2f} to {self.bias.high:.2f}; {self.bias.stronger} classifier)"
        if self.bias.auc > LIMIT:
            advice = "align both classes (--align jpeg:96,size:512 --out DIR) and quote this figure beside any other"
            return Finding("metadata", "warn", f"{message}, above {LIMIT}: {advice}")
        return Finding("metadata", "pass", f"{message}, not above {LIMIT}")

    def _copies(self) -> Iterator[Finding]:
        for where in ("classes", "splits"):
            across = [group for group in self.copies if getattr(group, f"across_{where}")]
            counts = {kind: sum(group.kind == kind for group in across) for kind in ("exact", "similar")}
            message = f"groups of equal pictures: {counts['exact']}, of similar ones: {counts['similar']}"
            yield Finding(f"copies across {where}", "warn" if across else "pass", message)

    def _prompts(self) -> Finding:
        if not self.prompted:
            return Finding("prompts", "skip", "the data name no prompts; a manifest may have a column prompt")
        message = f"in two splits or more: {len(self.prompts)}; pictures with a known prompt: {self.prompted}"
        return Finding("prompts", "warn" if self.prompts else "pass", message)

    def _unreadable(self) -> Finding:
        message = f"files that cannot be read as pictures: {len(self.unreadable)} of {self.pictures}"
        return Finding("unreadable", "warn" if self.unreadable else "pass", message)

    def _misnamed(self) -> Finding:
        message = f"files whose suffix promises another format than they have: {len(self.misnamed)}"
        return Finding("suffixes", "warn" if self.misnamed else "pass", message)
