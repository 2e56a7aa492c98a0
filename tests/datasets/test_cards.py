"""The page of the datasets is what the loaders say of themselves."""

from __future__ import annotations

from pathlib import Path

from unprompt.datasets import NAMES
from unprompt.datasets.cards import page

PAGE = Path(__file__).parents[2] / "docs" / "datasets.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text("utf-8") == page(), "make it again: python -m unprompt.datasets.cards > docs/datasets.md"


def test_every_dataset_has_its_card_and_every_benchmark_its_tree() -> None:
    cards = page().split("## `")[1:]
    assert [card.partition(":")[0] for card in cards] == list(NAMES)
    treeless = [card.partition(":")[0] for card in cards if "Tree:" not in card]
    assert treeless == ["folder", "manifest", "huggingface", "miniature"]
    sourced = [card for card in cards if "Tree:" in card and not card.startswith("forensynths4")]  # the same data
    assert all("Source:" in card for card in sourced)
