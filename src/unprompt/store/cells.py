"""Python objects to rows and back: what was read of the samples, and the three kinds of product."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from unprompt.errors import PictureError, StoreError
from unprompt.images import POLICY
from unprompt.store.fingerprint import fingerprint
from unprompt.store.plan import Shard, index_cells
from unprompt.store.product_table import ProductRecipe
from unprompt.store.schema import PRODUCTS, SAMPLES
from unprompt.types import Box, Caption, Picture

Vectors = npt.NDArray[np.float32]


def sample_rows(shard: Shard, read: Sequence[Picture | PictureError], perturbation: str = "") -> pa.Table:
    """Rows of schema SAMPLES: for each sample of ``shard`` its picture, or the error that took its place.

    ``perturbation`` is what all of them went through; empty = nothing.
    """
    changed = {"perturbation": perturbation or None}
    rows = [
        index_cells(planned) | changed | (_failure(found) if isinstance(found, PictureError) else _facts(found))
        for planned, found in zip(shard.rows, read, strict=True)
    ]
    return pa.Table.from_pylist(rows, SAMPLES)


def failed_rows(table: pa.Table, pixels: Collection[str], reason: str) -> pa.Table:
    """Rows of schema SAMPLES in which the pictures with these hashes are errors."""
    rows = [
        row | ({"status": "error", "error": reason} if row["pixels"] in pixels else {}) for row in table.to_pylist()
    ]
    return pa.Table.from_pylist(rows, SAMPLES)


def caption_rows(recipe: ProductRecipe, pixels: Sequence[str], captions: Sequence[Caption]) -> pa.Table:
    """Rows of kind ``caption``, one a picture."""
    return _rows(
        recipe, "caption", pixels, text=[one.text for one in captions], fallback=[one.fallback for one in captions]
    )


def embedding_rows(recipe: ProductRecipe, pixels: Sequence[str], vectors: Vectors) -> pa.Table:
    """Rows of kind ``embedding`` from N x d float32."""
    return _rows(recipe, "embedding", pixels, vector=list(np.asarray(vectors, np.float32)))


def embeddings_rows(recipe: ProductRecipe, pixels: Sequence[str], several: Sequence[Vectors]) -> pa.Table:
    """Rows of kind ``embeddings`` from n x d float32 of each picture, n its own."""
    return _rows(recipe, "embeddings", pixels, vectors=[list(np.asarray(one, np.float32)) for one in several])


def box_rows(recipe: ProductRecipe, pixels: Sequence[str], found: Sequence[Sequence[Box]]) -> pa.Table:
    """Rows of kind ``boxes``, one a picture, with as many boxes as it has."""
    return _rows(recipe, "boxes", pixels, boxes=[[asdict(box) for box in boxes] for boxes in found])


def picture_rows(recipe: ProductRecipe, pixels: Sequence[str], pngs: Sequence[bytes]) -> pa.Table:
    """Rows of kind ``picture`` from PNG bytes, which the store does not look into."""
    return _rows(recipe, "picture", pixels, png=list(pngs))


def captions(table: pa.Table) -> list[Caption]:
    """What ``caption_rows`` took."""
    return [Caption(row["text"], row["fallback"]) for row in table.select(["text", "fallback"]).to_pylist()]


def vectors(table: pa.Table) -> Vectors:
    """What ``embedding_rows`` took: N x d float32; 0 x 0 for an empty table. Raises StoreError on mixed widths."""
    rows = [np.asarray(vector, np.float32) for vector in table["vector"].to_numpy()]
    widths = sorted({row.size for row in rows})
    if len(widths) > 1:
        raise StoreError(f"got vectors of widths {widths} in one table; expected one width, that of one encoder")
    return np.stack(rows) if rows else np.zeros((0, 0), np.float32)


def several_vectors(table: pa.Table) -> list[Vectors]:
    """What ``embeddings_rows`` took; 0 x 0 for a picture without a box."""
    rows = [np.array(row, np.float32) for row in table["vectors"].to_pylist()]
    return [row if row.size else np.zeros((0, 0), np.float32) for row in rows]


def boxes(table: pa.Table) -> list[tuple[Box, ...]]:
    """What ``box_rows`` took."""
    return [tuple(Box(**cells) for cells in row) for row in table["boxes"].to_pylist()]


def pictures(table: pa.Table) -> list[bytes]:
    """What ``picture_rows`` took."""
    return list(table["png"].to_pylist())


def _rows(recipe: ProductRecipe, kind: str, pixels: Sequence[str], **payload: Sequence[object]) -> pa.Table:
    if recipe.kind != kind:
        raise StoreError(f"got a recipe of kind {recipe.kind!r}; expected {kind!r}, the kind of these products")
    sizes = {name: len(cells) for name, cells in payload.items()}
    if set(sizes.values()) != {len(pixels)}:
        raise StoreError(f"got {sizes} for {len(pixels)} pictures; expected one {kind} for each")
    keys = [fingerprint(recipe.fingerprint, name) for name in pixels]
    return pa.table({"pixels": list(pixels), "fingerprint": keys, **payload}, PRODUCTS[kind])


def _facts(picture: Picture) -> dict[str, object]:
    names = ("sha256", "pixels", "width", "height", "format", "quality", "original")
    told = {"decoding": POLICY, "warnings": "; ".join(picture.warnings) or None}
    return {"status": "ok", "error": None} | {name: getattr(picture, name) for name in names} | told


def _failure(error: PictureError) -> dict[str, object]:
    return {"status": "error", "error": str(error)}
