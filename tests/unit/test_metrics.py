"""The metrics that params.yaml can name, against those of scikit-learn."""

from functools import partial
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sk

from reproducible_ml.modeling.metrics.metric import Predictions
from tumour_diagnosis.models.metrics import LOSS, METRICS

CLASSES = 4
ROWS = 200
MACRO = {"average": "macro", "zero_division": 0}

# Name of a metric -> what it is called with: classes or numbers, or probabilities.
REFERENCE: dict[str, dict[str, tuple[Any, str]]] = {
    "binary": {
        "roc_auc": (sk.roc_auc_score, "output"),
        "average_precision": (sk.average_precision_score, "output"),
        "accuracy": (sk.accuracy_score, "predicted"),
        "balanced_accuracy": (sk.balanced_accuracy_score, "predicted"),
        "precision": (sk.precision_score, "predicted"),
        "recall": (sk.recall_score, "predicted"),
        "f1": (sk.f1_score, "predicted"),
        "brier_score_loss": (sk.brier_score_loss, "output"),
        "log_loss": (sk.log_loss, "output"),
    },
    "multiclass": {
        "accuracy": (sk.accuracy_score, "predicted"),
        "balanced_accuracy": (sk.balanced_accuracy_score, "predicted"),
        "f1_macro": (partial(sk.f1_score, **MACRO), "predicted"),
        "f1_micro": (partial(sk.f1_score, average="micro"), "predicted"),
        "f1_weighted": (partial(sk.f1_score, average="weighted"), "predicted"),
        "precision_macro": (partial(sk.precision_score, **MACRO), "predicted"),
        "recall_macro": (partial(sk.recall_score, **MACRO), "predicted"),
        "roc_auc_ovr": (partial(sk.roc_auc_score, multi_class="ovr"), "output"),
        "log_loss": (sk.log_loss, "output"),
    },
    "regression": {
        "rmse": (sk.root_mean_squared_error, "predicted"),
        "mae": (sk.mean_absolute_error, "predicted"),
        "median_absolute_error": (sk.median_absolute_error, "predicted"),
        "mean_absolute_percentage_error": (
            sk.mean_absolute_percentage_error,
            "predicted",
        ),
        "r2": (sk.r2_score, "predicted"),
    },
}
every_metric = pytest.mark.parametrize(
    ("task", "name"), [(task, name) for task in METRICS for name in METRICS[task]]
)


def make_predictions(task: str, seed: int, error: float = 1.0) -> Predictions:
    """Return predictions; the smaller the error, the better they are."""
    random = np.random.default_rng(seed)
    if task == "regression":
        actual = random.normal(50, 10, ROWS)
        return Predictions(actual, actual + error * random.normal(0, 5, ROWS))
    classes = CLASSES if task == "multiclass" else 2
    codes = random.integers(0, classes, ROWS)
    noise = random.dirichlet([0.5] * classes, ROWS)
    sure = 0.9 * np.eye(classes)[codes] + 0.1 / classes
    mixed = error * noise + (1 - error) * sure
    output = (0.3 * sure + 0.7 * mixed) if error else mixed
    output /= output.sum(axis=1, keepdims=True)
    if task == "multiclass":
        return Predictions(codes, output)
    return Predictions(codes == 1, output[:, 1])


def value(task: str, name: str, rows: Predictions, weights: Any = None) -> float:
    """Return a metric under one weighting of the rows."""
    weights = np.ones(ROWS) if weights is None else weights
    (found,) = METRICS[task][name].function(rows, weights.reshape(1, -1))
    return float(found)


@every_metric
def test_metric_is_that_of_scikit_learn(task: str, name: str) -> None:
    """One of your own that is not in REFERENCE is only checked to be a number."""
    rows = make_predictions(task, 0)
    found = value(task, name, rows)
    if name not in REFERENCE[task]:
        assert np.isfinite(found)
        return
    function, of = REFERENCE[task][name]
    assert found == pytest.approx(function(rows.actual, getattr(rows, of)), abs=1e-9)


@every_metric
def test_better_predictions_have_a_better_value(task: str, name: str) -> None:
    poor = value(task, name, make_predictions(task, 0))
    good = value(task, name, make_predictions(task, 0, error=0.0))
    assert good > poor if METRICS[task][name].greater_is_better else good < poor


@every_metric
def test_weight_counts_a_row_as_often(task: str, name: str) -> None:
    rows = make_predictions(task, 1)
    weights = np.random.default_rng(2).integers(0, 4, ROWS).astype(float)
    times = weights.astype(int)
    repeated = rows._replace(
        actual=rows.actual.repeat(times), output=rows.output.repeat(times, axis=0)
    )
    once = METRICS[task][name].function(repeated, np.ones((1, times.sum())))
    assert value(task, name, rows, weights) == pytest.approx(float(once[0]))


def test_every_task_has_metrics_and_a_loss() -> None:
    assert set(METRICS) == set(REFERENCE) == set(LOSS)
    for task, name in LOSS.items():
        assert not METRICS[task][name].greater_is_better
