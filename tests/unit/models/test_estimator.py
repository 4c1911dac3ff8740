"""Tests of reproducible_ml.models.estimator."""

from typing import Any

import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from reproducible_ml.errors import UserError
from reproducible_ml.models.estimator import make_estimator
from reproducible_ml.params import Train

BOOSTING = "sklearn.ensemble.HistGradientBoostingClassifier"
NEIGHBOURS = "sklearn.neighbors.KNeighborsClassifier"


def named(path: str, seed: int = 0, **arguments: Any) -> Train:
    return Train.model_validate(
        {"seed": seed, "estimator": {"path": path, "arguments": arguments}}
    )


def refusal(params: Train) -> str:
    """Return why no estimator is made."""
    with pytest.raises(UserError) as caught:
        make_estimator(params, categories=0)
    return str(caught.value)


def test_a_class_is_found_by_its_dotted_path() -> None:
    estimator = make_estimator(named(BOOSTING), categories=0)
    assert type(estimator) is HistGradientBoostingClassifier


def test_arguments_reach_the_estimator() -> None:
    estimator = make_estimator(named(BOOSTING, max_iter=7), categories=0)
    assert estimator.max_iter == 7


def test_the_seed_of_the_project_is_that_of_the_estimator() -> None:
    assert make_estimator(named(BOOSTING, seed=3), categories=0).random_state == 3


def test_the_seed_among_the_arguments_wins() -> None:
    params = named(BOOSTING, seed=3, random_state=4)
    assert make_estimator(params, categories=0).random_state == 4


def test_an_estimator_without_a_seed_needs_none() -> None:
    estimator = make_estimator(named(NEIGHBOURS, seed=3, n_neighbors=2), categories=1)
    assert estimator.n_neighbors == 2


@pytest.mark.parametrize(("categories", "columns"), [(2, [0, 1]), (0, None)])
def test_the_first_columns_are_the_categorical_ones(
    categories: int, columns: list[int] | None
) -> None:
    estimator = make_estimator(named(BOOSTING), categories)
    assert estimator.categorical_features == columns


def test_arguments_are_left_as_they_were() -> None:
    params = named(BOOSTING, max_iter=7)
    make_estimator(params, categories=2)
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
    expected = f"params.yaml: train.estimator.path: {path} is no classifier"
    assert refusal(named(path)) == expected


@pytest.mark.parametrize("path", ["sklearn.svm.LinearSVC", "sklearn.svm.SVC"])
def test_a_classifier_without_probabilities_is_refused(path: str) -> None:
    message = refusal(named(path))
    assert message.startswith(f"params.yaml: train.estimator.path: {path}")
    assert "probabilities" in message


def test_a_module_is_not_taken_for_a_class() -> None:
    message = refusal(named("sklearn.linear_model"))
    assert message.startswith("params.yaml: train.estimator.path: sklearn.linear_model")
