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
    assert other.manifest.fetch_name == str(fake / "suite.toml")


def test_a_shipped_suite_keeps_its_short_name() -> None:
    manifest = Manifest.read("miniature[diffusion.steps=10]")
    assert (manifest.cli_name, manifest.fetch_name) == ("miniature[diffusion.steps=10]", "miniature")


def test_further_generators_and_methods_have_places(fake: Path) -> None:
    manifest = Manifest.read(fake)
    name, spec = next(iter(manifest.generators.items()))
    changed = Manifest.read(f"{fake}[generators.{name}.steps=3]")
    assert changed.generators[name].parameters == {**spec.parameters, "steps": 3}


def test_a_method_of_its_own_model() -> None:
    manifest = Manifest.read("paper[methods.semgir.instruments.encoder.layers=2]")
    assert manifest.overrides("semgir")["encoder"].parameters["layers"] == 2
    assert manifest.instruments["encoder"] == Manifest.read("paper").instruments["encoder"]


def test_a_role_is_that_of_all_methods_unless_one_is_named() -> None:
    manifest = Manifest.read("paper[captioner.beams=5,methods.item.instruments.captioner.beams=2]")
    beams = {one: manifest.instruments_of(one)["captioner"].parameters["beams"] for one in ("sare", "tidy", "item")}
    assert beams == {"sare": 5, "tidy": 5, "item": 2}
    with pytest.raises(OptionError, match=r"--instrument captioner.beams is 'many', expected a whole number"):
        Suite.load("paper[captioner.beams=many]").of("tidy").card("captioner")


@pytest.mark.parametrize("pair", ["diffusion.strength", "strength=1", "diffusion.strength=", "=1"])
def test_no_pair(pair: str) -> None:
    with pytest.raises(OptionError, match=rf"--instrument is '{pair}', expected ROLE.PARAMETER=VALUE"):
        with_overrides("miniature", [pair])


@pytest.mark.parametrize("value", ["1e999", "NaN", "null", "{}"])
def test_no_value_of_a_parameter(value: str) -> None:
    told = rf"--instrument is 'diffusion.strength={value}', expected a text, a finite number, true or false after ="
    with pytest.raises(OptionError, match=told):
        with_overrides("miniature", [f"diffusion.strength={value}"])


def test_a_value_that_a_name_cannot_hold() -> None:
    with pytest.raises(OptionError, match=r"'captioner.prompt=a,b', whose value holds ','"):
        with_overrides("miniature", ["captioner.prompt=a,b"])


def test_a_model_or_a_parameter_that_is_not_there(fake: Path) -> None:
    with pytest.raises(OptionError, match=r"--instrument editor.strength is 1, expected a model of suite 'fake': capt"):
        Manifest.read(f"{fake}[editor.strength=1]")
    with pytest.raises(OptionError, match=r"expected a model of suite 'paper': .*, methods.semgir.instruments.encoder"):
        Manifest.read("paper[editor.strength=1]")
    with pytest.raises(OptionError, match=r"diffusion.power is 1, expected a parameter of StableDiffusion: strength,"):
        Suite.load(f"{fake}[diffusion.power=1]").card("diffusion")


@pytest.mark.parametrize(
    ("pair", "told"),
    [
        ("diffusion.reuse=1.5", "--instrument diffusion.reuse is 1.5, expected a whole number"),
        ("diffusion.reuse=true", "--instrument diffusion.reuse is True, expected a whole number"),
        ("diffusion.strength=much", "--instrument diffusion.strength is 'much', expected a number"),
        ("diffusion.tiling=1", "--instrument diffusion.tiling is 1, expected true or false"),
        ("diffusion.solver=1", "--instrument diffusion.solver is 1, expected a text"),
        ("generators.sibling.steps=0.5", "--instrument generators.sibling.steps is 0.5, expected a whole number"),
        ("diffusion.reuse=0", "reuse must be 1, which reuses nothing, or more, got 0"),
    ],
)
def test_a_wrong_value_is_wrong_usage(fake: Path, pair: str, told: str) -> None:
    with pytest.raises(OptionError, match=rf"^{told}$"):
        Suite.load(f"{fake}[{pair}]").card(pair.partition("=")[0].rpartition(".")[0])


def test_a_lane_with_a_wrong_parameter_is_a_wrong_file(fake: Path, tmp_path: Path) -> None:
    file = tmp_path / "suite.toml"
    file.write_text('[lanes.fast]\nparameters = { "editor.strength" = 1 }\n', "utf-8")
    with pytest.raises(
        SuiteError, match=r"suite.toml: editor.strength of lane 'fast' is 1, expected a model of suite '.*': none"
    ):
        Manifest.read(f"{file}[lane=fast]")
