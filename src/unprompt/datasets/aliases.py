"""How people spell labels and splits, in folder names and in manifests."""

from __future__ import annotations

import re
from typing import TypeVar

from unprompt.types import GENERATED, REAL, Label, Split

Meaning = TypeVar("Meaning")

LABELS: dict[str, Label] = {
    "real": REAL,
    "nature": REAL,
    "natural": REAL,
    "authentic": REAL,
    "genuine": REAL,
    "pristine": REAL,
    "original": REAL,
    "fake": GENERATED,
    "ai": GENERATED,
    "generated": GENERATED,
    "ai_generated": GENERATED,
    "synthetic": GENERATED,
    "synthesized": GENERATED,
    "synthesised": GENERATED,
    "aigc": GENERATED,
}
SPLITS: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}

_BESIDE = re.compile(rf"^(?:({'|'.join(SPLITS)})_)?(?:[01]_)?|_(?:images?|imgs?|pics?|pictures?|photos?|faces?)$")
"""What may stand before and after the word that labels."""


def label_of(word: str) -> Label | None:
    """The label that ``word`` means, as in ``1_fake``, ``AI-generated`` or ``real_images``; None for any other word.

    The word decides, not the digit before it, since both orders of digits are in use.
    """
    return _meaning(_BESIDE.sub("", _plain(word)), LABELS)


def split_of(word: str) -> Split | None:
    """The split that ``word`` means, as in ``val`` or ``training_fake``; None for any other word."""
    plain = _plain(word)
    first, _, rest = plain.partition("_")
    return _meaning(first if label_of(rest) is not None else plain, SPLITS)


def _plain(word: str) -> str:
    return re.sub(r"[\s-]+", "_", word.strip().casefold())


def _meaning(word: str, table: dict[str, Meaning]) -> Meaning | None:
    # Plural folder names ("fakes", "reals") are as usual as singular ones.
    return table.get(word, table.get(word.removesuffix("s")))
