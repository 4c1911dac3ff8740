"""Tests of reproducible_ml.modeling.metrics.regression."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

from reproducible_ml.contract.schema import Contract, Data
from reproducible_ml.core.keys import Keys
from reproducible_ml.modeling.metrics.metric import Predictions, Weights
from reproducible_ml.modeling.metrics.regression import METRICS, Regression

NAMES = {"rmse": "root_mean_squared_error", "mae": "mean_absolute_error"}

numbers = st.integers(-4000, 4000).map(lambda eighths: eighths / 8)
weights = st.sampled_from([0.0, 0.25, 1.0, 2.0, 7.0])
row = st.tuples(numbers, numbers, weights, weights)


def scikit_learn(name: str, rows: Predictions, weight: Weights) -> float:
    """Return what scikit-learn's function of that name gives for rows that count."""
    function = getattr(sklearn.metrics, NAMES.get(name, name), None)
    function = function or getattr(sklearn.metrics, f"{name}_score")
    some = weight > 0
    found = function(rows.actual[some], rows.output[some], sample_weight=weight[some])
    return float(found)


def defined(name: str, rows: Predictions, weight: Weights) -> bool:
    """Say whether the metric divides by something."""
    values = np.unique(rows.actual[weight > 0])
    return len(values) > (1 if name == "r2" else 0)


@pytest.mark.parametrize("name", METRICS)
@settings(max_examples=50, deadline=None)
@given(st.lists(row, min_size=1, max_size=25))
def test_a_metric_equals_that_of_scikit_learn(
    name: str, table: list[tuple[float, float, float, float]]
) -> None:
    actual, output, *many = map(np.array, zip(*table, strict=True))
    rows = Predictions(actual, output)
    values = METRICS[name].function(rows, np.stack(many))
    for value, weight in zip(values, many, strict=True):
        if defined(name, rows, weight):
            expected = scikit_learn(name, rows, weight)
            assert value == pytest.approx(expected, rel=1e-6, abs=1e-9)
        else:
            assert np.isnan(value)


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_of_many_rows_equals_that_of_scikit_learn(
    name: str, estimated: Predictions
) -> None:
    weight = np.random.default_rng(0).random(400)
    value = METRICS[name].function(estimated, weight[np.newaxis])[0]
    assert value == pytest.approx(scikit_learn(name, estimated, weight), rel=1e-12)


@pytest.mark.parametrize("name", METRICS)
def test_a_whole_weight_counts_a_row_so_often(
    name: str, estimated: Predictions
) -> None:
    weight = np.arange(400) % 4
    repeated = Predictions(
        estimated.actual.repeat(weight), estimated.output.repeat(weight)
    )
    function = METRICS[name].function
    expected = function(repeated, np.ones((1, weight.sum())))
    weights_once = weight[np.newaxis].astype(np.float64)
    np.testing.assert_allclose(function(estimated, weights_once), expected)


@pytest.mark.parametrize("name", METRICS)
def test_nothing_is_undefined_in_silence(name: str) -> None:
    rows = Predictions(np.array([1.0, 2.0]), np.array([1.0, 1.0]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(METRICS[name].function(rows, np.zeros((1, 2)))).all()


@pytest.mark.parametrize("name", METRICS)
def test_the_better_of_two_models_has_the_better_metric(
    name: str, estimated: Predictions
) -> None:
    metric, once = METRICS[name], np.ones((1, 400))
    nearer = estimated._replace(output=(estimated.output + estimated.actual) / 2)
    better = metric.function(nearer, once)[0]
    worse = metric.function(estimated, once)[0]
    assert (better > worse) == metric.greater_is_better


@pytest.mark.parametrize("name", METRICS)
def test_only_metrics_in_the_unit_of_the_target_grow_with_it(
    name: str, estimated: Predictions
) -> None:
    metric, once = METRICS[name], np.ones((1, 400))
    larger = Predictions(estimated.actual * 1000, estimated.output * 1000)
    growth = metric.function(larger, once)[0] / metric.function(estimated, once)[0]
    assert growth == pytest.approx(1000 if metric.in_unit_of_target else 1)


def test_equal_numbers_have_no_variance_whatever_their_rounding() -> None:
    rows = Predictions(np.array([0.1, 0.1, 0.3]), np.array([0.1, 0.2, 0.3]))
    weight = np.array([[3.0, 4.0, 0.0]])
    assert np.isnan(METRICS["r2"].function(rows, weight)).all()


@pytest.fixture
def task() -> Regression:
    contract = Contract.model_validate({"columns": {"costs": {"dtype": "int64"}}})
    return Regression(contract, Data(target="costs", task="regression"))


def test_truth_and_output_are_floats(task: Regression) -> None:
    rows = pd.DataFrame({"nothing": np.zeros(3)})
    model = task.baseline().fit(rows, [1, 2, 6])
    found: list[Any] = [task.actual(pd.Series([1, 2, 6])), task.output(model, rows)]
    assert [values.dtype for values in found] == [np.float64, np.float64]
    assert found[1].tolist() == [3.0, 3.0, 3.0]


def test_there_is_a_table_a_plot(
    task: Regression, estimated: Predictions, row_keys: Keys
) -> None:
    tables = task.tables(estimated, row_keys)
    assert {name: list(table.columns) for name, table in tables.items()} == {
        "predicted_actual": ["predicted", "actual"],
        "residuals": ["predicted", "residual"],
        "residual_histogram": ["residual", "rows"],
    }
