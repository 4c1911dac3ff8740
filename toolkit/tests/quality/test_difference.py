"""The rule of drift: false alarms, power, and how many rows it takes."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy.stats import fisher_exact, mannwhitneyu, pearson3

from reproducible_ml.quality.difference import (
    ALPHA,
    _above,
    _mean_rank,
    _two_bins,
    certain,
    change,
    corrected,
    rows_needed,
)
from reproducible_ml.quality.distributions import (
    Distribution,
    count,
    describe,
)

Floats = npt.NDArray[np.float64]
Draw = Callable[[np.random.Generator, int, float], Floats]

COLUMNS = 30


def numbers(values: Floats, bounds: Floats) -> Distribution:
    known = values[~np.isnan(values)]
    places = np.searchsorted(bounds, known)
    counts = np.bincount(places, minlength=len(bounds) + 1).tolist()
    return Distribution(
        kind="numbers",
        bins=tuple(bounds.tolist()),
        counts=tuple(counts),
        missing=len(values) - len(known),
    )


def values(codes: Floats, labels: int) -> Distribution:
    counts = np.bincount(codes.astype(int), minlength=labels + 1).tolist()
    bins = tuple(map(str, range(labels)))
    return Distribution(kind="values", bins=bins, counts=tuple(counts), missing=0)


def normal(random: np.random.Generator, rows: int, shift: float) -> Floats:
    return random.normal(shift, 1, rows)


def skewed(random: np.random.Generator, rows: int, shift: float) -> Floats:
    return random.exponential(1, rows) + shift


def mostly_zero(random: np.random.Generator, rows: int, shift: float) -> Floats:
    share = 0.1 + 0.9 * shift
    return np.where(random.random(rows) < share, random.exponential(1, rows), 0.0)


def several(random: np.random.Generator, rows: int, shift: float) -> Floats:
    """Eight values of halving shares; shifted by Cohen's w = shift."""
    shares = 0.5 ** np.arange(1, 9)
    shares /= shares.sum()
    turned = np.array([1, -1] * 4) * shares
    turned -= shares * turned.sum()
    turned *= shift / np.sqrt((turned**2 / shares).sum())
    return np.asarray(random.choice(8, rows, p=shares + turned), np.float64)


def rare(random: np.random.Generator, rows: int, shift: float) -> Floats:
    share = 0.03 + max(shift * np.sqrt(0.03 * 0.97), 0.1 * (shift > 0))
    return np.where(random.random(rows) < share, 1.0, 0.0)


DRAWS: dict[str, tuple[Draw, int | None]] = {
    "normal": (normal, None),
    "skewed": (skewed, None),
    "mostly zero": (mostly_zero, None),
    "several values": (several, 8),
    "rare value": (rare, 2),
}


def pair(
    random: np.random.Generator, kind: str, rows: tuple[int, int], shift: float
) -> tuple[Distribution, Distribution]:
    """Return a reference and a sample, which is shifted."""
    draw, labels = DRAWS[kind]
    old, new = draw(random, rows[0], 0), draw(random, rows[1], shift)
    if labels is not None:
        return values(old, labels), values(new, labels)
    shares = np.arange(1, 20) / 20
    bounds = np.unique(np.quantile(old, shares, method="inverted_cdf"))
    return numbers(old, bounds), numbers(new, bounds)


@pytest.mark.parametrize("rows", [(443, 60), (2000, 200)])
def test_false_alarms_are_below_one_in_a_hundred_runs(rows: tuple[int, int]) -> None:
    random = np.random.default_rng(1)
    runs = 300
    alarms = 0
    for _ in range(runs):
        kinds = [[*DRAWS][place % len(DRAWS)] for place in range(COLUMNS)]
        found = [change(*pair(random, kind, rows, 0)) for kind in kinds]
        alarms += any(
            sure and each.matters
            for sure, each in zip(certain(found), found, strict=True)
        )
    # With a rate of 1 %, more than 7 would come once in a hundred times.
    assert alarms <= 7


@pytest.mark.parametrize("kind", DRAWS)
@pytest.mark.parametrize("reference", [443, 5000])
def test_rows_needed_find_half_a_standard_deviation_nine_times_in_ten(
    kind: str, reference: int
) -> None:
    random = np.random.default_rng(2)
    level = ALPHA / COLUMNS
    needed = rows_needed(pair(random, kind, (reference, 1), 0)[0], COLUMNS)
    assert needed is not None
    found = [change(*pair(random, kind, (reference, needed), 0.5)) for _ in range(200)]
    share = np.mean([each.p < level and each.matters for each in found])
    assert share >= 0.84
    if kind == "normal":
        assert needed < 200
        assert share <= 0.96
        few = [
            change(*pair(random, kind, (reference, needed // 2), 0.5))
            for _ in range(200)
        ]
        assert np.mean([each.p < level for each in few]) < 0.8


def test_more_comparisons_need_more_rows_and_a_small_reference_never_tells() -> None:
    random = np.random.default_rng(3)
    old, _ = pair(random, "normal", (443, 1), 0)
    needed = [rows_needed(old, comparisons) or 0 for comparisons in (1, 30, 5000)]
    assert needed == sorted({*needed})
    small, _ = pair(random, "normal", (60, 1), 0)
    assert rows_needed(small, COLUMNS) is None


def test_probabilities_are_those_of_scipy() -> None:
    random = np.random.default_rng(4)
    counts = np.array([[400.0, 30.0], [80.0, 25.0]])
    _, expected = fisher_exact(counts.astype(int), "greater")
    assert _two_bins(counts) == pytest.approx(2 * expected)
    old, new = random.integers(0, 6, 300), random.integers(1, 7, 40)
    bins = np.array([np.bincount(each, minlength=7) for each in (old, new)], float)
    expected = mannwhitneyu(old, new, use_continuity=False, method="asymptotic").pvalue
    assert _mean_rank(bins) == pytest.approx(expected, rel=0.25)
    for place in (-2.0, 0.0, 5.0):
        for skew in (-1.0, 0.0, 0.5):
            expected = pearson3.sf(place, skew)
            assert _above(place, skew) == pytest.approx(expected)


def test_new_value_and_missing_values_are_found() -> None:
    old = Distribution(kind="values", bins=("a", "b"), counts=(500, 500, 0), missing=0)
    some = old.model_copy(update={"counts": (90, 90, 30)})
    assert certain([change(old, some)]) == [True]
    few = old.model_copy(update={"counts": (100, 99, 1)})
    assert certain([change(old, few)]) == [False]
    full = numbers(np.arange(1000.0), np.arange(50, 1000, 50.0))
    holes = np.where(np.arange(300) % 4, np.linspace(0, 999, 300), np.nan)
    assert certain([change(full, numbers(holes, np.arange(50, 1000, 50.0)))]) == [True]


def test_rows_of_nothing_change_nothing() -> None:
    nothing = Distribution(kind="numbers", counts=(0,), missing=0)
    assert change(nothing, nothing).p == 1
    assert rows_needed(nothing, 1) is None
    assert corrected([]) == []
    one = Distribution(kind="numbers", bins=(3.0,), counts=(50, 0), missing=0)
    assert change(one, one) == (1.0, 0.0, 0.0)


def in_bins(values: Floats, like: Distribution | None = None) -> Distribution:
    column = pd.Series(values)
    return count(column, like or describe(column, "numbers"))


def test_column_that_is_all_missing_has_drifted() -> None:
    many = in_bins(np.arange(2000.0))
    found = change(many, in_bins(np.full(300, np.nan), many))
    assert found.p < 1e-9
    assert found.matters


@pytest.mark.parametrize("share", [0.4, 0.97, 1.0])
def test_values_below_a_frequent_least_one_are_drift(share: float) -> None:
    def sample(rows: int, least: float) -> Floats:
        return np.where(np.arange(rows) < share * rows, least, np.linspace(6, 9, rows))

    old = in_bins(sample(2000, 5))
    assert change(old, in_bins(sample(300, 5), old)).p > 0.1
    found = change(old, in_bins(sample(300, 4.5), old))
    assert found.p < 1e-9
    assert found.matters
