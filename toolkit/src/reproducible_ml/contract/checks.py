"""Cast raw rows to the contract and find the rows that break its rules."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from reproducible_ml.contract.schema import Column, Contract, Data, Length, Range
from reproducible_ml.core import keys

if TYPE_CHECKING:
    import pyarrow

Mask = npt.NDArray[np.bool_]

TYPES = {"int64": pd.Int64Dtype(), "bool": pd.BooleanDtype()}

# Floats below this number represent all integers exactly.
EXACT = 2**53

# Numbers that are checked at a time.
CELLS = 1_000_000

ANY_NUMBER = Range(min_value=-np.inf, max_value=np.inf)

NOT_NULL = "nullable"
FINITE = "finite"


def cast(rows: "pyarrow.Table", contract: Contract) -> pd.DataFrame:
    """Return the rows with the columns, order and dtypes of the contract.

    Unknown categories are kept, for `broken_rules` to find; so are missing values in
    integer and boolean columns that must not have any.
    """
    frame = rows.to_pandas(types_mapper=lambda kind: TYPES.get(str(kind)))
    frame = frame[list(contract.columns)]
    present = dict(zip(frame.columns, map(str, frame.dtypes), strict=True))
    dtypes = {
        name: column.dtype
        for name, column in contract.columns.items()
        if column.dtype != present[name]
        and not (column.dtype in ("int64", "bool") and frame[name].hasnans)
    }
    cast_frame: pd.DataFrame = frame.astype(dtypes)
    return cast_frame


def broken_rules(
    frame: pd.DataFrame, contract: Contract
) -> Iterator[tuple[str, str, Mask]]:
    """Yield column, rule and a mask of rows, for each rule that some rows break.

    The rules have the names and the results of pandera's checks. `unique` is not
    checked here, because it needs all parts. A missing value breaks `nullable` only.
    """
    fine = _finite_in_range(frame, contract)
    for name, column in contract.columns.items():
        if name in fine:
            continue
        for rule, broken in _broken(frame[name], column):
            if broken.any():
                yield name, rule, broken


def _finite_in_range(frame: pd.DataFrame, contract: Contract) -> set[str]:
    """Return columns of floats that break no rule, found for many at once."""
    names = [
        name
        for name, column in contract.columns.items()
        if column.dtype == "float64"
        and not any(getattr(column, check) is not None for check in OTHER_CHECKS)
    ]
    fine: set[str] = set()
    step = max(1, CELLS // max(1, len(frame)))
    for start in range(0, len(names), step):
        some = names[start : start + step]
        columns = [contract.columns[name] for name in some]
        values = frame[some].to_numpy(dtype=np.float64)
        missing = np.isnan(values).any(axis=0)
        low = np.fmin.reduce(values, axis=0, initial=np.inf)
        high = np.fmax.reduce(values, axis=0, initial=-np.inf)
        ranges = [column.in_range or ANY_NUMBER for column in columns]
        # Numbers on a bound are left to `_broken`: it may be excluded.
        inside = low > np.array([bounds.min_value for bounds in ranges], np.float64)
        inside &= high < np.array([bounds.max_value for bounds in ranges], np.float64)
        nullable = np.array([column.nullable for column in columns])
        right = inside & (nullable | ~missing)
        fine |= {name for name, holds in zip(some, right, strict=True) if holds}
    return fine


def _broken(values: pd.Series, column: Column) -> Iterator[tuple[str, Mask]]:
    missing = values.isna().to_numpy()
    if not column.nullable:
        yield NOT_NULL, missing
    if column.dtype == "float64":
        yield FINITE, np.isinf(values.to_numpy())
    for check, breaks in CHECKS.items():
        bound = getattr(column, check)
        if bound is not None:
            found = breaks(values, bound).fillna(False).to_numpy(dtype=bool)
            yield format_rule(check, bound), found & ~missing


def format_rule(check: str, bound: Any) -> str:
    """Return a check as text, such as `in_range(0, 120)`."""
    if isinstance(bound, Range):
        low, high = map(_format_bound, (bound.min_value, bound.max_value))
        return f"{check}({low}, {high})"
    if isinstance(bound, Length):
        return f"{check}({bound.min_value}, {bound.max_value})"
    return f"{check}({_format_bound(bound)})"


def _format_bound(bound: Any) -> str:
    if isinstance(bound, tuple):
        return repr(list(bound))
    return repr(bound) if isinstance(bound, str | int | float) else str(bound)


def _below(values: pd.Series, bounds: Range) -> Any:
    low = _like(values, bounds.min_value)
    return values < low if bounds.include_min else values <= low


def _above(values: pd.Series, bounds: Range) -> Any:
    high = _like(values, bounds.max_value)
    return values > high if bounds.include_max else values >= high


def _wrong_length(values: pd.Series, length: Length) -> Any:
    lengths = values.str.len()
    least = 0 if length.min_value is None else length.min_value
    most = np.inf if length.max_value is None else length.max_value
    return (lengths < least) | (lengths > most)


def _like(values: pd.Series, bound: Any) -> Any:
    """Convert a bound, or several, to timestamps if the values are dates."""
    if not pd.api.types.is_datetime64_dtype(values.dtype):
        return bound
    if isinstance(bound, tuple):
        return [pd.Timestamp(one) for one in bound]
    return pd.Timestamp(bound)


CHECKS: dict[str, Callable[[pd.Series, Any], Any]] = {
    "isin": lambda values, allowed: ~values.isin(_like(values, allowed)),
    "notin": lambda values, refused: values.isin(_like(values, refused)),
    "in_range": lambda values, bounds: _below(values, bounds) | _above(values, bounds),
    "greater_than": lambda values, bound: values <= _like(values, bound),
    "greater_than_or_equal_to": lambda values, bound: values < _like(values, bound),
    "less_than": lambda values, bound: values >= _like(values, bound),
    "less_than_or_equal_to": lambda values, bound: values > _like(values, bound),
    "str_matches": lambda values, pattern: ~values.str.match(pattern),
    "str_length": _wrong_length,
}

OTHER_CHECKS = CHECKS.keys() - {"in_range"}


def has_inexact_integers(frame: pd.DataFrame, contract: Contract) -> bool:
    """Return whether a float column has numbers too large for exact integers."""
    floats = [n for n, c in contract.columns.items() if c.dtype == "float64"]
    return any(np.any(np.abs(frame[name].to_numpy()) >= EXACT) for name in floats)


def add_row_keys(frame: pd.DataFrame, contract: Contract, data: Data) -> pd.DataFrame:
    """Return the checked rows with the contract's categories and with row keys."""
    frame = set_categories(frame, contract)
    inputs = data.id or list(contract.inputs(data))
    return frame.set_index(pd.Index(keys.hash_rows(frame, inputs), name=keys.ROW_KEY))


def set_categories(frame: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    """Return the checked rows with the contract's categories, in its order."""
    categories = {
        name: _with_categories(frame[name], list(column.isin or ()))
        for name, column in contract.columns.items()
        if column.dtype == "category"
    }
    return frame.assign(**categories)


def _with_categories(values: pd.Series, categories: list[object]) -> pd.Series:
    # Not `astype`, which ignores a different order of the same categories.
    if isinstance(categories[0], str):
        return values.cat.set_categories(categories)
    # Parquet only keeps text categories; numbers with gaps would be read as floats.
    return values.astype(pd.Series(categories).convert_dtypes().dtype)
