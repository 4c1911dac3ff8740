"""How much two samples of a column differ, and whether chance explains it.

The rule of drift: a column has drifted if chance does not explain the difference, with
the Benjamini-Hochberg correction over all comparisons, *and* it is so large that it
matters. With few rows, a difference may be neither certain nor excluded: `rows_needed`
says how many it takes.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reproducible_ml.quality.distributions import Distribution

Floats = npt.NDArray[np.float64]

# Expected share of false alarms among all alarms; if nothing changed, the share of runs
# with any. The aim is 1 %.
ALPHA = 0.005

# From here on, a difference matters: population stability index, share of rows moved.
PSI, MOVED = 0.1, 0.1

# A shift of so many standard deviations is to be found with this probability.
SHIFT, POWER = 0.5, 0.9

# Bins with fewer expected rows in one of both samples are merged.
EXPECTED = 10

# Nearer to what is expected, in standard deviations, nothing is certain anyway.
CLEAR = 2.0

# More rows than that are not called enough.
MOST = 10_000_000


class Change(NamedTuple):
    """How one distribution differs from another.

    Attributes:
        p: Chance of such a difference if nothing had changed.
        psi: Population stability index, sum of (new - old) * log(new / old).
        moved: Share of rows that are in other bins than before.
    """

    p: float
    psi: float
    moved: float

    @property
    def matters(self) -> bool:
        """Whether the difference is large enough, however certain it is."""
        return self.psi > PSI or self.moved > MOVED


def change(old: Distribution, new: Distribution) -> Change:
    """Return how the counts of two samples in the same bins differ.

    The probability is the least of up to four tests, by the correction of Bonferroni:
    of all bins (chi-squared); of the mean rank, if values have an order (Wilcoxon),
    which finds a shift in half the rows; of missing values; and of all rare values
    together (both hypergeometric). The first two are corrected for few rows.

    Args:
        old: Counts of one sample.
        new: Counts of the other.
    """
    sample = _Sample.of(old, new)
    counts = sample.merged
    if counts.shape[1] < 2:
        return Change(1.0, 0.0, 0.0)
    found = [*sample.probabilities()]
    p = min(1.0, len(found) * min(found, default=1.0))
    return Change(p, *_sizes(counts))


def _sizes(counts: Floats) -> tuple[float, float]:
    """Return how large a difference is: the stability index, the share moved."""
    shares = counts / counts.sum(axis=1, keepdims=True)
    # Half a row more in each bin, or an empty one would make the index infinite.
    was, now = (c / c.sum() for c in counts + 0.5)
    psi = float(((now - was) * np.log(now / was)).sum())
    return psi, float(np.abs(shares[1] - shares[0]).sum() / 2)


def certain(changes: Sequence[Change]) -> list[bool]:
    """Return which changes chance does not explain, corrected for their number."""
    return [bool(p < ALPHA) for p in corrected(changes)]


def corrected(changes: Sequence[Change]) -> list[float]:
    """Return the probabilities with the correction of Benjamini and Hochberg."""
    from scipy.stats import false_discovery_control

    if not changes:
        return []
    return [float(p) for p in false_discovery_control([each.p for each in changes])]


def rows_needed(reference: Distribution, comparisons: int) -> int | None:
    """Return how many rows find a shift of SHIFT standard deviations.

    They find it with probability POWER, if it is the only one among the comparisons. Of
    values without an order, it is Cohen's w = SHIFT, which is the same for two values.

    Args:
        reference: Counts of the sample to compare with.
        comparisons: How many the correction is over.

    Returns:
        None if no number of rows does: the reference itself has too few.
    """
    if not reference.rows or power(reference, MOST, comparisons) < POWER:
        return None
    few, enough = 0, 1
    while power(reference, enough, comparisons) < POWER:
        few, enough = enough, 2 * enough
    while enough - few > 1:
        middle = (few + enough) // 2
        if power(reference, middle, comparisons) < POWER:
            few = middle
        else:
            enough = middle
    return enough


def power(reference: Distribution, rows: int, comparisons: int) -> float:
    """Return the probability to find the shift of `rows_needed`.

    Args:
        reference: Counts of the sample to compare with.
        rows: Of the other sample.
        comparisons: How many the correction is over.
    """
    from scipy.stats import chi2, ncx2, norm

    total = reference.rows
    like_it = np.array([*reference.counts, reference.missing], np.float64)
    expected = np.array([like_it, like_it * rows / total])
    sample = _Sample(expected, ordered=_is_ordered(reference))
    level = ALPHA / comparisons / max(1, sample.tests)
    both = rows * total / (rows + total)
    shares = like_it[like_it > 0] / total
    if min(len(shares), sample.merged.shape[1]) < 3:
        least = min(float(shares.max()), 1 - float(shares.max()))
        return _power_of_two(least, total, rows, level)
    if sample.ordered:
        # A normal variable that is shifted is above an unshifted one more often.
        higher = np.sqrt(12) * (float(norm.cdf(SHIFT / np.sqrt(2))) - 0.5)
        return float(ncx2.sf(chi2.isf(level, 1), 1, higher**2 * both))
    freedom = sample.merged.shape[1] - 1
    return float(ncx2.sf(chi2.isf(level, freedom), freedom, SHIFT**2 * both))


def _power_of_two(share: float, total: int, rows: int, level: float) -> float:
    """Return the probability to find that the rarer of two values became frequent."""
    from scipy.stats import binom

    more = min(1.0, share + max(SHIFT * np.sqrt(share * (1 - share)), MOVED))
    known = round(share * total)
    few, enough = -1, rows + 1
    while enough - few > 1:
        middle = (few + enough) // 2
        counts = np.array([[total - known, known], [rows - middle, middle]], float)
        found = Change(_two_bins(counts), *_sizes(counts))
        if found.p < level and found.matters and middle > share * rows:
            enough = middle
        else:
            few = middle
    return float(binom.sf(enough - 1, rows, more))


class _Sample(NamedTuple):
    """Counts of two samples: a row each, a column for each bin, the last for missing.

    Attributes:
        counts: Shape (2, bins).
        ordered: Whether bins have an order.
    """

    counts: Floats
    ordered: bool

    @classmethod
    def of(cls, old: Distribution, new: Distribution) -> "_Sample":
        counts = np.array([[*d.counts, d.missing] for d in (old, new)], np.float64)
        return cls(counts, _is_ordered(old))

    @property
    def merged(self) -> Floats:
        """The counts with bins of few expected rows merged; no bin is empty."""
        found = [part for part in self._parts() if part.size]
        return np.column_stack(found) if found else self.counts[:, :0]

    def _parts(self) -> tuple[Floats, Floats]:
        """Return frequent bins, and what is rare: missing values, or all rare ones."""
        counts = self.counts
        sizes = counts.sum(axis=1)
        least = counts.sum(axis=0) * float(sizes.min() / max(1.0, sizes.sum()))
        if self.ordered:
            known = _neighbours(counts[:, :-1], least[:-1])
            return known, counts[:, [-1]] if counts[:, -1].any() else counts[:, :0]
        rare = least < EXPECTED
        few = counts[:, rare].sum(axis=1, keepdims=True)
        return counts[:, ~rare], few if few.any() else few[:, :0]

    @property
    def tests(self) -> int:
        """How many tests are made."""
        bins, rare = (part.shape[1] for part in self._parts())
        return int(bins > 1) + int(self.ordered and bins > 2) + int(rare > 0 < bins)

    def probabilities(self) -> Iterator[float]:
        """Yield the chance of these counts if nothing had changed, by each test."""
        bins, rare = self._parts()
        if not bins.sum(axis=1).all():
            pass  # all rows of a sample are rare or missing: below
        elif bins.shape[1] == 2:
            yield _two_bins(bins)
        elif bins.shape[1] > 2:
            yield _all_bins(bins)
            if self.ordered:
                yield _mean_rank(self.counts[:, :-1])
        if rare.size and bins.size:
            yield _two_bins(np.column_stack([bins.sum(axis=1), rare]))


def _is_ordered(column: Distribution) -> bool:
    return column.kind in ("numbers", "lengths")


def _neighbours(counts: Floats, least: Floats) -> Floats:
    """Return ordered bins, merged with neighbours until each has enough rows."""
    ends, rows = [0], 0.0
    for place, more in enumerate(least, start=1):
        rows += more
        if rows >= EXPECTED:
            ends.append(place)
            rows = 0.0
    if len(ends) < 3:
        # However few rows there are, two halves can be compared.
        middle = int(np.searchsorted(np.cumsum(least), least.sum() / 2)) + 1
        ends = [0, middle, len(least)]
    # What is left after the last bin belongs to it.
    merged = np.add.reduceat(counts, [e for e in ends[:-1] if e < len(least)], axis=1)
    return np.asarray(merged[:, merged.sum(axis=0) > 0])


def _two_bins(counts: Floats) -> float:
    """Return the two-sided probability of two bins (hypergeometric, as of Fisher)."""
    from scipy.stats import hypergeom, norm

    second, rows, total = counts[1, 1], counts[1].sum(), counts.sum()
    share = counts[:, 1].sum() / total
    spread = rows * share * (1 - share) * (total - rows) / max(1.0, total - 1)
    place = abs(second - rows * share) / np.sqrt(spread) if spread else 0.0
    if place < CLEAR:
        return float(2 * norm.sf(place))
    facts = (round(total), round(share * total), round(rows))
    k = round(second)
    high, low = hypergeom.sf(k - 1, *facts), hypergeom.cdf(k, *facts)
    return min(1.0, 2 * float(min(high, low)))


def _all_bins(counts: Floats) -> float:
    """Return the probability of the chi-squared statistic of several bins.

    With few rows in a bin, large values are more frequent than the chi-squared
    distribution says: the probability is that of a gamma distribution with the moments
    that the statistic has (those of binomial counts, given the total of each bin).
    """
    totals = counts.sum(axis=0)
    share = counts[1].sum() / counts.sum()
    expected = totals * share
    spread = expected * (1 - share)
    statistic = ((counts[1] - expected) ** 2 / spread).sum()
    freedom = len(totals) - 1
    both = share * (1 - share)
    weights = (1 - totals / totals.sum()) ** 2
    third = (1 - 2 * share) ** 2 / spread
    fourth = (1 - 6 * both) / spread
    sixth = (1 - 30 * both + 120 * both**2) / spread**2
    variance = 2 * freedom + (weights * fourth).sum()
    skew = 8 * freedom + (weights * (12 * fourth + 10 * third + sixth)).sum()
    place = (statistic - freedom) / np.sqrt(variance)
    return _above(float(place), float(skew / variance**1.5))


def _mean_rank(counts: Floats) -> float:
    """Return the two-sided probability of the mean rank of one sample (Wilcoxon).

    Its distribution is taken with the skew that it has if one sample is much smaller
    and most rows have equal values.
    """
    totals = counts.sum(axis=0)
    rows, total = float(counts[1].sum()), float(totals.sum())
    others = total - rows
    if min(rows, others) < 1 or total < 3:
        return 1.0
    ranks = (np.cumsum(totals) - totals / 2) / total
    ranks -= (totals * ranks).sum() / total
    square, cube = ((totals * ranks**power).sum() / total for power in (2, 3))
    variance = rows * others / (total - 1) * square
    if variance <= 0:
        return 1.0
    skew = rows * others * (others - rows) / ((total - 1) * (total - 2)) * cube
    place = (counts[1] * ranks).sum() / np.sqrt(variance)
    skew /= variance**1.5
    return min(1.0, 2 * min(_above(place, skew), _above(-place, -skew)))


def _above(place: float, skew: float) -> float:
    """Return the chance of more than `place` standard deviations above the mean.

    It is that of the gamma distribution with this skewness (Pearson's type III).
    """
    from scipy.special import gammainc, gammaincc
    from scipy.stats import norm

    if abs(skew) < 1e-3:
        return float(norm.sf(place))
    shape = 4 / skew**2
    above = max(0.0, shape + 2 * place / skew)
    return float(gammaincc(shape, above) if skew > 0 else gammainc(shape, above))
