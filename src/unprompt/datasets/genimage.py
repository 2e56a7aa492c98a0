"""GenImage: a million pictures by eight generators beside ImageNet."""

from __future__ import annotations

import os
import re
from typing import Final

from unprompt.datasets.aliases import label_of, split_of
from unprompt.datasets.tree import Benchmark, Folders, bad_layout, holdout_split, load_benchmark
from unprompt.generators import folder_names
from unprompt.types import Sample, Split

GENERATORS: Final = (
    *("Midjourney", "stable_diffusion_v_1_4", "stable_diffusion_v_1_5", "ADM"),
    *("glide", "wukong", "VQDM", "BigGAN"),
)
"""The archives' outer folders; their inner ones are aliases of these."""

TREE: Final = (
    "GENERATOR/[imagenet_*/]{train,val}/{ai,nature}/ or test/GENERATOR/{0_real,1_fake}/ with GENERATOR one of "
    + ", ".join(GENERATORS)
)
_FAKE = re.compile(r"(?:^|_)(\d{1,3})_[a-z]+\d?_\d+$", re.IGNORECASE)
_REAL = re.compile(r"^(n\d{8})_")


def load_genimage(argument: str) -> list[Sample]:
    """GenImage: eight generators prompted with ImageNet's classes, beside ImageNet itself. ROOT[/generator][/split].

    - Source: Zhu et al., GenImage: A Million-Scale Benchmark for Detecting AI-Generated Image, NeurIPS 2023,
      https://github.com/GenImage-Dataset/GenImage. Licence: CC BY-NC-SA 4.0; ImageNet's own terms for the real ones.
    - Sizes: 1,331,167 real and 1,350,000 generated pictures; a test set has 6,000 or 8,000 of each.
      Real pictures are JPEG of any size. Generated ones are PNG, some named ``.PNG``: 128 px BigGAN, 256 px ADM, glide
      and VQDM, 512 px the Stable Diffusions and wukong, 1024 px Midjourney: format and size alone separate them.
    - Splits: the dataset has no test split, so ``val`` is the test set, as in every paper, and a validation split is
      carved out of ``train``: a tenth, by the hash of the file's name, so that a picture that lies below two generators
      falls on one side. The repackaged ``test/GENERATOR/{0_real,1_fake}`` is test.
    - Damage: empty and truncated files are known (``033_sdv4_00152.png``); they are samples that fail to be read.

    ``content`` is ImageNet's class index as the name of a generated file states it, or the WordNet id of a real
    training picture. It labels nothing and is never a prompt.
    """
    return load_benchmark(GENIMAGE, argument)


def _describe(uri: str, folders: Folders) -> Sample | None:
    label = next((found for found in map(label_of, folders) if found is not None), None)
    if label is None:
        return None
    split = next((found for found in map(split_of, folders) if found is not None), None)
    generator = next((found for found in map(GENIMAGE.generator, folders) if found is not None), None)
    if generator is None or split is None:
        bad_layout(uri, TREE)
    stem = os.path.splitext(os.path.basename(uri))[0]
    return Sample(uri, label, generator, _split(split, stem), content=_class(stem))


def _split(folder: Split, stem: str) -> Split:
    return holdout_split(stem) if folder == "train" else "test"


def _class(stem: str) -> str:
    """Class index or WordNet id that a file's name states; empty for others, such as ImageNet's validation pictures.

    >>> _class("033_sdv4_00152"), _class("GLIDE_1000_200_01_109_glide_00035"), _class("n01440764_10026")
    ('33', '109', 'n01440764')
    """
    if real := _REAL.search(stem):
        return real[1]
    return str(int(found[1])) if (found := _FAKE.search(stem)) else ""


GENIMAGE: Final = Benchmark("genimage", TREE, folder_names(GENERATORS), _describe)
