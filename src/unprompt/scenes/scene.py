"""A scene: what stands where, and the captions that describe it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

import numpy as np

from unprompt.scenes.things import (
    COLOURS,
    FLOORS,
    MATERIALS,
    SHAPES,
    SIZES,
    Colour,
    Light,
    Nuisance,
    Scratch,
    Speck,
    Thing,
    View,
)
from unprompt.scenes.visibility import look, place_across, window

WORLD_VERSION: Final = 2
"""Part of every scene's seed: raise it when the same seed is to mean another scene."""

_SIDE: Final = 64
_LEAST_BOX: Final = 8.5 / _SIDE
_LEAST_SHARE: Final = 0.64
_GAP: Final = 0.1
_TRIES: Final = 25

T = TypeVar("T")


@dataclass(frozen=True)
class Scene:
    """One to three things on a table, ordered from left to right as the eye sees them.

    >>> Scene.sample(7).caption == Scene.sample(7).caption
    True
    """

    things: tuple[Thing, ...]
    floor: str
    view: View
    light: Light
    unmentioned: Nuisance

    @classmethod
    def sample(cls, seed: int) -> Scene:
        """Draw the scene of a seed: the same on every machine."""
        rng = _Dice(seed)
        floor = rng.pick(FLOORS)
        light = Light(
            azimuth=rng.sign() * rng.between(0.45, 1.35),
            elevation=rng.between(0.65, 1.05),
            warmth=rng.between(-1, 1),
        )
        wanted = _draw_wanted(rng)
        view, things = _draw_layout(rng, wanted)
        while not _all_visible(view, things):
            view, things = _draw_layout(rng, wanted)
        things = tuple(sorted(things, key=lambda thing: place_across(view, thing)))
        return cls(things, floor, view, light, _draw_unmentioned(rng))

    @property
    def phrases(self) -> tuple[str, ...]:
        """Each thing with its article, left to right: `("a red ball", "an orange cone")`."""
        return tuple(thing.phrase for thing in self.things)

    @property
    def caption(self) -> str:
        """The short caption: `a red ball and an orange cone on sand`."""
        return f"{_listed(self.phrases)} on {self.floor}"

    @property
    def long_caption(self) -> str:
        """The caption with sizes, materials, places and light."""
        phrases = [
            f"a {thing.size} {thing.material} {thing.colour} {thing.shape} {_place(place_across(self.view, thing))}"
            for thing in self.things
        ]
        return f"{_listed(phrases)}, on {self.floor}, lit from the {self.light.side}"


class _Dice:
    """Draws that rest on one uniform stream only, so that they are alike everywhere."""

    def __init__(self, seed: int) -> None:
        self._stream = np.random.default_rng([WORLD_VERSION, seed])

    def share(self) -> float:
        return float(self._stream.random())

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self.share()

    def pick(self, choices: Sequence[T]) -> T:
        return choices[int(self.share() * len(choices))]

    def sign(self) -> int:
        return self.pick((-1, 1))

    def tint(self, least: float) -> Colour:
        return self.between(least, 1), self.between(least, 1), self.between(least, 1)


def _draw_wanted(rng: _Dice) -> list[Thing]:
    """One to three things, no two alike in colour and shape, not yet placed."""
    share = rng.share()
    number = 1 + (share >= 0.3) + (share >= 0.7)
    wanted: list[Thing] = []
    while len(wanted) < number:
        thing = Thing(
            shape=rng.pick(SHAPES),
            colour=rng.pick(tuple(COLOURS)),
            size=rng.pick(tuple(SIZES)),
            material=rng.pick(MATERIALS),
            x=0.0,
            z=0.0,
            turn=0.0,
            tint=rng.tint(0.86),
        )
        if all(thing.phrase != other.phrase for other in wanted):
            wanted.append(thing)
    return wanted


def _draw_layout(rng: _Dice, wanted: Sequence[Thing]) -> tuple[View, tuple[Thing, ...]]:
    """A view and a place for each thing; no things where they do not fit."""
    view = View(
        elevation=rng.between(0.38, 0.66),
        distance=rng.between(5.6, 7.0),
        x=rng.between(-0.2, 0.2),
        z=rng.between(0.15, 0.5),
        focal=rng.between(1.38, 1.52),
    )
    placed: list[Thing] = []
    for thing in wanted:
        for _ in range(_TRIES):
            there = _put(rng, thing)
            if _fits(view, there, placed):
                placed.append(there)
                break
        else:
            return view, ()
    return view, tuple(placed)


def _put(rng: _Dice, thing: Thing) -> Thing:
    """The thing at a random place; rings never show their edge alone."""
    turn = rng.sign() * rng.between(0.1, 0.75)
    return replace(
        thing,
        x=rng.between(-1.9, 1.9),
        z=rng.between(-1.5, 1.9),
        turn=turn,
    )


def _fits(view: View, thing: Thing, others: Sequence[Thing]) -> bool:
    """Whether a thing is wholly in the picture and clear of the others."""
    edges = window(view, thing)
    inside = min(edges) > 0.01 and max(edges) < 0.99
    return inside and all(
        math.hypot(thing.x - other.x, thing.z - other.z) > thing.radius + other.radius + _GAP for other in others
    )


def _all_visible(view: View, things: tuple[Thing, ...]) -> bool:
    """Whether every thing shows enough of itself, in a box of fair size."""
    if not things:
        return False
    sight = look(view, things, _SIDE)
    boxes = sight.boxes()
    sizes = boxes[:, 2:] - boxes[:, :2]
    return min(sight.shares()) >= _LEAST_SHARE and float(sizes.min()) >= _LEAST_BOX


def _draw_unmentioned(rng: _Dice) -> Nuisance:
    return Nuisance(
        grain=int(rng.share() * 2**31),
        floor_turn=rng.between(-0.7, 0.7),
        floor_tone=rng.share(),
        wall=rng.tint(0.62),
        wall_z=rng.between(2.6, 5.5),
        specks=tuple(_draw_speck(rng) for _ in range(int(rng.between(0, 7)))),
        scratches=tuple(_draw_scratch(rng) for _ in range(int(rng.between(0, 3.5)))),
        stain=_draw_stain(rng) if rng.share() < 0.4 else None,
        vignetting=rng.between(0.05, 0.4),
    )


def _draw_speck(rng: _Dice) -> Speck:
    length = rng.between(0.05, 0.12)
    return Speck(
        x=rng.between(-2.2, 2.2),
        z=rng.between(-1.8, 2.4),
        length=length,
        width=length * rng.between(0.45, 1.0),
        turn=rng.between(0, math.pi),
        colour=rng.pick(((0.30, 0.29, 0.27), (0.16, 0.17, 0.05), (0.50, 0.33, 0.15))),
    )


def _draw_scratch(rng: _Dice) -> Scratch:
    return Scratch(
        x=rng.between(-2, 2),
        z=rng.between(-1.8, 2),
        length=rng.between(0.6, 2.2),
        turn=rng.between(0, math.pi),
        strength=rng.sign() * rng.between(0.15, 0.4),
    )


def _draw_stain(rng: _Dice) -> tuple[float, float, float, float]:
    return rng.between(-2, 2), rng.between(-1.5, 2), rng.between(0.4, 0.9), rng.between(0.1, 0.3)


def _listed(parts: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))


def _place(across: float) -> str:
    if across < 0.4:
        return "on the left"
    return "in the middle" if across < 0.6 else "on the right"
