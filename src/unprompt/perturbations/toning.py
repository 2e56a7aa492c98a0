"""Pictures in grey and in tones, as photo editors and darkrooms make them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from unprompt.types import RGB

Tone: TypeAlias = Callable[[RGB, np.random.Generator], RGB]
_LUMA: Final = (0.299, 0.587, 0.114)
_SEPIA: Final = ((0.393, 0.769, 0.189), (0.349, 0.686, 0.168), (0.272, 0.534, 0.131))


def grey(rgb: RGB, rng: np.random.Generator) -> RGB:
    """Its luma: ITU-R 601."""
    return _between(rgb, (0, 0, 0), (255, 255, 255))


def sepia(rgb: RGB, rng: np.random.Generator) -> RGB:
    """The usual matrix of photo editors, whose highlights are cut off."""
    return _pixels(rgb @ np.array(_SEPIA).T)


def cyanotype(rgb: RGB, rng: np.random.Generator) -> RGB:
    """Prussian blue to white."""
    return _between(rgb, (15, 35, 75), (240, 245, 240))


def duotone(rgb: RGB, rng: np.random.Generator) -> RGB:
    """Two colours that ``rng`` draws, a dark and a light one."""
    return _between(rgb, rng.uniform(0, 100, 3), rng.uniform(155, 255, 3))


TONES: Final[Mapping[str, Tone]] = MappingProxyType(
    {"grey": grey, "sepia": sepia, "cyanotype": cyanotype, "duotone": duotone}
)


def toned(rgb: RGB, rng: np.random.Generator) -> RGB:
    """The picture in a tone that ``rng`` draws, half of the time grey."""
    return grey(rgb, rng) if rng.random() < 0.5 else TONES[str(rng.choice(list(TONES)[1:]))](rgb, rng)


def _between(rgb: RGB, dark: Any, light: Any) -> RGB:
    luma = (rgb @ np.array(_LUMA) / 255)[..., None]
    return _pixels((1 - luma) * np.asarray(dark) + luma * np.asarray(light))


def _pixels(levels: npt.NDArray[np.float64]) -> RGB:
    return np.asarray(np.clip(np.rint(levels), 0, 255), np.uint8)
