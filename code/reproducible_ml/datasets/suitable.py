"""Do the checks of a column suit its type? Others would end in a traceback."""

import datetime
import math
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from reproducible_ml.datasets.schema import Column

# What the values of a column are compared with; categories have their own type.
COMPARED = {
    "float64": "a number",
    "int64": "a number",
    "Int64": "a number",
    "bool": "true or false",
    "boolean": "true or false",
    "datetime64[ns]": "a date",
    "str": "a text",
}
SIZES = ("a number", "a date")
LIMITS = (
    "greater_than",
    "greater_than_or_equal_to",
    "less_than",
    "less_than_or_equal_to",
)
BOUNDS = ("in_range", *LIMITS)
TEXT_CHECKS = ("str_matches", "str_length")


def unsuitable_checks(column: "Column") -> list[str]:
    """Return what is wrong with the checks of a column: "less_than does not suit str".

    Only numbers and dates have bounds, only texts have patterns and lengths, and values
    are compared with values of their own kind.
    """
    kind = COMPARED.get(column.dtype)
    texts = column.dtype == "str" or {type(v) for v in column.isin or ()} == {str}
    unsuited = (*(() if kind in SIZES else BOUNDS), *(() if texts else TEXT_CHECKS))
    problems = [
        f"{check} does not suit {column.dtype}"
        for check in unsuited
        if getattr(column, check) is not None
    ]
    problems += [
        f"{check} holds {value!r}, which is not {kind}"
        for check, value in _compared(column)
        if kind and check not in unsuited and not _is(kind, value)
    ]
    bounds = column.in_range
    if bounds and not problems and _above(bounds.min_value, bounds.max_value):
        problems.append("in_range has a min_value above its max_value")
    return problems


def _compared(column: "Column") -> list[tuple[str, Any]]:
    """Return the values that each check compares with."""
    values = [("isin", value) for value in column.isin or ()]
    values += [("notin", value) for value in column.notin or ()]
    bounds = column.in_range
    if bounds:
        values += [("in_range", bounds.min_value), ("in_range", bounds.max_value)]
    limits = [(name, getattr(column, name)) for name in LIMITS]
    return values + [(name, value) for name, value in limits if value is not None]


def _is(kind: str, value: Any) -> bool:
    if kind == "a date":
        return _is_date(value)
    if kind == "a number":
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and not math.isnan(value)
    return isinstance(value, str if kind == "a text" else bool)


def _is_date(value: Any) -> bool:
    """Say whether this is a date without time zone, or the text of one."""
    if not isinstance(value, str | datetime.date):
        return False
    try:
        moment = pd.Timestamp(value)
    except ValueError:
        return False
    return not pd.isna(moment) and moment.tz is None


def _above(low: Any, high: Any) -> bool:
    if isinstance(low, int | float):
        return bool(low > high)
    return bool(pd.Timestamp(low) > pd.Timestamp(high))
