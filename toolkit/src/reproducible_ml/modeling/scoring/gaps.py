"""Differences and ratios of a metric between groups of rows, with 95 % intervals.

The difference is that of the highest and the lowest value, the ratio that of the lowest
and the highest, as in fairlearn. Chance alone makes both far from 0 and 1 if there are
many groups or small ones, so their intervals are those of all pairs of groups at once:
each difference of two groups is within `c` standard errors of the truth, in 95 % of the
replicates for all pairs together (the maximum of studentized differences, as in J. W.
Tukey's method for multiple comparisons; intervals of ratios by E. C. Fieller, "Some
problems in interval estimation", Journal of the Royal Statistical Society B 16, 1954).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from reproducible_ml.modeling.metrics.metric import Codes, Floats, ratio
from reproducible_ml.modeling.scoring.bootstrap import percentile_interval

# Shares of rows: of those of which it is, all rows of a group, by default.
RATES = {
    "selection_rate": "rows",
    "base_rate": "rows",
    "accuracy": "rows",
    "true_positive_rate": "positives",
    "false_negative_rate": "positives",
    "false_positive_rate": "negatives",
    "precision": "selected",
}

# Mean prediction minus mean of what was observed: of probabilities the calibration as a
# whole, of numbers the mean error.
BIAS = "predicted_minus_observed"

# Mean of the size of this difference in groups of rows with similar probabilities.
CALIBRATION = "calibration_error"

# The worse of both rates, as fairlearn's `equalized_odds_difference` has it.
ODDS = "equalized_odds"
OF_ODDS = ("true_positive_rate", "false_positive_rate")

NUMBERS = ("mean_prediction", "mean_observed", "mae", BIAS)

# Metrics of which differences are computed, by task. The calibration error is not one:
# chance alone makes it larger in a small group.
GAPS = {
    "binary": (*RATES, BIAS, ODDS),
    "multiclass": (*RATES, BIAS, ODDS),
    "regression": NUMBERS,
}

# Those that are shown where there is room for a few.
MAIN = ("selection_rate", ODDS, "accuracy", "mean_prediction", "mae", BIAS)

# Those that may be negative have no ratio.
WITH_RATIO = (*RATES, ODDS, "mae")

# Rows below which a metric of a group says little.
FEW = 30

# Of the differences of all pairs, so many are within their intervals.
LEVEL = 0.95

# Standard errors that are as many for two groups, of a normal distribution.
TWO = 1.96


class Varied(NamedTuple):
    """A metric of each group, and how it varies.

    Attributes:
        value: Of shape (groups,), NaN where it is undefined.
        replicates: Of shape (replicates, groups); NaN where nothing is known.
        rows: Those that it is a mean or share of, of shape (groups,).
        is_rate: Whether it is a share of rows, between 0 and 1.
        least: Of the standard errors of groups, in differences.
        possible: The lowest and the highest value that the metric can have.
    """

    value: Floats
    replicates: Floats
    rows: Codes
    is_rate: bool
    least: Floats | float = 0.0
    possible: tuple[float, float] = (-np.inf, np.inf)

    @property
    def centre(self) -> Floats:
        """Middle of intervals of differences: for few rows, rates are closer to 1/2."""
        found = known_mean(self.replicates)
        return np.where(np.isnan(found), self.value, found)

    @property
    def _spread(self) -> Floats:
        """Standard deviation of the replicates."""
        with np.errstate(over="ignore"):
            return np.sqrt(known_mean((self.replicates - self.centre) ** 2))

    @property
    def error(self) -> Floats:
        """Standard error of each group's value; infinite where it is unknown."""
        spread = self._spread
        return np.where(np.isnan(spread), np.inf, np.maximum(spread, self.least))

    @property
    def deviations(self) -> Floats:
        """Replicates minus the centre, spread by the standard error; 0 if unknown."""
        spread, error = self._spread, self.error
        known = (spread > 0) & np.isfinite(error)
        scale = np.where(known, ratio(error, np.where(known, spread, 1)), 0)
        moved = np.where(known, self.replicates - self.centre, 0)
        return np.nan_to_num(moved) * np.where(known, scale, 0)

    def interval(self, place: int) -> tuple[float, float]:
        """Return the 95 % interval of a group, NaN where it is unknown."""
        value = float(self.value[place])
        found = percentile_interval(self.replicates[:, place])
        low, high = (float(np.clip(end, *self.possible)) for end in found)
        return (low, high) if np.isnan(value) else (min(low, value), max(high, value))


def known_mean(values: Floats) -> Floats:
    """Return the means of columns without NaN; NaN if there is nothing else."""
    known = ~np.isnan(values)
    return ratio(np.where(known, values, 0).sum(axis=0), known.sum(axis=0))


class Ends(NamedTuple):
    """A value and its interval, NaN where undefined, infinite where unbounded."""

    value: float
    low: float
    high: float


class Gap(NamedTuple):
    """How much groups differ.

    Attributes:
        difference: Of the highest and the lowest value.
        ratio: Of the lowest and the highest value, if asked for.
        place: Which of the metrics differs most.
        lowest: Group with its lowest value.
        highest: Group with its highest value.
        surest: The two groups whose difference has the highest lower end, which is that
            of `difference`: with many rows, they need not be those two.
    """

    difference: Ends
    ratio: Ends | None
    place: int
    lowest: int
    highest: int
    surest: tuple[int, int]


def find_gap(metrics: Sequence[Varied], *, with_ratio: bool) -> Gap | None:
    """Return the largest difference of several metrics of the same groups.

    Args:
        metrics: One, or those of which the worst counts, as for equalized odds.
        with_ratio: Whether the smallest ratio is wanted as well.

    Returns:
        None if no metric is defined for two groups.
    """
    known = [
        (place, each)
        for place, each in enumerate(metrics)
        if (~np.isnan(each.value)).sum() > 1
    ]
    if not known:
        return None
    pairs = [_Pairs.of(each) for _, each in known]
    factor = _factor(pairs)
    spans = [np.nanmax(each.value) - np.nanmin(each.value) for _, each in known]
    worst = int(np.argmax(spans))
    place, largest = known[worst]
    bounds = [pair.differences(factor) for pair in pairs]
    low, surest = max((low, groups) for low, _, groups in bounds)
    top = 1.0 if all(each.is_rate for _, each in known) else np.inf
    return Gap(
        Ends(
            float(spans[worst]),
            max(0.0, low),
            min(top, max(high for _, high, _ in bounds)),
        ),
        _ratio([each for _, each in known], pairs, factor) if with_ratio else None,
        place,
        int(np.nanargmin(largest.value)),
        int(np.nanargmax(largest.value)),
        surest,
    )


class _Pairs(NamedTuple):
    """All pairs of groups with a value: centres, errors, and largest deviations."""

    places: tuple[Codes, Codes]
    first: Floats
    second: Floats
    first_error: Floats
    second_error: Floats
    largest: Floats

    @classmethod
    def of(cls, metric: Varied) -> "_Pairs":
        places = np.flatnonzero(~np.isnan(metric.value))
        i, j = (places[side] for side in np.triu_indices(len(places), 1))
        errors, centre = metric.error, metric.centre
        both = np.hypot(errors[i], errors[j])
        deviations = metric.deviations
        largest = np.zeros(len(deviations))
        # One group at a time, as all pairs of all replicates may not fit into memory.
        for group in places:
            own = i == group
            apart = np.abs(deviations[:, [group]] - deviations[:, j[own]])
            found = np.nan_to_num(ratio(apart, both[own]))
            largest = np.maximum(largest, found.max(axis=1, initial=0.0))
        return cls((i, j), centre[i], centre[j], errors[i], errors[j], largest)

    def differences(self, factor: float) -> tuple[float, float, tuple[int, int]]:
        """Return the largest lower and upper bound of the absolute differences.

        And the pair of the former, the group with the lower value first.
        """
        size = np.abs(self.first - self.second)
        margin = factor * np.hypot(self.first_error, self.second_error)
        surest = int((size - margin).argmax())
        pair = int(self.places[0][surest]), int(self.places[1][surest])
        if self.first[surest] > self.second[surest]:
            pair = pair[1], pair[0]
        return float((size - margin)[surest]), float((size + margin).max()), pair

    def ratios(self, factor: float) -> tuple[float, float]:
        """Return the smallest lower and upper bound of the ratios, both ways round."""
        bounds = [
            _fieller(a, b, factor * a_error, factor * b_error)
            for a, b, a_error, b_error in (
                (self.first, self.second, self.first_error, self.second_error),
                (self.second, self.first, self.second_error, self.first_error),
            )
        ]
        return (
            min(float(low.min()) for low, _ in bounds),
            min(float(high.min()) for _, high in bounds),
        )


def _factor(pairs: Sequence[_Pairs]) -> float:
    """Return within how many standard errors all differences are."""
    largest = np.max([each.largest for each in pairs], axis=0)
    return max(TWO, float(np.quantile(largest, LEVEL)))


def _ratio(metrics: Sequence[Varied], pairs: Sequence[_Pairs], factor: float) -> Ends:
    """Return the smallest ratio; it is undefined where all values are 0."""
    lowest, highest = (
        np.array([end(each.value) for each in metrics])
        for end in (np.nanmin, np.nanmax)
    )
    found = ratio(lowest, highest)
    value = float(np.nanmin(found)) if not np.isnan(found).all() else np.nan
    bounds = [pair.ratios(factor) for pair in pairs]
    low, high = (min(ends) for ends in zip(*bounds, strict=True))
    return Ends(value, max(0.0, low), min(1.0, high))


def _fieller(
    above: Floats, below: Floats, above_margin: Floats, below_margin: Floats
) -> tuple[Floats, Floats]:
    """Return the ends of the intervals of quotients of positive numbers.

    They are the quotients `q` of which `above - q * below` may be 0: the roots of a
    quadratic polynomial. If the divisor may be 0, there is no upper end.
    """
    with np.errstate(all="ignore"):
        square = below**2 - below_margin**2
        middle = above * below
        rest = above**2 - above_margin**2
        root = np.sqrt(np.maximum(middle**2 - square * rest, 0))
        # Of both forms of a root, this one does not divide by a square near 0.
        low = rest / (middle + root)
        high = (middle + root) / square
    low = np.where((rest > 0) & np.isfinite(low), low, 0.0)
    return low, np.where((square > 0) & np.isfinite(high), high, np.inf)
