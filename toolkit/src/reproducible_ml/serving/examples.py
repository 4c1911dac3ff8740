"""An example value of a column: from the contract alone, never from the table."""

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pyarrow as pa

from reproducible_ml.contract.checks import broken_rules, cast
from reproducible_ml.contract.schema import Column, Contract
from reproducible_ml.reading.values import arrow_type

# An example of a time without bounds.
DAY = pd.Timestamp("2026-01-31T12:00:00")


def example(column: Column) -> Any:
    """Return a value that the contract accepts, as JSON has it: the middle of a range.

    Returns:
        None if none was found, as for texts with a pattern.
    """
    for value in _candidates(column):
        if _is_valid(value, column):
            return value.isoformat() if isinstance(value, pd.Timestamp) else value
    return None


def _candidates(column: Column) -> Iterator[Any]:
    if column.isin:
        is_time = column.dtype == "datetime64[ns]"
        yield from (pd.Timestamp(v) if is_time else v for v in column.isin)
    elif column.dtype == "datetime64[ns]":
        yield from _times(column)
    elif column.dtype in ("bool", "boolean"):
        yield from (False, True)
    elif column.dtype == "str":
        length = column.str_length
        yield "a" * max(1, (length and length.min_value) or 1)
        yield from ("A", "1", "")
    else:
        yield from _numbers(column)


def _bounds(column: Column) -> tuple[Any, Any]:
    """Return the lowest and the highest bound of a column; None for none."""
    limits = column.in_range
    low = [column.greater_than, column.greater_than_or_equal_to]
    high = [column.less_than, column.less_than_or_equal_to]
    if limits:
        low, high = [*low, limits.min_value], [*high, limits.max_value]
    lows = [each for each in low if each is not None]
    highs = [each for each in high if each is not None]
    return max(lows, default=None), min(highs, default=None)


def _numbers(column: Column) -> Iterator[Any]:
    low, high = (
        None if bound is None or not math.isfinite(bound) else bound
        for bound in _bounds(column)
    )
    if low is None or high is None:
        middle = 0.0 if low is None and high is None else low or high or 0.0
        steps = [0, 1, -1, 0.5, -0.5]
    else:
        middle = low / 2 + high / 2
        steps = [0, (high - low) / 8, 1, -1, low - middle, high - middle]
    for step in steps:
        number = float(f"{middle + step:.4g}")
        yield round(number) if column.dtype in ("int64", "Int64") else number
    yield from (each for each in (low, high) if each is not None)


def _times(column: Column) -> Iterator[pd.Timestamp]:
    found = (each and pd.Timestamp(each).tz_localize(None) for each in _bounds(column))
    low, high = found
    if low is not None and high is not None:
        yield (low + (high - low) / 2).floor("s")
    else:
        yield DAY
        day = pd.Timedelta(days=1)
        yield from (each + step for each in (low, high) if each for step in (day, -day))


def _is_valid(value: Any, column: Column) -> bool:
    contract = Contract(columns={"value": column})
    try:
        table = pa.table({"value": pa.array([value], arrow_type(column))})
        frame = cast(table, contract)
    except (pa.ArrowException, OverflowError):
        return False
    return not any(broken.any() for _, _, broken in broken_rules(frame, contract))
