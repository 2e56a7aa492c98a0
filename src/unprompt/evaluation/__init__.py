"""Metrics, their table and intervals, and the fitting of calibration and thresholds. No torch, no files."""

from unprompt.evaluation.attribution import AttributionTable, evaluate_attribution
from unprompt.evaluation.bootstrap import Interval, bootstrap, wilson
from unprompt.evaluation.calibration import (
    fit_calibration,
    fit_isotonic,
    fit_platt,
    fit_temperature,
    fit_thresholds,
)
from unprompt.evaluation.delong import AucDifference, auc_difference, auc_interval
from unprompt.evaluation.difference import Comparison, Difference, compare_scores
from unprompt.evaluation.figure_recipe import FigureClaim, FigureRecipe
from unprompt.evaluation.laboratory import UNSEEN, Estimate, HeadScores, Measurements, Ruling, measure_heads
from unprompt.evaluation.metrics import (
    accuracy,
    average_precision,
    balanced_accuracy,
    ece,
    eer,
    fake_accuracy,
    nll,
    real_accuracy,
    roc_auc,
    tpr_at_fpr,
)
from unprompt.evaluation.rates import Rates
from unprompt.evaluation.recipe import Claim, Column, Recipe, RecipeRow, TableRecipe, Term, TrainingSet
from unprompt.evaluation.results import Result, results, with_paper
from unprompt.evaluation.spread import spread
from unprompt.evaluation.table import EvaluationTable, Metrics, evaluate_scores
from unprompt.evaluation.verdicts import Bounds, Verdicts

__all__ = [
    "UNSEEN",
    "AttributionTable",
    "AucDifference",
    "Bounds",
    "Claim",
    "Column",
    "Comparison",
    "Difference",
    "Estimate",
    "EvaluationTable",
    "FigureClaim",
    "FigureRecipe",
    "HeadScores",
    "Interval",
    "Measurements",
    "Metrics",
    "Rates",
    "Recipe",
    "RecipeRow",
    "Result",
    "Ruling",
    "TableRecipe",
    "Term",
    "TrainingSet",
    "Verdicts",
    "accuracy",
    "auc_difference",
    "auc_interval",
    "average_precision",
    "balanced_accuracy",
    "bootstrap",
    "compare_scores",
    "ece",
    "eer",
    "evaluate_attribution",
    "evaluate_scores",
    "fake_accuracy",
    "fit_calibration",
    "fit_isotonic",
    "fit_platt",
    "fit_temperature",
    "fit_thresholds",
    "measure_heads",
    "nll",
    "real_accuracy",
    "results",
    "roc_auc",
    "spread",
    "tpr_at_fpr",
    "wilson",
    "with_paper",
]
