"""Tests of reproducible_ml.modeling.metrics.metric."""

import warnings

import numpy as np
import pytest

from reproducible_ml.modeling.metrics.metric import (
    ratio,
    unit_decimals,
    weighted_mean,
    weighted_sum,
)


def test_a_sum_is_taken_under_each_weighting() -> None:
    weights = np.array([[1.0, 0.0, 2.0], [0.0, 3.0, 0.0]])
    assert weighted_sum(np.array([1.0, 10.0, 100.0]), weights).tolist() == [201, 30]


def test_a_mean_is_taken_under_each_weighting() -> None:
    weights = np.array([[1.0, 1.0], [3.0, 1.0]])
    assert weighted_mean(np.array([True, False]), weights).tolist() == [0.5, 0.75]


def test_a_ratio_of_nothing_is_nan_in_silence() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = ratio(np.array([0.0, 1.0]), np.array([0.0, 2.0]))
    np.testing.assert_array_equal(found, [np.nan, 0.5])


@pytest.mark.parametrize(
    ("numbers", "decimals"),
    [
        ([0.0, 1.5], 9),
        ([-350.0, 2.0], 7),
        ([2e12], -3),
        ([3e-7], 16),
        ([0.0], 6),
    ],
)
def test_the_largest_number_keeps_ten_digits(
    numbers: list[float], decimals: int
) -> None:
    assert unit_decimals(np.array(numbers)) == decimals
