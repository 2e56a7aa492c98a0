"""Fetch against a hub that lies in a folder, end to end: sizes, resumption, the offline bundle, and every refusal."""

from __future__ import annotations

import fnmatch
import hashlib
import shutil
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import pytest
import torch
from huggingface_hub.errors import LocalEntryNotFoundError
from safetensors.torch import load_file

from unprompt.errors import MissingWeights, SuiteError
from unprompt.instruments import Manifest, Suite
from unprompt.instruments.cache import url_folder
from unprompt.instruments.digests import file_digest
from unprompt.types import RGB
from unprompt.workflows.fetch import fetch

COMMIT = "0123456789abcdef" * 2 + "01234567"
OTHER = COMMIT[::-1]
FILE = """\
name = "far"
title = "Models of a hub"
version = "2"
[instruments.captioner]
class = "blip"
model = "org/blip"
licence = "BSD-3-Clause"
parameters = { max_new_tokens = 6 }
needs = { disk = 0.1, memory = 0.2, work = 0.5 }
[instruments.encoder]
class = "clip"
model = "org/clip"
[methods.tidy.instruments.captioner]
class = "blip"
model = "org/blip"
parameters = { max_new_tokens = 3 }
[generators.other]
class = "stable-diffusion"
model = "org/sd"
revision = "v1"
parameters = { side = 32, steps = 4 }
"""


@dataclass
class Hub:
    """Stands for ``snapshot_download``: models in a folder, a cache laid out as the real one, a plug to pull."""

    models: Path
    cache: Path
    online: bool = True
    asked: list[str] = field(default_factory=list)
    revisions: list[str] = field(default_factory=list)
    commit: str = COMMIT
    """What its branches are at."""
    breaks: int = -1
    """Files until the line breaks once."""
    real: Callable[..., str] = huggingface_hub.snapshot_download

    def __call__(self, model: str, *, revision: str, allow_patterns: list[str], **more: Any) -> Any:
        if more.get("local_files_only"):
            return self.real(model, revision=revision, allow_patterns=allow_patterns, local_files_only=True)
        if not self.online:
            raise LocalEntryNotFoundError("outgoing traffic has been disabled")
        source, home = self.models / model, self.cache / f"models--{model.replace('/', '--')}"
        names = [path.relative_to(source).as_posix() for path in sorted(source.rglob("*")) if path.is_file()]
        taken = [name for name in names if any(fnmatch.fnmatch(name, pattern) for pattern in allow_patterns)]
        commit = revision if revision in (COMMIT, OTHER) else self.commit
        folder = home / "snapshots" / commit
        absent = {name: not (folder / name).exists() for name in taken}
        if more.get("dry_run"):
            sizes = {name: (source / name).stat().st_size for name in taken}
            return [SimpleNamespace(file_size=sizes[name], will_download=absent[name]) for name in taken]
        self.asked.append(model)
        self.revisions.append(revision)
        (home / "refs").mkdir(parents=True, exist_ok=True)
        if commit != revision:
            (home / "refs" / revision).write_text(commit)
        for name in (name for name in taken if absent[name]):
            if self.breaks == 0:
                self.breaks = -1
                raise ConnectionError("the line broke")
            self.breaks -= 1
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source / name, folder / name)
        return str(folder)


@pytest.fixture
def hub(suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    models = tmp_path / "hub"
    for name, folder in (("blip", "captioner"), ("clip", "encoder"), ("sd", "diffusion")):
        shutil.copytree(suite / folder, models / "org" / name)
        (models / "org" / name / "pytorch_model.bin").write_bytes(b"a pickle that nobody may fetch" * 1000)
    (models / "org" / "sd" / "unet" / "diffusion_pytorch_model.fp16.safetensors").write_bytes(b"another edition")
    made = Hub(models, tmp_path / "cache")
    monkeypatch.setattr("huggingface_hub.snapshot_download", made)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(made.cache))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "own"))
    return made


@pytest.fixture
def far(tmp_path: Path) -> Path:
    file = tmp_path / "far.toml"
    file.write_text(FILE, "utf-8")
    return file


def test_what_is_needed_and_no_more(hub: Hub, far: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(MissingWeights, match=f"model 'org/blip' .*`unprompt fetch {far}`, or use `--suite miniature`"):
        _ = Suite.load(far).captioner
    assert fetch(far) == hub.cache
    assert hub.asked == ["org/blip", "org/clip", "org/sd"]
    names = {path.name for path in hub.cache.rglob("*") if path.is_file()}
    assert not {name for name in names if name.endswith((".bin", ".fp16.safetensors"))}
    assert caplog.messages[0].startswith("to fetch: org/blip, 0.0 GB")
    assert caplog.messages[3].startswith("to fetch in all: 0.0 GB; free in ")
    card = Suite.load(far).captioner.card
    assert (card.model, card.revision, card.licence) == ("org/blip", COMMIT, "BSD-3-Clause")


def test_the_first_fetch_locks_the_commits(hub: Hub, far: Path) -> None:
    fetch(far, method="tidy")
    lock = far.with_suffix(".lock")
    assert tomllib.loads(lock.read_text("utf-8")) == {"org/blip": COMMIT, "org/clip": COMMIT}
    before = lock.stat().st_mtime_ns
    fetch(far, method="tidy")
    assert lock.stat().st_mtime_ns == before
    fetch(far)
    assert tomllib.loads(lock.read_text("utf-8"))["org/sd@v1"] == COMMIT
    assert lock.read_text("utf-8").startswith("# Written by `unprompt fetch`")


def test_the_lock_is_what_later_runs_take(hub: Hub, far: Path) -> None:
    """Another program moves the branch in the shared cache; both commits are there."""
    fetch(far)
    hub.commit = OTHER
    hub("org/clip", revision="main", allow_patterns=["*"])
    assert Suite.load(far).encoder.card.revision == COMMIT
    far.with_suffix(".lock").unlink()
    assert Suite.load(far).encoder.card.revision == OTHER


def test_a_commit_that_is_not_here_is_told_beside_the_one_that_is(hub: Hub, far: Path) -> None:
    fetch(far)
    shutil.rmtree(hub.cache)
    hub.commit = OTHER
    hub("org/clip", revision="main", allow_patterns=["*"])
    words = rf"'org/clip' are not .*far.lock states revision {COMMIT}, here is {OTHER} alone.*delete the line"
    with pytest.raises(MissingWeights, match=words):
        _ = Suite.load(far).encoder
    assert not Manifest.read(far).present(Manifest.read(far).instruments["encoder"])
    hub.asked.clear()
    fetch(far)
    assert ("org/clip", COMMIT) in zip(hub.asked, hub.revisions[-3:], strict=True)
    assert Suite.load(far).encoder.card.revision == COMMIT


def test_what_the_file_pins_is_not_locked(hub: Hub, far: Path) -> None:
    far.write_text(far.read_text("utf-8").replace('"v1"', f'"{COMMIT}"'), "utf-8")
    fetch(far)
    assert tomllib.loads(far.with_suffix(".lock").read_text("utf-8")).keys() == {"org/blip", "org/clip"}


def test_a_shipped_suite_is_locked_in_the_users_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert Manifest.read("paper").lock.file == tmp_path / "unprompt" / "locks" / "paper.lock"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("org/clip = ", r"far.lock cannot be read \(.*: correct it, or delete it"),
        ('"org/clip" = "main"', r"far.lock states 'main' for 'org/clip', expected a commit of 40 hex digits"),
    ],
)
def test_a_damaged_lock(hub: Hub, far: Path, text: str, words: str) -> None:
    far.with_suffix(".lock").write_text(text, "utf-8")
    with pytest.raises(SuiteError, match=words):
        fetch(far)


def test_a_lock_that_cannot_be_written(hub: Hub, far: Path) -> None:
    (far.parent / ".far.lock").mkdir()
    with pytest.raises(SuiteError, match=r"far.lock cannot be written \(.*copy the suite's file to a folder"):
        fetch(far)


def test_a_second_fetch_asks_nothing(hub: Hub, far: Path) -> None:
    fetch(far)
    hub.asked.clear()
    hub.online = False
    assert fetch(far) == hub.cache
    assert hub.asked == []


def test_one_method_fetches_its_own(hub: Hub, far: Path) -> None:
    fetch(far, method="tidy")
    assert hub.asked == ["org/blip", "org/clip"]


def test_a_broken_line_is_told_and_the_same_command_goes_on(hub: Hub, far: Path) -> None:
    hub.breaks = 2
    with pytest.raises(MissingWeights, match=r"'org/blip' is not .* be fetched: ConnectionError: the line broke"):
        fetch(far)
    assert not Manifest.read(far).present(Manifest.read(far).instruments["captioner"])
    fetch(far)
    assert all(Manifest.read(far).present(spec) for spec in Manifest.read(far).specs())


def test_without_network_it_says_how_to_bring_it(hub: Hub, far: Path) -> None:
    hub.online = False
    words = (
        r"outgoing traffic has been disabled; run `unprompt fetch .*far.toml` where .* --to DIR .* `--suite miniature`"
    )
    with pytest.raises(MissingWeights, match=words):
        fetch(far)


def test_no_room_is_told_before_anything_is_fetched(hub: Hub, far: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=1000))
    with pytest.raises(SuiteError, match=r"needs 0\.0 GB more, .* has 0\.0 GB free: free some, set HF_HOME"):
        fetch(far)
    assert hub.asked == []


def test_a_model_without_safetensors_is_no_model(hub: Hub, far: Path) -> None:
    (hub.models / "org" / "clip" / "model.safetensors").unlink()
    with pytest.raises(MissingWeights, match=r"'org/clip' are not .*\*.safetensors is not among its files"):
        fetch(far)


def test_a_bundle_speaks_as_the_hub_does(hub: Hub, far: Path, tmp_path: Path, picture: RGB) -> None:
    bundle = fetch(far, to=tmp_path / "bundle")
    near = Suite.load(far)
    before = near.captioner.card, near.of("tidy").captioner.card, near.encoder.card, near.generator("other").card
    said = near.captioner.captions([picture]), near.of("tidy").captioner.captions([picture])
    shutil.rmtree(hub.cache)  # A machine without network has no cache either.
    hub.online = False
    moved = Path(shutil.move(bundle, tmp_path / "elsewhere"))
    there = Suite.load(moved)
    assert (there.name, there.version) == ("far", "2")
    cards = there.captioner.card, there.of("tidy").captioner.card, there.encoder.card, there.generator("other").card
    assert cards[:3] == before[:3]
    assert cards[3].revision == before[3].revision == COMMIT
    assert (there.captioner.captions([picture]), there.of("tidy").captioner.captions([picture])) == said
    assert there.manifest.instruments["captioner"].needs.work == 0.5
    assert {spec.digest for spec in there.manifest.specs()} == {card.digest for card in cards}


def test_a_bundle_of_the_embedded_suite_is_whole(tmp_path: Path) -> None:
    """Its grounder stands on the encoder, which the digest covers, and its lanes have what was fitted."""
    folder = fetch("miniature", to=tmp_path / "bundle")
    bundle, here = Suite.load(f"{folder}[lane=fast]"), Suite.load("miniature[lane=fast]")
    digest = file_digest(here.head("sare"))
    assert bundle.manifest.fit_of(digest) == here.manifest.fit_of(digest) != {}
    some = Manifest.read(fetch("miniature", method="tidy", to=tmp_path / "some"))
    assert some.lanes["fast"].parameters == {}
    roles = ("captioner", "encoder", "diffusion", "grounder")
    assert [bundle.card(role).digest for role in roles] == [here.card(role).digest for role in roles]


def test_a_bundle_is_written_again_only_where_it_changed(hub: Hub, far: Path, tmp_path: Path) -> None:
    bundle = fetch(far, to=tmp_path / "bundle")
    before = {path: path.stat().st_mtime_ns for path in bundle.rglob("*.safetensors")}
    harmed = bundle / "org--clip" / "model.safetensors"
    harmed.unlink()
    harmed.write_bytes(b"half a file")
    assert fetch(far, to=bundle) == bundle
    assert {path: path.stat().st_mtime_ns for path in bundle.rglob("*.safetensors")} == before
    assert Suite.load(bundle).encoder.width == 16


def test_in_a_bundle_a_model_is_a_candidate_where_it_was_one(hub: Hub, far: Path, tmp_path: Path) -> None:
    diffusion = FILE.partition("[generators.other]")[2]
    far.write_text(f"{FILE}candidate = true\n[methods.semgir.instruments.diffusion]{diffusion}", "utf-8")
    bundle = Manifest.read(fetch(far, to=tmp_path / "bundle"))
    assert bundle.candidates_of() == ("other",)
    assert bundle.methods["semgir"].instruments["diffusion"].key == bundle.generators["other"].key


def test_a_bundle_that_cannot_be_written(hub: Hub, far: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(SuiteError, match=r"the bundle .*taken cannot be written \(.*choose another --to"):
        fetch(far, to=tmp_path / "taken")


def test_heads_travel_with_a_bundle(hub: Hub, suite: Path, heads: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(suite, tmp_path / "suite"))
    shutil.copytree(heads, folder / "heads")
    with (folder / "suite.toml").open("a", encoding="utf-8") as file:
        file.write('\n[heads]\ntidy = "heads/tidy.safetensors"\n')
    bundle = fetch(folder, to=tmp_path / "bundle")
    assert Suite.load(bundle).fake
    assert Suite.load(bundle).head("tidy").read_bytes() == (heads / "tidy.safetensors").read_bytes()
    assert hub.asked == []


def test_weights_of_an_address_become_safetensors(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = {"features.0.weight": torch.arange(6.0).view(2, 3)}
    torch.save(weights, tmp_path / "plain.pth")
    name = f"net-{hashlib.sha256((tmp_path / 'plain.pth').read_bytes()).hexdigest()[:8]}.pth"
    address = (tmp_path / "plain.pth").rename(tmp_path / name).as_uri()
    text = f'name = "url"\n[instruments.perceptual]\nclass = "lpips"\nurl = "{address}"\n'
    (tmp_path / "url.toml").write_text(text, "utf-8")
    fetch(tmp_path / "url.toml")
    (stored,) = url_folder(address).iterdir()
    assert torch.equal(load_file(stored)["features.0.weight"], weights["features.0.weight"])
    bundle = fetch(tmp_path / "url.toml", to=tmp_path / "bundle")
    assert (bundle / Path(name).stem / "model.safetensors").is_file()


def test_an_address_with_another_hash_or_no_answer(hub: Hub, tmp_path: Path) -> None:
    torch.save({}, tmp_path / "net-00000000.pth")
    for name, words in (("net-00000000", "invalid hash value"), ("net-11111111", "URLError")):
        text = f'[instruments.perceptual]\nclass = "lpips"\nurl = "{(tmp_path / name).as_uri()}.pth"\n'
        (tmp_path / "url.toml").write_text(text, "utf-8")
        with pytest.raises(MissingWeights, match=f"model 'file:.*{name}.pth' is not .*cannot be fetched: .*{words}"):
            fetch(tmp_path / "url.toml")
