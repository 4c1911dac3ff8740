"""Tests of reproducible_ml.modeling.fitting.search."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from reproducible_ml.contract.schema import Contract
from reproducible_ml.core.errors import UserError
from reproducible_ml.modeling.fitting.search import best_trial, no_trials
from tumour_diagnosis.models.train import find_arguments
from tumour_diagnosis.params import Params

from .conftest import make_contract, make_orders, make_params

TREE = "sklearn.tree.DecisionTreeClassifier"
SPACE: dict[str, Any] = {
    "max_depth": {"int": [1, 4]},
    "min_samples_leaf": {"choice": [1, 40]},
}

SEARCH = {"method": "random", "n_iter": 4, "folds": 3, "space": SPACE}


def find(
    task: str = "binary", compute: dict[str, Any] | None = None, **search: Any
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Return the arguments found, and the trials."""
    content = make_params(task)
    path = TREE if task != "regression" else TREE.replace("Classifier", "Regressor")
    content["train"] = {
        "estimator": {"path": path, "arguments": {"max_depth": 9, "splitter": "best"}},
        "search": SEARCH | search,
    }
    content["compute"] = compute or {"backend": "sequential", "n_jobs": 1}
    params = Params.model_validate(content)
    contract = Contract.model_validate(make_contract(task))
    rows = make_orders(200, 1, task)
    found, trials = find_arguments(rows, contract, {}, params)
    return found.train.estimator.arguments, trials


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("method", ["random", "halving", "grid"])
def test_best_trial_gives_the_arguments(task: str, method: str) -> None:
    arguments, trials = find(task, method=method)
    if "rows" in trials:
        trials = trials[trials["rows"] == trials["rows"].max()]
    best = trials.iloc[trials["score"].to_numpy().argmin()]
    assert arguments == {
        "splitter": "best",
        "max_depth": best["max_depth"],
        "min_samples_leaf": best["min_samples_leaf"],
    }


def test_more_is_better_of_a_score() -> None:
    arguments, trials = find(metric="roc_auc", method="grid")
    best = trials.iloc[trials["score"].to_numpy().argmax()]
    assert arguments["max_depth"] == best["max_depth"]
    assert best["score"] > 0.7


def test_grid_tries_every_combination_once() -> None:
    _, trials = find(method="grid")
    assert len(trials) == 8
    assert not trials.duplicated(["max_depth", "min_samples_leaf"]).any()


def test_trials_are_numbered_and_have_no_durations() -> None:
    _, trials = find()
    assert list(trials) == ["trial", *SPACE, "score", "deviation"]
    assert trials["trial"].tolist() == [0, 1, 2, 3]


def test_small_space_is_tried_whole() -> None:
    space = {"max_depth": {"choice": [1, 2]}}
    assert len(find(space=space, n_iter=20)[1]) == 2


@pytest.mark.parametrize(
    "compute",
    [
        {"backend": "threading", "n_jobs": 2},
        {"backend": "loky", "n_jobs": 2},
        {"backend": "threading", "n_jobs": 3},
    ],
)
@pytest.mark.parametrize("method", ["random", "halving"])
def test_result_depends_on_no_worker(compute: dict[str, Any], method: str) -> None:
    arguments, trials = find(method=method, n_iter=9)
    others, same = find(method=method, n_iter=9, compute=compute)
    assert arguments == others
    pd.testing.assert_frame_equal(trials, same)


def test_trial_that_fails_has_no_score() -> None:
    space = {"max_depth": {"choice": [2, -1]}}
    arguments, trials = find(method="grid", space=space)
    assert arguments["max_depth"] == 2
    assert trials["score"].isna().tolist() == [False, True]


def test_search_whose_trials_all_fail_tells_the_cause_in_a_line() -> None:
    with pytest.raises(UserError) as caught:
        find(method="grid", space={"max_depth": {"choice": [-1, -2]}})
    message = str(caught.value)
    assert message.startswith("params.yaml: train.search: ")
    assert "'max_depth'" in message
    assert "\n" not in message


def test_unknown_argument_is_refused() -> None:
    with pytest.raises(UserError, match="has no argument depth"):
        find(space={"depth": {"int": [1, 2]}})


def test_of_equal_trials_the_first_is_best() -> None:
    trials = pd.DataFrame({"trial": [0, 1, 2], "score": [0.5, 0.7, 0.7]})
    assert best_trial(trials, 1) == 1
    assert best_trial(trials, -1) == 0


def test_trials_without_a_score_are_never_best() -> None:
    trials = pd.DataFrame({"trial": [0, 1], "score": [np.nan, 0.7]})
    assert best_trial(trials, -1) == 1
    assert best_trial(trials.assign(score=np.nan), 1) is None


def test_only_the_last_round_of_halving_counts() -> None:
    trials = pd.DataFrame({"rows": [30, 30, 90], "score": [0.9, 0.8, 0.7]})
    assert best_trial(trials, 1) == 2


def test_no_search_has_no_trial() -> None:
    arguments, trials = find(method="none")
    assert arguments == {"max_depth": 9, "splitter": "best"}
    pd.testing.assert_frame_equal(trials, no_trials())


def test_metric_that_no_fold_defines_is_told() -> None:
    content = make_params("binary")
    content["train"]["search"] = SEARCH | {"metric": "roc_auc", "folds": 2}
    content |= {"split": {"method": "time", "cutoff": "2030-01-01"}}
    content["data"] = content["data"] | {"time": "ordered_at"}
    content["train"]["estimator"] = {"path": TREE}
    rows = make_orders(200, 1).assign(returned="no")
    rows.loc[rows.index[:3], "returned"] = "yes"
    params = Params.model_validate(content)
    contract = Contract.model_validate(make_contract("binary"))
    with pytest.raises(UserError, match="not defined in every fold"):
        find_arguments(rows.dropna(), contract, {}, params)
