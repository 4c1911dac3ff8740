"""Tests of reproducible_ml.models.evaluate."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score

from reproducible_ml.datasets.schema import Contract
from reproducible_ml.datasets.tables import parts, read_table, write_part
from reproducible_ml.errors import UserError
from reproducible_ml.models.evaluate import (
    baseline,
    class_names,
    predict,
    predict_table,
)
from reproducible_ml.models.metrics import METRICS, Predicted
from reproducible_ml.models.store import load_model
from reproducible_ml.models.train import fit
from reproducible_ml.params import Params

REPORTS = ["metrics.json", "evaluation.json", "bootstrap.json"]


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


def test_all_metrics_can_be_asked_for(workspace: Any) -> None:
    workspace.set_params(evaluate={"metrics": list(METRICS)})
    workspace.train()
    workspace.evaluate()
    assert set(read_json("metrics.json")) == set(METRICS)


def test_each_plot_has_its_table(evaluated: Any) -> None:
    assert sorted(path.name for path in Path("plots").iterdir()) == [
        "calibration.csv",
        "confusion_matrix.csv",
        "importance.csv",
        "precision_recall.csv",
        "roc.csv",
    ]


def test_the_confusion_matrix_counts_all_test_rows(evaluated: Any) -> None:
    table = pd.read_csv("plots/confusion_matrix.csv")
    assert table["rows"].sum() == 150
    assert table["actual"].tolist() == ["no", "no", "yes", "yes"]


def test_importance_covers_all_features(evaluated: Any) -> None:
    table = pd.read_csv("plots/importance.csv")
    features = {"amount", "items", "member", "channel", "ordered_at"}
    assert set(table["feature"]) == features
    assert table["feature"].iloc[0] == "amount"


def test_the_size_of_parts_changes_no_byte(make_workspace: Callable[..., Any]) -> None:
    found = []
    for rows_per_part in (7, 150):
        workspace = make_workspace(f"by {rows_per_part}", rows_per_part=rows_per_part)
        workspace.train()
        workspace.evaluate()
        found.append(contents(workspace.folder))
    assert found[0] == found[1]


def test_the_order_of_rows_changes_no_metric(
    make_workspace: Callable[..., Any],
) -> None:
    found = []
    for name, turn in (("there", False), ("back", True)):
        workspace = make_workspace(name, turn=turn)
        workspace.set_params(evaluate={"interval_rows": 100})
        workspace.train()
        workspace.evaluate()
        found.append([read_json(name) for name in REPORTS])
    assert found[0] == found[1]


def test_an_empty_part_does_no_harm(evaluated: Any) -> None:
    before = contents(evaluated.folder)
    write_part(read_table(Path("test")).head(0), Path("test"), 9)
    evaluated.evaluate()
    assert contents(evaluated.folder) == before


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        (
            {"metrics": ["accuracy", "gini"]},
            f"evaluate.metrics: gini is none of {', '.join(METRICS)}",
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


def test_scores_are_those_of_the_positive_class(
    orders: pd.DataFrame, contract: Contract, params: Params
) -> None:
    model = fit(orders, contract, {}, params)
    score = predict(model, orders[list(contract.features(params.data))])
    positive = (orders["returned"] == "yes").to_numpy()
    assert score.dtype == np.float64
    assert score[positive].mean() > score[~positive].mean() + 0.2


def test_a_table_is_predicted_part_by_part(
    workspace: Any, orders: pd.DataFrame, contract: Contract, params: Params
) -> None:
    model = fit(orders, contract, {}, params)
    rows = read_table(Path("test"))
    predicted, kept = predict_table(model, Path("test"), contract, params)
    assert len(parts(Path("test"))) == 2
    np.testing.assert_array_equal(predicted.score, predict(model, rows))
    np.testing.assert_array_equal(predicted.positive, rows["returned"] == "yes")
    pd.testing.assert_frame_equal(kept, rows[["amount", "channel", "member"]])


def test_the_baseline_knows_the_share_of_positive_training_rows(
    workspace: Any, predicted: Predicted, params: Params
) -> None:
    share = (read_table(Path("train"))["returned"] == "yes").mean()
    guess = baseline(Path("train"), predicted, params)
    assert np.unique(guess.score).tolist() == [pytest.approx(share)]
    np.testing.assert_array_equal(guess.positive, predicted.positive)


@pytest.mark.parametrize(
    ("column", "positive", "names"),
    [
        ({"dtype": "category", "isin": ["yes", "no"]}, "yes", ("no", "yes")),
        ({"dtype": "category", "isin": ["a", "b", "c"]}, "b", ("not b", "b")),
        ({"dtype": "bool"}, True, ("not True", "True")),
    ],
    ids=["two classes", "one class against others", "bool"],
)
def test_classes_are_named_as_in_the_contract(
    params: Params, column: dict[str, Any], positive: Any, names: tuple[str, str]
) -> None:
    contract = Contract.model_validate({"columns": {"returned": column}})
    data = params.data.model_copy(update={"positive": positive})
    assert class_names(contract, params.model_copy(update={"data": data})) == names
