"""Tests of reproducible_ml.modeling.model.transformers."""

import pandas as pd
import pytest
from sklearn.base import clone

from reproducible_ml.modeling.model.transformers import Clip

BOUNDS = {"amount": (0.5, 9.5), "items": (1.5, 3.5)}


@pytest.fixture
def rows() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "amount": [-1.0, 5.0, None, 99.0],
            "items": pd.array([0, 2, None, 99], dtype="Int64"),
            "channel": pd.Categorical(["shop", "web", "shop", None]),
        }
    )


def test_values_move_to_the_nearest_bound(rows: pd.DataFrame) -> None:
    clipped = Clip(BOUNDS).fit_transform(rows)
    assert clipped["amount"].dropna().tolist() == [0.5, 5.0, 9.5]


def test_whole_numbers_stay_whole(rows: pd.DataFrame) -> None:
    clipped = Clip(BOUNDS).fit_transform(rows)
    assert clipped["items"].dropna().tolist() == [2, 2, 3]
    assert clipped["items"].dtype == "Int64"


def test_missing_values_stay_missing(rows: pd.DataFrame) -> None:
    clipped = Clip(BOUNDS).fit_transform(rows)
    assert clipped.isna().equals(rows.isna())


def test_columns_without_bounds_stay_as_they_are(rows: pd.DataFrame) -> None:
    clipped = Clip(BOUNDS).fit_transform(rows)
    pd.testing.assert_series_equal(clipped["channel"], rows["channel"])


def test_rows_are_left_as_they_were(rows: pd.DataFrame) -> None:
    before = rows.copy()
    Clip(BOUNDS).fit_transform(rows)
    pd.testing.assert_frame_equal(rows, before)


def test_clipping_twice_changes_nothing_more(rows: pd.DataFrame) -> None:
    clip = Clip(BOUNDS).fit(rows)
    once = clip.transform(rows)
    pd.testing.assert_frame_equal(clip.transform(once), once)


def test_bounds_may_come_from_a_report(rows: pd.DataFrame) -> None:
    """JSON knows no tuples: the report of `clean` gives lists."""
    lists = {name: list(limits) for name, limits in BOUNDS.items()}
    pd.testing.assert_frame_equal(
        Clip(lists).fit_transform(rows),  # type: ignore[arg-type]
        Clip(BOUNDS).fit_transform(rows),
    )


def test_a_clone_has_the_same_bounds(rows: pd.DataFrame) -> None:
    assert clone(Clip(BOUNDS).fit(rows)).get_params() == {"bounds": BOUNDS}


def test_features_keep_the_names_of_the_columns(rows: pd.DataFrame) -> None:
    names = Clip(BOUNDS).fit(rows).get_feature_names_out()
    assert list(names) == ["amount", "items", "channel"]
