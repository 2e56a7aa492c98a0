"""The picture of a scene: analytic ray casting in linear light, float32, then a tone curve."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from unprompt.scenes.floors import paint_floor
from unprompt.scenes.scene import Scene
from unprompt.scenes.shapes import Floats
from unprompt.scenes.things import COLOURS, Light, Thing
from unprompt.scenes.visibility import Sight, envelope, intersect, look

_FINER: Final = 2
"""Rays along each side of a pixel."""
_LAMP_BREADTH: Final = 0.09
_SUN: Final = 2.3
_SKY: Final = np.array([[0.38], [0.41], [0.46]], dtype=np.float32)
_SHINE: Final = {"matte": (0.0, 0.0), "shiny": (1.6, 0.11)}
"""Strength of the highlight and of the mirrored room."""
_GLOSS: Final = 5
"""The highlight's exponent is two to this power."""


@dataclass(frozen=True)
class Rendering:
    """A picture and where its things are."""

    picture: NDArray[np.uint8]
    """size x size x 3."""
    boxes: Floats
    """n x 4, x0 y0 x1 y1 in pixels around the visible parts, in the order of the phrases."""


@dataclass(frozen=True)
class _Lamp:
    """The light, ready for shading."""

    rays: Floats
    """3 x 4 unit vectors towards the lamp, one for each ray of a pixel."""
    colour: Floats
    """3 x 1."""


def render(scene: Scene, size: int = 64) -> Rendering:
    """Draw a scene, size x size, with four rays a pixel.

    >>> render(Scene.sample(0)).picture.shape
    (64, 64, 3)
    """
    side = size * _FINER
    sight = look(scene.view, scene.things, side)
    light = _shade(scene, sight)
    light *= _vignette(scene.unmentioned.vignetting, side)
    light = light.reshape(3, size, _FINER, size, _FINER).mean(axis=(2, 4))
    picture = np.ascontiguousarray(_develop(light).transpose(1, 2, 0))
    return Rendering(picture, sight.boxes() * np.float32(size))


def _shade(scene: Scene, sight: Sight) -> Floats:
    """Light of every ray, 3 x side x side."""
    side = len(sight.depth)
    directions = sight.directions.reshape(3, -1)
    owner = sight.owner.ravel()
    depth = _table_depth(scene, sight, directions, owner)
    lamp = _lamp(scene.light)
    quarter = _quarters(side)
    light = _wall(scene, directions)
    table = np.flatnonzero((owner < 0) & np.isfinite(depth))
    points = sight.origin + depth[table] * directions[:, table]
    light[:, table] = _lit_table(scene, points, lamp, quarter[table])
    for index, thing in enumerate(scene.things):
        seen = np.flatnonzero(owner == index)
        points = sight.origin + depth[seen] * directions[:, seen]
        normals = sight.normals.reshape(3, -1)[:, seen]
        others = tuple(other for other in scene.things if other is not thing)
        sun = _sunlight(others, points, lamp, quarter[seen])
        light[:, seen] = _lit_thing(scene, thing, points, normals, directions[:, seen], sun, lamp)
    return light.reshape(3, side, side)


def _table_depth(scene: Scene, sight: Sight, directions: Floats, owner: NDArray[np.int8]) -> Floats:
    """Distance to what each ray sees: a thing, the table, or (infinite) the wall."""
    down = np.minimum(directions[1], np.float32(-1e-4))
    flat = -sight.origin[1] / down
    end = sight.origin[2] + flat * directions[2]
    flat[end > scene.unmentioned.wall_z] = np.inf
    return np.where(owner < 0, flat, sight.depth.ravel())


def _lit_table(scene: Scene, points: Floats, lamp: _Lamp, quarter: NDArray[np.intp]) -> Floats:
    albedo = paint_floor(scene.floor, scene.unmentioned, points[0], points[2])
    sun = _sunlight(scene.things, points, lamp, quarter) * lamp.rays[1, 0]
    open_sky: Floats = np.ones_like(sun)
    for thing in scene.things:
        square = (points[0] - np.float32(thing.x)) ** 2 + (points[2] - np.float32(thing.z)) ** 2
        nearness: Floats = np.exp(square * np.float32(-0.9 / thing.radius**2))
        open_sky *= np.float32(1) - np.float32(0.75) * nearness
    lit: Floats = albedo * (lamp.colour * sun + _SKY * open_sky)
    return lit


def _lit_thing(
    scene: Scene,
    thing: Thing,
    points: Floats,
    normals: Floats,
    directions: Floats,
    sun: Floats,
    lamp: _Lamp,
) -> Floats:
    """Lambert under lamp, sky and the table's reflection; a highlight and the room if shiny."""
    towards = lamp.rays.mean(axis=1, keepdims=True)
    facing = np.maximum((normals * towards).sum(axis=0), 0)
    height = np.clip(points[1] / np.float32(2 * thing.radius), 0, 1)
    upward = np.float32(0.5) + np.float32(0.5) * normals[1]
    sky = _SKY * (np.float32(0.35) + np.float32(0.65) * upward)
    sky = sky * (np.float32(0.55) + np.float32(0.45) * height)
    albedo = np.array(COLOURS[thing.colour], dtype=np.float32) * np.array(thing.tint, np.float32)
    light: Floats = albedo[:, None] * (lamp.colour * (facing * sun) + sky)
    strength, mirror = _SHINE[thing.material]
    if strength:
        half = towards - directions
        half /= np.sqrt((half * half).sum(axis=0))
        shine = np.maximum((normals * half).sum(axis=0), 0)
        for _ in range(_GLOSS):
            shine = shine * shine
        bounce = directions[1] - 2 * (directions * normals).sum(axis=0) * normals[1]
        room = np.clip(np.float32(0.3) + np.float32(0.7) * bounce, 0, 1)
        wall = np.array(scene.unmentioned.wall, dtype=np.float32)[:, None]
        light += lamp.colour * (np.float32(strength) * shine * sun) / 2 + mirror * wall * room
    return light


def _sunlight(things: tuple[Thing, ...], points: Floats, lamp: _Lamp, quarter: NDArray[np.intp]) -> Floats:
    """1 where the lamp reaches a point, 0 in shadow; a pixel's rays aim at four spots of it."""
    sun = np.ones(points.shape[1], dtype=np.float32)
    for thing in things:
        centre, radius = envelope(thing)
        towards = centre - points
        middle = lamp.rays.mean(axis=1, keepdims=True)
        along = (towards * middle).sum(axis=0)
        aside = (towards * towards).sum(axis=0) - along * along
        reach = np.float32(radius) + np.float32(_LAMP_BREADTH) * np.abs(along)
        near = np.flatnonzero((along > -radius) & (aside < reach * reach))
        distance, _ = intersect(thing, points[:, near], lamp.rays[:, quarter[near]])
        sun[near[np.isfinite(distance)]] = 0
    return sun


def _lamp(light: Light) -> _Lamp:
    """Four rays towards a broad lamp behind and above the eye."""
    spots = [(-0.5, -0.5), (0.5, 0.5), (0.5, -0.5), (-0.5, 0.5)]
    rays = []
    for across, up in spots:
        azimuth = light.azimuth + 2 * _LAMP_BREADTH * across / math.cos(light.elevation)
        elevation = light.elevation + 2 * _LAMP_BREADTH * up
        flat = math.cos(elevation)
        rays.append((flat * math.sin(azimuth), math.sin(elevation), -flat * math.cos(azimuth)))
    warm = 0.10 * light.warmth
    colour = np.array([[1 + warm], [1.0], [1 - 1.5 * warm]], dtype=np.float32) * np.float32(_SUN)
    return _Lamp(np.array(rays, dtype=np.float32).T, colour)


def _wall(scene: Scene, directions: Floats) -> Floats:
    """A wall that darkens towards the table, 3 x n."""
    wall = np.array(scene.unmentioned.wall, dtype=np.float32)[:, None]
    height: Floats = np.clip(np.float32(1) + directions[1] * np.float32(1.6), 0, 1)
    return wall * height * height


def _quarters(side: int) -> NDArray[np.intp]:
    """Which of a pixel's four rays each ray is, flattened."""
    steps = np.arange(side) % _FINER
    return (steps[:, None] * _FINER + steps[None, :]).ravel()


def _vignette(strength: float, side: int) -> Floats:
    steps = np.linspace(-1, 1, side, dtype=np.float32) ** 2
    square = (steps[:, None] + steps[None, :]) / np.float32(2)
    return np.float32(1) - np.float32(strength) * square


def _develop(light: Floats) -> NDArray[np.uint8]:
    """Linear light to 0..255 under a shoulder that keeps highlights and a gamma of 2.2."""
    shoulder = light * (np.float32(1) + light / np.float32(6)) / (np.float32(1) + light)
    shown: Floats = np.clip(shoulder * np.float32(1.25), 0, 1) ** np.float32(1 / 2.2)
    return (shown * np.float32(255) + np.float32(0.5)).astype(np.uint8)
