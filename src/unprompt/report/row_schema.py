"""The shape of the rows of ``detect`` and ``attribute``, as JSON Schema."""

from __future__ import annotations

import inspect
from typing import Any, Final

from pydantic import TypeAdapter

from unprompt.types import SCHEMA_VERSION, Attribution, Prediction

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def row_schema(kind: type[Prediction] | type[Attribution]) -> dict[str, Any]:
    """What ``--format json``, ``--format jsonl`` and the service write for one input, field by field.

    >>> row_schema(Prediction)["properties"]["verdict"]["anyOf"][0]["enum"]
    ['real', 'generated', 'inconclusive']
    """
    made = TypeAdapter(kind).json_schema(mode="serialization")
    return {
        "$schema": DIALECT,
        "$id": f"urn:unprompt:{kind.__name__.lower()}:{SCHEMA_VERSION}",
        "description": inspect.getdoc(kind),
        **made,
        "required": list(made["properties"]),
    }
