"""Bounds for the contract: wide enough for new data, but not for a misplaced point.

Three times the largest number, rounded up to 1, 2 or 5 times a power of ten, is at most
7.5 times as large, so ten times the number is rejected. Negative numbers are allowed
only if there are some.
"""

import datetime
import math
from typing import Any

from reproducible_ml.contract.schema import Length, Range

SLACK = 3

# Dates before or after are taken for mistakes, unless the table has such dates.
FIRST_YEAR, LAST_YEAR = 1900, 2100


def number_bounds(low: int | float, high: int | float) -> dict[str, Any]:
    """Return a range for new numbers; nothing for zeros and huge numbers."""
    largest = max(abs(low), abs(high))
    if largest == 0 or largest * SLACK >= 2**62:
        return {}
    bound = rounded_up(SLACK * largest)
    whole = isinstance(low, int) and isinstance(high, int)
    upper: int | float = int(bound) if whole else bound
    lower = type(upper)(0) if low >= 0 else -upper
    return {"in_range": Range(min_value=lower, max_value=upper)}


def date_bounds(low: int, high: int) -> dict[str, Any]:
    """Return bounds for new dates; the arguments are nanoseconds since 1970."""
    bounds: dict[str, Any] = {}
    first = datetime.date(FIRST_YEAR, 1, 1)
    last = datetime.date(LAST_YEAR, 1, 1)
    if low >= _nanoseconds(first):
        bounds["greater_than_or_equal_to"] = first
    if high < _nanoseconds(last):
        bounds["less_than"] = last
    return bounds


def length_bounds(longest: int) -> dict[str, Any]:
    """Return the maximum length of new texts."""
    return {"str_length": Length(max_value=int(rounded_up(SLACK * max(longest, 1))))}


def rounded_up(number: float) -> float:
    """Return the smallest 1, 2 or 5 times a power of ten that is not below a number."""
    power = math.floor(math.log10(number))
    steps = [float(f"{digit}e{power}") for digit in (1, 2, 5, 10)]
    return next(step for step in steps if step >= number)


def _nanoseconds(date: datetime.date) -> int:
    return (date - datetime.date(1970, 1, 1)).days * 86_400 * 10**9
