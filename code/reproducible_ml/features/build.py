"""From the data contract to what an estimator can take."""

from typing import Any

import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from reproducible_ml.datasets.outliers import Bounds
from reproducible_ml.datasets.schema import Column, Contract
from reproducible_ml.features.calendar import Calendar
from reproducible_ml.features.categories import CategoryCodes
from reproducible_ml.features.clip import Clip
from reproducible_ml.params import Data


def build_pipeline(
    contract: Contract, data: Data, bounds: Bounds, estimator: BaseEstimator
) -> Pipeline:
    """Return an unfitted pipeline from rows of the contract to predictions.

    The features suit the estimator: one that takes categories natively gets them as
    codes, another as one column each; one that cannot take missing values gets them
    imputed, and all columns on one scale.

    Args:
        contract: Which columns there are.
        data: Which of them have a role, and so are no features.
        bounds: Where to clip, from the stage `clean`; empty for nowhere.
        estimator: Unfitted, with its arguments set.
    """
    steps: list[tuple[str, Any]] = [("clip", Clip(bounds))] if bounds else []
    features = build_features(contract, data, estimator)
    return Pipeline([*steps, ("features", features), ("estimator", estimator)])


def build_features(
    contract: Contract, data: Data, estimator: BaseEstimator
) -> ColumnTransformer:
    """Return the transformer of columns; the codes of categories come first."""
    native = takes_categories(estimator)
    categorical = contract.treated("categorical", data)
    categories = {name: list(contract.columns[name].isin or ()) for name in categorical}
    numeric = contract.treated("numeric", data)
    dates = contract.treated("calendar", data)
    columns = [
        ("categorical", _encoder(categories, native=native), categorical),
        ("numeric", _floats([contract.columns[name] for name in numeric]), numeric),
        ("datetime", Calendar(), dates),
    ]
    if not takes_missing(estimator):
        columns[1] = ("numeric", _complete(), numeric)
        columns[2] = ("datetime", make_pipeline(Calendar(), _complete()), dates)
    used = [(name, step, selected) for name, step, selected in columns if selected]
    return ColumnTransformer(used, verbose_feature_names_out=False)


def _encoder(categories: dict[str, list[Any]], *, native: bool) -> BaseEstimator:
    if native:
        return CategoryCodes(categories)
    return OneHotEncoder(
        categories=list(categories.values()),
        handle_unknown="ignore",
        sparse_output=False,
    )


def _floats(columns: list[Column]) -> BaseEstimator | str:
    """Change no value, but make pandas' nullable types floats with NaN."""
    nullable = {"Int64", "boolean"} & {column.dtype for column in columns}
    return (
        StandardScaler(with_mean=False, with_std=False) if nullable else "passthrough"
    )


def _complete() -> Pipeline:
    """Fill in the median, say where it was filled in, and scale."""
    return make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True), StandardScaler()
    )


def takes_categories(estimator: BaseEstimator) -> bool:
    """Say whether the estimator treats categories natively, given their columns."""
    return "categorical_features" in estimator.get_params()


def takes_missing(estimator: BaseEstimator) -> bool:
    """Say whether the estimator takes NaN as it is."""
    return bool(estimator.__sklearn_tags__().input_tags.allow_nan)


def read_target(rows: pd.DataFrame, data: Data) -> pd.Series:
    """Return for each row whether it is of the positive class."""
    return (rows[data.target] == data.positive).astype(bool)
