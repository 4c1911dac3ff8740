"""What moved a prediction: equal to brute force, additive, estimated where need be."""

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.ensemble import HistGradientBoostingClassifier as Booster
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, TargetEncoder

from reproducible_ml.modeling.explaining.explain import Explainer
from reproducible_ml.modeling.explaining.origins import feature_origins
from reproducible_ml.modeling.model.transformers import (
    Calendar,
    CategoryColumns,
    Numbers,
)

from .six_types import CLASSES, KINDS, fitted, rows_of

Floats = Any


def brute_force(
    output: Callable[[pd.DataFrame], Floats], row: pd.DataFrame, others: pd.DataFrame
) -> Floats:
    """Return Shapley values from all 2^k coalitions, shape (columns, outputs)."""
    count = row.shape[1]
    coalitions = [
        frozenset(some)
        for size in range(count + 1)
        for some in itertools.combinations(range(count), size)
    ]
    both = pd.concat([row, others], ignore_index=True)
    own = np.array([[place in some for place in range(count)] for some in coalitions])
    places = np.where(own[:, np.newaxis], 0, np.arange(1, len(both))[:, np.newaxis])
    mixed = {
        name: both[name].iloc[places[:, :, at].ravel()].reset_index(drop=True)
        for at, name in enumerate(both)
    }
    outputs = output(pd.DataFrame(mixed)).reshape(len(coalitions), len(others), -1)
    worth = dict(zip(coalitions, outputs.mean(axis=1), strict=True))
    found = np.zeros((count, worth[frozenset()].size))
    for some, place in itertools.product(coalitions, range(count)):
        if place not in some:
            orders = math.comb(count - 1, len(some)) * count
            found[place] += (worth[some | {place}] - worth[some]) / orders
    return found


def linear_steps() -> dict[str, Any]:
    def complete() -> list[Any]:
        imputer = SimpleImputer(
            strategy="median", add_indicator=True, keep_empty_features=True
        )
        return [imputer, StandardScaler()]

    numbers = make_pipeline(Numbers(), *complete())
    return {
        "categorical": CategoryColumns({"kind": KINDS}),
        "numeric": numbers,
        "calendar": make_pipeline(Calendar(), *complete()),
    }


LINEAR = linear_steps()
ENCODED = {"categorical": TargetEncoder(random_state=0)}


@pytest.mark.parametrize(
    ("task", "estimator", "steps", "scale"),
    [
        ("binary", None, {}, "log-odds"),
        ("multiclass", None, {}, "log-probability"),
        ("regression", None, {}, "number"),
        (
            "regression",
            HistGradientBoostingRegressor(
                loss="poisson", max_iter=10, categorical_features=[0]
            ),
            {},
            "logarithm",
        ),
        # scikit-learn moves the categorical feature to the front.
        ("binary", Booster(max_iter=9, categorical_features=[4]), {}, "log-odds"),
        (
            "multiclass",
            Booster(max_iter=9),
            {"categorical": TargetEncoder()},
            "log-probability",
        ),
        ("binary", LogisticRegression(), LINEAR, "log-odds"),
        ("multiclass", LogisticRegression(), LINEAR, "log-probability"),
        ("regression", Ridge(), LINEAR, "number"),
        ("regression", PoissonRegressor(), LINEAR, "logarithm"),
    ],
)
def test_contributions_are_exact_and_add_up_to_the_prediction(
    task: str, estimator: BaseEstimator | None, steps: dict[str, Any], scale: str
) -> None:
    rows = rows_of(400)
    if scale == "logarithm":
        rows = rows.assign(amount=rows["amount"].abs())
    model, known = fitted(rows, task, estimator, **steps)
    background = rows.iloc[:25]
    explainer = Explainer(model, known, background)
    assert explainer.is_exact
    chosen = rows.iloc[[5, 15, 25, 200, 399]]
    found = explainer.explain(chosen)
    assert (found.scale, found.errors) == (scale, None)
    assert found.labels == (CLASSES if task == "multiclass" else [""])
    sums = found.base + found.contributions.sum(axis=1)
    np.testing.assert_allclose(sums, found.output, atol=1e-9)
    predicted = {
        "binary": lambda raw: expit(raw[:, 0]),
        "multiclass": lambda raw: softmax(raw, axis=1),
        "regression": lambda raw: (
            np.exp(raw[:, 0]) if scale == "logarithm" else raw[:, 0]
        ),
    }[task](sums)
    answered = known.output(model, chosen)
    if task == "multiclass":
        answered = answered[:, [sorted(CLASSES).index(name) for name in CLASSES]]
    np.testing.assert_allclose(predicted, answered, rtol=1e-9, atol=1e-12)

    def output(some: pd.DataFrame) -> Floats:
        if task == "regression":
            number = model.predict(some)
            return np.log(number) if scale == "logarithm" else number
        raw = model.decision_function(some)
        order = [list(model.classes_).index(name) for name in found.labels if name]
        return raw[:, order] if task == "multiclass" else raw

    for place in range(len(chosen)):
        expected = brute_force(output, chosen.iloc[[place]], background)
        np.testing.assert_allclose(
            found.contributions[place], expected, rtol=1e-7, atol=1e-9
        )
    # A row alone has the contributions that it has among others.
    alone = explainer.explain(chosen.iloc[[3]]).contributions[0]
    np.testing.assert_allclose(alone, found.contributions[3], rtol=1e-9, atol=1e-12)


class Ratio(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """A feature of several columns, and a number for each."""

    def fit(self, rows: pd.DataFrame, target: Any = None) -> "Ratio":
        self.n_features_in_ = rows.shape[1]
        return self

    def transform(self, rows: pd.DataFrame) -> Floats:
        numbers = rows.astype("float64").fillna(0).to_numpy()
        return np.column_stack([numbers, numbers[:, 0] * numbers[:, 1]])

    def get_feature_names_out(self, names: Any = None) -> Any:
        return np.array([*names, "product"], dtype=object)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_other_models_are_estimated_with_a_standard_error(task: str) -> None:
    rows = rows_of(400)
    forest = RandomForestClassifier(20, max_depth=4, random_state=0)
    boosted = HistGradientBoostingRegressor(max_iter=10)
    estimator = boosted if task == "regression" else forest
    model, known = fitted(rows, task, estimator, numeric=Ratio())
    assert feature_origins(model, rows.iloc[:25]) is None
    explainer = Explainer(model, known, rows.iloc[:100])
    chosen = rows.iloc[[5, 200]]
    found = explainer.explain(chosen)
    assert not explainer.is_exact
    assert found.errors is not None
    assert found.scale == ("number" if task == "regression" else "probability")
    sums = found.base + found.contributions.sum(axis=1)
    np.testing.assert_allclose(sums, found.output, atol=1e-9)
    again = Explainer(model, known, rows.iloc[:100]).explain(chosen.iloc[[1]])
    np.testing.assert_array_equal(again.contributions[0], found.contributions[1])

    def output(some: pd.DataFrame) -> Floats:
        values = known.output(model, some)
        return values[:, list(known.names)] if task == "multiclass" else values

    expected = brute_force(output, chosen.iloc[[0]], rows.iloc[:100])
    within = np.abs(found.contributions[0] - expected) <= 4 * found.errors[0] + 1e-9
    assert within.all()
    # With fewer predictions, the background is smaller, and the error larger.
    few = Explainer(model, known, rows.iloc[:100], limit=200).explain(chosen)
    assert few.errors is not None
    assert few.errors.mean() > found.errors.mean()
    sums = few.base + few.contributions.sum(axis=1)
    np.testing.assert_allclose(sums, few.output, atol=1e-9)


def test_budget_of_an_estimate_is_kept() -> None:
    rows = rows_of(300)
    forest = RandomForestClassifier(5, max_depth=3, random_state=0)
    model, task = fitted(rows, "binary", forest, numeric=Ratio())
    predicted: list[int] = []
    explainer = Explainer(model, task, rows.iloc[:100], limit=500)
    explainer.explain(rows.iloc[:3], predicted.append)
    assert 400 < sum(predicted) / 3 <= 500
