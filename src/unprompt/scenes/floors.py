"""The floors: procedural textures in table coordinates, and the marks that lie on them.

Textures keep to low and middle frequencies: at 64 x 64 the finest detail is two pixels wide.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from unprompt.scenes.shapes import Floats
from unprompt.scenes.things import Colour, Nuisance, Scratch, Speck

_CELLS: Final = 64
_TEXELS: Final = 8
_FAR: Final = np.float32(1 << 14)


class NoiseField:
    """One floor's noise: seeded offsets into two shared periodic tables."""

    def __init__(self, seed: int, tone: float) -> None:
        self.tone = tone
        self._offsets = np.random.default_rng(seed).integers(0, _CELLS * _TEXELS, size=(8, 2))

    def smooth(self, u: Floats, v: Floats, layer: int) -> Floats:
        """Smooth noise about zero, of deviation one and one cell a unit."""
        size, (down, across) = _CELLS * _TEXELS, self._offsets[layer]
        rows = ((v + _FAR) * np.float32(_TEXELS)).astype(np.int32) + np.int32(down)
        columns = ((u + _FAR) * np.float32(_TEXELS)).astype(np.int32) + np.int32(across)
        index = (rows & (size - 1)) * size + (columns & (size - 1))
        return _smooth_table().take(index)

    def of_cell(self, i: Floats, j: Floats, layer: int) -> Floats:
        """One value for each whole-numbered cell, uniform in -1..1."""
        down, across = self._offsets[layer]
        rows = (j + _FAR).astype(np.int32) + np.int32(down)
        columns = (i + _FAR).astype(np.int32) + np.int32(across)
        return _cell_table().take((rows & (_CELLS - 1)) * _CELLS + (columns & (_CELLS - 1)))


def paint_floor(floor: str, hidden: Nuisance, x: Floats, z: Floats) -> Floats:
    """Albedo 3 x n, in linear light, of the table at the points (x, z), each n."""
    sine, cosine = np.float32(math.sin(hidden.floor_turn)), np.float32(math.cos(hidden.floor_turn))
    u, v = cosine * x + sine * z, cosine * z - sine * x
    albedo = _PAINT[floor](NoiseField(hidden.grain, hidden.floor_tone), u, v)
    if hidden.stain is not None:
        albedo *= _stain(hidden.stain, x, z)
    for scratch in hidden.scratches:
        albedo *= _scratch(scratch, x, z)
    for speck in hidden.specks:
        _lay_speck(albedo, speck, x, z)
    return albedo


def _wood(field: NoiseField, u: Floats, v: Floats) -> Floats:
    """Planks along u, with grain, knots of tone and dark seams."""
    width, length = np.float32(0.62), np.float32(3.1)
    plank = np.floor(v / width)
    along = u / length + field.of_cell(plank, plank, 0)
    board = np.floor(along)
    shade = np.float32(1) + np.float32(0.17) * field.of_cell(plank, board, 1)
    bend = field.smooth(u * np.float32(0.7), v * np.float32(1.5), 2)
    grain = field.smooth(u * np.float32(0.55), v * np.float32(6) + bend, 3)
    shade *= np.float32(1) + np.float32(0.10) * grain + np.float32(0.04) * bend
    shade *= _seam(v / width - plank, 0.05, 0.45) * _seam(along - board, 0.012, 0.45)
    return _mixed((0.50, 0.285, 0.125), (0.25, 0.125, 0.055), field.tone) * shade


def _tiles(field: NoiseField, u: Floats, v: Floats) -> Floats:
    """A chequer of two tones with pale grout."""
    width = np.float32(0.82)
    i, j = np.floor(u / width), np.floor(v / width)
    light = np.mod(i + j, np.float32(2))
    shade = np.float32(1) + np.float32(0.07) * field.of_cell(i, j, 0)
    shade += np.float32(0.04) * field.smooth(u * np.float32(2), v * np.float32(2), 1)
    pale = _mixed((0.52, 0.51, 0.48), (0.54, 0.45, 0.35), field.tone)
    dark = _mixed((0.15, 0.19, 0.23), (0.33, 0.13, 0.075), field.tone)
    grout = _seam(u / width - i, 0.045, 0.0) * _seam(v / width - j, 0.045, 0.0)
    tiles = dark + (pale - dark) * light
    mortar = np.float32(0.40)
    paved: Floats = mortar + (tiles * shade - mortar) * grout
    return paved


def _sand(field: NoiseField, u: Floats, v: Floats) -> Floats:
    """Wind ripples over speckled dunes."""
    dune = field.smooth(u * np.float32(0.5), v * np.float32(0.5), 0)
    bend = field.smooth(u * np.float32(0.9), v * np.float32(0.9), 1)
    ripple: Floats = np.sin(v * np.float32(13) + u * np.float32(2) + bend * np.float32(1.3))
    speckle = field.smooth(u * np.float32(11), v * np.float32(11), 2)
    shade = np.float32(1) + np.float32(0.06) * dune + np.float32(0.09) * ripple
    shade += np.float32(0.05) * speckle
    return _mixed((0.60, 0.44, 0.24), (0.47, 0.35, 0.22), field.tone) * shade


def _grass(field: NoiseField, u: Floats, v: Floats) -> Floats:
    """Blotches of two greens under short blades."""
    blotch = field.smooth(u * np.float32(1.3), v * np.float32(1.3), 0)
    lean = field.smooth(u * np.float32(1.1), v * np.float32(1.1), 1) * np.float32(0.5)
    blades = field.smooth((u + lean * v) * np.float32(9), v * np.float32(3.5), 2)
    shade = np.float32(1) + np.float32(0.10) * blotch + np.float32(0.17) * blades
    fresh = _mixed((0.10, 0.19, 0.045), (0.15, 0.19, 0.06), field.tone)
    dry = np.array([[0.022], [0.012], [0.004]], dtype=np.float32)
    return (fresh + dry * blotch) * np.maximum(shade, np.float32(0.3))


def _cloth(field: NoiseField, u: Floats, v: Floats) -> Floats:
    """A woven check, or plain stripes, of a muted tone on linen."""
    width = np.float32(0.34)
    warp = _band(u / width)
    kind, tone = divmod(field.tone * 2, 1)
    weft = _band(v / width) if kind else warp
    fold = field.smooth(u * np.float32(0.6), v * np.float32(0.6), 0)
    thread = field.smooth(u * np.float32(8), v * np.float32(8), 1)
    shade = np.float32(1) + np.float32(0.08) * fold + np.float32(0.03) * thread
    linen = np.array([[0.53], [0.50], [0.45]], dtype=np.float32)
    dye = np.array(_DYES[int(tone * len(_DYES))], dtype=np.float32)[:, None]
    return (linen + (dye - linen) * (np.float32(0.5) * (warp + weft))) * shade


def _band(position: Floats) -> Floats:
    """Stripes of one unit's width and soft edges, 0..1."""
    wave = np.sin(position * np.float32(math.pi))
    stripes: Floats = np.clip(np.float32(0.5) + wave * np.float32(2), 0, 1)
    return stripes


def _seam(position: Floats, width: float, floor: float) -> Floats:
    """1 inside a cell (position 0..1), `floor` within `width` of its edges."""
    edge = np.minimum(position, np.float32(1) - position)
    inside: Floats = np.clip(edge / np.float32(width), 0, 1)
    return np.float32(floor) + np.float32(1 - floor) * inside


def _mixed(one: Colour, other: Colour, share: float) -> Floats:
    """A colour between two, 3 x 1."""
    pair = np.array([one, other], dtype=np.float32)
    mixed: Floats = (pair[0] + (pair[1] - pair[0]) * np.float32(share))[:, None]
    return mixed


def _stain(stain: tuple[float, float, float, float], x: Floats, z: Floats) -> Floats:
    """A damp patch, a little darker at its rim."""
    x0, z0, radius, strength = (np.float32(value) for value in stain)
    away = np.hypot(x - x0, z - z0) / radius
    inside = np.clip((np.float32(1) - away) * np.float32(6), 0, 1)
    darkening: Floats = np.float32(1) - strength * inside * (np.float32(0.5) + away * away / 2)
    return darkening


def _scratch(scratch: Scratch, x: Floats, z: Floats) -> Floats:
    """A straight line that fades across its width."""
    sine, cosine = np.float32(math.sin(scratch.turn)), np.float32(math.cos(scratch.turn))
    x, z = x - np.float32(scratch.x), z - np.float32(scratch.z)
    along, across = cosine * x + sine * z, np.abs(cosine * z - sine * x)
    line: Floats = np.clip(np.float32(1) - across / np.float32(0.04), 0, 1)
    line *= (along > 0) & (along < scratch.length)
    return np.float32(1) + np.float32(scratch.strength) * line


def _lay_speck(albedo: Floats, speck: Speck, x: Floats, z: Floats) -> None:
    """Paint an ellipse with a soft edge onto the albedo 3 x n."""
    near = np.flatnonzero((np.abs(x - speck.x) < 0.2) & (np.abs(z - speck.z) < 0.2))
    sine, cosine = np.float32(math.sin(speck.turn)), np.float32(math.cos(speck.turn))
    x, z = x[near] - np.float32(speck.x), z[near] - np.float32(speck.z)
    along = (cosine * x + sine * z) / np.float32(speck.length)
    across = (cosine * z - sine * x) / np.float32(speck.width)
    cover = np.clip((np.float32(1.3) - np.hypot(along, across)) * np.float32(3), 0, 1)
    colour = np.array(speck.colour, dtype=np.float32)[:, None]
    albedo[:, near] += (colour - albedo[:, near]) * cover


@lru_cache(maxsize=1)
def _smooth_table() -> Floats:
    """Periodic value noise, flattened, with _TEXELS texels a cell."""
    lattice = np.random.default_rng(0).random((_CELLS, _CELLS))
    steps = np.arange(_TEXELS) / _TEXELS
    ease = steps * steps * (3 - 2 * steps)
    for axis in (0, 1):
        following = np.roll(lattice, -1, axis=axis)
        shape = [-1 if i == axis + 1 else 1 for i in range(3)]
        blend = np.expand_dims(lattice, axis + 1) * (1 - ease.reshape(shape))
        blend = blend + np.expand_dims(following, axis + 1) * ease.reshape(shape)
        size = list(lattice.shape)
        size[axis] *= _TEXELS
        lattice = blend.reshape(size)
    table: NDArray[np.float64] = (lattice - lattice.mean()) / lattice.std()
    return table.astype(np.float32).ravel()


@lru_cache(maxsize=1)
def _cell_table() -> Floats:
    """Independent values, one a cell, flattened."""
    return np.random.default_rng(1).uniform(-1, 1, _CELLS * _CELLS).astype(np.float32)


_DYES: Final = ((0.13, 0.22, 0.40), (0.42, 0.15, 0.19), (0.10, 0.29, 0.29), (0.31, 0.22, 0.36))
_PAINT: Final[dict[str, Callable[[NoiseField, Floats, Floats], Floats]]] = {
    "wood": _wood,
    "tiles": _tiles,
    "sand": _sand,
    "grass": _grass,
    "cloth": _cloth,
}
