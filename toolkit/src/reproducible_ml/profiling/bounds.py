"""Bounds for the contract: wide enough for the next batch, but not for a slip.

Three times the largest number, rounded up to 1, 2 or 5 times a power of ten, is at most
7.5 times as large: a decimal point that slipped in it is seen. No number is negative
unless one was.
"""

import datetime
import math
from typing import Any

from reproducible_ml.contract.schema import Length, Range

SLACK = 3

# Years before and after which a date is taken for a slip, unless the table has such.
FIRST_YEAR, LAST_YEAR = 1900, 2100


def number_bounds(low: int | float, high: int | float) -> dict[str, Any]:
    """Return the check that holds the next numbers, none if it would say nothing."""
    largest = max(abs(low), abs(high))
    if largest == 0 or largest * SLACK >= 2**62:
        return {}
    bound = rounded_up(SLACK * largest)
    whole = isinstance(low, int) and isinstance(high, int)
    upper: int | float = int(bound) if whole else bound
    lower = type(upper)(0) if low >= 0 else -upper
    return {"in_range": Range(min_value=lower, max_value=upper)}


def date_bounds(low: int, high: int) -> dict[str, Any]:
    """Return the checks that hold the next dates, given nanoseconds since 1970."""
    bounds: dict[str, Any] = {}
    first = datetime.date(FIRST_YEAR, 1, 1)
    last = datetime.date(LAST_YEAR, 1, 1)
    if low >= _nanoseconds(first):
        bounds["greater_than_or_equal_to"] = first
    if high < _nanoseconds(last):
        bounds["less_than"] = last
    return bounds


def length_bounds(longest: int) -> dict[str, Any]:
    """Return the check that holds the next texts."""
    return {"str_length": Length(max_value=int(rounded_up(SLACK * max(longest, 1))))}


def rounded_up(number: float) -> float:
    """Return the next larger number that is 1, 2 or 5 times a power of ten."""
    power = math.floor(math.log10(number))
    steps = [float(f"{digit}e{power}") for digit in (1, 2, 5, 10)]
    return next(step for step in steps if step >= number)


def _nanoseconds(date: datetime.date) -> int:
    return (date - datetime.date(1970, 1, 1)).days * 86_400 * 10**9
