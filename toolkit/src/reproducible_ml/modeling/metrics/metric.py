"""Metrics: functions of predictions that are computed for many weightings at once.

They give the same numbers as scikit-learn's functions of the same names (the tests
compare them), which take one weighting per call. A bootstrap needs hundreds, so these
take a matrix of weights. All sums are NumPy's own, as those of BLAS differ between
processors.
"""

import inspect
import math
import threading
import warnings
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

# Decimals kept of metrics without a unit, and significant digits of those with one: far
# finer than any interval, far coarser than rounding errors.
DECIMALS = 6
DIGITS = 10

# Python's warning filters are shared by all threads: one at a time may change them.
WARNINGS = threading.Lock()

Labels = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]
Weights = npt.NDArray[np.float64]


class Predictions(NamedTuple):
    """Actual and predicted values of `n` rows.

    | task       | actual, shape (n,)             | output                        |
    |------------|--------------------------------|-------------------------------|
    | binary     | whether the class is positive  | its probability, (n,)         |
    | multiclass | code of the class, from 0      | probabilities, (n, classes)   |
    | regression | number                         | predicted number, (n,)        |

    `threshold` is the lowest probability for which the positive class is predicted.
    """

    actual: npt.NDArray[Any]
    output: Floats
    threshold: float = 0.5

    @property
    def predicted(self) -> npt.NDArray[Any]:
        """Predicted class or number of each row, of shape (n,)."""
        if self.output.ndim == 2:
            # Of equally likely classes, the first.
            return np.asarray(self.output.argmax(axis=1), dtype=np.intp)
        if self.actual.dtype == bool:
            return self.output >= self.threshold
        return self.output


# (rows, weights of shape (replicates, n)) -> values of shape (replicates,), NaN where
# the metric is undefined, as the area under the ROC curve for rows of one class.
Function = Callable[[Predictions, Weights], Floats]


class Metric(NamedTuple):
    """A metric's function, its direction, and whether it has the target's unit."""

    function: Function
    greater_is_better: bool = True
    in_unit_of_target: bool = False


Metrics = Mapping[str, Metric]


def from_sklearn(
    function: Callable[..., float],
    *,
    on: Literal["predictions", "probabilities"] = "predictions",
    greater_is_better: bool = True,
    in_unit_of_target: bool = False,
    **arguments: Any,
) -> Metric:
    """Return a metric that is computed by a function of `sklearn.metrics`.

    It is called once for each weighting of the bootstrap, so it takes longer than the
    metrics of this package. A function without `sample_weight` gets each row as often
    as its weight says. The metric is NaN where scikit-learn raises a `ValueError` or
    warns that it is undefined, as for rows of one class.

    Args:
        function: Takes true values, predicted values and perhaps `sample_weight`.
        on: What it takes as predicted values. Binary: classes (booleans) or the
            probability of the positive class; multiclass: classes (codes from 0, in
            the order of the sorted labels) or a column of probabilities for each;
            regression: numbers in both cases.
        greater_is_better: Whether a higher value is better.
        in_unit_of_target: Whether it has the unit of the target, as an error has.
        **arguments: Further arguments of the function, as `beta=2`.
    """
    known = inspect.signature(function).parameters
    weighted = "sample_weight" in known
    takes_labels = on == "probabilities" and "labels" in known.keys() - arguments.keys()

    def metric(rows: Predictions, weights: Weights) -> Floats:
        predicted = rows.output if on == "probabilities" else rows.predicted
        options = dict(arguments)
        if takes_labels and (labels := _labels(rows)):
            # A replicate need not hold rows of every class.
            options["labels"] = labels
        values = []
        for row_weights in weights:
            used = row_weights > 0
            actual, output, times = (
                rows.actual[used],
                predicted[used],
                row_weights[used],
            )
            if weighted:
                options["sample_weight"] = times
            else:
                counts = times.astype(int)
                actual, output = actual.repeat(counts), output.repeat(counts, axis=0)
            values.append(_value_or_nan(function, actual, output, options))
        return np.array(values, dtype=np.float64)

    return Metric(metric, greater_is_better, in_unit_of_target)


def _labels(rows: Predictions) -> list[Any]:
    """Return all classes that rows can have, or nothing for numbers."""
    if rows.output.ndim == 2:
        return list(range(rows.output.shape[1]))
    return [False, True] if rows.actual.dtype == bool else []


def _value_or_nan(
    function: Callable[..., float],
    actual: npt.NDArray[Any],
    predicted: npt.NDArray[Any],
    options: dict[str, Any],
) -> float:
    from sklearn.exceptions import UndefinedMetricWarning

    with WARNINGS, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", UndefinedMetricWarning)
        # Of average precision; scikit-learn has no category of its own for it.
        warnings.filterwarnings("error", "No positive class found")
        try:
            return float(function(actual, predicted, **options))
        except (ValueError, UserWarning):
            return math.nan


def ratio(numerator: Floats, denominator: Floats) -> Floats:
    """Return the quotients, NaN for 0 / 0, without warnings."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(numerator / denominator, dtype=np.float64)


def weighted_sum(values: Labels | Floats, weights: Weights) -> Floats:
    """Return the sum of the `n` values under each weighting."""
    return np.asarray(np.einsum("rn,n->r", weights, values.astype(np.float64)))


def weighted_mean(values: Labels | Floats, weights: Weights) -> Floats:
    """Return the mean of the `n` values under each weighting."""
    return ratio(weighted_sum(values, weights), weights.sum(axis=1))


def sum_by_code(codes: Codes, weights: Weights, size: int) -> Floats:
    """Return the sum of the weights of the rows of each code, from 0 to `size` - 1.

    Args:
        codes: Of the rows, as of their class, of shape (n,).
        weights: Of shape (replicates, n).
        size: Number of codes.
    """
    order = np.argsort(codes, kind="stable")
    found, starts = np.unique(codes[order], return_index=True)
    sums = np.zeros((len(weights), size))
    if len(codes):
        sums[:, found] = np.add.reduceat(weights[:, order], starts, axis=1)
    return sums


def unit_decimals(actual: Floats) -> int:
    """Return the number of decimals to keep of values in the unit of these numbers.

    The largest keeps DIGITS significant digits; -1 stands for tens, and so on.
    """
    largest = float(np.abs(actual).max())
    return DIGITS - 1 - math.floor(math.log10(largest)) if largest else DECIMALS
