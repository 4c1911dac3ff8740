"""Regression: its metrics, and how its models predict."""

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from reproducible_ml.contract.schema import Contract, Data
from reproducible_ml.modeling.metrics.metric import (
    Floats,
    Predictions,
    Weights,
    ratio,
    weighted_mean,
)

if TYPE_CHECKING:
    from sklearn.dummy import DummyRegressor


def rmse(rows: Predictions, weights: Weights) -> Floats:
    """Root of the mean squared error."""
    return np.sqrt(weighted_mean((rows.actual - rows.output) ** 2, weights))


def mae(rows: Predictions, weights: Weights) -> Floats:
    """Mean absolute error."""
    return weighted_mean(np.abs(rows.actual - rows.output), weights)


def median_absolute_error(rows: Predictions, weights: Weights) -> Floats:
    """Median of the absolute errors."""
    errors = np.abs(rows.actual - rows.output)
    order = np.argsort(errors, kind="stable")
    errors, below = errors[order], np.cumsum(weights[:, order], axis=1)
    half = below[:, -1:] / 2
    low, high = (below >= half).argmax(axis=1), (below > half).argmax(axis=1)
    return np.where(below[:, -1] > 0, (errors[low] + errors[high]) / 2, np.nan)


def mean_absolute_percentage_error(rows: Predictions, weights: Weights) -> Floats:
    """Mean absolute error relative to the actual value; huge where that is 0."""
    size = np.maximum(np.abs(rows.actual), np.finfo(np.float64).eps)
    return weighted_mean(np.abs(rows.actual - rows.output) / size, weights)


def r2(rows: Predictions, weights: Weights) -> Floats:
    """Share of the variance that is explained: the coefficient of determination."""
    error = weighted_mean((rows.actual - rows.output) ** 2, weights)
    mean = weighted_mean(rows.actual, weights)
    squares = (rows.actual - mean[:, np.newaxis]) ** 2
    variance = ratio((weights * squares).sum(axis=1), weights.sum(axis=1))
    return np.where(_varies(rows.actual, weights), 1 - ratio(error, variance), np.nan)


def _varies(values: Floats, weights: Weights) -> np.ndarray[Any, Any]:
    """Return for each weighting whether the values with a weight differ.

    Rounding errors alone would give equal values a variance.
    """
    lowest = np.where(weights > 0, values, np.inf).min(axis=1)
    highest = np.where(weights > 0, values, -np.inf).max(axis=1)
    return np.asarray(lowest < highest)


class Regression:
    """Predicts a number."""

    scoring = "r2"
    names: ClassVar[dict[Any, str]] = {}

    def __init__(self, _: Contract, __: Data) -> None:
        """Take what all tasks take; nothing of it is needed."""

    def actual(self, target: pd.Series) -> Floats:
        """Return the numbers."""
        return target.to_numpy(dtype=np.float64)

    def output(self, model: Any, rows: pd.DataFrame) -> Floats:
        """Return a number for each row of features."""
        return np.asarray(model.predict(rows), dtype=np.float64)

    def baseline(self) -> "DummyRegressor":
        """Return a model that always predicts the mean."""
        from sklearn.dummy import DummyRegressor

        return DummyRegressor(strategy="mean")
