"""What models of each task predict, and how a scorer scores them."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.neighbors import KNeighborsClassifier

from reproducible_ml.contract.schema import Contract, Data
from reproducible_ml.core.errors import UserError
from reproducible_ml.modeling.metrics.metric import Predictions
from reproducible_ml.modeling.metrics.multiclass import Multiclass
from reproducible_ml.modeling.metrics.tasks import (
    Scorer,
    choose_metrics,
    make_task,
    steps,
)
from tumour_diagnosis.models.metrics import LOSS, METRICS

from .conftest import make_contract, make_params

CLASSES = ["small", "medium", "large", "none"]


def make(task: str, column: dict[str, Any] | None = None, **data: Any) -> Any:
    """Return the task of the orders, or of a target column of these settings."""
    content = make_contract(task)
    data = make_params(task)["data"] | data
    if column:
        content["columns"] = {data["target"]: column}
    return make_task(Contract.model_validate(content), Data.model_validate(data))


def fit_dummy(task: Any, target: list[Any]) -> tuple[Any, pd.DataFrame]:
    rows = pd.DataFrame({"nothing": np.zeros(len(target))})
    return task.baseline().fit(rows, target), rows


def test_baselines_predict_what_is_known_without_features() -> None:
    binary, rows = fit_dummy(make("binary"), [True, False, False, False])
    assert make("binary").output(binary, rows).tolist() == [0.25] * 4
    several, rows = fit_dummy(make("multiclass"), ["small", "large", "small", "small"])
    task = make("multiclass")
    shares = dict(zip(task.labels, task.output(several, rows)[0], strict=True))
    assert shares == {"large": 0.25, "medium": 0.0, "none": 0.0, "small": 0.75}
    mean, rows = fit_dummy(make("regression"), [1, 2, 6])
    assert make("regression").output(mean, rows).tolist() == [3.0] * 3
    assert make("regression").actual(pd.Series([1, 2])).dtype == np.float64


@pytest.mark.parametrize(
    ("column", "positive", "names"),
    [
        ({"dtype": "category", "isin": ["yes", "no"]}, "yes", ["no", "yes"]),
        ({"dtype": "category", "isin": ["a", "b", "c"]}, "b", ["not b", "b"]),
        ({"dtype": "bool"}, True, ["not True", "True"]),
    ],
    ids=["two classes", "one class against others", "bool"],
)
def test_binary_classes_are_named_as_in_the_contract(
    column: dict[str, Any], positive: Any, names: list[str]
) -> None:
    task = make("binary", column, positive=positive)
    assert list(task.names.values()) == names


def test_reports_keep_the_order_of_the_contract() -> None:
    task = make("multiclass")
    assert list(task.names.values()) == CLASSES
    assert list(task.names) == task.actual(pd.Series(CLASSES)).tolist()


@pytest.mark.parametrize("labels", [["c", "b", "a"], [10, 9, 100]], ids=str)
def test_of_equally_likely_classes_model_and_report_name_the_same(
    labels: list[Any],
) -> None:
    """Three neighbours of three classes are as likely each."""
    rows, target = pd.DataFrame({"x": [0.0, 1.0, 2.0]}), pd.Series(labels)
    model = KNeighborsClassifier(n_neighbors=3).fit(rows, target)
    task: Multiclass = make("multiclass", {"dtype": "category", "isin": labels})
    found = Predictions(task.actual(target), task.output(model, rows)).predicted
    assert [task.labels[code] for code in found] == list(model.predict(rows))


def test_multiclass_importance_is_a_rise_of_the_log_loss() -> None:
    task, target = make("multiclass"), ["small", "large"] * 2
    model, rows = fit_dummy(task, target)
    score = task.scoring(model, rows, task.actual(pd.Series(target)))
    assert score == pytest.approx(np.log(0.5))


def test_scores_are_metrics_negated_if_a_lower_one_is_better() -> None:
    target = pd.Series([True, False] * 10)
    rows = pd.DataFrame({"x": target + np.arange(20) / 15})
    model = KNeighborsClassifier(n_neighbors=7).fit(rows, target)
    shares = model.predict_proba(rows)[:, 1]
    area = Scorer(make("binary"), METRICS["binary"]["roc_auc"])
    assert area(model, rows, target) == pytest.approx(roc_auc_score(target, shares))
    loss = Scorer(make("binary"), METRICS["binary"][LOSS["binary"]])
    assert loss(model, rows, target) == pytest.approx(-log_loss(target, shares))
    assert loss.value(model, rows, target) == pytest.approx(log_loss(target, shares))


def test_score_of_one_class_is_nan() -> None:
    rows, target = pd.DataFrame({"x": np.zeros(4)}), pd.Series([True, False] * 2)
    dummy = DummyClassifier(strategy="prior").fit(rows, target)
    scorer = Scorer(make("binary"), METRICS["binary"]["roc_auc"])
    assert np.isnan(scorer(dummy, rows[target], target[target]))


def test_decimals_follow_the_unit_of_the_target() -> None:
    error = Scorer(make("regression"), METRICS["regression"]["rmse"])
    assert error.decimals(pd.Series([1e-6, 2e-6])) > 12
    assert error.decimals(pd.Series([1e6, 2e6])) == 3
    share = Scorer(make("regression"), METRICS["regression"]["r2"])
    assert share.decimals(pd.Series([1e6])) == 6


def test_unknown_metrics_are_refused_with_those_there_are() -> None:
    known = METRICS["binary"]
    with pytest.raises(UserError) as caught:
        choose_metrics("evaluate.metrics", ["f1", "rmse", "mae"], known, "binary")
    lines = str(caught.value).splitlines()
    start = "params.yaml: evaluate.metrics: rmse is not one of roc_auc, "
    assert lines[0].startswith(start)
    assert lines[0].endswith("(data.task is binary)")
    assert "mae" in lines[1]
    chosen = choose_metrics("evaluate.metrics", ["f1", "recall"], known, "binary")
    assert list(chosen) == ["f1", "recall"]


@pytest.mark.parametrize(
    ("last", "count", "expected"),
    [(100, 4, [25, 50, 75, 100]), (3, 10, [1, 2, 3]), (1, 1, [1]), (10, 3, [3, 7, 10])],
)
def test_steps_end_with_the_last_iteration(
    last: int, count: int, expected: list[int]
) -> None:
    assert steps(last, count) == expected
