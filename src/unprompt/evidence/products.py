"""The products that evidence is made of: which instrument makes each from what, and how it is stored in a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np
import pyarrow as pa

from unprompt import store
from unprompt.choices import Preprocess
from unprompt.evidence import views
from unprompt.images import decode_png, encode_png
from unprompt.instruments import phrases
from unprompt.instruments.base import Captioner, Vectors
from unprompt.store import ProductRecipe
from unprompt.types import RGB, Box, Caption

if TYPE_CHECKING:
    from unprompt.instruments import Suite

Made = TypeVar("Made")
VERSION = 1
"""Version of all recipes: raised when the product cache asks its instruments for something else."""


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

EMBEDDINGS: Codec[Vectors] = Codec(store.embeddings_rows, store.several_vectors)
BOX_LISTS: Codec[tuple[Box, ...]] = Codec(store.box_rows, store.boxes)


@dataclass(frozen=True)
class Product(Generic[Made]):
    """What an instrument makes of one picture."""

    role: str
    """Its name in a view."""
    codec: Codec[Made]
    kind: str
    """caption, embedding, picture, embeddings or boxes: its table in a store."""
    instruments: Sequence[str]
    """Whose cards its recipe names: roles of the suite, or ``generators.NAME``."""
    parameters: Mapping[str, object]
    """Everything else that its recipe names."""
    generator: str = ""
    """Who draws it, by name in the suite; empty = nobody."""

    @property
    def drawn(self) -> bool:
        """Noise enters: another draw of the noise makes another product."""
        return bool(self.generator)

    def recipe(self, suite: Suite, noise: int = 0) -> ProductRecipe:
        """The recipe under draw ``noise``; it does not name the first draw, nor any where no noise enters.

        The same cards give the same object, whose fingerprint is computed once.
        """
        cards = [suite.card(role) for role in self.instruments]
        key = (self.role, noise if self.drawn else 0, *map(id, cards))
        if key not in _RECIPES:
            recipe = ProductRecipe(self.kind, VERSION, cards, self.parameters)
            _RECIPES[key] = recipe.at_noise(noise) if self.drawn else recipe
        return _RECIPES[key]


_RECIPES: dict[tuple[object, ...], ProductRecipe] = {}
"""By role, draw and the cards' identities, which the recipes themselves keep from being given to other cards."""

GRADIENT_MAPS = Product("gradient_maps", PICTURES, "picture", ["discriminator"], {"of": "gradient"})
CAPTIONS = Product("captions", TEXTS, "caption", ["captioner"], {"fallback": Captioner.fallback})
PROXY_EMBEDDINGS = Product("proxy_embeddings", VECTORS, "embedding", ["encoder"], {"of": "proxy"})
CAPTION_EMBEDDINGS = Product("caption_embeddings", VECTORS, "embedding", ["encoder", "captioner"], {"of": "caption"})

_ON_PHRASES = {"phrases": phrases.VERSION}
BOXES = Product("boxes", BOX_LISTS, "boxes", ["grounder", "captioner"], {"of": "phrases", **_ON_PHRASES})
OBJECT_EMBEDDINGS = Product(
    "object_embeddings",
    EMBEDDINGS,
    "embeddings",
    ["grounder", "captioner", "encoder"],
    {"of": "objects", **_ON_PHRASES},
)
PHRASE_EMBEDDINGS = Product(
    "phrase_embeddings",
    EMBEDDINGS,
    "embeddings",
    ["grounder", "captioner", "encoder"],
    {"of": "phrases", **_ON_PHRASES},
)


def layer_tokens(layers: Sequence[int]) -> Product[Vectors]:
    """CLS token after each of these layers, of the views of a picture."""
    numbers = "-".join(map(str, layers))
    parameters = {"of": "layers", "layers": numbers, "views": views.VERSION}
    return Product(f"layer_tokens_{numbers}", EMBEDDINGS, "embeddings", ["vision"], parameters)


def picture_embeddings(preprocess: Preprocess = "resize") -> Product[Vectors]:
    """The picture's vector; the encoder sees it resized, or its native central crop, which are two products."""
    if preprocess == "resize":
        return Product("picture_embeddings", VECTORS, "embedding", ["encoder"], {"of": "picture"})
    parameters = {"of": "picture", "preprocess": preprocess}
    return Product("crop_embeddings", VECTORS, "embedding", ["encoder"], parameters)


def reconstructions(guided: bool = True) -> Product[RGB]:
    """img2img towards the caption; unguided, no caption enters, so the captioner's card stays out."""
    role, instruments = (
        ("reconstructions", ["diffusion", "captioner"]) if guided else ("free_reconstructions", ["diffusion"])
    )
    return Product(role, PICTURES, "picture", instruments, {"of": "reconstruction", "guided": guided}, "diffusion")


def regenerations(index: int = 0, generator: str = "diffusion") -> Product[RGB]:
    """text2img of the caption by one of the suite's generators, drawing ``index``."""
    role = "regenerations" if generator == "diffusion" else f"regenerations_{generator}"
    instruments = [f"generators.{generator}", "captioner"]
    parameters = {"of": "regeneration", "index": index}
    return Product(f"{role}_{index}", PICTURES, "picture", instruments, parameters, generator)
