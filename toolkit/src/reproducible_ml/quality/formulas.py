"""Find targets that are computed from other columns, such as a sum of parts."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from reproducible_ml.contract.findings import quoted
from reproducible_ml.contract.schema import Contract, Data
from reproducible_ml.quality.leaks import SIDE_ROWS, Floats, as_numbers

# Rows that a formula is searched in, and terms that it may have.
ROWS, TERMS = 2_000, 40

# Share of the rows that must comply with it, whatever the usual value of the target.
EXACT = 0.95

# Factors in formulas that people write: sums, means of a few, percentages, times.
FACTORS = np.array(
    [
        *range(1, 13),
        *(20, 24, 25, 50, 60, 100, 365, 1000, 1440, 3600, 10_000, 86_400, 1e6),
    ],
    dtype=np.float64,
)

# How far a factor may be from one of these, as a share of it, before it is rounded.
NEAR = 0.02

# Rows, of those that comply best, by which the factors are determined; and how often.
BEST, ROUNDS = 0.8, 3

# A tolerance for rounding that is a larger share of the target's spread shows nothing.
ROUGH = 0.01

DAY = 86_400e9


class Formula(NamedTuple):
    """How the target is computed.

    Attributes:
        text: As `"a" + 2 * "b"`.
        share: Of the rows that comply with it.
    """

    text: str
    share: float


def find_formula(rows: pd.DataFrame, contract: Contract, data: Data) -> Formula | None:
    """Return how a number to be predicted is computed from several other columns.

    It is a sum, difference, product or quotient of them, with simple factors and a
    constant, and exact up to rounding in nearly all rows.

    Args:
        rows: A table or some of its rows.
        contract: Its columns.
        data: Roles of the columns. Their time counts like a feature.
    """
    if data.task != "regression":
        return None
    some = rows.iloc[:: max(1, len(rows) // ROWS)]
    wanted = some[data.target].to_numpy(np.float64)
    numbers = _numbers(some, contract, data)
    if len(some) < SIDE_ROWS or len(numbers) < 2:
        return None
    names, columns = list(numbers), np.column_stack(list(numbers.values()))
    return _sum(names, columns, wanted) or _product(names, columns, wanted)


def _numbers(some: pd.DataFrame, contract: Contract, data: Data) -> dict[str, Floats]:
    """Return the numbers and dates that vary; a missing one, in a sum, is 0."""
    found = {}
    dates = some.select_dtypes("datetime")
    first = float(dates.min().min().value) if len(dates.columns) else 0.0
    for name in contract.features(data):
        values = as_numbers(some[name])
        if values is None:
            continue
        if name in dates:
            values = (values - first) / DAY
        if len(np.unique(values[~np.isnan(values)])) > 1:
            found[name] = np.nan_to_num(values)
    return found


def _sum(names: Sequence[str], columns: Floats, wanted: Floats) -> Formula | None:
    """Return the formula if the target is a sum of columns, with factors."""
    terms, factors = _fit(columns, wanted)
    if len(terms) < 2:
        return None
    order = np.lexsort((terms, factors < 0))
    terms, factors = terms[order], factors[order]
    used = columns[:, terms]
    steps = np.array([_step(column) for column in used.T])
    apart = wanted - used @ factors
    constant = _constant(apart)
    # Whole numbers may be rounded sums of parts that are not.
    whole = 1.0 if steps.any() else 0.0
    rounding = ((_step(wanted) or whole) + np.abs(factors) @ steps) / 2
    share = _share(apart - constant, rounding, wanted)
    if share < EXACT:
        return None
    parts = [_term(names[t], f) for t, f in zip(terms, factors, strict=True)]
    if constant and (factors < 0).all():
        return Formula(" ".join([f"{constant:.6g}", *parts]), share)
    if constant:
        parts.append(f"{'-' if constant < 0 else '+'} {abs(constant):.6g}")
    return Formula(" ".join(parts).removeprefix("+ "), share)


def _product(names: Sequence[str], columns: Floats, wanted: Floats) -> Formula | None:
    """Return the formula if the target is a product or quotient of columns."""
    positive = (columns > 0).all(axis=0)
    if (wanted <= 0).any() or positive.sum() < 2:
        return None
    kept = np.flatnonzero(positive)
    logs, goal = np.log(columns[:, kept]), np.log(wanted)
    terms, powers = _fit(logs, goal)
    whole = np.isin(np.abs(powers), [1, 2, 3])
    if len(terms) < 2 or not whole.all():
        return None
    chosen = kept[terms]
    constant = float(np.exp(np.median(goal - logs[:, terms] @ powers)))
    used = columns[:, chosen]
    computed = constant * np.exp(logs[:, terms] @ powers)
    steps = np.array([_step(column) for column in used.T])
    rounding = (_step(wanted) + computed * ((steps / used) @ np.abs(powers))) / 2
    share = _share(wanted - computed, rounding, wanted)
    if share < EXACT:
        return None
    factor = "" if abs(constant - 1) < 1e-6 else f"{constant:.6g} * "
    parts = [_power(names[c], p) for c, p in zip(chosen, powers, strict=True) if p > 0]
    below = [_power(names[c], -p) for c, p in zip(chosen, powers, strict=True) if p < 0]
    text = factor + (" * ".join(parts) or "1")
    return Formula(" / ".join([text, *below]), share)


def _fit(columns: Floats, wanted: Floats) -> tuple[npt.NDArray[np.intp], Floats]:
    """Return the columns of a sum that gives the target, and their simple factors.

    Columns are added one by one, each time that with the highest correlation with what
    is left (orthogonal matching pursuit), until little is left. Factors are those of
    the rows that comply best: some rows may be wrong.
    """
    nothing = np.empty(0, dtype=np.intp), np.empty(0)
    scale = float(wanted.std()) or 1.0
    centred = columns - columns.mean(axis=0)
    norms = np.sqrt((centred**2).sum(axis=0))
    known, rest = norms > 0, wanted - wanted.mean()
    chosen: list[int] = []
    for _ in range(min(TERMS, len(wanted) // 3, columns.shape[1])):
        match = np.abs(centred.T @ rest) / np.where(known, norms, np.inf)
        match[chosen] = -1
        best = int(np.argmax(match))
        if match[best] <= 0:
            break
        chosen.append(best)
        factors, rest = _least_squares(columns[:, chosen], wanted)
        if np.quantile(np.abs(rest), BEST) < 1e-3 * scale:
            break
    else:
        if np.quantile(np.abs(rest), BEST / 2) > 0.1 * scale:
            return nothing
    factors = _trimmed(columns[:, chosen], wanted)
    weight = np.abs(factors) * columns[:, chosen].std(axis=0)
    simple = np.array([_simple(factor) for factor in factors])
    used = (weight > 1e-3 * scale) & (simple != 0)
    return np.array(chosen, dtype=np.intp)[used], simple[used]


def _least_squares(columns: Floats, wanted: Floats) -> tuple[Floats, Floats]:
    """Return the factors, without the constant, and what is left."""
    full = np.column_stack([columns, np.ones(len(columns))])
    sizes = np.maximum(np.abs(full).max(axis=0), 1e-300)
    factors = np.linalg.lstsq(full / sizes, wanted, rcond=None)[0] / sizes
    return factors[:-1], wanted - full @ factors


def _trimmed(columns: Floats, wanted: Floats) -> Floats:
    """Return the factors by the rows that comply best with them."""
    factors, rest = _least_squares(columns, wanted)
    for _ in range(ROUNDS):
        fits = np.abs(rest) <= np.quantile(np.abs(rest), BEST)
        factors, left = _least_squares(columns[fits], wanted[fits])
        constant = float(np.median(wanted[fits] - left - columns[fits] @ factors))
        rest = wanted - columns @ factors - constant
    return factors


def _simple(factor: float) -> float:
    """Return the simple factor next to a factor, or 0 if none is near."""
    size = abs(factor)
    if size < 1e-7:
        return 0.0
    options = np.concatenate([FACTORS, 1 / FACTORS])
    nearest = float(options[np.argmin(np.abs(options / size - 1))])
    return float(np.sign(factor)) * nearest if abs(size / nearest - 1) < NEAR else 0.0


def _step(values: Floats) -> float:
    """Return the unit to which numbers are rounded, 0 if they are counts or exact."""
    for digits in range(10):
        if np.allclose(values, values.round(digits), rtol=1e-12, atol=1e-9):
            return 0.0 if digits == 0 else 10.0**-digits
    return 0.0


def _constant(apart: Floats) -> float:
    """Return what is left in most rows, 0 if that is due to rounding."""
    middle = float(np.median(apart))
    size = max(1.0, float(np.abs(apart).max()))
    return middle if abs(middle) > 1e-6 * size else 0.0


def _share(apart: Floats, rounding: Floats | float, wanted: Floats) -> float:
    """Return the share of rows that comply, also of those with an unusual target."""
    spread = float(np.subtract(*np.quantile(wanted, [0.9, 0.1]))) or float(wanted.std())
    limit = np.minimum(np.asarray(rounding) * 1.01, ROUGH * spread)
    fits = np.abs(apart) <= np.maximum(limit, 1e-9 * np.abs(wanted).max())
    levels, places, counts = np.unique(wanted, return_inverse=True, return_counts=True)
    unusual = places != np.argmax(counts)
    if len(levels) < 3 or unusual.sum() < SIDE_ROWS:
        return 0.0
    return float(min(fits.mean(), fits[unusual].mean()))


def _term(name: str, factor: float) -> str:
    size = abs(factor)
    number = "" if size == 1 else f"{size:.6g} * "
    if 0 < size < 1:
        return f"{'-' if factor < 0 else '+'} {quoted(name)} / {1 / size:.6g}"
    return f"{'-' if factor < 0 else '+'} {number}{quoted(name)}"


def _power(name: str, power: float) -> str:
    return quoted(name) if power == 1 else f"{quoted(name)}^{power:.0f}"
