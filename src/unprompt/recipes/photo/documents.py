"""Pages of words and figures, drawn: a kind of picture that the suite must not call generated and cannot judge."""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from unprompt.types import RGB

SENTENCE: Final = (
    "the picture of a house by water stands beside another which nobody has seen since the year began and its owner "
    "asks for an answer before noon"
)
PAPERS: Final = ((255, 255, 255), (253, 246, 227), (242, 242, 242), (32, 36, 42))
Ink: TypeAlias = tuple[int, int, int]
SIZES: Final = ((800, 900), (1000, 1200), (1240, 1200))


def page(number: int) -> RGB:
    """Page ``number``: a heading, paragraphs and, on every third, a table; the number draws size, paper, letters."""
    rng = np.random.default_rng([4711, number])
    width, height = SIZES[int(rng.integers(len(SIZES)))]
    paper = PAPERS[int(rng.integers(len(PAPERS)))]
    ink = (17, 17, 17) if sum(paper) > 300 else (221, 221, 221)
    sheet = Image.new("RGB", (width, height), paper)
    pen, size = ImageDraw.Draw(sheet), int(rng.integers(12, 23))
    pen.text((40, 30), " ".join(rng.choice(SENTENCE.split(), 4)).title(), ink, ImageFont.load_default(2 * size))
    top = 50 + 3 * size
    if number % 3 == 0:
        top = _table(pen, top, size, ink, rng)
    letters = ImageFont.load_default(size)
    while top < height - 2 * size:
        pen.text((40, top), " ".join(rng.choice(SENTENCE.split(), max(4, (width - 80) // (5 * size)))), ink, letters)
        top += round(size * (1.4 if rng.random() < 0.85 else 2.8))
    return np.asarray(sheet)


def _table(pen: ImageDraw.ImageDraw, top: int, size: int, ink: tuple[int, int, int], rng: np.random.Generator) -> int:
    letters, cell = ImageFont.load_default(size), (6 * size, 2 * size)
    for row in range(6):
        for column in range(5):
            x, y = 40 + column * cell[0], top + row * cell[1]
            pen.rectangle((x, y, x + cell[0], y + cell[1]), outline=ink)
            pen.text((x + 6, y + size // 3), str(int(rng.integers(10000))), ink, letters)
    return top + 7 * cell[1]
