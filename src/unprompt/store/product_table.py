"""The products of one recipe, shard by shard: a folder with the recipe and one Parquet file a shard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

import pyarrow as pa

from unprompt.errors import OptionError, StoreError
from unprompt.store.fingerprint import canonical, fingerprint
from unprompt.store.notes import sound, write_note
from unprompt.store.object_path import ObjectPath
from unprompt.store.parquet import REMEDY, fitted, read_table, write_table
from unprompt.store.places import Place
from unprompt.store.plan import shard_file, shard_numbers
from unprompt.store.schema import PRODUCTS
from unprompt.structured_text import read_object

RECIPE, FORMER = "_recipe.json", "recipe.json"
"""File of the recipe, and in stores of before; those who read folders of Parquet pass over a leading _."""
NOISE = "noise"
"""Name of the parameter that numbers the noise samples."""


@dataclass(frozen=True)
class ProductRecipe:
    """All that moves a product, besides the picture: two equal recipes make equal products."""

    kind: str
    """caption, embedding, picture, embeddings or boxes."""
    version: int | str
    """Version of the code that makes the product."""
    cards: Sequence[object] = ()
    """Cards of the instruments, as dataclasses or mappings."""
    parameters: Mapping[str, object] = field(default_factory=dict)
    """Everything else: strength, index of the regeneration, what was embedded."""

    def __post_init__(self) -> None:
        if self.kind not in PRODUCTS:
            raise OptionError(f"got product kind {self.kind!r}; expected one of {', '.join(PRODUCTS)}")

    @cached_property
    def fingerprint(self) -> str:
        """64 hex digits, computed once."""
        return fingerprint(self)

    @cached_property
    def document(self) -> dict[str, object]:
        """The content of the recipe's file, as plain JSON values."""
        return {"fingerprint": self.fingerprint, "recipe": canonical(self)}

    @property
    def noise(self) -> int:
        """Which noise sample; 0 = the first, or no noise enters."""
        number = self.parameters.get(NOISE, 0)
        return number if isinstance(number, int) else 0

    def at_noise(self, noise: int) -> ProductRecipe:
        """The same under another noise sample; the first is not written down."""
        parameters = {name: value for name, value in self.parameters.items() if name != NOISE}
        return replace(self, parameters={**parameters, NOISE: noise} if noise else parameters)

    @property
    def name(self) -> str:
        """Name of the product table's folder: kind and the first 12 digits of the fingerprint."""
        return f"{self.kind}-{self.fingerprint[:12]}"


@dataclass(frozen=True)
class ProductTable:
    """The shards of one recipe's products under ``folder``."""

    folder: Place
    recipe: ProductRecipe

    @property
    def name(self) -> str:
        return self.folder.name

    def read(self, shard: int) -> pa.Table | None:
        """The stored rows of shard number ``shard``, or None when it was not made yet.

        Raises StoreError when the file is damaged, or its schema or fingerprints are not this recipe's.
        """
        path = self.folder / shard_file(shard)
        table = read_table(path, PRODUCTS[self.recipe.kind])
        if table is not None:
            self._check(path, table)
        return table

    def shards(self) -> frozenset[int]:
        """Numbers of the shards that were made; the files are not looked at."""
        return shard_numbers(self.folder)

    def write(self, shard: int, table: pa.Table) -> None:
        """Store the rows of shard number ``shard``, all or nothing.

        Raises StoreError when the rows are not this recipe's, or when the disk refuses.
        """
        path, schema = self.folder / shard_file(shard), PRODUCTS[self.recipe.kind]
        self._check(path, fitted(path, table, schema))
        if not has_recipe(self.folder):
            write_note(self.folder / RECIPE, self.recipe.document)
        write_table(path, table, schema)

    def _check(self, path: Place, table: pa.Table) -> None:
        made_by = self.recipe.fingerprint
        for row in table.select(["pixels", "fingerprint"]).to_pylist():
            expected = fingerprint(made_by, row["pixels"])
            if row["fingerprint"] != expected:
                raise StoreError(
                    f"got fingerprint {row['fingerprint']} for pixels {row['pixels']}; expected {expected} of recipe "
                    f"{self.recipe.name}; {REMEDY}",
                    path=path,
                )


def recipe_file(folder: Place) -> Place:
    """Where the recipe of a product table lies or is to lie."""
    former = folder / FORMER
    return former if former.exists() else folder / RECIPE


_SEEN: Final[set[tuple[Place, str]]] = set()
"""Product tables in object stores whose recipes were read, with their fingerprints: a recipe never changes."""


def has_recipe(folder: Place) -> bool:
    """Whether a product table has a recipe."""
    return recipe_file(folder).exists()


def check_recipe(folder: Place, recipe: ProductRecipe) -> None:
    """StoreError when a product table has another recipe, or a damaged one; an object store is asked once."""
    known = folder, recipe.fingerprint
    if known not in _SEEN and has_recipe(folder):
        read_recipe(folder, recipe)
        if isinstance(folder, ObjectPath):
            _SEEN.add(known)


def read_recipe(folder: Place, expected: ProductRecipe | None = None) -> ProductRecipe:
    """The recipe that ``folder`` was filled by. Raises StoreError when it is missing, damaged or another one's.

    Where the file holds what is ``expected``, no fingerprint is computed anew.
    """
    path, remedy = recipe_file(folder), f"delete {folder} and run the same command again"
    with sound(path, "recipe", remedy):
        stored = read_object(path)
        if expected is not None and stored == expected.document:
            return expected
        recipe = ProductRecipe(**stored["recipe"])
        own = recipe.name == folder.name and recipe.fingerprint == stored["fingerprint"]
    if not own:
        raise StoreError(f"got the recipe of {recipe.name}; expected that of {folder.name}; {remedy}", path=path)
    return recipe
