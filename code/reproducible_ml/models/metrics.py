"""Metrics of a binary classifier under many weightings of the same rows at once.

scikit-learn's functions of the same names give the same numbers (the tests compare
them), one weighting a call. A bootstrap needs a thousand, so these take a matrix of
weights. All sums are NumPy's own, as those of BLAS differ between processors.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Weights = npt.NDArray[np.float64]


class Predicted(NamedTuple):
    """What is known of `n` rows: truth, predicted probability, and the threshold."""

    positive: Labels
    score: Floats
    threshold: float


# (rows, weights of shape (replicates, n)) -> values of shape (replicates,), NaN where
# the metric is not defined, as for rows of one class.
Function = Callable[[Predicted, Weights], Floats]


class Metric(NamedTuple):
    """How to compute a metric, and which way is better."""

    function: Function
    greater_is_better: bool = True


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(numerator / denominator, dtype=np.float64)


def _sum(values: Labels | Floats, weights: Weights) -> Floats:
    return np.asarray(np.einsum("rn,n->r", weights, values.astype(np.float64)))


def _mean(values: Labels | Floats, weights: Weights) -> Floats:
    return _ratio(_sum(values, weights), weights.sum(axis=1))


def _counts(rows: Predicted, weights: Weights) -> tuple[Floats, Floats, Floats]:
    """Return the weight of true positives, of predicted and of actual positives."""
    predicted = rows.score >= rows.threshold
    masks = (rows.positive & predicted, predicted, rows.positive)
    hit, claimed, actual = (_sum(mask, weights) for mask in masks)
    return hit, claimed, actual


def accuracy(rows: Predicted, weights: Weights) -> Floats:
    """Share of rows whose class is predicted."""
    right = (rows.score >= rows.threshold) == rows.positive
    return _mean(right, weights)


def balanced_accuracy(rows: Predicted, weights: Weights) -> Floats:
    """Mean of the shares of positive and of negative rows that are predicted."""
    right = (rows.score >= rows.threshold) == rows.positive
    shares = [_mean(right, weights * side) for side in (rows.positive, ~rows.positive)]
    return (shares[0] + shares[1]) / 2


def precision(rows: Predicted, weights: Weights) -> Floats:
    """Share of predicted positives that are positive."""
    hit, predicted, _ = _counts(rows, weights)
    return _ratio(hit, predicted)


def recall(rows: Predicted, weights: Weights) -> Floats:
    """Share of positives that are predicted."""
    hit, _, actual = _counts(rows, weights)
    return _ratio(hit, actual)


def f1(rows: Predicted, weights: Weights) -> Floats:
    """Harmonic mean of precision and recall."""
    hit, predicted, actual = _counts(rows, weights)
    return _ratio(2 * hit, predicted + actual)


def brier_score_loss(rows: Predicted, weights: Weights) -> Floats:
    """Mean squared difference of probability and truth (Brier, 1950)."""
    return _mean((rows.score - rows.positive) ** 2, weights)


def log_loss(rows: Predicted, weights: Weights) -> Floats:
    """Mean negative logarithm of the probability given to the truth."""
    given = np.where(rows.positive, rows.score, 1 - rows.score)
    return _mean(-np.log(np.maximum(given, np.finfo(np.float64).eps)), weights)


def _cumulated(rows: Predicted, weights: Weights) -> tuple[Floats, Floats]:
    """Return, from the highest score down, the positive and negative weight so far.

    Rows of equal score count as one step, so that their order does not matter.
    """
    order = np.argsort(-rows.score, kind="stable")
    score, positive = rows.score[order], rows.positive[order]
    ends = np.append(np.flatnonzero(np.diff(score)), len(score) - 1)
    ordered = weights[:, order]
    hits = np.cumsum(ordered * positive, axis=1)[:, ends]
    misses = np.cumsum(ordered * ~positive, axis=1)[:, ends]
    return hits, misses


def roc_auc(rows: Predicted, weights: Weights) -> Floats:
    """Area under the ROC curve, by trapezoids."""
    hits, misses = _cumulated(rows, weights)
    before = np.pad(hits, ((0, 0), (1, 0)))[:, :-1]
    steps = np.diff(misses, axis=1, prepend=0.0)
    area = ((hits + before) / 2 * steps).sum(axis=1)
    return _ratio(area, hits[:, -1] * misses[:, -1])


def average_precision(rows: Predicted, weights: Weights) -> Floats:
    """Mean of the precisions at each threshold, weighted by the gain in recall."""
    hits, misses = _cumulated(rows, weights)
    total = hits + misses
    gains = np.diff(hits, axis=1, prepend=0.0)
    # Where no row was seen yet there is no gain either.
    precisions = np.divide(hits, total, out=np.zeros_like(hits), where=total > 0)
    return _ratio((precisions * gains).sum(axis=1), hits[:, -1])


METRICS = {
    "roc_auc": Metric(roc_auc),
    "average_precision": Metric(average_precision),
    "accuracy": Metric(accuracy),
    "balanced_accuracy": Metric(balanced_accuracy),
    "precision": Metric(precision),
    "recall": Metric(recall),
    "f1": Metric(f1),
    "brier_score_loss": Metric(brier_score_loss, greater_is_better=False),
    "log_loss": Metric(log_loss, greater_is_better=False),
}
