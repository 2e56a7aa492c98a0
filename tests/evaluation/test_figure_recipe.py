"""What a figure's numbers answer to its claims, against sums done by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from unprompt.errors import DataError
from unprompt.evaluation import FigureRecipe

FIELDS: dict[str, Any] = {
    "title": "A figure",
    "loader": "genimage",
    "figure": "alignment",
    "rows": [{"name": "TIDY", "method": "tidy"}],
    "columns": [{"heading": "ADM", "generator": "ADM"}],
}
CLAIM = {"says": "real ones more", "column": "cosine", "plus": {"label": 0}, "minus": {"label": 1}}


def ruled(claim: dict[str, Any], table: list[dict[str, Any]]) -> Any:
    (ruling,) = FigureRecipe.from_dict("mine/figure1", {**FIELDS, "claims": [claim]}).rule(table)
    return ruling


def test_a_row_for_each_picture() -> None:
    """Generators count alike, however many pictures each has."""
    rng, groups = np.random.default_rng(7), {(0, "nature"): 40, (1, "ADM"): 30, (1, "glide"): 8}
    values = {key: rng.normal(0.3 - 0.1 * key[0], 0.05, count) for key, count in groups.items()}
    table = [
        {"label": label, "generator": name, "cosine": value}
        for (label, name), several in values.items()
        for value in several
    ]
    ruling = ruled(CLAIM, table)
    real, *generated = values.values()
    middle = real.mean() - (generated[0].mean() + generated[1].mean()) / 2
    variances = [several.var(ddof=1) / several.size for several in values.values()]
    half = 1.959964 * math.sqrt(variances[0] + (variances[1] + variances[2]) / 4)
    assert (ruling.answer, ruling.n_real, ruling.n_generated) == ("holds", 40, 38)
    assert (ruling.difference, ruling.low, ruling.high) == pytest.approx((middle, middle - half, middle + half))
    assert ruled({**CLAIM, "above": 1.0}, table).answer == "does not hold"
    assert ruled({**CLAIM, "above": middle}, table).answer == "undecided"


def test_groups_with_standard_errors() -> None:
    table = [
        {"label": 1, "generator": name, "kind": kind, "n": n, "score": score, "score_error": error}
        for name, kind, n, score, error in (
            ("ADM", "regeneration", 10, 0.4, 0.03),
            ("glide", "regeneration", 12, 0.2, 0.04),
            ("ADM", "reconstruction", 10, 0.1, 0.01),
        )
    ]
    kinds = {"plus": {"label": 1, "kind": "regeneration"}, "minus": {"label": 1, "kind": "reconstruction"}}
    ruling = ruled({"says": "nearer", "column": "score", **kinds}, table)
    half = 1.959964 * math.sqrt(0.025**2 + 0.01**2)
    assert (ruling.difference, ruling.low, ruling.high) == pytest.approx((0.2, 0.2 - half, 0.2 + half))
    assert (ruling.n_real, ruling.n_generated) == (0, 22)


def test_groups_with_intervals() -> None:
    row = {"measure": "1 - cosine", "n_real": 50, "n_generated": 60}
    table = [
        {**row, "generator": "ADM", "chance": 0.10, "low": 0.06, "high": 0.14},
        {**row, "generator": "glide", "chance": 0.20, "low": 0.17, "high": 0.23},
    ]
    ruling = ruled({"says": "further", "column": "chance", "plus": {"measure": "1 - cosine"}}, table)
    half = math.hypot(0.04, 0.03) / 2
    assert (ruling.difference, ruling.low, ruling.high) == pytest.approx((0.15, 0.15 - half, 0.15 + half))
    assert (ruling.n_real, ruling.n_generated) == (100, 120)


def test_generators_that_share_their_real_pictures() -> None:
    """Real pictures of their own, then shared ones, whose error no further generator makes smaller."""
    row = {"condition": "with caption", "n_real": 50, "n_generated": 60, "real_error": 0.02, "generated_error": 0.01}
    table = [
        {**row, "generator": "ADM", "real": 0.5, "delta": 0.10},
        {**row, "generator": "glide", "real": 0.6, "delta": 0.20},
    ]
    ruling = ruled({"says": "further", "column": "delta", "plus": {"condition": "with caption"}}, table)
    half = 1.959964 * math.sqrt(0.02**2 / 2 + 0.01**2 / 2)
    assert (ruling.difference, ruling.low, ruling.high) == pytest.approx((0.15, 0.15 - half, 0.15 + half))
    assert (ruling.n_real, ruling.n_generated) == (100, 120)
    shared = ruled(
        {"says": "further", "column": "delta", "plus": {"condition": "with caption"}},
        [{**one, "real": 0.5} for one in table],
    )
    wider = 1.959964 * math.sqrt(0.02**2 + 0.01**2 / 2)
    assert (shared.low, shared.high) == pytest.approx((0.15 - wider, 0.15 + wider))
    assert (shared.n_real, shared.n_generated) == (50, 120)
    inverse = ruled({"says": "nearer", "column": "delta", "minus": {"condition": "with caption"}}, table)
    assert (inverse.difference, inverse.low, inverse.high) == pytest.approx((-0.15, -0.15 - half, -0.15 + half))
    assert (inverse.answer, inverse.n_real) == ("does not hold", 100)


def test_what_cannot_be_asked_is_told() -> None:
    ruling = ruled(CLAIM, [{"label": 0, "generator": "nature", "cosine": 0.3}])
    assert (ruling.answer, ruling.reason) == ("not run", "the figure has no row with label 1")
    one = ruled(CLAIM, [{"label": label, "generator": "any", "cosine": 0.3} for label in (0, 1)])
    assert (one.answer, one.reason) == ("not run", "a group has a single picture, expected two or more")
    table = [{"label": 0, "generator": "nature", "cosine": 0.3}]
    with pytest.raises(DataError, match="a claim names 'cosin', expected a column of the figure 'alignment': cosine"):
        ruled({**CLAIM, "column": "cosin"}, table)
    with pytest.raises(DataError, match="a claim names 'kinds', expected a column"):
        ruled({**CLAIM, "plus": {"kinds": 0}}, table)


def test_a_wrong_figure_is_refused() -> None:
    with pytest.raises(DataError, match="recipe mine/figure1: figure is 'pie', expected one of shift, gap, alignment"):
        FigureRecipe.from_dict("mine/figure1", {**FIELDS, "figure": "pie"})
    with pytest.raises(DataError, match="recipe mine/figure1: --perturb names 'flop', expected one of jpeg, blur"):
        FigureRecipe.from_dict("mine/figure1", {**FIELDS, "perturbations": ["flip:3", "flop:6"]})
    for row, told in (
        ({"name": "TIDY", "method": "tiddy"}, "TIDY: no method 'tiddy' among sare, semgir, tidy"),
        ({"name": "LNP"}, "LNP: a row of a figure has a method, and learns from what the figure does"),
        ({"name": "TIDY", "method": "tidy", "pictures": 10}, "TIDY: a row of a figure has a method, and learns from"),
        (
            {"name": "TIDY", "method": "tidy", "paper": {"cosine": [0.2, 0.3]}},
            "TIDY: cosine has 2 numbers; expected 1, one a column",
        ),
        (
            {"name": "TIDY", "method": "tidy", "figure": "gap"},
            "TIDY: method is 'tidy', expected sare in the figure gap",
        ),
    ):
        figure = {"figure": row.pop("figure", "alignment"), "rows": [row]}
        with pytest.raises(DataError, match=f"recipe mine/figure1: .*{told}"):
            FigureRecipe.from_dict("mine/figure1", {**FIELDS, **figure})
    rows = [{"name": "TIDY", "method": "tidy"}, {"name": "TIDY", "method": "item"}]
    with pytest.raises(DataError, match="rows are TIDY, TIDY, expected each name once, and each method once in align"):
        FigureRecipe.from_dict("mine/figure1", {**FIELDS, "rows": rows})
    with pytest.raises(DataError, match="alignment has perturbations, expected none but for gap or tsne"):
        FigureRecipe.from_dict("mine/figure1", {**FIELDS, "perturbations": ["flip:3"]})
    learned = {"train": {"generators": ["ADM"]}}
    with pytest.raises(DataError, match="alignment has train, expected none but for tsne"):
        FigureRecipe.from_dict("mine/figure1", {**FIELDS, **learned})
    with pytest.raises(DataError, match="'real ones more' asks about no rows, expected plus or minus"):
        FigureRecipe.from_dict("mine/figure1", {**FIELDS, "claims": [{**CLAIM, "plus": {}, "minus": {}}]})
    with pytest.raises(DataError, match="recipe mine/figure1: metrics is unknown"):
        FigureRecipe.from_dict("mine/figure1", {**FIELDS, "metrics": ["auc"]})
