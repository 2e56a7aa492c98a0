"""Metrics, their table and intervals, and the fitting of calibration and thresholds. No torch, no files."""

from unprompt.evaluation.attribution import REAL_PICTURES, AttributionTable, evaluate_attribution
from unprompt.evaluation.bootstrap import Interval, bootstrap
from unprompt.evaluation.calibration import fit_platt, fit_thresholds
from unprompt.evaluation.metrics import (
    accuracy,
    average_precision,
    balanced_accuracy,
    ece,
    eer,
    fake_accuracy,
    real_accuracy,
    roc_auc,
    tpr_at_fpr,
)
from unprompt.evaluation.spread import spread
from unprompt.evaluation.table import EvaluationTable, Metrics, evaluate_scores

__all__ = [
    "REAL_PICTURES",
    "AttributionTable",
    "EvaluationTable",
    "Interval",
    "Metrics",
    "accuracy",
    "average_precision",
    "balanced_accuracy",
    "bootstrap",
    "ece",
    "eer",
    "evaluate_attribution",
    "evaluate_scores",
    "fake_accuracy",
    "fit_platt",
    "fit_thresholds",
    "real_accuracy",
    "roc_auc",
    "spread",
    "tpr_at_fpr",
]
