"""Which thing each ray of the eye falls on, and where things lie in the picture."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unprompt.scenes.shapes import ENVELOPE, MEET, Floats, Meeting
from unprompt.scenes.things import Thing, View

Window = tuple[float, float, float, float]


@dataclass(frozen=True)
class Sight:
    """What the eye sees on a grid of side x side rays."""

    origin: Floats
    """3 x 1."""
    directions: Floats
    """3 x side x side, of length one."""
    depth: Floats
    """side x side, infinite where no thing is."""
    owner: NDArray[np.int8]
    """side x side, index of the thing seen, or -1."""
    normals: Floats
    """3 x side x side, of the thing seen."""
    silhouettes: tuple[int, ...]
    """Rays that each thing would catch if it stood alone."""

    def shares(self) -> tuple[float, ...]:
        """The visible share of each thing, 0..1."""
        visible = ((self.owner == index).sum() for index in range(len(self.silhouettes)))
        return tuple(float(seen) / max(alone, 1) for seen, alone in zip(visible, self.silhouettes, strict=True))

    def boxes(self) -> Floats:
        """Boxes of the visible parts, n x 4, x0 y0 x1 y1 in shares of the side."""
        found = [_box(self.owner == index) for index in range(len(self.silhouettes))]
        return np.array(found, dtype=np.float32).reshape(-1, 4) / np.float32(len(self.depth))


def look(view: View, things: tuple[Thing, ...], side: int) -> Sight:
    """Cast side x side rays at the things, each only inside its own window."""
    origin, directions = _rays(view, side)
    depth = np.full((side, side), np.inf, dtype=np.float32)
    owner = np.full((side, side), -1, dtype=np.int8)
    normals = np.zeros((3, side, side), dtype=np.float32)
    silhouettes = []
    for index, thing in enumerate(things):
        rows, columns = _slices(window(view, thing), side)
        patch = directions[:, rows, columns]
        distance, normal = intersect(thing, origin, patch.reshape(3, -1))
        distance = distance.reshape(patch.shape[1:])
        nearer = distance < depth[rows, columns]
        depth[rows, columns][nearer] = distance[nearer]
        owner[rows, columns][nearer] = index
        normals[:, rows, columns][:, nearer] = normal.reshape(patch.shape)[:, nearer]
        silhouettes.append(int(np.isfinite(distance).sum()))
    return Sight(origin, directions, depth, owner, normals, tuple(silhouettes))


def intersect(thing: Thing, origin: Floats, direction: Floats) -> Meeting:
    """Distances n and normals 3 x n at which rays meet a thing where it stands."""
    scale = np.float32(thing.radius)
    foot = np.array([[thing.x], [0], [thing.z]], dtype=np.float32)
    there = _turned((origin - foot) / scale, -thing.turn)
    distance, normal = MEET[thing.shape](there, _turned(direction, -thing.turn))
    return distance * scale, _turned(normal, thing.turn)


def envelope(thing: Thing) -> tuple[Floats, float]:
    """Centre 3 x 1 and radius of a ball around a thing."""
    height, radius = ENVELOPE[thing.shape]
    centre = np.array([[thing.x], [height * thing.radius], [thing.z]], dtype=np.float32)
    return centre, radius * thing.radius


def window(view: View, thing: Thing) -> Window:
    """The rectangle around the ball around a thing: x0 y0 x1 y1 in shares of the picture."""
    height, radius = ENVELOPE[thing.shape]
    radius *= thing.radius
    across, up, ahead = _seen(view, thing.x, height * thing.radius, thing.z)
    x0, x1 = _extent(across, ahead, radius)
    y0, y1 = _extent(-up, ahead, radius)
    focal = view.focal
    return 0.5 + focal * x0, 0.5 + focal * y0, 0.5 + focal * x1, 0.5 + focal * y1


def place_across(view: View, thing: Thing) -> float:
    """Where a thing's middle lies between the left (0) and the right (1) of the picture."""
    across, _, ahead = _seen(view, thing.x, thing.radius, thing.z)
    return 0.5 + view.focal * across / ahead


def _seen(view: View, x: float, y: float, z: float) -> tuple[float, float, float]:
    """A point in the eye's coordinates: right, up, ahead."""
    sine, cosine = math.sin(view.elevation), math.cos(view.elevation)
    z = z - view.z
    return x - view.x, y * cosine + z * sine, view.distance - y * sine + z * cosine


def _extent(across: float, ahead: float, radius: float) -> tuple[float, float]:
    """Tangents from the eye to a circle in the plane of two coordinates."""
    reach = radius * math.sqrt(max(across**2 + ahead**2 - radius**2, 0.0))
    below = max(ahead**2 - radius**2, 1e-6)
    return (across * ahead - reach) / below, (across * ahead + reach) / below


def _rays(view: View, side: int) -> tuple[Floats, Floats]:
    """Origin 3 x 1 and unit directions 3 x side x side, rows from the top."""
    sine, cosine = np.float32(math.sin(view.elevation)), np.float32(math.cos(view.elevation))
    steps = (np.arange(side, dtype=np.float32) + np.float32(0.5)) / np.float32(side)
    steps -= np.float32(0.5)
    across, up = np.broadcast_arrays(steps[None, :], -steps[:, None])
    focal = np.float32(view.focal)
    directions = np.stack([across, up * cosine - focal * sine, up * sine + focal * cosine])
    directions /= np.sqrt(across * across + up * up + focal * focal)
    height, back = view.distance * math.sin(view.elevation), view.distance * math.cos(view.elevation)
    return np.array([[view.x], [height], [view.z - back]], dtype=np.float32), directions


def _turned(vectors: Floats, angle: float) -> Floats:
    """Vectors 3 x n rotated about the vertical."""
    sine, cosine = np.float32(math.sin(angle)), np.float32(math.cos(angle))
    x, y, z = vectors
    return np.stack([cosine * x + sine * z, y, cosine * z - sine * x])


def _slices(frame: Window, side: int) -> tuple[slice, slice]:
    """Rows and columns of a window, widened to whole rays and kept inside the grid."""
    x0, y0, x1, y1 = (min(max(edge * side, 0.0), float(side)) for edge in frame)
    rows = slice(math.floor(y0), math.ceil(y1))
    return rows, slice(math.floor(x0), math.ceil(x1))


def _box(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return 0, 0, 0, 0
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
