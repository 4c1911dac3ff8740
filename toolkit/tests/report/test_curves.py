"""Tests of reproducible_ml.report.plots."""

import numpy as np
import pytest

from reproducible_ml.report.charts import Axis, grid
from reproducible_ml.report.plots import (
    BINS,
    STEPS,
    Curve,
    curve,
    floats,
    means,
    resample,
    shares,
)

UNIT = Axis("x", 0.0, 1.0)


def test_columns_are_numbers_where_they_can_be() -> None:
    rows = [{"x": "1"}, {"x": ""}, {"x": "a"}, {"x": "1e-5"}, {"y": "2"}]
    found = floats(rows, "x")
    assert np.array_equal(found, [1, np.nan, np.nan, 1e-5, np.nan], equal_nan=True)


def test_curve_is_sorted_and_finite() -> None:
    rows = [{"x": "2", "y": "1"}, {"x": "1", "y": "5"}, {"x": "0", "y": "inf"}]
    x, y = curve(rows, "x", "y")
    assert [*x] == [1, 2]
    assert [*y] == [5, 1]


def test_upright_curve_takes_its_highest_value() -> None:
    roc = Curve(np.array([0.0, 0.0, 0.5, 1.0]), np.array([0.0, 0.8, 0.9, 1.0]))
    found = resample(roc, np.array([0.0, 0.25, 1.0]))
    assert [*found] == pytest.approx([0.8, 0.85, 1.0])


def test_curve_without_points_is_not_a_number() -> None:
    nothing = Curve(np.zeros(0), np.zeros(0))
    assert np.isnan(resample(nothing, grid(UNIT))).all()
    assert np.isnan(shares(nothing, UNIT)).all()


def test_means_of_points_lie_in_the_middle_of_their_part() -> None:
    random = np.random.default_rng(0)
    x = random.random(10_000)
    found = means(Curve(x, 2 * x), UNIT)
    assert len(found.x) == BINS - 1
    assert found.y == pytest.approx(2 * found.x, abs=0.02)
    assert len(means(Curve(np.array([1.0]), np.array([3.0])), UNIT).x) == 1


def test_shares_of_rows_add_up_to_one() -> None:
    places = np.linspace(-0.5, 0.5, 25)
    counts = np.exp(-0.5 * (places / 0.1) ** 2)
    found = shares(Curve(places, counts), Axis("x", -1.0, 1.0))
    assert found.sum() == pytest.approx(1, abs=0.05)
    assert found[0] == found[-1] == 0
    assert len(found) == STEPS
