"""The plots of each task, as tables that `plots` in dvc.yaml draws.

To add one, return one more table here, and add it to `plots` in dvc.yaml.
"""

from collections.abc import Callable
from typing import Any

import pandas as pd

from reproducible_ml.core.keys import Keys
from reproducible_ml.modeling.metrics.metric import Predicted
from reproducible_ml.modeling.metrics.multiclass import class_table
from reproducible_ml.modeling.scoring import curves

Tables = dict[str, pd.DataFrame]


def binary(rows: Predicted, _: Keys, names: dict[Any, str]) -> Tables:
    """Return the tables of two classes."""
    return {
        "roc": curves.roc(rows),
        "precision_recall": curves.precision_recall(rows),
        "calibration": curves.calibration(rows),
        "confusion_matrix": curves.confusion(rows.actual, rows.decided, names),
    }


def multiclass(rows: Predicted, _: Keys, names: dict[Any, str]) -> Tables:
    """Return the tables of several classes."""
    return {
        "confusion_matrix": curves.confusion(rows.actual, rows.decided, names),
        "classes": class_table(rows, names),
    }


def regression(rows: Predicted, row_keys: Keys, _: dict[Any, str]) -> Tables:
    """Return the tables of a number."""
    shown = curves.dots(rows, row_keys)
    return {
        "predicted_actual": shown[["predicted", "actual"]],
        "residuals": shown[["predicted", "residual"]],
        "residual_histogram": curves.residual_histogram(rows),
    }


# Task -> function of predicted rows, their keys and the names of classes.
PLOTS: dict[str, Callable[[Predicted, Keys, dict[Any, str]], Tables]] = {
    "binary": binary,
    "multiclass": multiclass,
    "regression": regression,
}
