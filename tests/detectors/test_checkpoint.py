"""What a checkpoint refuses, and in which words."""

import json
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from unprompt.detectors import METHODS, load
from unprompt.detectors.checkpoint import KEY, read_header
from unprompt.detectors.discrepancy import DiscrepancyOptions
from unprompt.detectors.methods.item import ItemDetector
from unprompt.detectors.methods.tidy import TidyDetector
from unprompt.errors import CheckpointError, DataError, OptionError
from unprompt.evidence.product_cache import ProductCache
from unprompt.instruments import Suite


@pytest.fixture
def path(suite: Suite, tmp_path: Path) -> Path:
    TidyDetector(suite).save(tmp_path / "tidy.safetensors")
    return tmp_path / "tidy.safetensors"


def rewrite(path: Path, **changed: object) -> None:
    stored = json.loads(read_header(path).to_json())
    save_file(load_file(path), path, {KEY: json.dumps({**stored, **changed})})


def test_no_file(suite: Suite, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"none\.safetensors does not exist, expected a checkpoint: make it"):
        load(tmp_path / "none.safetensors", suite)


def test_a_damaged_file(path: Path, suite: Suite) -> None:
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(CheckpointError, match=r"tidy\.safetensors is damaged or no safetensors file \(.+\): train"):
        load(path, suite)


def test_weights_of_something_else(path: Path, suite: Suite) -> None:
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(CheckpointError, match=r"tidy\.safetensors is a safetensors file, but no detector of unprompt"):
        load(path, suite)


def test_an_unreadable_header(path: Path, suite: Suite) -> None:
    save_file(load_file(path), path, {KEY: "{"})
    with pytest.raises(CheckpointError, match=r"tidy\.safetensors: the header is not \['method', 'version'"):
        load(path, suite)


def test_another_method(path: Path, suite: Suite) -> None:
    with pytest.raises(CheckpointError, match="holds tidy version 1, expected item version 1"):
        ItemDetector.load(path, suite)


def test_another_version(path: Path, suite: Suite) -> None:
    rewrite(path, version=7)
    with pytest.raises(CheckpointError, match="holds tidy version 7, expected tidy version 1"):
        load(path, suite)


def test_an_unknown_method(path: Path, suite: Suite) -> None:
    rewrite(path, method="magic")
    with pytest.raises(CheckpointError, match="holds the method 'magic', this edition knows sare, semgir"):
        load(path, suite)


def test_unknown_options(path: Path, suite: Suite) -> None:
    rewrite(path, options={"colour": 3})
    with pytest.raises(CheckpointError, match=r"has the options \['colour'\], DiscrepancyOptions knows .*'hidden'"):
        load(path, suite)


def test_options_that_the_weights_do_not_have(path: Path, suite: Suite) -> None:
    rewrite(path, options={"hidden": 3, "scope": "both"})
    with pytest.raises(CheckpointError, match=r"tensor first\.bias has shape \(256,\), expected \(3,\)"):
        load(path, suite)


def test_a_head_from_before_there_was_a_scope_is_a_global_one(
    suite: Suite, tmp_path: Path, cache: ProductCache
) -> None:
    head = TidyDetector(suite, DiscrepancyOptions(scope="global"))
    path = tmp_path / "old.safetensors"
    head.save(path)
    stored = {name: value for name, value in read_header(path).options.items() if name not in ("scope", "w2")}
    rewrite(path, options=stored)
    old = load(path, suite)
    assert "grounder" in suite.manifest.instruments
    assert old.options == head.options
    assert set(old.instruments()) == {"captioner", "encoder"}
    evidence = old.extractor.extract(cache)
    assert {one.objects for one in evidence} == {None}
    np.testing.assert_array_equal(old.logits(evidence), head.logits(evidence))


def test_a_local_head_needs_the_grounder_that_it_was_fitted_with(path: Path, suite: Suite) -> None:
    assert read_header(path).options["scope"] == "both"
    digests = dict(read_header(path).instruments)
    rewrite(path, instruments={**digests, "grounder": "0" * 64})
    with pytest.raises(CheckpointError, match=r"fitted with the grounder 0{12}, this suite has [0-9a-f]{12}"):
        load(path, suite)


def test_a_place_that_cannot_be_written(suite: Suite, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"tidy\.safetensors cannot be written \(.+\).*: make room or name"):
        TidyDetector(suite).save(tmp_path / "file" / "tidy.safetensors")


def test_nothing_is_left_aside(path: Path) -> None:
    assert [found.name for found in path.parent.iterdir()] == ["tidy.safetensors"]


def test_what_a_killed_run_left_is_removed(path: Path, suite: Suite) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    stray = path.with_name(f".{path.name}.{platform.node()}.{ended.pid}.tmp")
    stray.write_bytes(b"half")
    TidyDetector(suite).save(path)
    assert [found.name for found in path.parent.iterdir()] == ["tidy.safetensors"]


def test_a_probability_needs_a_calibration(suite: Suite) -> None:
    with pytest.raises(CheckpointError, match="tidy has no calibration: train it with validation evidence"):
        TidyDetector(suite).probability([0.0])


def test_an_unknown_name() -> None:
    with pytest.raises(OptionError, match="method is 'magic', expected one of sare, semgir, tidy, item, panel"):
        METHODS["magic"]


def test_names_load_no_torch() -> None:
    code = "import sys; from unprompt.detectors import METHODS; print(*METHODS, 'torch' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert said[-1] == "False"
    assert {"sare", "semgir", "tidy", "item", "panel"} <= set(said)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([0, 1], r"got 3 evidence and labels of shape \(2,\)"),
        ([1, 1, 1], r"got 0 real and 3 generated pictures"),
        ([0, 1, 2], r"got the labels \[2\], expected 0 \(real\) or 1 \(generated\)"),
    ],
)
def test_labels_are_checked(labels: list[int], words: str) -> None:
    from unprompt.detectors.labels import labelled

    with pytest.raises(DataError, match=words):
        labelled(3, labels)
