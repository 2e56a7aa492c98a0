"""A product cache whose products were all made before: it reads, and makes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from unprompt.errors import PictureError, StoreError
from unprompt.evidence.product_cache import ProductCache, ShardReader
from unprompt.evidence.products import Product
from unprompt.images import read_isolated
from unprompt.perturbations import Chain, perturbed
from unprompt.store import ProductRecipe
from unprompt.types import Picture

if TYPE_CHECKING:
    from unprompt.instruments import Suite

Made = TypeVar("Made")


class StoredProductCache(ProductCache):
    """The pictures of sample rows; each is opened again only when evidence shows the picture itself."""

    reader: ShardReader

    def __init__(self, reader: ShardReader, suite: Suite, rows: Sequence[Mapping[str, Any]], noise: int = 0) -> None:
        super().__init__((), suite, reader, noise)
        self._rows = tuple(rows)

    @cached_property
    def _opened(self) -> tuple[Picture, ...]:
        return tuple(reopened(row) for row in self._rows)

    @property
    def pictures(self) -> tuple[Picture, ...]:
        return self._opened

    @property
    def pixels(self) -> list[str]:
        return [row["pixels"] for row in self._rows]

    def _fetch(self, product: Product[Made], recipe: ProductRecipe, make: Callable[[], list[Made]]) -> list[Made]:
        stored = self.reader.read(product, recipe, self.pixels)
        if stored is None:
            raise StoreError(
                f"{self.reader.store.root} has no {product.role} of shard {self.reader.shard} in "
                f"products/{recipe.name}: finish the extraction by the same command"
            )
        return stored


def reopened(row: Mapping[str, Any]) -> Picture:
    """The picture of a row, known to be the one that the evidence was made of."""
    uri, remedy = row["uri"], "put the file back, or extract it again"
    try:
        picture = perturbed(read_isolated(Path(uri), uri), Chain.parse(row["perturbation"] or ""))
    except (PictureError, OSError) as error:
        raise StoreError(f"{uri} cannot be opened again ({error}): {remedy}") from error
    if picture.pixels != row["pixels"]:
        raise StoreError(
            f"{uri} shows other pixels ({picture.pixels[:12]}) than when its evidence was made "
            f"({row['pixels'][:12]}): {remedy}"
        )
    return picture
