"""Bounds that the contract proposes for new data."""

import datetime

import pandas as pd
import pytest

from reproducible_ml.contract.schema import Length, Range
from reproducible_ml.profiling.inferred import date_bounds, length_bounds, number_bounds


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
def test_bounds_are_wider_than_the_numbers_and_of_their_type(
    low: float, high: float, bounds: tuple[float, float]
) -> None:
    expected = Range(min_value=bounds[0], max_value=bounds[1])
    assert number_bounds(low, high) == {"in_range": expected}
    assert type(number_bounds(low, high)["in_range"].max_value) is type(high)


@pytest.mark.parametrize("largest", [0.0, 2**61])
def test_zeros_and_huge_numbers_have_no_bounds(largest: float) -> None:
    assert number_bounds(0, largest) == {}


def test_bound_rejects_ten_times_the_largest_number() -> None:
    for largest in range(1, 2000):
        bound = number_bounds(0, largest)["in_range"].max_value
        assert 3 * largest <= bound <= 7.5 * largest


@pytest.mark.parametrize(
    ("low", "high", "bounds"),
    [
        (
            "1999-01-01",
            "2024-01-01",
            {
                "greater_than_or_equal_to": datetime.date(1900, 1, 1),
                "less_than": datetime.date(2100, 1, 1),
            },
        ),
        ("1799-01-01", "2200-01-01", {}),
    ],
)
def test_dates_of_our_time_are_bounded(
    low: str, high: str, bounds: dict[str, datetime.date]
) -> None:
    assert date_bounds(pd.Timestamp(low).value, pd.Timestamp(high).value) == bounds


def test_texts_may_be_longer() -> None:
    assert length_bounds(12) == {"str_length": Length(max_value=50)}
