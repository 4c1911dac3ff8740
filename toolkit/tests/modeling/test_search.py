"""Search for arguments: folds, ranges, trials and the best of them."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_classification
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import (
    GridSearchCV,
    HalvingRandomSearchCV,
    ParameterSampler,
    RandomizedSearchCV,
)
from sklearn.pipeline import Pipeline
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from reproducible_ml.contract.schema import Contract, Data
from reproducible_ml.contract.target import read_target
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.params import Compute
from reproducible_ml.modeling.fitting.search import (
    Fold,
    Grid,
    Halving,
    Random,
    Range,
    Search,
    best_trial,
    combinations,
    make_folds,
    make_space,
    search,
    values_of,
)
from reproducible_ml.modeling.metrics.tasks import Scorer, make_task
from tumour_diagnosis.models.metrics import LOSS, METRICS

from .conftest import make_contract, make_orders, make_params

SPACE: dict[str, Any] = {
    "max_depth": {"int": [1, 4]},
    "min_samples_leaf": {"choice": [1, 40]},
}
FOLDS_ERROR = r"^params\.yaml: train\.search\.folds: "


def folds_of(
    rows: pd.DataFrame, task: str = "binary", method: str = "hash", **data: Any
) -> list[Fold]:
    settings = Data.model_validate(make_params(task)["data"] | data)
    count = 3 if method == "group" else 4
    return make_folds(rows, read_target(rows, settings), settings, method, count, 0)


def test_each_row_is_scored_once_by_a_model_that_was_not_fitted_to_it(
    orders: pd.DataFrame,
) -> None:
    folds = folds_of(orders)
    scored = np.concatenate([test for _, test in folds])
    assert sorted(scored) == list(range(len(orders)))
    assert all(set(train).isdisjoint(test) for train, test in folds)
    positive = (orders["returned"] == "yes").to_numpy()
    shares = [positive[test].mean() for _, test in folds]
    assert max(shares) - min(shares) < 0.05
    for (_, one), (_, other) in zip(folds, folds_of(orders), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_repeated_rows_and_rows_of_a_group_stay_together(task: str) -> None:
    rows = make_orders(60, 1, task)
    rows = pd.concat([rows, rows])
    for train, test in folds_of(rows, task):
        assert set(rows.index[train]).isdisjoint(rows.index[test])
    for train, test in folds_of(rows, task, "group", group="items"):
        assert set(rows["items"].iloc[train]).isdisjoint(rows["items"].iloc[test])


@pytest.mark.parametrize("days", [False, True], ids=["moments", "whole days"])
def test_by_time_a_fold_is_fitted_to_older_rows(
    orders: pd.DataFrame, days: bool
) -> None:
    rows = orders.sample(frac=1, random_state=0)
    if days:
        rows = rows.assign(ordered_at=rows["ordered_at"].dt.normalize())
    times = rows["ordered_at"]
    for train, test in folds_of(rows, "binary", "time", time="ordered_at"):
        assert times.iloc[train].max() < times.iloc[test].min()


def test_too_few_rows_or_points_in_time_are_an_error(orders: pd.DataFrame) -> None:
    with pytest.raises(UserError, match=FOLDS_ERROR):
        folds_of(orders.iloc[:3])
    rows = orders.assign(ordered_at=pd.Timestamp("2024-01-01"))
    with pytest.raises(UserError, match=FOLDS_ERROR):
        folds_of(rows, "binary", "time", time="ordered_at")


def drawn(**values: Any) -> list[Any]:
    """Return a thousand values of a range."""
    space = {"name": values_of(Range.model_validate(values))}
    return [p["name"] for p in ParameterSampler(space, 1000, random_state=0)]


def test_ranges_are_covered_evenly() -> None:
    values = drawn(uniform=[2.0, 4.0])
    assert 2.0 <= min(values) < 2.1 < 3.9 < max(values) <= 4.0
    assert sum(value < 3.0 for value in values) == pytest.approx(500, abs=60)
    values = drawn(log_uniform=[0.001, 1.0])
    assert sum(value < 0.01 for value in values) == pytest.approx(333, abs=50)
    assert set(drawn(int=[3, 5])) == {3, 4, 5}
    assert values_of(Range(choice=("a", None, 3))) == ["a", None, 3]
    assert values_of(Range(int=(3, 5)), as_list=True) == [3, 4, 5]


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"method": "random"}, "a search needs a space"),
        ({"method": "grid", "space": {"x": {"uniform": [0.0, 1.0]}}}, "choice or int"),
        ({"space": {"x": {"int": [1, 2], "choice": [1]}}}, "give one of uniform"),
        ({"space": {"x": {"int": [2, 2]}}}, "the lower end must be less"),
        ({"space": {"x": {"log_uniform": [0.0, 2.0]}}}, "lower end above 0"),
    ],
)
def test_invalid_searches_are_refused(settings: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Search.model_validate(settings)


def space_of(space: dict[str, Any], method: str = "random") -> dict[str, Any]:
    options = Search.model_validate({"method": method, "space": space})
    return make_space(Pipeline([("estimator", DecisionTreeClassifier())]), options)


def test_space_is_of_the_last_steps_arguments() -> None:
    assert space_of({"max_depth": {"choice": [1]}}) == {"estimator__max_depth": [1]}
    grid = {"max_depth": {"int": [1, 3]}, "criterion": {"choice": ["gini", "entropy"]}}
    assert combinations(space_of(grid, "grid")) == 6
    assert combinations(space_of(grid)) == math.inf
    with pytest.raises(UserError) as caught:
        space_of({"depth": {"int": [1, 2]}, "width": {"int": [1, 2]}})
    assert str(caught.value).splitlines() == [
        "params.yaml: train.search.space: DecisionTreeClassifier has no argument"
        f" {name}"
        for name in ("depth", "width")
    ]


def find(
    task: str = "binary",
    compute: Compute | None = None,
    metric: str | None = None,
    rows: pd.DataFrame | None = None,
    **options: Any,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Return the best arguments of a tree, and the trials."""
    rows = make_orders(200, 1, task) if rows is None else rows
    data = Data.model_validate(make_params(task)["data"])
    target = read_target(rows, data)
    tree = DecisionTreeRegressor if task == "regression" else DecisionTreeClassifier
    settings = {"method": "random", "n_iter": 4, "folds": 3, "space": SPACE} | options
    metrics = METRICS[task]
    return search(
        Pipeline([("estimator", tree(random_state=0))]),
        rows[["amount", "items"]].fillna(0),
        target,
        make_folds(rows, target, data, "hash", 3, 0),
        Scorer(
            make_task(Contract.model_validate(make_contract(task)), data),
            metrics[metric or LOSS[task]],
        ),
        Search.model_validate(settings),
        compute or Compute(backend="sequential", n_jobs=1),
        0,
    )


@pytest.mark.parametrize("method", ["random", "halving", "grid"])
@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_best_trial_gives_the_arguments(task: str, method: str) -> None:
    arguments, trials = find(task, method=method)
    if method == "halving":
        rows = trials.pop("rows")
        trials = trials[rows == rows.max()]
    assert list(trials) == ["trial", *SPACE, "score", "deviation"]
    best = trials.iloc[trials["score"].to_numpy().argmin()]
    assert arguments == {name: best[name] for name in SPACE}


def test_higher_is_better_for_a_score_and_a_grid_is_complete() -> None:
    arguments, trials = find(metric="roc_auc", method="grid")
    best = trials.iloc[trials["score"].to_numpy().argmax()]
    assert arguments["max_depth"] == best["max_depth"]
    assert best["score"] > 0.7
    assert len(trials) == 8
    assert not trials.duplicated([*SPACE]).any()
    assert trials["trial"].tolist() == list(range(8))


def test_search_reports_its_start_and_its_result(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It may take long, and a bar is shown in a terminal alone."""
    caplog.set_level("INFO")
    find()
    assert "Searching (random): each trial is fitted 3 times" in caplog.messages[0]
    assert "Best of 4 trials" in caplog.messages[-1]


def test_small_space_is_tried_completely() -> None:
    assert len(find(space={"max_depth": {"choice": [1, 2]}}, n_iter=20)[1]) == 2


@pytest.mark.parametrize(
    ("backend", "method"),
    [
        ("threading", "random"),
        ("threading", "halving"),
        pytest.param("loky", "random", marks=pytest.mark.integration),
    ],
)
def test_results_do_not_depend_on_workers(backend: Any, method: str) -> None:
    arguments, trials = find(method=method, n_iter=9)
    compute = Compute(backend=backend, n_jobs=3)
    others, same = find(method=method, n_iter=9, compute=compute)
    assert arguments == others
    pd.testing.assert_frame_equal(trials, same)


@pytest.mark.parametrize("backend", ["sequential", "threading"])
def test_failed_trial_has_no_score(backend: Any) -> None:
    space = {"max_depth": {"choice": [2, -1]}}
    compute = Compute(backend=backend, n_jobs=2)
    arguments, trials = find(method="grid", space=space, compute=compute)
    assert arguments == {"max_depth": 2}
    assert trials["score"].isna().tolist() == [False, True]


def test_search_without_any_score_reports_the_cause_in_a_line() -> None:
    with pytest.raises(UserError) as caught:
        find(method="grid", space={"max_depth": {"choice": [-1, -2]}})
    message = str(caught.value)
    assert message.startswith("params.yaml: train.search: no trial has a score: ")
    assert "'max_depth'" in message
    assert "\n" not in message


def test_metric_that_is_undefined_in_a_fold_is_reported() -> None:
    rows = make_orders(200, 1).assign(returned="no")
    rows.loc[rows.index[0], "returned"] = "yes"
    with (
        pytest.raises(UserError, match=r"undefined in at least one fold"),
        pytest.warns(UserWarning, match="least populated class"),
    ):
        find(metric="roc_auc", rows=rows)


def test_best_is_the_first_of_the_last_round() -> None:
    trials = pd.DataFrame({"trial": [0, 1, 2], "score": [0.5, 0.7, 0.7]})
    assert (best_trial(trials, 1), best_trial(trials, -1)) == (1, 0)
    halving = pd.DataFrame({"rows": [30, 30, 90], "score": [0.9, 0.8, 0.7]})
    assert best_trial(halving, 1) == 2
    assert best_trial(trials.assign(score=[np.nan, 0.7, 0.9]), -1) == 1
    assert best_trial(trials.assign(score=np.nan), 1) is None


class Accuracy:
    sign = 1

    def __call__(self, model: Any, rows: Any, target: Any) -> float:
        return float((model.predict(rows) == target).mean())


@pytest.mark.parametrize(
    ("ours", "theirs", "arguments"),
    [
        (Grid, GridSearchCV, {}),
        (Random, RandomizedSearchCV, {"n_iter": 7, "random_state": 0}),
        (
            Halving,
            HalvingRandomSearchCV,
            {"n_candidates": 9, "min_resources": "exhaust", "random_state": 0},
        ),
    ],
)
def test_results_in_batches_are_those_of_scikit_learn(
    ours: Any, theirs: Any, arguments: dict[str, Any]
) -> None:
    rows, target = make_classification(300, random_state=0)
    space = {"max_depth": [1, 2, 3, 4], "min_samples_leaf": [1, 5, 20]}
    tree = DecisionTreeClassifier(random_state=0)
    shared = {"scoring": Accuracy(), "cv": 3, "refit": False, **arguments}
    found, expected = (
        kind(tree, space, **shared).fit(rows, target).cv_results_
        for kind in (ours, theirs)
    )
    assert found.keys() == expected.keys()
    assert found["params"] == expected["params"]
    for name in {*found} - {"params"}:
        if "time" not in name:
            np.testing.assert_array_equal(found[name], expected[name])
