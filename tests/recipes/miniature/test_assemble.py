"""The suite's folder: what is copied, what is written, and that the real loading code accepts it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from unprompt.errors import DataError
from unprompt.instruments import Suite
from unprompt.recipes.miniature import assemble
from unprompt.recipes.miniature.assemble import copy
from unprompt.recipes.miniature.stage import SUITE, BuildContext


@pytest.fixture
def context(fake: Path, tmp_path: Path) -> BuildContext:
    """A workshop whose finished models are the fake ones; the flow is not there yet."""
    (tmp_path / "models").mkdir()
    for name in ("captioner", "encoder", "diffusion", "grounder"):
        (tmp_path / "models" / name).symlink_to(fake / name)
    return BuildContext(tmp_path, quick=True)


def test_a_suite_elsewhere_leaves_the_package_alone(tmp_path: Path) -> None:
    assert BuildContext(tmp_path).suite == SUITE
    assert BuildContext(tmp_path, quick=True).suite == tmp_path / "suite"
    assert BuildContext(tmp_path, elsewhere=tmp_path / "mine").suite == tmp_path / "mine"
    assert BuildContext(tmp_path).examples == Path("examples/pictures")
    assert BuildContext(tmp_path, quick=True).examples == tmp_path / "examples"


def test_the_suite_loads_and_speaks(context: BuildContext, suite: Suite, caplog: pytest.LogCaptureFixture) -> None:
    figures = assemble.make(context)
    made = Suite.load(context.suite)
    assert (made.name, made.fake, made.generators, dict(made.heads), made.world) == (
        "miniature",
        False,
        ("diffusion",),
        {},
        None,
    )
    assert "Synthetic scenes" in made.title
    assert made.manifest.colour_only
    picture = suite.diffusion.regenerate(["a red ball"], [1])[0]
    assert made.captioner.captions([picture])[0].text.startswith(suite.captioner.captions([picture])[0].text)
    assert made.perceptual.distances([picture], [picture]) == 0
    stated = {key: made.diffusion.card.parameters[key] for key in ("strength", "steps", "guidance", "side")}
    assert stated == {"strength": 0.5, "steps": 20, "guidance": 3.0, "side": 64}
    assert made.manifest.instruments["encoder"].digest == made.encoder.card.digest
    assert made.manifest.instruments["grounder"].digest == made.grounder.card.digest  # the trunk's bytes are in it
    assert not list((context.suite / "grounder").glob("tokenizer*"))
    assert made.grounder.card.parameters["trunk"] == "encoder"
    assert caplog.messages[-1] == f"{context.suite}: {figures['mebibytes']:.1f} MiB"


def test_weights_are_halved_and_only_what_is_read_is_copied(context: BuildContext) -> None:
    assemble.make(context)
    unet = load_file(context.suite / "diffusion" / "unet" / "diffusion_pytorch_model.safetensors")
    assert {tensor.dtype for tensor in unet.values()} == {torch.float16}
    parts = {path.name for path in (context.suite / "diffusion").iterdir()}
    assert parts == {"scheduler", "text_encoder", "tokenizer", "unet", "vae"}


def test_heads_and_world_are_named_when_they_lie_there(context: BuildContext) -> None:
    assemble.make(context)
    (context.suite / "heads").mkdir()
    for name in ("heads/clip-probe.safetensors", "heads/sare.safetensors", "world.safetensors"):
        (context.suite / name).touch()
    assemble.make(context)
    made = Suite.load(context.suite)
    assert dict(made.heads) == {m: context.suite / "heads" / f"{m}.safetensors" for m in ("clip-probe", "sare")}
    assert made.world == context.suite / "world.safetensors"


def test_the_sibling_is_a_candidate(context: BuildContext) -> None:
    (context.cache / "models" / "sibling").symlink_to(context.cache / "models" / "diffusion")
    assemble.make(context)
    suite = Suite.load(context.suite)
    assert suite.generators == suite.candidates == ("diffusion", "sibling")
    assert suite.generator("sibling").card.parameters["steps"] == 20


def test_no_folder_of_the_training_machine_is_told(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "config.json").write_text('{"_name_or_path": "/home/me", "side": 3}', "utf-8")
    (tmp_path / "old" / "optimiser.bin").touch()
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "stale.json").touch()
    copy(tmp_path / "old", tmp_path / "new", ["*.json"])
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["config.json"]
    assert json.loads((tmp_path / "new" / "config.json").read_text("utf-8")) == {"side": 3}


def test_weights_beyond_float16_are_refused(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    save_file({"w": torch.tensor([1e6])}, tmp_path / "old" / "model.safetensors")
    with pytest.raises(DataError, match=r"model.safetensors: tensor w does not fit float16"):
        copy(tmp_path / "old", tmp_path / "new", ["*.safetensors"])
    assert not (tmp_path / "new").exists()
