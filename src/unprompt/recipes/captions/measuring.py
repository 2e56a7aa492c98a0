"""What the encoder, the captioner and the grounder are worth, on pictures that nothing was learned from."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from unprompt.evidence.alignment import direction
from unprompt.images import centre_square, read
from unprompt.instruments import Suite
from unprompt.instruments.phrases import noun_phrases
from unprompt.recipes.captions.pairs import Captioned
from unprompt.types import RGB, Box

FIGURES: Final = "captions.json"
"""Beside the suite's file."""
AMONG: Final = 100
"""Pictures among which a caption is to find its own."""
DRAWS: Final = 50
MOSAICS: Final = 100
PART: Final = 224
"""Side in pixels of each of a mosaic's four pictures."""
SENTENCES: Final = ("flickr8k_1000", "coco_val2017")
"""Collections whose captions are whole sentences that name objects."""
SAMPLES: Final = (
    "astronaut.png",
    "chelsea.png",
    "coffee.png",
    "motorcycle_left.png",
    "rocket.jpg",
    "hubble_deep_field.jpg",
)
"""Photographs that scikit-image bundles, whose captions are shown."""


def measure(rows: Sequence[Captioned], suite: Suite) -> dict[str, Any]:
    """Shares on the held-out pictures, and a few captions to read, of pictures that anybody has."""
    held_out = [one for one in rows if one.held_out]
    pictures = [read(Path(one.uri).read_bytes(), one.uri).rgb for one in held_out]
    images = direction(suite.encoder.embed_pictures(pictures))
    told = [caption.text for caption in suite.captioner.captions(pictures)]
    sentences = [place for place, one in enumerate(held_out) if one.collection in SENTENCES]
    return {
        "held_out": len(held_out),
        "retrieval": {name: _retrieval(held_out, images, suite, name) for name in _collections(held_out)},
        "captioner": {
            "all": found_among(images, direction(suite.encoder.embed_texts(told))),
            "sentences": found_among(images[sentences], direction(suite.encoder.embed_texts(told))[sentences]),
            "human": found_among(images, direction(suite.encoder.embed_texts([one.captions[0] for one in held_out]))),
            "samples": samples(suite),
        },
        "pointing": pointing([held_out[i] for i in sentences], [pictures[i] for i in sentences], suite),
    }


def _collections(rows: Sequence[Captioned]) -> list[str]:
    return ["all", *sorted({one.collection for one in rows})]


def _retrieval(rows: Sequence[Captioned], images: npt.NDArray[np.float32], suite: Suite, name: str) -> dict[str, float]:
    """Share of pictures whose nearest caption, or one of five, is their own, and of captions whose picture is."""
    places = [place for place, one in enumerate(rows) if name in ("all", one.collection)]
    texts = [text for place in places for text in rows[place].captions]
    owners = np.repeat(np.arange(len(places)), [len(rows[place].captions) for place in places])
    near = images[places] @ direction(suite.encoder.embed_texts(texts)).T
    best, own = owners[np.argsort(-near, axis=1)], np.arange(len(places))[:, None]
    return {
        "pictures": len(places),
        "captions": len(texts),
        "caption_first": float((best[:, :1] == own).mean()),
        "caption_in_five": float((best[:, :5] == own).any(axis=1).mean()),
        "picture_first": float((near.argmax(axis=0) == owners).mean()),
    }


def found_among(images: npt.NDArray[np.float32], texts: npt.NDArray[np.float32]) -> dict[str, float]:
    """Share of N captions whose own picture is nearest among AMONG that are drawn, or all where there are fewer."""
    rng, shares = np.random.default_rng(0), []
    among = min(AMONG, len(images))
    for _ in range(DRAWS):
        drawn = rng.choice(len(images), among, replace=False)
        shares.append(float(((texts[drawn] @ images[drawn].T).argmax(axis=1) == np.arange(among)).mean()))
    return {"among": among, "first": float(np.mean(shares))}


def pointing(rows: Sequence[Captioned], pictures: Sequence[RGB], suite: Suite) -> dict[str, float]:
    """Share of phrases whose box has its middle in the right quarter of a mosaic of four pictures; chance is 0.25.

    A phrase that several of the four name is not asked. ``found`` and ``absent`` are the shares of these phrases, and
    of as many that describe other pictures, that the grounder finds.
    """
    rng, right, found, asked, wrong, others = np.random.default_rng(0), 0, 0, 0, 0, 0
    for _ in range(MOSAICS if len(rows) >= 4 else 0):
        order = rng.permutation(len(rows))
        four, strangers = order[:4].tolist(), order[4:8].tolist()
        named = [set(noun_phrases(rows[place].captions[0])) for place in four]
        wanted = {
            phrase: quarter
            for quarter, phrases in enumerate(named)
            for phrase in sorted(phrases)
            if sum(phrase in several for several in named) == 1
        }
        absent = {phrase for place in strangers for phrase in noun_phrases(rows[place].captions[0])} - set[str]().union(
            *named
        )
        [boxes] = suite.grounder.ground([mosaic([pictures[place] for place in four])], [(*wanted, *sorted(absent))])
        own = [box for box in boxes if box.phrase in wanted]
        asked, found = asked + len(wanted), found + len(own)
        others, wrong = others + len(absent), wrong + len(boxes) - len(own)
        right += sum(wanted[box.phrase] == quarter_of(box) for box in own)
    shares = {"found": found / max(asked, 1), "right": right / max(found, 1), "absent": wrong / max(others, 1)}
    return {"phrases": asked, **shares}


def mosaic(four: Sequence[RGB]) -> RGB:
    """The central squares of four pictures, from the top left."""
    corners = [centre_square(rgb, PART) for rgb in four]
    return np.concatenate([np.concatenate(corners[:2], axis=1), np.concatenate(corners[2:], axis=1)])


def quarter_of(box: Box) -> int:
    """Of a mosaic, from the top left, that holds the middle of a box."""
    return int((box.left + box.right) / 2 >= 0.5) + 2 * int((box.top + box.bottom) / 2 >= 0.5)


def samples(suite: Suite) -> list[list[str]]:
    """Name and caption of each of SAMPLES that is there."""
    folder = Path(str(resources.files("skimage"))) / "data"
    paths = [folder / name for name in SAMPLES if (folder / name).is_file()]
    told = suite.captioner.captions([read(path.read_bytes(), path.name).rgb for path in paths])
    return [[path.name, caption.text] for path, caption in zip(paths, told, strict=True)]
