"""Do SARE or SemGIR say anything on photographs with a small diffusion that learned from a few thousand of them?

    python benchmarks/photo_diffusion.py --captioned TABLE --data MANIFEST --packages P --cache CACHE
        [--every 4] [--out docs/photo-diffusion.md]

A latent diffusion of the form of the suite ``miniature``'s learns from the captioned photographs of TABLE, made 64
pixels wide; its autoencoder begins as that of the scenes. Then each picture of the suite ``photo`` is captioned by the
suite's captioner, reconstructed and drawn from its caption. CLIP, frozen, sees the picture, the small picture x, its
reconstruction x_hat and the drawing; a linear layer on what it sees is fitted fold by fold, by the protocol of the
suite. TABLE is that of ``python -m unprompt.recipes.captions``, MANIFEST and P are those of ``python -m
unprompt.recipes.photo``. A second run goes on where the first was ended.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from diffusers import AutoencoderKL

from unprompt.detectors.logistic import logistic
from unprompt.images import centre_square, read
from unprompt.instruments import Suite
from unprompt.instruments.cards import Origin
from unprompt.instruments.stable_diffusion import StableDiffusion
from unprompt.recipes.captions.pairs import LISTS, Captioned, captioned, file_names
from unprompt.recipes.miniature import autoencoder, diffusion
from unprompt.recipes.miniature.diffusion import Plan
from unprompt.recipes.miniature.stage import SUITE as SCENES
from unprompt.recipes.miniature.stage import BuildContext
from unprompt.recipes.photo import figures
from unprompt.recipes.photo.caption_methods import CONDITION
from unprompt.recipes.photo.changes import drawn
from unprompt.recipes.photo.fusion import judge
from unprompt.recipes.photo.scoring import Floats
from unprompt.recipes.photo.sources import UNSEEN, Photograph, learned, photographs
from unprompt.report.grid import Grid, markdown
from unprompt.scenes.corpus import SIZE, Corpus
from unprompt.store import write_aside
from unprompt.training.schedule import Schedule

log = logging.getLogger("unprompt.photo_diffusion")
PLAN: Final = Plan("diffusion", "autoencoder", 3, (64, 128), 128, 3, "scaled_linear", 1500)
AUTOENCODER: Final = Schedule(steps=800, batch=16, rate=1e-3, average=0.995)
BATCH: Final = 8
L2: Final = 0.01
REPEATS: Final = 200
SEEN: Final = ("picture", "small", "reconstruction", "drawing")
ABOUT: Final = """# A small diffusion on photographs

Written by `python benchmarks/photo_diffusion.py`. The question is whether SARE's or SemGIR's evidence says anything of
photographs where no diffusion of full size is at hand: a latent diffusion of {size} pixels (that of the suite
`miniature` in form, {steps} steps of 32) learned from {captioned} captioned photographs; its autoencoder, which began
as that of the scenes and took {autoencoder} steps of 16, brings held-out photographs back with {psnr:.1f} dB PSNR.

{pictures} pictures, aligned as in [the suite's tables](photo-captions.md), whole families of generators and collections
left out together; none of them is a captioned one. Each is captioned by the suite's captioner, reconstructed (strength
0.5, w = 3, 20 steps) and drawn from its caption; CLIP ViT-B/16, frozen, sees all of them, and a linear layer is fitted
on what it sees. Means over generators, intervals at 95 %.

"""


@dataclass(frozen=True)
class PhotographContext(BuildContext):
    """The recipe of the little world's diffusion, with captioned photographs for its scenes."""

    table: Path = Path()

    def scenes(self) -> Corpus:
        return _corpus([one for one in self._sentences() if not one.held_out])

    def held_out(self) -> Corpus:
        return _corpus([one for one in self._sentences() if one.held_out])

    def _sentences(self) -> list[Captioned]:
        return [one for one in captioned(self.table) if one.collection not in LISTS]


def _corpus(rows: Sequence[Captioned]) -> Corpus:
    """Each caption with its picture's middle, and with its mirror image."""
    squares = {one.uri: centre_square(read(Path(one.uri).read_bytes(), one.uri).rgb, SIZE) for one in rows}
    pairs = [(squares[one.uri], caption) for one in rows for caption in one.captions]
    both = [(seen, caption) for square, caption in pairs for seen in (square, square[:, ::-1])]
    pictures, captions = np.stack([seen for seen, _ in both]), tuple(caption for _, caption in both)
    return Corpus(pictures, pictures, captions, captions)


def train(context: PhotographContext) -> float:
    """The diffusion in the context's folder; PSNR of its autoencoder on held-out photographs."""
    told = context.cache / "psnr.txt"
    if not told.exists():
        began = AutoencoderKL.from_pretrained(SCENES / "diffusion" / "vae").float()
        schedule = replace(AUTOENCODER, steps=context.steps(AUTOENCODER.steps))
        made = autoencoder.train(context, "autoencoder", began, schedule)
        write_aside(told, lambda file: file.write(str(made["psnr"]).encode()))
    if not context.model("diffusion").exists():
        diffusion.fit(context, PLAN)
    return float(told.read_text())


def seen(rows: Sequence[Photograph], suite: Suite, generator: StableDiffusion, cache: Path) -> dict[str, Floats]:
    """What CLIP sees of each picture, and of what the generator makes of it: one of SEEN -> N x 512."""
    cache.mkdir(parents=True, exist_ok=True)
    paths = [cache / f"{hashlib.sha256(one.uri.encode()).hexdigest()}.npy" for one in rows]
    lacking = [(one, path) for one, path in zip(rows, paths, strict=True) if not path.exists()]
    for start in range(0, len(lacking), BATCH):
        batch = lacking[start : start + BATCH]
        for (_, path), vectors in zip(batch, _vectors([one for one, _ in batch], suite, generator), strict=True):
            write_aside(path, partial(np.save, arr=vectors))
        log.info(f"{start + len(batch)} of {len(lacking)} pictures")
    stacked = np.stack([np.load(path) for path in paths]).astype(np.float64)
    return {name: stacked[:, i] for i, name in enumerate(SEEN)}


def _vectors(rows: Sequence[Photograph], suite: Suite, generator: StableDiffusion) -> Floats:
    """N x 4 x 512."""
    pictures = [drawn(CONDITION, one.read()) for one in rows]
    whole, seeds = [one.rgb for one in pictures], [one.seed for one in pictures]
    captions = [one.text for one in suite.captioner.captions(whole)]
    small = [generator.prepare(rgb) for rgb in whole]
    made = generator.reconstruct(whole, captions, seeds), generator.regenerate(captions, seeds)
    encoder = suite.of("univfd").encoder
    return np.stack([encoder.embed_pictures(several) for several in (whole, small, *made)], axis=1)


def features(views: Mapping[str, Floats]) -> dict[str, Floats]:
    """Row of the table -> N x d."""
    gap = views["small"] - views["reconstruction"]
    return {
        "the picture (UnivFD's)": views["picture"],
        "the small picture": views["small"],
        "x - x_hat (SARE)": gap,
        "x and the drawing (SemGIR)": np.hstack([views["small"], views["drawing"]]),
        "the drawing alone": views["drawing"],
        "the picture, and x - x_hat": np.hstack([views["picture"], gap]),
        "the picture, and the drawing": np.hstack([views["picture"], views["drawing"]]),
    }


def held_out(rows: Sequence[Photograph], columns: Floats) -> Floats:
    """N logits, each by a linear layer that never saw the picture's fold."""
    places, labels = {one.uri: i for i, one in enumerate(rows)}, np.array([one.label for one in rows])
    folds, logits = np.array([one.fold for one in rows]), np.zeros(len(rows))
    for fold in np.unique(folds):
        own = [places[one.uri] for one in learned(rows, without=int(fold))]
        weights, bias = logistic(columns[own], labels[own], L2)
        logits[folds == fold] = columns[folds == fold] @ weights + bias
    return logits


def line(rows: Sequence[Photograph], columns: Floats) -> tuple[str, ...]:
    """AUC and true-positive rate of one row of the table."""
    labels, folds = np.array([one.label for one in rows]), [one.fold for one in rows]
    judged = judge({CONDITION: held_out(rows, columns)[:, None]}, labels, folds)[CONDITION]
    macro = figures.condition(rows, judged, repeats=REPEATS)["macro"]
    told = [macro[name] for name in figures.CURVES]
    return tuple(f"{one['value']:.2f} ({one['low']:.2f} to {one['high']:.2f})" for one in told)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captioned", type=Path, required=True)
    parser.add_argument("--data", required=True, nargs="+")
    parser.add_argument("--packages", type=Path)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--every", type=int, default=1, help="of the pictures, in the order of the manifests")
    parser.add_argument("--train", action="store_true", help="the diffusion alone")
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    logging.basicConfig(format="%(message)s")
    logging.getLogger("unprompt").setLevel(logging.INFO)
    context = PhotographContext(chosen.cache, table=chosen.captioned)
    psnr = train(context)
    if chosen.train:
        return
    taught, given = file_names(chosen.captioned), photographs(chosen.data, chosen.packages)
    some = [one for one in given if one.fold != UNSEEN][:: chosen.every]
    rows = [one for one in some if Path(one.uri).stem not in taught]
    generator = StableDiffusion(Origin(context.model("diffusion")), strength=0.5, steps=20, guidance=3.0, side=SIZE)
    views = seen(rows, Suite.load("photo"), generator, chosen.cache / "seen")
    lines = tuple((name, *line(rows, columns)) for name, columns in features(views).items())
    told = ABOUT.format(size=SIZE, steps=PLAN.steps, captioned=len(set(map(bytes, context.scenes().pictures))) // 2,
                        autoencoder=AUTOENCODER.steps, psnr=psnr, pictures=len(rows))  # fmt: skip
    header = ("what the layer reads", "macro AUC", "macro TPR at 3 % FPR")
    page = told + markdown([Grid("What CLIP sees of it", header, lines)])
    print(page) if chosen.out is None else chosen.out.write_text(page, "utf-8")


if __name__ == "__main__":
    main()
