"""What an extractor is: one paper's representation, made from the products on a bench."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, final

from unprompt.errors import StoreError
from unprompt.evidence.product_cache import ProductCache, ShardReader
from unprompt.evidence.products import Product
from unprompt.evidence.stored import StoredProductCache
from unprompt.store import EvidenceView, ProductRecipe, Store

if TYPE_CHECKING:
    from unprompt.instruments import Suite

E = TypeVar("E", covariant=True)


class Extractor(ABC, Generic[E]):
    """One method's road from pictures to evidence."""

    method: str
    version: ClassVar[int] = 1
    """Raised when the same products make other evidence."""
    roles: Sequence[str]
    """The suite's instruments that it needs."""
    of_files: bool = False
    """The evidence tells of the file too (format, quality, native size), not of the pixels alone."""

    @abstractmethod
    def products(self) -> Sequence[Product[Any]]:
        """What it takes from the bench and has stored."""

    @final
    def extract(self, cache: ProductCache) -> list[E]:
        """One evidence a picture of the bench, in order, by the instruments that the suite gives this method."""
        return self._extract(cache.of(self.method))

    @abstractmethod
    def _extract(self, cache: ProductCache) -> list[E]: ...

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
        shelves = {role: recipe.name for role, recipe in self.recipes(suite).items()}
        return EvidenceView(self.method, self.version, self.options(), suite.name, shelves)

    def load_part(
        self,
        store: Store,
        view: EvidenceView,
        part: int,
        suite: Suite,
        rows: Sequence[Mapping[str, Any]] | None = None,
        noise: int = 0,
    ) -> list[E]:
        """The stored evidence of ``rows`` (sample rows that are ok; all of the part by default), nothing made anew.

        ``noise`` is the draw of the noise; further ones are stored for some pictures alone. :class:`StoreError` when
        the view is not this extractor's under this suite, a product is missing, or a picture that the evidence shows
        was changed since.
        """
        expected = self.view(suite)
        if not view.serves(expected):
            raise StoreError(
                f"{store.root} holds evidence of {view.method} from suite {view.suite!r} with {dict(view.products)}, "
                f"expected {dict(expected.products)} of {expected.method} from suite {suite.name!r}: extract it again "
                "with this suite, or name the suite that made it"
            )
        wanted = ok_rows(store, part) if rows is None else rows
        return self.extract(StoredProductCache(ShardReader(store, part), suite, wanted, noise))


def rows_by_part(store: Store) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """Shard by shard its current sample rows that have a picture; of a file that was changed and read anew the last."""
    for part, table in store.current():
        if rows := [row for row in table.to_pylist() if row["status"] == "ok"]:
            yield part, rows


def ok_rows(store: Store, part: int) -> list[dict[str, Any]]:
    """The part's sample rows that have a picture; :class:`StoreError` before it was read."""
    table = store.read_shard(part)
    if table is None:
        raise StoreError(f"{store.root} has no samples of part {part}: finish the extraction by the same command")
    return [row for row in table.to_pylist() if row["status"] == "ok"]
