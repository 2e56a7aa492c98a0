"""Where a ray meets a shape. All shapes have half height one and stand on y = 0.

Rays are origins 3 x n (or 3 x 1) and unit directions 3 x n, float32; answers are distances n
(infinite where the ray misses) and outward unit normals 3 x n (of no meaning where it misses).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Meeting = tuple[Floats, Floats]

CUBE_HALF: Final = 0.84
CYLINDER_RADIUS: Final = 0.74
CYLINDER_HEIGHT: Final = 1.9
CONE_RADIUS: Final = 0.95
CONE_HEIGHT: Final = 2.1
RING_RADIUS: Final = 0.71
TUBE_RADIUS: Final = 0.29
RING_STEPS: Final = 22
NEAREST: Final = np.float32(1e-3)
INFINITE: Final = np.float32(np.inf)


def meet_ball(origin: Floats, direction: Floats) -> Meeting:
    """A unit sphere about (0, 1, 0)."""
    x, y, z = origin[0], origin[1] - np.float32(1), origin[2]
    half = x * direction[0] + y * direction[1] + z * direction[2]
    under = half * half - (x * x + y * y + z * z - np.float32(1))
    distance = -half - np.sqrt(np.maximum(under, 0))
    distance = np.where((under > 0) & (distance > NEAREST), distance, INFINITE)
    reach = _finite(distance)
    return distance, np.stack([x + reach * direction[0], y + reach * direction[1], z + reach * direction[2]])


def meet_cube(origin: Floats, direction: Floats) -> Meeting:
    """An upright cube, by the slab method."""
    half = np.float32(CUBE_HALF)
    centre = np.array([[0], [half], [0]], dtype=np.float32)
    inverse = np.float32(1) / np.where(np.abs(direction) < 1e-6, np.float32(1e-6), direction)
    middle = (centre - origin) * inverse
    spread = half * np.abs(inverse)
    entry = middle - spread  # 3 x n
    enter, leave = entry.max(axis=0), (middle + spread).min(axis=0)
    distance = np.where((leave > enter) & (enter > NEAREST), enter, INFINITE)
    return distance, np.where(entry == enter, -np.sign(direction), np.float32(0))


def meet_cylinder(origin: Floats, direction: Floats) -> Meeting:
    """An upright cylinder without a bottom, which nobody sees."""
    radius, height = np.float32(CYLINDER_RADIUS), np.float32(CYLINDER_HEIGHT)
    a = np.maximum(direction[0] ** 2 + direction[2] ** 2, np.float32(1e-9))
    half = origin[0] * direction[0] + origin[2] * direction[2]
    under = half * half - a * (origin[0] ** 2 + origin[2] ** 2 - radius * radius)
    side = (-half - np.sqrt(np.maximum(under, 0))) / a
    y = origin[1] + side * direction[1]
    side = np.where((under > 0) & (side > NEAREST) & (y > 0) & (y < height), side, INFINITE)
    top = _meet_level(origin, direction, height, radius)
    distance = np.minimum(side, top)
    x, _, z = _along(origin, direction, _finite(distance))
    lid = top < side
    return distance, np.where(lid, _UP, np.stack([x, np.zeros_like(x), z]) / radius)


def meet_cone(origin: Floats, direction: Floats) -> Meeting:
    """An upright cone: x^2 + z^2 = (slope (height - y))^2."""
    height, slope = np.float32(CONE_HEIGHT), np.float32(CONE_RADIUS / CONE_HEIGHT)
    sink, fall = slope * (height - origin[1]), -slope * direction[1]
    a = direction[0] ** 2 + direction[2] ** 2 - fall * fall
    a = np.where(np.abs(a) < 1e-6, np.float32(1e-6), a)
    half = origin[0] * direction[0] + origin[2] * direction[2] - sink * fall
    under = half * half - a * (origin[0] ** 2 + origin[2] ** 2 - sink * sink)
    root = np.sqrt(np.maximum(under, 0))
    distance = np.full_like(under, INFINITE)
    for candidate in ((-half - root) / a, (-half + root) / a):
        y = origin[1] + candidate * direction[1]
        good = (under > 0) & (candidate > NEAREST) & (y > 0) & (y < height)
        distance = np.where(good & (candidate < distance), candidate, distance)
    x, y, z = _along(origin, direction, _finite(distance))
    return distance, _unit(np.stack([x, slope * slope * (height - y), z]))


def meet_ring(origin: Floats, direction: Floats) -> Meeting:
    """An upright torus about the z axis, by sphere tracing inside its bounding ball."""
    y0 = origin[1] - np.float32(1)
    half = origin[0] * direction[0] + y0 * direction[1] + origin[2] * direction[2]
    under = half * half - (origin[0] ** 2 + y0 * y0 + origin[2] ** 2 - np.float32(1.001))
    root = np.sqrt(np.maximum(under, 0))
    distance, leave = np.maximum(-half - root, NEAREST), root - half
    gap = np.zeros_like(distance)
    for _ in range(RING_STEPS):
        gap = _ring_gap(*_along(origin, direction, distance))
        distance = distance + gap
    hit = (under > 0) & (gap < np.float32(0.02)) & (distance < leave)
    x, y, z = _along(origin, direction, distance)
    y = y - np.float32(1)
    away = np.float32(1) - np.float32(RING_RADIUS) / np.maximum(np.hypot(x, y), np.float32(1e-6))
    return np.where(hit, distance, INFINITE), _unit(np.stack([x * away, y * away, z]))


def _ring_gap(x: Floats, y: Floats, z: Floats) -> Floats:
    """Signed distance of points to the ring's skin."""
    y = y - np.float32(1)
    across = np.sqrt(x * x + y * y) - np.float32(RING_RADIUS)
    gap: Floats = np.sqrt(across * across + z * z) - np.float32(TUBE_RADIUS)
    return gap


def _meet_level(origin: Floats, direction: Floats, height: np.float32, radius: np.float32) -> Floats:
    """Distance to a horizontal disk about the y axis."""
    down = np.where(np.abs(direction[1]) < 1e-6, np.float32(1e-6), direction[1])
    distance = (height - origin[1]) / down
    x, z = origin[0] + distance * direction[0], origin[2] + distance * direction[2]
    inside = (distance > NEAREST) & (x * x + z * z < radius * radius)
    return np.where(inside, distance, INFINITE)


def _along(origin: Floats, direction: Floats, distance: Floats) -> tuple[Floats, Floats, Floats]:
    x, y, z = (origin[axis] + distance * direction[axis] for axis in range(3))
    return x, y, z


def _finite(distance: Floats) -> Floats:
    return np.where(np.isinf(distance), np.float32(0), distance)


def _unit(vectors: Floats) -> Floats:
    length = np.sqrt(vectors[0] ** 2 + vectors[1] ** 2 + vectors[2] ** 2)
    unit: Floats = vectors / np.maximum(length, np.float32(1e-9))
    return unit


_UP: Final = np.array([[0], [1], [0]], dtype=np.float32)

MEET: Final[dict[str, Callable[[Floats, Floats], Meeting]]] = {
    "ball": meet_ball,
    "cube": meet_cube,
    "cone": meet_cone,
    "cylinder": meet_cylinder,
    "ring": meet_ring,
}

ENVELOPE: Final[dict[str, tuple[float, float]]] = {
    "ball": (1.0, 1.0),
    "cube": (CUBE_HALF, CUBE_HALF * 3**0.5),
    "cone": (
        (CONE_HEIGHT**2 - CONE_RADIUS**2) / (2 * CONE_HEIGHT),
        (CONE_HEIGHT**2 + CONE_RADIUS**2) / (2 * CONE_HEIGHT),
    ),
    "cylinder": (CYLINDER_HEIGHT / 2, (CYLINDER_RADIUS**2 + CYLINDER_HEIGHT**2 / 4) ** 0.5),
    "ring": (1.0, RING_RADIUS + TUBE_RADIUS),
}
"""Height of the centre and radius of the ball around each shape."""
