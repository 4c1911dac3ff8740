"""Whether a model answers worse than on its test rows, beyond noise.

Two samples of rows are compared: the test rows, and those whose labels became known.
Both estimates vary, so the difference is unpaired. If nothing changed, a row of both
varies alike: the larger of both estimates of that is taken for both samples, as a few
rows without an error would say that there is no noise at all.

The probabilities of all metrics, versions and windows of a run are corrected together
(Benjamini and Hochberg), so that fewer than one run in a hundred raises an alarm if
nothing changed.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from reproducible_ml.contract.target import CLASS_ROWS
from reproducible_ml.report.results import Interval, difference

Floats = npt.NDArray[np.float64]

# Share of runs with a false alarm: half of what is promised, as metrics of few rows are
# not quite normal.
ALPHA = 0.005

# A loss of so many standard deviations of a row must be found with this probability:
# with fewer labels, no alarm would not mean that all is well.
SHIFT, POWER = 0.5, 0.9

# A metric that is undefined in a larger share of replicates is not compared.
UNDEFINED = 0.05


class Measured(NamedTuple):
    """A metric of some rows.

    Attributes:
        value: Of all rows.
        replicates: Of the bootstrap, NaN where it is undefined.
        rows: Number of rows.
    """

    value: float
    replicates: Floats
    rows: int

    @property
    def is_defined(self) -> bool:
        """Whether there is a value, and nearly all replicates have one."""
        missing = np.isnan(self.replicates)
        return math.isfinite(self.value) and bool(missing.mean() <= UNDEFINED)

    @property
    def row_variance(self) -> float:
        """The variance that one row would have by itself."""
        return float(np.nanvar(self.replicates) * self.rows)


class Loss(NamedTuple):
    """By how much a metric is worse than on the test rows.

    Attributes:
        difference: Of the value and that of the test rows.
        interval: Its 95 % interval, from both bootstrap distributions.
        p: Chance of such a loss if nothing changed (one-sided).
    """

    difference: float
    interval: Interval | None
    p: float


def compare(now: Measured, test: Measured, *, greater_is_better: bool) -> Loss | None:
    """Return how a metric differs from that of the test rows; None if it is undefined.

    Args:
        now: Of rows whose labels became known.
        test: Of the test rows.
        greater_is_better: Whether a higher value is better.
    """
    from scipy.stats import t

    if not (now.is_defined and test.is_defined):
        return None
    change = now.value - test.value
    loss = -change if greater_is_better else change
    variance = max(now.row_variance, test.row_variance)
    spread = math.sqrt(variance * (1 / now.rows + 1 / test.rows))
    # The spread is an estimate itself: from the rows, and from the replicates.
    freedom = min(now.rows, test.rows, *(len(m.replicates) for m in (now, test))) - 1
    if spread > 0:
        p = float(t.sf(loss / spread, max(1, freedom)))
    else:
        p = 1.0 if loss <= 0 else 0.0
    found = difference(test.replicates.tolist(), now.replicates.tolist(), paired=False)
    return Loss(change, found, p)


def corrected(probabilities: Sequence[float]) -> list[float]:
    """Return probabilities corrected for their number (Benjamini and Hochberg)."""
    from scipy.stats import false_discovery_control

    if not len(probabilities):
        return []
    return [float(p) for p in false_discovery_control(list(probabilities))]


def has_classes(actual: npt.NDArray[Any]) -> bool:
    """Return whether rows are numbers, or have CLASS_ROWS of two classes at least.

    Args:
        actual: Labels as in `Predictions`.
    """
    if actual.dtype.kind == "f":
        return True
    counts = np.sort(np.unique(actual, return_counts=True)[1])
    return len(counts) > 1 and bool(counts[-2] >= CLASS_ROWS)


def rows_needed(test_rows: int, metrics: int) -> int | None:
    """Return how many labels it takes to find a loss of SHIFT with POWER.

    Args:
        test_rows: Number of test rows.
        metrics: How many are compared.

    Returns:
        None if the test rows are too few for any number of labels.
    """
    from scipy.stats import norm

    z = norm.isf(ALPHA / max(1, metrics)) + norm.ppf(POWER)
    left = (SHIFT / z) ** 2 - 1 / test_rows
    return math.ceil(1 / left) if left > 0 else None
