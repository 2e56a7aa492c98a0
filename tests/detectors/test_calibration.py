from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit

import unprompt.detectors.calibration as module
from unprompt.detectors.calibration import Calibration, Isotonic, Thresholds, stored_calibration
from unprompt.errors import CheckpointError, DataError, OptionError


def thresholds(real: np.ndarray, lower: float = 0.3, upper: float = 0.8) -> Thresholds:
    return Thresholds.from_validation(lower, upper, fpr=0.05, fnr=0.05, real=real, n_generated=20)


def test_probability_is_the_sigmoid_of_the_line() -> None:
    logits = np.array([[-800.0, -3.0], [0.2, 900.0]], np.float32)
    found = Calibration(1.5, -0.25).probability(logits)
    assert found == pytest.approx(expit(1.5 * logits.astype(float) - 0.25), rel=1e-12)
    assert (found.dtype, found.shape) == (np.float64, (2, 2))


@given(st.floats(-15, 15), st.floats(0.001, 0.999))
def test_a_prior_moves_the_odds_by_bayes_rule(value: float, prior: float) -> None:
    made = Calibration(0.7, 0.4)
    even = float(made.probability(value))
    by_bayes = even * prior / (even * prior + (1 - even) * (1 - prior))
    assert float(made.probability(value, prior)) == pytest.approx(by_bayes, rel=1e-6)
    assert logit(float(made.probability(value, prior))) == pytest.approx(logit(even) + logit(prior), abs=1e-6)


def test_calibration_is_checked_at_birth_and_at_use() -> None:
    with pytest.raises(OptionError, match=r"slope is -1\.0, expected a finite number above 0"):
        Calibration(-1.0, 0.0)
    with pytest.raises(OptionError, match="slope is nan"):
        Calibration(float("nan"), 0.0)
    with pytest.raises(OptionError, match="intercept is inf"):
        Calibration(1.0, float("inf"))
    with pytest.raises(OptionError, match="prior is 1, expected a share above 0 and below 1"):
        Calibration(1.0, 0.0).probability([0.0], prior=1)
    with pytest.raises(DataError, match="1 of 3 logits are NaN or infinite"):
        Calibration(1.0, 0.0).probability([0.0, np.nan, 1.0])


def test_an_isotonic_map_is_a_broken_line() -> None:
    made = Isotonic((-1.0, 0.0, 2.0), (0.1, 0.3, 0.9))
    assert made.probability([-9, -1, -0.5, 1, 9]) == pytest.approx([0.1, 0.1, 0.2, 0.6, 0.9])
    by_bayes = 0.6 * 0.2 / (0.6 * 0.2 + 0.4 * 0.8)
    assert float(made.probability(1.0, prior=0.2)) == pytest.approx(by_bayes)
    with pytest.raises(DataError, match="1 of 1 logits are NaN"):
        made.probability([np.nan])
    with pytest.raises(OptionError, match="prior is 0, expected"):
        made.probability([1.0], prior=0)


@pytest.mark.parametrize(
    ("corners", "words"),
    [
        (((0.0,), (0.5,)), "got 1 logits and 1 probabilities, expected two or more"),
        (((0.0, 1.0), (0.5,)), "got 2 logits and 1 probabilities"),
        (((1.0, 0.0), (0.2, 0.5)), r"from \(1, 0\.2\) to \(0, 0\.5\), expected rising"),
        (((0.0, 1.0), (0.5, 0.2)), "that never fall"),
        (((0.0, 1.0), (0.0, 0.5)), "between 0 and 1"),
        (((0.0, 1.0), (0.5, 1.0)), "between 0 and 1"),
    ],
)
def test_unsound_corners_are_refused(corners: tuple[tuple[float, ...], tuple[float, ...]], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        Isotonic(*corners)


@pytest.mark.parametrize(
    "made", [Calibration(1.5, -0.2), Calibration(0.5, 0.0, "temperature"), Isotonic((0.0, 1.0), (0.2, 0.8))]
)
def test_every_kind_of_calibration_is_stored(made: Calibration | Isotonic) -> None:
    stored = json.loads(json.dumps(made.to_dict()))
    assert stored_calibration(stored) == made
    assert stored.get("kind", "platt") == made.kind


def test_a_calibration_of_before_is_platts() -> None:
    assert stored_calibration({"slope": 1.5, "intercept": -0.2}) == Calibration(1.5, -0.2)
    assert Calibration(1.5, -0.2).to_dict() == {"slope": 1.5, "intercept": -0.2}
    with pytest.raises(CheckpointError, match="the isotonic in this checkpoint cannot be read"):
        stored_calibration({"kind": "isotonic", "logits": [0.0]})
    with pytest.raises(CheckpointError, match="the calibration in this checkpoint cannot be read"):
        stored_calibration({"knots": []})


@pytest.mark.parametrize("count", [19, 100, 1001, 1500])
@pytest.mark.parametrize("fpr", [0.001, 0.05, 0.2])
def test_a_moved_conformal_bound_counts_one_more(count: int, fpr: float) -> None:
    real = np.random.default_rng(count).random(count)
    made = Thresholds.from_validation(0.0, 1.0, fpr=0.05, fnr=0.05, real=real, n_generated=20, conformal=True)
    assert made.coverage == (0.95, 0.95)
    if fpr < made.finest_fpr:
        with pytest.raises(OptionError, match=f"--fpr {fpr:g} cannot be promised"):
            made.at_fpr(fpr)
        return
    above = int((real > made.at_fpr(fpr).upper).sum())
    assert (above + 1) / (count + 1) <= fpr
    assert (above + 2) / (count + 1) > fpr - 1 / 1000


def test_thresholds_say_whether_they_are_conformal_and_old_ones_are_not() -> None:
    made = replace(thresholds(np.linspace(0, 1, 20)), conformal=True)
    assert Thresholds.from_dict(json.loads(json.dumps(made.to_dict()))) == made
    old = replace(made, conformal=False).to_dict()
    assert "conformal" not in old
    assert not Thresholds.from_dict(old).conformal


def test_the_three_verdicts_and_their_bounds() -> None:
    made = thresholds(np.linspace(0, 0.9, 10))
    assert [made.verdict(p) for p in (0.0, 0.29, 0.3, 0.5, 0.8, 0.81, 1.0)] == [
        "real", "real", "inconclusive", "inconclusive", "inconclusive", "generated", "generated",
    ]  # fmt: skip
    with pytest.raises(DataError, match=r"probability is 1\.2, expected a number between 0 and 1"):
        made.verdict(1.2)
    with pytest.raises(DataError, match="probability is nan"):
        made.verdict(float("nan"))


@pytest.mark.parametrize("count", [1, 7, 100, 1001, 1002, 2001, 5000])
@pytest.mark.parametrize("fpr", [0.001, 0.0101, 0.05, 0.29, 0.5])
def test_a_moved_bound_keeps_its_promise(count: int, fpr: float) -> None:
    real = np.random.default_rng(count).beta(1, 3, count)
    made = thresholds(real, lower=0.0, upper=1.0)
    assert len(made.real_quantiles) == min(count, 1001)
    if fpr < made.finest_fpr:
        with pytest.raises(OptionError, match=f"--fpr {fpr:g} cannot be promised: {count} real validation pictures"):
            made.at_fpr(fpr)
        return
    moved = made.at_fpr(fpr)
    share = (real > moved.upper).mean()
    assert fpr - 1 / count - 1 / 1000 < share <= fpr
    assert share > 0  # a supported rate is one that is used
    assert moved == replace(made, upper=moved.upper, fpr=fpr)


def test_the_bound_is_the_smallest_one_when_all_reals_are_kept() -> None:
    made = thresholds(np.arange(100)[::-1] / 100, lower=0.0, upper=1.0)
    assert [made.at_fpr(fpr).upper for fpr in (0.01, 0.05, 0.29, 0.99)] == [0.98, 0.94, 0.7, 0.0]


def test_ties_are_not_split() -> None:
    made = thresholds(np.repeat([0.1, 0.6, 0.9], [90, 5, 5]), lower=0.0)
    assert [made.at_fpr(fpr).upper for fpr in (0.04, 0.05, 0.09, 0.1)] == [0.9, 0.6, 0.6, 0.1]


def test_a_generous_rate_does_not_pass_the_lower_bound() -> None:
    made = thresholds(np.linspace(0, 1, 100), lower=0.5, upper=0.5)
    assert made.at_fpr(0.9).upper == made.at_fpr(0.9).lower == 0.5
    assert made.at_fpr(0.01).upper > 0.5


def test_both_come_back_from_json() -> None:
    calibration, made = Calibration(0.1 + 0.2, -1 / 3), thresholds(np.random.default_rng(0).random(3000))
    assert Calibration.from_dict(json.loads(json.dumps(calibration.to_dict()))) == calibration
    assert Thresholds.from_dict(json.loads(json.dumps(made.to_dict()))) == made


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lower": 0.9}, r"thresholds are 0\.9 and 0\.8, expected 0 <= lower <= upper <= 1"),
        ({"upper": float("nan")}, r"thresholds are 0\.3 and nan"),
        ({"fpr": 1.0}, r"fpr is 1\.0, expected a rate from 0 to below 1"),
        ({"fnr": -0.1}, r"fnr is -0\.1"),
        ({"n_generated": 0}, "come from 3 real and 0 generated pictures"),
        ({"n_real": 4}, "got 3 real quantiles, expected 4 for 4 real pictures"),
        ({"real_quantiles": (0.3, 0.2, 0.4)}, r"real quantiles go from 0\.3 to 0\.4, expected rising values"),
        ({"real_quantiles": (0.3, 0.4, 1.4)}, r"real quantiles go from 0\.3 to 1\.4"),
    ],
)
def test_thresholds_are_checked_at_birth(change: dict[str, object], message: str) -> None:
    fields = Thresholds(0.3, 0.8, 0.05, 0.05, 3, 3, (0.1, 0.2, 0.3)).to_dict() | change
    with pytest.raises(OptionError, match=message):
        Thresholds(**fields)  # type: ignore[arg-type]
    with pytest.raises(CheckpointError, match=f"the thresholds in this checkpoint cannot be read .*{message}"):
        Thresholds.from_dict(fields)


def test_a_checkpoint_with_other_fields_is_damaged() -> None:
    with pytest.raises(CheckpointError, match=r"the calibration in this checkpoint cannot be read .*bias is unknown"):
        Calibration.from_dict({"slope": 1.0, "bias": 0.0})
    with pytest.raises(
        CheckpointError, match=r"the calibration in this checkpoint cannot be read .*slope is '1\.0', expected a finite"
    ):
        Calibration.from_dict({"slope": "1.0", "intercept": 0.0})


def test_no_real_picture_no_thresholds() -> None:
    with pytest.raises(OptionError, match="come from 0 real and 20 generated pictures"):
        thresholds(np.array([]))


def test_the_file_itself_needs_no_torch() -> None:
    code = f"import runpy, sys; sys.modules['torch'] = None; runpy.run_path({module.__file__!r}, run_name='alone')"
    subprocess.run([sys.executable, "-c", code], check=True)
