"""Multiclass classification: its metrics, and how its models predict."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

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
    sum_by_code,
    weighted_mean,
)

if TYPE_CHECKING:
    from sklearn.dummy import DummyClassifier

# Metrics of each class, taken as the positive one.
PER_CLASS = {
    "precision": Metric(binary.precision),
    "recall": Metric(binary.recall),
    "f1": Metric(binary.f1),
}


def _counts(rows: Predictions, weights: Weights) -> tuple[Floats, Floats, Floats]:
    """Return the weight of true positives, predicted and actual rows of each class.

    Each has the shape (replicates, classes).
    """
    codes, classes = rows.predicted, rows.output.shape[1]
    correct = weights * (rows.actual == codes)
    return (
        sum_by_code(rows.actual, correct, classes),
        sum_by_code(codes, weights, classes),
        sum_by_code(rows.actual, weights, classes),
    )


def _mean_over(values: Floats, known: Labels) -> Floats:
    """Return the mean over the classes whose value is defined."""
    return ratio(np.where(known, values, 0).sum(axis=1), known.sum(axis=1))


def _macro(values: Floats, predicted: Floats, actual: Floats) -> Floats:
    """Return the mean over classes with at least one predicted or actual row.

    As in scikit-learn, precision and recall are 0 where they divide by 0.
    """
    return _mean_over(np.nan_to_num(values), predicted + actual > 0)


def accuracy(rows: Predictions, weights: Weights) -> Floats:
    """Share of rows whose class is predicted correctly."""
    return weighted_mean(rows.predicted == rows.actual, weights)


def balanced_accuracy(rows: Predictions, weights: Weights) -> Floats:
    """Mean recall of the classes that have rows."""
    true, _, actual = _counts(rows, weights)
    return _mean_over(ratio(true, actual), actual > 0)


def precision_macro(rows: Predictions, weights: Weights) -> Floats:
    """Mean precision of the classes."""
    true, predicted, actual = _counts(rows, weights)
    return _macro(ratio(true, predicted), predicted, actual)


def recall_macro(rows: Predictions, weights: Weights) -> Floats:
    """Mean recall of the classes; 0 for those that are only predicted."""
    true, predicted, actual = _counts(rows, weights)
    return _macro(ratio(true, actual), predicted, actual)


def f1_macro(rows: Predictions, weights: Weights) -> Floats:
    """Mean F1 score of the classes."""
    true, predicted, actual = _counts(rows, weights)
    return _macro(ratio(2 * true, predicted + actual), predicted, actual)


def f1_weighted(rows: Predictions, weights: Weights) -> Floats:
    """Mean F1 score of the classes, weighted by their rows."""
    true, predicted, actual = _counts(rows, weights)
    scores = np.nan_to_num(ratio(2 * true, predicted + actual))
    return ratio((scores * actual).sum(axis=1), actual.sum(axis=1))


def log_loss(rows: Predictions, weights: Weights) -> Floats:
    """Mean negative logarithm of the probability of the actual class."""
    given = rows.output[np.arange(len(rows.actual)), rows.actual]
    return weighted_mean(-np.log(np.maximum(given, np.finfo(np.float64).eps)), weights)


def roc_auc_ovr(rows: Predictions, weights: Weights) -> Floats:
    """Mean area under the ROC curve of each class against the rest.

    Classes without rows, and one with all of them, have no curve and are left out.
    """
    areas = [
        binary.roc_auc(Predictions(rows.actual == code, rows.output[:, code]), weights)
        for code in np.unique(rows.actual)
    ]
    found = np.stack(areas, axis=1)
    return _mean_over(found, ~np.isnan(found))


def per_class(rows: Predictions, weights: Weights) -> dict[str, Floats]:
    """Return PER_CLASS of all classes at once, of shape (replicates, classes)."""
    true, predicted, actual = _counts(rows, weights)
    values = (
        ratio(true, predicted),
        ratio(true, actual),
        ratio(2 * true, predicted + actual),
    )
    return dict(zip(PER_CLASS, values, strict=True))


def class_table(rows: Predictions, names: dict[int, str]) -> pd.DataFrame:
    """Return rows, precision, recall and f1 of each class, in the order of `names`."""
    once = np.ones((1, len(rows.actual)))
    counts = np.bincount(rows.actual, minlength=rows.output.shape[1])
    values = {name: found[0] for name, found in per_class(rows, once).items()}
    labels = [names[code] for code in range(len(names))]
    table = pd.DataFrame({"class": labels, "rows": counts, **values})
    return table.round(DECIMALS).loc[list(names)]


class Multiclass:
    """Predicts which class a row belongs to."""

    def __init__(self, contract: Contract, data: Data) -> None:
        shown = contract.columns[data.target].isin or ()
        # Codes follow scikit-learn's order of classes, so that of two equally likely
        # ones the same is predicted; reports follow the order of the contract.
        self.labels = sorted(shown)
        self.codes = {label: code for code, label in enumerate(self.labels)}
        self.names: dict[Any, str] = {self.codes[label]: str(label) for label in shown}

    @property
    def scoring(self) -> Callable[[Any, pd.DataFrame, Codes], float]:
        """Return a function that computes the negative log loss of a model."""

        def negative_log_loss(model: Any, rows: pd.DataFrame, actual: Codes) -> float:
            predicted = Predictions(actual, self.output(model, rows))
            return -float(log_loss(predicted, np.ones((1, len(actual))))[0])

        return negative_log_loss

    def actual(self, target: pd.Series) -> Codes:
        """Return the code of each row's class."""
        found = pd.Categorical(target, categories=self.labels).codes
        return np.asarray(found, dtype=np.intp)

    def output(self, model: Any, rows: pd.DataFrame) -> Floats:
        """Return the probability of each class: 0 for those without training rows."""
        scores = np.zeros((len(rows), len(self.labels)))
        known = [self.codes[label] for label in model.classes_]
        scores[:, known] = model.predict_proba(rows)
        return scores

    def baseline(self) -> "DummyClassifier":
        """Return a model that always predicts the class frequencies."""
        from sklearn.dummy import DummyClassifier

        return DummyClassifier(strategy="prior")
