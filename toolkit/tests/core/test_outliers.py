"""Outliers: bounds are learned, values beyond them found and clipped."""

from typing import Literal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reproducible_ml.core.outliers import (
    Bounds,
    Outliers,
    clip,
    has_outlier,
    learn_bounds,
)

numbers = st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=30)


def test_quantile_bounds_cut_off_the_tails() -> None:
    values = pd.DataFrame({"x": np.arange(101.0)})
    bounds = learn_bounds(values, Outliers(method="quantile", tail=0.1))
    assert bounds["x"] == pytest.approx((10, 90))


def test_iqr_bounds_are_beyond_the_quartiles() -> None:
    values = pd.DataFrame({"x": np.arange(101.0)})
    bounds = learn_bounds(values, Outliers(method="iqr", factor=1.5))
    assert bounds == {"x": (25 - 75, 75 + 75)}


def test_missing_values_do_not_change_bounds() -> None:
    values = pd.DataFrame({"x": [np.nan, 1.0, 2.0, 3.0, np.nan]})
    assert learn_bounds(values, Outliers(tail=0)) == {"x": (1.0, 3.0)}


def test_column_without_values_has_no_bounds() -> None:
    values = pd.DataFrame({"x": [np.nan, np.nan], "y": [1.0, 2.0]})
    assert list(learn_bounds(values, Outliers())) == ["y"]


def test_bound_is_never_a_negative_zero() -> None:
    values = pd.DataFrame({"x": [-0.0, 0.0, -0.0], "y": [-0.0] * 3})
    bounds = learn_bounds(values, Outliers(tail=0)).values()
    assert not np.signbit([*bounds]).any()


def test_outliers_are_clipped_to_the_bound() -> None:
    frame = pd.DataFrame({"x": [-5.0, 0.5, np.nan, 7.0], "y": [1.0, 2.0, 3.0, 99.0]})
    before = frame.copy()
    clipped = clip(frame, {"x": (0.0, 1.0)})
    pd.testing.assert_frame_equal(frame, before)
    assert clipped["x"].tolist() == pytest.approx([0.0, 0.5, np.nan, 1.0], nan_ok=True)
    assert clipped["y"].tolist() == [1.0, 2.0, 3.0, 99.0]


@given(values=numbers, method=st.sampled_from(["quantile", "iqr"]))
def test_median_is_within_the_bounds(
    values: list[float], method: Literal["quantile", "iqr"]
) -> None:
    frame = pd.DataFrame({"x": values})
    low, high = learn_bounds(frame, Outliers(method=method))["x"]
    assert low <= frame["x"].median() <= high


@pytest.mark.parametrize("dtype", ["int64", "Int64"])
def test_clipped_integers_stay_whole(dtype: str) -> None:
    frame = pd.DataFrame({"x": pd.Series([-5, 3, 99], dtype=dtype)})
    clipped = clip(frame, {"x": (0.5, 9.5)})
    assert clipped["x"].tolist() == [1, 3, 9]
    assert clipped["x"].dtype == dtype


@given(values=numbers, low=st.floats(-1e9, 0), high=st.floats(0, 1e9))
def test_no_outlier_is_left_after_clipping(
    values: list[float], low: float, high: float
) -> None:
    bounds: Bounds = {"x": (low, high)}
    assert not has_outlier(clip(pd.DataFrame({"x": values}), bounds), bounds).any()


def test_outliers_are_found_in_every_column() -> None:
    frame = pd.DataFrame({"x": [0.0, 9.0, 0.0], "y": [0, 0, -9]})
    found = has_outlier(frame, {"x": (0.0, 1.0), "y": (0.0, 1.0)})
    assert found.tolist() == [False, True, True]


@pytest.mark.parametrize("dtype", ["float64", "Int64"])
def test_missing_value_is_not_an_outlier(dtype: str) -> None:
    frame = pd.DataFrame({"x": pd.Series([None, 1, 9], dtype=dtype)})
    assert has_outlier(frame, {"x": (0.0, 1.0)}).tolist() == [False, False, True]


def test_bound_itself_is_not_an_outlier() -> None:
    frame = pd.DataFrame({"x": [0.0, 1.0]})
    assert not has_outlier(frame, {"x": (0.0, 1.0)}).any()
