"""Read columns of a few rows of JSON with NumPy, and find what is certainly valid.

"Certainly" is on the safe side: what is rare, such as a code for a missing value,
counts as not certain, and is left to the checks of `rows`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from reproducible_ml.contract.checks import broken_rules, cast, set_categories
from reproducible_ml.contract.schema import Column, Contract
from reproducible_ml.reading.parquet_files import convert, is_text
from reproducible_ml.reading.values import ISO_WITH_OFFSET, NA_VALUES, arrow_type
from reproducible_ml.serving.records import EXACT, pack_numbers

Mask = npt.NDArray[np.bool_]
Array = npt.NDArray[Any]

# Returns the values of a column, and which of them are certainly valid. Categories are
# places in the contract, -1 if missing; dates are nanoseconds, texts are objects.
Reader = Callable[[Sequence[Any]], tuple[Array, Mask]]

# Types of JSON for numbers and booleans.
KINDS: dict[str, set[type]] = {
    "float64": {float, int},
    "int64": {int},
    "Int64": {int},
    "bool": {bool},
    "boolean": {bool},
}
NULL = type(None)

# Dates that are read here: in all of these years, nanoseconds fit into 64 bits.
DATE = re.compile(
    r"(1[7-9]|20|21)\d\d-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?)?", re.ASCII
)

# The code of a category that is missing, and of one that is not certain.
MISSING, UNSURE = -1, -2


def is_number(column: Column) -> bool:
    """Return whether a column has numbers or booleans that can be read here."""
    is_boolean = column.dtype in ("bool", "boolean")
    return column.dtype in KINDS and not (is_boolean and column.metadata.missing)


class Numbers:
    """Reads all columns of numbers and booleans at once.

    Attributes:
        places: The place of each column.
    """

    def __init__(self, columns: Mapping[str, Column]) -> None:
        """Prepare for columns for which `is_number` holds."""
        self.places = {name: place for place, name in enumerate(columns)}
        self.kinds = [
            KINDS[column.dtype] | ({NULL} if column.nullable else set())
            for column in columns.values()
        ]
        self.nullable = np.array([column.nullable for column in columns.values()], bool)
        limits = [_limits(column) for column in columns.values()]
        self.low = np.array([low for low, _ in limits], np.float64)
        self.high = np.array([high for _, high in limits], np.float64)
        self.listed = [_is_listed(column) for column in columns.values()]

    def read(self, values: Sequence[Sequence[Any]], length: int) -> tuple[Array, Mask]:
        """Return columns of floats, and which rows are certainly valid."""
        sure = np.ones(length, dtype=bool)
        found = np.empty((len(self.kinds), length))
        packed = []
        try:
            for place, column in enumerate(values):
                floats = None if self.listed[place] else self._packed(place, column)
                if floats is None:
                    column, right = self._checked(place, column)
                    sure &= right
                    floats = np.array(column, np.float64)
                else:
                    packed.append(place)
                found[place] = floats
        except OverflowError:  # an integer beyond all floats
            return np.zeros((length, len(found))), np.zeros(length, dtype=bool)
        # Packed as 0 and 1, booleans look like numbers.
        some = found[packed]
        for place in np.flatnonzero(((some == 0) | (some == 1)).any(axis=1)).tolist():
            _, right = self._checked(packed[place], values[packed[place]])
            sure &= right
        inside = (found >= self.low[:, np.newaxis]) & (
            found <= self.high[:, np.newaxis]
        )
        if self.nullable.any():
            inside |= np.isnan(found) & self.nullable[:, np.newaxis]
        return found.T, sure & inside.all(axis=0)

    def _packed(self, place: int, column: Sequence[Any]) -> Array | None:
        """Return the floats of a column that has nothing else, but maybe booleans."""
        if isinstance(column, np.ndarray):
            return column
        return pack_numbers(column) if float in self.kinds[place] else None

    def _checked(self, place: int, column: Sequence[Any]) -> tuple[Sequence[Any], Mask]:
        """Return a column, with None for what is no number, and where it is right."""
        kinds, is_listed = self.kinds[place], self.listed[place]
        sure = np.ones(len(column), dtype=bool)
        # Arrays, of Arrow tables, have floats alone, and NaN for missing values.
        if not (isinstance(column, np.ndarray) or {*map(type, column)} <= kinds):
            right = [type(value) in kinds for value in column]
            sure &= np.array(right, dtype=bool)
            column = [
                value if holds else None
                for value, holds in zip(column, right, strict=True)
            ]
        if is_listed:
            right = [value is None or is_listed(value) for value in column]
            sure &= np.array(right, dtype=bool)
        return column, sure


def _limits(column: Column) -> tuple[float, float]:
    """Return the least and the greatest number that is certainly valid."""
    if column.dtype == "float64":
        most = float(np.finfo(np.float64).max)
    else:
        most = float(EXACT - 1)
    low, high = -most, most
    for bound, is_in in _lower(column):
        low = max(low, _float_bound(bound) if is_in else _next(bound, np.inf))
    for bound, is_in in _upper(column):
        high = min(high, _float_bound(bound) if is_in else _next(bound, -np.inf))
    return low, high


def _float_bound(bound: Any) -> float:
    # NaN, which no number meets, where a float does not hold the bound exactly.
    return float(bound) if abs(bound) < EXACT or bound in (np.inf, -np.inf) else np.nan


def _next(bound: Any, towards: float) -> float:
    return float(np.nextafter(_float_bound(bound), towards))


def _lower(column: Column) -> list[tuple[Any, bool]]:
    """Return lower bounds, and whether they are valid themselves."""
    found = [(column.greater_than, False), (column.greater_than_or_equal_to, True)]
    if limits := column.in_range:
        found.append((limits.min_value, limits.include_min))
    return [(bound, is_in) for bound, is_in in found if bound is not None]


def _upper(column: Column) -> list[tuple[Any, bool]]:
    found = [(column.less_than, False), (column.less_than_or_equal_to, True)]
    if limits := column.in_range:
        found.append((limits.max_value, limits.include_max))
    return [(bound, is_in) for bound, is_in in found if bound is not None]


def _is_listed(column: Column) -> Callable[[Any], bool] | None:
    """Return whether lists of the contract allow a value; None if there are none."""
    allowed = None if column.isin is None else frozenset(column.isin)
    refused = {*(column.notin or ()), *missing_codes(column)}
    if allowed is None and not refused:
        return None
    return lambda value: (allowed is None or value in allowed) and value not in refused


def missing_codes(column: Column) -> list[Any]:
    """Return the values that stand for a missing one, as the column has them."""
    found = []
    for text in column.metadata.missing:
        try:
            found.append(pa.scalar(text).cast(arrow_type(column)).as_py())
        except pa.ArrowException:
            continue
    return found


def make_reader(name: str, column: Column) -> Reader | None:
    """Return what reads a column; None for numbers, and what cannot be read here."""
    if column.dtype == "category":
        return _categories(name, column)
    if column.dtype == "str" and column.str_matches is None:
        return _texts(column)
    if column.dtype != "datetime64[ns]":
        return None
    notes = column.metadata
    has_offset = notes.format == ISO_WITH_OFFSET
    return None if has_offset or notes.missing else _dates(column)


def _categories(name: str, column: Column) -> Reader:
    members = list(column.isin or ())
    contract = Contract(columns={name: column})
    array = convert(pa.array(members), column)
    frame = cast(pa.table({name: array}), contract)
    broken = {
        place
        for _, _, mask in broken_rules(frame, contract)
        for place in np.flatnonzero(mask).tolist()
    }
    kind = type(members[0])
    known = {
        member: place for place, member in enumerate(members) if place not in broken
    }

    def read(values: Sequence[Any]) -> tuple[Array, Mask]:
        codes = [
            known.get(value, UNSURE)
            if type(value) is kind
            else MISSING
            if value is None and column.nullable
            else UNSURE
            for value in values
        ]
        found = np.array(codes, np.int64)
        return found, found != UNSURE

    return read


def _texts(column: Column) -> Reader:
    missing = {*NA_VALUES, *column.metadata.missing} - {*(column.isin or ())}
    is_listed = _is_listed(column)
    length = column.str_length
    least = (length and length.min_value) or 0
    most = np.inf if length is None or length.max_value is None else length.max_value

    def is_sure(value: Any) -> bool:
        if type(value) is not str:
            return value is None and column.nullable
        return (
            value not in missing
            and (is_listed is None or is_listed(value))
            and least <= len(value) <= most
        )

    def read(values: Sequence[Any]) -> tuple[Array, Mask]:
        found = np.empty(len(values), dtype=object)
        found[:] = values
        return found, np.array([is_sure(value) for value in values], bool)

    return read


def _dates(column: Column) -> Reader:
    low: Any = np.datetime64("1700", "ns")
    high: Any = np.datetime64("2199", "ns")
    for bound, is_in in _lower(column):
        low = max(low, _time(bound) + np.timedelta64(not is_in, "ns"))
    for bound, is_in in _upper(column):
        high = min(high, _time(bound) - np.timedelta64(not is_in, "ns"))
    allowed = None if column.isin is None else [_time(each) for each in column.isin]
    refused = [_time(each) for each in column.notin or ()]

    def read(values: Sequence[Any]) -> tuple[Array, Mask]:
        if isinstance(values, np.ndarray):
            found, missing = values, np.isnat(values)
        else:
            found = np.array([_date(value) for value in values], "datetime64[ns]")
            missing = np.array([value is None for value in values], bool)
        right = (found >= low) & (found <= high)
        if allowed is not None:
            right &= np.isin(found, allowed)
        if refused:
            right &= ~np.isin(found, refused)
        if column.nullable:
            right |= missing
        return found, right

    return read


def _date(value: Any) -> np.datetime64:
    if type(value) is str and DATE.fullmatch(value):
        try:
            return np.datetime64(value, "ns")
        except ValueError:
            pass  # not a day of the calendar
    return np.datetime64("NaT", "ns")


def _time(bound: Any) -> np.datetime64:
    return np.datetime64(pd.Timestamp(bound).as_unit("ns").value, "ns")


def template(columns: Mapping[str, Column]) -> pd.DataFrame:
    """Return an empty table with the dtypes that `check_rows` gives to valid rows."""
    contract = Contract(columns=dict(columns))
    arrays = {
        name: convert(pa.array([], arrow_type(column)), column)
        for name, column in columns.items()
    }
    whole = {n: c.dtype for n, c in columns.items() if c.dtype in ("int64", "bool")}
    return set_categories(cast(pa.table(arrays), contract).astype(whole), contract)


def lists_of(
    table: pa.Table, columns: Mapping[str, Column]
) -> dict[str, Sequence[Any]] | None:
    """Return the columns of a table as values of JSON, or as arrays that readers take.

    None if a column has not the type of the contract: `answer` converts it.
    """
    found: dict[str, Any] = {}
    for name, column in columns.items():
        kind, wanted = table.schema.field(name).type, arrow_type(column)
        if wanted == pa.float64() == kind:
            found[name] = table[name].to_numpy()
        elif pa.types.is_timestamp(kind) and kind.tz is None and wanted != pa.string():
            try:
                found[name] = table[name].cast(pa.timestamp("ns")).to_numpy()
            except pa.ArrowInvalid:
                return None
        elif (
            wanted == kind
            or (wanted == pa.string() and is_text(kind))
            or (wanted == pa.int64() and pa.types.is_integer(kind))
        ):
            found[name] = table[name].to_pylist()
        else:
            return None
    return found
