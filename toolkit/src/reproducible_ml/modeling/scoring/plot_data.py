"""What the plots show, as small tables."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.calibration import calibration_curve
from sklearn.inspection import permutation_importance
from sklearn.metrics import confusion_matrix, precision_recall_curve, roc_curve
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

# Points of a curve that are kept: more cannot be told apart in a picture.
POINTS = 200

# Rows that are shown one by one, and ranges that a histogram has.
DOTS = 400
BINS = 25


def thin(table: pd.DataFrame) -> pd.DataFrame:
    """Return at most POINTS rows, the first and the last among them, rounded."""
    places = np.linspace(0, len(table) - 1, POINTS).round().astype(int)
    return table.iloc[np.unique(places)].round(DECIMALS)


def roc(rows: Predictions) -> pd.DataFrame:
    """Return the share of positives found (tpr) at each share of false alarms (fpr)."""
    fpr, tpr, _ = roc_curve(rows.actual, rows.output)
    return thin(pd.DataFrame({"fpr": fpr, "tpr": tpr}))


def precision_recall(rows: Predictions) -> pd.DataFrame:
    """Return the best precision at each recall."""
    precision, recall, _ = precision_recall_curve(rows.actual, rows.output)
    points = pd.DataFrame({"recall": recall, "precision": precision})
    return thin(points.groupby("recall", as_index=False).max())


def calibration(rows: Predictions) -> pd.DataFrame:
    """Return, in ten bins of equally many rows, what was predicted and what is true."""
    actual, predicted = calibration_curve(
        rows.actual, rows.output, n_bins=10, strategy="quantile"
    )
    return thin(pd.DataFrame({"predicted": predicted, "actual": actual}))


def confusion(
    actual: Labels | Codes, predicted: Labels | Codes, names: Mapping[Any, str]
) -> pd.DataFrame:
    """Return the number of rows of each actual and predicted class.

    Args:
        actual: True class of each row.
        predicted: Predictions class of each row.
        names: Name of each class, in the order in which they are shown.
    """
    counts = confusion_matrix(actual, predicted, labels=list(names))
    shown = names.values()
    places = [(actual, predicted) for actual in shown for predicted in shown]
    table = pd.DataFrame(places, columns=["actual", "predicted"])
    return table.assign(rows=counts.ravel())


def sample_predictions(rows: Predictions, row_keys: keys.Keys) -> pd.DataFrame:
    """Return actual, predicted and residual of some rows, chosen by their keys."""
    some = keys.sample_rows(row_keys, DOTS, keys.salt_from_text("dots"))
    actual, predicted = rows.actual[some], rows.output[some]
    table = pd.DataFrame(
        {"predicted": predicted, "actual": actual, "residual": actual - predicted}
    )
    table = table.round(unit_decimals(rows.actual))
    return table.sort_values(["predicted", "actual"], ignore_index=True)


def residual_histogram(rows: Predictions) -> pd.DataFrame:
    """Return how many rows have a residual around each of BINS places.

    The outermost hundredths count at the ends, so that one of them does not make all
    others look the same.
    """
    residual = rows.actual - rows.output
    low, high = np.quantile(residual, [0.01, 0.99])
    counts, edges = np.histogram(residual.clip(low, high), BINS, (low, high))
    middle = (edges[1:] + edges[:-1]) / 2
    middle = middle.round(unit_decimals(rows.actual))
    return pd.DataFrame({"residual": middle, "rows": counts})


def importance(
    model: Pipeline,
    rows: pd.DataFrame,
    actual: npt.NDArray[Any],
    scoring: str | Callable[..., float],
    repeats: int,
    seed: int,
) -> pd.DataFrame:
    """Return how much of a score is lost when a column is shuffled.

    Args:
        model: Fitted to columns like those of `rows`.
        rows: `n` rows of features.
        actual: What is true of them, of shape (n,).
        scoring: The score, as scikit-learn takes it.
        repeats: How often each column is shuffled.
        seed: Of the shuffling.
    """
    found = permutation_importance(
        model, rows, actual, scoring=scoring, n_repeats=repeats, random_state=seed
    )
    table = pd.DataFrame(
        {
            "feature": rows.columns,
            "importance": found.importances_mean,
            "deviation": found.importances_std,
        }
    )
    table = table.round(DECIMALS)
    return table.sort_values(["importance", "feature"], ascending=[False, True])


# Points of the curve, at most.
LEARNING_POINTS = 50

COLUMNS = ["iteration", "train", "test"]


class Stage:
    """A model as it was after some iterations, for rows that were predicted already."""

    def __init__(self, model: Any, output: Any) -> None:
        self.classes_ = getattr(model, "classes_", None)
        self.output = output

    def predict_proba(self, _: Any) -> Any:
        """Return the probabilities of the classes."""
        return self.output

    def predict(self, _: Any) -> Any:
        """Return the numbers predicted."""
        return self.output


def has_iterations(model: Pipeline) -> bool:
    """Say whether the model can tell what it was after each iteration."""
    return hasattr(model.named_steps["estimator"], "staged_predict")


def learning_curve(
    model: Pipeline,
    sides: dict[str, tuple[pd.DataFrame, pd.Series]],
    scorer: Scorer,
) -> pd.DataFrame:
    """Return the loss at up to POINTS iterations; no row if the model has none.

    Args:
        model: Fitted pipeline.
        sides: Features and target of some rows, of `train` and of `test`.
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
    """Return the loss after some of the iterations."""
    estimator = model.named_steps["estimator"]
    features = model[:-1].transform(rows)
    staged = getattr(estimator, "staged_predict_proba", estimator.staged_predict)
    last = sum(1 for _ in estimator.staged_predict(features[:1]))
    chosen = set(steps(last, LEARNING_POINTS))
    return {
        place: scorer.value(Stage(estimator, output), rows, target)
        for place, output in enumerate(staged(features), start=1)
        if place in chosen
    }
