"""Notes and tables of a store from files that nobody vouches for: read, or one StoreError."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unprompt.errors import StoreError
from unprompt.store import Store
from unprompt.store.noise_samples import read_noise_samples
from unprompt.store.notes import check_note
from unprompt.store.product_table import ProductRecipe, read_recipe
from unprompt.store.view import EvidenceView, read_view, write_view
from unprompt.types import Sample

from ..hostile import VALUES, damaged

SHARED = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
VIEW = EvidenceView("tidy", 1, {"scope": "both"}, "fake", {"caption": "caption-000000000000"})
NAMES = st.sampled_from(["view", "fingerprint", "checksum", "recipe", "method", "evidence", "number", "pictures"])


@SHARED
@given(value=VALUES | st.dictionaries(NAMES, VALUES | st.dictionaries(NAMES, VALUES)))
def test_any_note(tmp_path: Path, value: object) -> None:
    for name in ("tidy.json", "_recipe.json"):
        (tmp_path / name).write_text(json.dumps(value))
    with pytest.raises(StoreError):
        read_view(tmp_path, "tidy")
    with pytest.raises(StoreError):
        read_recipe(tmp_path, ProductRecipe("caption", 1))
    with suppress(StoreError):
        read_noise_samples(tmp_path, "tidy")


@SHARED
@given(data=st.data())
def test_damaged_notes(tmp_path: Path, data: st.DataObject) -> None:
    write_view(tmp_path, VIEW)
    path = tmp_path / "tidy.json"
    path.write_bytes(data.draw(damaged(path.read_bytes())))
    with suppress(StoreError):
        assert read_view(tmp_path, "tidy") == VIEW


@SHARED
@given(data=st.data())
def test_damaged_plans(tmp_path: Path, data: st.DataObject) -> None:
    store = Store(tmp_path)
    (tmp_path / "plan.parquet").unlink(missing_ok=True)
    store.plan([Sample("a.png", 1, "sd15"), Sample("b.png", 0)])
    path = tmp_path / "plan.parquet"
    path.write_bytes(data.draw(damaged(path.read_bytes())))
    with suppress(StoreError):
        [row for shard in store.shards() for row in shard.rows]


def test_nesting_is_named(tmp_path: Path) -> None:
    (tmp_path / "tidy.json").write_text("[" * 100_000)
    with pytest.raises(StoreError, match=r"tidy\.json: no sound evidence view .*nested more than 64 deep"):
        read_view(tmp_path, "tidy")
    with pytest.raises(ValueError, match="nested more than 64 deep"):
        check_note(tmp_path / "tidy.json")
