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
CELLS, SHORT = 1_000_000, 10_000

# Types of numbers that numpy checks for many columns at once, and their ends.
NUMBERS = (
    ("float64", -np.inf, np.inf),
    ("int64", np.iinfo(np.int64).min, np.iinfo(np.int64).max),
)

ANY_NUMBER = Range(min_value=-np.inf, max_value=np.inf)

NOT_NULL = "nullable"
FINITE = "finite"


def cast(rows: "pyarrow.Table", contract: Contract) -> pd.DataFrame:
    """Return the rows with the columns, order and dtypes of the contract.

    Unknown categories are kept, for `broken_rules` to find; so are missing values in
    integer and boolean columns that must not have any.
    """
    rows = _with_declared_categories(rows, contract)
    # Other types than those of pandas are needed for missing values only.
    every = zip(rows.schema.names, rows.columns, strict=True)
    full = [name for name, values in every if _is_full(values, contract.columns[name])]
    frame = rows.drop_columns(full).to_pandas(
        types_mapper=lambda kind: TYPES.get(str(kind))
    )
    if full:
        frame = pd.concat([frame, rows.select(full).to_pandas()], axis=1)
    if frame.columns.to_numpy().tolist() != list(contract.columns):
        frame = frame[list(contract.columns)]
    present = {name: str(dtype) for name, dtype in keys.dtypes_of(frame).items()}
    dtypes = {
        name: column.dtype
        for name, column in contract.columns.items()
        if column.dtype != present[name]
        and not (column.dtype in ("int64", "bool") and frame[name].hasnans)
    }
    # `astype` of the frame looks at every column, however few are to change.
    changed = {name: frame[name].astype(dtype) for name, dtype in dtypes.items()}
    cast_frame: pd.DataFrame = frame.assign(**changed) if changed else frame
    return cast_frame


def _is_full(values: "pyarrow.ChunkedArray", column: Column) -> bool:
    """Return whether integers or booleans have no missing value, as declared."""
    if column.dtype not in TYPES or values.null_count:
        return False
    return str(values.type) == column.dtype


def _with_declared_categories(
    rows: "pyarrow.Table", contract: Contract
) -> "pyarrow.Table":
    """Return the rows with texts coded by the contract's categories, if all are known.

    pandas takes longer to change the categories of a column.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = {}
    found = dict(zip(rows.schema.names, rows.columns, strict=True))
    for name, column in contract.columns.items():
        values = found[name]
        if column.dtype != "category" or not pa.types.is_dictionary(values.type):
            continue
        declared = pa.array(list(column.isin or ()), values.type.value_type)
        chunks = []
        for chunk in values.chunks:
            codes = pc.index_in(chunk.dictionary, declared)
            if codes.null_count:
                break
            coded = codes.take(chunk.indices)
            chunks.append(pa.DictionaryArray.from_arrays(coded, declared))
        else:
            kind = pa.dictionary(pa.int32(), declared.type)
            columns[name] = pa.chunked_array(chunks, kind)
    every = [columns.get(name, values) for name, values in found.items()]
    return pa.table(every, names=rows.schema.names) if columns else rows


def broken_rules(
    frame: pd.DataFrame, contract: Contract
) -> Iterator[tuple[str, str, Mask]]:
    """Yield column, rule and a mask of rows, for each rule that some rows break.

    The rules have the names and the results of pandera's checks. `unique` is not
    checked here, because it needs all parts. A missing value breaks `nullable` only.
    """
    fine = _in_range(frame, contract) | _known_categories(frame, contract)
    for name, column in contract.columns.items():
        if name in fine:
            continue
        for rule, broken in _broken(frame[name], column):
            if broken.any():
                yield name, rule, broken


def _in_range(frame: pd.DataFrame, contract: Contract) -> set[str]:
    """Return columns of numbers that break no rule, found for many at once."""
    fine: set[str] = set()
    dtypes = keys.dtypes_of(frame)
    # Long columns are faster one by one: to put them together copies them.
    step = max(1, CELLS // max(1, len(frame))) if len(frame) <= SHORT else 1
    for dtype, lowest, highest in NUMBERS:
        names = [
            name
            for name, column in contract.columns.items()
            if column.dtype == dtype == dtypes[name]
            and not any(getattr(column, check) is not None for check in OTHER_CHECKS)
        ]
        for start in range(0, len(names), step):
            some = names[start : start + step]
            columns = [contract.columns[name] for name in some]
            values = _together(frame, some)
            missing = np.isnan(values).any(axis=0)
            low = np.fmin.reduce(values, axis=0, initial=highest)
            high = np.fmax.reduce(values, axis=0, initial=lowest)
            ranges = [column.in_range or ANY_NUMBER for column in columns]
            least = np.array([r.min_value for r in ranges], np.float64)
            most = np.array([r.max_value for r in ranges], np.float64)
            # Larger whole numbers are rounded: on a bound, they are left to `_broken`.
            exact = np.array([r.include_min and r.include_max for r in ranges])
            exact &= (np.abs(least) < EXACT) & (np.abs(most) < EXACT)
            inside = (low > least) | ((low == least) & exact)
            inside &= (high < most) | ((high == most) & exact)
            nullable = np.array([column.nullable for column in columns])
            right = inside & (nullable | ~missing)
            fine |= {name for name, holds in zip(some, right, strict=True) if holds}
    return fine


def _together(frame: pd.DataFrame, names: list[str]) -> npt.NDArray[Any]:
    """Return columns of one type of numbers as a matrix."""
    if len(names) == 1:
        return frame[names[0]].to_numpy()[:, None]
    return frame[names].to_numpy()


def _known_categories(frame: pd.DataFrame, contract: Contract) -> set[str]:
    """Return categories that break no rule, without looking at each value."""
    fine = set()
    dtypes = keys.dtypes_of(frame)
    for name, column in contract.columns.items():
        others = (getattr(column, check) for check in CHECKS if check != "isin")
        if column.dtype != "category" or any(check is not None for check in others):
            continue
        known = isinstance(dtypes[name], pd.CategoricalDtype) and (
            list(dtypes[name].categories) == list(column.isin or ())
        )
        if known and (column.nullable or (frame[name].array.codes >= 0).all()):
            fine.add(name)
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
    step = max(1, CELLS // max(1, len(frame))) if len(frame) <= SHORT else 1
    some = (floats[start : start + step] for start in range(0, len(floats), step))
    matrices = (_together(frame, names) for names in some)
    return any(((m >= EXACT) | (m <= -EXACT)).any() for m in matrices)


def add_row_keys(frame: pd.DataFrame, contract: Contract, data: Data) -> pd.DataFrame:
    """Return the checked rows with the contract's categories and with row keys."""
    frame = set_categories(frame, contract)
    inputs = data.id or list(contract.inputs(data))
    return frame.set_index(pd.Index(keys.hash_rows(frame, inputs), name=keys.ROW_KEY))


def set_categories(frame: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    """Return the checked rows with the contract's categories, in its order."""
    changed = {}
    for name, column in contract.columns.items():
        if column.dtype == "category":
            values = frame[name]
            found = _with_categories(values, list(column.isin or ()))
            if found is not values:
                changed[name] = found
    return frame.assign(**changed) if changed else frame


def _with_categories(values: pd.Series, categories: list[object]) -> pd.Series:
    # Not `astype`, which ignores a different order of the same categories.
    if isinstance(categories[0], str):
        dtype: Any = values.dtype
        same = list(dtype.categories) == categories and not dtype.ordered
        return values if same else values.cat.set_categories(categories)
    # Parquet only keeps text categories; numbers with gaps would be read as floats.
    return values.astype(pd.Series(categories).convert_dtypes().dtype)
