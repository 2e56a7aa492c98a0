"""One name for each generator of the field, whatever a benchmark, a paper or the hub calls it.

:data:`ALIASES` has the canonical name first, in the spelling of a loader, and behind it the other words for the same
generator, as found in:

- the folders and archives of GenImage, DRCT-2M, DiffusionForensics, UniversalFakeDetect, ForenSynths and WildRF;
- the heads of their papers' tables and of SARE's, SemGIR's, TIDY's and ITEM's (``MJ``, ``SITD``, ``SDv1-DR``);
- ids of the hub (without the owner) and what people call these models (``sd15``).

Case and punctuation never count (:func:`normalise_name`). A loader keeps its benchmark's own spelling, so that stored
evidence keeps its names; what is compared is the canonical name. A word that means two generators is an alias of
neither: "Deepfakes" is whichfaceisreal in TIDY and ITEM and FaceForensics++ in ForenSynths, and DRCT-2M's "SDv2" is
version 2.1, which nobody says of DiffusionForensics' ``sdv2``. Importing this loads nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Final

ALIASES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        # GenImage; its inner folders are those of the archives.
        "Midjourney": ("imagenet_midjourney", "MJ", "Mid."),
        "stable_diffusion_v_1_4": ("imagenet_ai_0419_sdv4", "sdv4", "SDv1.4", "sd14", "stable-diffusion-1.4"),
        "stable_diffusion_v_1_5": ("imagenet_ai_0424_sdv5", "sdv5", "SDv1.5", "sd15", "stable-diffusion-1.5"),
        "ADM": ("imagenet_ai_0508_adm", "guided", "guided-diffusion"),  # the second is UniversalFakeDetect's
        "glide": ("imagenet_glide",),
        "wukong": ("imagenet_ai_0424_wukong",),
        "VQDM": ("imagenet_ai_0419_vqdm", "VQ-Diffusion"),
        "BigGAN": ("imagenet_ai_0419_biggan",),
        # DRCT-2M.
        "ldm-text2im-large-256": (),
        "stable-diffusion-2-1": ("SDv2.1", "sd21", "stable-diffusion-v2-1"),
        "stable-diffusion-xl-base-1.0": ("SDXL", "sdxl-base", "stable-diffusion-xl", "sdxl-1.0"),
        "stable-diffusion-xl-refiner-1.0": ("SDXL-Refiner",),
        "sd-turbo": (),
        "sdxl-turbo": (),
        "lcm-lora-sdv1-5": ("LCM-SDv1.5",),
        "lcm-lora-sdxl": ("LCM-SDXL",),
        "sd-controlnet-canny": ("SDv1-Ctrl",),
        "sd21-controlnet-canny": ("SDv2-Ctrl",),
        "controlnet-canny-sdxl-1.0": ("SDXL-Ctrl",),
        "stable-diffusion-inpainting": ("SDv1-DR",),
        "stable-diffusion-2-inpainting": ("SDv2-DR",),
        "stable-diffusion-xl-1.0-inpainting-0.1": ("SDXL-DR",),
        # DiffusionForensics.
        "ddpm": (),
        "iddpm": (),
        "pndm": (),
        "ldm": (),
        "sdv1": (),
        "sdv1_new": (),
        "sdv1_new1": (),
        "sdv1_new2": (),
        "sdv2": (),
        "if": ("DeepFloyd-IF",),
        "dalle2": (),
        "stylegan_official": (),
        "projectedgan": ("ProjGAN",),
        "diff-projectedgan": ("diffusion-projectedgan", "Diff-ProjGAN"),
        "diff-stylegan": ("diffusion-stylegan",),
        # UniversalFakeDetect; steps and guidance are part of the generator.
        "ldm_200": ("LDM 200 steps",),
        "ldm_200_cfg": ("LDM 200 w/ CFG",),
        "ldm_100": ("LDM 100 steps",),
        "glide_100_27": (),
        "glide_50_27": (),
        "glide_100_10": (),
        "dalle": (),
        # ForenSynths.
        "progan": (),
        "stylegan": (),
        "stylegan2": (),
        "cyclegan": (),
        "stargan": (),
        "gaugan": (),
        "crn": (),
        "imle": (),
        "seeingdark": ("SITD",),
        "san": (),
        "deepfake": (),
        "whichfaceisreal": ("WFIR",),
        # WildRF, where the platform stands for generators that nobody knows.
        "reddit": (),
        "twitter": (),
        "facebook": (),
    }
)
"""Canonical name -> other words for the same generator."""


def normalise_name(name: str) -> str:
    """``name`` in small letters and digits alone.

    >>> normalise_name("Stable_Diffusion_v_1_4")
    'stablediffusionv14'
    """
    return re.sub(r"[^a-z0-9]", "", name.casefold())


_CANONICAL: Final = {normalise_name(word): name for name, others in ALIASES.items() for word in (name, *others)}


def is_known(name: str) -> bool:
    """Whether the field has a canonical name for ``name``."""
    return normalise_name(name) in _CANONICAL


def canonical_name(name: str) -> str:
    """The generator's canonical name; an unknown one stays as it is.

    >>> canonical_name("sd-v1-5"), canonical_name("stable-diffusion-v1-5"), canonical_name("my-model")
    ('stable_diffusion_v_1_5', 'stable_diffusion_v_1_5', 'my-model')
    """
    return _CANONICAL.get(normalise_name(name), name)


def matching_names(name: str, there: Iterable[str]) -> list[str]:
    """Those of ``there`` that mean the generator ``name``: it alone where it is among them, else by canonical names.

    >>> matching_names("sd15", ["stable_diffusion_v_1_5", "SDv1.5", "ADM"])
    ['stable_diffusion_v_1_5', 'SDv1.5']
    """
    names = list(there)
    if name in names:
        return [name]
    return [one for one in names if canonical_name(one) == canonical_name(name)]


def folder_names(own: Collection[str]) -> dict[str, str]:
    """Folder name, :func:`normalise_name` -> which of a benchmark's ``own`` names it means, by every known alias.

    >>> names = folder_names(["stable-diffusion-v1-4", "MSCOCO"])
    >>> names["sdv14"], names["mscoco"]
    ('stable-diffusion-v1-4', 'MSCOCO')
    """
    aliases = {word: name for name in own for word, known in _CANONICAL.items() if known == canonical_name(name)}
    return {**aliases, **{normalise_name(name): name for name in own}}
