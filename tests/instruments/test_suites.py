"""Suite files: what is read, what is refused and in which words, and what is built when."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from unprompt.errors import MissingHead, MissingWeights, OptionError, SuiteError
from unprompt.instruments import CLASSES, Suite, embedded, shelf
from unprompt.instruments.digests import folder_digest


def write(folder: Path, text: str) -> Path:
    file = folder / "suite.toml"
    file.write_text(text, "utf-8")
    return file


def test_fields(tmp_path: Path) -> None:
    head = tmp_path / "heads" / "sare.safetensors"
    head.parent.mkdir()
    head.touch()
    top = 'name = "mine"\ntitle = "T"\ndescription = "D"\nversion = "3"\nworld = "world.safetensors"\n'
    heads = '[heads]\nsare = "heads/sare.safetensors"\ntidy = "heads/tidy.safetensors"'
    suite = Suite.load(write(tmp_path, top + heads))
    assert (suite.name, suite.title, suite.description, suite.version, suite.fake) == ("mine", "T", "D", "3", False)
    assert suite.world == tmp_path / "world.safetensors"
    assert set(suite.heads) == {"sare", "tidy"}
    assert suite.head("sare") == head
    with pytest.raises(
        MissingHead, match=r"'mine' has no trained head .*'tidy' \(it has: sare\): .*`unprompt train tidy"
    ):
        suite.head("tidy")


def test_folder_and_file_are_the_same_suite(fake: Path) -> None:
    assert Suite.load(fake).manifest == Suite.load(str(fake / "suite.toml")).manifest
    assert Suite.load(fake).fake


def test_embedded_suites_go_by_name(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "_shelf", lambda: models.parent)
    assert embedded() == ["suite"]
    assert Suite.load("suite").name == "fake"
    with pytest.raises(OptionError, match="no suite 'nosuch': expected one of suite, or the path"):
        Suite.load("nosuch")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name = ", "cannot be read: Invalid value"),
        ("colour = 3", "at the top: colour is unknown, expected one of colour_only, description, digest"),
        ("fake = 1", "at the top: fake is 1, expected true or false"),
        ('file = "elsewhere.toml"', "at the top: file is unknown, expected one of colour_only, description, digest"),
        (
            '[instruments.encoder]\nkind = "clip"\npath = "x"',
            r"at \[instruments.encoder\]: kind is unknown, expected on",
        ),
        ('[instruments.encoder]\npath = "x"', r"at \[instruments.encoder\]: class is missing"),
        ("[heads]\nsare = 3", r"at \[heads\]: sare is 3, expected a path"),
        ("[instruments]\nencoder = 3", r"at \[instruments\]: encoder is 3, expected a table"),
        (
            '[instruments.encoder]\nclass = "clap"\npath = "x"',
            "unknown class 'clap': expected one of aligned, amused, blip",
        ),
        ('[instruments.encoder]\nclass = "clip"', "expected path, model, url or wheel, got none of them"),
        ('[instruments.encoder]\nclass = "clip"\npath = "x"\nsize = 3', r"at \[instruments.encoder\]: size is unknown"),
        ('[instruments.ear]\nclass = "clip"\npath = "x"', "unknown role 'ear': expected one of captioner, encoder"),
        (
            '[instruments.encoder]\nclass = "clip"\nmodel = "a"\nurl = "b"',
            "expected model or url, got 'a' and url = 'b'",
        ),
        (
            '[instruments.encoder]\nclass = "clip"\npath = "x"\nneeds = { disk = "much" }',
            r"encoder.needs\]: disk is 'much', expected a n",
        ),
        (
            '[instruments.encoder]\nclass = "clip"\npath = "x"\nneeds = { time = 3 }',
            "time is unknown, expected one of disk, m",
        ),
        ("[methods]\nsemgir = 3", r"at \[methods\]: semgir is 3, expected a table"),
        ("[methods.semgir]\ncolour = 3", r"at \[methods.semgir\]: colour is unknown, expected one of inst"),
        (
            '[methods.semgir.instruments.ear]\nclass = "clip"\npath = "x"',
            r"at \[methods.semgir.instruments\]: unknown role 'ear'",
        ),
        (
            "[methods.semgir.instruments]\nencoder = 3",
            r"at \[methods.semgir.instruments\]: encoder is 3, expected a table",
        ),
    ],
)
def test_a_wrong_file_says_where(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SuiteError, match=words):
        Suite.load(write(tmp_path, text))


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ('class = "blip"\npath = "captioner"', "class 'blip' is a BlipCaptioner, expected a Encoder"),
        (
            'class = "clip"\npath = "encoder"\nparameters = { beams = 3 }',
            "encoder.beams is 3, expected a parameter of ClipEncoder: none",
        ),
    ],
)
def test_a_wrong_instrument_says_where(models: Path, entry: str, words: str) -> None:
    with pytest.raises(SuiteError, match=words):
        _ = Suite.load(write(models, f"[instruments.encoder]\n{entry}")).encoder


def test_parameters_reach_the_instrument(models: Path) -> None:
    entry = '[instruments.captioner]\nclass = "blip"\npath = "captioner"\n'
    assert Suite.load(write(models, entry + "parameters = { beams = 3 }")).captioner.card.parameters["beams"] == 3
    with pytest.raises(SuiteError, match=r"captioner.beams is 'many', expected a whole number"):
        _ = Suite.load(write(models, entry + 'parameters = { beams = "many" }')).captioner
    with pytest.raises(SuiteError, match=r"captioner.beams is True, expected a whole number"):
        _ = Suite.load(write(models, entry + "parameters = { beams = true }")).captioner
    with pytest.raises(OptionError, match="at least 1, got 0"):
        _ = Suite.load(write(models, entry + "parameters = { beams = 0 }")).captioner


def test_missing_roles_and_generators_list_what_exists(tmp_path: Path) -> None:
    suite = Suite.load(write(tmp_path, 'name = "mine"\n[instruments.encoder]\nclass = "clip"\npath = "x"'))
    with pytest.raises(SuiteError, match=r"'mine' has no instrument 'captioner' \(it has: encoder\)"):
        _ = suite.captioner
    with pytest.raises(SuiteError, match=r"'mine' has no generator 'gan' \(it has: none\)"):
        suite.generator("gan")


def test_further_generators_go_by_name(models: Path) -> None:
    text = (models / "suite.toml").read_text("utf-8")
    suite = Suite.load(write(models, text + '[generators.other]\nclass = "stable-diffusion"\npath = "diffusion"'))
    assert suite.generators == ("diffusion", "sibling", "other")
    assert suite.generator() is suite.diffusion
    assert suite.generator("other") is suite.generator("other")
    assert suite.generator("other") is not suite.diffusion


def test_a_method_can_have_instruments_of_its_own(models: Path) -> None:
    text = (models / "suite.toml").read_text("utf-8")
    own = '[methods.tidy.instruments.captioner]\nclass = "blip"\npath = "captioner"\nparameters = { beams = 2 }\n'
    again = '[methods.item.instruments.encoder]\nclass = "clip"\npath = "encoder"\n'
    suite = Suite.load(write(models, text + own + again))
    tidy = suite.of("tidy")
    assert tidy.captioner.card.parameters["beams"] == 2
    assert suite.captioner.card.parameters["beams"] == suite.of("sare").captioner.card.parameters["beams"] == 1
    assert tidy.of("sare").captioner is suite.captioner
    assert suite.of("tidy").captioner is tidy.captioner
    assert tidy.encoder is suite.encoder
    assert suite.of("item").encoder is suite.encoder  # The same model, named twice.
    assert (tidy.has_override("captioner"), tidy.has_override("encoder"), suite.has_override("captioner")) == (
        True,
        False,
        False,
    )


def test_a_methods_own_instrument_is_named_where_it_is_wrong(models: Path) -> None:
    text = (models / "suite.toml").read_text("utf-8")
    own = '[methods.tidy.instruments.captioner]\nclass = "clip"\npath = "encoder"\n'
    suite = Suite.load(write(models, text + own))
    with pytest.raises(SuiteError, match=r"at \[methods.tidy.instruments.captioner\]: class 'clip' is a ClipEncoder"):
        _ = suite.of("tidy").captioner


def test_a_further_generator_is_a_candidate_when_its_suite_says_so(models: Path) -> None:
    text = (models / "suite.toml").read_text("utf-8")
    further = '[generators.{}]\nclass = "stable-diffusion"\npath = "diffusion"\n'
    text += further.format("outsider") + further.format("other") + "candidate = true\n"
    assert Suite.load(write(models, text)).candidates == ("diffusion", "sibling", "other")
    with pytest.raises(SuiteError, match="candidate is 'yes', expected true or false"):
        Suite.load(write(models, text.replace("candidate = true", 'candidate = "yes"', 1)))
    with pytest.raises(SuiteError, match=r"at \[instruments\.encoder\]: candidate is unknown"):
        Suite.load(write(models, '[instruments.encoder]\nclass = "clip"\npath = "encoder"\ncandidate = true'))


def test_instruments_are_built_once(suite: Suite) -> None:
    assert suite.encoder is suite.encoder


def test_batch_size_reaches_every_instrument(fake: Path) -> None:
    assert Suite.load(fake, batch_size=3).encoder.batch_size == 3
    assert Suite.load(fake).encoder.batch_size == 32


@pytest.mark.parametrize(("option", "words"), [({"device": "abacus"}, "'abacus'"), ({"dtype": "int8"}, "'int8': exp")])
def test_wrong_device_and_dtype(fake: Path, option: dict[str, str], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        _ = Suite.load(fake, **option).encoder


def test_a_folder_that_is_not_there(models: Path) -> None:
    shutil.rmtree(models / "encoder")
    with pytest.raises(
        MissingWeights, match=r"model 'encoder' are not .*`unprompt fetch .*suite.toml`.*`--suite miniature`"
    ):
        _ = Suite.load(models).encoder


def test_a_model_that_is_not_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    entry = '[instruments.encoder]\nclass = "clip"\nmodel = "org/clip"\nrevision = "abc"'
    suite = Suite.load(write(tmp_path, f'name = "far"\n{entry}'))
    with pytest.raises(
        MissingWeights, match=r"'org/clip' .*revision abc.*`unprompt fetch .*suite.toml`.*--suite miniature"
    ):
        _ = suite.encoder


def test_a_model_of_the_hub_is_read_from_the_cache(fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    revision = "0123456789" * 4
    snapshot = tmp_path / "cache" / "models--org--clip" / "snapshots" / revision
    shutil.copytree(fake / "encoder", snapshot)
    (snapshot / "pytorch_model.bin").write_bytes(b"a pickle that nobody may open")
    digest = folder_digest(fake / "encoder")
    entry = f'class = "clip"\nmodel = "org/clip"\nrevision = "{revision}"\ndigest = "{digest}"\nlicence = "MIT"'
    card = Suite.load(write(tmp_path, f"[instruments.encoder]\n{entry}")).encoder.card
    assert (card.model, card.revision, card.digest, card.licence) == ("org/clip", revision, digest, "MIT")


def test_another_digest_is_refused(models: Path) -> None:
    entry = '[instruments.encoder]\nclass = "clip"\npath = "encoder"\ndigest = "00ff"'
    with pytest.raises(SuiteError, match="but its suite expects 00ff"):
        _ = Suite.load(write(models, entry)).encoder


@pytest.mark.parametrize("name", CLASSES)
def test_every_class_is_where_the_table_says(name: str) -> None:
    module, _, attribute = CLASSES[name].partition(":")
    __import__(module)
    assert hasattr(sys.modules[module], attribute)


def test_parsing_loads_no_torch(fake: Path) -> None:
    load = f"import sys; from unprompt.instruments import Suite; Suite.load({str(fake)!r})"
    path = {"PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run(
        [sys.executable, "-c", f"{load}; assert 'torch' not in sys.modules"], check=True, env=os.environ | path
    )
