"""Noun phrases of captions such as the suites' captioners give."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unprompt.instruments.phrases import naming, noun_phrases
from unprompt.scenes.scene import Scene

CAPTIONS = {
    "a red ball and a large shiny blue cube on wood": ("a red ball", "a large shiny blue cube", "wood"),
    "a purple ring, an orange cone and a white ball on grass": (
        "a purple ring",
        "an orange cone",
        "a white ball",
        "grass",
    ),
    "a man riding a horse on the beach": ("a man", "a horse", "the beach"),
    "two dogs running through a field of tall grass": ("two dogs", "a field", "tall grass"),
    "a group of people standing in front of a large building": ("people", "a large building"),
    "a black and white photo of a man wearing a hat": ("a man", "a hat"),
    "a close up of a cat laying on a bed": ("a cat", "a bed"),
    "there is a small dog that is sitting on a couch": ("a small dog", "a couch"),
    "a table covered with plates of food": ("a table", "plates", "food"),
    "a snow covered mountain and a red and white bus": ("a snow covered mountain", "a red and white bus"),
    "a bathroom with a sink, toilet and mirror": ("a bathroom", "a sink", "toilet", "mirror"),
    "The image shows a city street. A man in a blue jacket is walking his dog.": (
        "a city street",
        "a man",
        "a blue jacket",
        "his dog",
    ),
    "a man and a man": ("a man",),
    "a picture": (),
    "on the left": (),
    "": (),
    "?!": (),
}


@pytest.mark.parametrize("caption", CAPTIONS)
def test_captions(caption: str) -> None:
    assert noun_phrases(caption) == CAPTIONS[caption]


@pytest.mark.parametrize("seed", range(40))
def test_every_thing_of_the_little_world_is_a_phrase_of_its_captions(seed: int) -> None:
    scene = Scene.sample(seed)
    assert noun_phrases(scene.caption) == (*scene.phrases, scene.floor)
    long = tuple(f"a {thing.size} {thing.material} {thing.colour} {thing.shape}" for thing in scene.things)
    assert noun_phrases(scene.long_caption) == (*long, scene.floor)


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("most", [1, 2, 3])
def test_a_shortened_caption_is_that_of_a_scene_with_fewer_things(seed: int, most: int) -> None:
    scene = Scene.sample(seed)
    assert naming(scene.caption, most) == replace(scene, things=scene.things[:most]).caption


@pytest.mark.parametrize(
    ("caption", "most", "shortened"),
    [
        ("A Man and a Dog, and a cat.", 2, "A Man and a Dog."),
        ("two men, a boy and a dog on a beach with a ball and a kite", 1, "two men on a beach with a ball"),
        ("a black and white dog and a cat on a bed", 1, "a black and white dog on a bed"),
        ("a man with a hat and sitting down", 1, "a man with a hat and sitting down"),
        ("a dog , a cat and a bird", 1, "a dog"),
        ("a picture", 1, "a picture"),
        ("", 1, ""),
    ],
)
def test_lists_alone_are_shortened(caption: str, most: int, shortened: str) -> None:
    assert naming(caption, most) == shortened


@given(st.lists(st.sampled_from(sorted(CAPTIONS))).map(". ".join), st.integers(1, 4))
def test_a_shortened_caption_names_nothing_new_and_is_not_shortened_again(caption: str, most: int) -> None:
    shortened = naming(caption, most)
    assert set(noun_phrases(shortened)) <= set(noun_phrases(caption))
    assert naming(shortened, most) == shortened


@given(
    st.text()
    | st.lists(st.sampled_from(sorted({word for caption in CAPTIONS for word in caption.split()}))).map(" ".join)
)
def test_phrases_are_runs_of_the_captions_own_words_each_once(caption: str) -> None:
    found = noun_phrases(caption)
    words = re.findall(r"[^\W_]+(?:[-'\u2019][^\W_]+)*", caption.lower())
    runs = {" ".join(words[i:j]) for i in range(len(words)) for j in range(i + 1, len(words) + 1)}
    assert len(set(found)) == len(found)
    assert set(found) <= runs
