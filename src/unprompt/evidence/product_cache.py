"""What the instruments made of one shard's pictures, each product made once for all methods.

With a reader a product is read from its file where there is one, and written when it was made; without, it stays in
memory. A panel over one cache captions each picture once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

import numpy as np
import pyarrow as pa

from unprompt.choices import Preprocess
from unprompt.errors import NotFinite, StoreError
from unprompt.evidence.products import (
    BOXES,
    CAPTION_EMBEDDINGS,
    CAPTIONS,
    GRADIENT_MAPS,
    OBJECT_EMBEDDINGS,
    PHRASE_EMBEDDINGS,
    PROXY_EMBEDDINGS,
    Product,
    layer_tokens,
    picture_embeddings,
    reconstructions,
    regenerations,
)
from unprompt.evidence.proxy import proxy
from unprompt.evidence.views import native, views
from unprompt.images import centre_square, crop_at, cut_out
from unprompt.instruments.base import Vectors
from unprompt.instruments.phrases import noun_phrases
from unprompt.store import ProductRecipe, Store
from unprompt.store.table_cache import TableCache
from unprompt.types import RGB, Box, Caption, Picture

if TYPE_CHECKING:
    from unprompt.instruments import Suite

Made = TypeVar("Made")


@dataclass(frozen=True)
class ShardReader:
    """One shard of a store, which has a file in each recipe's product table."""

    store: Store
    shard: int
    tables: TableCache | None = None
    """Keeps the tables that were read."""

    def read(
        self, product: Product[Made], recipe: ProductRecipe, pixels: Sequence[str], some: bool = False
    ) -> list[Made] | None:
        """The products of the pictures with these hashes, in this order; None before any were stored.

        With ``some`` the file may hold some of the shard's pictures alone: None as well when one of these is lacking.
        """
        table = self._table(recipe)
        if table is None:
            return None
        stored = {name: place for place, name in enumerate(table["pixels"].to_pylist())}
        if lacking := [one for one in pixels if one not in stored]:
            if some:
                return None
            raise StoreError(
                f"shard {self.shard} of {recipe.name} holds {len(stored)} pictures, but not {lacking[0][:12]} "
                f"({len(lacking)} lacking), which belongs to this shard now: a file was changed after it was planned; "
                "run extract again, or into a new folder"
            )
        return product.codec.items(table.take([stored[one] for one in pixels]))

    def write(self, product: Product[Made], recipe: ProductRecipe, pixels: Sequence[str], made: Sequence[Made]) -> None:
        """Store the products of the pictures with these hashes."""
        self.store.product_table(recipe).write(self.shard, product.codec.rows(recipe, pixels, made))

    def write_some(
        self, product: Product[Made], recipe: ProductRecipe, pixels: Sequence[str], error: NotFinite
    ) -> None:
        """Store what is sound of it; the rows of the other pictures become errors first, so that no row lacks it."""
        self.store.fail_pictures(self.shard, {pixels[place] for place in error.places}, f"{product.role}: {error}")
        if kept := _others(range(len(pixels)), error.places):
            self.write(product, recipe, [pixels[i] for i in kept], [error.made[i] for i in kept])

    def _table(self, recipe: ProductRecipe) -> pa.Table | None:
        def load() -> pa.Table | None:
            return self.store.product_table(recipe).read(self.shard)

        return self.tables.read((self.store.root, recipe.name, self.shard), load) if self.tables else load()


class ProductCache:
    """One shard's pictures under one suite and one draw of the noise; draw 0 is the one that verdicts are made of."""

    def __init__(
        self, pictures: Sequence[Picture], suite: Suite, reader: ShardReader | None = None, noise: int = 0
    ) -> None:
        self._pictures = tuple(pictures)
        self.suite, self.reader, self.noise = suite, reader, noise
        self._products: dict[str, list[Any]] = {}
        """Name of a recipe -> its products; shared by the caches of all methods and of all draws of the noise."""
        self._prepared: list[RGB] | None = None

    def of(self, method: str) -> Self:
        """The same pictures under the instruments of one method; products on which methods agree stay shared."""
        cache = copy(self)
        cache.suite, cache._prepared = self.suite.of(method), None
        return cache

    def at_noise(self, noise: int) -> Self:
        """The same pictures under another draw of the noise; what no noise enters stays shared."""
        cache = copy(self)
        cache.noise = noise
        return cache

    def subset(self, places: Sequence[int]) -> Self:
        """Some of the pictures, with what was made of them."""
        cache = copy(self)
        cache._pictures, cache._prepared = tuple(self._pictures[place] for place in places), None
        cache._products = {name: [column[i] for i in places] for name, column in self._products.items()}
        return cache

    def without(self, places: Collection[int]) -> Self:
        """All pictures but some, with what was made of them."""
        return self.subset(_others(range(len(self.pixels)), places))

    def once(self, name: str, make: Callable[[], list[Made]]) -> list[Made]:
        """What is quick to count in the pictures, so never stored: made at the first call, for whichever method."""
        if name not in self._products:
            self._products[name] = make()
        return cast("list[Made]", self._products[name])

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """The pictures, decoded."""
        return self._pictures

    @property
    def pixels(self) -> list[str]:
        """The pictures' hashes."""
        return [picture.pixels for picture in self.pictures]

    def captions(self) -> list[Caption]:
        """One caption a picture."""
        return self._product(CAPTIONS, lambda: self.suite.captioner.captions(self._rgbs()))

    def picture_embeddings(self, preprocess: Preprocess = "resize") -> Vectors:
        """N x d float32, not normalised."""

        def make() -> list[Vectors]:
            rgbs, encoder = self._rgbs(), self.suite.encoder
            shown = rgbs if preprocess == "resize" else [crop_at(rgb, encoder.side) for rgb in rgbs]
            return list(encoder.embed_pictures(shown))

        return self._stacked(self._product(picture_embeddings(preprocess), make))

    def proxy_embeddings(self) -> Vectors:
        """N x d float32: of each picture as the encoder sees it, its spectrum changed by its seed."""

        def make() -> list[Vectors]:
            side = self.suite.encoder.side
            seen = ((centre_square(one.rgb, side) if side else native(one.rgb), one.seed) for one in self.pictures)
            return list(self.suite.encoder.embed_pictures([proxy(*one) for one in seen]))

        return self._stacked(self._product(PROXY_EMBEDDINGS, make))

    def caption_embeddings(self) -> Vectors:
        """N x d float32, not normalised."""
        rows = self._product(CAPTION_EMBEDDINGS, lambda: list(self.suite.encoder.embed_texts(self._texts())))
        return self._stacked(rows)

    def boxes(self) -> list[tuple[Box, ...]]:
        """Where each picture shows the phrases of its caption; () where it shows none."""

        def make() -> list[tuple[Box, ...]]:
            return self.suite.grounder.ground(self._rgbs(), [noun_phrases(text) for text in self._texts()])

        return self._product(BOXES, make)

    def object_embeddings(self) -> list[Vectors]:
        """Of each picture n x d float32: what its boxes cut out, embedded like a picture."""

        def make() -> list[Vectors]:
            pairs = zip(self._rgbs(), self.boxes(), strict=True)
            cuts = [cut_out(rgb, box) for rgb, of in pairs for box in of]
            return _by_picture(lambda: self.suite.encoder.embed_pictures(cuts), map(len, self.boxes()))

        return self._wide(self._product(OBJECT_EMBEDDINGS, make))

    def phrase_embeddings(self) -> list[Vectors]:
        """Of each picture n x d float32: the phrases of its boxes."""

        def make() -> list[Vectors]:
            phrases = [box.phrase for of in self.boxes() for box in of]
            return _by_picture(lambda: self.suite.encoder.embed_texts(phrases), map(len, self.boxes()))

        return self._wide(self._product(PHRASE_EMBEDDINGS, make))

    def layer_tokens(self, layers: Sequence[int]) -> list[Vectors]:
        """Of each picture n x (layers * width) float32, a row a view: the CLS token after each layer."""

        def make() -> list[Vectors]:
            tower = self.suite.vision
            crops = [views(rgb, tower.side) for rgb in self._rgbs()]
            flat = [crop for of in crops for crop in of]
            return _by_picture(lambda: tower.cls_tokens(flat, layers), map(len, crops))

        return self._product(layer_tokens(layers), make)

    def gradient_maps(self) -> list[RGB]:
        """Of each picture side x side x 3: what the discriminator's answer to it depends on, LGrad's G."""
        return self._product(GRADIENT_MAPS, lambda: self.suite.discriminator.gradient_maps(self._rgbs()))

    def prepared(self) -> list[RGB]:
        """Each picture at the diffusion model's working size; cheap, so never stored."""
        if self._prepared is None:
            self._prepared = [self.suite.diffusion.prepare(rgb) for rgb in self._rgbs()]
        return self._prepared

    def reconstructions(self, guided: bool = True) -> list[RGB]:
        """img2img of each picture towards its caption, or towards nothing; of the size of ``prepared``."""

        def make() -> list[RGB]:
            texts = self._texts() if guided else [""] * len(self.pixels)
            return self.suite.diffusion.reconstruct(self._rgbs(), texts, self._seeds(0))

        return self._product(reconstructions(guided), make)

    def regenerations(self, index: int = 0, generator: str = "diffusion") -> list[RGB]:
        """text2img of each picture's caption by one of the suite's generators; another ``index``, other noise."""

        def make() -> list[RGB]:
            return self.suite.generator(generator).regenerate(self._texts(), self._seeds(index))

        return self._product(regenerations(index, generator), make)

    def _product(self, product: Product[Made], make: Callable[[], list[Made]]) -> list[Made]:
        if not self.pixels:
            return []
        recipe = product.recipe(self.suite, self.noise)
        return self.once(recipe.name, lambda: self._fetch(product, recipe, make))

    def _fetch(self, product: Product[Made], recipe: ProductRecipe, make: Callable[[], list[Made]]) -> list[Made]:
        if self.reader is None:
            return make()
        products = self.reader.read(product, recipe, self.pixels, some=product.drawn and self.noise > 0)
        if products is None:
            try:
                products = make()
            except NotFinite as error:
                self.reader.write_some(product, recipe, self.pixels, error)
                self._products[recipe.name] = error.made  # for the cache without those pictures
                raise
            self.reader.write(product, recipe, self.pixels, products)
        return products

    def _rgbs(self) -> list[RGB]:
        return [picture.rgb for picture in self.pictures]

    def _texts(self) -> list[str]:
        return [caption.text for caption in self.captions()]

    def _seeds(self, index: int) -> list[int]:
        return [mixed(mixed(picture.seed, self.noise), index) for picture in self.pictures]

    def _wide(self, several: Sequence[Vectors]) -> list[Vectors]:
        """0 x d for a picture without a box, of which a table knows no d."""
        return [one if len(one) else np.zeros((0, self.suite.encoder.width), np.float32) for one in several]

    def _stacked(self, rows: Sequence[Vectors]) -> Vectors:
        return np.stack(rows) if rows else np.zeros((0, self.suite.encoder.width), np.float32)


def _by_picture(see: Callable[[], Vectors], counts: Iterable[int]) -> list[Vectors]:
    """Rows of what ``see`` answers, picture by picture, of which each has its count; so are a NotFinite's places."""
    ends = np.cumsum([*counts])
    try:
        return np.split(see(), ends[:-1])
    except NotFinite as error:
        owners = sorted({int(np.searchsorted(ends, place, side="right")) for place in error.places})
        raise NotFinite(str(error), owners, np.split(np.stack(error.made), ends[:-1])) from error


def _others(places: Iterable[int], taken: Collection[int]) -> list[int]:
    return [place for place in places if place not in taken]


def mixed(seed: int, index: int) -> int:
    """The seed of drawing ``index``: the picture's own for the first, 63 hashed bits of both for another."""
    if index == 0:
        return seed
    return int.from_bytes(hashlib.sha256(f"{seed}:{index}".encode()).digest()[:8], "big") >> 1
