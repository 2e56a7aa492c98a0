"""The lock of a suite: which commit of the hub each of its models was first fetched at. Loads no torch."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from unprompt.errors import SuiteError
from unprompt.instruments.specs import Spec

HEAD: Final = """\
# Written by `unprompt fetch`: the commit at which each model of the hub was first fetched. Later runs take these alone.
# Deleting a line takes what the hub's branch is at the next fetch: other weights, whose results are not comparable.
"""
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Lock:
    """A TOML file: model, or model@branch, = commit. No file is a lock that states nothing."""

    file: Path

    def commit(self, spec: Spec) -> str:
        """The commit that is stated for a model; empty = none, or the suite's file states one itself."""
        return "" if not _moves(spec) else self._stated().get(_key(spec), "")

    def record(self, commits: Iterable[tuple[Spec, str]]) -> None:
        """State the commits of models of which none is stated; :class:`SuiteError` when the file cannot be written."""
        stated = self._stated()
        fresh = {_key(spec): commit for spec, commit in commits if _moves(spec) and _key(spec) not in stated}
        if not fresh:
            return
        lines = "".join(f"{json.dumps(name)} = {json.dumps(one)}\n" for name, one in sorted((stated | fresh).items()))
        aside = self.file.with_name(f".{self.file.name}")
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            aside.write_text(HEAD + lines, "utf-8")
            aside.replace(self.file)
        except OSError as error:
            raise SuiteError(
                f"the lock {self.file} cannot be written ({error}): let this user write there, or copy the suite's "
                "file to a folder where that is so"
            ) from error

    def _stated(self) -> dict[str, str]:
        try:
            table = tomllib.loads(self.file.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise SuiteError(f"the lock {self.file} cannot be read ({error}): correct it, or delete it") from error
        for name, commit in table.items():
            if not isinstance(commit, str) or not _COMMIT.fullmatch(commit):
                raise SuiteError(
                    f"the lock {self.file} states {commit!r} for {name!r}, expected a commit of 40 hex digits: "
                    "correct the line, or delete it"
                )
        return table


def _moves(spec: Spec) -> bool:
    """Whether the hub may answer another commit tomorrow."""
    return bool(spec.model) and not spec.path and not _COMMIT.fullmatch(spec.revision)


def _key(spec: Spec) -> str:
    return f"{spec.model}@{spec.revision}" if spec.revision else spec.model
