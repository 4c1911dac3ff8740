"""Calibration in use: what the model expected, and what turned out.

If probabilities are right, their sum is the number of positives to expect. Of a
regression, the mean of predictions is compared with that of the actual numbers.
"""

import math
from functools import partial

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel

from reproducible_ml.modeling.metrics.metric import (
    Metric,
    Predictions,
    Weights,
    weighted_mean,
)
from reproducible_ml.modeling.metrics.tasks import Task
from reproducible_ml.modeling.scoring.bootstrap import percentile_interval
from reproducible_ml.modeling.scoring.scores import Scores

Floats = npt.NDArray[np.float64]

# Of the name of a metric that is only computed for this.
MARK = "observed - expected: "

# Bins of the reliability curve, and rows in one of them at least.
BINS, BIN_ROWS = 10, 10


class Calibration(BaseModel):
    """What a model expected of some rows, and what was observed.

    Attributes:
        name: Class, or `mean` of a regression.
        expected: Number of rows of the class, by the probabilities; or mean prediction.
        observed: Number of rows of the class; or mean of the actual values.
        low: Lower end of the 95 % interval of observed - expected.
        high: Upper end.
        p: Chance of such a difference if the model were right (two-sided).
        verdict: `within noise`, `more than expected` or `less than expected`; it is
            corrected for the number of comparisons.
    """

    name: str
    expected: float
    observed: float
    low: float | None
    high: float | None
    p: float
    verdict: str = ""


class Bin(BaseModel):
    """Rows with similar probabilities."""

    rows: int
    expected: float
    observed: float
    low: float
    high: float


def calibration_metrics(task: Task, *, is_binary: bool) -> dict[str, Metric]:
    """Return the mean of observed - expected of each class as metrics."""
    if is_binary:
        return {f"{MARK}{task.names[True]}": Metric(_residual)}
    if not task.names:
        return {f"{MARK}mean": Metric(_residual, in_unit_of_target=True)}
    return {
        f"{MARK}{name}": Metric(partial(_class_residual, code=code))
        for code, name in task.names.items()
    }


def _residual(rows: Predictions, weights: Weights) -> Floats:
    return weighted_mean(rows.actual - rows.output, weights)


def _class_residual(rows: Predictions, weights: Weights, *, code: int) -> Floats:
    return weighted_mean((rows.actual == code) - rows.output[:, code], weights)


def calibrate(rows: Predictions, scores: Scores, task: Task) -> list[Calibration]:
    """Return observed and expected of each class.

    Args:
        rows: Predictions of `n` rows.
        scores: Their metrics, those of `calibration_metrics` among them.
        task: Knows the classes.
    """
    found = []
    codes = {name: code for code, name in task.names.items()}
    for key, value in scores.metrics.items():
        if not key.startswith(MARK):
            continue
        name = key.removeprefix(MARK)
        number, chance = len(rows.actual), 0.0
        if name not in codes:
            factor, observed = 1.0, float(rows.actual.mean())
        else:
            several = rows.output.ndim == 2
            own = rows.output[:, codes[name]] if several else rows.output
            hits = rows.actual == codes[name] if several else rows.actual
            factor, observed = float(number), float(hits.sum())
            # Few rows may by chance have none of the class.
            chance = math.sqrt(float((own * (1 - own)).sum())) / number
        spread = max(chance, float(np.nanstd(scores.replicates[key])))
        low, high = percentile_interval(scores.replicates[key])
        found.append(
            Calibration(
                name=name,
                expected=round(observed - factor * value, 6),
                observed=round(observed, 6),
                low=round(factor * low, 6) if math.isfinite(low) else None,
                high=round(factor * high, 6) if math.isfinite(high) else None,
                p=_two_sided(value, spread),
            )
        )
    return found


def _two_sided(value: float, spread: float) -> float:
    from scipy.stats import norm

    if not spread:
        return 1.0 if value == 0 else 0.0
    return float(2 * norm.sf(abs(value) / spread))


def reliability(rows: Predictions) -> list[Bin]:
    """Return expected and observed share of positives, by bins of as many rows each.

    Intervals are those of Wilson. Nothing for other tasks than two classes.
    """
    from scipy.stats import binomtest

    if rows.actual.dtype != bool or len(rows.actual) < BIN_ROWS:
        return []
    order = np.argsort(rows.output, kind="stable")
    count = min(BINS, len(order) // BIN_ROWS)
    found = []
    for places in np.array_split(order, count):
        positives = int(rows.actual[places].sum())
        test = binomtest(positives, len(places))
        ends = test.proportion_ci(method="wilson")
        found.append(
            Bin(
                rows=len(places),
                expected=round(float(rows.output[places].mean()), 6),
                observed=round(positives / len(places), 6),
                low=round(float(ends.low), 6),
                high=round(float(ends.high), 6),
            )
        )
    return found
