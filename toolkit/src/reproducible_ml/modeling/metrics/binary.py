"""Two classes: the probability of the positive one is predicted, and judged."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.dummy import DummyClassifier

from reproducible_ml.contract.schema import Contract, Data
from reproducible_ml.modeling.metrics.metric import (
    Floats,
    Labels,
    Predictions,
    Weights,
    ratio,
    weighted_mean,
    weighted_sum,
)


def _counts(rows: Predictions, weights: Weights) -> tuple[Floats, Floats, Floats]:
    """Return the weight of true positives, of predicted and of actual positives."""
    predicted = rows.predicted
    masks = (rows.actual & predicted, predicted, rows.actual)
    hit, claimed, actual = (weighted_sum(mask, weights) for mask in masks)
    return hit, claimed, actual


def accuracy(rows: Predictions, weights: Weights) -> Floats:
    """Share of rows whose class is predicted."""
    right = rows.predicted == rows.actual
    return weighted_mean(right, weights)


def balanced_accuracy(rows: Predictions, weights: Weights) -> Floats:
    """Mean of the shares of positive and of negative rows that are predicted."""
    right = rows.predicted == rows.actual
    shares = [
        weighted_mean(right, weights * side) for side in (rows.actual, ~rows.actual)
    ]
    return (shares[0] + shares[1]) / 2


def precision(rows: Predictions, weights: Weights) -> Floats:
    """Share of predicted positives that are positive."""
    hit, predicted, _ = _counts(rows, weights)
    return ratio(hit, predicted)


def recall(rows: Predictions, weights: Weights) -> Floats:
    """Share of positives that are predicted."""
    hit, _, actual = _counts(rows, weights)
    return ratio(hit, actual)


def f1(rows: Predictions, weights: Weights) -> Floats:
    """Harmonic mean of precision and recall."""
    hit, predicted, actual = _counts(rows, weights)
    return ratio(2 * hit, predicted + actual)


def brier_score_loss(rows: Predictions, weights: Weights) -> Floats:
    """Mean squared difference of probability and truth (Brier, 1950)."""
    return weighted_mean((rows.output - rows.actual) ** 2, weights)


def log_loss(rows: Predictions, weights: Weights) -> Floats:
    """Mean negative logarithm of the probability given to the truth."""
    given = np.where(rows.actual, rows.output, 1 - rows.output)
    return weighted_mean(-np.log(np.maximum(given, np.finfo(np.float64).eps)), weights)


def _cumulated(rows: Predictions, weights: Weights) -> tuple[Floats, Floats]:
    """Return, from the highest score down, the positive and negative weight so far.

    Rows of equal score count as one step, so that their order does not matter.
    """
    order = np.argsort(-rows.output, kind="stable")
    output, actual = rows.output[order], rows.actual[order]
    ends = np.append(np.flatnonzero(np.diff(output)), len(output) - 1)
    ordered = weights[:, order]
    hits = np.cumsum(ordered * actual, axis=1)[:, ends]
    misses = np.cumsum(ordered * ~actual, axis=1)[:, ends]
    return hits, misses


def roc_auc(rows: Predictions, weights: Weights) -> Floats:
    """Area under the ROC curve, by trapezoids."""
    hits, misses = _cumulated(rows, weights)
    before = np.pad(hits, ((0, 0), (1, 0)))[:, :-1]
    steps = np.diff(misses, axis=1, prepend=0.0)
    area = ((hits + before) / 2 * steps).sum(axis=1)
    return ratio(area, hits[:, -1] * misses[:, -1])


def average_precision(rows: Predictions, weights: Weights) -> Floats:
    """Mean of the precisions at each threshold, weighted by the gain in recall."""
    hits, misses = _cumulated(rows, weights)
    total = hits + misses
    gains = np.diff(hits, axis=1, prepend=0.0)
    # Where no row was seen yet there is no gain either.
    precisions = np.divide(hits, total, out=np.zeros_like(hits), where=total > 0)
    return ratio((precisions * gains).sum(axis=1), hits[:, -1])


class Binary:
    """The task of telling whether a row is of the positive class."""

    scoring = "roc_auc"

    def __init__(self, contract: Contract, data: Data) -> None:
        values = contract.columns[data.target].isin or ()
        others = [str(value) for value in values if value != data.positive]
        negative = others[0] if len(others) == 1 else f"not {data.positive}"
        self.names: dict[Any, str] = {False: negative, True: str(data.positive)}

    def actual(self, target: pd.Series) -> Labels:
        """Return for each row whether it is of the positive class."""
        return target.to_numpy(dtype=bool)

    def output(self, model: Any, rows: pd.DataFrame) -> Floats:
        """Return the probability of the positive class for each row of features."""
        scores: Floats = model.predict_proba(rows)[:, list(model.classes_).index(True)]
        return scores.astype(np.float64)

    def baseline(self) -> DummyClassifier:
        """Return a model that knows only how frequent each class is."""
        return DummyClassifier(strategy="prior")
