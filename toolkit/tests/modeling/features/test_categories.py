"""Tests of reproducible_ml.modeling.model.transformers."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

from reproducible_ml.modeling.model.transformers import CategoryCodes, CategoryColumns

CHANNELS = ["web", "shop", "phone"]
CATEGORIES: dict[str, list[Any]] = {"channel": CHANNELS, "size": [3, 1, 2]}


@pytest.fixture
def rows() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "channel": pd.Categorical(["phone", None, "web"], categories=CHANNELS),
            "size": pd.Categorical([1, 2, 3], categories=[3, 1, 2]),
        }
    )


def test_a_code_is_the_place_in_the_contract(rows: pd.DataFrame) -> None:
    codes = CategoryCodes(CATEGORIES).fit_transform(rows)
    np.testing.assert_array_equal(codes, [[2, 1], [np.nan, 2], [0, 0]])


def test_codes_do_not_depend_on_the_order_of_categories_in_the_rows(
    rows: pd.DataFrame,
) -> None:
    channel = rows["channel"].cat.reorder_categories(sorted(CHANNELS))
    codes = CategoryCodes(CATEGORIES).fit(rows)
    np.testing.assert_array_equal(
        codes.transform(rows.assign(channel=channel)), codes.transform(rows)
    )


def test_an_unknown_category_gives_a_missing_code(rows: pd.DataFrame) -> None:
    strange = rows.assign(channel=pd.Categorical(["fax", "web", "WEB"]))
    codes = CategoryCodes(CATEGORIES).fit(rows).transform(strange)
    np.testing.assert_array_equal(codes[:, 0], [np.nan, 0, np.nan])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from([*CHANNELS, "fax", None]), min_size=1, max_size=20))
def test_codes_equal_those_of_the_ordinal_encoder(values: list[str | None]) -> None:
    channels = pd.Series(values, dtype=object)
    encoder = OrdinalEncoder(
        categories=[CHANNELS], handle_unknown="use_encoded_value", unknown_value=np.nan
    )
    expected = encoder.fit(pd.DataFrame({"channel": CHANNELS})).transform(
        pd.DataFrame({"channel": channels})
    )
    categorical = pd.DataFrame({"channel": channels.astype("category")})
    codes = CategoryCodes({"channel": CHANNELS}).fit_transform(categorical)
    np.testing.assert_array_equal(codes, expected)


def test_more_categories_than_a_byte_holds() -> None:
    many = [f"shop {number}" for number in range(300)]
    rows = pd.DataFrame({"shop": pd.Categorical(many, categories=many)})
    codes = CategoryCodes({"shop": many}).fit_transform(rows)
    np.testing.assert_array_equal(codes[:, 0], np.arange(300))


def test_rows_are_left_as_they_were(rows: pd.DataFrame) -> None:
    before = rows.copy()
    CategoryCodes(CATEGORIES).fit_transform(rows)
    pd.testing.assert_frame_equal(rows, before)


def test_a_clone_has_the_same_categories(rows: pd.DataFrame) -> None:
    copy = clone(CategoryCodes(CATEGORIES).fit(rows))
    assert copy.get_params() == {"categories": CATEGORIES}
    assert not hasattr(copy, "feature_names_in_")


def test_features_keep_the_names_of_the_columns(rows: pd.DataFrame) -> None:
    codes = CategoryCodes(CATEGORIES).fit(rows)
    assert list(codes.get_feature_names_out()) == ["channel", "size"]


def test_output_can_be_a_frame(rows: pd.DataFrame) -> None:
    codes = CategoryCodes(CATEGORIES).set_output(transform="pandas")
    assert codes.fit_transform(rows)["size"].tolist() == [1.0, 2.0, 0.0]


def test_each_category_has_a_column_in_the_order_of_the_contract(
    rows: pd.DataFrame,
) -> None:
    columns = CategoryColumns(CATEGORIES).fit(rows)
    np.testing.assert_array_equal(
        columns.transform(rows),
        [[0, 0, 1, 0, 1, 0], [0, 0, 0, 0, 0, 1], [1, 0, 0, 1, 0, 0]],
    )
    names = ["channel_web", "channel_shop", "channel_phone"]
    names += ["size_3", "size_1", "size_2"]
    assert list(columns.get_feature_names_out()) == names


def test_an_unknown_category_is_in_no_column(rows: pd.DataFrame) -> None:
    strange = rows.assign(channel=pd.Categorical(["fax", "web", "WEB"]))
    columns = CategoryColumns(CATEGORIES).fit(rows).transform(strange)
    np.testing.assert_array_equal(columns[:, :3].sum(axis=1), [0, 1, 0])


@pytest.mark.parametrize("values", [[3, 1, 2], [True, False]])
def test_a_missing_value_changes_no_name(values: list[int]) -> None:
    rows = pd.DataFrame({"kind": pd.Categorical([*values, None], categories=values)})
    columns = CategoryColumns({"kind": values}).fit(rows)
    names = [f"kind_{value}" for value in values]
    assert list(columns.get_feature_names_out()) == names
    expected = np.eye(len(values) + 1, len(values))
    np.testing.assert_array_equal(columns.transform(rows), expected)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from([*CHANNELS, "fax", None]), min_size=1, max_size=20))
def test_columns_equal_those_of_the_one_hot_encoder(values: list[str | None]) -> None:
    rows = pd.DataFrame({"channel": pd.Series(values, dtype=object)})
    encoder = OneHotEncoder(
        categories=[CHANNELS], handle_unknown="ignore", sparse_output=False
    )
    expected = encoder.fit(pd.DataFrame({"channel": CHANNELS})).transform(rows)
    columns = CategoryColumns({"channel": CHANNELS}).fit_transform(
        rows.astype("category")
    )
    np.testing.assert_array_equal(columns, expected)


def test_columns_can_be_a_frame(rows: pd.DataFrame) -> None:
    columns = CategoryColumns(CATEGORIES).set_output(transform="pandas")
    assert columns.fit_transform(rows)["size_3"].tolist() == [0.0, 0.0, 1.0]
