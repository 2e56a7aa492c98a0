"""WildRF: what people post on social networks."""

from __future__ import annotations

from typing import Final

from unprompt.datasets.aliases import label_of, split_of
from unprompt.datasets.forensynths import parse_path
from unprompt.datasets.tree import Benchmark, Folders, load_benchmark
from unprompt.generators import folder_names
from unprompt.types import Sample

PLATFORMS: Final = ("reddit", "twitter", "facebook")
TREE: Final = "{train,val}/{0_real,1_fake}/ and test/{reddit,twitter,facebook}/{0_real,1_fake}/"


def load_wildrf(argument: str) -> list[Sample]:
    """WildRF: real and generated pictures as Reddit, Twitter and Facebook pass them on. ROOT[/platform][/split].

    - Source: Cavia et al., Real-Time Deepfake Detection in the Real-World, 2024, arXiv 2406.09398. Licence: none
      stated; the pictures belong to those who posted them.
    - Sizes: a few thousand pictures, of any size and mostly recompressed by the platforms.
    - Splits: the folders'. Train and validation come from Reddit alone; the three test sets are one a platform.
    - Trap: nobody knows the generators, so ``generator`` is the platform, of real pictures too.
    """
    return load_benchmark(WILDRF, argument)


def _describe(uri: str, folders: Folders) -> Sample | None:
    place = next((number for number, name in enumerate(folders) if label_of(name) is not None), None)
    if place is not None and split_of("".join(folders[:place][-1:])) in ("train", "validation"):
        folders = (*folders[:place], "reddit", *folders[place:])
    return parse_path(uri, folders, WILDRF.generators, TREE)


WILDRF: Final = Benchmark("wildrf", TREE, folder_names(PLATFORMS), _describe)
