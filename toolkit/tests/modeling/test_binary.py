"""Tests of reproducible_ml.modeling.metrics.binary."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

from reproducible_ml.contract.schema import Contract
from reproducible_ml.core.keys import Keys
from reproducible_ml.modeling.metrics.binary import METRICS, Binary
from reproducible_ml.modeling.metrics.metric import Predictions, Weights
from tumour_diagnosis.models.train import fit
from tumour_diagnosis.params import Params

OF_SCORES = {"roc_auc", "average_precision", "brier_score_loss", "log_loss"}

# Scores that tie, that lie on the threshold, and that are as extreme as they can be.
scores = st.one_of(
    st.sampled_from([0.0, 5e-324, 1e-17, 0.25, 0.5, 1 - 1e-16, 1.0]),
    st.floats(0, 1),
)
weights = st.one_of(st.sampled_from([0.0, 1.0, 2.0]), st.floats(1e-6, 1e6))
row = st.tuples(st.booleans(), scores, weights, weights)


def scikit_learn(name: str, rows: Predictions, weight: Weights) -> float:
    """Return what scikit-learn's function of that name gives."""
    options: dict[str, Any] = {"sample_weight": weight}
    if name in {"precision", "recall", "f1"}:
        options["zero_division"] = np.nan
    if name == "log_loss":
        options["labels"] = [False, True]
    known = rows.output if name in OF_SCORES else rows.output >= rows.threshold
    function = getattr(sklearn.metrics, name, None)
    function = function or getattr(sklearn.metrics, f"{name}_score")
    return float(function(rows.actual, known, **options))


def defined(name: str, rows: Predictions, weight: Weights) -> bool:
    """Say whether the metric divides by something; 0 / 0 is nothing to compare."""
    predicted = rows.output >= rows.threshold
    sums = {
        "positive": weight[rows.actual].sum(),
        "negative": weight[~rows.actual].sum(),
        "predicted": weight[predicted].sum(),
    }
    either = sums["positive"] + sums["predicted"]
    needed = {
        "roc_auc": sums["positive"] * sums["negative"],
        "balanced_accuracy": sums["positive"] * sums["negative"],
        "average_precision": sums["positive"],
        "recall": sums["positive"],
        "precision": sums["predicted"],
        "f1": either,
    }
    return bool(needed.get(name, weight.sum()) > 0)


@pytest.mark.parametrize("name", METRICS)
@settings(max_examples=50, deadline=None)
@given(st.lists(row, min_size=1, max_size=25), scores)
def test_a_metric_equals_that_of_scikit_learn(
    name: str, table: list[tuple[bool, float, float, float]], threshold: float
) -> None:
    positive, score, *many = map(np.array, zip(*table, strict=True))
    rows = Predictions(positive, score, threshold)
    values = METRICS[name].function(rows, np.stack(many))
    for value, weight in zip(values, many, strict=True):
        if defined(name, rows, weight):
            assert value == pytest.approx(scikit_learn(name, rows, weight), abs=1e-9)
        else:
            assert np.isnan(value)


@pytest.mark.parametrize("name", METRICS)
def test_rows_without_weight_are_as_good_as_gone(
    name: str, predicted: Predictions
) -> None:
    weight = np.repeat([0.0, 1.0], 200)
    half = Predictions(predicted.actual[200:], predicted.output[200:], 0.5)
    function = METRICS[name].function
    expected = function(half, np.ones((1, 200)))
    np.testing.assert_allclose(function(predicted, weight[np.newaxis]), expected)


@pytest.mark.parametrize("name", METRICS)
def test_a_whole_weight_counts_a_row_so_often(
    name: str, predicted: Predictions
) -> None:
    weight = np.arange(400) % 4
    repeated = Predictions(
        predicted.actual.repeat(weight), predicted.output.repeat(weight), 0.5
    )
    function = METRICS[name].function
    expected = function(repeated, np.ones((1, weight.sum())))
    weights_once = weight[np.newaxis].astype(np.float64)
    np.testing.assert_allclose(function(predicted, weights_once), expected)


@pytest.mark.parametrize("name", METRICS)
def test_the_order_of_rows_does_not_matter(name: str, predicted: Predictions) -> None:
    tied = predicted._replace(output=predicted.output.round(1))
    turned = Predictions(tied.actual[::-1], tied.output[::-1], 0.5)
    function, once = METRICS[name].function, np.ones((1, 400))
    np.testing.assert_allclose(function(turned, once), function(tied, once))


@pytest.mark.parametrize("name", METRICS)
def test_nothing_is_undefined_in_silence(name: str) -> None:
    """A thousand warnings about 0 / 0 would hide what matters: NaN says it."""
    rows = Predictions(np.array([True, False]), np.array([0.1, 0.9]), 0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(METRICS[name].function(rows, np.zeros((1, 2)))).all()


@pytest.mark.parametrize("name", METRICS)
def test_the_better_of_two_models_has_the_better_metric(
    name: str, predicted: Predictions
) -> None:
    metric, once = METRICS[name], np.ones((1, 400))
    nearer_the_truth = (predicted.output + predicted.actual) / 2
    better = metric.function(predicted._replace(output=nearer_the_truth), once)[0]
    worse = metric.function(predicted, once)[0]
    assert (better > worse) == metric.greater_is_better


def test_a_score_on_the_threshold_is_predicted_positive() -> None:
    rows = Predictions(np.array([True]), np.array([0.5]), 0.5)
    assert METRICS["recall"].function(rows, np.ones((1, 1)))[0] == 1


def test_a_certain_mistake_costs_a_finite_loss() -> None:
    rows = Predictions(np.array([True, False]), np.array([0.0, 1.0]), 0.5)
    loss = METRICS["log_loss"].function(rows, np.ones((1, 2)))[0]
    assert loss == pytest.approx(-np.log(np.finfo(np.float64).eps))


@pytest.fixture
def task(contract: Contract, params: Params) -> Binary:
    return Binary(contract, params.data)


def test_output_is_the_probability_of_the_positive_class(
    orders: pd.DataFrame, contract: Contract, params: Params, task: Binary
) -> None:
    model = fit(orders, contract, {}, params)
    score = task.output(model, orders[list(contract.features(params.data))])
    positive = (orders["returned"] == "yes").to_numpy()
    assert score.dtype == np.float64
    assert score[positive].mean() > score[~positive].mean() + 0.2


def test_the_baseline_predicts_the_share_of_positives(task: Binary) -> None:
    rows = pd.DataFrame({"nothing": np.zeros(8)})
    model = task.baseline().fit(rows, np.arange(8) < 2)
    assert task.output(model, rows).tolist() == [0.25] * 8


def test_there_is_a_table_a_plot(
    task: Binary, predicted: Predictions, row_keys: Keys
) -> None:
    tables = task.tables(predicted, row_keys)
    assert {name: list(table.columns) for name, table in tables.items()} == {
        "roc": ["fpr", "tpr"],
        "precision_recall": ["recall", "precision"],
        "calibration": ["predicted", "actual"],
        "confusion_matrix": ["actual", "predicted", "rows"],
    }


def test_the_confusion_matrix_is_that_at_the_threshold(
    task: Binary, row_keys: Keys
) -> None:
    score = np.array([0.1, 0.5, 0.6, 0.9])
    rows = Predictions(np.array([False, True, True, True]), score, 0.6)
    table = task.tables(rows, row_keys[:4])["confusion_matrix"]
    assert table["rows"].tolist() == [1, 0, 1, 2]


@pytest.mark.parametrize(
    ("column", "positive", "names"),
    [
        ({"dtype": "category", "isin": ["yes", "no"]}, "yes", ["no", "yes"]),
        ({"dtype": "category", "isin": ["a", "b", "c"]}, "b", ["not b", "b"]),
        ({"dtype": "bool"}, True, ["not True", "True"]),
    ],
    ids=["two classes", "one class against others", "bool"],
)
def test_classes_are_named_as_in_the_contract(
    params: Params, column: dict[str, Any], positive: Any, names: list[str]
) -> None:
    contract = Contract.model_validate({"columns": {"returned": column}})
    data = params.data.model_copy(update={"positive": positive})
    assert list(Binary(contract, data).names.values()) == names
