"""The page of ``audit``: one HTML file with its plots in it, readable without a network or a script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from markupsafe import Markup

from unprompt import images
from unprompt.auditing import Audit, Copies, Item
from unprompt.errors import PictureError
from unprompt.report import audit_plots as plots
from unprompt.report.folder import writing
from unprompt.report.page import template
from unprompt.report.words import TRUTHS
from unprompt.store.files import write_aside

GROUPS: Final = 40
"""Groups of copies that are shown with their pictures; all are in the JSON."""
SHOWN: Final = 6
"""Pictures of a group that are shown."""
LISTED: Final = 1000
"""Paths that a list holds at most."""
_SIDE: Final = 192
_SIGNS: Final = {"pass": "✓", "warn": "▲", "skip": "–"}  # noqa: RUF001


@dataclass(frozen=True)
class _Thumbnail:
    source: str
    """Relative to the page; empty when the picture cannot be opened again."""
    truth: str
    words: str
    uri: str


def write_audit(
    folder: Path, inventory: Audit, items: Sequence[Item], limits: images.Limits = images.DEFAULT_LIMITS
) -> Path:
    """Write ``folder/index.html`` with plots of ``items`` and thumbnails of copies; the page's path.

    The page is written last, so that it never names a picture that is not there. Raises StoreError when the folder
    cannot be written.
    """
    with writing(folder):
        (folder / "pictures").mkdir(parents=True, exist_ok=True)
        shown = [
            _thumbnails(folder, number, group, limits) for number, group in enumerate(inventory.copies[:GROUPS], 1)
        ]
        page = folder / "index.html"
        text = _render(inventory, items, list(zip(inventory.copies, shown, strict=False)))
    write_aside(page, lambda file: file.write(text.encode()))
    return page


def _render(inventory: Audit, items: Sequence[Item], copies: list[tuple[Copies, list[_Thumbnail]]]) -> str:
    drawn = {}
    if any(item.facts for item in items):
        drawn = {
            "formats": plots.format_plot(inventory.profiles),
            "sizes": plots.size_plot(items),
            "qualities": plots.quality_plot(items),
        }
    if inventory.bias is not None:
        drawn["auc"] = plots.auc_plot(inventory.bias.generators)
    return template("inventory.html.jinja").render(
        inventory=inventory,
        plots={name: Markup(svg) for name, svg in drawn.items()},
        copies=copies,
        signs=_SIGNS,
        truths=TRUTHS,
        listed=LISTED,
    )


def _thumbnails(folder: Path, number: int, group: Copies, limits: images.Limits) -> list[_Thumbnail]:
    made = []
    for place, one in enumerate(group.pictures[:SHOWN]):
        source = f"pictures/copy-{number:03d}-{place}.png"
        try:
            rgb = images.read_isolated(Path(one.uri), one.uri, limits).rgb
        except PictureError:
            source = ""
        else:
            (folder / source).write_bytes(images.encode_png(images.fit_long(rgb, _SIDE)))
        truth = "unknown" if one.label is None else TRUTHS[one.label]
        made.append(_Thumbnail(source, truth, f"{truth}, {one.generator or 'no name'}, {one.split}", one.uri))
    return made
