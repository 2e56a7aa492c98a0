"""SemGIR on the features of the paper's table 4, computed once more from the paper and the Combiner's own paper."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unprompt.detectors import load
from unprompt.detectors.methods.semgir import SemgirDetector, SemgirOptions
from unprompt.errors import OptionError, SuiteError
from unprompt.evidence.product_cache import ProductCache
from unprompt.instruments import Suite
from unprompt.training.fit import fit

from .test_semgir_a import Array, combined, plain

LABELS = [0, 1, 0, 1, 0, 1, 0]
FEATURES = ("pair", "combiner", "candidate-caption", "candidate")


def of_length_4(feature: Array) -> Array:
    """sqrt(d) of d = 16."""
    return 4 * feature / np.sqrt((feature**2).sum())


@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize(
    ("features", "even"), [*((one, True) for one in FEATURES), ("combiner", False), ("candidate-caption", False)]
)
def test_the_papers_features(features: Any, even: bool, k: int, suite: Suite, cache: ProductCache) -> None:
    options = SemgirOptions(features=features, even=even, regenerations=k, widening=2)
    detector = SemgirDetector(suite, options)
    H, evidence, expected = plain(detector.network.head), detector.extractor.extract(cache), []
    assert H["first.weight"].shape == (16, 32 if features in ("pair", "combiner") else 16)
    for picture, one in zip(cache.pictures, evidence, strict=True):
        E_c = suite.encoder.embed_pictures([picture.rgb])[0].astype(np.float64)
        E_T = suite.encoder.embed_texts([one.caption.text])[0].astype(np.float64)
        told = features in ("combiner", "candidate-caption")
        own = combined(plain(detector.network.combiner), E_c, E_T) if told else E_c
        scores = []
        for rgb in one.regenerations:
            parts = [own]
            if features in ("pair", "combiner"):
                parts.append(suite.encoder.embed_pictures([rgb])[0].astype(np.float64))
            s_d = np.concatenate([of_length_4(part) if told and even else part for part in parts])
            z = np.maximum(s_d @ H["first.weight"].T + H["first.bias"], 0) @ H["second.weight"].T + H["second.bias"]
            scores.append(np.exp(z[1]) / np.exp(z).sum())
        expected.append(np.mean(scores))
    np.testing.assert_allclose(detector.predict_evidence(evidence), expected, atol=1e-4)


@pytest.mark.parametrize("features", FEATURES)
def test_what_enters_is_learned_saved_and_comes_back(
    features: Any, suite: Suite, cache: ProductCache, tmp_path: Path
) -> None:
    detector = SemgirDetector(suite, SemgirOptions(features=features, epochs=2, batch=4, widening=1))
    evidence = detector.extractor.extract(cache)
    start = {name: tensor.clone() for name, tensor in detector.network.state_dict().items()}
    fit(detector, evidence, LABELS)
    learned = {name.split(".")[0] for name, weight in detector.network.named_parameters() if weight.requires_grad}
    told = features in ("combiner", "candidate-caption")
    assert learned == {"tower", "head", *(["text", "combiner"] if told else [])}
    moved = {name for name, tensor in detector.network.state_dict().items() if not (tensor == start[name]).all()}
    assert {name.split(".")[0] for name in moved} == learned
    detector.save(tmp_path / "semgir.safetensors")
    found = load(tmp_path / "semgir.safetensors", suite)
    assert found.options == detector.options
    assert found.options.features == features
    np.testing.assert_array_equal(found.logits(evidence), detector.logits(evidence))


def test_a_text_encoder_can_stay_as_it_is(suite: Suite) -> None:
    network = SemgirDetector(suite, SemgirOptions(features="combiner", learn_text=False)).network
    learned = {name.split(".")[0] for name, weight in network.named_parameters() if weight.requires_grad}
    assert learned == {"tower", "head", "combiner"}


def test_options_of_older_heads_are_the_defaults() -> None:
    stored = SemgirOptions().to_dict()
    new = ("features", "learn_text", "widening", "dropout", "even", "schedule")
    assert SemgirOptions.from_dict({k: v for k, v in stored.items() if k not in new}) == SemgirOptions()
    assert stored["features"] == "pair"
    with pytest.raises(OptionError, match="--features is 'caption', expected one of combiner, pair, candidate-caption"):
        SemgirOptions(features="caption")  # type: ignore[arg-type]


def test_a_caption_asks_for_a_text_tower(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite.of("semgir").encoder, "text_layers", 1)
    SemgirDetector.check_head(suite.of("semgir"), SemgirOptions(layers=2))
    with pytest.raises(SuiteError, match=r"--layers is 2, but the text tower of ClipEncoder\(.* has 1 transformer"):
        SemgirDetector.check_head(suite.of("semgir"), SemgirOptions(layers=2, features="combiner"))
