"""Metrics equal those of scikit-learn, for many weightings and without warnings.

pytest turns warnings into errors (`filterwarnings`), so each test here also shows that
an undefined metric is NaN and nothing else.
"""

import warnings
from typing import Any

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

from reproducible_ml.modeling.metrics.metric import (
    Metrics,
    Predictions,
    Weights,
    ratio,
    unit_decimals,
    weighted_mean,
    weighted_sum,
)
from reproducible_ml.modeling.metrics.multiclass import class_table
from tumour_diagnosis.models.metrics import (
    BINARY,
    LOSS,
    METRICS,
    MULTICLASS,
    REGRESSION,
)

# scikit-learn's function for each metric, where its name differs, and its arguments.
NAMES = {"rmse": "root_mean_squared_error", "mae": "mean_absolute_error"}
OPTIONS: dict[str, dict[str, Any]] = {
    "precision": {"zero_division": np.nan},
    "recall": {"zero_division": np.nan},
    "f1": {"zero_division": np.nan},
    "precision_macro": {"zero_division": 0.0},
    "recall_macro": {"zero_division": 0.0},
    "roc_auc_ovr": {"multi_class": "ovr"},
}
OF_OUTPUT = (
    *("roc_auc", "average_precision", "brier_score_loss", "log_loss"),
    "roc_auc_ovr",
)

# Every metric, and its name.
EACH = [(task, name) for task, metrics in METRICS.items() for name in metrics]
BY_NAME = pytest.mark.parametrize(("task", "name"), EACH, ids=lambda value: value)


def scikit_learn(name: str, rows: Predictions, weight: Weights) -> float:
    """Return what scikit-learn computes for the rows that have a weight."""
    stem, _, average = name.rpartition("_")
    options: dict[str, Any] = {"sample_weight": weight[weight > 0]}
    options |= OPTIONS.get(name, {})
    known = NAMES.get(name, name.removesuffix("_ovr"))
    if average in ("macro", "micro", "weighted"):
        known, options["average"] = stem, average
    if name == "log_loss":
        count = rows.output.shape[1] if rows.output.ndim == 2 else 2
        options["labels"] = list(range(count))
    function = getattr(sklearn.metrics, known, None)
    function = function or getattr(sklearn.metrics, f"{known}_score")
    predicted = rows.output if name in OF_OUTPUT else rows.predicted
    with warnings.catch_warnings():
        # Of classes that are predicted, but do not occur, in few rows.
        warnings.simplefilter("ignore")
        some = weight > 0
        return float(function(rows.actual[some], predicted[some], **options))


# Scores that tie, that lie on the threshold, and that are as extreme as they can be.
scores = st.one_of(
    st.sampled_from([0.0, 5e-324, 1e-17, 0.25, 0.5, 1 - 1e-16, 1.0]), st.floats(0, 1)
)
weights = st.one_of(st.sampled_from([0.0, 1.0, 2.0]), st.floats(1e-6, 1e6))
shares = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])
probabilities = st.tuples(shares, shares, shares, shares).filter(sum)
numbers = st.integers(-4000, 4000).map(lambda eighths: eighths / 8)
few_weights = st.sampled_from([0.0, 0.25, 1.0, 2.0, 7.0])


def compare(metrics: Metrics, rows: Predictions, many: list[Weights]) -> None:
    """Compare all metrics with scikit-learn, where they are defined."""
    for name, metric in metrics.items():
        values = metric.function(rows, np.stack(many))
        for value, weight in zip(values, many, strict=True):
            if is_defined(name, rows, weight):
                expected = scikit_learn(name, rows, weight)
                assert value == pytest.approx(expected, rel=1e-6, abs=1e-9), name
            else:
                assert np.isnan(value), name


def is_defined(name: str, rows: Predictions, weight: Weights) -> bool:
    """Return whether the metric divides by something else than 0."""
    actual, predicted = rows.actual[weight > 0], rows.predicted[weight > 0]
    if rows.actual.dtype == bool:
        enough = {
            "roc_auc": len(np.unique(actual)) == 2,
            "balanced_accuracy": len(np.unique(actual)) == 2,
            "average_precision": actual.any(),
            "recall": actual.any(),
            "precision": predicted.any(),
            "f1": actual.any() or predicted.any(),
        }
        return bool(enough.get(name, len(actual) > 0))
    return len(np.unique(actual)) > (1 if name == "r2" else 0)


@settings(max_examples=15)
@given(
    st.lists(
        st.tuples(st.booleans(), scores, weights, weights), min_size=1, max_size=20
    ),
    scores,
)
def test_binary_metrics_equal_those_of_scikit_learn(
    table: list[Any], threshold: float
) -> None:
    positive, score, *many = map(np.array, zip(*table, strict=True))
    compare(BINARY, Predictions(positive, score, threshold), many)


@settings(max_examples=15)
@given(
    st.lists(
        st.tuples(st.integers(0, 3), probabilities, weights, weights),
        min_size=1,
        max_size=20,
    )
)
def test_multiclass_metrics_equal_those_of_scikit_learn(table: list[Any]) -> None:
    actual, output, *many = map(np.array, zip(*table, strict=True))
    rows = Predictions(actual, output / output.sum(axis=1, keepdims=True))
    others = {name: MULTICLASS[name] for name in MULTICLASS if name != "roc_auc_ovr"}
    compare(others, rows, many)
    areas = MULTICLASS["roc_auc_ovr"].function(rows, np.stack(many))
    for area, weight in zip(areas, many, strict=True):
        # scikit-learn knows no mean over the classes that have rows.
        classes = len(np.unique(actual[weight > 0]))
        if classes == 4:
            assert area == pytest.approx(scikit_learn("roc_auc_ovr", rows, weight))
        else:
            assert 0 <= area <= 1 if classes > 1 else np.isnan(area)


@settings(max_examples=15)
@given(
    st.lists(
        st.tuples(numbers, numbers, few_weights, few_weights), min_size=1, max_size=20
    )
)
def test_regression_metrics_equal_those_of_scikit_learn(table: list[Any]) -> None:
    actual, output, *many = map(np.array, zip(*table, strict=True))
    compare(REGRESSION, Predictions(actual, output), many)


@pytest.fixture
def rows(
    task: str,
    predicted: Predictions,
    classified: Predictions,
    estimated: Predictions,
) -> Predictions:
    """Return 400 rows of the task."""
    kinds = {"binary": predicted, "multiclass": classified, "regression": estimated}
    return kinds[task]


@BY_NAME
def test_metric_of_many_rows_equals_that_of_scikit_learn(
    task: str, name: str, rows: Predictions
) -> None:
    weight = np.random.default_rng(0).random(400)
    value = METRICS[task][name].function(rows, weight[np.newaxis])[0]
    assert value == pytest.approx(scikit_learn(name, rows, weight), rel=1e-12)


@BY_NAME
def test_whole_weight_repeats_a_row(task: str, name: str, rows: Predictions) -> None:
    """A weight of 0 leaves it out; so a replicate is a resample of the rows."""
    weight, function = np.arange(400) % 4, METRICS[task][name].function
    repeated = rows._replace(
        actual=rows.actual.repeat(weight), output=rows.output.repeat(weight, axis=0)
    )
    expected = function(repeated, np.ones((1, weight.sum())))
    found = function(rows, weight[np.newaxis].astype(np.float64))
    np.testing.assert_allclose(found, expected)


@BY_NAME
def test_order_of_rows_does_not_matter(task: str, name: str, rows: Predictions) -> None:
    tied = rows._replace(output=rows.output.round(1))
    reverse = tied._replace(actual=tied.actual[::-1], output=tied.output[::-1])
    function, once = METRICS[task][name].function, np.ones((1, 400))
    np.testing.assert_allclose(function(reverse, once), function(tied, once))


@BY_NAME
def test_without_rows_a_metric_is_nan(task: str, name: str, rows: Predictions) -> None:
    found = METRICS[task][name].function(rows, np.zeros((2, 400)))
    assert np.isnan(found).tolist() == [True, True]


@BY_NAME
def test_direction_and_unit_are_declared(
    task: str, name: str, rows: Predictions
) -> None:
    metric, once = METRICS[task][name], np.ones((1, 400))
    actual = np.eye(4)[rows.actual] if task == "multiclass" else rows.actual
    nearer = rows._replace(output=(rows.output + actual) / 2)
    better, worse = (metric.function(each, once)[0] for each in (nearer, rows))
    assert (better > worse) == metric.greater_is_better
    if task == "regression":
        larger = Predictions(rows.actual * 1000, rows.output * 1000)
        growth = metric.function(larger, once)[0] / worse
        assert growth == pytest.approx(1000 if metric.in_unit_of_target else 1)


def test_each_task_has_a_loss() -> None:
    for task, name in LOSS.items():
        assert not METRICS[task][name].greater_is_better


def test_score_on_the_threshold_is_predicted_positive() -> None:
    rows = Predictions(np.array([True]), np.array([0.5]), 0.5)
    assert BINARY["recall"].function(rows, np.ones((1, 1)))[0] == 1


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_certain_mistake_costs_a_finite_loss(task: str) -> None:
    output = np.array([0.0]) if task == "binary" else np.array([[0.0, 1.0]])
    actual = np.array([True]) if task == "binary" else np.array([0])
    loss = METRICS[task]["log_loss"].function(
        Predictions(actual, output), np.ones((1, 1))
    )
    assert loss[0] == pytest.approx(-np.log(np.finfo(np.float64).eps))


@pytest.mark.parametrize("name", MULTICLASS)
def test_class_without_rows_changes_nothing(name: str, classified: Predictions) -> None:
    wider = classified._replace(output=np.pad(classified.output, ((0, 0), (0, 1))))
    function, once = MULTICLASS[name].function, np.ones((1, 400))
    np.testing.assert_allclose(function(wider, once), function(classified, once))


def test_equal_numbers_have_no_variance_whatever_their_rounding() -> None:
    rows = Predictions(np.array([0.1, 0.1, 0.3]), np.array([0.1, 0.2, 0.3]))
    assert np.isnan(REGRESSION["r2"].function(rows, np.array([[3.0, 4.0, 0.0]])))


def test_class_table_has_a_row_per_class_in_the_order_of_the_contract() -> None:
    codes = {"large": 0, "medium": 1, "none": 2, "small": 3}
    predicted = np.eye(4)[[codes[name] for name in ("small", "large", "medium")]]
    rows = Predictions(np.array([codes["small"], codes["small"], 0]), predicted)
    names = {codes[name]: name for name in ("small", "medium", "large", "none")}
    table = class_table(rows, names)
    assert table["class"].tolist() == ["small", "medium", "large", "none"]
    assert table["rows"].tolist() == [2, 0, 1, 0]
    np.testing.assert_array_equal(table["precision"], [1, 0, 0, np.nan])
    np.testing.assert_array_equal(table["recall"], [0.5, np.nan, 0, np.nan])
    np.testing.assert_array_equal(table["f1"], [0.666667, 0, 0, np.nan])


def test_sums_and_means_are_taken_for_each_weighting() -> None:
    weight = np.array([[1.0, 0.0, 2.0], [0.0, 3.0, 0.0]])
    assert weighted_sum(np.array([1.0, 10.0, 100.0]), weight).tolist() == [201, 30]
    assert weighted_mean(np.array([True, False, False]), weight).tolist() == [1 / 3, 0]
    found = ratio(np.array([0.0, 1.0]), np.array([0.0, 2.0]))
    np.testing.assert_array_equal(found, [np.nan, 0.5])


@pytest.mark.parametrize(
    ("values", "decimals"),
    [([0.0, 1.5], 9), ([-350.0, 2.0], 7), ([2e12], -3), ([3e-7], 16), ([0.0], 6)],
)
def test_largest_number_keeps_ten_digits(values: list[float], decimals: int) -> None:
    assert unit_decimals(np.array(values)) == decimals


def test_area_of_rows_of_one_class_is_undefined_whatever_their_weights() -> None:
    output = np.array([0.25, 1.0, 0.0, 0.0, 0.25, 1.0])
    rows = Predictions(np.array([True] * 4 + [False] * 2), output)
    weights = np.random.default_rng(0).random((100, 6)) * [1, 1, 1, 1, 0, 0]
    assert np.isnan(BINARY["roc_auc"].function(rows, weights)).all()
