"""DiffusionForensics, the dataset of DIRE."""

from __future__ import annotations

from typing import Final

from unprompt.datasets.aliases import label_of, split_of
from unprompt.datasets.forensynths import parse_path
from unprompt.datasets.tree import Benchmark, Folders, bad_layout, load_benchmark, select
from unprompt.generators import folder_names, normalise_name
from unprompt.types import GENERATED, REAL, Sample

DOMAINS: Final = ("lsun_bedroom", "imagenet", "celebahq")
GENERATORS: Final = (
    *("adm", "ddpm", "iddpm", "pndm", "ldm", "sdv1", "sdv1_new", "sdv1_new1", "sdv1_new2", "sdv2"),
    *("vqdiffusion", "if", "dalle2", "midjourney"),
    *("stylegan", "stylegan_official", "projectedgan", "diff-projectedgan", "diff-stylegan"),
)
TREE: Final = (
    "[images/]{train,val,test}/{lsun_bedroom,imagenet,celebahq}/{real,GENERATOR}/ or [test/]GENERATOR/{0_real,1_fake}/ "
    "with GENERATOR one of " + ", ".join(GENERATORS)
)


def load_diffusionforensics(argument: str) -> list[Sample]:
    """DiffusionForensics (DIRE): diffusion models and GANs of three domains, or its repack. ROOT[/generator][/split].

    - Source: Wang et al., DIRE for Diffusion-Generated Image Detection, ICCV 2023,
      https://github.com/ZhendongWang6/DIRE. Licence: none stated for the pictures; those of LSUN, ImageNet and
      CelebA-HQ for the real ones.
    - Sizes: tens of thousands of real pictures a domain, up to as many by a generator to train on and 1,000 of each to
      test on, as the paper's table 1 counts them; 256 px. Formats differ between the classes (DIRE#11, #30, #41).
    - Splits: the folders'; the repack ``GENERATOR/{0_real,1_fake}`` is test.
    - ``recons`` and ``dire`` hold what DIRE made of the pictures and are not read. ImageNet has a folder a class.

    ``content`` is the domain. In the first form a real picture's ``generator`` is its domain, as all generators of the
    domain share it; in the repack it is the generator beside it.
    """
    samples = load_benchmark(DIFFUSIONFORENSICS, argument)
    if select(DIFFUSIONFORENSICS, argument).generator is None:
        return samples
    domains = {one.content for one in samples if one.label == GENERATED}  # those that the chosen generator has
    return [one for one in samples if one.content in domains]


def _describe(uri: str, folders: Folders) -> Sample | None:
    if any(name[:2] in ("0_", "1_") and label_of(name) is not None for name in folders):
        return parse_path(uri, folders, DIFFUSIONFORENSICS.generators, TREE)
    splits = [split_of(name) for name in folders]
    split = next((found for found in splits if found is not None), None)
    domain = next((name for name in folders if normalise_name(name) in _DOMAINS), None)
    if split is None or domain is None:
        return None
    inside = folders[folders.index(domain) + 1 :]
    if not inside:
        bad_layout(uri, TREE)
    if label_of(inside[0]) == REAL:
        return Sample(uri, REAL, _DOMAINS[normalise_name(domain)], split, content=domain)
    return Sample(uri, GENERATED, DIFFUSIONFORENSICS.generator(inside[0]) or inside[0], split, content=domain)


_DOMAINS: Final = {normalise_name(name): name for name in DOMAINS}
DIFFUSIONFORENSICS: Final = Benchmark(
    "diffusionforensics",
    TREE,
    folder_names(GENERATORS),
    _describe,
    dict.fromkeys(GENERATORS, frozenset(DOMAINS)),
    frozenset({"recons", "dire"}),
)
