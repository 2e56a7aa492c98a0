"""The plots of an audit as inline SVG: colours are the page's, and shape or place always says the same as colour."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import log2, sqrt
from typing import Final

from unprompt.auditing import LIMIT, FileFacts, Item, Profile
from unprompt.images import FORMATS
from unprompt.report.words import TRUTHS, printable
from unprompt.types import GENERATED, REAL, Label

WIDTH: Final = 760
"""Of every plot, in its own units."""
_NAMES: Final = 210
"""Width of the column of names."""
_ROW: Final = 22
_MIDDLE: Final = 130
"""Height of the line between the two halves of the plot of qualities."""
_LINE: Final = 'class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{top:.1f}" y2="{bottom:.1f}"'


@dataclass(frozen=True)
class _Frame:
    """A rectangle with logarithmic or linear places in it is all that a plot here needs."""

    left: float
    right: float
    least: float
    most: float

    def at(self, value: float) -> float:
        """Place of ``value`` between left and right."""
        return self.left + (self.right - self.left) * (value - self.least) / (self.most - self.least or 1)


def auc_plot(generators: Mapping[str, float]) -> str:
    """A dot a generator: AUC of metadata alone against the real pictures; 0.5 is chance."""
    frame = _Frame(_NAMES, WIDTH - 50, min(0.4, *generators.values()), 1.0)
    bottom = len(generators) * _ROW + 6
    ticks = {0.5: "chance", LIMIT: f"{LIMIT:g}", 0.8: "0.8", 1.0: "1"}
    marks = [f"<line {_LINE.format(x=frame.at(x), top=0, bottom=bottom)}/>" for x in ticks]
    marks += [_text(frame.at(x), bottom + 16, words, "middle") for x, words in ticks.items()]
    marks.append(f'<line class="limit" x1="{frame.at(LIMIT):.1f}" x2="{frame.at(LIMIT):.1f}" y1="0" y2="{bottom}"/>')
    for row, (name, auc) in enumerate(sorted(generators.items(), key=lambda one: -one[1])):
        y, x = row * _ROW + _ROW / 2, frame.at(auc)
        kind = "generated" if auc > LIMIT else "quiet"
        marks.append(f'<line class="stem {kind}" x1="{frame.at(0.5):.1f}" x2="{x:.1f}" y1="{y}" y2="{y}"/>')
        marks.append(f'<circle class="{kind}" cx="{x:.1f}" cy="{y}" r="5"/>')
        marks.append(_name(y, name) + _text(x + 10, y + 4, f"{auc:.2f}"))
    return _svg(bottom + 24, "AUC of metadata alone for each generator", marks)


def format_plot(profiles: Sequence[Profile]) -> str:
    """A bar a label and generator, cut by format, with the format's name where it fits."""
    marks, frame = [], _Frame(_NAMES, WIDTH - 60, 0, 1)
    shown = [one for one in profiles if one.pictures]
    for row, one in enumerate(shown):
        y, from_ = row * _ROW, 0.0
        for name, count in one.formats.items():
            x, to = frame.at(from_), frame.at(from_ + count / one.pictures)
            marks.append(
                f'<rect class="format f{FORMATS.index(name)}" x="{x:.1f}" y="{y + 2}" width="{to - x:.1f}" '
                f'height="{_ROW - 4}"><title>{name}: {count}</title></rect>'
            )
            if to - x > 60:
                marks.append(_text((x + to) / 2, y + _ROW / 2 + 4, f"{name} {count}", "middle", "inside"))
            from_ += count / one.pictures
        marks.append(_name(y + _ROW / 2, one.generator or "no name", one.label))
        marks.append(_text(WIDTH - 50, y + _ROW / 2 + 4, f"{one.pictures}"))
    return _svg(len(shown) * _ROW + 4, "Formats of each group", marks)


def size_plot(items: Iterable[Item]) -> str:
    """Width against height, both logarithmic; area = number of pictures; rings are real, filled diamonds generated."""
    counts = Counter((item.label, item.facts.width, item.facts.height) for item in items if item.facts is not None)
    sides = [side for _, width, height in counts for side in (width, height)]
    least, most = log2(min(sides)) - 0.3, log2(max(sides)) + 0.3
    across, down = _Frame(60, WIDTH - 20, least, most), _Frame(420, 10, least, most)
    marks = []
    for power in range(int(least) + 1, int(most) + 1):
        x, y = across.at(power), down.at(power)
        marks.append(f"<line {_LINE.format(x=x, top=10, bottom=420)}/>{_text(x, 438, str(2**power), 'middle')}")
        marks.append(f'<line class="grid" x1="60" x2="{WIDTH - 20}" y1="{y:.1f}" y2="{y:.1f}"/>')
        marks.append(_text(52, y + 4, str(2**power), "end"))
    largest = max(counts.values())
    for (label, width, height), count in counts.most_common():
        x, y, size = across.at(log2(width)), down.at(log2(height)), 3 + 17 * sqrt(count / largest)
        title = f"<title>{width} x {height}: {count} {_truth(label)}</title>"
        marks.append(_mark(label, x, y, size, title))
    marks.append(_text(WIDTH - 20, 456, "width in pixels", "end") + _text(60, 456, "up: height in pixels"))
    return _svg(464, "Sizes of real and generated pictures", marks)


def quality_plot(items: Iterable[Item]) -> str:
    """Shares of JPEG qualities: real pictures upwards, generated ones downwards; on the left those that are no JPEG."""
    read = [(item.label, item.facts) for item in items if item.facts is not None]
    lowest = min((facts.quality for _, facts in read if facts.quality is not None), default=50)
    first = max(0, (lowest - 1) // 10 * 10)
    frame, marks = _Frame(200, WIDTH - 20, first, 101), []
    for label, sign in ((REAL, "↑ ○"), (GENERATED, "↓ ◆")):
        shares = _shares([facts for truth, facts in read if truth == label])
        marks += [_bar(frame, label, quality, share, max(shares.values())) for quality, share in shares.items()]
        marks.append(_text(10, _MIDDLE + (-60 if label == REAL else 68), f"{sign} {_truth(label)}", kind=_truth(label)))
    marks.append(f'<line class="axis" x1="110" x2="{WIDTH - 20}" y1="{_MIDDLE}" y2="{_MIDDLE}"/>')
    marks += [_text(frame.at(q + 0.5), 262, str(q), "middle") for q in range(first, 101, 10 if first < 60 else 5)]
    marks.append(_text(140, 262, "no JPEG", "middle"))
    return _svg(270, "JPEG quality of real and generated pictures", marks)


def _bar(frame: _Frame, label: Label, quality: int | None, share: float, greatest: float) -> str:
    x, wide = (120.0, 40.0) if quality is None else (frame.at(quality), frame.at(1) - frame.at(0) - 1)
    high = 110 * share / greatest
    name = "no JPEG" if quality is None else f"quality {quality}"
    return (
        f'<rect class="{_truth(label)}" x="{x:.1f}" y="{_MIDDLE - high if label == REAL else _MIDDLE:.1f}" '
        f'width="{wide:.1f}" height="{high:.1f}"><title>{name}: {share:.1%} of {_truth(label)}</title></rect>'
    )


def _shares(read: Sequence[FileFacts]) -> dict[int | None, float]:
    counts = Counter(facts.quality for facts in read)
    return {quality: count / len(read) for quality, count in counts.items()}


def _mark(label: Label | None, x: float, y: float, size: float, title: str) -> str:
    if label == GENERATED:
        points = f"{x},{y - size} {x + size},{y} {x},{y + size} {x - size},{y}"
        return f'<polygon class="generated see-through" points="{points}">{title}</polygon>'
    kind = "ring" if label == REAL else "quiet"
    return f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{size:.1f}">{title}</circle>'


def _truth(label: Label | None) -> str:
    return "unknown" if label is None else TRUTHS[label]


def _name(y: float, name: str, label: Label | None = GENERATED) -> str:
    """A row's name, with the sign of its label, so that colour is not alone in telling it."""
    sign = {GENERATED: "◆", REAL: "○"}.get(label, "·") if label is not None else "·"
    short = name if len(name) < 26 else f"{name[:24]}…"
    return _text(_NAMES - 10, y + 4, f"{short} {sign}", "end", _truth(label))


def _text(x: float, y: float, words: str, anchor: str = "start", kind: str = "") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(printable(words))}</text>'


def _svg(height: float, title: str, marks: Iterable[str]) -> str:
    inner = "".join(marks)
    return f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{title}">{inner}</svg>'
