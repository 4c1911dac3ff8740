"""Build the pipeline: which features the model gets of each kind of column."""

from typing import Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    StandardScaler,
    TargetEncoder,
)

from reproducible_ml.contract.schema import Contract, Data, Treatment
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.outliers import Bounds
from reproducible_ml.core.params import Count, Section
from reproducible_ml.modeling.model.transformers import (
    Calendar,
    CategoryCodes,
    CategoryColumns,
    Clip,
    Hashed,
    Numbers,
    Words,
)


class Features(Section):
    """Section `features` of params.yaml."""

    words: Count = 100
    buckets: Count = 100


class Own(NamedTuple):
    """Features of your own.

    Attributes:
        transformer: Unfitted; as a part of the model it is fitted to training rows.
        columns: Columns that it gets.
        instead: Whether the treatment in data/schema.yaml gets these columns no more.
    """

    transformer: Any
    columns: list[str]
    instead: bool = False


# Your own features, by name: docs/code/README.md shows how to add one.
OWN: dict[str, Own] = {
    # "name": Own(transformer, ["column", ...]),
}


def build_pipeline(
    contract: Contract,
    data: Data,
    bounds: Bounds,
    estimator: BaseEstimator,
    params: Features,
    *,
    seed: int = 0,
    in_batches: bool = False,
) -> Pipeline:
    """Return an unfitted pipeline from rows of the contract to predictions.

    The features depend on the estimator: categories are codes if it supports them
    natively, else one-hot columns; missing values are imputed, and columns scaled,
    unless it supports missing values.

    Args:
        contract: Columns, and how each is treated.
        data: The target, and which columns have a role and so are not features.
        bounds: Where to clip, from the stage `clean`; empty for nowhere.
        estimator: Unfitted, with its arguments set.
        params: Section `features` of params.yaml.
        seed: Seed of the folds of target encoding.
        in_batches: Whether it is fitted in batches. Values that would be replaced by
            the mean target of all their rows are hashed instead.

    Raises:
        UserError: A column has more categories than the estimator supports.
    """
    steps: list[tuple[str, Any]] = [("clip", Clip(bounds))] if bounds else []
    features = build_features(
        contract, data, estimator, params, seed=seed, in_batches=in_batches
    )
    return Pipeline([*steps, ("features", features), ("estimator", estimator)])


def build_features(
    contract: Contract,
    data: Data,
    estimator: BaseEstimator,
    params: Features,
    *,
    seed: int = 0,
    in_batches: bool = False,
) -> ColumnTransformer:
    """Return the transformer of columns; codes of categories are the first features."""
    check_own(contract, data)
    complete = _complete(estimator)
    values = _target_means(data, seed), StandardScaler()
    hashed = Hashed(params.buckets), "passthrough"
    # Features of each treatment, and the further step if missing values are a problem.
    steps: dict[Treatment, tuple[Any, Any]] = {
        "numeric": (_numbers(contract, data), complete),
        "calendar": (
            make_pipeline(Calendar(contract.calendar_fields(data)), Numbers()),
            complete,
        ),
        "target_encoding": hashed if in_batches else values,
        "bag_of_words": (Words(params.words, data.task), MaxAbsScaler()),
    }
    every: list[tuple[str, Any, Any, list[str]]] = [
        (name, *step, treated(name, contract, data)) for name, step in steps.items()
    ]
    every += [
        (name, own.transformer, complete, own.columns) for name, own in OWN.items()
    ]
    known = {*steps, "categorical"}
    if lost := [
        n for n, c in contract.features(data).items() if c.treatment not in known
    ]:
        raise UserError(f"features/build.py: no features for {', '.join(lost)}")
    names = treated("categorical", contract, data)
    columns: list[tuple[str, Any, list[str]]] = [
        ("categorical", _categories(contract, names, estimator), names)
    ]
    for name, step, scale, selected in every:
        made = step if takes_missing(estimator) else make_pipeline(step, scale)
        columns.append((name, made, selected))
    used = [(name, step, selected) for name, step, selected in columns if selected]
    return ColumnTransformer(used, verbose_feature_names_out=_may_clash(contract, data))


def treated(treatment: Treatment, contract: Contract, data: Data) -> list[str]:
    """Return the features that get a treatment, unless OWN treats them instead."""
    own = {name for each in OWN.values() if each.instead for name in each.columns}
    return [name for name in contract.treated(treatment, data) if name not in own]


def check_own(contract: Contract, data: Data) -> None:
    """Raise UserError with a line for each column in OWN that is not a feature."""
    features = contract.features(data)
    problems = [
        f'features/build.py: OWN: "{name}" needs the column "{column}", which is not a'
        " feature in data/schema.yaml. Correct the entry, or remove it."
        for name, own in OWN.items()
        for column in own.columns
        if column not in features
    ]
    if problems:
        raise UserError("\n".join(problems))


def _categories(
    contract: Contract, names: list[str], estimator: BaseEstimator
) -> BaseEstimator:
    """Return the encoder of categories: as codes, or as one-hot columns."""
    categories = {name: list(contract.columns[name].isin or ()) for name in names}
    if not takes_categories(estimator):
        return CategoryColumns(categories)
    limit = estimator.get_params().get("max_bins", np.inf)
    problems = [
        f'data/schema.yaml: column "{name}": has {len(values)} categories, but'
        f" {type(estimator).__name__} supports at most {limit} (its max_bins)."
        " Fix: give the column metadata: {treatment: target_encoding}."
        for name, values in categories.items()
        if len(values) > limit
    ]
    if problems:
        raise UserError("\n".join(problems))
    return CategoryCodes(categories)


def _numbers(contract: Contract, data: Data) -> BaseEstimator | str:
    """Return the step for numbers: none if all are floats without missing values."""
    columns = [contract.columns[name] for name in treated("numeric", contract, data)]
    ready = all(c.dtype == "float64" and not c.nullable for c in columns)
    return "passthrough" if ready else Numbers()


def _target_means(data: Data, seed: int) -> TargetEncoder:
    """Return an encoder of values as the mean target of their rows, for each class.

    In training, the mean is taken from other folds than the row's own.
    """
    target_type = "continuous" if data.task == "regression" else "auto"
    folds = KFold(5, shuffle=True, random_state=seed)
    return TargetEncoder(target_type=target_type, cv=folds)


def _complete(estimator: BaseEstimator) -> Pipeline:
    """Return steps that impute the median, add an indicator of that, and scale."""
    # As MultinomialNB, which counts.
    positive = estimator.__sklearn_tags__().input_tags.positive_only
    imputer = SimpleImputer(
        strategy="median", add_indicator=True, keep_empty_features=True
    )
    scaler = MinMaxScaler(clip=True) if positive else StandardScaler()
    return make_pipeline(imputer, scaler)


def _may_clash(contract: Contract, data: Data) -> bool:
    """Return whether the name of a column, as `sent_year`, may equal a feature's."""
    features = contract.features(data)
    derived = tuple(f"{n}_" for n, c in features.items() if c.treatment != "numeric")
    return bool(OWN) or any(name.startswith(derived) for name in features)


def takes_categories(estimator: BaseEstimator) -> bool:
    """Return whether the estimator supports categories natively."""
    return "categorical_features" in estimator.get_params()


def takes_missing(estimator: BaseEstimator) -> bool:
    """Return whether the estimator supports missing values natively."""
    return bool(estimator.__sklearn_tags__().input_tags.allow_nan)
