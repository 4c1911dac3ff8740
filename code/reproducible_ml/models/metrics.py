"""What a metric is: a number for each of many weightings of the same rows at once.

scikit-learn's functions of the same names give the same numbers (the tests compare
them), one weighting a call. A bootstrap needs a thousand, so these take a matrix of
weights. All sums are NumPy's own, as those of BLAS differ between processors.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

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


class Predicted(NamedTuple):
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


# (rows, weights of shape (replicates, n)) -> values of shape (replicates,), NaN where
# the metric is not defined, as for rows of one class.
Function = Callable[[Predicted, Weights], Floats]


class Metric(NamedTuple):
    """How to compute a metric, which way is better, and whether it has a unit."""

    function: Function
    greater_is_better: bool = True
    in_unit_of_target: bool = False


Metrics = Mapping[str, Metric]


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
