"""The data of plots, as small tables."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from reproducible_ml.core import keys
from reproducible_ml.modeling.metrics.metric import (
    DECIMALS,
    Codes,
    Labels,
    Predictions,
    unit_decimals,
)
from reproducible_ml.modeling.metrics.tasks import Scorer, steps

# Points of a curve, at most: a picture shows no more.
POINTS = 200

# Rows shown as single points, at most, and bins of a histogram.
DOTS = 400
BINS = 25

# Iterations of a learning curve, at most, and its columns.
LEARNING_POINTS = 50
COLUMNS = ["iteration", "train", "test"]


def thin(table: pd.DataFrame) -> pd.DataFrame:
    """Return at most POINTS rows, with the first and the last, rounded."""
    places = np.linspace(0, len(table) - 1, POINTS).round().astype(int)
    return table.iloc[np.unique(places)].round(DECIMALS)


def roc(rows: Predictions) -> pd.DataFrame:
    """Return the true positive rate (tpr) at each false positive rate (fpr)."""
    from sklearn.metrics import roc_curve

    fpr, tpr, _ = roc_curve(rows.actual, rows.output)
    return thin(pd.DataFrame({"fpr": fpr, "tpr": tpr}))


def precision_recall(rows: Predictions) -> pd.DataFrame:
    """Return the highest precision at each recall."""
    from sklearn.metrics import precision_recall_curve

    precision, recall, _ = precision_recall_curve(rows.actual, rows.output)
    points = pd.DataFrame({"recall": recall, "precision": precision})
    return thin(points.groupby("recall", as_index=False).max())


def calibration(rows: Predictions) -> pd.DataFrame:
    """Return mean predicted and actual probability in ten bins of as many rows each."""
    from sklearn.calibration import calibration_curve

    actual, predicted = calibration_curve(
        rows.actual, rows.output, n_bins=10, strategy="quantile"
    )
    return thin(pd.DataFrame({"predicted": predicted, "actual": actual}))


def confusion(
    actual: Labels | Codes, predicted: Labels | Codes, names: Mapping[Any, str]
) -> pd.DataFrame:
    """Return the number of rows of each actual and predicted class.

    Args:
        actual: Actual class of each row, of shape (n,).
        predicted: Predicted class of each row, of shape (n,).
        names: Name of each class, in the order of the table.
    """
    from sklearn.metrics import confusion_matrix

    counts = confusion_matrix(actual, predicted, labels=list(names))
    shown = names.values()
    places = [(actual, predicted) for actual in shown for predicted in shown]
    table = pd.DataFrame(places, columns=["actual", "predicted"])
    return table.assign(rows=counts.ravel())


def sample_predictions(rows: Predictions, row_keys: keys.Keys) -> pd.DataFrame:
    """Return predicted, actual and residual of some rows, chosen by their keys."""
    some = keys.sample_rows(row_keys, DOTS, keys.salt_from_text("dots"))
    actual, predicted = rows.actual[some], rows.output[some]
    table = pd.DataFrame(
        {"predicted": predicted, "actual": actual, "residual": actual - predicted}
    )
    table = table.round(unit_decimals(rows.actual))
    return table.sort_values(["predicted", "actual"], ignore_index=True)


def residual_histogram(rows: Predictions) -> pd.DataFrame:
    """Return the number of rows in each of BINS bins, and the middle of the bin.

    The outermost hundredths of rows are counted in the first and the last bin, as one
    outlier could leave all others in a single one.
    """
    residual = rows.actual - rows.output
    low, high = np.quantile(residual, [0.01, 0.99])
    counts, edges = np.histogram(residual.clip(low, high), BINS, (low, high))
    middle = (edges[1:] + edges[:-1]) / 2
    middle = middle.round(unit_decimals(rows.actual))
    return pd.DataFrame({"residual": middle, "rows": counts})


class _Staged:
    """A model after some of its iterations, with its output for the rows known."""

    def __init__(self, model: Any, output: Any) -> None:
        self.classes_ = getattr(model, "classes_", None)
        self.output = output

    def predict_proba(self, _: Any) -> Any:
        """Return the probability of each class."""
        return self.output

    def predict(self, _: Any) -> Any:
        """Return the predicted numbers."""
        return self.output


def has_iterations(model: Pipeline) -> bool:
    """Return whether the model can predict as it did after each iteration."""
    return hasattr(model.named_steps["estimator"], "staged_predict")


def learning_curve(
    model: Pipeline,
    sides: dict[str, tuple[pd.DataFrame, pd.Series]],
    scorer: Scorer,
) -> pd.DataFrame:
    """Return the loss at up to LEARNING_POINTS iterations; no rows if there are none.

    Args:
        model: Fitted pipeline.
        sides: Features and target of some rows, for `train` and for `test`.
        scorer: Computes the loss.
    """
    if not has_iterations(model):
        return pd.DataFrame(columns=COLUMNS)
    decimals = scorer.decimals(sides["train"][1])
    curves = {
        side: pd.Series(_losses(model, rows, target, scorer)).round(decimals)
        for side, (rows, target) in sides.items()
    }
    return pd.DataFrame(curves).rename_axis("iteration").reset_index()


def _losses(
    model: Pipeline, rows: pd.DataFrame, target: pd.Series, scorer: Scorer
) -> dict[int, float]:
    """Return the loss by iteration."""
    estimator = model.named_steps["estimator"]
    features = model[:-1].transform(rows)
    staged = getattr(estimator, "staged_predict_proba", estimator.staged_predict)
    last = sum(1 for _ in estimator.staged_predict(features[:1]))
    chosen = set(steps(last, LEARNING_POINTS))
    return {
        place: scorer.value(_Staged(estimator, output), rows, target)
        for place, output in enumerate(staged(features), start=1)
        if place in chosen
    }
