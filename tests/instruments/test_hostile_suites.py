"""Suite files, indices and configurations that nobody vouches for, and the digests and places that a suite states."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unprompt.errors import SuiteError, UnpromptError
from unprompt.instruments import Manifest, Suite
from unprompt.instruments.cards import lacking
from unprompt.instruments.digests import file_digest
from unprompt.instruments.preprocessing import normalisation
from unprompt.instruments.suite_file import pin, to_toml

from ..hostile import VALUES, damaged

SHARED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
TOML = st.recursive(
    st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.sampled_from(["", "..", "/x", "clip", "encoder"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=4,
)
PLACES = ("name", "fake", "world", "heads", "heads.sare", "digests", "digests.x", "instruments", "instruments.encoder",
          "instruments.encoder.class", "instruments.encoder.path", "instruments.encoder.parameters",
          "instruments.encoder.parameters.a", "instruments.encoder.needs", "methods", "methods.tidy",
          "methods.tidy.instruments", "generators", "generators.x.candidate")  # fmt: skip


def inline(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {inline(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(inline, value)) + "]"
    return str(value).lower() if isinstance(value, bool | float) else json.dumps(value)


def write(folder: Path, text: str) -> Path:
    (folder / "suite.toml").write_text(text, "utf-8")
    return folder / "suite.toml"


@SHARED
@given(place=st.sampled_from(PLACES), value=TOML)
def test_any_value_in_a_suite_file(tmp_path: Path, place: str, value: object) -> None:
    with suppress(SuiteError):
        manifest = Manifest.read(write(tmp_path, f"{place} = {inline(value)}"))
        to_toml(manifest)


@SHARED
@given(data=damaged((Path(str(Manifest.read("photo").file))).read_bytes()))
def test_damaged_suite_files(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "suite.toml").write_bytes(data)
    with suppress(SuiteError):
        Manifest.read(tmp_path)


@SHARED
@given(value=VALUES | st.dictionaries(st.sampled_from(["image_mean", "image_processor", "weight_map"]), VALUES))
def test_any_configuration_and_index(tmp_path: Path, value: object) -> None:
    for name in ("preprocessor_config.json", "model.safetensors.index.json"):
        (tmp_path / name).write_text(json.dumps(value))
    with suppress(SuiteError):
        normalisation(tmp_path, (0, 0, 0), (1, 1, 1))
    with suppress(SuiteError):
        lacking(tmp_path, ())


@pytest.mark.parametrize("name", ["encoder/config.json", "backbone/config.json", "encoder/preprocessor_config.json"])
@settings(SHARED, max_examples=15)
@given(value=VALUES | st.dictionaries(st.sampled_from(["vision_config", "text_config", "image_mean"]), VALUES))
def test_any_configuration_of_a_model(fake: Path, tmp_path: Path, name: str, value: object) -> None:
    shutil.copytree(fake, tmp_path / "suite", dirs_exist_ok=True)
    (tmp_path / "suite" / name).parent.mkdir(exist_ok=True)
    (tmp_path / "suite" / name).write_text(json.dumps(value))
    with suppress(UnpromptError):
        _ = Suite.load(tmp_path / "suite").encoder


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a = " + "[" * 50_000, "cannot be read: it is nested more than 64 deep"),
        ("heads = [1]", r"at the top: heads is \[1\], expected a table"),
        ("[[instruments]]\nx = 1", "instruments is .*, expected a table"),
        (
            '[instruments.encoder]\nclass = "clip"\npath = "x"\nparameters = { side = nan }',
            "parameter side is nan, expected a text, a finite number, true or false",
        ),
        (
            '[instruments.encoder]\nclass = "clip"\npath = "x"\nparameters = { side = [3] }',
            r"side is \[3\]",
        ),
        (
            '[digests]\n"heads/x" = "0"',
            r"at \[digests\]: .*/heads/x is neither a head of this suite, nor its",
        ),
        ('world = "a\\u0000b"', "names 'a.x00b', which is no path"),
    ],
)
def test_hostile_suite_files_are_named(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SuiteError, match=rf"^suite file .*suite\.toml,? .*{words}"):
        Manifest.read(write(tmp_path, text))


@pytest.mark.parametrize("path", ["../x", "/etc/x", "a/../../x", "linked/x", "linked"])
@pytest.mark.parametrize(
    "text", ['world = "{}"', '[heads]\nsare = "{}"', '[instruments.encoder]\nclass = "clip"\npath = "{}"']
)
def test_no_path_leads_out_of_the_folder(tmp_path: Path, path: str, text: str) -> None:
    folder = tmp_path / "suite"
    folder.mkdir()
    (tmp_path / "else").mkdir()
    try:
        (folder / "linked").symlink_to(tmp_path / "else", target_is_directory=True)
    except OSError:
        pytest.skip("no links can be made here")
    with pytest.raises(SuiteError, match=rf"suite\.toml names '{path}', which leads to .*, expected a place below"):
        Manifest.read(write(folder, text.format(path)))


def test_a_link_within_the_folder_and_a_linked_suite_are_fine(tmp_path: Path) -> None:
    (tmp_path / "suite" / "real").mkdir(parents=True)
    write(tmp_path / "suite", 'world = "linked/x"')
    try:
        (tmp_path / "suite" / "linked").symlink_to(tmp_path / "suite" / "real", target_is_directory=True)
        (tmp_path / "other").symlink_to(tmp_path / "suite", target_is_directory=True)
    except OSError:
        pytest.skip("no links can be made here")
    assert Manifest.read(tmp_path / "other").world == tmp_path / "other" / "linked" / "x"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"image_mean": [1, 2]}, r"got \[1, 2\]; expected three numbers, one a channel"),
        ({"image_processor": 3}, "got a int; expected an object"),
    ],
)
def test_odd_preprocessing_is_named(tmp_path: Path, value: object, words: str) -> None:
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(value))
    with pytest.raises(SuiteError, match=rf"preprocessor_config\.json cannot be read \({words}\): fetch the"):
        normalisation(tmp_path, (0, 0, 0), (1, 1, 1))


def test_an_index_names_files_beside_it(tmp_path: Path) -> None:
    (tmp_path / "m.safetensors.index.json").write_text('{"weight_map": {"a": "../x"}}')
    with pytest.raises(SuiteError, match=r"index\.json cannot be read as an index .*it names the file '\.\./x'"):
        lacking(tmp_path, ())


@pytest.mark.parametrize("name", ["miniature", "photo"])
def test_the_shipped_suites_state_every_digest(name: str) -> None:
    manifest = Manifest.read(name)
    assert manifest.world is not None
    fitted = map(manifest.inside, manifest.fitted)
    listed = (*manifest.heads.values(), *manifest.fallbacks.values(), manifest.world, *fitted)
    assert manifest.digests == {str(path): file_digest(path) for path in listed if path}


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return Path(shutil.copytree(Manifest.read("photo").file.parent, tmp_path / "photo"))


def _flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("file", "load"),
    [
        ("heads/patches.safetensors", lambda suite: _load(suite, "patches")),
        ("heads/panel.safetensors", lambda suite: _load(suite, "panel")),
        ("world.safetensors", lambda suite: _world(suite)),
    ],
)
def test_an_altered_head_is_refused_until_it_is_pinned(photo: Path, file: str, load: Callable[[Suite], object]) -> None:
    before = file_digest(photo / file)
    _flipped(photo / file)
    after = file_digest(photo / file)
    words = rf"{file} has the SHA-256 {after}, but its suite expects {before}: .* correct it under \[digests\] in"
    with pytest.raises(SuiteError, match=words):
        load(Suite.load(photo))
    pin(photo / "suite.toml")
    load(Suite.load(photo))


def _load(suite: Suite, method: str) -> object:
    from unprompt.detectors import load

    return load(suite.head(method), suite)


def _world(suite: Suite) -> object:
    from unprompt.detectors.ood import OODDetector

    assert suite.world is not None
    return OODDetector.load(suite.world, suite)
