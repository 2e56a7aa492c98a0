"""The card of each generator of the synthetic scenes: what it draws of a caption, how far from scenes, how it looks.

    python benchmarks/families.py --data 'miniature:FOLDER?...&families=SUITE' [--out docs]

Writes ``families.md`` and ``families.webp`` from the test pictures. A caption's facts (colours, shapes, floor) are
looked for by the suite's captioner. The Frechet distance is that of two normal distributions in the space of the
suite's CLIP, of the pictures and of 1,000 photographs of other scenes; beside it stands that of the test scenes.
"""

from __future__ import annotations

import argparse
import io
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from unprompt import Sample
from unprompt.datasets import load
from unprompt.datasets.miniature import photographs, scenes
from unprompt.instruments import Suite
from unprompt.recipes.miniature.captioner import facts_named
from unprompt.scenes.corpus import HELD_OUT_SEEDS, develop
from unprompt.scenes.scene import Scene
from unprompt.types import RGB

SHOWN: Final = 8
"""Captions on the contact sheet."""
OTHERS: Final = range(HELD_OUT_SEEDS, HELD_OUT_SEEDS + 1000)
"""Seeds of the scenes that distances are measured from."""
HEAD: Final = """\
# Five generators of the synthetic scenes

Each draws the captions of the same {count} test scenes, and its drawings pass the scenes' camera. `diffusion` and
`sibling` are latent diffusions, `flow` a rectified flow in pixels, `gan` an adversarial network that draws in one step,
`masked` a model that fills in the codes of a vector-quantised autoencoder. The first three are shipped (`flow` as
pictures); `make laboratory` trains the others, in stages of 64 (`gan`), 25 and 64 minutes (`masked`) of a core that was
not quite free, and `--data 'miniature:FOLDER?families=SUITE'` draws with them, or with generators of your own. This
page is written by `python benchmarks/families.py`.

| pictures | facts of the caption found | distance from scenes |
| --- | ---: | ---: |
"""
TAIL: Final = """
Facts are the colours, the shapes and the floor that a caption names, found again by the suite's captioner, which errs
on scenes too. The distance is Frechet's, of vectors of the suite's CLIP, from 1,000 other scenes; {count} pictures are
few for it, so compare it with that of the test scenes.

![Six rows of eight pictures: scenes, and what each generator draws of their captions](families.webp)

From above: the scene whose caption is drawn, then {names}.
"""


def seed_of(sample: Sample) -> int:
    """The scene's seed, which a picture of the world is named after."""
    return int(Path(sample.uri).stem)


def pixels(sample: Sample) -> RGB:
    """A picture of the world as it lies on disk."""
    return develop(Path(sample.uri).read_bytes())


def frechet(left: np.ndarray[Any, Any], right: np.ndarray[Any, Any]) -> float:
    """Between normal distributions of the means and covariances of n x d and m x d (Dowson and Landau, 1982)."""
    gap = left.mean(0) - right.mean(0)
    first, second = np.cov(left, rowvar=False), np.cov(right, rowvar=False)
    crossed = np.sqrt(np.linalg.eigvals(first @ second).astype(complex)).real.sum()
    return float(gap @ gap + np.trace(first) + np.trace(second) - 2 * crossed)


def taken(seeds: Sequence[int]) -> list[RGB]:
    """Photographs of scenes."""
    return [develop(jpeg) for jpeg in photographs(scenes, seeds)]


def facts(suite: Suite, samples: Sequence[Sample]) -> float:
    """Share of the captions' facts that the captioner finds in the pictures."""
    found = suite.captioner.captions([pixels(one) for one in samples])
    pairs = zip(found, samples, strict=True)
    return float(np.mean([facts_named(got.text, Scene.sample(seed_of(one)).caption) for got, one in pairs]))


def sheet(rows: Sequence[Sequence[RGB]]) -> bytes:
    """Rows of pictures of one size as a WebP file."""
    whole = Image.fromarray(np.concatenate([np.concatenate(row, axis=1) for row in rows]))
    file = io.BytesIO()
    whole.save(file, "WEBP", quality=60, method=6)
    return file.getvalue()


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", type=Path, default=Path("docs"))
    chosen = parser.parse_args()
    families = defaultdict[str, list[Sample]](list)
    for sample in load(chosen.data):
        if sample.split == "test":
            families[sample.generator].append(sample)
    suite, real = Suite.load("miniature"), families.pop("scenes")
    vectors = suite.encoder.embed_pictures(taken(OTHERS)).astype(float)
    lines = []
    for name, samples in {"scenes": real, **families}.items():
        own = suite.encoder.embed_pictures([pixels(one) for one in samples]).astype(float)
        lines.append(f"| `{name}` | {facts(suite, samples):.2f} | {frechet(own, vectors):.2f} |")
    first = taken([seed_of(one) for one in next(iter(families.values()))[:SHOWN]])
    (chosen.out / "families.webp").write_bytes(
        sheet([first, *([pixels(one) for one in samples[:SHOWN]] for samples in families.values())])
    )
    names = ", ".join(f"`{name}`" for name in families)
    told = HEAD.format(count=len(real)) + "\n".join(lines) + "\n" + TAIL.format(count=len(real), names=names)
    (chosen.out / "families.md").write_text(told, "utf-8")


if __name__ == "__main__":
    main()
