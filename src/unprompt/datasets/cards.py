"""The data cards of all loaders as one Markdown page: ``python -m unprompt.datasets.cards > docs/datasets.md``."""

from __future__ import annotations

import inspect
import re
import sys
import textwrap
from collections.abc import Iterator

from unprompt.datasets.spec import NAMES, Loader

HEAD = """\
# The datasets that `--data` knows

`NAME:ROOT` names a dataset as it lies on disk; square brackets are optional. A wrong root is one error that says where
was looked, what was found and what was expected. This page is made from the loaders, by `python -m
unprompt.datasets.cards`.
"""


def page() -> str:
    """Every loader's card, with the tree of folders that it takes."""
    return "\n".join([HEAD, *(line for name, loader in NAMES.items() for line in _card(name, loader))])


def _card(name: str, loader: Loader) -> Iterator[str]:
    title, _, rest = inspect.cleandoc(loader.__doc__ or "").partition("\n\n")
    yield f"## `{name}:`\n"
    yield re.sub(r"(\S+(?:\[/\w+\])+)", r"`\1`", title) + "\n"  # brackets side by side would be a link
    if rest:
        yield f"{rest}\n"
    if tree := getattr(sys.modules[loader.__module__], "TREE", ""):
        yield "Tree:\n"
        yield f"```text\n{textwrap.fill(tree, 112, break_on_hyphens=False)}\n```\n"


if __name__ == "__main__":
    print(page(), end="")
