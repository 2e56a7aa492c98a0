"""DRCT-2M: sixteen Stable Diffusion relatives prompted with COCO's captions."""

from __future__ import annotations

import os
from typing import Final

from unprompt.datasets.tree import Benchmark, Folders, bad_layout, holdout_split, load_benchmark
from unprompt.generators import folder_names
from unprompt.types import GENERATED, REAL, Sample

COCO: Final = "MSCOCO"
GENERATORS: Final = (
    *("ldm-text2im-large-256", "stable-diffusion-v1-4", "stable-diffusion-v1-5", "stable-diffusion-2-1"),
    *("stable-diffusion-xl-base-1.0", "stable-diffusion-xl-refiner-1.0", "sd-turbo", "sdxl-turbo"),
    *("lcm-lora-sdv1-5", "lcm-lora-sdxl", "sd-controlnet-canny", "sd21-controlnet-canny", "controlnet-canny-sdxl-1.0"),
    *("stable-diffusion-inpainting", "stable-diffusion-2-inpainting", "stable-diffusion-xl-1.0-inpainting-0.1"),
)
_SPLITS: Final = ("train2017", "val2017")
TREE: Final = (
    f"{COCO}/{{train2017,val2017}}/ beside DRCT-2M/GENERATOR/{{train2017,val2017}}/ with GENERATOR one of "
    + ", ".join(GENERATORS)
)


def load_drct(argument: str) -> list[Sample]:
    """DRCT-2M: sixteen variants of Stable Diffusion prompted with COCO's captions, and COCO. ROOT[/generator][/split].

    - Source: Chen et al., DRCT: Diffusion Reconstruction Contrastive Training towards Universal Detection of Diffusion
      Generated Images, ICML 2024, https://github.com/beibuwandeluori/DRCT. Licence: none stated with the code; COCO's
      terms for the real pictures.
    - Sizes: about 2 million generated pictures, 118,287 of each generator in train2017 and 5,000 in val2017, and as
      many real ones, which are fetched from COCO and lie beside.
    - Splits: ``val2017`` is the test set; a tenth of ``train2017`` is carved out for validation by the COCO id, so that
      a picture and all that was made of its caption are on one side.
    - ``content`` is the COCO id: equal ids are natural pairs of a real picture and what was drawn of its caption.
    - ``DR`` holds diffusion reconstructions of real and generated pictures, which DRCT trains with; it is not read.
    """
    return load_benchmark(DRCT, argument)


def _describe(uri: str, folders: Folders) -> Sample | None:
    split = next((name for name in folders if name in _SPLITS), None)
    generator = next((found for found in map(DRCT.generator, folders) if found is not None), None)
    if split is None:
        return None
    if generator is None:
        bad_layout(uri, TREE)
    stem = os.path.splitext(os.path.basename(uri))[0]
    label = REAL if generator == COCO else GENERATED
    return Sample(uri, label, generator, holdout_split(stem) if split == "train2017" else "test", content=stem)


DRCT: Final = Benchmark(
    "drct",
    TREE,
    folder_names((COCO, *GENERATORS)),
    _describe,
    dict.fromkeys(GENERATORS, frozenset({COCO})),
    frozenset({"dr"}),
)
