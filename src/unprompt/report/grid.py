"""A table of words as Markdown, HTML or LaTeX."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from unprompt.errors import OptionError

_TEX: Final = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "\N{MINUS SIGN}": "$-$",
        **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    }
)


@dataclass(frozen=True)
class Grid:
    """Rows of one width under a header; the first ``labels`` columns are words, the others numbers, set flush right."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    labels: int = 1

    def __post_init__(self) -> None:
        for place, row in enumerate(self.rows):
            if len(row) != len(self.header):
                raise ValueError(f"row {place} has {len(row)} cells, expected {len(self.header)} as in the header")


def markdown(grids: Sequence[Grid]) -> str:
    """Pipe tables under headings."""
    return "\n".join(_markdown(grid) for grid in grids)


def latex(grids: Sequence[Grid]) -> str:
    """One ``table`` each, for the package booktabs."""
    return "\n".join(_latex(grid) for grid in grids)


def page(grids: Sequence[Grid]) -> str:
    """One HTML page that needs neither network nor script."""
    title = html.escape(grids[0].title) if grids else ""
    tables = "\n".join(_table(grid) for grid in grids)
    return (
        f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{title}</title>\n'
        "<style>body{font:16px/1.4 system-ui,sans-serif;margin:2rem;color:#1a1a1a;background:#fff}"
        "table{border-collapse:collapse;margin:0 0 2rem;font-variant-numeric:tabular-nums}"
        "caption{text-align:left;font-weight:600;padding:.5rem 0}"
        "th,td{padding:.25rem .75rem;border-bottom:1px solid #ddd;text-align:left;white-space:nowrap}"
        "thead th{border-bottom:2px solid #1a1a1a}.number{text-align:right}</style></head>\n"
        f"<body>\n{tables}\n</body>\n</html>\n"
    )


FORMS: Final[Mapping[str, Callable[[Sequence[Grid]], str]]] = MappingProxyType(
    {".md": markdown, ".html": page, ".tex": latex}
)
"""Suffix -> how grids are written."""


def render(grids: Sequence[Grid], suffix: str) -> str:
    """The text of a file with this suffix."""
    if suffix not in FORMS:
        raise OptionError(f"got the suffix {suffix!r}, expected one of {', '.join(FORMS)}")
    return FORMS[suffix](grids)


def _markdown(grid: Grid) -> str:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in cells) + " |"

    rule = ["---" if place < grid.labels else "---:" for place in range(len(grid.header))]
    return "\n".join([f"### {grid.title}", "", line(grid.header), line(rule), *map(line, grid.rows), ""])


def _latex(grid: Grid) -> str:
    def line(cells: Sequence[str]) -> str:
        text = " & ".join(cell.translate(_TEX) for cell in cells)
        return ("{}" if text.startswith("[") else "") + text + r" \\"  # a bracket after \\ would be its argument

    columns = "l" * grid.labels + "r" * (len(grid.header) - grid.labels)
    body = "\n".join(map(line, grid.rows))
    return (
        f"\\begin{{table}}\n\\centering\n\\caption{{{grid.title.translate(_TEX)}}}\n"
        f"\\begin{{tabular}}{{{columns}}}\n\\toprule\n{line(grid.header)}\n\\midrule\n{body}\n"
        "\\bottomrule\n\\end{tabular}\n\\end{table}\n"
    )


def _table(grid: Grid) -> str:
    def cells(tag: str, row: Sequence[str]) -> str:
        kinds = ["" if place < grid.labels else ' class="number"' for place in range(len(row))]
        return "".join(f"<{tag}{kind}>{html.escape(cell)}</{tag}>" for kind, cell in zip(kinds, row, strict=True))

    rows = "\n".join(f"<tr>{cells('td', row)}</tr>" for row in grid.rows)
    return (
        f"<table><caption>{html.escape(grid.title)}</caption>\n<thead><tr>{cells('th', grid.header)}</tr></thead>\n"
        f"<tbody>\n{rows}\n</tbody></table>"
    )
