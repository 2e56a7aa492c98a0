"""ForenSynths, the dataset of CNNDetection: ProGAN to train on, thirteen generators to test on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from unprompt.datasets.aliases import label_of, split_of
from unprompt.datasets.tree import Benchmark, Folders, bad_layout, load_benchmark
from unprompt.generators import folder_names, normalise_name
from unprompt.types import Label, Sample

GENERATORS: Final = (
    "progan",
    "stylegan",
    "stylegan2",
    "cyclegan",
    "biggan",
    "stargan",
    "gaugan",
    "crn",
    "imle",
    "seeingdark",
    "san",
    "deepfake",
    "whichfaceisreal",
)
FOUR: Final = ("car", "cat", "chair", "horse")
"""The classes of the four-class protocol."""
TREE: Final = (
    "{train,val}/[progan/]CLASS/{0_real,1_fake}/ and test/GENERATOR/[CLASS/]{0_real,1_fake}/ with GENERATOR one of "
    + ", ".join(GENERATORS)
)


def load_forensynths(argument: str) -> list[Sample]:
    """ForenSynths (CNNDetection): ProGAN of 20 classes to train on, 13 generators to test on. ROOT[/generator][/split].

    - Source: Wang et al., CNN-generated images are surprisingly easy to spot... for now, CVPR 2020,
      https://github.com/PeterWang512/CNNDetection. Licence: CC BY-NC-SA 4.0 for the code; the pictures keep those of
      their sources (LSUN, ImageNet, CelebA, COCO, FFHQ and others).
    - Sizes: train 360,000 real and 360,000 by ProGAN (20 classes, 18,000 of each), validation 4,000 + 4,000; test about
      90,000 in all. ProGAN's are 256 px PNG.
    - Splits: the folders'. Below ``train`` and ``val`` all is ProGAN, whether a folder says so or not. ``test`` has two
      depths, with a class folder (progan, stylegan, stylegan2, cyclegan) and without.
    - Traps: one of the classes is called ``train``. ``deepfake`` and ``whichfaceisreal`` are generators. The papers'
      "SITD" is seeingdark, "Deepfakes" in TIDY and ITEM is whichfaceisreal.

    A real picture's generator is that of the folder beside it, its partner; ``content`` is the class.
    """
    return load_benchmark(FORENSYNTHS, argument)


def load_forensynths4(argument: str) -> list[Sample]:
    """ForenSynths narrowed to the four-class protocol: only car, cat, chair and horse to train on, the test sets whole.

    The same pictures as ``forensynths:``, whose card holds; a tree that has but these four classes is the same.
    """
    return [one for one in load_forensynths(argument) if one.split == "test" or one.content in FOUR]


def parse_path(uri: str, folders: Folders, generators: Mapping[str, str], tree: str) -> Sample | None:
    """The sample in a tree of ``[SPLIT/][GENERATOR/][CLASS/]{0_real,1_fake}``; None outside of labelled folders.

    A known generator decides, and what follows it is a class, even ``train``; without one, the first split does:
    below ``train`` and ``val`` all is ProGAN, below ``test`` the next folder is the generator.
    """
    for place, name in enumerate(folders):
        if (label := label_of(name)) is not None:
            return _inside(uri, label, folders[:place], generators) or bad_layout(uri, tree)
    return None


def _inside(uri: str, label: Label, folders: Folders, generators: Mapping[str, str]) -> Sample | None:
    known = next((place for place, name in enumerate(folders) if normalise_name(name) in generators), None)
    splits = [split_of(name) for name in folders[:known]]
    split = next((found for found in splits if found is not None), None)
    if known is not None:
        rest = folders[known + 1 :]
        return Sample(
            uri, label, generators[normalise_name(folders[known])], split or "test", content="".join(rest[-1:])
        )
    rest = folders[splits.index(split) + 1 :] if split is not None else ()
    if not rest:
        return None
    if split == "test":
        return Sample(uri, label, rest[0], split, content="".join(rest[1:][-1:]))
    return Sample(uri, label, "progan", split, content=rest[-1])


def _describe(uri: str, folders: Folders) -> Sample | None:
    return parse_path(uri, folders, FORENSYNTHS.generators, TREE)


FORENSYNTHS: Final = Benchmark("forensynths", TREE, folder_names(GENERATORS), _describe)
