"""The products that evidence is made of: who makes each from what, and how it lies in a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np
import pyarrow as pa

from unprompt import store
from unprompt.evidence import phrases
from unprompt.images import decode_png, encode_png
from unprompt.instruments.base import Vectors
from unprompt.store import ProductRecipe
from unprompt.types import RGB, Box, Caption

if TYPE_CHECKING:
    from unprompt.instruments import Suite

Made = TypeVar("Made")
VERSION = 1
"""Version of all recipes: raised when the bench asks its instruments for something else."""


@dataclass(frozen=True)
class Codec(Generic[Made]):
    """Products of one kind -> rows of its table, and back."""

    rows: Callable[[ProductRecipe, Sequence[str], Sequence[Made]], pa.Table]
    """From the recipe, the pictures' hashes and the products."""
    items: Callable[[pa.Table], list[Made]]


TEXTS: Codec[Caption] = Codec(store.caption_rows, store.captions)
VECTORS: Codec[Vectors] = Codec(
    lambda recipe, pixels, made: store.embedding_rows(recipe, pixels, np.stack(made)),
    lambda table: list(store.vectors(table)),
)
PICTURES: Codec[RGB] = Codec(
    lambda recipe, pixels, made: store.picture_rows(recipe, pixels, [encode_png(rgb) for rgb in made]),
    lambda table: [decode_png(png) for png in store.pictures(table)],
)

SEVERAL: Codec[Vectors] = Codec(store.embeddings_rows, store.several_vectors)
BOXED: Codec[tuple[Box, ...]] = Codec(store.box_rows, store.boxes)


@dataclass(frozen=True)
class Product(Generic[Made]):
    """What an instrument makes of one picture; its role is its name in a view."""

    role: str
    codec: Codec[Made]
    recipe: Callable[[Suite], ProductRecipe]
    generator: str = ""
    """Who draws it, by name in the suite; empty = nobody."""

    @property
    def drawn(self) -> bool:
        """Noise enters: another draw of the noise makes another product."""
        return bool(self.generator)

    def recipe_at(self, suite: Suite, noise: int) -> ProductRecipe:
        """The recipe under draw ``noise``; the first draw is not told, nor is any where no noise enters."""
        recipe = self.recipe(suite)
        return recipe.at_noise(noise) if self.drawn else recipe


CAPTIONS = Product(
    "captions",
    TEXTS,
    lambda suite: ProductRecipe("caption", VERSION, [suite.captioner.card], {"fallback": suite.captioner.fallback}),
)
PICTURE_EMBEDDINGS = Product(
    "picture_embeddings",
    VECTORS,
    lambda suite: ProductRecipe("embedding", VERSION, [suite.encoder.card], {"of": "picture"}),
)
CAPTION_EMBEDDINGS = Product(
    "caption_embeddings",
    VECTORS,
    lambda suite: ProductRecipe("embedding", VERSION, [suite.encoder.card, suite.captioner.card], {"of": "caption"}),
)


def _local(kind: str, of: str) -> Callable[[Suite], ProductRecipe]:
    """Recipe of what rests on the boxes of a caption's phrases; the encoder enters where something is embedded."""

    def recipe(suite: Suite) -> ProductRecipe:
        cards = [suite.grounder.card, suite.captioner.card, *([suite.encoder.card] if kind == "embeddings" else [])]
        return ProductRecipe(kind, VERSION, cards, {"of": of, "phrases": phrases.VERSION})

    return recipe


BOXES = Product("boxes", BOXED, _local("boxes", "phrases"))
OBJECT_EMBEDDINGS = Product("object_embeddings", SEVERAL, _local("embeddings", "objects"))
PHRASE_EMBEDDINGS = Product("phrase_embeddings", SEVERAL, _local("embeddings", "phrases"))


def reconstructions(guided: bool = True) -> Product[RGB]:
    """img2img towards the caption; unguided, no caption enters, so the captioner's card stays out."""

    def recipe(suite: Suite) -> ProductRecipe:
        cards = [suite.diffusion.card, *([suite.captioner.card] if guided else [])]
        return ProductRecipe("picture", VERSION, cards, {"of": "reconstruction", "guided": guided})

    return Product("reconstructions" if guided else "free_reconstructions", PICTURES, recipe, "diffusion")


def regenerations(index: int = 0, generator: str = "diffusion") -> Product[RGB]:
    """text2img of the caption by one of the suite's generators, drawing ``index``."""

    def recipe(suite: Suite) -> ProductRecipe:
        cards = [suite.generator(generator).card, suite.captioner.card]
        return ProductRecipe("picture", VERSION, cards, {"of": "regeneration", "index": index})

    role = "regenerations" if generator == "diffusion" else f"regenerations_{generator}"
    return Product(f"{role}_{index}", PICTURES, recipe, generator)
