"""Each method's whole road from evidence to logit, computed once more from the paper."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from unprompt.detectors.discrepancy import DiscrepancyOptions, ungrounded
from unprompt.detectors.geometry import window
from unprompt.detectors.logistic import logistic
from unprompt.detectors.methods.item import ItemDetector
from unprompt.detectors.methods.sare import SareDetector, SareOptions
from unprompt.detectors.methods.semgir import SemgirDetector, SemgirOptions
from unprompt.detectors.methods.tidy import TidyDetector
from unprompt.detectors.resnet import ResNetSizes
from unprompt.detectors.towers import ImageTower
from unprompt.errors import DataError, OptionError, SuiteError
from unprompt.evidence.alignment import AlignmentEvidence, Objects
from unprompt.evidence.product_cache import ProductCache
from unprompt.images import centre_crop, centre_square, fit_short
from unprompt.instruments import Suite
from unprompt.instruments.base import Encoder
from unprompt.perturbations import Augmentation
from unprompt.types import Box, Caption


def test_the_tower_starts_as_the_suites_encoder(suite: Suite, cache: ProductCache) -> None:
    tower = ImageTower(suite.encoder).eval()
    squares = np.stack([centre_square(picture.rgb, tower.side) for picture in cache.pictures])
    with torch.inference_mode():
        found = tower(torch.from_numpy(squares).permute(0, 3, 1, 2))
    np.testing.assert_allclose(found, cache.picture_embeddings(), atol=1e-4)


def test_an_encoder_without_a_tower_is_refused() -> None:
    class Other(Encoder):
        def __init__(self) -> None: ...
        def __repr__(self) -> str:
            return "Other()"

        def _embed_pictures(self, pictures: Any) -> Any: ...
        def _embed_texts(self, texts: Any) -> Any: ...

    with pytest.raises(SuiteError, match=r"encoder is Other\(\), expected a CLIP model whose image tower"):
        ImageTower(Other())


@pytest.mark.parametrize("detector_class", [TidyDetector, ItemDetector])
def test_tidy_and_item_are_an_mlp_on_their_distance(detector_class: Any, suite: Suite, cache: ProductCache) -> None:
    detector = detector_class(suite, DiscrepancyOptions(scope="global"))
    evidence = detector.extractor.extract(cache)
    image = np.stack([one.image for one in evidence]).astype(np.float64)
    text = np.stack([one.text for one in evidence]).astype(np.float64)
    if detector_class is TidyDetector:
        D = np.abs(image - text)
    else:
        D = image / np.sqrt((image**2).sum(1))[:, None] - text / np.sqrt((text**2).sum(1))[:, None]
    W = {name: tensor.double().numpy() for name, tensor in detector.network.state_dict().items()}
    hidden = np.maximum(D @ W["first.weight"].T + W["first.bias"], 0)
    assert hidden.shape == (7, 256)
    z = hidden @ W["second.weight"].T + W["second.bias"]
    np.testing.assert_allclose(detector.logits(evidence), z[:, 1] - z[:, 0], atol=1e-4)


@pytest.mark.parametrize("detector_class", [TidyDetector, ItemDetector])
@pytest.mark.parametrize(("scope", "w1", "w2"), [("both", 1.0, 1.0), ("both", 0.5, 2.0), ("local", 0.25, 3.0)])
def test_local_and_both_are_the_papers_equations(
    detector_class: Any, scope: Any, w1: float, w2: float, suite: Suite, cache: ProductCache
) -> None:
    """TIDY eq. 3 to 6, ITEM eq. 4 to 8, one number at a time; without a phrase w1 Dg, whatever the scope."""

    def distance(I: Any, T: Any) -> list[float]:  # noqa: E741
        I, T = [float(x) for x in I], [float(x) for x in T]  # noqa: E741
        if detector_class is TidyDetector:
            return [abs(i - t) for i, t in zip(I, T, strict=True)]
        long_i, long_t = math.sqrt(sum(i * i for i in I)), math.sqrt(sum(t * t for t in T))
        return [i / long_i - t / long_t for i, t in zip(I, T, strict=True)]

    detector = detector_class(suite, DiscrepancyOptions(scope=scope, w1=w1, w2=w2))
    evidence = detector.extractor.extract(cache)
    expected = []
    for one in evidence:
        Dg, n = distance(one.image, one.text), len(one.objects.boxes)
        Dli = [distance(i, t) for i, t in zip(one.objects.images, one.objects.texts, strict=True)]
        Dl = [sum(column) / n for column in zip(*Dli, strict=True)]
        if not n:
            expected.append([w1 * g for g in Dg])
        elif scope == "local":
            expected.append([w2 * li for li in Dl])
        else:
            expected.append([w1 * g + w2 * li for g, li in zip(Dg, Dl, strict=True)])
    assert {len(one.objects.boxes) for one in evidence} > {0, 1}
    np.testing.assert_allclose(detector.collate(evidence)[0], expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("detector_class", [TidyDetector, ItemDetector])
@pytest.mark.parametrize("modality", ["picture", "text"])
def test_one_modality_is_its_embedding_in_place_of_the_distance(
    detector_class: Any, modality: Any, suite: Suite, cache: ProductCache
) -> None:
    """TIDY, section 4.3 and figure 4: "the embeddings used to train the MLP header are from the same CLIP"."""

    def shown(image: Any, text: Any) -> Any:
        vectors = np.asarray(image if modality == "picture" else text, np.float64)
        length = np.sqrt((vectors**2).sum(-1, keepdims=True))
        return vectors if detector_class is TidyDetector else vectors / length

    detector = detector_class(suite, DiscrepancyOptions(scope="both", modality=modality, w1=0.5, w2=2.0))
    evidence = detector.extractor.extract(cache)
    expected = [
        0.5 * shown(one.image, one.text)
        + (2.0 * shown(one.objects.images, one.objects.texts).mean(0) if one.objects.boxes else 0)
        for one in evidence
    ]
    np.testing.assert_allclose(detector.collate(evidence)[0], expected, rtol=1e-4, atol=1e-6)


def test_options_of_older_heads_are_the_defaults() -> None:
    stored = DiscrepancyOptions().to_dict()
    older = {name: stored[name] for name in stored if name not in ("keep", "modality", "ungrounded")}
    assert DiscrepancyOptions.from_dict(older) == DiscrepancyOptions()
    assert (stored["keep"], stored["modality"], stored["ungrounded"]) == ("best", "both", "global")
    with pytest.raises(OptionError, match="--modality is 'sound', expected one of picture, text, both"):
        DiscrepancyOptions(modality="sound")  # type: ignore[arg-type]


def test_pictures_without_a_grounded_object_are_told(suite: Suite, cache: ProductCache) -> None:
    found = TidyDetector(suite, DiscrepancyOptions(scope="local")).extractor.extract(cache)
    vectors = np.zeros((1, 16), np.float32)
    one = Objects((Box("a ball", 0.0, 0.0, 1.0, 1.0, 0.5),), vectors, vectors)
    none = Objects((), vectors[:0], vectors[:0])
    evidence = [replace(found[0], objects=one), replace(found[1], objects=none), *found[2:]]
    assert ungrounded(evidence).tolist() == [False, True, *(not one.objects.boxes for one in found[2:])]
    whole = TidyDetector(suite, DiscrepancyOptions(scope="global")).extractor.extract(cache)
    assert not ungrounded(whole).any()  # no object was looked for
    leaving = [
        DiscrepancyOptions(scope=scope, ungrounded="left-out").leaves_out for scope in ("global", "local", "both")
    ]
    assert leaving == [False, True, False]


def test_both_is_the_default_where_there_is_a_grounder(suite: Suite) -> None:
    manifest = replace(suite.manifest, instruments={"encoder": suite.manifest.instruments["encoder"]})
    assert TidyDetector(suite).options.scope == ItemDetector(suite).options.scope == "both"
    assert TidyDetector(Suite(manifest)).options.scope == "global"
    assert DiscrepancyOptions().scope == "global"


def test_evidence_without_objects_is_refused_by_a_local_head(suite: Suite, cache: ProductCache) -> None:
    whole = TidyDetector(suite, DiscrepancyOptions(scope="global")).extractor.extract(cache)
    with pytest.raises(DataError, match=r"evidence\[0\] has no objects, tidy with scope 'local' expects them: extract"):
        TidyDetector(suite, DiscrepancyOptions(scope="local")).logits(whole)
    box = Box("a ball", 0.0, 0.0, 1.0, 1.0, 0.5)
    wrong = replace(whole[0], objects=Objects((box,), np.zeros((2, 16), np.float32), np.zeros((1, 16), np.float32)))
    with pytest.raises(DataError, match=r"object vectors of shape \(2, 16\) and \(1, 16\), expected \(1, 16\)"):
        TidyDetector(suite).logits([wrong])


def test_an_unknown_scope_is_refused() -> None:
    with pytest.raises(OptionError, match="--scope is 'everything', expected one of global, local, both"):
        DiscrepancyOptions(scope="everything")  # type: ignore[arg-type]


def test_vectors_of_another_encoder_are_refused(suite: Suite) -> None:
    vector = np.zeros(768, np.float32)
    with pytest.raises(DataError, match=r"vectors of shape \(768,\) and \(768,\), expected \(16,\)"):
        TidyDetector(suite).logits([AlignmentEvidence(vector, vector, Caption("a ball"))])


@pytest.mark.parametrize("k", [1, 2])
def test_semgir_joins_both_features_and_averages_the_scores(k: int, suite: Suite, cache: ProductCache) -> None:
    detector = SemgirDetector(suite, SemgirOptions(regenerations=k))
    evidence = detector.extractor.extract(cache)
    W = {name: tensor.double().numpy() for name, tensor in detector.network.head.state_dict().items()}
    assert W["first.weight"].shape == (16, 32)
    scores = []
    for picture, one in zip(cache.pictures, evidence, strict=True):
        E_c = suite.encoder.embed_pictures([picture.rgb])[0]
        drawn = []
        for rgb in one.regenerations:
            s_d = np.concatenate([E_c, suite.encoder.embed_pictures([rgb])[0]]).astype(np.float64)
            z = np.maximum(s_d @ W["first.weight"].T + W["first.bias"], 0) @ W["second.weight"].T + W["second.bias"]
            drawn.append(np.exp(z[1]) / np.exp(z).sum())
        scores.append(np.mean(drawn))
    np.testing.assert_allclose(detector.predict_evidence(evidence), scores, atol=1e-4)


def test_semgir_wants_as_many_drawings_as_it_was_trained_with(suite: Suite, cache: ProductCache) -> None:
    evidence = SemgirDetector(suite).extractor.extract(cache)
    with pytest.raises(DataError, match=r"evidence\[0\] has 1 regenerations, expected 2 as in --regenerations"):
        SemgirDetector(suite, SemgirOptions(regenerations=2)).logits(evidence)


@pytest.mark.parametrize("residual", [True, False])
def test_sare_is_equations_4_to_6(residual: bool, suite: Suite, cache: ProductCache) -> None:
    options = SareOptions(resize=37, crop=32, heads=4, residual=residual, semantic=ResNetSizes.small(32))
    detector = SareDetector(suite, options)
    network = detector.network
    with torch.no_grad():
        network.norm.weight.uniform_(0.5, 2)
        network.norm.bias.uniform_(-1, 1)
    evidence = detector.extractor.extract(cache)
    expected = []
    for one in evidence:
        x, x_hat = one.picture.astype(np.int64), one.reconstruction.astype(np.int64)
        s = np.abs(x - x_hat).astype(np.uint8)
        cut = [torch.from_numpy(window(rgb, 37, 32).copy()).permute(2, 0, 1)[None] for rgb in (one.picture, s)]
        with torch.no_grad():
            f_x = network.tower(cut[0])
            f_s = network.semantic(cut[1] / 255).last_hidden_state
            assert f_s.shape == (1, 64, 4, 4)
            tokens = torch.stack([f_s[:, :, i, j] for i in range(4) for j in range(4)], 1)
            attended = network.attention(f_x, tokens)
            fused = f_x + attended if residual else attended
            fused = (fused - fused.mean()) / torch.sqrt(fused.var(unbiased=False) + 1e-5)
            fused = fused * network.norm.weight + network.norm.bias
            expected.append(float(fused @ network.head.weight[0] + network.head.bias))
    np.testing.assert_allclose(detector.logits(evidence), expected, atol=1e-4)


def test_the_papers_sizes_are_the_defaults() -> None:
    options = SareOptions()
    resnet = options.semantic.build()
    assert sum(weight.numel() for weight in resnet.parameters()) == 23_508_032  # ResNet-50 without its classifier
    assert options.semantic.grid(224) == 7
    with torch.inference_mode():
        assert resnet.eval()(torch.zeros(1, 3, 224, 224)).last_hidden_state.shape == (1, 2048, 7, 7)


@pytest.mark.parametrize(("side", "grid"), [(32, 4), (64, 4), (96, 6), (48, 6)])
def test_small_encoders_keep_a_grid(side: int, grid: int) -> None:
    semantic = ResNetSizes.small(side)
    assert semantic.grid(side) == grid
    cells = semantic.build().eval()(torch.zeros(1, 3, side, side)).last_hidden_state
    assert cells.shape[2:] == (grid, grid)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"crop": 64, "resize": 72}, r"--crop 64 leaves 2 x 2 cells for the attention, expected 4 x 4 or more"),
        ({"resize": 200}, r"--resize is 200, expected 224 or more"),
        ({"heads": 0}, r"--heads is 0, expected 1 or more"),
        ({"encoder_rate": 0.0}, r"--encoder-rate is 0\.0, expected a number above 0"),
        ({"epochs": 0}, r"--epochs is 0, expected 1 or more"),
        ({"optimiser": "sgd"}, r"--optimiser is 'sgd', expected one of adam, adamw"),
    ],
)
def test_options_outside_their_range_are_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        SareOptions(**wrong)


def test_stages_need_a_width_and_a_depth_each() -> None:
    with pytest.raises(OptionError, match=r"widths \(8, 16\) and depths \(1,\), expected one of each"):
        ResNetSizes(8, (8, 16), (1,))


def test_a_crop_that_the_encoder_does_not_take_is_refused(suite: Suite) -> None:
    with pytest.raises(OptionError, match="--crop is 224, this suite's encoder takes pictures of 32 pixels"):
        SareDetector(suite, SareOptions())


ALONE = {"noise": 0, "blur": 0, "jpeg": 0, "light": 0}
"""No transform of the picture alone."""


@pytest.mark.parametrize("augmentation", [Augmentation.plain(), Augmentation(scale=1, rotate=1, dropout=1, **ALONE)])
def test_picture_and_map_are_cut_and_turned_together(
    augmentation: Augmentation, suite: Suite, cache: ProductCache
) -> None:
    detector = SareDetector(suite, replace(SareDetector.fitting_options(suite), augmentation=augmentation))
    random = np.random.default_rng(0)
    made = [random.integers(0, 256, (40, 60, 3), dtype=np.uint8)]
    one = detector.extractor.extract(cache)[0]
    twin = type(one)(made[0], np.zeros_like(made[0]), one.caption)  # its map is the picture itself
    seen = [detector.collate([twin], np.random.default_rng(seed)) for seed in range(8)]
    assert all(torch.equal(picture, sare_map) for picture, sare_map in seen)
    assert len({picture.numpy().tobytes() for picture, _ in seen}) == 8
    torch.testing.assert_close(detector.collate([twin], np.random.default_rng(3)), seen[3])
    plain, same = detector.collate([twin])
    assert torch.equal(plain, same)


def test_light_and_noise_touch_the_picture_alone(suite: Suite, cache: ProductCache) -> None:
    always = Augmentation(mirror=0, scale=0, rotate=0, noise=1, blur=1, jpeg=1, light=1, dropout=0)
    options = SareDetector.fitting_options(suite)
    loud, plain = (
        SareDetector(suite, replace(options, augmentation=one))
        for one in (always, replace(always, noise=0, blur=0, jpeg=0, light=0))
    )
    evidence = loud.extractor.extract(cache)
    made, expected = (one.collate(evidence, np.random.default_rng(1)) for one in (loud, plain))
    assert torch.equal(made[1], expected[1])
    assert not torch.equal(made[0], expected[0])


def test_a_head_of_before_keeps_what_it_was_trained_with() -> None:
    stored = SareOptions(epochs=3).to_dict()
    assert SareOptions.from_dict(stored).augmentation == Augmentation()
    assert SareOptions.from_dict({**stored, "augmentation": {"noise": 0.5}}).augmentation == Augmentation(noise=0.5)
    del stored["augmentation"]
    assert SareOptions.from_dict(stored).augmentation == Augmentation.plain()


def test_a_picture_smaller_than_its_window_lies_in_black() -> None:
    white = np.full((30, 50, 3), 255, np.uint8)
    made = window(white, 10, 16, (1.0, 0.0))
    assert made.shape == (16, 16, 3)
    assert (made[6:, :10] == 255).all()
    assert made.sum() == 255 * 10 * 10 * 3


@pytest.mark.parametrize("size", [(50, 50), (50, 80), (80, 50)])
def test_the_central_window_is_a_resize_and_a_crop(size: tuple[int, int]) -> None:
    down, across = np.meshgrid(np.linspace(0, 200, size[0]), np.linspace(0, 200, size[1]), indexing="ij")
    rgb = np.stack([down, across, (down + across) / 2], -1).astype(np.uint8)
    expected = centre_crop(fit_short(rgb, 37), 32)
    assert np.abs(window(rgb, 37, 32).astype(int) - expected).max() <= 6
    np.testing.assert_array_equal(window(rgb, 37, 32, mirrored=True), window(rgb, 37, 32)[:, ::-1])
    corner = window(rgb, 37, 32, (0.0, 0.0))
    np.testing.assert_array_equal(corner[0, 0], window(rgb, 37, 37, (0.0, 0.0))[0, 0])


def test_logistic_is_sklearns_optimum() -> None:
    random = np.random.default_rng(4)
    features = random.normal(size=(60, 3)) * [1, 50, 0.01] + [0, 7, 3]
    pull = features @ [1, 0.02, 100] + random.normal(size=60)
    labels = (pull > np.quantile(pull, 0.6)).astype(int)
    l2 = 0.05
    weights, bias = logistic(features, labels, l2)
    standard = (features - features.mean(0)) / features.std(0)
    weighing = 60 * np.where(labels == 1, 0.5 / labels.sum(), 0.5 / (60 - labels.sum()))
    peer = LogisticRegression(C=1 / (60 * l2), tol=1e-10, max_iter=5000).fit(standard, labels, weighing)
    np.testing.assert_allclose(features @ weights + bias, peer.decision_function(standard), atol=1e-4)


@pytest.mark.parametrize("constant", [5.0, 0.1])  # ten times 0.1, by ten, is not 0.1
def test_a_constant_feature_gets_no_weight(constant: float) -> None:
    features = np.stack([np.arange(10.0), np.full(10, constant)], axis=1)
    weights, _ = logistic(features, [0] * 5 + [1] * 5, 0.1)
    assert weights[0] > 0
    assert weights[1] == 0
