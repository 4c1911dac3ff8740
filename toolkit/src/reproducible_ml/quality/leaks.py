"""Find columns that leak the target: copies of it, or known only with its outcome."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from reproducible_ml.contract.schema import Data
from reproducible_ml.core import keys

Codes = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]

# Odds against a relation by chance, as a logarithm: a million to one.
ODDS = float(np.log(1e6))

# Rows that each side needs, or a good feature might be taken for a leak.
SIDE_ROWS = 30

# Rows that each value of a column needs on average to say something about the target.
VALUE_ROWS = 5

# Share of the rows outside the largest class that may be exceptions.
EXCEPTIONS = 0.005

# Numbers of so few rows are looked at together.
SHORT = 5_000

# Rows that are compared first: they rule out most columns.
FIRST = 1000

# Share of the smaller of two classes that may lie in the range of the other.
OVERLAP = 0.02

# Share of the rows that rules out most columns: enough for more exceptions than that.
PART = 8 * OVERLAP

RANGES = "each class has its own range of values"

# 1 - r² of a number that equals the target up to rounding, and of one that nearly does.
ROUNDING, NEARLY = 1e-6, 1e-4


class Leak(NamedTuple):
    """A column that leaks the target.

    Attributes:
        column: Its name.
        reason: Completes a sentence that begins with the name.
        certain: Whether the column is the target itself, however it is written.
    """

    column: str
    reason: str
    certain: bool


def find_leaks(rows: pd.DataFrame, columns: Sequence[str], data: Data) -> list[Leak]:
    """Return those of the columns that leak the target.

    Args:
        rows: A table or some of its rows, the target without missing values.
        columns: Names of the columns to check.
        data: The target and the task.
    """
    target = rows[data.target]
    if data.task == "regression":
        found = ((name, _against_numbers(rows[name], target)) for name in columns)
    else:
        classes, _ = pd.factorize(target)
        ways = odds_against(classes, 0)
        telling = [*columns]
        if len(rows) <= SHORT:
            harmless = _harmless_numbers(rows, columns, classes, ways)
            telling = [name for name in columns if name not in harmless]
        found = (
            (name, _against_classes(rows[name], target, classes, ways))
            for name in telling
        )
    return [Leak(name, *leak) for name, leak in found if leak]


def odds_against(classes: Codes, values: int) -> float:
    """Return the log odds against `values` values determining all classes by chance.

    There are n! / (n1! n2! ...) ways to give n rows classes of these sizes, and at most
    (number of classes) ** values of them let each value belong to one class.
    """
    from scipy.special import gammaln

    sizes = np.bincount(classes)
    ways = gammaln(len(classes) + 1) - gammaln(sizes + 1).sum()
    return float(ways - values * np.log(len(sizes)))


def is_determined_by(codes: Codes, others: Codes) -> bool:
    """Return whether rows with the same code in `others` have the same in `codes`."""
    example = np.zeros(others.max() + 1, dtype=codes.dtype)
    example[others] = codes
    return bool((example[others] == codes).all())


def exceptions(codes: Codes, classes: Codes) -> int:
    """Return how many rows are not of the most common class of their code."""
    pairs, counts = np.unique(codes * (classes.max() + 1) + classes, return_counts=True)
    most = np.zeros(codes.max() + 1, dtype=np.intp)
    np.maximum.at(most, pairs // (classes.max() + 1), counts)
    return int(len(codes) - most.sum())


def as_numbers(values: pd.Series) -> Floats | None:
    """Return numbers and dates as floats, missing ones as NaN; None for all others."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        return None
    if pd.api.types.is_datetime64_any_dtype(values):
        whole = values.astype("int64").to_numpy(dtype=np.float64)
        return np.where(values.isna(), np.nan, whole)
    if pd.api.types.is_bool_dtype(values) or not pd.api.types.is_numeric_dtype(values):
        return None
    return values.to_numpy(dtype=np.float64, na_value=np.nan)


def separates(numbers: Floats, classes: Codes) -> bool:
    """Return whether the ranges of classes do not overlap, if they have enough rows."""
    known = ~np.isnan(numbers)
    numbers, classes, number = numbers[known], classes[known], int(classes.max()) + 1
    if np.bincount(classes, minlength=number).min() < SIDE_ROWS:
        return False
    lows, highs = np.full(number, np.inf), np.full(number, -np.inf)
    np.minimum.at(lows, classes, numbers)
    np.maximum.at(highs, classes, numbers)
    order = np.argsort(lows)
    return bool((highs[order[:-1]] < lows[order[1:]]).all())


def overlap(numbers: Floats, classes: Codes) -> int | None:
    """Return how many rows are on the wrong side of the best bound between two classes.

    None without two classes of enough rows, or if more rows than an exception are.
    """
    known = ~np.isnan(numbers)
    numbers, classes = numbers[known], classes[known]
    sizes = np.bincount(classes, minlength=2)
    if len(sizes) > 2 or sizes.min() < SIDE_ROWS:
        return None
    allowed = OVERLAP * sizes.min()
    # Of some rows, all of which may be on one side, no more are wrong than of all.
    some = slice(int(PART * len(numbers)))
    few = np.bincount(classes[some], minlength=2).min()
    if few > allowed:
        strays = _strays(numbers[some], classes[some])
        if strays is None or strays > allowed:
            return None
    wrong = _strays(numbers, classes)
    return wrong if wrong is not None and wrong <= allowed else None


def _strays(numbers: Floats, classes: Codes) -> int | None:
    """Return how many rows are on the wrong side of the best bound between values."""
    sizes = np.bincount(classes, minlength=2)
    order = np.argsort(numbers, kind="stable")
    # Rows of the second class up to each row, less those of the first.
    ahead = np.cumsum(np.where(classes[order] == 1, 1, -1))
    ends = np.flatnonzero(np.diff(numbers[order]) > 0)
    if not len(ends):
        return None
    return int(min((sizes[1] - ahead[ends]).min(), (sizes[0] + ahead[ends]).min()))


def _harmless_numbers(
    rows: pd.DataFrame, columns: Sequence[str], classes: Codes, ways: float
) -> set[str]:
    """Return columns in which `_against_classes` finds nothing, computed together.

    Args:
        rows: Few rows: to look at a part of many is faster for each column.
        columns: Those without missing values that are numbers are looked at.
        classes: The classes by number, from 0.
        ways: What `odds_against` returns for no values.
    """
    dtypes = keys.dtypes_of(rows)
    names = [name for name in columns if dtypes[name] in ("float64", "int64")]
    kinds = int(classes.max(initial=0)) + 1
    if kinds < 2 or not names:
        return set()
    numbers = rows[names].to_numpy(dtype=np.float64)
    order = np.argsort(numbers, axis=0, kind="stable")
    ordered = np.take_along_axis(numbers, order, axis=0)
    ends = ordered[1:] > ordered[:-1]
    distinct = ends.sum(axis=0) + 1
    likely = ways - distinct * np.log(kinds) < ODDS
    harmless = likely | ((distinct > kinds) & (len(rows) < VALUE_ROWS * distinct))
    harmless &= ~np.isnan(numbers).any(axis=0)
    sizes = np.bincount(classes)
    if sizes.min() >= SIDE_ROWS and kinds == 2:
        ahead = np.cumsum(np.where(classes[order] == 1, 1, -1), axis=0)[:-1]
        most = np.where(ends, ahead, -len(rows)).max(axis=0, initial=-len(rows))
        least = np.where(ends, ahead, len(rows)).min(axis=0, initial=len(rows))
        wrong = np.minimum(sizes[1] - most, sizes[0] + least)
        harmless &= wrong > OVERLAP * sizes.min()
    elif sizes.min() >= SIDE_ROWS:
        of_class = [numbers[classes == kind] for kind in range(kinds)]
        lows = np.array([part.min(axis=0) for part in of_class])
        highs = np.array([part.max(axis=0) for part in of_class])
        rank = np.argsort(lows, axis=0)
        lows, highs = (np.take_along_axis(v, rank, axis=0) for v in (lows, highs))
        harmless &= ~(highs[:-1] < lows[1:]).all(axis=0)
    return {name for name, holds in zip(names, harmless, strict=True) if holds}


def _against_classes(
    values: pd.Series, target: pd.Series, classes: Codes, ways: float
) -> tuple[str, bool] | None:
    """Return how the values reveal the class, and whether they are the class itself.

    Args:
        values: A column.
        target: The classes.
        classes: Their numbers, from 0.
        ways: What `odds_against` returns for no values.
    """
    codes, missing = _coded(values)
    known = int(codes.max()) + 1
    if classes.max() < 1 or known < 2:
        return None
    likely = ways - known * np.log(classes.max() + 1) < ODDS
    if (
        not likely
        and is_determined_by(classes, codes)
        and is_determined_by(codes, classes)
    ):
        same = values.astype(str).to_numpy() == target.astype(str).to_numpy()
        return ("repeats the target" if same.all() else "is the target recoded"), True
    # What is known only with the outcome, such as its cause, has values of its own.
    by_missing = _by_missing_values(missing, classes)
    if by_missing and by_missing[1]:
        return by_missing
    if not likely and len(values) >= VALUE_ROWS * known:
        wrong = exceptions(codes, classes)
        if wrong <= EXCEPTIONS * (len(classes) - np.bincount(classes).max()):
            always = "always" if not wrong else f"in all but {wrong} rows"
            return f"its {known} values {always} determine the class", False
    if (numbers := as_numbers(values)) is not None:
        if separates(numbers, classes):
            return f"{RANGES}, none of which overlap", False
        if (strays := overlap(numbers, classes)) is not None:
            return f"{RANGES}, but for {strays} rows", False
    return by_missing


def _coded(values: pd.Series) -> tuple[Codes, npt.NDArray[np.bool_]]:
    """Return the number of each value, the missing one among them, and where it is."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        codes = values.array.codes.astype(np.intp)
        # Those that occur get numbers in their order, the missing one the first.
        occur = np.bincount(codes + 1, minlength=1) > 0
        return (np.cumsum(occur) - 1)[codes + 1], codes < 0
    codes, _ = pd.factorize(values, use_na_sentinel=False)
    return codes, values.isna().to_numpy()


def _by_missing_values(
    missing: npt.NDArray[np.bool_], classes: Codes
) -> tuple[str, bool] | None:
    """Return how missing values reveal the class."""
    if missing.all() or not missing.any():
        return None
    sides = {"missing": missing, "given": ~missing}
    pure = {word: len(np.unique(classes[side])) == 1 for word, side in sides.items()}
    if all(pure.values()) and odds_against(classes, 2) > ODDS:
        return "is missing for one class and given for the other", True
    for word, side in sides.items():
        if pure[word] and _unlikely(int(side.sum()), classes, classes[side][0]):
            return f"is {word} for rows of one class only", False
    return None


def _unlikely(drawn: int, classes: Codes, kind: np.intp) -> bool:
    """Return whether so many random rows would hardly all be of this class."""
    from scipy.stats import hypergeom

    of_kind = int((classes == kind).sum())
    all_alike = hypergeom.logsf(drawn - 1, len(classes), of_kind, drawn)
    return drawn >= SIDE_ROWS and -float(all_alike) > ODDS


def _against_numbers(values: pd.Series, target: pd.Series) -> tuple[str, bool] | None:
    """Return how the values reveal the number, and whether they are the number."""
    wanted = target.to_numpy(dtype=np.float64)
    codes, missing = _coded(values)
    known = int(codes.max(initial=-1)) + 1
    levels, distinct = pd.factorize(target)
    if len(wanted) < SIDE_ROWS or known < 2 or len(distinct) < 2:
        return None
    numbers = as_numbers(values)
    if numbers is not None and (leak := _as_curve(numbers, wanted)):
        # A target that grows with time is not a copy of the date.
        dates = pd.api.types.is_datetime64_any_dtype(values)
        return leak[0], leak[1] and not dates
    enough = len(values) >= max(VALUE_ROWS * known, known + SIDE_ROWS)
    if (
        enough
        and odds_against(levels, known) > ODDS
        and is_determined_by(levels, codes)
    ):
        return f"each of its {known} values has one value of the target", False
    given = (~missing).astype(np.intp)
    if given.min() < given.max() and separates(wanted, given):
        return "is missing in one range of the target only", False
    return None


def _as_curve(numbers: Floats, wanted: Floats) -> tuple[str, bool] | None:
    """Return how a number can be computed from the target, by a line or a curve."""
    known = ~np.isnan(numbers)
    x, y = numbers[known], wanted[known]
    if len(x) < SIDE_ROWS or min(np.ptp(x), np.ptp(y)) == 0:
        return None
    if np.array_equal(x, y):
        return "repeats the target", True
    x, y = (v / np.abs(v).max() for v in (x, y))  # or squares may overflow
    x, y = (v - v.mean() for v in (x, y))
    square = float((x * y).sum() ** 2 / ((x * x).sum() * (y * y).sum()))
    if 1 - square < ROUNDING:
        return "is the target multiplied, shifted or rounded", True
    if _rise_together(x, y) or _rise_together(-x, y):
        return (
            "is the target recoded: both always rise or fall together",
            True,
        )
    if 1 - square < NEARLY:
        return f"is nearly the target: their correlation is {square**0.5:.6f}", False
    return None


def _rise_together(x: Floats, y: Floats) -> bool:
    """Return whether both have the same order, apart from ties."""
    # What is out of order among the first rows is so in all of them.
    for rows in (slice(FIRST), slice(None)):
        a, b = x[rows], y[rows]
        if (np.diff(a[np.lexsort((a, b))]) < 0).any():
            return False
    return min(len(np.unique(x)), len(np.unique(y))) >= SIDE_ROWS
