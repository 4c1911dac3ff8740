"""Partial dependence: scikit-learn's means, on columns of every type, in a budget."""

import numpy as np
import pandas as pd
import pytest
from sklearn.inspection import partial_dependence as individual

from reproducible_ml.core.params import Compute
from reproducible_ml.modeling.scoring.partial_dependence import (
    POINTS,
    choose_values,
    partial_dependence,
)

from .six_types import CLASSES, KINDS, fitted, rows_of


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_means_are_those_of_scikit_learn_for_columns_of_every_type(task: str) -> None:
    rows = rows_of(300)
    model, known = fitted(rows, task)
    threads = Compute(backend="threading", n_jobs=2)
    table, cut = partial_dependence(
        model, rows, rows.columns.tolist(), known, 100, compute=threads
    )
    assert not cut
    assert (table["low"] <= table["mean"]).all()
    assert (table["mean"] <= table["high"]).all()
    assert table["low"].lt(table["high"]).any()
    for name in rows:
        places = choose_values(rows[name])
        values = rows[name].iloc[places].dropna().tolist()
        expected = individual(
            model,
            rows,
            [name],
            categorical_features=[name],
            custom_values={name: values},
            kind="average",
            method="brute",
            response_method="auto" if task == "regression" else "predict_proba",
        )["average"]
        found = table[(table["feature"] == name) & (table["value"] != "")]
        if task == "multiclass":
            # In the order of the contract; scikit-learn sorts its classes.
            order = [list(model.classes_).index(label) for label in CLASSES]
            assert found["class"].tolist() == np.repeat(CLASSES, len(values)).tolist()
            expected = expected[order]
        np.testing.assert_allclose(found["mean"], expected.ravel(), atol=1e-6)
    again, _ = partial_dependence(model, rows, rows.columns.tolist(), known, 100)
    pd.testing.assert_frame_equal(again, table)


def test_values_are_spread_and_missing_ones_come_last() -> None:
    rows = rows_of(300)
    shown = {name: rows[name].iloc[choose_values(rows[name])] for name in rows}
    assert shown["kind"].tolist()[:3] == KINDS
    assert pd.isna(shown["kind"].iloc[3])
    assert shown["member"].tolist() == [False, True]
    amounts = shown["amount"].to_numpy()
    assert len(amounts) == POINTS + 1
    assert np.isnan(amounts[-1])
    assert (np.diff(amounts[:-1]) > 0).all()
    low, high = rows["amount"].quantile([0.03, 0.97])
    assert low < amounts[0] < amounts[-2] < high
    many = pd.Series([f"{n:03d}" for n in range(99)] + ["050", "007"])
    assert {"007", "050"} < {*many.iloc[choose_values(many)]}
    assert not len(choose_values(pd.Series([None, None], dtype="float64"))[1:])


def test_budget_limits_rows_and_is_reported() -> None:
    rows = rows_of(300)
    model, task = fitted(rows, "binary")
    names = ["amount", "visits"]
    few, cut = partial_dependence(model, rows, names, task, 100, limit=2 * POINTS * 60)
    assert cut == {"limit": 2 * POINTS * 60, "rows": 60, "rows_wanted": 300}
    # Chosen by their keys: the order of the rows does not matter.
    mixed = rows.sample(frac=1, random_state=1)
    other, _ = partial_dependence(model, mixed, names, task, 100, limit=2400)
    pd.testing.assert_frame_equal(
        other.sort_values(["feature", "value"], ignore_index=True)["mean"].to_frame(),
        few.sort_values(["feature", "value"], ignore_index=True)["mean"].to_frame(),
    )
    nothing, cut = partial_dependence(model, rows, [], task, 100, limit=10)
    assert not cut
    assert list(nothing) == ["feature", "value", "mean", "low", "high"]
