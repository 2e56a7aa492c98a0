"""What an extractor is: one paper's representation, made from the products of the instruments."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, final

import pyarrow as pa

from unprompt.errors import NotFinite, StoreError
from unprompt.evidence.product_cache import ProductCache, ShardReader
from unprompt.evidence.products import Product
from unprompt.evidence.stored import StoredProductCache
from unprompt.store import EvidenceView, ProductRecipe, Store
from unprompt.store.table_cache import TableCache

if TYPE_CHECKING:
    from unprompt.instruments import Suite

E_co = TypeVar("E_co", covariant=True)

log = logging.getLogger(__name__)


class Extractor(ABC, Generic[E_co]):
    """How one method's evidence is made of pictures."""

    method: str
    version: ClassVar[int] = 1
    """Raised when the same products make other evidence."""
    roles: Sequence[str] = ()
    """The suite's instruments that it needs."""
    of_files: bool = False
    """The evidence describes the file too (format, quality, native size), not the pixels alone."""

    @abstractmethod
    def products(self) -> Sequence[Product[Any]]:
        """What it takes from the product cache and has stored."""

    @final
    def extract(self, cache: ProductCache) -> list[E_co]:
        """One evidence a picture of the cache, in order, by the instruments that the suite gives this method."""
        return self._extract(cache.of(self.method))

    @final
    def fill(self, cache: ProductCache) -> ProductCache:
        """Make and store what is lacking of a shard's products; the cache without the pictures that have become errors.

        Those are the ones about which a model answers nothing finite; the products of the others are as they would be.
        """
        while True:
            try:
                self.extract(cache)
            except NotFinite as error:
                log.warning(f"{len(error.places)} pictures become errors: {error}")
                cache = cache.without(error.places)
            else:
                return cache

    @abstractmethod
    def _extract(self, cache: ProductCache) -> list[E_co]: ...

    def options(self) -> Mapping[str, object]:
        """What was chosen, as plain values."""
        return {}

    @property
    def noisy(self) -> bool:
        """Whether another draw of the noise makes other evidence."""
        return any(product.drawn for product in self.products())

    def recipes(self, suite: Suite) -> dict[str, ProductRecipe]:
        """Role -> recipe of each product."""
        own = suite.of(self.method)
        return {product.role: product.recipe(own) for product in self.products()}

    def view(self, suite: Suite) -> EvidenceView:
        """What a store says of this evidence under this suite."""
        products = {role: recipe.name for role, recipe in self.recipes(suite).items()}
        return EvidenceView(self.method, self.version, self.options(), suite.name, products)

    def load_shard(
        self,
        store: Store,
        view: EvidenceView,
        shard: int,
        suite: Suite,
        rows: Sequence[Mapping[str, Any]] | None = None,
        noise: int = 0,
        tables: TableCache | None = None,
    ) -> list[E_co]:
        """The stored evidence of ``rows`` (sample rows that are ok; all of the shard by default), nothing made anew.

        ``noise`` is the draw of the noise; further ones are stored for some pictures alone. ``tables`` keeps what was
        read. Whatever precision the models ran in is taken. :class:`StoreError` when the view is not this extractor's
        under this suite, a product is missing, or a picture that the evidence shows was changed since.
        """
        suite = suite.at_dtype(store.dtype(view) or suite.dtype)
        expected = self.view(suite)
        if not view.serves(expected):
            raise StoreError(
                f"{store.root} holds evidence of {view.method} from suite {view.suite!r} with {dict(view.products)}, "
                f"expected {dict(expected.products)} of {expected.method} from suite {suite.name!r}: extract it again "
                "with this suite, or name the suite that made it"
            )
        rows = ok_rows(store, shard) if rows is None else rows
        return self.extract(StoredProductCache(ShardReader(store, shard, tables), suite, rows, noise))


class PictureExtractor(Extractor[E_co]):
    """Needs no instrument and stores no product: the pictures themselves are read again."""

    def __init__(self, method: str) -> None:
        self.method = method

    def products(self) -> Sequence[Product[Any]]:
        return ()


def rows_by_shard(store: Store) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """Shard by shard its current sample rows that have a picture; of a file that was changed and read anew the last."""
    for shard, table in store.current():
        if rows := [row for row in table.to_pylist() if row["status"] == "ok"]:
            yield shard, rows


def ok_rows(store: Store, shard: int, table: pa.Table | None = None) -> list[dict[str, Any]]:
    """The shard's sample rows that have a picture, from its table if it is at hand; StoreError before it was read."""
    table = store.read_shard(shard) if table is None else table
    if table is None:
        raise StoreError(f"{store.root} has no samples of shard {shard}: finish the extraction by the same command")
    return [row for row in table.to_pylist() if row["status"] == "ok"]
