"""Several classes: the probability of each is predicted, and judged."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.dummy import DummyClassifier

from reproducible_ml.contract.schema import Contract, Data
from reproducible_ml.modeling.metrics import binary
from reproducible_ml.modeling.metrics.metric import (
    DECIMALS,
    Codes,
    Floats,
    Labels,
    Metric,
    Predictions,
    Weights,
    ratio,
    weighted_mean,
)


def _counts(rows: Predictions, weights: Weights) -> tuple[Floats, Floats, Floats]:
    """Return the weight of the hits, of predicted and of actual rows of each class.

    Each has the shape (replicates, classes).
    """
    codes, classes = rows.predicted, rows.output.shape[1]
    hits = weights * (rows.actual == codes)
    return (
        _by_class(rows.actual, hits, classes),
        _by_class(codes, weights, classes),
        _by_class(rows.actual, weights, classes),
    )


def _by_class(codes: Codes, weights: Weights, classes: int) -> Floats:
    """Return the sum of the weights of each class's rows."""
    order = np.argsort(codes, kind="stable")
    found, starts = np.unique(codes[order], return_index=True)
    sums = np.zeros((len(weights), classes))
    sums[:, found] = np.add.reduceat(weights[:, order], starts, axis=1)
    return sums


def _mean_over(values: Floats, known: Labels) -> Floats:
    """Return the mean over those classes of which there is something to know."""
    return ratio(np.where(known, values, 0).sum(axis=1), known.sum(axis=1))


def _macro(values: Floats, claimed: Floats, actual: Floats) -> Floats:
    """Return the mean over classes that are predicted or true somewhere.

    As in scikit-learn, precision and recall are 0 there where they divide by 0.
    """
    return _mean_over(np.nan_to_num(values), claimed + actual > 0)


def accuracy(rows: Predictions, weights: Weights) -> Floats:
    """Share of rows whose class is predicted."""
    return weighted_mean(rows.predicted == rows.actual, weights)


def balanced_accuracy(rows: Predictions, weights: Weights) -> Floats:
    """Mean over the classes of the share of their rows that is predicted."""
    hit, _, actual = _counts(rows, weights)
    return _mean_over(ratio(hit, actual), actual > 0)


def precision_macro(rows: Predictions, weights: Weights) -> Floats:
    """Mean over the classes of the share of rows predicted so that are so."""
    hit, claimed, actual = _counts(rows, weights)
    return _macro(ratio(hit, claimed), claimed, actual)


def recall_macro(rows: Predictions, weights: Weights) -> Floats:
    """Mean over the classes, also those only predicted, of the share found."""
    hit, claimed, actual = _counts(rows, weights)
    return _macro(ratio(hit, actual), claimed, actual)


def f1_macro(rows: Predictions, weights: Weights) -> Floats:
    """Mean over the classes of the harmonic mean of precision and recall."""
    hit, claimed, actual = _counts(rows, weights)
    return _macro(ratio(2 * hit, claimed + actual), claimed, actual)


def f1_weighted(rows: Predictions, weights: Weights) -> Floats:
    """The same mean, with a class counting as much as it has rows."""
    hit, claimed, actual = _counts(rows, weights)
    found = np.nan_to_num(ratio(2 * hit, claimed + actual))
    return ratio((found * actual).sum(axis=1), actual.sum(axis=1))


def log_loss(rows: Predictions, weights: Weights) -> Floats:
    """Mean negative logarithm of the probability given to the truth."""
    given = rows.output[np.arange(len(rows.actual)), rows.actual]
    return weighted_mean(-np.log(np.maximum(given, np.finfo(np.float64).eps)), weights)


def roc_auc_ovr(rows: Predictions, weights: Weights) -> Floats:
    """Mean area under the ROC curves of each class against the rest.

    Where a class has no rows, or all, it has no curve; the others make the mean.
    """
    areas = [
        binary.roc_auc(Predictions(rows.actual == code, rows.output[:, code]), weights)
        for code in np.unique(rows.actual)
    ]
    found = np.stack(areas, axis=1)
    return _mean_over(found, ~np.isnan(found))


# Metrics of each class, taken as the positive one.
PER_CLASS = {
    "precision": Metric(binary.precision),
    "recall": Metric(binary.recall),
    "f1": Metric(binary.f1),
}


def class_table(rows: Predictions, names: dict[int, str]) -> pd.DataFrame:
    """Return rows, precision, recall and f1 of each class, in the order of `names`."""
    hit, claimed, actual = (c[0] for c in _counts(rows, np.ones((1, len(rows.actual)))))
    table = pd.DataFrame(
        {
            "class": [names[code] for code in range(len(names))],
            "rows": actual.astype(int),
            "precision": ratio(hit, claimed),
            "recall": ratio(hit, actual),
            "f1": ratio(2 * hit, claimed + actual),
        }
    )
    return table.round(DECIMALS).loc[list(names)]


class Multiclass:
    """The task of telling to which class a row belongs."""

    def __init__(self, contract: Contract, data: Data) -> None:
        shown = contract.columns[data.target].isin or ()
        # Codes follow the order in which scikit-learn sorts classes, so that of two
        # equally likely ones the same is chosen; reports follow the contract's order.
        self.labels = sorted(shown)
        self.codes = {label: code for code, label in enumerate(self.labels)}
        self.names: dict[Any, str] = {self.codes[label]: str(label) for label in shown}

    @property
    def scoring(self) -> Callable[[Any, pd.DataFrame, Codes], float]:
        """Return a function that gives the log loss, negated, of a model."""

        def negative_log_loss(model: Any, rows: pd.DataFrame, actual: Codes) -> float:
            predicted = Predictions(actual, self.output(model, rows))
            return -float(log_loss(predicted, np.ones((1, len(actual))))[0])

        return negative_log_loss

    def actual(self, target: pd.Series) -> Codes:
        """Return the code of each row's class."""
        found = pd.Categorical(target, categories=self.labels).codes
        return np.asarray(found, dtype=np.intp)

    def output(self, model: Any, rows: pd.DataFrame) -> Floats:
        """Return a row's probability of each class: 0 of one never trained on."""
        scores = np.zeros((len(rows), len(self.labels)))
        known = [self.codes[label] for label in model.classes_]
        scores[:, known] = model.predict_proba(rows)
        return scores

    def baseline(self) -> DummyClassifier:
        """Return a model that knows only how frequent each class is."""
        return DummyClassifier(strategy="prior")
