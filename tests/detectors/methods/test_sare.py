"""SARE's options: an encoder that is not learned, and a semantic encoder from ImageNet's weights."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from unprompt.detectors import load
from unprompt.detectors.checkpoint import read_header
from unprompt.detectors.geometry import window
from unprompt.detectors.methods.sare import SareDetector, SareOptions
from unprompt.errors import OptionError, SuiteError
from unprompt.evidence.sare import SareEvidence
from unprompt.instruments import Suite
from unprompt.testing.fake_paper import save_fake_paper
from unprompt.training.fit import fit
from unprompt.training.run import Run
from unprompt.types import Caption

LABELS = [0, 1, 0, 1, 0, 1, 0, 1]


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    """A suite with a backbone."""
    return Suite.load(save_fake_paper(tmp_path_factory.mktemp("paper")))


def detector(suite: Suite, **options: Any) -> SareDetector:
    return SareDetector(suite, SareDetector.fitting_options(suite).override({"epochs": 2, "batch": 4, **options}))


def made() -> list[SareEvidence]:
    random = np.random.default_rng(7)
    rgbs = [random.integers(0, 100 + 80 * (i % 2), (40, 36, 3), dtype=np.uint8) for i in range(len(LABELS))]
    return [SareEvidence(rgb, rgb // 2, Caption("a ball")) for rgb in rgbs]


def test_a_frozen_encoder_neither_moves_nor_keeps_anything_for_gradients(suite: Suite) -> None:
    frozen = detector(suite, encoder="frozen")
    network = frozen.network
    start = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    fit(frozen, made(), LABELS)
    moved = {name for name, tensor in network.state_dict().items() if not torch.equal(tensor, start[name])}
    assert moved
    assert not any(name.startswith("tower.") for name in moved)
    assert all(weight.grad is None for weight in network.tower.parameters())
    network.train()
    assert network.training
    assert not any(module.training for module in network.tower.modules())
    picture, sare_map = frozen.collate(made())
    assert not network.tower(picture).requires_grad
    assert network(picture, sare_map).requires_grad
    (group,) = frozen.parameter_groups()
    assert {id(one) for one in group["params"]} == {id(one) for one in network.parameters() if one.requires_grad}


def test_a_tuned_encoder_is_learned_at_its_own_rate(suite: Suite) -> None:
    tuned = detector(suite)
    assert tuned.options.encoder == "tuned"
    before = {name: tensor.clone() for name, tensor in tuned.network.tower.state_dict().items()}
    fit(tuned, made(), LABELS)
    assert any(not torch.equal(tensor, before[name]) for name, tensor in tuned.network.tower.state_dict().items())
    assert [group.get("lr") for group in tuned.parameter_groups()] == [1e-5, None]


def test_checkpointing_has_nothing_to_save_in_a_frozen_encoder(suite: Suite) -> None:
    with pytest.raises(OptionError, match="--checkpointing is given, and sare learns no transformer: leave it out"):
        fit(detector(suite, encoder="frozen"), made(), LABELS, run=Run(checkpointing=True))


def test_the_semantic_encoder_starts_as_the_suites_backbone(paper: Suite) -> None:
    made_of = detector(paper, semantic_weights="imagenet").network
    theirs, own = paper.of("sare").backbone.model.state_dict(), made_of.semantic.state_dict()
    assert own.keys() == theirs.keys()
    assert all(torch.equal(own[name], theirs[name]) for name in own)
    assert all(weight.requires_grad for weight in made_of.semantic.parameters())
    assert not any(weight.requires_grad for weight in paper.of("sare").backbone.model.parameters())


def test_its_map_is_normalised_as_the_backbone_takes_pictures(paper: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    backbone = paper.of("sare").backbone
    monkeypatch.setattr(backbone, "mean", (0.1, 0.2, 0.3))
    monkeypatch.setattr(backbone, "std", (0.5, 0.25, 2.0))
    head = detector(paper, semantic_weights="imagenet")
    network, evidence = head.network, made()
    expected = []
    for one in evidence:
        s = window(one.picture - one.reconstruction, head.options.resize, head.options.crop) / 255.0
        s = (s - [0.1, 0.2, 0.3]) / [0.5, 0.25, 2.0]
        x = window(one.picture, head.options.resize, head.options.crop).copy()
        with torch.no_grad():
            f_x = network.tower(torch.from_numpy(x).permute(2, 0, 1)[None])
            f_s = network.semantic(torch.from_numpy(s).float().permute(2, 0, 1)[None]).last_hidden_state
            assert f_s.shape == (1, 16, 4, 4)
            attended = network.attention(f_x, f_s.flatten(2).transpose(1, 2))
            expected.append(float(network.head(network.norm(f_x + attended))))
    np.testing.assert_allclose(head.logits(evidence), expected, atol=1e-4)


@pytest.mark.parametrize("options", [{"encoder": "frozen"}, {"semantic_weights": "imagenet"}, {"schedule": "cosine"}])
def test_choices_are_saved_in_the_head(options: dict[str, Any], paper: Suite, tmp_path: Path) -> None:
    head = detector(paper, **options)
    fit(head, made(), LABELS)
    head.save(tmp_path / "sare.safetensors")
    found = load(tmp_path / "sare.safetensors", paper)
    assert found.options == head.options
    np.testing.assert_array_equal(found.logits(made()), head.logits(made()))
    stored = read_header(tmp_path / "sare.safetensors")
    assert options.items() <= stored.options.items()
    assert ("backbone" in stored.instruments) == ("semantic_weights" in options)
    assert head.instruments() == stored.instruments


def test_options_of_older_heads_are_the_defaults() -> None:
    stored = SareOptions().to_dict()
    older = {name: stored[name] for name in stored if name not in ("encoder", "semantic_weights", "schedule")}
    assert SareOptions.from_dict(older) == SareOptions()
    assert (stored["encoder"], stored["semantic_weights"], stored["schedule"]) == ("tuned", "none", "constant")


def test_a_suite_without_a_backbone_is_refused(suite: Suite) -> None:
    options = SareDetector.fitting_options(suite).override({"semantic_weights": "imagenet"})
    with pytest.raises(SuiteError, match="has no instrument 'backbone'"):
        SareDetector.check_suite(suite, options)


def test_a_backbone_that_is_no_residual_network_is_refused(paper: Suite) -> None:
    spec = paper.manifest.instruments["encoder"]
    wrong = Suite(replace(paper.manifest, instruments={**paper.manifest.instruments, "backbone": spec}))
    with pytest.raises(SuiteError, match=r"instruments.backbone\]: class 'clip' is a ClipEncoder, expected a Backbone"):
        detector(wrong, semantic_weights="imagenet")


def test_a_backbone_that_leaves_too_few_cells_is_refused(paper: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paper.of("sare").backbone, "stride", 16)
    with pytest.raises(OptionError, match=r"--crop 32 leaves 2 x 2 cells .* name a backbone of fewer stages"):
        detector(paper, semantic_weights="imagenet")
