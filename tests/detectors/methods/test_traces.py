"""Traces: what its networks are, what they learn by, and on what scale they see."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from unprompt.detectors.methods.traces import TracesDetector, TracesOptions
from unprompt.errors import OptionError
from unprompt.evidence.traces import WIDTH, TraceEvidence
from unprompt.instruments import Suite
from unprompt.training import state as training_state
from unprompt.training.fit import Report, fit

LABELS = [0, 1] * 12
SMALL = TracesOptions(epochs=3, batch=10, nets=2, hidden=8)
CONSTANT = 7


class KilledError(Exception):
    pass


def lesson(seed: int = 0, count: int = 24) -> list[TraceEvidence]:
    """Generated ones have larger statistics, each on a scale of its own; one is the same for all."""
    random = np.random.default_rng(seed)
    shift, spread = np.random.default_rng(9).normal(0, 5, WIDTH), np.random.default_rng(8).uniform(0.01, 20, WIDTH)
    rows = shift + spread * (random.normal(size=(count, WIDTH)) + 0.5 * (np.arange(count) % 2)[:, None])
    rows[:, CONSTANT] = 3.3
    return [TraceEvidence(row) for row in rows.astype(np.float32)]


def state(detector: TracesDetector) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in detector.network.state_dict().items()}


def rows(evidence: list[TraceEvidence]) -> Any:
    return np.stack([one.vector for one in evidence]).astype(np.float64)


def test_the_defaults_are_those_it_was_chosen_with(suite: Suite) -> None:
    options = TracesDetector(suite).options
    assert (options.optimiser, options.rate, options.weight_decay, options.batch, options.epochs) == (
        "adamw",
        2e-3,
        1e-2,
        128,
        15,
    )
    assert (options.nets, options.hidden, options.noise, options.smoothing) == (6, 64, 0.1, 0.05)
    assert TracesDetector(suite).instruments() == {}


def test_the_names_of_the_weights_are_plain(suite: Suite) -> None:
    found = {name: tuple(tensor.shape) for name, tensor in TracesDetector(suite).network.state_dict().items()}
    expected: dict[str, tuple[int, ...]] = {"mean": (6, WIDTH), "scale": (6, WIDTH)}
    for net in range(6):
        for layer, (wide, narrow) in {1: (WIDTH, 64), 4: (64, 64), 7: (64, 1)}.items():
            expected |= {f"nets.{net}.{layer}.weight": (narrow, wide), f"nets.{net}.{layer}.bias": (narrow,)}
    assert found == expected


def test_the_logit_is_the_mean_of_perceptrons_on_clipped_z(suite: Suite) -> None:
    detector, evidence = TracesDetector(suite, SMALL), lesson()
    detector.prepare_fit(evidence)
    evidence.append(TraceEvidence(np.full(WIDTH, 1e4, np.float32)))  # clipped
    x, W = rows(evidence), {name: tensor.double().numpy() for name, tensor in state(detector).items()}
    mean, scale = x[:24].mean(0), x[:24].std(0)
    scale[CONSTANT] = 1
    z = np.clip((x - mean) / scale, -5, 5)
    assert z[-1].max() == 5
    told = []
    for net in range(2):
        first = np.maximum(z @ W[f"nets.{net}.1.weight"].T + W[f"nets.{net}.1.bias"], 0)
        second = np.maximum(first @ W[f"nets.{net}.4.weight"].T + W[f"nets.{net}.4.bias"], 0)
        told.append((second @ W[f"nets.{net}.7.weight"].T + W[f"nets.{net}.7.bias"])[:, 0])
    np.testing.assert_allclose(detector.logits(evidence), np.mean(told, axis=0), atol=1e-4)


def test_the_loss_is_each_networks_own_with_smoothed_labels(suite: Suite) -> None:
    detector, evidence = TracesDetector(suite, SMALL), lesson()
    detector.prepare_fit(evidence)
    inputs = detector.collate(evidence)
    with torch.inference_mode():
        logits = detector.network.each(*inputs).double().numpy()
        found = float(detector.loss(inputs, torch.tensor(LABELS).float()))
    p = 1 / (1 + np.exp(-logits))
    wanted = np.where(np.array(LABELS) == 1, 0.95, 0.05)[:, None]
    expected = -(wanted * np.log(p) + (1 - wanted) * np.log(1 - p)).mean()
    assert found == pytest.approx(expected, rel=1e-5)


def test_every_network_sees_noise_of_its_own_while_it_learns(suite: Suite) -> None:
    network = TracesDetector(suite, SMALL).network.train()
    z = torch.zeros(4000, WIDTH)
    first, second = network.shown(z), network.shown(z)
    assert float(first.std()) == pytest.approx(0.1, rel=0.01)
    assert abs(float((first * second).mean())) < 1e-4
    assert torch.equal(network.eval().shown(z), z)


def test_the_scale_is_that_of_the_evidence_and_no_step_moves_it(suite: Suite) -> None:
    detector, evidence = TracesDetector(suite, SMALL), lesson()
    fit(detector, evidence, LABELS)
    x = rows(evidence)
    for mean in detector.network.mean:
        np.testing.assert_allclose(mean, x.mean(0), rtol=1e-5, atol=1e-5)
    spread = x.std(0)
    assert spread[CONSTANT] < 1e-6
    spread[CONSTANT] = 1
    for scale in detector.network.scale:
        np.testing.assert_allclose(scale, spread, rtol=1e-5)
    assert not {"mean", "scale"} & {name for name, _ in detector.network.named_parameters()}


@pytest.mark.parametrize("killed_after", [1, 2, 4, 7])
def test_an_interruption_changes_nothing(
    killed_after: int, suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_state, "SAVE_SECONDS", -1.0)  # after each step
    whole, partial = TracesDetector(suite, SMALL), tmp_path / "traces.partial"
    fit(whole, lesson(), LABELS, 5, partial=tmp_path / "whole.partial")
    told: list[Report] = []

    def kill(report: Report) -> None:
        told.append(report)
        if len(told) == killed_after:
            raise KilledError

    with pytest.raises(KilledError):
        fit(TracesDetector(suite, SMALL), lesson(), LABELS, 5, kill, partial=partial)
    again = TracesDetector(suite, SMALL)
    fit(again, lesson(), LABELS, 5, partial=partial)
    whole.save(tmp_path / "whole.safetensors")
    again.save(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == (tmp_path / "whole.safetensors").read_bytes()


def test_it_learns_what_can_be_learned(suite: Suite) -> None:
    detector = TracesDetector(suite, SMALL.override({"epochs": 12}))
    fit(detector, lesson(count=200), [0, 1] * 100)
    logits = detector.logits(lesson(seed=3, count=100))
    assert np.mean(logits[1::2][:, None] > logits[::2][None]) > 0.95


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"nets": 0}, "--nets is 0, expected 1 or more"),
        ({"hidden": 0}, "--hidden is 0, expected 1 or more"),
        ({"noise": -0.1}, r"--noise is -0\.1, expected 0 or more"),
        ({"smoothing": 0.6}, r"--smoothing is 0\.6, expected 0 to 0\.5"),
        ({"smoothing": -1.0}, r"--smoothing is -1\.0, expected 0 to 0\.5"),
    ],
)
def test_options_outside_their_range_are_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        TracesOptions(**wrong)


def test_networks_of_one_net_each_are_joined_with_their_own_scales(suite: Suite) -> None:
    rows = [lesson(), [TraceEvidence(3 * one.vector + 1) for one in lesson()]]
    alone = [TracesDetector(suite, TracesOptions(nets=1), seed=place) for place in range(2)]
    for detector, evidence in zip(alone, rows, strict=True):
        detector.prepare_fit(evidence)
    both = TracesDetector(suite, TracesOptions(nets=2))
    both.network.join([one.network for one in alone])
    told = [one.logits(rows[0]) for one in alone]
    np.testing.assert_allclose(both.logits(rows[0]), np.mean(told, axis=0), atol=1e-5)
