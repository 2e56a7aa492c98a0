"""What people read: no link of the README and of the pages leads nowhere, and the README stays short."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from unprompt.detectors import EVERY

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
WORDS = 900


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#\s]+)", page.read_text("utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_page_is_linked() -> None:
    texts = "".join(page.read_text("utf-8") for page in PAGES)
    assert [page.name for page in PAGES[2:] if f"{page.name})" not in texts and f"{page.name}`" not in texts] == []


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").split()) <= WORDS


@pytest.mark.parametrize("method", ["sare", "semgir", "semgir-a", "tidy", "item"])
def test_each_method_of_the_papers_has_its_section(method: str) -> None:
    text = (ROOT / "docs" / "methods.md").read_text("utf-8")
    section = text.partition(f"### `{method}`\n")[2].partition("\n### ")[0]
    assert all(word in section for word in ("Idea: ", "\n- Needs", "\n- Measured"))
    named = set(re.findall(r"`(\w+)`", section.partition("ptions: ")[2].partition("\n- ")[0])) - set(EVERY)
    assert named <= {one.name for one in fields(EVERY[method].Options)}
