"""Rates, errors and calibration of groups of rows, and how they vary.

Values are those of fairlearn, except that a rate without rows, as the true positive
rate of a group without positives, is undefined here, not 0.

Intervals are those of `bootstrap`, with three changes for small groups. A rate of 0 or
1 would have no width: its replicates count one row more of each pair of actual and
predicted class, weighted like the others (A. Agresti and B. Caffo, "Simple and
effective confidence intervals for proportions and differences of proportions", The
American Statistician 54, 2000). Means of few rows are spread like Student's t. Of many
rows, a sample has as many of each group and class as there is room for.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from reproducible_ml.core import keys
from reproducible_ml.modeling.metrics.metric import (
    Codes,
    Floats,
    Predictions,
    Weights,
    ratio,
    sum_by_code,
)
from reproducible_ml.modeling.scoring import bootstrap
from reproducible_ml.modeling.scoring.gaps import (
    BIAS,
    CALIBRATION,
    FEW,
    NUMBERS,
    RATES,
    Varied,
    known_mean,
)
from reproducible_ml.modeling.scoring.scores import take

# A metric, and the code of the class that it is about; None: all classes, or numbers.
Name = tuple[str, int | None]
Measured = dict[Name, Floats]

# Groups of equally many rows by predicted probability, for the calibration error.
BINS = 10


def vary_by_group(
    rows: Predictions,
    codes: Codes,
    row_keys: keys.Keys,
    names: Sequence[str],
    replicates: int,
    limit: int,
) -> dict[Name, Varied]:
    """Return all metrics of all groups with their replicates.

    Args:
        rows: Predictions of `n` rows.
        codes: Group of each row, from 0, of shape (n,).
        row_keys: Keys of the rows, of shape (n,).
        names: Of the groups, unlike those of other columns.
        replicates: Number of replicates.
        limit: Rows in the sample behind the replicates, at most.
    """
    measure = _Measure(rows, codes, len(names))
    values = measure(np.ones((1, len(row_keys))))
    sample = _sample(measure.strata, row_keys, limit)
    some = measure.take(sample.chosen)
    centre = some(sample.times[np.newaxis])
    if not some.is_number:
        some.origin = some.errors_by_bin(sample.times[np.newaxis])
    texts = [f"{name}\0{cell}" for name in names for cell in range(4)]
    salts = np.array([keys.salt_from_text(text) for text in texts], dtype=np.uint64)
    chunks = [
        some(weights, more.reshape(-1, len(names), 2, 2))
        for weights, more in zip(
            sample.weightings(row_keys, replicates),
            bootstrap.weightings(salts, replicates),
            strict=True,
        )
    ]
    counts = _counts(measure)
    found = {}
    for name, [value] in values.items():
        varied = np.concatenate([chunk[name] for chunk in chunks])
        if name[0] != CALIBRATION:
            varied = varied + (value - centre[name][0])
        count = counts[RATES.get(name[0], "rows"), name[1]]
        found[name] = _as_varied(name[0], value, varied, count, measure.is_number)
    return found


class _Sample(NamedTuple):
    """Rows behind the replicates: their positions, and how many each stands for."""

    chosen: Codes
    times: Floats

    def weightings(self, row_keys: keys.Keys, replicates: int) -> Iterator[Weights]:
        """Yield weights of mean and variance `times`.

        So sums vary as those of all rows would if each had the weight of the bootstrap.
        """
        for weights in bootstrap.weightings(row_keys[self.chosen], replicates):
            yield self.times + np.sqrt(self.times) * (weights - 1)


def _sample(strata: Codes, row_keys: keys.Keys, limit: int) -> _Sample:
    """Choose at most `limit` rows by their keys, or one of each stratum."""
    sizes = np.bincount(strata)
    most = _room(sizes, limit)
    mixed = keys.mix(row_keys, keys.salt_from_text("interval"))
    order = np.lexsort((mixed, strata))
    starts = np.cumsum(sizes) - sizes
    rank = np.arange(len(strata)) - starts[strata[order]]
    chosen = np.sort(order[rank < most])
    return _Sample(chosen, np.maximum(sizes / most, 1)[strata[chosen]])


def _room(sizes: Codes, limit: int) -> int:
    """Return how many rows of each stratum can be chosen, at least one."""
    low, high = 1, max(1, int(sizes.max()))
    while low < high:
        middle = (low + high + 1) // 2
        fits = np.minimum(sizes, middle).sum() <= limit
        low, high = (middle, high) if fits else (low, middle - 1)
    return low


class _Measure:
    """Computes all metrics of all groups, under many weightings of the rows.

    Attributes:
        edges: Between the bins of the calibration error.
        origin: Errors by bin from which those of other weightings are measured.
    """

    def __init__(self, rows: Predictions, codes: Codes, groups: int) -> None:
        self.rows, self.codes, self.groups = rows, codes, groups
        self.classes = rows.output.shape[1] if rows.output.ndim == 2 else 2
        self.is_number = rows.output.ndim == 1 and rows.actual.dtype != bool
        self.origin: Floats | float = 0.0
        self.edges = np.array([])
        if not self.is_number:
            shares = np.linspace(0, 1, BINS + 1)[1:-1]
            self.edges = np.unique(np.quantile(self._confidence, shares))

    @property
    def _confidence(self) -> Floats:
        """Probability of the positive, or of several classes of the predicted one."""
        output = self.rows.output
        return output if output.ndim == 1 else np.asarray(output.max(axis=1))

    def take(self, which: Codes) -> "_Measure":
        """Return the same for some of the rows."""
        some = _Measure(take(self.rows, which), self.codes[which], self.groups)
        some.edges = self.edges
        return some

    @property
    def strata(self) -> Codes:
        """What the sample has equally many rows of."""
        return self.outcomes if self.rows.actual.dtype == bool else self.cells

    @property
    def cells(self) -> Codes:
        """A code for each pair of group and actual class; for numbers the group."""
        if self.is_number:
            return self.codes
        return self.codes * self.classes + self.rows.actual.astype(np.intp)

    @property
    def outcomes(self) -> Codes:
        """A code for each group, actual and predicted class."""
        return self.cells * self.classes + self.rows.predicted.astype(np.intp)

    def __call__(self, weights: Weights, more: Floats | float = 0.0) -> Measured:
        """Return the metrics, of shape (replicates, groups).

        Args:
            weights: Of the rows, of shape (replicates, rows).
            more: Weights of a row more of each group, actual and predicted class, for
                rates, of shape (replicates, groups, 2, 2).
        """
        if self.is_number:
            return self._of_numbers(weights)
        known, place = np.unique(self.outcomes, return_inverse=True)
        sums = sum_by_code(place, weights, len(known))
        group, actual = np.divmod(known // self.classes, self.classes)
        predicted = known % self.classes
        if self.rows.output.ndim == 1:
            found = self._rates(sums, group, actual == 1, predicted == 1, more, None)
            means = self._means(weights, self.rows.output[:, np.newaxis])[:, :, 0]
            found[BIAS, None] = means - found["base_rate", None]
            return found | {(CALIBRATION, None): self._calibration(weights)}
        correct = self._rates(sums, group, actual == predicted, group >= 0, more, None)
        found = {("accuracy", None): correct["accuracy", None]}
        found[CALIBRATION, None] = self._calibration(weights)
        means = self._means(weights, self.rows.output)
        for code in range(self.classes):
            as_one = actual == code, predicted == code
            rates = self._rates(sums, group, *as_one, more, code)
            del rates["accuracy", code]
            bias = means[:, :, code] - rates["base_rate", code]
            found |= {**rates, (BIAS, code): bias}
        return found

    def _rates(
        self,
        sums: Floats,
        group: Codes,
        actual: Any,
        predicted: Any,
        more: Floats | float,
        code: int | None,
    ) -> Measured:
        cell = group * 4 + actual * 2 + predicted
        size = self.groups * 4
        counts = sum_by_code(cell, sums, size).reshape(-1, self.groups, 2, 2) + more
        true_negative, false_positive = counts[..., 0, 0], counts[..., 0, 1]
        false_negative, true_positive = counts[..., 1, 0], counts[..., 1, 1]
        selected, positive = true_positive + false_positive, counts[..., 1, :].sum(-1)
        negative, rows = counts[..., 0, :].sum(-1), counts.sum((-1, -2))
        values = {
            "selection_rate": ratio(selected, rows),
            "base_rate": ratio(positive, rows),
            "accuracy": ratio(true_positive + true_negative, rows),
            "true_positive_rate": ratio(true_positive, positive),
            "false_negative_rate": ratio(false_negative, positive),
            "false_positive_rate": ratio(false_positive, negative),
            "precision": ratio(true_positive, selected),
        }
        return {(name, code): found for name, found in values.items()}

    def _calibration(self, weights: Weights) -> Floats:
        sizes = np.abs(self.errors_by_bin(weights) - self.origin)
        return np.asarray(sizes.sum(axis=2))

    def errors_by_bin(self, weights: Weights) -> Floats:
        """Return the mean error of probabilities of each bin, by its share of rows.

        It is of the shape (replicates, groups, bins).
        """
        actual, output = self.rows.actual, self.rows.output
        right = actual if output.ndim == 1 else actual == self.rows.predicted
        bins = np.searchsorted(self.edges, self._confidence, side="right")
        errors = weights * (self._confidence - right)
        size = self.groups * BINS
        sums = sum_by_code(self.codes * BINS + bins, errors, size)
        rows = sum_by_code(self.codes, weights, self.groups)[..., np.newaxis]
        return ratio(sums.reshape(-1, self.groups, BINS), rows)

    def _of_numbers(self, weights: Weights) -> Measured:
        actual, output = self.rows.actual, self.rows.output
        values = output, actual, np.abs(output - actual), output - actual
        means = self._means(weights, np.stack(values, axis=1))
        return {(name, None): means[:, :, n] for n, name in enumerate(NUMBERS)}

    def _means(self, weights: Weights, values: Floats) -> Floats:
        """Return weighted means of columns, of shape (replicates, groups, columns)."""
        found = np.full((len(weights), self.groups, values.shape[1]), np.nan)
        for group in range(self.groups):
            own = self.codes == group
            sums = np.einsum("rn,nk->rk", weights[:, own], values[own])
            found[:, group] = ratio(sums, weights[:, own].sum(axis=1, keepdims=True))
        return found


def _as_varied(
    metric: str, value: Floats, replicates: Floats, rows: Codes, is_number: bool
) -> Varied:
    if metric in RATES:
        return Varied(value, np.clip(replicates, 0, 1), rows, is_rate=True)
    if metric == CALIBRATION:
        # By the triangle inequality, the error is off by no more than all bins are.
        off = replicates * _student(rows)
        both = np.concatenate([np.maximum(value - off, 0), value + off])
        return Varied(value, both, rows, is_rate=False, possible=(0.0, 1.0))
    if not is_number:
        # The bias: one probability minus another.
        return Varied(value, replicates, rows, is_rate=False, possible=(-1.0, 1.0))
    moved = replicates - value
    with np.errstate(over="ignore"):
        spread = known_mean(moved**2) * rows
    # By chance, few rows may be alike, and a difference of their mean look certain.
    typical = np.sqrt(np.nansum(spread * rows) / max(1, rows.sum()))
    least = np.where(rows < FEW, typical / np.sqrt(np.maximum(rows, 1)), 0)
    moved = moved * _student(rows)
    possible = (0.0, np.inf) if metric == "mae" else (-np.inf, np.inf)
    return Varied(
        value, value + moved, rows, is_rate=False, least=least, possible=possible
    )


def _student(rows: Codes) -> Floats:
    """Return by how much means of so few rows spread more than their replicates do."""
    from scipy import stats

    free = np.maximum(rows - 1, 1)
    wider = stats.t.ppf(0.975, free) / stats.norm.ppf(0.975) * np.sqrt(rows / free)
    return np.where(rows > 1, wider, np.nan)


def _counts(measure: _Measure) -> dict[tuple[str, int | None], Codes]:
    """Return the rows of each group, and of it those that rates are shares of."""
    codes, groups = measure.codes, measure.groups

    def count(which: Any) -> Codes:
        return np.bincount(codes[which], minlength=groups)

    rows = np.bincount(codes, minlength=groups)
    found: dict[tuple[str, int | None], Codes] = {("rows", None): rows}
    if measure.is_number:
        return found
    actual, predicted = measure.rows.actual, measure.rows.predicted
    binary = measure.rows.output.ndim == 1
    for code in [None] if binary else range(measure.classes):
        wanted = True if binary else code
        positives = count(actual == wanted)
        found["rows", code], found["positives", code] = rows, positives
        found["negatives", code] = rows - positives
        found["selected", code] = count(predicted == wanted)
    return found
