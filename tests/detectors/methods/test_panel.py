"""The panel: captions shared, members untouched, weights of any sign."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unprompt.detectors import load
from unprompt.detectors.base import Detector
from unprompt.detectors.logistic import logistic
from unprompt.detectors.methods.item import ItemDetector
from unprompt.detectors.methods.panel import Panel
from unprompt.detectors.methods.tidy import TidyDetector
from unprompt.errors import CheckpointError, OptionError
from unprompt.evidence.product_cache import ProductCache
from unprompt.instruments import Suite
from unprompt.types import RGB, Picture

Build = Callable[[str], Detector[Any, Any]]


@pytest.fixture
def panel(suite: Suite, build: Build) -> Panel:
    return Panel(suite, [build(method) for method in ("sare", "semgir", "tidy", "item")])


def test_a_panel_captions_each_picture_once(
    panel: Panel, suite: Suite, pictures: list[Picture], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bytes] = []
    caption = suite.captioner._caption

    def counting(batch: Sequence[RGB]) -> list[str]:
        seen.extend(rgb.tobytes() for rgb in batch)
        return caption(batch)

    monkeypatch.setattr(suite.captioner, "_caption", counting)
    panel.extractor.extract(ProductCache(pictures, suite))
    assert seen == [picture.rgb.tobytes() for picture in pictures]


def test_its_logit_is_a_weighted_sum_of_its_members(panel: Panel, cache: ProductCache) -> None:
    evidence = panel.extractor.extract(cache)
    labels = [0, 1, 1, 0, 1, 0, 0]
    panel.solve(evidence, labels)
    members = [one.logits([row.by_method[one.method] for row in evidence]) for one in panel.members]
    weights, bias = logistic(np.stack(members, 1), labels, panel.options.l2)
    expected = sum(weight * logits for weight, logits in zip(weights, members, strict=True)) + bias
    np.testing.assert_allclose(panel.logits(evidence), expected, atol=1e-4)
    added = panel.contributions({one.method: logits for one, logits in zip(panel.members, members, strict=True)})
    assert [list(row) for row in added] == [["sare", "semgir", "tidy", "item", "constant"]] * len(evidence)
    np.testing.assert_allclose([sum(row.values()) for row in added], panel.logits(evidence), atol=1e-4)
    np.testing.assert_allclose([row["tidy"] for row in added], weights[2] * members[2], atol=1e-4)


def test_joined_logits_suffice_to_fit_it(panel: Panel, cache: ProductCache) -> None:
    evidence = panel.extractor.extract(cache)
    labels = [0, 1, 1, 0, 1, 0, 0]
    panel.solve(evidence, labels)
    expected = panel.logits(evidence)
    panel.solve_features(np.zeros((2, 4)), [0, 1])
    assert not np.allclose(panel.logits(evidence), expected)
    panel.solve_features(panel.features(evidence), labels)
    np.testing.assert_array_equal(panel.logits(evidence), expected)


def test_a_member_that_points_the_wrong_way_gets_a_negative_weight() -> None:
    random = np.random.default_rng(0)
    labels = np.arange(200) % 2
    noise = random.normal(size=200)
    weights, _ = logistic(np.stack([labels + noise, noise], 1), labels, 1e-2)
    assert weights[0] > 0 > weights[1]


def save(panel: Panel, folder: Path) -> Path:
    for member in panel.members:
        member.save(folder / f"{member.method}.safetensors")
    panel.save(folder / "panel.safetensors")
    return folder / "panel.safetensors"


def test_it_loads_from_any_folder_with_its_members(
    panel: Panel, suite: Suite, cache: ProductCache, tmp_path: Path
) -> None:
    save(panel, tmp_path / "here")
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    shutil.rmtree(tmp_path / "here")
    found = load(tmp_path / "there" / "panel.safetensors", suite)
    evidence = panel.extractor.extract(cache)
    np.testing.assert_array_equal(found.logits(evidence), panel.logits(evidence))


def test_a_member_that_was_trained_anew_is_refused(panel: Panel, suite: Suite, tmp_path: Path) -> None:
    path = save(panel, tmp_path)
    TidyDetector(suite, seed=9).save(tmp_path / "tidy.safetensors")
    digest = panel.members[2].digest
    assert digest
    with pytest.raises(CheckpointError, match=rf"the panel .* was fitted with {digest[:12]}: train the panel again"):
        load(path, suite)


def test_a_member_that_is_not_there_is_an_error(panel: Panel, suite: Suite, tmp_path: Path) -> None:
    path = save(panel, tmp_path)
    (tmp_path / "item.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"a panel with item in item\.safetensors, which does not lie beside it"):
        load(path, suite)


def test_a_member_elsewhere_is_an_error_before_anything_is_written(panel: Panel, suite: Suite, tmp_path: Path) -> None:
    save(panel, tmp_path)
    with pytest.raises(CheckpointError, match=r"member sare lies in .*, expected it in .*other: save it beside"):
        panel.save(tmp_path / "other" / "panel.safetensors")
    assert not (tmp_path / "other").exists()


def test_a_member_that_was_never_saved_cannot_be_named(panel: Panel, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="member sare was never saved"):
        panel.save(tmp_path / "panel.safetensors")


def test_members_are_two_or_more_different_methods(suite: Suite) -> None:
    with pytest.raises(OptionError, match=r"members are \['tidy'\], expected two or more"):
        Panel(suite, [TidyDetector(suite)])
    with pytest.raises(OptionError, match=r"members are \['item', 'item'\], expected two or more"):
        Panel(suite, [ItemDetector(suite), ItemDetector(suite)])
