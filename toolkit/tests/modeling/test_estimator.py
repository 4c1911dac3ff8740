"""Tests of reproducible_ml.modeling.fitting.estimator."""

from typing import Any

import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from reproducible_ml.core.errors import UserError
from reproducible_ml.modeling.fitting.estimator import make_estimator, row_weights
from tumour_diagnosis.models.train import Train

BOOSTING = "sklearn.ensemble.HistGradientBoostingClassifier"
REGRESSOR = "sklearn.ensemble.HistGradientBoostingRegressor"
NEIGHBOURS = "sklearn.neighbors.KNeighborsClassifier"


def named(path: str, seed: int = 0, **arguments: Any) -> Train:
    return Train.model_validate(
        {"seed": seed, "estimator": {"path": path, "arguments": arguments}}
    )


def balanced(path: str, **arguments: Any) -> Train:
    return named(path, **arguments).model_copy(update={"class_weight": "balanced"})


def refusal(params: Train, task: str = "binary") -> str:
    """Return why no estimator is made."""
    with pytest.raises(UserError) as caught:
        make_estimator(params, task, categories=0)
    return str(caught.value)


def test_a_class_is_found_by_its_dotted_path() -> None:
    estimator = make_estimator(named(BOOSTING), "binary", categories=0)
    assert type(estimator) is HistGradientBoostingClassifier


def test_arguments_reach_the_estimator() -> None:
    estimator = make_estimator(named(BOOSTING, max_iter=7), "binary", categories=0)
    assert estimator.max_iter == 7


def test_the_seed_of_the_project_is_that_of_the_estimator() -> None:
    assert (
        make_estimator(named(BOOSTING, seed=3), "binary", categories=0).random_state
        == 3
    )


def test_the_seed_among_the_arguments_wins() -> None:
    params = named(BOOSTING, seed=3, random_state=4)
    assert make_estimator(params, "binary", categories=0).random_state == 4


def test_an_estimator_without_a_seed_needs_none() -> None:
    estimator = make_estimator(
        named(NEIGHBOURS, seed=3, n_neighbors=2), "binary", categories=1
    )
    assert estimator.n_neighbors == 2


@pytest.mark.parametrize(("categories", "columns"), [(2, [0, 1]), (0, None)])
def test_the_first_columns_are_the_categorical_ones(
    categories: int, columns: list[int] | None
) -> None:
    estimator = make_estimator(named(BOOSTING), "binary", categories)
    assert estimator.categorical_features == columns


def test_arguments_are_left_as_they_were() -> None:
    params = named(BOOSTING, max_iter=7)
    make_estimator(params, "binary", categories=2)
    assert params == named(BOOSTING, max_iter=7)


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("boosting.Booster", "No module named 'boosting'"),
        ("sklearn.boosting.Booster", "No module named 'sklearn.boosting'"),
        ("sklearn.ensemble.Booster", "'Booster'"),
    ],
    ids=["package", "module", "class"],
)
def test_what_cannot_be_imported_is_told_with_a_way_out(
    path: str, problem: str
) -> None:
    message = refusal(named(path))
    start = f"params.yaml: train.estimator.path: cannot import {path}"
    assert message.startswith(start)
    assert problem in message
    assert message.endswith("add its package to environments/runtime.in, `make lock`.")
    assert "\n" not in message


def test_an_unknown_argument_is_told_with_its_name() -> None:
    message = refusal(named(BOOSTING, depth=3))
    assert message.startswith("params.yaml: train.estimator.arguments: ")
    assert "'depth'" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "path",
    [
        "sklearn.linear_model.LinearRegression",
        "sklearn.preprocessing.StandardScaler",
        "collections.OrderedDict",
        "pandas.DataFrame",
    ],
)
def test_what_is_no_classifier_is_refused(path: str) -> None:
    start = f"params.yaml: train.estimator.path: {path}"
    for task in ("binary", "multiclass"):
        problem = f"is no classifier, but data.task is {task}"
        assert refusal(named(path), task) == f"{start} {problem}"


@pytest.mark.parametrize(
    "path", [BOOSTING, "sklearn.preprocessing.StandardScaler", "pandas.DataFrame"]
)
def test_what_is_no_regressor_is_refused(path: str) -> None:
    assert refusal(named(path), "regression") == (
        f"params.yaml: train.estimator.path: {path} is no regressor,"
        " but data.task is regression"
    )


def test_a_regressor_is_made_like_a_classifier() -> None:
    params = named(REGRESSOR, seed=3, max_iter=7)
    estimator = make_estimator(params, "regression", categories=2)
    assert estimator.max_iter == 7
    assert estimator.random_state == 3
    assert estimator.categorical_features == [0, 1]


def test_an_estimator_that_can_weighs_the_classes() -> None:
    params = balanced(BOOSTING)
    estimator = make_estimator(params, "binary", categories=0)
    assert estimator.class_weight == "balanced"
    assert row_weights(estimator, pd.Series([True, False]), params) == {}


def test_weights_among_the_arguments_win() -> None:
    params = balanced(BOOSTING, class_weight={False: 1, True: 9})
    estimator = make_estimator(params, "binary", categories=0)
    assert estimator.class_weight == {False: 1, True: 9}


def test_rows_are_weighed_where_classes_cannot_be() -> None:
    params = balanced("sklearn.ensemble.GradientBoostingClassifier")
    estimator = make_estimator(params, "multiclass", categories=0)
    found = row_weights(estimator, pd.Series(["a", "a", "a", "b"]), params)
    assert found["sample_weight"].tolist() == [pytest.approx(2 / 3)] * 3 + [2.0]


def test_nothing_is_weighed_unless_asked_for() -> None:
    estimator = make_estimator(named(BOOSTING), "binary", categories=0)
    assert estimator.class_weight is None
    assert row_weights(estimator, pd.Series([True]), named(BOOSTING)) == {}


def test_an_estimator_that_can_weigh_nothing_is_refused() -> None:
    params = balanced(NEIGHBOURS)
    estimator = make_estimator(params, "binary", categories=0)
    with pytest.raises(
        UserError, match=r"^params\.yaml: train\.class_weight: "
    ) as caught:
        row_weights(estimator, pd.Series([True, False]), params)
    assert NEIGHBOURS in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_regression_has_no_classes_to_weigh() -> None:
    assert refusal(balanced(REGRESSOR), "regression") == (
        "params.yaml: train.class_weight: balanced is for classes,"
        " but data.task is regression. Remove it."
    )


@pytest.mark.parametrize("path", ["sklearn.svm.LinearSVC", "sklearn.svm.SVC"])
def test_a_classifier_without_probabilities_is_refused(path: str) -> None:
    message = refusal(named(path))
    assert message.startswith(f"params.yaml: train.estimator.path: {path}")
    assert "probabilities" in message


def test_a_module_is_not_taken_for_a_class() -> None:
    message = refusal(named("sklearn.linear_model"))
    assert message.startswith("params.yaml: train.estimator.path: sklearn.linear_model")
