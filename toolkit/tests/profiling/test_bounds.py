"""Tests of reproducible_ml.profiling.bounds."""

import datetime

import pandas as pd
import pytest

from reproducible_ml.contract.schema import Length, Range
from reproducible_ml.profiling.bounds import (
    date_bounds,
    length_bounds,
    number_bounds,
    rounded_up,
)


@pytest.mark.parametrize(
    ("low", "high", "bounds"),
    [
        (0, 99, (0, 500)),
        (18, 66, (0, 200)),
        (-10, 30, (-100, 100)),
        (0.01, 0.3, (0.0, 1.0)),
        (-5.5, -1.5, (-20.0, 20.0)),
    ],
)
def test_numbers_have_room_but_not_for_a_slipped_point(
    low: float, high: float, bounds: tuple[float, float]
) -> None:
    expected = Range(min_value=bounds[0], max_value=bounds[1])
    assert number_bounds(low, high) == {"in_range": expected}
    assert type(number_bounds(low, high)["in_range"].max_value) is type(high)


@pytest.mark.parametrize("largest", [0.0, 2**61])
def test_nothing_is_said_of_zeros_and_of_huge_numbers(largest: float) -> None:
    assert number_bounds(0, largest) == {}


def test_bound_is_at_most_seven_and_a_half_times_the_largest() -> None:
    for largest in range(1, 2000):
        bound = number_bounds(0, largest)["in_range"].max_value
        assert 3 * largest <= bound <= 7.5 * largest


def nanoseconds(text: str) -> int:
    return pd.Timestamp(text).value


def test_dates_of_our_time_are_held_to_it() -> None:
    bounds = date_bounds(nanoseconds("1999-01-01"), nanoseconds("2024-01-01"))
    assert bounds == {
        "greater_than_or_equal_to": datetime.date(1900, 1, 1),
        "less_than": datetime.date(2100, 1, 1),
    }


def test_other_dates_are_not() -> None:
    assert date_bounds(nanoseconds("1799-01-01"), nanoseconds("2200-01-01")) == {}


def test_texts_have_room() -> None:
    assert length_bounds(12) == {"str_length": Length(max_value=50)}


@pytest.mark.parametrize(
    ("number", "rounded"), [(1, 1), (1.1, 2), (3, 5), (700, 1000), (0.03, 0.05)]
)
def test_rounding_up(number: float, rounded: float) -> None:
    assert rounded_up(number) == rounded
