"""How far a metric might be off, from resampling the test rows by their keys.

In a Poisson bootstrap each row gets a random weight of mean 1 (Chamandy, Muralidharan,
Najmi and Naidu, "Estimating uncertainty for massive data streams", Google, 2012). Here
the weight is a hash of the row's key and the replicate's number, so two revisions of a
project give a row the same weights, and their replicates can be compared in pairs.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from scipy import stats

from reproducible_ml.core import keys
from reproducible_ml.modeling.metrics.metric import (
    Floats,
    Metrics,
    Predictions,
    Weights,
)

# Weights above 12 have a chance of 10^-10; the table of chances ends there.
CHANCES = stats.poisson.cdf(np.arange(13), mu=1)

# Replicates computed at a time, so that 10^4 rows take some 10 MB.
CHUNK = 100


def poisson_weights(row_keys: keys.Keys, replicates: range) -> Weights:
    """Return weights of shape (replicates, rows), Poisson-distributed with mean 1."""
    chances = [keys.uniform(row_keys, replicate) for replicate in replicates]
    return np.searchsorted(CHANCES, np.stack(chances)).astype(np.float64)


def replicate(
    rows: Predictions, row_keys: keys.Keys, metrics: Metrics, replicates: int
) -> dict[str, Floats]:
    """Return each metric under each weighting, NaN where it is not defined.

    Args:
        rows: `n` predicted rows.
        row_keys: Their keys, of shape (n,).
        metrics: What to compute, by name.
        replicates: How many weightings.
    """
    chunks = [
        compute(
            rows,
            poisson_weights(row_keys, range(at, min(at + CHUNK, replicates))),
            metrics,
        )
        for at in range(0, replicates, CHUNK)
    ]
    return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in metrics}


def compute(rows: Predictions, weights: Weights, metrics: Metrics) -> dict[str, Floats]:
    """Return each metric under each of the weightings, which have shape (r, n)."""
    return {name: metric.function(rows, weights) for name, metric in metrics.items()}


def point(rows: Predictions, metrics: Metrics) -> dict[str, float]:
    """Return each metric with all rows counting the same."""
    once = np.ones((1, len(rows.actual)))
    return {
        name: float(values[0]) for name, values in compute(rows, once, metrics).items()
    }


def spread(
    values: Mapping[str, float],
    sampled: Mapping[str, float],
    replicates: Mapping[str, Floats],
    rows: int,
    sampled_rows: int,
) -> dict[str, Floats]:
    """Move replicates of a sample of the rows to where those of all rows would lie.

    Deviations shrink with the square root of the number of rows: the m-out-of-n
    bootstrap (Bickel, Goetze and van Zwet, Statistica Sinica 7, 1997).
    """
    scale = np.sqrt(sampled_rows / rows)
    return {
        name: values[name] + (replicates[name] - sampled[name]) * scale
        for name in values
    }


def percentile_interval(replicates: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Return the 95 % percentile interval; NaN when no replicate is defined."""
    defined = replicates[~np.isnan(replicates)]
    if not len(defined):
        return float("nan"), float("nan")
    low, high = np.quantile(defined, [0.025, 0.975])
    return float(low), float(high)
