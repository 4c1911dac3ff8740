"""The plots of each task: tables, in reports/plots/, that `plots` in dvc.yaml draws.

To add a plot, return one more table here, and add it to `plots` in dvc.yaml. Tables
that need the model, importance and learning curve, are made in evaluate.py; the stage
`train` writes the loss during training and the trials of a search.
"""

from collections.abc import Callable
from typing import Any

import pandas as pd

from reproducible_ml.core.keys import Keys
from reproducible_ml.modeling.metrics.metric import Predictions
from reproducible_ml.modeling.metrics.multiclass import class_table
from reproducible_ml.modeling.scoring import plot_data

Tables = dict[str, pd.DataFrame]


def binary(rows: Predictions, _: Keys, names: dict[Any, str]) -> Tables:
    """Return the tables of a binary classification."""
    return {
        "roc": plot_data.roc(rows),
        "precision_recall": plot_data.precision_recall(rows),
        "calibration": plot_data.calibration(rows),
        "confusion_matrix": plot_data.confusion(rows.actual, rows.predicted, names),
    }


def multiclass(rows: Predictions, _: Keys, names: dict[Any, str]) -> Tables:
    """Return the tables of a multiclass classification."""
    return {
        "confusion_matrix": plot_data.confusion(rows.actual, rows.predicted, names),
        "classes": class_table(rows, names),
    }


def regression(rows: Predictions, row_keys: Keys, _: dict[Any, str]) -> Tables:
    """Return the tables of a regression."""
    shown = plot_data.sample_predictions(rows, row_keys)
    return {
        "predicted_actual": shown[["predicted", "actual"]],
        "residuals": shown[["predicted", "residual"]],
        "residual_histogram": plot_data.residual_histogram(rows),
    }


# Task -> function of predicted rows, their keys and the names of classes.
PLOTS: dict[str, Callable[[Predictions, Keys, dict[Any, str]], Tables]] = {
    "binary": binary,
    "multiclass": multiclass,
    "regression": regression,
}
