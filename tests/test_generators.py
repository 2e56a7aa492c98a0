"""One name for each generator: every loader, candidate and paper's column resolves, and no word means two."""

from __future__ import annotations

from collections import Counter

import pytest

from unprompt.datasets.diffusionforensics import DIFFUSIONFORENSICS
from unprompt.datasets.drct import COCO, DRCT
from unprompt.datasets.forensynths import FORENSYNTHS
from unprompt.datasets.genimage import GENIMAGE
from unprompt.datasets.pairs import partners
from unprompt.datasets.tree import Benchmark
from unprompt.datasets.universal import COLLECTIONS, UNIVERSAL
from unprompt.datasets.wildrf import WILDRF
from unprompt.detectors import ATTRIBUTORS
from unprompt.evaluation.recipe import EVERY_COLUMN
from unprompt.generators import ALIASES, canonical_name, folder_names, is_known, matching_names, normalise_name
from unprompt.instruments import Manifest, embedded
from unprompt.workflows.planning.recipe_files import recipe, recipes

BENCHMARKS = (GENIMAGE, DRCT, DIFFUSIONFORENSICS, UNIVERSAL, FORENSYNTHS, WILDRF)
OTHER_MEANING = {"Deepfakes": "whichfaceisreal"}
"""Headings that mean another generator elsewhere; a table names its column's generator beside them."""
OWN_GENERATORS = {"miniature": {"diffusion", "sibling"}, "fake": {"diffusion", "sibling", "flow"}}
"""What embedded suites trained themselves, which has no name in the field."""


def test_no_word_means_two_generators() -> None:
    words = [normalise_name(word) for name, others in ALIASES.items() for word in (name, *others)]
    assert {word for word, count in Counter(words).items() if count > 1} == set()
    assert all(canonical_name(word) == name for name, others in ALIASES.items() for word in (name, *others))


@pytest.mark.parametrize("benchmark", BENCHMARKS, ids=lambda one: one.name)
def test_every_loaders_name_is_one_generator(benchmark: Benchmark) -> None:
    own = set(benchmark.generators.values()) - {COCO, *COLLECTIONS}
    assert {name for name in own if not is_known(name)} == set()
    assert len({canonical_name(name) for name in own}) == len(own)
    assert all(benchmark.generator(alias) == name for name in own for alias in ALIASES[canonical_name(name)])


@pytest.mark.parametrize("name", embedded())
@pytest.mark.parametrize("method", ATTRIBUTORS)
def test_every_candidate_is_one_generator(name: str, method: str) -> None:
    manifest = Manifest.read(name)
    found = [manifest.canonical_name(one, method) for one in manifest.candidates_of(method)]
    assert len(set(found)) == len(found)
    assert {one for one in found if not is_known(one)} == OWN_GENERATORS.get(name, set())


def test_the_papers_candidates_meet_the_loaders_names() -> None:
    manifest = Manifest.read("paper")
    found = {one: manifest.canonical_name(one, "semgir-a") for one in manifest.candidates_of("semgir-a")}
    assert found == {
        "diffusion": GENIMAGE.generator("stable_diffusion_v_1_4"),
        "sd-v1-5": GENIMAGE.generator("stable_diffusion_v_1_5"),
        "sd-v2-1": DRCT.generator("stable-diffusion-2-1"),
    }


@pytest.mark.parametrize("name", recipes())
def test_every_column_of_a_papers_table_is_one_generator(name: str) -> None:
    table = recipe(name)
    found = {one.heading: canonical_name(one.generator) for one in table.columns}
    learned = {name for train in table.trainings for name in train.generators} - {EVERY_COLUMN}
    assert all(is_known(one) for one in (*found.values(), *learned))
    assert len(set(found.values())) == len(found)
    told = {heading: OTHER_MEANING.get(heading, canonical_name(heading)) for heading in found}
    assert told == found


def test_an_unknown_name_stays_as_it_is() -> None:
    assert canonical_name("My Model v2") == "My Model v2"
    assert not is_known("my-model")
    assert matching_names("my-model", ["My Model", "ADM"]) == []
    assert folder_names(["My Model"]) == {"mymodel": "My Model"}


def test_the_exact_name_wins_over_other_spellings() -> None:
    assert matching_names("BigGAN", ["biggan", "BigGAN"]) == ["BigGAN"]
    assert matching_names("imagenet_ai_0419_biggan", ["biggan", "BigGAN"]) == ["biggan", "BigGAN"]


def test_a_pair_may_name_its_generator_by_an_alias() -> None:
    assert partners("stable_diffusion_v_1_5", ["a", "b"], {"sd15": "b"}) == {"b"}
