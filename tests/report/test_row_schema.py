"""The published schemas are those of the code."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path

import pytest

from unprompt.report.row_schema import row_schema
from unprompt.types import Attribution, Prediction

DOCS = Path(__file__).parents[2] / "docs"
KINDS = [Prediction, Attribution]


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_has_what_the_code_says(kind: type[Prediction] | type[Attribution]) -> None:
    path = DOCS / f"{kind.__name__.lower()}.schema.json"
    assert json.loads(path.read_text("utf-8")) == row_schema(kind), f"write row_schema({kind.__name__}) to {path}"


@pytest.mark.parametrize("kind", KINDS)
def test_every_row_has_every_field(kind: type[Prediction] | type[Attribution]) -> None:
    schema = row_schema(kind)
    row = json.loads(json.dumps(asdict(kind("a.png", "error", "no picture"))))
    assert set(schema["properties"]) == set(schema["required"]) == set(row) == {one.name for one in fields(kind)}
    assert schema["$id"] == f"urn:unprompt:{kind.__name__.lower()}:{row['schema_version']}"
    assert schema["properties"]["schema_version"]["const"] == row["schema_version"] == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_that_was_stored_without_a_version_is_read(kind: type[Prediction] | type[Attribution]) -> None:
    stored = asdict(kind("a.png", "error", "no picture"))
    del stored["schema_version"]
    assert kind(**stored) == kind("a.png", "error", "no picture")
