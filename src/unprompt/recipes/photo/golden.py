"""Drawn pictures beside the suite, and its heads' scores of them, for ``doctor --selftest``."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from scipy.ndimage import gaussian_filter

from unprompt.detectors.golden import FOLDER, Golden
from unprompt.images import encode_png
from unprompt.instruments import Manifest, Suite
from unprompt.recipes.photo.documents import page
from unprompt.types import RGB
from unprompt.workflows.prediction.selftest import measure

EACH: Final = 3
SIZE: Final = (160, 208)
CLOUDED: Final = (128, 136)
"""Too wide for a scene of the suite ``miniature``."""


def write_golden(folder: Path) -> Golden:
    """Three corners of pages and three clouded skies; the scores of the heads that lie in ``folder``."""
    place = folder / FOLDER
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    height, width = SIZE
    drawn = {f"page-{number}.png": page(number)[:height, :width] for number in range(EACH)}
    drawn |= {f"clouds-{number}.png": clouds(number) for number in range(EACH)}
    for name, rgb in drawn.items():
        (place / name).write_bytes(encode_png(rgb))
    manifest = Manifest.read(folder)
    there = {method: path for method, path in manifest.heads.items() if path.is_file()}
    golden = measure(Suite(replace(manifest, heads=there)), place, sorted(drawn))
    golden.write(place)
    return golden


def clouds(number: int) -> RGB:
    """Soft colours of three scales under grain; the higher the number, the less of that."""
    rng = np.random.default_rng([815, number])
    layers = [gaussian_filter(rng.normal(size=(*CLOUDED, 3)), (scale, scale, 0)) * 5 * scale for scale in (20, 7, 2)]
    picture = 128 + 12 * np.sum(layers, axis=0) + (2 - number) * rng.normal(size=(*CLOUDED, 3))
    return np.asarray(picture.clip(0, 255).round(), np.uint8)
