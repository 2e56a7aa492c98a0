"""The numbers behind every figure, against computations written from the papers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from sklearn.calibration import calibration_curve
from sklearn.metrics import roc_auc_score, roc_curve

from unprompt.analysis import (
    Redrawn,
    Scored,
    alignment_table,
    alike,
    consistency_table,
    cosines,
    direction,
    embedded,
    gap,
    psnr,
    reliability_table,
    robustness_table,
    roc_table,
    shift_table,
    sign_table,
    tsne_table,
)
from unprompt.errors import DataError
from unprompt.evaluation.metrics import BINS


@pytest.fixture
def rng() -> np.random.Generator:
    """Of each test its own: none depends on those before it."""
    return np.random.default_rng(7)


# shift: SARE, equation 7


def test_gap_is_equation_7_with_welchs_interval(rng: np.random.Generator) -> None:
    real, fake = rng.normal(0.5, 0.1, 40), rng.normal(0.4, 0.2, 25)
    found = gap(real, fake)
    assert found.delta == pytest.approx(sum(real) / 40 - sum(fake) / 25)
    error = math.sqrt(np.var(real, ddof=1) / 40 + np.var(fake, ddof=1) / 25)
    assert (found.low, found.high) == pytest.approx(stats.norm.interval(0.95, found.delta, error))
    assert (found.n_real, found.n_generated) == (40, 25)
    with pytest.raises(DataError, match="got 1 real and 25 generated pictures, expected two or more of each"):
        gap(real[:1], fake)


def test_each_generator_meets_the_real_pictures_that_belong_to_it() -> None:
    labels = [0, 0, 0, 0, 1, 1, 1, 1]
    generators = ["adm", "adm", "biggan", "biggan"] * 2
    values = {"with caption": [5.0, 7.0, 1.0, 3.0, 2.0, 2.0, 4.0, 6.0], "without caption": [1.0] * 8}
    found = shift_table(labels, generators, values, own={"adm"}).to_pylist()
    rows = {(one["generator"], one["condition"]): one for one in found}
    assert {(one["generator"], one["own"]) for one in found} == {("adm", 1), ("biggan", 0)}
    assert rows["adm", "with caption"]["delta"] == 6 - 2
    assert rows["biggan", "with caption"]["delta"] == 2 - 5
    assert rows["adm", "without caption"]["delta"] == 0
    shared = shift_table(labels, ["scenes"] * 4 + ["adm"] * 2 + ["biggan"] * 2, values).to_pylist()
    assert {one["n_real"] for one in shared} == {4}
    with pytest.raises(DataError, match="got 4 real and 0 generated pictures"):
        shift_table(labels[:4], generators[:4], {"with caption": [1.0] * 4})


# alignment: TIDY, figure 1


def test_cosines_are_those_of_each_pair(rng: np.random.Generator) -> None:
    images, texts = rng.normal(size=(6, 5)), rng.normal(size=(6, 5))
    for found, image, text in zip(cosines(images, texts), images, texts, strict=True):
        assert found == pytest.approx(
            sum(a * b for a, b in zip(image, text, strict=True)) / math.sqrt((image @ image) * (text @ text))
        )
    assert cosines(np.zeros((1, 3)), np.ones((1, 3))) == 0


def test_direction_is_the_share_of_pairs_that_tidy_would_have_so(rng: np.random.Generator) -> None:
    real, fake = rng.normal(0.3, 0.1, 30), rng.normal(0.25, 0.1, 20)
    pairs = [(one > other) + 0.5 * (one == other) for one in real for other in fake]
    assert direction(real, fake) == pytest.approx(np.mean(pairs))
    assert direction([1.0, 1.0], [0.0]) == 1
    assert direction([0.0], [1.0, 1.0]) == 0


def test_alignment_keeps_every_picture() -> None:
    rows = alignment_table([0, 1], ["", "adm"], [0.1, 0.2]).to_pylist()
    assert rows == [
        {"label": 0, "generator": "unknown", "cosine": 0.1},
        {"label": 1, "generator": "adm", "cosine": 0.2},
    ]


# sign: do generated pictures align more or less?


def test_the_sign_is_answered_by_an_interval_for_each_generator(rng: np.random.Generator) -> None:
    texts = rng.normal(size=(90, 8))
    noise = rng.normal(size=(90, 8))
    away = np.repeat([1.0, 3.0, 0.1], 30)[:, None]  # real pictures, a generator further away, one nearer
    images = texts + away * noise
    labels, names = [0] * 30 + [1] * 60, ["scenes"] * 30 + ["far"] * 30 + ["near"] * 30
    rows = sign_table(labels, names, images.astype(np.float32), texts.astype(np.float32)).to_pylist()
    assert {(row["measure"], row["generator"]): row["answer"] for row in rows} == {
        (measure, name): told
        for measure in ("1 - cosine", "|I - T|", "I/|I| - T/|T|")
        for name, told in (("far", "generated less"), ("near", "generated more"))
    }
    distances = np.abs(images - texts).mean(axis=1)
    found = next(row for row in rows if (row["measure"], row["generator"]) == ("|I - T|", "far"))
    pairs = [one > other for one in distances[30:60] for other in distances[:30]]
    assert found["chance"] == pytest.approx(np.mean(pairs))
    assert found["low"] <= found["chance"] <= found["high"]
    unit = distances[:30].std(ddof=1)
    assert found["delta"] == pytest.approx((distances[30:60].mean() - distances[:30].mean()) / unit, rel=1e-5)
    cosine, direction_only = (
        next(row for row in rows if (row["measure"], row["generator"]) == (measure, "far"))
        for measure in ("1 - cosine", "I/|I| - T/|T|")
    )
    assert cosine["chance"] == direction_only["chance"]  # one is a function of the other
    alike = sign_table([0, 0, 1, 1], ["", "", "a", "a"], *np.ones((2, 4, 3), np.float32)).to_pylist()
    assert {(row["answer"], row["chance"], row["delta"]) for row in alike} == {("undecided", 0.5, 0.0)}
    with pytest.raises(DataError, match="got 1 real and 2 generated pictures, expected two or more of each"):
        sign_table([0, 1, 1], ["", "a", "a"], *np.ones((2, 3, 3), np.float32))


# consistency: SemGIR, table 3


def test_psnr_is_its_definition(rng: np.random.Generator) -> None:
    one, other = (rng.integers(0, 256, (8, 6, 3), dtype=np.uint8) for _ in range(2))
    error = sum((float(a) - float(b)) ** 2 for a, b in zip(one.ravel(), other.ravel(), strict=True)) / one.size
    assert psnr(one, other) == pytest.approx(20 * math.log10(255) - 10 * math.log10(error))
    assert psnr(one, one) == pytest.approx(20 * math.log10(255) + 10 * math.log10(8 * 6 * 3))
    with pytest.raises(DataError, match=r"got pictures of shape \(8, 6, 3\) and \(6, 6, 3\), expected one shape"):
        psnr(one, other[:6])


def test_pictures_are_compared_as_squares_of_what_was_drawn() -> None:
    wide, drawn = np.zeros((30, 50, 3), np.uint8), np.zeros((16, 16, 3), np.uint8)
    wide[:, 10:40] = 255
    left, right = alike(wide, drawn)
    assert left.shape == right.shape == (16, 16, 3)
    assert left[1:-1, 1:-1].min() == 255  # scaled first: the edge knows its neighbours


def test_consistency_means_and_errors() -> None:
    scores = [0.2, 0.4, 0.9]
    found = [Redrawn(1, "adm", "regeneration", score, 10 * score) for score in scores]
    found += [Redrawn(0, "scenes", "regeneration", 0.5, 8.0)]
    single, several = consistency_table(found).to_pylist()
    assert (single["generator"], single["n"], single["score"]) == ("scenes", 1, 0.5)
    assert math.isnan(single["score_error"])
    assert several["psnr"] == pytest.approx(5.0)
    assert several["psnr_error"] == pytest.approx(stats.sem([10 * one for one in scores]))


# t-SNE


def test_tsne_keeps_far_clusters_apart_and_repeats_itself(rng: np.random.Generator) -> None:
    features = np.concatenate([rng.normal(0, 0.1, (20, 8)), rng.normal(5, 0.1, (20, 8))])
    places = embedded(features, seed=3)
    centres = places[:20].mean(axis=0), places[20:].mean(axis=0)
    own = max(np.linalg.norm(places[i] - centres[i // 20]) for i in range(40))
    assert np.linalg.norm(centres[0] - centres[1]) > 2 * own
    np.testing.assert_array_equal(places, embedded(features, seed=3))
    rows = tsne_table("tidy", [0] * 20 + [1] * 20, ["a"] * 40, places).to_pylist()
    assert (rows[0]["condition"], rows[0]["x"], rows[0]["y"]) == ("tidy", *places[0])
    with pytest.raises(DataError, match="got 3 pictures, expected 4 or more for t-SNE"):
        embedded(features[:3])


# curves


@pytest.fixture
def scored(rng: np.random.Generator) -> Scored:
    generated = rng.random(200) < 0.3
    chances = np.clip(rng.normal(0.4 + 0.2 * generated, 0.2), 0, 1).round(2)  # with ties
    return Scored(generated, chances)


def test_roc_corners_are_scikit_learns(scored: Scored) -> None:
    rows = roc_table({"adm": scored}).to_pylist()
    false, true, _ = roc_curve(scored.generated, scored.probabilities, drop_intermediate=False)
    np.testing.assert_allclose([row["fpr"] for row in rows], false)
    np.testing.assert_allclose([row["tpr"] for row in rows], true)
    assert rows[0]["auc"] == pytest.approx(roc_auc_score(scored.generated, scored.probabilities))
    n = int(scored.generated.sum())
    assert rows[0]["line"] == f"adm, n = {200 - n} + {n}"


def test_reliability_bins_are_scikit_learns_at_prior_one_half(rng: np.random.Generator) -> None:
    generated = np.repeat([False, True], 300)
    chances = rng.random(600)
    rows = reliability_table({"all": Scored(generated, chances)}).to_pylist()
    share, mean = calibration_curve(generated, chances, n_bins=BINS)  # classes of one size: prior 0.5 by itself
    np.testing.assert_allclose([row["share"] for row in rows], share)
    np.testing.assert_allclose([row["probability"] for row in rows], mean)
    gaps = [row["weight"] * abs(row["share"] - row["probability"]) for row in rows]
    assert rows[0]["ece"] == pytest.approx(sum(gaps))
    # three copies of every generated picture move nothing at a fixed prior
    more = np.concatenate([generated, *[np.ones(300, bool)] * 2])
    again = reliability_table({"all": Scored(more, np.concatenate([chances, *[chances[300:]] * 2]))}).to_pylist()
    np.testing.assert_allclose([row["share"] for row in again], share)


# robustness


def result(perturbation: str, value: float, **more: object) -> dict[str, object]:
    told = {"method": "tidy", "suite": "s", "metric": "auc", "generator": "macro", "n_real": 5, "n_generated": 6}
    return {**told, "perturbation": perturbation, "value": value, "low": value - 0.1, "high": value + 0.1, **more}


def test_robustness_takes_single_perturbations_of_one_metric() -> None:
    rows = [
        result("", 0.9),
        result("jpeg:80", 0.8),
        result("jpeg:50,blur:1", 0.5),
        result("noise:0.001", 0.7, low=None, high=None),
        result("jpeg:80", 0.1, metric="ap"),
        result("jpeg:80", 0.2, generator="adm"),
    ]
    found = robustness_table(rows, "auc").to_pylist()
    assert [(one["kind"], one["at"], one["value"]) for one in found] == [
        ("", None, 0.9),
        ("jpeg", 80, 0.8),
        ("noise", 0.001, 0.7),
    ]
    assert found[0]["line"] == "tidy (s)"
    with pytest.raises(DataError, match="no result of auc over macro was measured after a perturbation"):
        robustness_table(rows[:1], "auc")
