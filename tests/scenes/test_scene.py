"""Scenes are deterministic, varied, well spaced, and say what they show."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unprompt.scenes.scene import Scene
from unprompt.scenes.things import COLOURS, FLOORS, MATERIALS, SHAPES, SIZES
from unprompt.scenes.visibility import look, place_across

SEEDS = st.integers(0, 2**40)
PHRASE = re.compile(rf"(an?) ({'|'.join(COLOURS)}) ({'|'.join(SHAPES)})")
MANY = 1500


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [Scene.sample(seed) for seed in range(MANY)]


def parsed(caption: str) -> tuple[list[tuple[str, str]], str]:
    """Read a short caption back by its grammar: things in order, and the floor."""
    things, _, floor = caption.rpartition(" on ")
    found = [PHRASE.fullmatch(part) for part in re.split(r", | and ", things)]
    assert all(found), caption
    for match in found:
        assert match is not None
        assert match[1] == ("an" if match[2] == "orange" else "a")
    return [(match[2], match[3]) for match in found if match], floor


def test_a_seed_means_one_scene_for_ever() -> None:
    assert Scene.sample(12) == Scene.sample(12)
    assert Scene.sample(12) != Scene.sample(13)
    assert Scene.sample(0).caption == "a green cylinder, a blue cube and a red ball on tiles"
    assert Scene.sample(7).caption == "a yellow ring and an orange ball on wood"


@given(SEEDS)
@settings(max_examples=60, deadline=None)
def test_captions_read_back_as_the_scene(seed: int) -> None:
    scene = Scene.sample(seed)
    things, floor = parsed(scene.caption)
    assert things == [(thing.colour, thing.shape) for thing in scene.things]
    assert floor == scene.floor
    assert scene.phrases == tuple(match[0] for match in PHRASE.finditer(scene.caption))


@given(SEEDS)
@settings(max_examples=60, deadline=None)
def test_long_captions_tell_everything_in_order(seed: int) -> None:
    scene = Scene.sample(seed)
    position = 0
    for thing in scene.things:
        told = f"a {thing.size} {thing.material} {thing.colour} {thing.shape} "
        position = scene.long_caption.index(told, position) + len(told)
    assert scene.long_caption.endswith(f", on {scene.floor}, lit from the {scene.light.side}")


@given(SEEDS)
@settings(max_examples=60, deadline=None)
def test_things_are_apart_distinct_ordered_and_visible(seed: int) -> None:
    scene = Scene.sample(seed)
    across = [place_across(scene.view, thing) for thing in scene.things]
    assert across == sorted(across)
    assert len({thing.phrase for thing in scene.things}) == len(scene.things)
    for one in scene.things:
        for other in scene.things:
            apart = (one.x - other.x) ** 2 + (one.z - other.z) ** 2
            assert one is other or apart > (one.radius + other.radius) ** 2
    assert min(look(scene.view, scene.things, 96).shares()) > 0.6


def test_numbers_of_things_are_30_40_30(scenes: list[Scene]) -> None:
    counts = Counter(len(scene.things) for scene in scenes)
    assert counts[1] / MANY == pytest.approx(0.3, abs=0.04)
    assert counts[2] / MANY == pytest.approx(0.4, abs=0.04)
    assert counts[3] / MANY == pytest.approx(0.3, abs=0.04)


@pytest.mark.parametrize(
    ("attribute", "choices"),
    [("shape", SHAPES), ("colour", COLOURS), ("size", SIZES), ("material", MATERIALS)],
)
def test_every_kind_of_thing_occurs_evenly(scenes: list[Scene], attribute: str, choices: tuple[str, ...]) -> None:
    counts = Counter(getattr(thing, attribute) for scene in scenes for thing in scene.things)
    assert set(counts) == set(choices)
    assert min(counts.values()) > 0.8 * counts.total() / len(choices)


def test_every_floor_and_light_side_occurs_evenly(scenes: list[Scene]) -> None:
    floors = Counter(scene.floor for scene in scenes)
    assert set(floors) == set(FLOORS)
    assert min(floors.values()) > 0.8 * MANY / len(FLOORS)
    sides = Counter(scene.light.side for scene in scenes)
    assert sides["left"] / MANY == pytest.approx(0.5, abs=0.05)


def test_the_unmentioned_varies_and_is_never_told(scenes: list[Scene]) -> None:
    assert len({scene.unmentioned.grain for scene in scenes}) == MANY
    assert {bool(scene.unmentioned.specks) for scene in scenes} == {True, False}
    assert {scene.unmentioned.stain is None for scene in scenes} == {True, False}
    assert not any(re.search("scratch|speck|crumb|stain", scene.long_caption) for scene in scenes)
