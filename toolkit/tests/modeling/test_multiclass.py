"""Tests of reproducible_ml.modeling.metrics.multiclass."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import KNeighborsClassifier

from reproducible_ml.contract.schema import Contract, Data
from reproducible_ml.core.keys import Keys
from reproducible_ml.modeling.metrics.metric import Predictions, Weights
from reproducible_ml.modeling.metrics.multiclass import METRICS, Multiclass, chosen
from tumour_diagnosis.models.evaluate import Evaluate

# How scikit-learn calls them.
FUNCTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "accuracy": ("accuracy_score", {}),
    "balanced_accuracy": ("balanced_accuracy_score", {}),
    "f1_macro": ("f1_score", {"average": "macro"}),
    "f1_micro": ("f1_score", {"average": "micro"}),
    "f1_weighted": ("f1_score", {"average": "weighted"}),
    "precision_macro": ("precision_score", {"average": "macro", "zero_division": 0.0}),
    "recall_macro": ("recall_score", {"average": "macro", "zero_division": 0.0}),
    "roc_auc_ovr": ("roc_auc_score", {"multi_class": "ovr"}),
    "log_loss": ("log_loss", {"labels": [0, 1, 2, 3]}),
}
OF_SCORES = {"roc_auc_ovr", "log_loss"}

# Probabilities that tie and that are as extreme as they can be.
shares = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])
probabilities = st.tuples(shares, shares, shares, shares).filter(sum)
weights = st.one_of(st.sampled_from([0.0, 1.0, 2.0]), st.floats(1e-6, 1e6))
row = st.tuples(st.integers(0, 3), probabilities, weights, weights)


def scikit_learn(name: str, rows: Predictions, weight: Weights) -> float:
    """Return what scikit-learn's function of that name gives for rows that count."""
    function, options = FUNCTIONS[name]
    some = weight > 0
    known = rows.output if name in OF_SCORES else chosen(rows)
    with warnings.catch_warnings():
        # It warns of classes that are predicted, but not true, in few rows.
        warnings.simplefilter("ignore")
        found = getattr(sklearn.metrics, function)(
            rows.actual[some], known[some], sample_weight=weight[some], **options
        )
    return float(found)


@pytest.mark.parametrize("name", METRICS)
@settings(max_examples=60, deadline=None)
@given(st.lists(row, min_size=1, max_size=25))
def test_a_metric_equals_that_of_scikit_learn(
    name: str, table: list[tuple[int, tuple[float, ...], float, float]]
) -> None:
    actual, output, *many = map(np.array, zip(*table, strict=True))
    rows = Predictions(actual, output / output.sum(axis=1, keepdims=True))
    values = METRICS[name].function(rows, np.stack(many))
    for value, weight in zip(values, many, strict=True):
        classes = len(np.unique(actual[weight > 0]))
        if name == "roc_auc_ovr" and 1 < classes < 4:
            assert 0 <= value <= 1
        elif classes > (3 if name == "roc_auc_ovr" else 0):
            assert value == pytest.approx(scikit_learn(name, rows, weight), abs=1e-9)
        else:
            assert np.isnan(value)


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_of_many_rows_equals_that_of_scikit_learn(
    name: str, classified: Predictions
) -> None:
    weight = np.random.default_rng(0).random(400)
    value = METRICS[name].function(classified, weight[np.newaxis])[0]
    assert value == pytest.approx(scikit_learn(name, classified, weight), rel=1e-12)


@pytest.mark.parametrize("name", METRICS)
def test_rows_without_weight_are_as_good_as_gone(
    name: str, classified: Predictions
) -> None:
    weight = np.repeat([0.0, 1.0], 200)
    half = Predictions(classified.actual[200:], classified.output[200:])
    function = METRICS[name].function
    expected = function(half, np.ones((1, 200)))
    np.testing.assert_allclose(function(classified, weight[np.newaxis]), expected)


@pytest.mark.parametrize("name", METRICS)
def test_the_order_of_rows_does_not_matter(name: str, classified: Predictions) -> None:
    turned = Predictions(classified.actual[::-1], classified.output[::-1])
    function, once = METRICS[name].function, np.ones((1, 400))
    np.testing.assert_allclose(function(turned, once), function(classified, once))


@pytest.mark.parametrize("name", METRICS)
def test_nothing_is_undefined_in_silence(name: str) -> None:
    rows = Predictions(np.array([0, 1]), np.array([[0.2, 0.8], [0.3, 0.7]]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(METRICS[name].function(rows, np.zeros((1, 2)))).all()


@pytest.mark.parametrize("name", METRICS)
def test_the_better_of_two_models_has_the_better_metric(
    name: str, classified: Predictions
) -> None:
    metric, once = METRICS[name], np.ones((1, 400))
    truth = np.eye(4)[classified.actual]
    nearer = classified._replace(output=(classified.output + truth) / 2)
    better = metric.function(nearer, once)[0]
    worse = metric.function(classified, once)[0]
    assert (better > worse) == metric.greater_is_better


@pytest.mark.parametrize("name", METRICS)
def test_a_class_without_rows_changes_nothing(
    name: str, classified: Predictions
) -> None:
    wider = classified._replace(output=np.pad(classified.output, ((0, 0), (0, 1))))
    function, once = METRICS[name].function, np.ones((1, 400))
    np.testing.assert_allclose(function(wider, once), function(classified, once))


def test_a_certain_mistake_costs_a_finite_loss() -> None:
    rows = Predictions(np.array([0]), np.array([[0.0, 1.0]]))
    loss = METRICS["log_loss"].function(rows, np.ones((1, 1)))[0]
    assert loss == pytest.approx(-np.log(np.finfo(np.float64).eps))


def make_task(classes: list[Any]) -> Multiclass:
    column = {"dtype": "category", "isin": classes}
    contract = Contract.model_validate({"columns": {"size": column}})
    return Multiclass(contract, Data(target="size", task="multiclass"))


@pytest.fixture
def task() -> Multiclass:
    """Return classes whose order is not that of the alphabet."""
    return make_task(["small", "medium", "large", "none"])


def test_reports_keep_the_order_of_the_contract(task: Multiclass) -> None:
    assert list(task.names.values()) == ["small", "medium", "large", "none"]
    codes = task.actual(pd.Series(["small", "medium", "large", "none"]))
    assert list(task.names) == codes.tolist()


@pytest.mark.parametrize(
    "labels", [["c", "b", "a"], [10, 9, 100]], ids=["text", "number"]
)
def test_of_equally_likely_classes_the_model_and_the_report_choose_the_same(
    labels: list[Any],
) -> None:
    """Three neighbours of three classes are as likely each."""
    rows, target = pd.DataFrame({"x": [0.0, 1.0, 2.0]}), pd.Series(labels)
    model = KNeighborsClassifier(n_neighbors=3).fit(rows, target)
    task = make_task(labels)
    found = chosen(Predictions(task.actual(target), task.output(model, rows)))
    assert [labels[list(task.names).index(code)] for code in found] == list(
        model.predict(rows)
    )


def test_a_class_that_was_not_trained_on_has_no_probability(task: Multiclass) -> None:
    rows = pd.DataFrame({"nothing": np.zeros(4)})
    model = task.baseline().fit(rows, ["small", "large", "small", "small"])
    by_name = dict(zip(task.labels, task.output(model, rows)[0], strict=True))
    assert by_name == {"large": 0.25, "medium": 0.0, "none": 0.0, "small": 0.75}


def test_the_importance_is_a_rise_of_the_log_loss(task: Multiclass) -> None:
    rows, target = pd.DataFrame({"nothing": np.zeros(4)}), ["small", "large"] * 2
    model = task.baseline().fit(rows, target)
    score = task.scoring(model, rows, task.actual(pd.Series(target)))
    assert score == pytest.approx(np.log(0.5))


def predict(task: Multiclass, actual: list[str], predicted: list[str]) -> Predictions:
    codes = task.actual(pd.Series(predicted))
    return Predictions(task.actual(pd.Series(actual)), np.eye(len(task.labels))[codes])


def test_the_confusion_matrix_has_a_row_a_pair_of_classes(
    task: Multiclass, row_keys: Keys
) -> None:
    rows = predict(task, ["small", "small", "large"], ["small", "large", "large"])
    table = task.tables(rows, row_keys[:3])["confusion_matrix"]
    assert len(table) == 16
    seen = table[table["rows"] > 0].to_numpy().tolist()
    assert seen == [["small", "small", 1], ["small", "large", 1], ["large", "large", 1]]


def test_each_class_has_its_rows_precision_and_recall(
    task: Multiclass, row_keys: Keys
) -> None:
    rows = predict(task, ["small", "small", "large"], ["small", "large", "medium"])
    table = task.tables(rows, row_keys[:3])["classes"]
    expected = pd.DataFrame(
        {
            "class": ["small", "medium", "large", "none"],
            "rows": [2, 0, 1, 0],
            "precision": [1.0, 0.0, 0.0, np.nan],
            "recall": [0.5, np.nan, 0.0, np.nan],
            "f1": [0.666667, 0.0, 0.0, np.nan],
        }
    )
    pd.testing.assert_frame_equal(table.reset_index(drop=True), expected)


def test_details_give_each_class_an_interval(
    classified: Predictions, row_keys: Keys, task: Multiclass
) -> None:
    params = Evaluate(metrics=("accuracy",), replicates=100)
    found = task.details(classified, row_keys, params)["classes"]
    assert [facts["class"] for facts in found] == ["small", "medium", "large", "none"]
    small = next(iter(task.names))
    assert found[0]["rows"] == (classified.actual == small).sum()
    recall = found[0]["metrics"]["recall"]
    hits = chosen(classified)[classified.actual == small] == small
    assert recall["value"] == pytest.approx(hits.mean(), abs=1e-6)
    assert recall["low"] < recall["value"] < recall["high"]


def test_details_of_a_class_nobody_knows_are_none(
    task: Multiclass, row_keys: Keys
) -> None:
    rows = predict(task, ["small", "large"], ["small", "large"])
    params = Evaluate(metrics=("accuracy",), replicates=100)
    none = task.details(rows, row_keys[:2], params)["classes"][3]
    undefined = {"value": None, "low": None, "high": None}
    assert none == {
        "class": "none",
        "rows": 0,
        "metrics": {"precision": undefined, "recall": undefined, "f1": undefined},
    }
