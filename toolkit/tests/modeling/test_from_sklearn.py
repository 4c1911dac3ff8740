"""Any function of sklearn.metrics can be a metric, also in the bootstrap."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import sklearn.metrics as sk

from reproducible_ml.core.keys import Keys
from reproducible_ml.modeling.metrics.metric import Predictions, from_sklearn
from reproducible_ml.modeling.scoring.bootstrap import replicate
from tumour_diagnosis.models.metrics import METRICS

# Task, function, arguments of the adapter, and the toolkit's metric of the same values.
SAME: list[tuple[str, Callable[..., Any], dict[str, Any], str]] = [
    ("binary", sk.accuracy_score, {}, "accuracy"),
    ("binary", sk.precision_score, {}, "precision"),
    ("binary", sk.f1_score, {}, "f1"),
    ("binary", sk.fbeta_score, {"beta": 1}, "f1"),
    ("binary", sk.roc_auc_score, {"on": "probabilities"}, "roc_auc"),
    ("binary", sk.log_loss, {"on": "probabilities"}, "log_loss"),
    ("multiclass", sk.accuracy_score, {}, "accuracy"),
    ("multiclass", sk.f1_score, {"average": "weighted"}, "f1_weighted"),
    ("multiclass", sk.log_loss, {"on": "probabilities"}, "log_loss"),
    ("regression", sk.r2_score, {}, "r2"),
    ("regression", sk.mean_absolute_error, {}, "mae"),
    (
        "regression",
        sk.median_absolute_error,
        {"on": "probabilities"},
        "median_absolute_error",
    ),
]


@pytest.fixture
def rows(
    task: str,
    predicted: Predictions,
    classified: Predictions,
    estimated: Predictions,
) -> Predictions:
    kinds = {"binary": predicted, "multiclass": classified, "regression": estimated}
    some = kinds[task]
    return some._replace(actual=some.actual[:60], output=some.output[:60])


@pytest.mark.parametrize(("task", "function", "options", "same"), SAME)
def test_replicates_equal_those_of_the_toolkits_metric(
    task: str,
    function: Callable[..., Any],
    options: dict[str, Any],
    same: str,
    rows: Predictions,
    row_keys: Keys,
) -> None:
    metrics = {"theirs": from_sklearn(function, **options), "ours": METRICS[task][same]}
    found = replicate(rows, row_keys[:60], metrics, 40)
    np.testing.assert_allclose(found["theirs"], found["ours"], rtol=1e-9)


@pytest.mark.parametrize("task", ["regression"])
def test_rows_are_repeated_for_a_function_without_weights(
    task: str, rows: Predictions
) -> None:
    metric = from_sklearn(sk.max_error, greater_is_better=False, in_unit_of_target=True)
    errors = np.abs(rows.actual - rows.output)
    weights = np.ones((2, 60))
    weights[1, errors.argmax()] = 0
    weights[1, 0] = 3
    expected = [errors.max(), np.sort(errors)[-2]]
    assert metric.function(rows, weights).tolist() == expected
    assert (metric.greater_is_better, metric.in_unit_of_target) == (False, True)

    def mean(actual: Any, predicted: Any) -> float:
        return float(np.mean(np.abs(actual - predicted)))

    twice = from_sklearn(mean).function(rows, (np.arange(60.0) % 3)[np.newaxis])
    assert twice[0] == pytest.approx(np.average(errors, weights=np.arange(60) % 3))


@pytest.mark.parametrize("task", ["multiclass"])
def test_function_of_all_probabilities_gets_all_classes(
    task: str, rows: Predictions
) -> None:
    """A replicate may lack a class, which scikit-learn cannot know."""
    metric = from_sklearn(sk.top_k_accuracy_score, on="probabilities", k=2)
    weights = (rows.actual != 3).astype(float)[np.newaxis]
    best = np.argsort(-rows.output, axis=1)[:, :2]
    hits = (best == rows.actual[:, np.newaxis]).any(axis=1)
    value = metric.function(rows, weights)[0]
    assert value == pytest.approx(np.average(hits, weights=weights[0]))


@pytest.mark.parametrize("task", ["binary"])
@pytest.mark.parametrize(
    ("function", "options"),
    [
        (sk.roc_auc_score, {"on": "probabilities"}),
        (sk.average_precision_score, {"on": "probabilities"}),
        (sk.recall_score, {}),
        (sk.log_loss, {"on": "probabilities", "labels": None}),
    ],
)
def test_undefined_value_is_nan_without_a_warning(
    task: str, function: Callable[..., Any], options: dict[str, Any], rows: Predictions
) -> None:
    metric = from_sklearn(function, **options)
    negative = (~rows.actual).astype(float)
    weights = np.stack([negative, np.zeros(60), np.ones(60)])
    assert np.isnan(metric.function(rows, weights)).tolist() == [True, True, False]


@pytest.mark.parametrize("task", ["multiclass"])
def test_other_warnings_stop_no_bootstrap(
    task: str, rows: Predictions, row_keys: Keys
) -> None:
    """Balanced accuracy warns of predicted classes that do not occur."""
    metrics = {"balanced": from_sklearn(sk.balanced_accuracy_score)}
    few = rows._replace(actual=rows.actual[:6], output=rows.output[:6])
    found = replicate(few, row_keys[:6], metrics, 100)["balanced"]
    assert (~np.isnan(found)).sum() > 90


@pytest.mark.parametrize("task", ["binary"])
def test_explicit_zero_division_is_the_value(task: str, rows: Predictions) -> None:
    metric = from_sklearn(sk.recall_score, zero_division=0.0)
    negative = (~rows.actual).astype(float)[np.newaxis]
    assert metric.function(rows, negative).tolist() == [0.0]


@pytest.mark.parametrize("task", ["binary"])
def test_threads_get_the_same_values(
    task: str, rows: Predictions, row_keys: Keys
) -> None:
    """A search scores its folds in threads, which share the filters of warnings."""
    metrics = {"recall": from_sklearn(sk.recall_score)}
    few = rows._replace(actual=rows.actual[:3], output=rows.output[:3])
    expected = replicate(few, row_keys[:3], metrics, 20)["recall"]
    with ThreadPoolExecutor(4) as pool:
        runs = [
            pool.submit(replicate, few, row_keys[:3], metrics, 20) for _ in range(4)
        ]
    for run in runs:
        np.testing.assert_array_equal(run.result()["recall"], expected)
