"""Small trees of pictures in the benchmarks' true layouts."""

from __future__ import annotations

from pathlib import Path
from zlib import crc32

import numpy as np
from PIL import Image

from unprompt.datasets.tree import holdout_split

GENIMAGE = {
    "Midjourney": "imagenet_midjourney",
    "stable_diffusion_v_1_4": "imagenet_ai_0419_sdv4",
    "stable_diffusion_v_1_5": "imagenet_ai_0424_sdv5",
    "ADM": "imagenet_ai_0508_adm",
    "glide": "imagenet_glide",
    "wukong": "imagenet_ai_0424_wukong",
    "VQDM": "imagenet_ai_0419_vqdm",
    "BigGAN": "imagenet_ai_0419_biggan",
}
"""Outer folder -> inner one."""


def paint(path: Path, generated: bool) -> None:
    """32 x 32 pixels that no other path has: grainy when real, a ramp when generated."""
    rng = np.random.default_rng(crc32(str(path).encode()))
    ramp = np.linspace(0, 255, 32)[None, :, None] * rng.random(3) + np.zeros((32, 1, 1))
    grain = rng.normal(0, 3 if generated else 60, (32, 32, 3))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.clip(ramp + grain, 0, 255).astype(np.uint8)).save(path)


def painted_list(folder: Path, counts: dict[str, int]) -> str:
    """So many of each class in each split, by one generator; the data specification of their list."""
    lines = ["path,label,generator,split"]
    for split, count in counts.items():
        for label, maker in enumerate(("painters", "painted")):
            for number in range(count):
                path = folder / f"{split}-{label}-{number}.png"
                paint(path, bool(label))
                lines.append(f"{path},{label},{maker},{split}")
    (folder / "list.csv").write_text("\n".join(lines))
    return f"manifest:{folder / 'list.csv'}"


def names_for(split: str, prefix: str) -> list[str]:
    """Two stems that a carved split takes."""
    return [stem for number in range(200) if holdout_split(stem := f"{prefix}_{number:05d}") == split][:2]


def genimage_tree(root: Path, tested: list[str], learned: list[str], pictures: int = 2) -> Path:
    """Test sets of some generators, and the train folders of others."""
    for outer in tested:
        base = root / outer / GENIMAGE[outer]
        for number in range(pictures):
            paint(base / "val" / "ai" / f"00{number}_x_0000{number}.png", True)
            paint(base / "val" / "nature" / f"ILSVRC2012_val_0000{number}.JPEG", False)
    for outer in learned:
        base = root / outer / GENIMAGE[outer]
        for split in ("train", "validation"):
            for stem in names_for(split, f"000_{outer.lower()[:3]}4"):
                paint(base / "train" / "ai" / f"{stem}.png", True)
            for stem in names_for(split, "n01440764"):
                paint(base / "train" / "nature" / f"{stem}.JPEG", False)
    return root


def forensynths_tree(root: Path, tested: dict[str, str], pictures: int = 2) -> Path:
    """ProGAN to learn from, and test sets: generator -> the folder of its real pictures."""
    for number in range(pictures):
        for split in ("train", "val"):
            paint(root / split / "car" / "1_fake" / f"{number}.png", True)
            paint(root / split / "car" / "0_real" / f"{number}.png", False)
        for generator, real in tested.items():
            paint(root / "test" / generator / "1_fake" / f"{number}.png", True)
            paint(root / "test" / real / "0_real" / f"{number}.png", False)
    return root


def diffusionforensics_tree(root: Path, tested: list[str], pictures: int = 2) -> Path:
    """Test sets of one domain."""
    for number in range(pictures):
        for name in (*tested, "real"):
            paint(root / "test" / "lsun_bedroom" / name / f"{number}.png", name != "real")
    return root
