"""The metrics against those of scikit-learn; the stage that computes them."""

import shutil
from collections.abc import Callable
from functools import partial
from typing import Any
from unittest.mock import ANY

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.parts import write_part
from reproducible_ml.modeling.metrics.metric import Predictions
from tumour_diagnosis.models.metrics import LOSS, METRICS
from tumour_diagnosis.models.plots import PLOTS

from ..conftest import TARGET, Workspace

pytestmark = pytest.mark.xdist_group("evaluation")  # shares finished pipelines


@pytest.fixture
def binary(copy_of: Callable[[str], Workspace]) -> Workspace:
    return copy_of("binary")


def replace_test_rows(workspace: Workspace, rows: pd.DataFrame) -> None:
    table = workspace.folder / "data/processed/test"
    shutil.rmtree(table)
    table.mkdir()
    write_part(rows, table, 0)


def predictions(workspace: Workspace) -> Predictions:
    """Return truth and output of the test rows, computed here."""
    model, rows = workspace.model(), workspace.rows("data/processed/test")
    features = rows[list(model.feature_names_in_)]
    if workspace.task == "regression":
        return Predictions(rows[TARGET].to_numpy(), model.predict(features))
    output = model.predict_proba(features)
    if workspace.task == "binary":
        return Predictions((rows[TARGET] == "yes").to_numpy(), output[:, 1])
    # By the order of the contract, with a column for the class without rows.
    place = {name: n for n, name in enumerate(model.classes_)}
    names = rows[TARGET].cat.categories
    scores = [output[:, place[n]] if n in place else 0 * output[:, 0] for n in names]
    return Predictions(rows[TARGET].cat.codes.to_numpy(int), np.column_stack(scores))


def test_metrics_are_those_of_the_stored_model_on_the_test_rows(
    finished: Workspace,
) -> None:
    rows = predictions(finished)
    once = np.ones((1, len(rows.actual)))
    found = finished.json("reports/metrics.json")
    assert set(found) == set(METRICS[finished.task])
    for name, metric in METRICS[finished.task].items():
        expected = metric.function(rows, once)[0]
        assert found[name] == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_intervals_hold_the_value_and_the_model_beats_the_baseline(
    finished: Workspace,
) -> None:
    facts = finished.json("reports/evaluation.json")
    assert facts["rows"] == len(finished.rows("data/processed/test"))
    for name, found in facts["metrics"].items():
        assert found["low"] <= found["value"] <= found["high"]
        assert set(found["baseline"]) == {"value", "low", "high"}
        assert found["value"] == finished.json("reports/metrics.json")[name]
    name = {"regression": "rmse"}.get(finished.task, "log_loss")
    found = facts["metrics"][name]
    assert found["high"] < found["baseline"]["value"]


def test_each_slice_is_scored(finished: Workspace) -> None:
    facts = finished.json("reports/evaluation.json")
    rows = finished.rows("data/processed/test")
    groups = {n: {g["group"]: g["rows"] for g in s} for n, s in facts["slices"].items()}
    # Rows without a value are a group, too.
    assert all(sum(found.values()) == len(rows) for found in groups.values())
    for name, found in groups.items():
        assert found.pop("(missing)", 0) == rows[name].isna().sum()
    channels = rows["kind_channel"].value_counts()
    assert groups["kind_channel"] == channels[channels > 0].to_dict()
    assert list(groups["kind_amount"]) == ["below -0.5", "-0.5 to 0.5", "0.5 and more"]


def test_protected_groups_are_compared_and_described(finished: Workspace) -> None:
    found = finished.json("reports/evaluation.json")["protected"]
    rows = finished.rows("data/processed/test")
    assert list(found) == ["kind_amount", "kind_amount and kind_member", "kind_member"]
    sizes = {g["group"]: g["rows"] for g in found["kind_amount"]["groups"]}
    assert sizes["(missing)"] == rows["kind_amount"].isna().sum() > 0
    for groups in found.values():
        assert sum(group["rows"] for group in groups["groups"]) == len(rows)
    card = (finished.folder / "reports/model_card.md").read_text("utf-8")
    assert "difference by `kind_amount and kind_member`" in card


def test_plots_are_tables_and_importance_finds_the_feature_that_matters(
    finished: Workspace,
) -> None:
    tables = {path.stem for path in (finished.folder / "reports/plots").glob("*.csv")}
    keys = np.arange(len(predictions(finished).actual), dtype=np.uint64)
    names = {"binary": {False: "no", True: "yes"}, "regression": {}}.get(
        finished.task, dict(enumerate(["small", "medium", "large", "none"]))
    )
    own = PLOTS[finished.task](predictions(finished), keys, names)
    assert tables == {*own, "importance", "learning_curve", "partial_dependence"}
    importance = pd.read_csv(finished.folder / "reports/plots/importance.csv")
    model = finished.model()
    assert set(importance["feature"]) == {*model.feature_names_in_}
    assert "kind_amount" in [*importance["feature"][:3]]
    assert importance["importance"].is_monotonic_decreasing


def test_empty_part_changes_nothing(
    finished: Workspace, copy_of: Callable[[str], Workspace]
) -> None:
    copied = copy_of(finished.task)
    before = copied.contents("reports")
    rows = copied.rows("data/processed/test").head(0)
    write_part(rows, copied.folder / "data/processed/test", 99)
    copied.run("evaluate")
    assert copied.contents("reports") == before


def test_class_that_training_or_test_rows_lack_is_scored(
    copy_of: Callable[[str], Workspace],
) -> None:
    workspace = copy_of("multiclass")
    rows = workspace.rows("data/processed/test")
    known = rows[rows[TARGET] != "large"]
    target = known[TARGET].mask(np.arange(len(known)) < 5, "none")
    replace_test_rows(workspace, known.assign(**{TARGET: target}))
    workspace.run("evaluate")
    facts = workspace.json("reports/evaluation.json")
    classes = {each["class"]: each for each in facts["classes"]}
    assert (classes["large"]["rows"], classes["none"]["rows"]) == (0, 5)
    assert classes["large"]["metrics"]["recall"]["value"] is None
    assert classes["none"]["metrics"]["recall"]["value"] == 0
    assert None not in workspace.json("reports/metrics.json").values()


def test_undefined_metric_is_null_and_threshold_decides(binary: Workspace) -> None:
    settings = {"metrics": ["precision", "recall"], "interval_rows": 50}
    never = {"false_positive": 1.0, "false_negative": 0.0}
    for threshold, values in ((never, (None, 0.0)), (0.0, (ANY, 1.0))):
        binary.set_params(evaluate=settings, train={"threshold": threshold})
        binary.run("train")
        binary.run("evaluate")
        assert tuple(binary.json("reports/metrics.json").values()) == values
    facts = binary.json("reports/evaluation.json")
    assert facts["interval_rows"] == 50


@pytest.mark.parametrize(
    ("keys", "facts"),
    [
        ({"metrics": ["f1", "gini"]}, ["evaluate.metrics", "gini", "roc_auc"]),
        ({"slices": {"country": []}}, ["evaluate.slices", '"country"']),
        ({"protected": {"no": []}, "intersections": []}, ["protected", '"no"']),
        ({"intersections": [["kind_amount"]]}, ["evaluate.intersections"]),
        ({"slices": {"kind_channel": [1.0]}}, ["evaluate.slices", "kind_channel"]),
        ({"slices": {"kind_amount": [2.0, 1.0]}}, ["evaluate.slices", "kind_amount"]),
        ({"slices": {"kind_amount": [1.0, 1.0]}}, ["evaluate.slices", "kind_amount"]),
    ],
    ids=[
        "metric",
        "column",
        "protected",
        "intersection",
        "bounds of a category",
        "falling bounds",
        "bound twice",
    ],
)
def test_mistake_is_one_line_and_leaves_the_reports_alone(
    binary: Workspace, keys: dict[str, Any], facts: list[str]
) -> None:
    before = binary.contents("reports")
    binary.set_params(evaluate=keys)
    with pytest.raises(UserError) as caught:
        binary.run("evaluate")
    (line,) = str(caught.value).splitlines()
    assert line.startswith("params.yaml: ")
    assert [fact for fact in facts if fact not in line] == []
    assert binary.contents("reports") == before


def test_changed_model_file_is_refused(binary: Workspace) -> None:
    (binary.folder / "models/model.skops").write_bytes(b"another")
    with pytest.raises(UserError, match=r"model\.skops.*(SHA-256|sha256)"):
        binary.run("evaluate")


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
