"""UniversalFakeDetect: diffusion models to test on, with real folders that several of them share."""

from __future__ import annotations

from typing import Final

from unprompt.datasets.forensynths import GENERATORS, parse_path
from unprompt.datasets.tree import Benchmark, Folders, load_benchmark
from unprompt.generators import folder_names
from unprompt.types import Sample

_LAION: Final = ("ldm_200", "ldm_200_cfg", "ldm_100", "glide_100_27", "glide_50_27", "glide_100_10", "dalle")
PAIRS: Final = {"guided": frozenset({"imagenet"})} | dict.fromkeys(_LAION, frozenset({"laion"}))
"""Generator -> its real pictures."""
COLLECTIONS: Final = ("imagenet", "laion")
TREE: Final = (
    "[test/]{imagenet,laion}/0_real/ and [test/]GENERATOR/1_fake/ with GENERATOR one of "
    + ", ".join(PAIRS)
    + ", and the test sets of forensynths if they lie beside"
)


def load_universal(argument: str) -> list[Sample]:
    """UniversalFakeDetect: guided diffusion, LDM, GLIDE and DALL-E with shared real pictures. ROOT[/generator][/split].

    - Source: Ojha et al., Towards Universal Fake Image Detectors that Generalize Across Generative Models, CVPR 2023,
      https://github.com/WisconsinAIVision/UniversalFakeDetect. Licence: none stated for the pictures; those of their
      sources (ImageNet, LAION-400M) and of the generators.
    - Sizes: 1,000 generated pictures of each of eight generators, 1,000 real ones in each of two collections, 256 px.
    - Splits: all of it is test. (The paper trains on forensynths.)
    - Shared real folders: ``imagenet`` goes with ``guided``, ``laion`` with the seven others. A real picture is one
      sample, so a pool counts it once; its ``generator`` is the collection, and ``datasets.partners`` says whose.

    "ADM" in TIDY's tables 1 and 2 is ``guided``.
    """
    return load_benchmark(UNIVERSAL, argument)


def _describe(uri: str, folders: Folders) -> Sample | None:
    return parse_path(uri, folders, UNIVERSAL.generators, TREE)


UNIVERSAL: Final = Benchmark(
    "universal",
    TREE,
    folder_names((*GENERATORS, *PAIRS, *COLLECTIONS)),
    _describe,
    PAIRS,
)
