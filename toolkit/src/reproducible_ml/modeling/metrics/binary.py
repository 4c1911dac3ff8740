"""Binary classification: its metrics, and how its models predict."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from reproducible_ml.contract.schema import Contract, Data
from reproducible_ml.contract.target import target_classes
from reproducible_ml.modeling.metrics.metric import (
    Floats,
    Labels,
    Predictions,
    Weights,
    ratio,
    weighted_mean,
    weighted_sum,
)

if TYPE_CHECKING:
    from sklearn.dummy import DummyClassifier


def _counts(rows: Predictions, weights: Weights) -> tuple[Floats, Floats, Floats]:
    """Return the weight of true positives, predicted positives and actual positives."""
    predicted = rows.predicted
    masks = (rows.actual & predicted, predicted, rows.actual)
    true, positive, actual = (weighted_sum(mask, weights) for mask in masks)
    return true, positive, actual


def accuracy(rows: Predictions, weights: Weights) -> Floats:
    """Share of rows whose class is predicted correctly."""
    right = rows.predicted == rows.actual
    return weighted_mean(right, weights)


def balanced_accuracy(rows: Predictions, weights: Weights) -> Floats:
    """Mean of the recall of the positive and of the negative class."""
    right = rows.predicted == rows.actual
    shares = [
        weighted_mean(right, weights * side) for side in (rows.actual, ~rows.actual)
    ]
    return (shares[0] + shares[1]) / 2


def precision(rows: Predictions, weights: Weights) -> Floats:
    """Share of predicted positives that are positive."""
    true, predicted, _ = _counts(rows, weights)
    return ratio(true, predicted)


def recall(rows: Predictions, weights: Weights) -> Floats:
    """Share of positives that are predicted positive."""
    true, _, actual = _counts(rows, weights)
    return ratio(true, actual)


def f1(rows: Predictions, weights: Weights) -> Floats:
    """Harmonic mean of precision and recall."""
    true, predicted, actual = _counts(rows, weights)
    return ratio(2 * true, predicted + actual)


def brier_score_loss(rows: Predictions, weights: Weights) -> Floats:
    """Mean squared difference of probability and actual class (Brier, 1950)."""
    return weighted_mean((rows.output - rows.actual) ** 2, weights)


def log_loss(rows: Predictions, weights: Weights) -> Floats:
    """Mean negative logarithm of the probability of the actual class."""
    given = np.where(rows.actual, rows.output, 1 - rows.output)
    return weighted_mean(-np.log(np.maximum(given, np.finfo(np.float64).eps)), weights)


def _cumulative(rows: Predictions, weights: Weights) -> tuple[Floats, Floats]:
    """Return cumulative weights of positives and negatives, by decreasing score.

    Rows of equal score are one step, so that their order does not matter.
    """
    order = np.argsort(-rows.output, kind="stable")
    output, actual = rows.output[order], rows.actual[order]
    ends = np.append(np.flatnonzero(np.diff(output)), len(output) - 1)
    ordered = weights[:, order]
    positives = np.cumsum(ordered * actual, axis=1)[:, ends]
    negatives = np.cumsum(ordered * ~actual, axis=1)[:, ends]
    return positives, negatives


def roc_auc(rows: Predictions, weights: Weights) -> Floats:
    """Area under the ROC curve, by the trapezoidal rule.

    It is the weight of pairs of a positive and a negative with a lower score, plus half
    of those with an equal one: only steps with positives have to be looked at.
    """
    order = np.argsort(-rows.output, kind="stable")
    output, positive = rows.output[order], rows.actual[order]
    if not positive.any():
        return np.full(len(weights), np.nan)
    ordered = weights[:, order]
    total = np.pad(np.cumsum(ordered, axis=1), ((0, 0), (1, 0)))
    # Rows of equal score are one step.
    starts = np.flatnonzero(np.diff(output, prepend=np.inf))
    step = np.searchsorted(starts, np.flatnonzero(positive), side="right") - 1
    steps, first = np.unique(step, return_index=True)
    positives = np.add.reduceat(ordered[:, positive], first, axis=1)
    before, after = (
        total[:, np.append(starts, len(output))[steps + n]] for n in (0, 1)
    )
    reached = np.cumsum(positives, axis=1)
    # Summed by itself: a difference of sums need not be 0 where there are none.
    negatives = ordered[:, ~positive].sum(axis=1)
    lower = negatives[:, np.newaxis] - (after - reached)
    area = (positives * (lower + (after - before - positives) / 2)).sum(axis=1)
    pairs = reached[:, -1] * negatives
    return np.where(pairs > 0, ratio(area, pairs), np.nan)


def average_precision(rows: Predictions, weights: Weights) -> Floats:
    """Mean of the precisions at each threshold, weighted by the gain in recall."""
    positives, negatives = _cumulative(rows, weights)
    total = positives + negatives
    gains = np.diff(positives, axis=1, prepend=0.0)
    # Where the total is still 0, so is the gain.
    start = np.zeros_like(positives)
    precisions = np.divide(positives, total, out=start, where=total > 0)
    return ratio((precisions * gains).sum(axis=1), positives[:, -1])


class Binary:
    """Predicts whether a row is of the positive class."""

    scoring = "roc_auc"

    def __init__(self, contract: Contract, data: Data) -> None:
        self.names: dict[Any, str] = target_classes(contract, data)

    def actual(self, target: pd.Series) -> Labels:
        """Return for each row whether it is of the positive class."""
        return target.to_numpy(dtype=bool)

    def output(self, model: Any, rows: pd.DataFrame) -> Floats:
        """Return the probability of the positive class, 0 if it was not trained on."""
        shares = dict(zip(model.classes_, model.predict_proba(rows).T, strict=True))
        positive = shares.get(True, np.zeros(len(rows)))
        return np.ascontiguousarray(positive, dtype=np.float64)

    def baseline(self) -> "DummyClassifier":
        """Return a model that always predicts the class frequencies."""
        from sklearn.dummy import DummyClassifier

        return DummyClassifier(strategy="prior")
