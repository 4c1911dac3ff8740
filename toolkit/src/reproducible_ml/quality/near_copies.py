"""Find near copies: rows with the same measured numbers, but one or two.

Two measurements hardly ever agree in several numbers. Rows that do are copies with
another id, time or label, and a random split puts some on both sides.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from math import comb
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from reproducible_ml.contract.findings import Finding, quoted
from reproducible_ml.contract.schema import Contract, Data
from reproducible_ml.core import keys
from reproducible_ml.quality.duplicate_rows import OVERLAPPING
from reproducible_ml.quality.leaks import Floats, is_determined_by

Positions = npt.NDArray[np.intp]

# Numbers in which near copies may differ. Of one more block of columns than these, near
# copies agree in at least one.
DIFFERENT = 2

# Share of the pairs of rows that agree in a column which tells rows apart.
COMMON = 0.1

# Columns by which pairs are searched, and rows by which columns are compared.
COLUMNS, COMPARED = 60, 20_000

# So many times the repeated values that chance explains show that rows are copies.
MORE = 3

# Rows that each is compared with, of those that agree in a block of columns.
NEIGHBOURS = 4

# Numbers compared at a time.
CELLS = 4_000_000

# Odds against so many equal numbers by chance, as a logarithm: ten thousand to one.
ODDS = float(np.log(1e4))

# Agreement beyond chance of the targets of near copies: Cohen's kappa, or correlation.
SAME_TARGET = 0.5

# Share of the pairs that must differ in a column for it to be named, and how many are.
OFTEN, NAMED = 0.1, 3


class Pairs(NamedTuple):
    """Pairs of rows with the same numbers, but a few.

    Attributes:
        first: Position of the earlier row of each.
        second: Position of the later one.
        columns: Numbers that were compared.
        equal: In how many of them most pairs agree.
    """

    first: Positions
    second: Positions
    columns: int
    equal: int


def check_near_copies(
    some: pd.DataFrame,
    contract: Contract,
    data: Data,
    records: npt.NDArray[np.int64],
    raw: Path,
) -> Iterator[Finding]:
    """Yield a finding if many rows are near copies of an earlier row.

    Args:
        some: The rows of a table, or some of them.
        contract: Its columns.
        data: Roles of the columns. Copies within a group are kept together, and in a
            split by time it is usual that a row is like the one before.
        records: The positions of the rows in the table.
        raw: What the table was read from, to be named in findings.
    """
    if data.time:
        return
    features = contract.measured(data)
    floats = [n for n in features if contract.columns[n].dtype == "float64"]
    whole = [n for n in features if contract.columns[n].dtype in ("int64", "Int64")]
    for names in (floats, [*floats, *whole] if whole else []):
        pairs = _apart(find_pairs(some, names), some, features, data)
        rows = len(np.unique(pairs.second))
        if rows <= max(1, OVERLAPPING * len(some)):
            continue
        if agreement(some[data.target], pairs, data) > SAME_TARGET:
            yield _finding(some, features, pairs, records, raw)
            return


def find_pairs(rows: pd.DataFrame, names: Sequence[str]) -> Pairs:
    """Return pairs of rows that differ in at most two of some numbers.

    Only those are returned whose equal numbers cannot be explained by chance: the more
    values a column has, the less often do two rows agree in it. None are returned if
    more pairs differ in one number more: these are no copies, but cases that are alike,
    as the flights of a line are, and their numbers depend on each other.
    """
    matrix = _values(rows, names)
    numbers = dict(zip(names, matrix.T, strict=True))
    chances = dict(zip(names, _chances(matrix), strict=True))
    telling = _independent(numbers, chances)
    nothing = np.empty(0, dtype=np.intp)
    if len(telling) <= DIFFERENT:
        return Pairs(nothing, nothing, len(names), 0)
    first, second = _candidates(rows, telling, chances)
    weights = np.array([-np.log(chances[n]) if n in telling else 0 for n in numbers])
    pairs = len(rows) * (len(rows) - 1) / 2
    usual = float(np.median(weights[weights > 0]))
    needed = ODDS + np.log(pairs * comb(len(names), DIFFERENT))
    matrix = np.ascontiguousarray(matrix)
    kept, equals, alike = [], [], 0
    step = max(1, CELLS // len(numbers))
    for start in range(0, len(first), step):
        part = slice(start, start + step)
        same = matrix[first[part]] == matrix[second[part]]
        different = same.shape[1] - same.sum(axis=1)
        odds = same @ weights
        fits = (different <= DIFFERENT) & (odds >= needed)
        others = (different == DIFFERENT + 1) & (odds >= needed - usual)
        alike += int(others.sum())
        kept.append(np.flatnonzero(fits) + start)
        equals.append(same[fits].sum(axis=1))
    chosen = np.concatenate([nothing, *kept])
    if alike > len(chosen):
        return Pairs(nothing, nothing, len(names), 0)
    equal = np.concatenate([nothing, *equals])
    least = int(np.median(equal)) if len(equal) else 0
    return Pairs(first[chosen], second[chosen], len(names), least)


def agreement(target: pd.Series, pairs: Pairs, data: Data) -> float:
    """Return how far the targets of pairs agree beyond chance: 1 if always."""
    if data.task == "regression":
        ranks = target.rank().to_numpy(np.float64)
        apart = ranks[pairs.first] - ranks[pairs.second]
        return float(1 - (apart**2).mean() / (2 * ranks.var() or 1))
    classes, _ = pd.factorize(target)
    by_chance = float(((np.bincount(classes) / len(classes)) ** 2).sum())
    agree = float((classes[pairs.first] == classes[pairs.second]).mean())
    return (agree - by_chance) / (1 - by_chance)


def _values(rows: pd.DataFrame, names: Sequence[str]) -> Floats:
    """Return numbers in which a missing one equals another, column by column."""
    dtypes = keys.dtypes_of(rows)
    matrix = np.empty((len(rows), len(names)), order="F")
    plain = [dtypes[name] in ("float64", "int64") for name in names]
    known = [name for name, holds in zip(names, plain, strict=True) if holds]
    matrix[:, plain] = rows[known].to_numpy(np.float64)
    for place in np.flatnonzero(~np.array(plain, dtype=bool)).tolist():
        values = rows[names[place]]
        matrix[:, place] = values.to_numpy(np.float64, na_value=np.nan)
    matrix += 0.0
    matrix[np.isnan(matrix)] = np.inf
    return matrix


def _chances(matrix: Floats) -> list[float]:
    """Return the share of pairs of rows that agree in each column.

    It is never zero: if all values differ, half a pair counts as equal.
    """
    rows, columns = matrix.shape
    pairs = max(rows * (rows - 1), 1)
    found: list[float] = []
    step = max(1, CELLS // max(rows, 1))
    for start in range(0, columns, step):
        ordered = np.sort(matrix[:, start : start + step], axis=0).T
        first = np.ones(ordered.shape, dtype=bool)
        first[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
        places = np.flatnonzero(first)
        counts = np.diff(places, append=ordered.size).astype(np.float64)
        weights = counts * (counts - 1)
        agree = np.bincount(places // max(rows, 1), weights, len(ordered))
        found += (np.maximum(agree, 1) / pairs).tolist()
    return found


def _independent(numbers: dict[str, Floats], chances: dict[str, float]) -> list[str]:
    """Return columns that tell rows apart, without those that others determine."""
    order = sorted(chances, key=chances.__getitem__)
    found: dict[str, Positions] = {}
    usual: set[str] = set()
    for name in order:
        if chances[name] > COMMON or len(found) == COLUMNS:
            break
        codes = pd.factorize(numbers[name][:COMPARED])[0]
        known = (found[other] for other in found if other in usual)
        if not any(_determines(others, codes) for others in known):
            found[name] = codes
            if _repeats_by_chance(numbers[name][:COMPARED]):
                usual.add(name)
    return list(found)


def _repeats_by_chance(values: Floats) -> bool:
    """Return whether values repeat no more often than their steps explain.

    If they do, rows are copies: then each column determines all others, which says
    nothing about the columns. The middle half of the values is compared with equal
    chances of all steps between.
    """
    low, high = np.quantile(values, [0.25, 0.75], method="nearest")
    middle = values[(values >= low) & (values <= high)]
    known = np.unique(middle)
    if len(known) < 3 or not np.isfinite(high):
        return True
    step = float(np.quantile(np.diff(known), 0.01))
    expected = len(middle) ** 2 / 2 * step / float(high - low)
    return len(middle) - len(known) <= MORE * expected


def _determines(others: Positions, codes: Positions) -> bool:
    """Return whether one column determines the other, though values repeat."""
    repeats = others.max() + 1 < len(others)
    return bool(repeats) and is_determined_by(codes, others)


def _candidates(
    rows: pd.DataFrame, telling: Sequence[str], chances: dict[str, float]
) -> tuple[Positions, Positions]:
    """Return pairs of rows that agree in a block of columns, each pair once.

    Args:
        rows: The rows.
        telling: Columns that tell rows apart.
        chances: What `_chances` returned for each.
    """
    blocks = DIFFERENT + 1
    names = [telling[place::blocks] for place in range(blocks)]
    hashed = cache(lambda place: keys.hash_rows(rows, names[place]))
    one = 2 / max(len(rows) * (len(rows) - 1), 1)
    found = [np.empty((0, 2), dtype=np.intp)]
    for place in range(blocks):
        # If all values of a column differ, no two rows agree in its block.
        if any(chances[name] < one for name in names[place]):
            continue
        block = hashed(place)
        ordered = np.sort(block)
        several = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
        if not len(several):
            continue
        agree = keys.find_among(block, several)
        others = hashed((place + 1) % blocks)
        order = agree[np.lexsort((others[agree], block[agree]))]
        for distance in range(1, NEIGHBOURS + 1):
            a, b = order[:-distance], order[distance:]
            same = block[a] == block[b]
            found.append(np.column_stack([a[same], b[same]]))
    pairs = np.sort(np.concatenate(found), axis=1)
    merged = np.unique(pairs[:, 0].astype(np.int64) * len(rows) + pairs[:, 1])
    return (merged // len(rows)).astype(np.intp), (merged % len(rows)).astype(np.intp)


def _apart(
    pairs: Pairs, some: pd.DataFrame, features: Sequence[str], data: Data
) -> Pairs:
    """Return the pairs that differ in some feature, and are not of one group."""
    if not len(pairs.first):
        return pairs
    hashes = keys.hash_rows(some, features)
    apart = hashes[pairs.first] != hashes[pairs.second]
    if data.group:
        groups, _ = pd.factorize(some[data.group])
        apart &= groups[pairs.first] != groups[pairs.second]
    return pairs._replace(first=pairs.first[apart], second=pairs.second[apart])


def _differing(some: pd.DataFrame, features: Sequence[str], pairs: Pairs) -> list[str]:
    """Return the features in which pairs differ often, the most frequent first."""
    shares = {}
    for name in features:
        codes, _ = pd.factorize(some[name], use_na_sentinel=False)
        shares[name] = float((codes[pairs.first] != codes[pairs.second]).mean())
    often = [name for name, share in shares.items() if share >= OFTEN]
    return sorted(often, key=lambda name: -shares[name])


def _finding(
    some: pd.DataFrame,
    features: Sequence[str],
    pairs: Pairs,
    records: npt.NDArray[np.int64],
    raw: Path,
) -> Finding:
    later, places = np.unique(pairs.second, return_index=True)
    names = _differing(some, features, pairs)
    shown = ", ".join(map(quoted, names[:NAMED]))
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    differ = f"; they differ in {shown}{more}" if names else ""
    return Finding(
        "near copies",
        raw,
        f"is a near copy of an earlier row: {pairs.equal} of {pairs.columns} numbers"
        f" and mostly the target are the same{differ}. Such rows may be both in the"
        " training and in the test set",
        "Remove the copies in the source, or name what they belong to in data.group and"
        " set split.method: group in params.yaml.",
        rows=len(later),
        record=int(records[later[0]]),
        earlier=int(records[pairs.first[places[0]]]),
    )
