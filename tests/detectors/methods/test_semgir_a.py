"""SemGIR-A's road from evidence to heads, computed once more from the paper and the Combiner's own paper."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from unprompt.detectors.heads import Combiner
from unprompt.detectors.methods.semgir_a import SemgirAOptions, SemgirAttributor
from unprompt.detectors.towers import ImageTower, TextTower
from unprompt.errors import DataError, SuiteError
from unprompt.evidence.attribution import AttributionEvidence
from unprompt.evidence.product_cache import ProductCache
from unprompt.instruments import Suite
from unprompt.instruments.base import Encoder
from unprompt.training.fit import fit
from unprompt.types import Caption

Array = np.ndarray[Any, np.dtype[np.float64]]


def combined(W: dict[str, Array], image: Array, text: Array) -> Array:
    """norm(out + s text + (1 - s) image), every layer written out."""

    def layer(name: str, x: Array) -> Array:
        return W[f"{name}.weight"] @ x + W[f"{name}.bias"]

    h = np.concatenate([np.maximum(layer("text", text), 0), np.maximum(layer("image", image), 0)])
    s = 1 / (1 + np.exp(-layer("share", np.maximum(layer("share_hidden", h), 0))))
    out = layer("out", np.maximum(layer("hidden", h), 0)) + s * text + (1 - s) * image
    return out / np.sqrt((out**2).sum())


def plain(module: torch.nn.Module) -> dict[str, Array]:
    return {name: tensor.double().numpy() for name, tensor in module.state_dict().items()}


@pytest.mark.parametrize(("widening", "even"), [(1, True), (4, True), (1, False)])
def test_every_head_is_equations_5_to_7(widening: int, even: bool, suite: Suite, cache: ProductCache) -> None:
    options = SemgirAOptions(generators=("sibling", "diffusion"), widening=widening, even=even)
    attributor = SemgirAttributor(suite, options)
    network = attributor.network
    W = plain(network.combiner)
    assert W["text.weight"].shape == (16 * widening, 16)
    assert W["hidden.weight"].shape == (32 * widening, 32 * widening)
    evidence = attributor.extractor.extract(cache)
    expected = []
    for picture, one in zip(cache.pictures, evidence, strict=True):
        E_c = suite.encoder.embed_pictures([picture.rgb])[0].astype(np.float64)
        E_T = suite.encoder.embed_texts([one.caption.text])[0].astype(np.float64)
        g = combined(W, E_c, E_T)
        row = []
        for name, head in zip(("sibling", "diffusion"), network.heads, strict=True):
            H = plain(head)
            assert (H["first.weight"].shape, H["second.weight"].shape) == ((16, 32), (2, 16))
            (I_r,) = suite.generator(name).regenerate([one.caption.text], [picture.seed])
            E_r = suite.encoder.embed_pictures([I_r])[0].astype(np.float64)
            s_a = np.concatenate([4 * g, 4 * E_r / np.sqrt((E_r**2).sum())] if even else [g, E_r])  # 4 = sqrt(16)
            z = np.maximum(s_a @ H["first.weight"].T + H["first.bias"], 0) @ H["second.weight"].T + H["second.bias"]
            row.append(np.exp(z[1]) / np.exp(z).sum())
        expected.append(row)
    np.testing.assert_allclose(attributor.predict_evidence(evidence), expected, atol=1e-4)


@pytest.mark.parametrize("features", ["pair", "candidate-caption", "candidate"])
def test_the_papers_ablations_are_what_table_4_names(features: Any, suite: Suite, cache: ProductCache) -> None:
    options = SemgirAOptions(generators=("sibling", "diffusion"), features=features)
    network = SemgirAttributor(suite, options).network
    attributor = SemgirAttributor(suite, options)
    evidence = attributor.extractor.extract(cache)
    learned = {name.split(".")[0] for name, weight in network.named_parameters() if weight.requires_grad}
    assert learned == {"image", "heads", *(["text", "combiner"] if features == "candidate-caption" else [])}
    expected = []
    for picture, one in zip(cache.pictures, evidence, strict=True):
        E_c = suite.encoder.embed_pictures([picture.rgb])[0].astype(np.float64)
        own = E_c
        if features == "candidate-caption":
            own = combined(plain(network.combiner), E_c, suite.encoder.embed_texts([one.caption.text])[0])
        row = []
        for name, head in zip(("sibling", "diffusion"), attributor.network.heads, strict=True):
            s = [4 * own / np.sqrt((own**2).sum())]
            if features == "pair":
                (I_r,) = suite.generator(name).regenerate([one.caption.text], [picture.seed])
                E_r = suite.encoder.embed_pictures([I_r])[0].astype(np.float64)
                s.append(4 * E_r / np.sqrt((E_r**2).sum()))
            H = plain(head)
            hidden = np.maximum(np.concatenate(s) @ H["first.weight"].T + H["first.bias"], 0)
            z = hidden @ H["second.weight"].T + H["second.bias"]
            row.append(z[1] - z[0])
        expected.append(row)
    np.testing.assert_allclose(attributor.logits(evidence), expected, atol=1e-4)


def test_a_network_for_each_candidate_shares_nothing(suite: Suite, cache: ProductCache, tmp_path: Path) -> None:
    names, labels = ("sibling", "diffusion"), np.array([[1, 0], [0, 1], [0, 0], [1, 0], [0, 1], [0, 0], [0, 1]])
    attributor = SemgirAttributor(suite, SemgirAOptions(generators=names, shared=False, epochs=1, batch=4))
    networks = attributor.network.networks
    evidence = attributor.extractor.extract(cache)
    fit(attributor, evidence, labels)
    first, second = ({id(weight) for weight in one.parameters()} for one in networks)
    assert not first & second
    logits = attributor.logits(evidence)
    candidate, ids, mask, drawn = attributor.collate(evidence)
    for k, network in enumerate(networks):
        alone = SemgirAttributor(suite, SemgirAOptions(generators=(names[k],)))
        alone.network.load_state_dict(network.state_dict())
        np.testing.assert_allclose(alone.logits(evidence)[:, 0], logits[:, k], atol=1e-5)
        np.testing.assert_allclose(attributor.subset([names[k]]).logits(evidence)[:, 0], logits[:, k], atol=1e-5)
        attributor.network.zero_grad()
        attributor.network(candidate, ids, mask, drawn)[:, k].sum().backward()
        reached = [any(weight.grad.any() for weight in one.parameters()) for one in networks]
        assert reached == [place == k for place in range(2)]
    attributor.save(tmp_path / "head")
    again = SemgirAttributor.load(tmp_path / "head", suite)
    assert again.options.shared is False
    np.testing.assert_array_equal(again.logits(evidence), logits)


def test_options_of_older_heads_are_the_defaults() -> None:
    stored = SemgirAOptions().to_dict()
    older = {name: value for name, value in stored.items() if name not in ("shared", "features", "schedule")}
    assert SemgirAOptions.from_dict(older) == SemgirAOptions()
    assert (stored["shared"], stored["features"], stored["reals"]) == (True, "combiner", True)


def test_features_come_back_with_the_head(suite: Suite, cache: ProductCache, tmp_path: Path) -> None:
    attributor = SemgirAttributor(suite, SemgirAOptions(generators=("sibling", "diffusion"), features="pair"), seed=3)
    evidence = attributor.extractor.extract(cache)
    attributor.save(tmp_path / "head")
    again = SemgirAttributor.load(tmp_path / "head", suite)
    assert again.options.features == "pair"
    np.testing.assert_array_equal(again.logits(evidence), attributor.logits(evidence))
    np.testing.assert_allclose(again.subset(["diffusion"]).logits(evidence), again.logits(evidence)[:, 1:], atol=1e-5)


def test_training_mirrors_by_lot_what_is_otherwise_shown_as_it_is(suite: Suite, cache: ProductCache) -> None:
    plain = SemgirAttributor(suite, SemgirAOptions(generators=("sibling", "diffusion")))
    mirrored = SemgirAttributor(suite, SemgirAOptions(generators=("sibling", "diffusion"), mirror=True))
    evidence = plain.extractor.extract(cache)
    shown = plain.collate(evidence)
    for untouched in (plain.collate(evidence, np.random.default_rng(0)), mirrored.collate(evidence)):
        assert all(torch.equal(one, other) for one, other in zip(untouched, shown, strict=True))
    candidates, _, _, drawn = mirrored.collate(evidence, np.random.default_rng(0))
    pairs = [*zip(candidates, shown[0], strict=True), *zip(drawn.flatten(0, 1), shown[3].flatten(0, 1), strict=True)]
    assert {(torch.equal(one, other), torch.equal(one, other.flip(-1))) for one, other in pairs} == {
        (True, False),
        (False, True),
    }


def test_the_combiner_drops_out_in_training_alone() -> None:
    torch.manual_seed(0)
    combiner, (image, text) = Combiner(8, 4, 0.5), torch.randn(2, 5, 8)
    trained = {tuple(combiner(image, text)[0].tolist()) for _ in range(4)}
    assert len(trained) == 4
    combiner.eval()
    fused = combiner(image, text)
    torch.testing.assert_close(fused, combiner(image, text))
    torch.testing.assert_close(fused.norm(dim=-1), torch.ones(5))


def test_the_towers_start_as_the_suites_encoder(suite: Suite, cache: ProductCache) -> None:
    texts = [caption.text for caption in cache.captions()]
    tower = TextTower(suite.encoder).eval()
    with torch.inference_mode():
        found = tower(*suite.encoder.tokens(texts))  # type: ignore[attr-defined]
    np.testing.assert_allclose(found, cache.caption_embeddings(), atol=1e-4)
    assert all(weight.requires_grad for weight in tower.parameters())


def test_an_encoder_that_shows_no_tokens_is_refused(suite: Suite) -> None:
    class Mute(Encoder):
        model, side, mean, std = suite.encoder.model, 32, (0.5,) * 3, (0.5,) * 3  # type: ignore[attr-defined]
        width = 16

        def __init__(self) -> None: ...
        def __repr__(self) -> str:
            return "Mute()"

        def _embed_pictures(self, pictures: Any) -> Any: ...
        def _embed_texts(self, texts: Any) -> Any: ...
        def tower(self) -> Any:
            return suite.encoder.tower()  # type: ignore[attr-defined]

    assert ImageTower(Mute()).side == 32
    with pytest.raises(SuiteError, match=r"encoder is Mute\(\), expected a CLIP model whose text tower"):
        TextTower(Mute())


def test_the_papers_schedule_and_sizes_are_the_defaults(suite: Suite) -> None:
    options = SemgirAOptions()
    assert (options.batch, options.rate, options.optimiser, options.weight_decay) == (32, 1e-4, "adam", 0.0)
    assert (options.widening, options.dropout) == (4, 0.5)
    assert SemgirAttributor.fitting_options(suite) == SemgirAOptions(generators=("diffusion", "sibling"), widening=1)


def test_evidence_of_other_candidates_is_refused(suite: Suite, cache: ProductCache) -> None:
    (one, *_) = SemgirAttributor(suite).extractor.extract(cache)
    fewer = AttributionEvidence(one.candidate, {"diffusion": one.candidate}, Caption("a ball"))
    with pytest.raises(DataError, match=r"evidence\[1\] has no regeneration by sibling, only by diffusion: extract"):
        SemgirAttributor(suite).logits([one, fewer])
