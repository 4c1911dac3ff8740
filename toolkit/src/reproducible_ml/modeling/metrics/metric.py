"""What a metric is: a number for each of many weightings of the same rows at once.

scikit-learn's functions of the same names give the same numbers (the tests compare
them), one weighting a call. A bootstrap needs a thousand, so these take a matrix of
weights. All sums are NumPy's own, as those of BLAS differ between processors.
"""

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

# Decimals kept of what has no unit, and digits of what has: far finer than any
# interval, far coarser than rounding errors.
DECIMALS = 6
DIGITS = 10

Labels = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]
Weights = npt.NDArray[np.float64]


class Predictions(NamedTuple):
    """Truth and prediction of `n` rows.

    | task       | actual                         | output                        |
    |------------|--------------------------------|-------------------------------|
    | binary     | is it of the positive class?   | probability of that, (n,)     |
    | multiclass | place of its class, from 0     | of each class, (n, classes)   |
    | regression | number                         | number, (n,)                  |

    `threshold` is the probability from which on the positive class is predicted.
    """

    actual: npt.NDArray[Any]
    output: Floats
    threshold: float = 0.5

    @property
    def predicted(self) -> npt.NDArray[Any]:
        """What is predicted for each row: its class, or its number; of shape (n,)."""
        if self.output.ndim == 2:
            # The first of equally likely classes.
            return np.asarray(self.output.argmax(axis=1), dtype=np.intp)
        if self.actual.dtype == bool:
            return self.output >= self.threshold
        return self.output


# (rows, weights of shape (replicates, n)) -> values of shape (replicates,), NaN where
# the metric is not defined, as for rows of one class.
Function = Callable[[Predictions, Weights], Floats]


class Metric(NamedTuple):
    """How to compute a metric, which way is better, and whether it has a unit."""

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

    It is called once for each of the bootstrap's weightings, so it takes longer than
    the metrics of this package. One without `sample_weight` gets each row as often as
    its weight says.

    Args:
        function: Takes true values, predicted values and perhaps `sample_weight`.
        on: What it takes as predicted values. Binary: classes or the probability of
            the positive class; multiclass: classes (numbered from 0, in the order of
            their labels) or a column of probabilities for each; regression: numbers.
        greater_is_better: Whether a higher value is better.
        in_unit_of_target: Whether it has the unit of the target, as an error has.
        **arguments: Further arguments of the function, as `beta=2`.
    """
    weighted = "sample_weight" in inspect.signature(function).parameters

    def metric(rows: Predictions, weights: Weights) -> Floats:
        predicted = rows.output if on == "probabilities" else rows.predicted
        values = []
        for row_weights in weights:
            used = row_weights > 0
            times = row_weights[used].astype(int)
            sides = rows.actual[used], predicted[used]
            if not weighted:
                sides = sides[0].repeat(times), sides[1].repeat(times, axis=0)
            extra = {"sample_weight": row_weights[used]} if weighted else {}
            try:
                values.append(float(function(*sides, **extra, **arguments)))
            except ValueError:
                # Not defined for these rows, as when all are of one class.
                values.append(np.nan)
        return np.array(values)

    return Metric(metric, greater_is_better, in_unit_of_target)


def ratio(numerator: Floats, denominator: Floats) -> Floats:
    """Divide; NaN instead of 0 / 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(numerator / denominator, dtype=np.float64)


def weighted_sum(values: Labels | Floats, weights: Weights) -> Floats:
    """Return the sum of the `n` values under each weighting."""
    return np.asarray(np.einsum("rn,n->r", weights, values.astype(np.float64)))


def weighted_mean(values: Labels | Floats, weights: Weights) -> Floats:
    """Return the mean of the `n` values under each weighting."""
    return ratio(weighted_sum(values, weights), weights.sum(axis=1))


def unit_decimals(actual: Floats) -> int:
    """Return the decimals to keep of what has the unit of these numbers.

    With them the largest has DIGITS digits; fewer than none stand for tens and so on.
    """
    largest = float(np.abs(actual).max())
    return DIGITS - 1 - math.floor(math.log10(largest)) if largest else DECIMALS
