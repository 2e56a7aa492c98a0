"""Heads, panels and world checks from files that nobody vouches for: they load, or one error of ours says why not."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from unprompt.detectors import load
from unprompt.detectors.calibration import Calibration, Thresholds
from unprompt.detectors.checkpoint import KEY, Header, read_header
from unprompt.detectors.methods.panel import Panel
from unprompt.detectors.methods.tidy import TidyDetector
from unprompt.detectors.methods.trivial import ThumbnailDetector
from unprompt.detectors.ood import OODDetector, OODHeader
from unprompt.errors import CheckpointError, UnpromptError
from unprompt.instruments import Manifest, Suite

from ..hostile import VALUES, damaged

THRESHOLDS = Thresholds.from_validation(0.2, 0.8, fpr=0.1, fnr=0.1, real=[0.1, 0.2, 0.9], n_generated=3)


@pytest.fixture(scope="module")
def heads(suite: Suite, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """tidy and a thumbnail, calibrated, with their panel."""
    folder = tmp_path_factory.mktemp("heads")
    members = [TidyDetector(suite), ThumbnailDetector(suite)]
    for one in members:
        one.calibration, one.thresholds = Calibration(2.0, 0.5), THRESHOLDS
        one.save(folder / f"{one.method}.safetensors")
    Panel(suite, members).save(folder / "panel.safetensors")
    return folder


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The check that photo is shipped with, out of its folder."""
    path = tmp_path_factory.mktemp("world") / "world.safetensors"
    shipped = Manifest.read("photo").world
    assert shipped is not None
    path.write_bytes(shipped.read_bytes())
    return path


def rewritten(path: Path, header: str) -> Path:
    """The file beside ``path`` with its tensors and another header."""
    made = path.with_name("hostile.safetensors")
    save_file(load_file(path), made, {KEY: header})
    return made


def use(path: Path, suite: Suite) -> None:
    head = load(path, suite)
    repr(head)
    if head.thresholds is not None:
        head.thresholds.at_fpr(0.5)
    head.save(path.with_name("again.safetensors"))


def paths_of(stored: Any, before: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    inner = stored.items() if isinstance(stored, dict) else ()
    return [path for name, one in inner for path in [(*before, name), *paths_of(one, (*before, name))]]


@pytest.mark.parametrize("name", ["tidy", "panel"])
@settings(max_examples=120)
@given(data=st.data())
def test_any_value_in_a_header(heads: Path, suite: Suite, name: str, data: st.DataObject) -> None:
    stored = json.loads(read_header(heads / f"{name}.safetensors").to_json())
    *outer, last = data.draw(st.sampled_from(paths_of({k: v for k, v in stored.items() if k != "members"})))
    table = stored
    for one in outer:
        table = table[one]
    table[last] = data.draw(VALUES)
    with suppress(UnpromptError):
        use(rewritten(heads / f"{name}.safetensors", json.dumps(stored)), suite)


@settings(max_examples=60)
@given(members=VALUES | st.lists(st.dictionaries(st.sampled_from(["method", "file", "digest"]), VALUES)))
def test_any_members_of_a_panel(heads: Path, suite: Suite, members: object) -> None:
    stored = json.loads(read_header(heads / "panel.safetensors").to_json())
    path = rewritten(heads / "panel.safetensors", json.dumps({**stored, "members": members}))
    with pytest.raises(UnpromptError):
        use(path, suite)


@settings(max_examples=60)
@given(header=VALUES.map(json.dumps) | st.text(max_size=20))
def test_any_header_at_all(heads: Path, suite: Suite, header: str) -> None:
    with pytest.raises(CheckpointError, match=r"hostile\.safetensors: the header is not \['method'"):
        use(rewritten(heads / "tidy.safetensors", header.encode("utf-8", "replace").decode()), suite)


@settings(max_examples=100)
@given(data=st.data())
def test_damaged_bytes(heads: Path, suite: Suite, data: st.DataObject) -> None:
    path = heads / "hostile.safetensors"
    whole = (heads / "trivial-thumbnail.safetensors").read_bytes()
    path.write_bytes(data.draw(damaged(whole)))
    with suppress(UnpromptError):
        use(path, suite)


def test_nesting_is_named(heads: Path, suite: Suite) -> None:
    with pytest.raises(CheckpointError, match=r"hostile\.safetensors: the header is not .*nested more than 64 deep"):
        load(rewritten(heads / "tidy.safetensors", "[" * 100_000), suite)


@pytest.mark.parametrize(
    ("member", "words"),
    [
        ({"method": "tidy", "file": "tidy.safetensors"}, "a member without digest: train it again"),
        ({"method": "tidy", "file": "../x", "digest": "0"}, r"a member in '\.\./x', expected a file beside it"),
        ({"method": "tidy", "file": "none", "digest": "0"}, "tidy in none, which does not lie beside it"),
    ],
)
def test_a_panels_members_lie_beside_it(heads: Path, suite: Suite, member: dict[str, str], words: str) -> None:
    stored = json.loads(read_header(heads / "panel.safetensors").to_json())
    with pytest.raises(CheckpointError, match=words):
        load(rewritten(heads / "panel.safetensors", json.dumps({**stored, "members": [member]})), suite)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"options": []}, r"options is \[\], expected a table"),
        ({"thresholds": "0.5"}, "thresholds is '0.5', expected a table"),
        ({"members": 3}, "members is 3, expected a list"),
        ({"members": [3]}, "members 0 is 3, expected a table"),
        ({"figures": {"auc": float("nan")}}, "not JSON compliant"),
        ({"options": {"hidden": "wide"}}, "the options in this checkpoint cannot be read .*hidden is 'wide'"),
        ({"calibration": {"slope": float("inf"), "intercept": 0}}, "not JSON compliant"),
        ({"calibration": {"slope": -1, "intercept": 0}}, "calibration in this checkpoint cannot be read .*slope is -1"),
    ],
)
def test_odd_values_are_named(heads: Path, suite: Suite, changed: dict[str, Any], words: str) -> None:
    stored = json.loads(read_header(heads / "tidy.safetensors").to_json())
    with pytest.raises(CheckpointError, match=words):
        load(rewritten(heads / "tidy.safetensors", json.dumps({**stored, **changed})), suite)


def test_no_network_is_filled_that_the_file_cannot_hold(heads: Path, suite: Suite) -> None:
    stored = json.loads(read_header(heads / "tidy.safetensors").to_json())
    stored["options"]["hidden"] = 2**23
    path = rewritten(heads / "tidy.safetensors", json.dumps(stored))
    with pytest.raises(CheckpointError, match=r"no network can be built .*weight of shape \(8388608, .*too large"):
        load(path, suite)


def judge(path: Path) -> np.ndarray[Any, Any]:
    noise = np.random.default_rng(0).integers(0, 256, (80, 80, 3), np.uint8)
    return OODDetector.load(path, Suite.load("photo")).is_ood([noise])


@settings(max_examples=40)
@given(name=st.sampled_from([one.name for one in fields(OODHeader)]), value=VALUES)
def test_any_value_in_a_world_check(world: Path, name: str, value: object) -> None:
    facts = json.loads(_metadata(world))
    with suppress(UnpromptError):
        judge(rewritten(world, json.dumps({**facts, name: value})))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda one: {**one, "traces.mean": torch.full_like(one["traces.mean"], torch.nan)}, "NaN or infinite"),
        (lambda one: {**one, "traces.scale": torch.zeros_like(one["traces.scale"])}, "a deviation or variance of 0"),
        (lambda one: {**one, "traces.mean": torch.zeros(3)}, r"tensors have the shapes \{'mean': \(3,\)"),
        (lambda one: {**one, "traces.axes": torch.zeros(())}, "traces cannot be read"),
        (lambda one: {**one, "traces.mean": one["traces.mean"].bfloat16()}, "traces cannot be read .*BFloat16"),
        (lambda one: {name: tensor for name, tensor in one.items() if name != "traces.mean"}, "lacks the tensor 'trac"),
        (lambda one: _narrowed(one), "describes 3 features, pictures have"),
    ],
)
def test_a_world_check_of_which_no_distance_can_be_made(world: Path, change: Any, words: str) -> None:
    path = world.with_name("hostile.safetensors")
    tensors = {name: tensor.contiguous() for name, tensor in change(load_file(world)).items()}
    save_file(tensors, path, {KEY: _metadata(world)})
    with pytest.raises(CheckpointError, match=words):
        judge(path)


def test_a_world_check_has_a_limit_a_view(world: Path) -> None:
    facts = json.loads(_metadata(world))
    with pytest.raises(CheckpointError, match=r"hostile\.safetensors has 2 limits, expected 1: fit it again"):
        judge(rewritten(world, json.dumps({**facts, "limits": [1.0, 1.0]})))
    with pytest.raises(CheckpointError, match="threshold is 0, expected a number above 0"):
        judge(rewritten(world, json.dumps({**facts, "threshold": 0})))


def _narrowed(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor if name == "traces.variances" else tensor[..., :3] for name, tensor in tensors.items()}


def _metadata(path: Path) -> str:
    from unprompt.detectors.checkpoint import load as read

    return read(path)[0][KEY]


def test_the_fields_that_are_tried_are_those_of_a_header() -> None:
    assert {"options", "members", "thresholds"} <= {one.name for one in fields(Header)}
