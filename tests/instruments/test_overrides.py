"""Parameters of a suite's models that are exchanged inline."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unprompt.errors import OptionError, SuiteError
from unprompt.instruments import Manifest, Suite
from unprompt.instruments.overrides import joined_name, split_name, with_overrides

PLACES = st.from_regex(r"[a-z]{1,8}\.[a-z_]{1,8}", fullmatch=True)
VALUES = (
    st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans() | st.sampled_from(["a b", "x"])
)


@given(st.dictionaries(PLACES, VALUES, max_size=4))
def test_a_name_and_its_parts(values: dict[str, object]) -> None:
    assert split_name(joined_name("miniature", values)) == ("miniature", values)


def test_one_parameter_of_one_model(fake: Path) -> None:
    plain, other = Suite.load(fake), Suite.load(f"{fake}[diffusion.strength=1.0]")
    assert plain.card("diffusion").parameters["strength"] == 0.5
    assert other.card("diffusion").parameters["strength"] == 1.0
    assert other.card("captioner") == plain.card("captioner")
    assert other.name == "fake[diffusion.strength=1.0]"
    assert other.manifest.cli_name == f"{fake / 'suite.toml'}[diffusion.strength=1.0]"


def test_a_shipped_suite_keeps_its_short_name() -> None:
    assert Manifest.read("miniature[diffusion.steps=10]").cli_name == "miniature[diffusion.steps=10]"


def test_further_generators_and_methods_have_places(fake: Path) -> None:
    manifest = Manifest.read(fake)
    name, spec = next(iter(manifest.generators.items()))
    changed = Manifest.read(f"{fake}[generators.{name}.steps=3]")
    assert changed.generators[name].parameters == {**spec.parameters, "steps": 3}


def test_a_method_of_its_own_model() -> None:
    manifest = Manifest.read("paper[methods.semgir.instruments.encoder.layers=2]")
    assert manifest.overrides("semgir")["encoder"].parameters["layers"] == 2
    assert manifest.instruments["encoder"] == Manifest.read("paper").instruments["encoder"]


@pytest.mark.parametrize("pair", ["diffusion.strength", "strength=1", "diffusion.strength=", "=1"])
def test_no_pair(pair: str) -> None:
    with pytest.raises(OptionError, match=rf"--instrument is '{pair}', expected ROLE.PARAMETER=VALUE"):
        with_overrides("miniature", [pair])


def test_a_value_that_a_name_cannot_hold() -> None:
    with pytest.raises(OptionError, match=r"'captioner.prompt=a,b', whose value holds ','"):
        with_overrides("miniature", ["captioner.prompt=a,b"])


def test_a_model_or_a_parameter_that_is_not_there(fake: Path) -> None:
    with pytest.raises(SuiteError, match=r"suite 'fake' has no 'editor' whose strength could be 1 \(it has: captioner"):
        Manifest.read(f"{fake}[editor.strength=1]")
    with pytest.raises(SuiteError, match=r"at \[instruments.diffusion\]: unknown parameter 'power'"):
        Suite.load(f"{fake}[diffusion.power=1]").card("diffusion")
