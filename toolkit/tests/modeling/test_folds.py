"""Tests of reproducible_ml.modeling.fitting.search."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from reproducible_ml.contract.target import read_target
from reproducible_ml.core.errors import UserError
from reproducible_ml.modeling.fitting.search import Fold, make_folds
from tumour_diagnosis.params import Params

from .conftest import make_orders, make_params


def make(rows: pd.DataFrame, task: str = "binary", **sections: Any) -> list[Fold]:
    content = make_params(task) | {"split": sections.get("split", {})}
    content["data"] = content["data"] | sections.get("data", {})
    content["train"]["search"] = {"folds": sections.get("folds", 4)}
    params = Params.model_validate(content)
    return make_folds(rows, read_target(rows, params.data), params)


def test_each_row_is_judged_once_and_never_by_a_model_that_knows_it(
    orders: pd.DataFrame,
) -> None:
    folds = make(orders)
    judged = np.concatenate([test for _, test in folds])
    assert sorted(judged) == list(range(len(orders)))
    assert all(set(train).isdisjoint(test) for train, test in folds)


def test_each_fold_has_its_share_of_each_class(orders: pd.DataFrame) -> None:
    positive = (orders["returned"] == "yes").to_numpy()
    shares = [positive[test].mean() for _, test in make(orders)]
    assert max(shares) - min(shares) < 0.05


def test_folds_are_the_same_every_time(orders: pd.DataFrame) -> None:
    for (_, one), (_, other) in zip(make(orders), make(orders), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_repeated_rows_stay_together(task: str) -> None:
    rows = make_orders(60, 1, task)
    rows = pd.concat([rows, rows])
    for train, test in make(rows, task):
        assert set(rows.index[train]).isdisjoint(rows.index[test])


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_rows_of_a_group_stay_together(task: str) -> None:
    rows = make_orders(200, 1, task)
    group = {"data": {"group": "items"}, "split": {"method": "group"}, "folds": 3}
    for train, test in make(rows, task, **group):
        assert set(rows["items"].iloc[train]).isdisjoint(rows["items"].iloc[test])


def by_time(rows: pd.DataFrame, folds: int = 4) -> list[Fold]:
    split = {"method": "time", "cutoff": "2030-01-01"}
    return make(rows, data={"time": "ordered_at"}, split=split, folds=folds)


def test_by_time_older_rows_predict_newer_ones(orders: pd.DataFrame) -> None:
    shuffled = orders.sample(frac=1, random_state=0)
    times = shuffled["ordered_at"]
    for train, test in by_time(shuffled):
        assert times.iloc[train].max() < times.iloc[test].min()


def test_by_time_rows_of_one_moment_stay_together(orders: pd.DataFrame) -> None:
    days = orders.assign(ordered_at=orders["ordered_at"].dt.normalize())
    for train, test in by_time(days):
        times = days["ordered_at"]
        assert times.iloc[train].max() < times.iloc[test].min()


def test_too_few_points_in_time_are_told(orders: pd.DataFrame) -> None:
    rows = orders.assign(ordered_at=pd.Timestamp("2024-01-01"))
    with pytest.raises(UserError, match=r"params\.yaml: train\.search\.folds: "):
        by_time(rows)


def test_too_few_rows_are_told(orders: pd.DataFrame) -> None:
    with pytest.raises(UserError, match=r"params\.yaml: train\.search\.folds: "):
        make(orders.iloc[:3])
