"""Tests of tumour_diagnosis.models.evaluate."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    f1_score,
    log_loss,
    mean_absolute_error,
    r2_score,
    roc_auc_score,
    root_mean_squared_error,
)

from reproducible_ml.contract.schema import Contract
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.parts import parts, read_table, write_part
from reproducible_ml.modeling.metrics import binary, multiclass, regression
from reproducible_ml.modeling.metrics.binary import Binary
from reproducible_ml.modeling.metrics.metric import Predictions
from reproducible_ml.modeling.model.store import load_model
from tumour_diagnosis.models.evaluate import baseline, predict_table
from tumour_diagnosis.models.train import fit
from tumour_diagnosis.params import Params

REPORTS = ["metrics.json", "evaluation.json", "bootstrap.json"]

METRICS = {
    "binary": binary.METRICS,
    "multiclass": multiclass.METRICS,
    "regression": regression.METRICS,
}

SHARED = ("importance", "learning_curve")
PLOTS = {
    "binary": ["calibration", "confusion_matrix", "precision_recall", "roc"],
    "multiclass": ["classes", "confusion_matrix"],
    "regression": ["predicted_actual", "residual_histogram", "residuals"],
}


def read_json(name: str) -> Any:
    """Read strict JSON: NaN and Infinity are none."""

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    return json.loads(Path(name).read_text("utf-8"), parse_constant=refuse)


def contents(folder: Path) -> dict[str, bytes]:
    """Return all that `evaluate` wrote into a folder."""
    plots = sorted((folder / "plots").iterdir())
    files = [*(folder / name for name in REPORTS), *plots]
    return {path.name: path.read_bytes() for path in files}


@pytest.fixture
def evaluated(workspace: Any) -> Any:
    workspace.train()
    workspace.evaluate()
    return workspace


def test_metrics_are_those_of_scikit_learn(evaluated: Any) -> None:
    model = load_model(Path("model.skops"), Path("model.json"))
    rows = read_table(Path("test"))
    positive, score = rows["returned"] == "yes", model.predict_proba(rows)[:, 1]
    expected = {
        "accuracy": accuracy_score(positive, score >= 0.5),
        "log_loss": log_loss(positive, score),
        "roc_auc": roc_auc_score(positive, score),
    }
    assert read_json("metrics.json") == pytest.approx(expected, abs=1e-6)


@pytest.fixture(params=METRICS)
def any_task(make_workspace: Callable[..., Any], request: Any) -> Any:
    """Return what `evaluate` leaves for each of the tasks."""
    workspace = make_workspace(task=request.param)
    workspace.train()
    workspace.evaluate()
    return workspace


def test_metrics_of_several_classes_are_those_of_scikit_learn(
    make_workspace: Callable[..., Any],
) -> None:
    workspace = make_workspace(task="multiclass")
    workspace.train()
    workspace.evaluate()
    model = load_model(Path("model.skops"), Path("model.json"))
    rows = read_table(Path("test"))
    actual, predicted = rows["parcel"].astype(str), model.predict(rows)
    scores = model.predict_proba(rows)
    expected = {
        "balanced_accuracy": balanced_accuracy_score(actual, predicted),
        "f1_macro": f1_score(actual, predicted, average="macro"),
        "roc_auc_ovr": roc_auc_score(actual, scores, multi_class="ovr"),
    }
    assert read_json("metrics.json") == pytest.approx(expected, abs=1e-6)


def test_metrics_of_numbers_are_those_of_scikit_learn(
    make_workspace: Callable[..., Any],
) -> None:
    workspace = make_workspace(task="regression")
    workspace.train()
    workspace.evaluate()
    model = load_model(Path("model.skops"), Path("model.json"))
    rows = read_table(Path("test"))
    actual, predicted = rows["costs"], model.predict(rows)
    expected = {
        "rmse": root_mean_squared_error(actual, predicted),
        "mae": mean_absolute_error(actual, predicted),
        "r2": r2_score(actual, predicted),
    }
    assert read_json("metrics.json") == pytest.approx(expected, abs=1e-6)


def test_a_model_of_every_task_beats_the_baseline(any_task: Any) -> None:
    for name, facts in read_json("evaluation.json")["metrics"].items():
        if METRICS[any_task.task][name].greater_is_better:
            assert facts["baseline"]["high"] < facts["low"]
        else:
            assert facts["high"] < facts["baseline"]["low"]


def test_every_task_judges_each_slice(any_task: Any) -> None:
    slices = read_json("evaluation.json")["slices"]
    assert [group["group"] for group in slices["channel"]] == ["shop", "web"]
    for group in slices["channel"]:
        for facts in group["metrics"].values():
            assert facts["low"] <= facts["value"] <= facts["high"]


def test_every_task_has_its_plots(any_task: Any) -> None:
    expected = sorted(f"{name}.csv" for name in [*PLOTS[any_task.task], *SHARED])
    assert sorted(path.name for path in Path("plots").iterdir()) == expected


def test_every_task_knows_which_feature_matters(any_task: Any) -> None:
    table = pd.read_csv("plots/importance.csv")
    assert table["feature"].iloc[0] == "amount"
    assert table["importance"].iloc[0] > 0.1


def test_all_metrics_of_a_task_can_be_asked_for(any_task: Any) -> None:
    names = list(METRICS[any_task.task])
    any_task.set_params(evaluate={"metrics": names})
    any_task.evaluate()
    assert set(read_json("metrics.json")) == set(names)
    assert None not in read_json("metrics.json").values()


def test_only_several_classes_are_told_one_by_one(any_task: Any) -> None:
    facts = read_json("evaluation.json")
    if any_task.task != "multiclass":
        assert "classes" not in facts
        return
    classes = {found["class"]: found["rows"] for found in facts["classes"]}
    assert list(classes) == ["small", "medium", "large", "none"]
    assert sum(classes.values()) == facts["rows"]
    assert classes["none"] == 0


def test_the_metrics_of_another_task_are_told_in_a_line(any_task: Any) -> None:
    foreign = "roc_auc" if any_task.task == "regression" else "rmse"
    any_task.set_params(evaluate={"metrics": [foreign]})
    with pytest.raises(UserError) as caught:
        any_task.evaluate()
    assert str(caught.value) == (
        f"params.yaml: evaluate.metrics: {foreign} is none of"
        f" {', '.join(METRICS[any_task.task])} (data.task is {any_task.task})"
    )


def test_a_class_that_only_the_test_rows_have_is_judged(
    make_workspace: Callable[..., Any],
) -> None:
    workspace = make_workspace(task="multiclass")
    workspace.train()
    rows = read_table(Path("test"))
    rows.loc[rows.index[:5], "parcel"] = "none"
    shutil.rmtree("test")
    Path("test").mkdir()
    write_part(rows, Path("test"), 0)
    workspace.set_params(evaluate={"metrics": list(multiclass.METRICS)})
    workspace.evaluate()
    none = read_json("evaluation.json")["classes"][3]
    assert none["rows"] == 5
    assert none["metrics"]["recall"] == {"value": 0, "low": 0, "high": 0}
    assert none["metrics"]["precision"]["value"] is None
    assert None not in read_json("metrics.json").values()


def test_a_class_that_the_test_rows_lack_does_no_harm(
    make_workspace: Callable[..., Any],
) -> None:
    workspace = make_workspace(task="multiclass")
    workspace.train()
    rows = read_table(Path("test"))
    shutil.rmtree("test")
    Path("test").mkdir()
    write_part(rows[rows["parcel"] != "large"], Path("test"), 0)
    workspace.set_params(evaluate={"metrics": list(multiclass.METRICS)})
    workspace.evaluate()
    large = read_json("evaluation.json")["classes"][2]
    assert (large["class"], large["rows"]) == ("large", 0)
    assert large["metrics"]["recall"]["value"] is None
    assert None not in read_json("metrics.json").values()


def test_each_metric_has_an_interval_and_a_baseline(evaluated: Any) -> None:
    metrics = read_json("evaluation.json")["metrics"]
    assert set(metrics) == {"roc_auc", "accuracy", "log_loss"}
    for facts in metrics.values():
        assert facts["low"] <= facts["value"] <= facts["high"]
        assert set(facts["baseline"]) == {"value", "low", "high"}
    assert metrics["roc_auc"]["baseline"]["value"] == 0.5
    assert metrics["roc_auc"]["low"] > 0.5


def test_each_slice_is_judged(evaluated: Any) -> None:
    slices = read_json("evaluation.json")["slices"]
    groups = {name: [group["group"] for group in slices[name]] for name in slices}
    assert groups == {
        "amount": ["below -0.5", "-0.5 to 0.5", "0.5 and more"],
        "channel": ["shop", "web"],
        "member": ["False", "True"],
    }
    assert sum(group["rows"] for group in slices["member"]) == 150


def test_rows_without_a_value_to_slice_by_count_in_the_whole(evaluated: Any) -> None:
    facts = read_json("evaluation.json")
    missing = int(read_table(Path("test"))["amount"].isna().sum())
    assert missing > 0
    in_groups = sum(group["rows"] for group in facts["slices"]["amount"])
    assert in_groups == facts["rows"] - missing


def test_replicates_are_kept(evaluated: Any) -> None:
    facts = read_json("bootstrap.json")
    assert {name: len(many) for name, many in facts["replicates"].items()} == {
        "accuracy": 100,
        "log_loss": 100,
        "roc_auc": 100,
    }
    assert facts["rows"] == facts["interval_rows"] == 150


def test_the_number_of_rows_behind_intervals_is_told(workspace: Any) -> None:
    workspace.set_params(evaluate={"interval_rows": 60})
    workspace.train()
    workspace.evaluate()
    for name in ("evaluation.json", "bootstrap.json"):
        facts = read_json(name)
        assert (facts["rows"], facts["interval_rows"]) == (150, 60)


def test_json_is_sorted_and_strict(evaluated: Any) -> None:
    for name in REPORTS:
        indent = None if name == "bootstrap.json" else 2
        text = json.dumps(read_json(name), indent=indent, sort_keys=True)
        assert Path(name).read_text("utf-8") == text + "\n"


def test_an_undefined_metric_is_null(workspace: Any) -> None:
    """Nobody is predicted positive from a probability of 1 on."""
    workspace.set_params(evaluate={"metrics": ["precision"], "threshold": 1.0})
    workspace.train()
    workspace.evaluate()
    assert read_json("metrics.json") == {"precision": None}


def test_the_confusion_matrix_counts_all_test_rows(evaluated: Any) -> None:
    table = pd.read_csv("plots/confusion_matrix.csv")
    assert table["rows"].sum() == 150
    assert table["actual"].tolist() == ["no", "no", "yes", "yes"]


def test_importance_covers_all_features(evaluated: Any) -> None:
    table = pd.read_csv("plots/importance.csv")
    features = {"amount", "items", "member", "channel", "ordered_at"}
    assert set(table["feature"]) == features
    assert table["feature"].iloc[0] == "amount"


@pytest.mark.parametrize("task", METRICS)
def test_the_size_of_parts_changes_no_byte(
    task: str, make_workspace: Callable[..., Any]
) -> None:
    found = []
    for rows_per_part in (7, 150):
        name = f"by {rows_per_part}"
        workspace = make_workspace(name, task=task, rows_per_part=rows_per_part)
        workspace.train()
        workspace.evaluate()
        found.append(contents(workspace.folder))
    assert found[0] == found[1]


@pytest.mark.parametrize("task", METRICS)
def test_the_order_of_rows_changes_no_metric(
    task: str, make_workspace: Callable[..., Any]
) -> None:
    found = []
    for name, turn in (("there", False), ("back", True)):
        workspace = make_workspace(name, task=task, turn=turn)
        workspace.set_params(evaluate={"interval_rows": 100})
        workspace.train()
        workspace.evaluate()
        found.append([read_json(name) for name in REPORTS])
    assert found[0] == found[1]


def test_an_empty_part_does_no_harm(any_task: Any) -> None:
    before = contents(any_task.folder)
    write_part(read_table(Path("test")).head(0), Path("test"), 9)
    any_task.evaluate()
    assert contents(any_task.folder) == before


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        (
            {"metrics": ["accuracy", "gini"]},
            f"evaluate.metrics: gini is none of {', '.join(binary.METRICS)}"
            " (data.task is binary)",
        ),
        (
            {"slices": {"country": []}},
            'evaluate.slices: "country" is not a column of the contract',
        ),
    ],
    ids=["metric", "slice"],
)
def test_an_unknown_name_is_told_in_a_line(
    evaluated: Any, section: dict[str, Any], problem: str
) -> None:
    before = contents(evaluated.folder)
    evaluated.set_params(evaluate=section)
    with pytest.raises(UserError) as caught:
        evaluated.evaluate()
    assert str(caught.value) == f"params.yaml: {problem}"
    assert contents(evaluated.folder) == before


@pytest.mark.parametrize(
    "slices",
    [{"channel": [1.0]}, {"amount": [2.0, 1.0]}, {"amount": [1.0, 1.0]}],
    ids=["a category cut", "cuts that fall", "a cut twice"],
)
def test_cuts_that_make_no_groups_are_told_in_a_line(
    workspace: Any, slices: dict[str, list[float]]
) -> None:
    workspace.train()
    workspace.set_params(evaluate={"slices": slices})
    with pytest.raises(UserError, match=r"^params\.yaml: evaluate\.slices") as caught:
        workspace.evaluate()
    assert "\n" not in str(caught.value)


def test_a_tampered_model_is_not_judged(workspace: Any) -> None:
    workspace.train()
    Path("model.skops").write_bytes(b"another")
    with pytest.raises(UserError, match="SHA-256 differs"):
        workspace.evaluate()


def test_a_table_is_predicted_part_by_part(
    workspace: Any, orders: pd.DataFrame, contract: Contract, params: Params
) -> None:
    model, task = fit(orders, contract, {}, params), Binary(contract, params.data)
    rows = read_table(Path("test"))
    predicted, kept = predict_table(model, Path("test"), contract, task, params)
    assert len(parts(Path("test"))) == 2
    np.testing.assert_array_equal(predicted.output, model.predict_proba(rows)[:, 1])
    np.testing.assert_array_equal(predicted.actual, rows["returned"] == "yes")
    pd.testing.assert_frame_equal(kept, rows[["amount", "channel", "member"]])


def test_the_baseline_knows_the_share_of_positive_training_rows(
    workspace: Any, predicted: Predictions, contract: Contract, params: Params
) -> None:
    share = (read_table(Path("train"))["returned"] == "yes").mean()
    task = Binary(contract, params.data)
    guess = baseline(Path("train"), predicted, task, params)
    assert np.unique(guess.output).tolist() == [pytest.approx(share)]
    np.testing.assert_array_equal(guess.actual, predicted.actual)
