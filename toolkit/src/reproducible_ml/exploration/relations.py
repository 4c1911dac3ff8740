"""How the columns of a table depend on each other, and on the target.

All of it is computed from the rows of a sample.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from reproducible_ml.exploration.columns import Dates, Texts
from reproducible_ml.exploration.numbers import Numbers
from reproducible_ml.exploration.summary import Summary

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Json = dict[str, Any]

# Columns in a heat map, and strong pairs that are listed.
SHOWN, LISTED = 25, 50

# Columns whose pairs are looked at.
NUMBERS, CATEGORIES = 2_000, 100

# Values of a category that are distinguished at least and at most, with how many rows
# for each cell of a table; and groups of numbers and dates.
VALUES, MOST_VALUES, CELL, GROUPS = 30, 500, 5, 10

# Rows that pairs of categories are counted on: fewer of many pairs.
COUNTED = 50_000_000

# Pairs with fewer rows in common have no correlation.
LEAST = 3


def relations(
    summaries: Sequence[Summary], target: str | None, left_out: frozenset[str]
) -> Json:
    """Return correlations of pairs, and the information on the target.

    Args:
        summaries: Of all columns, complete.
        target: The column to predict, if there is one.
        left_out: Columns that identify rows, so that they are not compared.
    """
    own = [s for s in summaries if s.name not in left_out and s.present]
    on_target = information(own, target)
    rank = {name: place for place, name in enumerate(on_target.get("columns", {}))}
    # With a target, the columns that say the most of it come first.
    order = sorted(own, key=lambda s: (s.name != target, rank.get(s.name, len(own))))
    numbers = [s for s in order if isinstance(s, Numbers) and s.varies]
    categories = [
        s for s in order if isinstance(s, Texts) and s.is_category and s.present
    ]
    return {
        "rows": len(own[0].sampled()) if own else 0,
        "numbers": _numbers(numbers, own),
        "categories": _categories(categories, own),
        "target": on_target,
    }


def _numbers(numbers: Sequence[Numbers], order: Sequence[Summary]) -> Json:
    """Return the Pearson correlations of the most related columns of numbers."""
    used = numbers[:NUMBERS]
    if len(used) < 2:
        return {}
    sample = np.column_stack([summary.sampled() for summary in used])
    names = [summary.name for summary in used]
    return _strongest(pearson(sample), names, len(numbers), order)


def _categories(categories: Sequence[Texts], order: Sequence[Summary]) -> Json:
    """Return Cramér's V of the most related categories."""
    used = categories[:CATEGORIES]
    if len(used) < 2:
        return {}
    pairs = len(used) * (len(used) - 1) // 2
    rows = min(max(1000, COUNTED // pairs), len(used[0].sampled()))
    # The tables of all pairs together have no more cells than rows are counted.
    limit = min(_limit(rows), max(VALUES, math.isqrt(COUNTED // pairs)))
    coded = [(s, s.codes(limit)) for s in used]
    known = [(s.name, codes) for s, codes in coded if codes is not None]
    if len(known) < 2:
        return {}
    found = np.full((len(known), len(known)), np.nan)
    for i, (_, one) in enumerate(known):
        for j in range(i):
            found[i, j] = found[j, i] = cramers_v(one[:rows], known[j][1][:rows], limit)
    result = _strongest(found, [name for name, _ in known], len(categories), order)
    return result | {"pooled": _pooled(used, limit)}


def _strongest(
    found: Floats, names: Sequence[str], every: int, order: Sequence[Summary]
) -> Json:
    """Return the matrix of the columns that are most related, and the best pairs.

    Args:
        found: Symmetric; NaN where it is not defined.
        names: Of its columns.
        every: Columns of the kind, of which only the first may have been compared.
        order: All columns, as in the table.
    """
    strength = np.abs(np.nan_to_num(found))
    np.fill_diagonal(strength, 0)
    i, j = np.triu_indices(len(names), 1)
    values = strength[i, j]
    kept = min(LISTED, len(values))
    best = np.argpartition(-values, kept - 1)[:kept]
    best = best[np.lexsort((j[best], i[best], -values[best]))]
    shown = np.sort(np.argsort(-strength.max(axis=0), kind="stable")[:SHOWN])
    place = {summary.name: number for number, summary in enumerate(order)}
    shown = np.array(sorted(shown.tolist(), key=lambda at: place[names[at]]))
    return {
        "columns": [names[at] for at in shown],
        "matrix": [
            [_rounded(found[a, b]) if a != b else None for b in shown] for a in shown
        ],
        "pairs": [
            [names[i[at]], names[j[at]], _rounded(found[i[at], j[at]])]
            for at in best
            if values[at] > 0
        ],
        "compared": len(names),
        "of": every,
    }


def pearson(sample: Floats) -> Floats:
    """Return the correlations of all pairs of columns.

    Each pair is compared on the rows where both are finite.

    Args:
        sample: Shape (rows, columns).

    Returns:
        Shape (columns, columns); NaN for a column that is constant on those rows.
    """
    known = np.isfinite(sample)
    with np.errstate(all="ignore"):
        moved = np.where(known, _near_one(sample, known), 0.0)
        # From one of the numbers: the mean of equal ones is rounded to another number.
        first = np.take_along_axis(moved, known.argmax(axis=0)[np.newaxis], axis=0)
        moved = np.where(known, moved - first, 0.0)
        centre = moved.sum(0) / np.maximum(known.sum(0), 1)
        moved = np.where(known, moved - centre, 0.0)
        scale = np.abs(moved).max(axis=0, initial=0)
        moved /= np.where(scale > 0, scale, 1)
        if known.all():
            rows = np.full((sample.shape[1],) * 2, float(len(sample)))
            products = moved.T @ moved
            squares = np.broadcast_to(np.diag(products), products.shape)
            sums = np.zeros_like(products)
        else:
            mask = known.astype(float)
            rows = mask.T @ mask
            products = moved.T @ moved
            # Row j: of column j, on the rows where the other column is known.
            sums = mask.T @ moved
            squares = mask.T @ np.square(moved)
        covariance = products - sums * sums.T / np.maximum(rows, 1)
        variance = squares - np.square(sums) / np.maximum(rows, 1)
        # Nearly nothing beside the squares is rounding: the column is constant there.
        variance = np.where(variance > 1e-12 * squares, variance, np.nan)
        found = covariance / np.sqrt(variance * variance.T)
    found[rows < LEAST] = np.nan
    return np.asarray(np.clip(found, -1, 1))


def _near_one(sample: Floats, known: npt.NDArray[np.bool_]) -> Floats:
    """Return columns whose differences neither overflow nor vanish when squared."""
    largest = np.where(known, np.abs(sample), 0).max(axis=0, initial=0)
    far = (largest > 0) & ((largest > 1e100) | (largest < 1e-100))
    if not far.any():
        return sample
    _, powers = np.frexp(np.where(far, largest, 1))
    return np.asarray(np.ldexp(sample, -powers))


def cramers_v(one: Ints, other: Ints, limit: int) -> float:
    """Return Cramér's V, corrected for bias; NaN if a column is constant.

    Only rows where both have a value are counted. The correction is that of W.
    Bergsma, A bias-correction for Cramér's V and Tschuprow's T, 2013.

    Args:
        one: Numbers of values from 0; `limit` is a missing one.
        other: The same of another column.
        limit: Values that are distinguished.
    """
    known = (one < limit) & (other < limit)
    table = _table(one[known], other[known])
    rows = float(table.sum())
    r, c = table.shape
    if min(r, c) < 2 or rows < LEAST:
        return math.nan
    expected = np.outer(table.sum(1), table.sum(0)) / rows
    phi = float((np.square(table - expected) / expected).sum()) / rows
    phi = max(0.0, phi - (r - 1) * (c - 1) / (rows - 1))
    r_corrected = r - (r - 1) ** 2 / (rows - 1)
    c_corrected = c - (c - 1) ** 2 / (rows - 1)
    least = min(r_corrected, c_corrected) - 1
    return min(1.0, math.sqrt(phi / least)) if least > 0 else math.nan


def _table(one: Ints, other: Ints) -> Floats:
    """Return the rows of each pair of values, without values that do not occur."""
    if not len(one):
        return np.zeros((0, 0))
    width = int(other.max()) + 1
    counts = np.bincount(one * width + other, minlength=(int(one.max()) + 1) * width)
    table = counts.reshape(-1, width).astype(np.float64)
    return table[table.any(axis=1)][:, table.any(axis=0)]


def information(summaries: Sequence[Summary], target: str | None) -> Json:
    """Return how much each column says of the target: mutual information.

    Numbers and dates are divided into ten groups of about equally many rows; a missing
    value is a value of its own.

    Returns:
        In bits, the most informative column first, with the entropy of the target. The
        estimates are corrected for their bias (G. Miller, Note on the bias of
        information estimates, 1955).
    """
    chosen = next((s for s in summaries if s.name == target), None)
    classes = _limit(len(chosen.sampled()) // GROUPS) if chosen is not None else 0
    codes = _codes(chosen, classes) if chosen is not None else None
    if chosen is None or codes is None:
        return {}
    rows = len(codes)
    # With fewer rows in a cell, the estimates of what is independent are too high.
    limit = _limit(rows // max(1, len(np.unique(codes))))
    entropy = _entropy(np.bincount(codes), rows)
    found: dict[str, float] = {}
    for summary in summaries:
        own = _codes(summary, limit) if summary is not chosen else None
        if own is None:
            continue
        table = _table(own, codes)
        together = _entropy(table.ravel(), rows)
        apart = _entropy(table.sum(1), rows) + _entropy(table.sum(0), rows)
        cells = np.count_nonzero(table) - sum(table.shape) + 1
        bias = cells / (2 * rows * math.log(2))
        found[summary.name] = round(max(0.0, apart - together - bias), 5)
    order = sorted(found, key=lambda name: -found[name])
    known = {*found, chosen.name}
    return {
        "name": chosen.name,
        "entropy": round(entropy, 5),
        "columns": {name: found[name] for name in order},
        "without": [s.name for s in summaries if s.name not in known],
        "pooled": _pooled([chosen], classes)
        | _pooled([s for s in summaries if s.name in found], limit),
    }


def _codes(summary: Summary, limit: int) -> Ints | None:
    groups = isinstance(summary, Numbers | Dates)
    return summary.codes(GROUPS if groups else limit)


def _limit(rows: int) -> int:
    """Return how many values can be distinguished on so many rows."""
    return min(MOST_VALUES, max(VALUES, rows // CELL))


def _pooled(summaries: Sequence[Summary], limit: int) -> dict[str, list[int]]:
    """Return the columns with more values: how many, and which is the first pooled."""
    counts = {s.name: s.values for s in summaries if isinstance(s, Texts)}
    return {name: [n, limit] for name, n in counts.items() if n > limit}


def _entropy(counts: npt.NDArray[Any], rows: int) -> float:
    """Return the entropy of counted values, in bits."""
    shares = counts[counts > 0] / max(rows, 1)
    return float(-(shares * np.log2(shares)).sum())


def _rounded(value: float) -> float | None:
    return round(float(value), 4) if math.isfinite(value) else None
