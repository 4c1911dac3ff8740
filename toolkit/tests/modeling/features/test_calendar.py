"""Tests of reproducible_ml.modeling.model.transformers."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from reproducible_ml.modeling.model.transformers import Calendar


@pytest.fixture
def dates() -> pd.DataFrame:
    """Return a Thursday night, a date that is missing, and a Sunday noon."""
    texts = ["2024-02-29 23:59:59", "NaT", "2023-12-31 12:00"]
    moments = pd.Series(pd.to_datetime(texts, format="ISO8601"))
    return pd.DataFrame({"ordered_at": moments, "paid_at": moments.shift(1)})


def test_a_date_becomes_numbers(dates: pd.DataFrame) -> None:
    fields = Calendar().fit_transform(dates[["ordered_at"]])
    np.testing.assert_array_equal(fields[0], [2024, 2, 29, 3, 23, 19782])
    np.testing.assert_array_equal(fields[2], [2023, 12, 31, 6, 12, 19722])


def test_days_are_counted_from_1970_on_both_sides_and_whole() -> None:
    texts = ["1969-12-31 23:00", "1970-01-01 00:00", "1970-01-02 23:59"]
    moments = pd.DataFrame({"at": pd.to_datetime(texts, format="ISO8601")})
    assert Calendar().fit_transform(moments)[:, -1].tolist() == [-1, 0, 1]


def test_a_missing_date_gives_missing_numbers(dates: pd.DataFrame) -> None:
    assert np.isnan(Calendar().fit_transform(dates[["ordered_at"]])[1]).all()


def test_a_column_of_missing_dates_gives_missing_numbers() -> None:
    nothing = pd.DataFrame({"ordered_at": pd.Series([pd.NaT] * 2)})
    assert np.isnan(Calendar().fit_transform(nothing)).all()


def test_numbers_are_floats(dates: pd.DataFrame) -> None:
    assert Calendar().fit_transform(dates.iloc[[0]]).dtype == np.float64


def test_each_column_gives_six(dates: pd.DataFrame) -> None:
    calendar = Calendar().fit(dates)
    names = calendar.get_feature_names_out()
    assert list(names[5:8]) == ["ordered_at_days", "paid_at_year", "paid_at_month"]
    assert calendar.transform(dates).shape == (3, len(names)) == (3, 12)


def test_rows_are_transformed_one_by_one(dates: pd.DataFrame) -> None:
    calendar = Calendar().fit(dates)
    alone = [calendar.transform(dates.iloc[[row]]) for row in range(3)]
    np.testing.assert_array_equal(np.vstack(alone), calendar.transform(dates))


def test_rows_are_left_as_they_were(dates: pd.DataFrame) -> None:
    before = dates.copy()
    Calendar().fit_transform(dates)
    pd.testing.assert_frame_equal(dates, before)


def test_a_clone_is_unfitted(dates: pd.DataFrame) -> None:
    assert not hasattr(clone(Calendar().fit(dates)), "feature_names_in_")


def test_output_can_be_a_frame(dates: pd.DataFrame) -> None:
    frame = Calendar().set_output(transform="pandas").fit_transform(dates)
    assert frame.loc[0, "ordered_at_day_of_week"] == 3
