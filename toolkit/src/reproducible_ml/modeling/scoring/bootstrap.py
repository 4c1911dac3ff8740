"""Intervals of metrics, from a Poisson bootstrap of the test rows.

Each row, or each entity if several rows are of one, gets a random weight of mean 1 in
each replicate (Chamandy, Muralidharan, Najmi and Naidu, "Estimating uncertainty for
massive data streams", Google, 2012). Here the weight is a hash of its key and of the
replicate's number, so that two revisions of a project give a row the same weights, and
their replicates can be compared in pairs.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from reproducible_ml.core import keys
from reproducible_ml.modeling.metrics.metric import (
    Floats,
    Metrics,
    Predictions,
    Weights,
)

# Replicates computed at a time, so that 10^4 rows take some 10 MB.
CHUNK = 100

# Weights above this one have a probability of 10^-10, and do not occur.
LARGEST = 12


def unit_keys(rows: pd.DataFrame, group: str | None) -> keys.Keys:
    """Return for each row the key of what is drawn: the row, or the entity it is of.

    Rows of one entity are alike. Drawn one by one, they would count as that many
    independent ones, and intervals would be too narrow (C. A. Field and A. H. Welsh,
    "Bootstrapping clustered data", J. R. Statist. Soc. B 69, 2007).

    Args:
        rows: With the keys of the rows as index.
        group: The column of the entity; a row where it is missing is drawn alone.
    """
    own = rows.index.to_numpy(dtype=np.uint64)
    if group is None:
        return own
    known = rows[group].notna().to_numpy(dtype=bool)
    return np.where(known, keys.hash_rows(rows, [group]), own)


def poisson_weights(row_keys: keys.Keys, replicates: range) -> Weights:
    """Return weights of shape (replicates, rows), Poisson-distributed with mean 1."""
    from scipy import stats

    uniform = [keys.uniform(row_keys, replicate) for replicate in replicates]
    distribution = stats.poisson.cdf(np.arange(LARGEST + 1), mu=1)
    return np.searchsorted(distribution, np.stack(uniform)).astype(np.float64)


def replicate(
    rows: Predictions, row_keys: keys.Keys, metrics: Metrics, replicates: int
) -> dict[str, Floats]:
    """Return the replicates of each metric, NaN where it is undefined.

    Args:
        rows: Predictions of `n` rows.
        row_keys: Keys of the rows, of shape (n,).
        metrics: Metrics to compute, by name.
        replicates: Number of replicates.
    """
    chunks = [
        compute(rows, weights, metrics) for weights in weightings(row_keys, replicates)
    ]
    return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in metrics}


def weightings(row_keys: keys.Keys, replicates: int) -> Iterator[Weights]:
    """Yield the weights of up to CHUNK replicates at a time."""
    for at in range(0, replicates, CHUNK):
        yield poisson_weights(row_keys, range(at, min(at + CHUNK, replicates)))


def compute(rows: Predictions, weights: Weights, metrics: Metrics) -> dict[str, Floats]:
    """Return the values of each metric for weights of shape (replicates, n)."""
    return {name: metric.function(rows, weights) for name, metric in metrics.items()}


def point(rows: Predictions, metrics: Metrics) -> dict[str, float]:
    """Return the value of each metric, with all rows weighted equally."""
    once = np.ones((1, len(rows.actual)))
    return {
        name: float(values[0]) for name, values in compute(rows, once, metrics).items()
    }


def rescale(
    values: Mapping[str, Any],
    sampled: Mapping[str, Any],
    replicates: Mapping[str, Floats],
    rows: int,
    sampled_rows: int,
) -> dict[str, Floats]:
    """Rescale the replicates of a sample of the rows to those of all rows.

    Deviations shrink with the square root of the number of rows: the m-out-of-n
    bootstrap (Bickel, Goetze and van Zwet, Statistica Sinica 7, 1997).

    Args:
        values: Metrics of all rows, each a number or of shape (classes,).
        sampled: Metrics of the sample.
        replicates: Replicates of the sample, by metric.
        rows: Number of rows.
        sampled_rows: Number of rows in the sample.
    """
    scale = np.sqrt(sampled_rows / rows)
    return {
        name: values[name] + (replicates[name] - sampled[name]) * scale
        for name in values
    }


def percentile_interval(replicates: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Return the 95 % percentile interval, NaN if no replicate is defined."""
    defined = replicates[~np.isnan(replicates)]
    if not len(defined):
        return float("nan"), float("nan")
    low, high = np.quantile(defined, [0.025, 0.975])
    return float(low), float(high)
