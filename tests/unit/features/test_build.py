"""Tests of reproducible_ml.features.build."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from reproducible_ml.datasets.schema import Contract
from reproducible_ml.features.build import (
    build_features,
    build_pipeline,
    read_target,
    takes_categories,
    takes_missing,
)
from reproducible_ml.params import Data

BOOSTING = HistGradientBoostingClassifier(
    max_iter=5, categorical_features=[0, 1], random_state=0
)
FOREST = RandomForestClassifier(n_estimators=5, random_state=0)
LOGISTIC = LogisticRegression()
NEIGHBOURS = KNeighborsClassifier()
CLASSIFIERS = [BOOSTING, FOREST, LOGISTIC, NEIGHBOURS]

every_classifier = pytest.mark.parametrize(
    "estimator", CLASSIFIERS, ids=lambda estimator: type(estimator).__name__
)


def transformed(
    orders: pd.DataFrame, contract: Contract, data: Data, estimator: BaseEstimator
) -> pd.DataFrame:
    """Return what the estimator would see, with the names of the features."""
    features = build_features(contract, data, estimator)
    values = features.fit_transform(orders, read_target(orders, data))
    return pd.DataFrame(values, columns=features.get_feature_names_out())


@every_classifier
def test_a_pipeline_learns_from_every_kind_of_column(
    orders: pd.DataFrame, contract: Contract, data: Data, estimator: BaseEstimator
) -> None:
    rows = orders[list(contract.features(data))]
    pipeline = build_pipeline(contract, data, {}, estimator)
    scores = pipeline.fit(rows, read_target(orders, data)).predict_proba(rows)
    assert scores.shape == (90, 2)
    assert np.isfinite(scores).all()


@every_classifier
def test_a_pipeline_predicts_for_categories_it_never_saw(
    orders: pd.DataFrame, contract: Contract, data: Data, estimator: BaseEstimator
) -> None:
    rows = orders.dropna()[list(contract.features(data))]
    pipeline = build_pipeline(contract, data, {}, estimator)
    pipeline.fit(rows, read_target(orders.dropna(), data))
    strange = rows.head(3).assign(channel=pd.Categorical(["fax", None, "web"]))
    assert np.isfinite(pipeline.predict_proba(strange)).all()


@every_classifier
def test_a_pipeline_predicts_where_values_are_missing_only_in_use(
    orders: pd.DataFrame, contract: Contract, data: Data, estimator: BaseEstimator
) -> None:
    features = list(contract.features(data))
    known = orders.dropna()
    pipeline = build_pipeline(contract, data, {}, estimator)
    pipeline.fit(known[features], read_target(known, data))
    incomplete = orders[orders.isna().any(axis=1)]
    assert np.isfinite(pipeline.predict_proba(incomplete[features])).all()


@every_classifier
def test_a_single_row_is_predicted_as_it_is_among_others(
    orders: pd.DataFrame, contract: Contract, data: Data, estimator: BaseEstimator
) -> None:
    rows = orders.dropna()[list(contract.features(data))]
    pipeline = build_pipeline(contract, data, {}, estimator)
    pipeline.fit(rows, read_target(orders.dropna(), data))
    alone = pipeline.predict_proba(rows.iloc[[7]])
    np.testing.assert_allclose(alone[0], pipeline.predict_proba(rows)[7], rtol=1e-12)


def test_native_categories_come_first_as_codes(
    orders: pd.DataFrame, contract: Contract, data: Data
) -> None:
    seen = transformed(orders.dropna(), contract, data, BOOSTING)
    assert list(seen.columns[:2]) == ["channel", "size"]
    assert list(seen["size"].unique()) == [1.0, 2.0, 0.0]


def test_an_estimator_that_takes_missing_values_gets_them(
    orders: pd.DataFrame, contract: Contract, data: Data
) -> None:
    seen = transformed(orders, contract, data, BOOSTING)
    assert list(seen["amount"].isna()) == list(orders["amount"].isna())
    assert list(seen["items"].isna()) == list(orders["items"].isna())


def test_other_estimators_get_a_column_a_category(
    orders: pd.DataFrame, contract: Contract, data: Data
) -> None:
    seen = transformed(orders, contract, data, LOGISTIC)
    assert list(seen["channel_web"] == 1) == list(orders["channel"] == "web")
    assert list(seen["size_3"] == 1) == list(orders["size"] == 3)


def test_a_missing_category_is_none_of_the_columns(
    orders: pd.DataFrame, contract: Contract, data: Data
) -> None:
    seen = transformed(orders, contract, data, LOGISTIC)
    nothing = seen["channel_shop"] + seen["channel_web"] == 0
    assert list(nothing) == list(orders["channel"].isna())


def test_missing_numbers_are_filled_with_the_median_and_marked(
    orders: pd.DataFrame, contract: Contract, data: Data
) -> None:
    seen = transformed(orders, contract, data, LOGISTIC)
    filled = orders["amount"].fillna(orders["amount"].median())
    expected = (filled - filled.mean()) / filled.std(ddof=0)
    np.testing.assert_allclose(seen["amount"], expected)
    marked = seen["missingindicator_amount"] > 0
    assert list(marked) == list(orders["amount"].isna())


def test_filled_in_columns_are_on_one_scale(
    orders: pd.DataFrame, contract: Contract, data: Data
) -> None:
    seen = transformed(orders, contract, data, LOGISTIC)
    scaled = seen[["amount", "items", "member", "ordered_at_month"]]
    np.testing.assert_allclose(scaled.mean(), 0, atol=1e-12)
    np.testing.assert_allclose(scaled.std(ddof=0), 1)


@every_classifier
def test_columns_with_a_role_and_texts_are_no_features(
    orders: pd.DataFrame, contract: Contract, data: Data, estimator: BaseEstimator
) -> None:
    seen = transformed(orders.dropna(), contract, data, estimator)
    assert not {"order", "note", "returned"} & set(seen.columns)


def test_bounds_are_where_the_model_clips(
    orders: pd.DataFrame, contract: Contract, data: Data
) -> None:
    rows = orders[list(contract.features(data))].dropna()
    target = read_target(orders.dropna(), data)
    pipeline = build_pipeline(contract, data, {"amount": (2.0, 6.0)}, FOREST)
    pipeline.fit(rows, target)
    far, near = rows.assign(amount=1e9), rows.assign(amount=6.0)
    np.testing.assert_array_equal(
        pipeline.predict_proba(far), pipeline.predict_proba(near)
    )


def test_without_bounds_there_is_no_step_to_clip(
    contract: Contract, data: Data
) -> None:
    assert list(build_pipeline(contract, data, {}, FOREST).named_steps) == [
        "features",
        "estimator",
    ]


def test_a_pipeline_with_bounds_names_its_features(
    orders: pd.DataFrame, contract: Contract, data: Data
) -> None:
    rows = orders[list(contract.features(data))].dropna()
    pipeline = build_pipeline(contract, data, {"amount": (2.0, 6.0)}, FOREST)
    pipeline.fit(rows, read_target(orders.dropna(), data))
    assert "amount" in pipeline[:-1].get_feature_names_out()


def test_columns_are_found_by_name_not_by_place(
    orders: pd.DataFrame, contract: Contract, data: Data
) -> None:
    rows = orders[list(contract.features(data))].dropna()
    pipeline = build_pipeline(contract, data, {}, BOOSTING)
    pipeline.fit(rows, read_target(orders.dropna(), data))
    turned = rows[rows.columns[::-1]]
    np.testing.assert_array_equal(
        pipeline.predict_proba(turned), pipeline.predict_proba(rows)
    )


def test_only_some_estimators_take_categories() -> None:
    assert [takes_categories(e) for e in CLASSIFIERS] == [True, False, False, False]


def test_only_some_estimators_take_missing_values() -> None:
    assert [takes_missing(e) for e in CLASSIFIERS] == [True, True, False, False]


def test_the_target_says_which_rows_are_positive(
    orders: pd.DataFrame, data: Data
) -> None:
    target = read_target(orders.head(4), data)
    assert target.tolist() == [True, True, True, False]
    assert target.dtype == bool


@pytest.mark.parametrize(
    ("values", "positive"),
    [([True, False], True), ([3, 4], 3), (["yes", "no"], "yes")],
    ids=["bool", "integer", "text"],
)
def test_the_positive_class_may_be_of_any_type(
    values: list[object], positive: bool | int | str
) -> None:
    rows = pd.DataFrame({"returned": values})
    data = Data(target="returned", positive=positive)
    assert read_target(rows, data).tolist() == [True, False]
