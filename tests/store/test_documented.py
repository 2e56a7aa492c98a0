"""The page on the evidence store says of every column what the schema does."""

from pathlib import Path

import pyarrow as pa
import pytest

from unprompt.store import schema

PAGE = Path(__file__).parents[2] / "docs" / "evidence.md"
TABLES = {"plan": schema.PLAN, "samples": schema.SAMPLES, **schema.PRODUCTS, "results": schema.RESULTS}


def columns(declared: pa.Schema) -> str:
    """A table of Markdown: column, type, whether it may be null, and what it means."""
    rows = [
        f"| `{field.name}` | `{field.type}` | {'yes' if field.nullable else 'no'} | {field.metadata[b'doc'].decode()} |"
        for field in declared
    ]
    return "\n".join(["| column | type | null | meaning |", "| --- | --- | --- | --- |", *rows])


@pytest.mark.parametrize("name", TABLES)
def test_every_column_is_on_the_page(name: str) -> None:
    page = PAGE.read_text("utf-8")
    section = page[page.index(f"\n### `{name}`") :]
    section = section[: section.find("\n##", 1)] if "\n##" in section[1:] else section
    assert columns(TABLES[name]) in section


def test_the_page_has_no_other_table() -> None:
    named = [line.split("`")[1] for line in PAGE.read_text("utf-8").splitlines() if line.startswith("### `")]
    assert named == list(TABLES)
