"""Which features the model sees, and what it makes of each kind of column."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MaxAbsScaler, StandardScaler, TargetEncoder

from reproducible_ml.contract.schema import Contract, Data, Treatment
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.outliers import Bounds
from reproducible_ml.core.params import Count, Section
from reproducible_ml.modeling.model.transformers import (
    Calendar,
    CategoryCodes,
    CategoryColumns,
    Clip,
    Numbers,
    Words,
)


class Features(Section):
    """Section `features` of params.yaml."""

    words: Count = 100


def build_pipeline(
    contract: Contract,
    data: Data,
    bounds: Bounds,
    estimator: BaseEstimator,
    params: Features,
    *,
    seed: int = 0,
) -> Pipeline:
    """Return an unfitted pipeline from rows of the contract to predictions.

    The features suit the estimator: one that takes categories natively gets them as
    codes, another as one column each; one that cannot take missing values gets them
    imputed, and all columns on one scale.

    Args:
        contract: Which columns there are, and what becomes of each.
        data: Which of them have a role, and so are no features; what the target is.
        bounds: Where to clip, from the stage `clean`; empty for nowhere.
        estimator: Unfitted, with its arguments set.
        params: Section `features` of params.yaml.
        seed: Of what is left to chance.

    Raises:
        UserError: A column has more categories than the estimator can take.
    """
    steps: list[tuple[str, Any]] = [("clip", Clip(bounds))] if bounds else []
    features = build_features(contract, data, estimator, params, seed=seed)
    return Pipeline([*steps, ("features", features), ("estimator", estimator)])


def build_features(
    contract: Contract,
    data: Data,
    estimator: BaseEstimator,
    params: Features,
    *,
    seed: int = 0,
) -> ColumnTransformer:
    """Return the transformer of columns; the codes of categories come first."""
    # What to make of a column, and how to fill in and scale that for some estimators.
    steps: dict[Treatment, tuple[Any, Any]] = {
        "numeric": (_numbers(contract, data), _complete()),
        "calendar": (make_pipeline(Calendar(), Numbers()), _complete()),
        "target_encoding": (_target_means(data, seed), StandardScaler()),
        "bag_of_words": (Words(params.words, data.task), MaxAbsScaler()),
    }
    names = contract.treated("categorical", data)
    columns: list[tuple[str, Any, list[str]]] = [
        ("categorical", _categories(contract, names, estimator), names)
    ]
    for treatment, (step, scale) in steps.items():
        made = step if takes_missing(estimator) else make_pipeline(step, scale)
        columns.append((treatment, made, contract.treated(treatment, data)))
    used = [(name, step, selected) for name, step, selected in columns if selected]
    return ColumnTransformer(used, verbose_feature_names_out=_may_clash(contract, data))


def _categories(
    contract: Contract, names: list[str], estimator: BaseEstimator
) -> BaseEstimator:
    """Encode categories as codes, or as a column each."""
    categories = {name: list(contract.columns[name].isin or ()) for name in names}
    if not takes_categories(estimator):
        return CategoryColumns(categories)
    limit = estimator.get_params().get("max_bins", np.inf)
    problems = [
        f'data/schema.yaml: column "{name}": has {len(values)} categories, but'
        f" {type(estimator).__name__} takes at most {limit} (its max_bins)."
        " Give the column metadata: {treatment: target_encoding}."
        for name, values in categories.items()
        if len(values) > limit
    ]
    if problems:
        raise UserError("\n".join(problems))
    return CategoryCodes(categories)


def _numbers(contract: Contract, data: Data) -> BaseEstimator | str:
    """Return what makes floats of all numbers: nothing, if they are and none misses."""
    columns = [contract.columns[name] for name in contract.treated("numeric", data)]
    ready = all(c.dtype == "float64" and not c.nullable for c in columns)
    return "passthrough" if ready else Numbers()


def _target_means(data: Data, seed: int) -> TargetEncoder:
    """Replace each value by the mean target of its rows, or by that of each class.

    In training, the mean is taken of other rows than those it stands for.
    """
    target_type = "continuous" if data.task == "regression" else "auto"
    folds = KFold(5, shuffle=True, random_state=seed)
    return TargetEncoder(target_type=target_type, cv=folds)


def _complete() -> Pipeline:
    """Fill in the median, say where it was filled in, and scale."""
    imputer = SimpleImputer(
        strategy="median", add_indicator=True, keep_empty_features=True
    )
    return make_pipeline(imputer, StandardScaler())


def _may_clash(contract: Contract, data: Data) -> bool:
    """Say whether a column, as `sent_year`, may be named as a feature of another."""
    features = contract.features(data)
    derived = tuple(f"{n}_" for n, c in features.items() if c.treatment != "numeric")
    return any(name.startswith(derived) for name in features)


def takes_categories(estimator: BaseEstimator) -> bool:
    """Say whether the estimator treats categories natively, given their columns."""
    return "categorical_features" in estimator.get_params()


def takes_missing(estimator: BaseEstimator) -> bool:
    """Say whether the estimator takes NaN as it is."""
    return bool(estimator.__sklearn_tags__().input_tags.allow_nan)
