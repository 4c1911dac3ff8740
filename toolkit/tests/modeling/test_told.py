"""Tests of reproducible_ml.modeling.fitting.search."""

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.model_selection import (
    GridSearchCV,
    HalvingRandomSearchCV,
    RandomizedSearchCV,
)
from sklearn.tree import DecisionTreeClassifier

from reproducible_ml.modeling.fitting import search

SPACE = {"max_depth": [1, 2, 3, 4], "min_samples_leaf": [1, 5, 20]}
ROWS, TARGET = make_classification(300, random_state=0)


class Accuracy:
    sign = 1

    def __call__(self, model: Any, rows: Any, target: Any) -> float:
        return float((model.predict(rows) == target).mean())


@pytest.mark.parametrize(
    ("ours", "theirs", "arguments"),
    [
        (search.Grid, GridSearchCV, {}),
        (search.Random, RandomizedSearchCV, {"n_iter": 7, "random_state": 0}),
        (
            search.Halving,
            HalvingRandomSearchCV,
            {"n_candidates": 9, "min_resources": "exhaust", "random_state": 0},
        ),
    ],
)
def test_results_are_those_of_scikit_learn(
    ours: Any, theirs: Any, arguments: dict[str, Any]
) -> None:
    tree = DecisionTreeClassifier(random_state=0)
    shared = {"scoring": Accuracy(), "cv": 3, "refit": False, **arguments}
    mine, expected = (
        kind(tree, SPACE, **shared).fit(ROWS, TARGET).cv_results_
        for kind in (ours, theirs)
    )
    assert mine.keys() == expected.keys()
    assert mine["params"] == expected["params"]
    for name in {*mine} - {"params"}:
        if "time" not in name:
            np.testing.assert_array_equal(mine[name], expected[name])


def test_best_score_is_told_in_its_own_direction() -> None:
    searcher = search.Grid(DecisionTreeClassifier(), SPACE, scoring=Accuracy())
    scores = {"mean_test_score": np.array([np.nan, 0.25, 0.5])}
    assert searcher._best(scores) == "0.5"
    assert searcher._best({"mean_test_score": np.array([np.nan])}) == "-"
