"""Tests of reproducible_ml.modeling.model.transformers."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.pipeline import make_pipeline

from reproducible_ml.modeling.model.transformers import Numbers


def make_rows(values: int, rows: int = 100) -> pd.DataFrame:
    """Return a column without gaps, and one with so many values."""
    place = np.arange(rows)
    return pd.DataFrame({"full": place, "gaps": np.where(place < values, 7.5, np.nan)})


def test_all_kinds_of_numbers_become_floats() -> None:
    rows = pd.DataFrame(
        {
            "whole": pd.array([1, None, 3] * 5, dtype="Int64"),
            "flag": pd.array([True, None, False] * 5, dtype="boolean"),
            "member": [True, False, True] * 5,
            "amount": [0.5, np.nan, -1.0] * 5,
        }
    )
    numbers = Numbers().fit_transform(rows)
    assert numbers.dtype == np.float64
    np.testing.assert_array_equal(numbers[0], [1, 1, 1, 0.5])
    np.testing.assert_array_equal(numbers[1], [np.nan, np.nan, 0, np.nan])


@pytest.mark.parametrize(
    ("values", "rows", "kept"),
    [(4, 100, False), (5, 100, True), (9, 10_000, False), (10, 10_000, True)],
)
def test_a_column_with_hardly_any_value_is_zero(
    values: int, rows: int, kept: bool
) -> None:
    gaps = Numbers().fit_transform(make_rows(values, rows))[:, 1]
    assert set(gaps[:values]) == {7.5 if kept else 0}
    assert np.isnan(gaps[values:]).all() == kept


def test_a_column_that_was_empty_in_training_stays_zero_in_use() -> None:
    numbers = Numbers().fit(make_rows(0))
    np.testing.assert_array_equal(numbers.transform(make_rows(1, 2)), [[0, 0], [1, 0]])


@pytest.mark.parametrize(("values", "rows"), [(0, 100), (1, 300_000), (300, 300_000)])
def test_boosting_can_be_fitted_however_few_values_there_are(
    values: int, rows: int
) -> None:
    """Alone, it draws 200 000 rows, and fails on a column that is empty among them."""
    boosting = HistGradientBoostingRegressor(max_iter=1, random_state=3)
    pipeline = make_pipeline(Numbers(), boosting)
    pipeline.fit(make_rows(values, rows), np.arange(rows) % 5)
    assert pipeline.predict(make_rows(1, 2)).shape == (2,)


def test_rows_are_left_as_they_were() -> None:
    rows = make_rows(3)
    before = rows.copy()
    Numbers().fit_transform(rows)
    pd.testing.assert_frame_equal(rows, before)


def test_features_keep_the_names_of_the_columns() -> None:
    names = Numbers().fit(make_rows(3)).get_feature_names_out()
    assert list(names) == ["full", "gaps"]


def test_a_clone_is_unfitted() -> None:
    assert not hasattr(clone(Numbers().fit(make_rows(3))), "empty_")
