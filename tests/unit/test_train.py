"""Tests of tumour_diagnosis.models.train."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from reproducible_ml.contract.schema import Contract
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.parts import fingerprint, read_table
from reproducible_ml.modeling.fitting.estimator import Estimator
from reproducible_ml.modeling.model.store import load_model
from tumour_diagnosis.models.train import fit
from tumour_diagnosis.params import Params


def with_estimator(params: Params, path: str, **arguments: Any) -> Params:
    estimator = Estimator(path=f"sklearn.{path}", arguments=arguments)
    train = params.train.model_copy(update={"estimator": estimator})
    return params.model_copy(update={"train": train})


def test_a_pipeline_learns_which_rows_are_positive(
    orders: pd.DataFrame, contract: Contract, params: Params
) -> None:
    fitted = fit(orders, contract, {}, params)
    right = fitted.predict(orders) == (orders["returned"] == "yes")
    assert right.mean() > 0.8
    assert fitted.classes_.tolist() == [False, True]


def test_categories_are_treated_natively(
    orders: pd.DataFrame, contract: Contract, params: Params
) -> None:
    estimator = fit(orders, contract, {}, params).named_steps["estimator"]
    assert estimator.is_categorical_.tolist()[:2] == [True, False]


def test_the_same_rows_give_the_same_model(
    orders: pd.DataFrame, contract: Contract, params: Params
) -> None:
    forest = with_estimator(params, "ensemble.RandomForestClassifier", n_estimators=5)
    scores = [fit(orders, contract, {}, forest).predict_proba(orders) for _ in range(2)]
    np.testing.assert_array_equal(scores[0], scores[1])


def test_the_target_is_no_feature(
    orders: pd.DataFrame, contract: Contract, params: Params
) -> None:
    fitted = fit(orders, contract, {}, params)
    turned = orders.assign(returned=orders["returned"].iloc[::-1].array)
    np.testing.assert_array_equal(
        fitted.predict_proba(turned), fitted.predict_proba(orders)
    )


def test_rows_are_left_as_they_were(
    orders: pd.DataFrame, contract: Contract, params: Params
) -> None:
    before = orders.copy()
    fit(orders, contract, {"amount": (-1.0, 1.0)}, params)
    pd.testing.assert_frame_equal(orders, before)


def test_a_bad_value_of_an_argument_is_told_in_a_line(
    orders: pd.DataFrame, contract: Contract, params: Params
) -> None:
    bad = with_estimator(params, "ensemble.RandomForestClassifier", n_estimators=0)
    with pytest.raises(UserError) as caught:
        fit(orders, contract, {}, bad)
    message = str(caught.value)
    assert message.startswith("params.yaml: train.estimator.arguments: ")
    assert "'n_estimators'" in message
    assert "\n" not in message


def test_a_contract_without_features_is_refused(
    orders: pd.DataFrame, contract: Contract, params: Params
) -> None:
    only = contract.model_copy(
        update={"columns": {"returned": contract.columns["returned"]}}
    )
    with pytest.raises(UserError, match="feature"):
        fit(orders, only, {}, params)


def test_more_categories_than_the_estimator_can_take_are_told(
    contract: Contract, params: Params
) -> None:
    shops = [f"shop {number}" for number in range(300)]
    column = contract.columns["channel"].model_copy(update={"isin": tuple(shops)})
    columns = {"channel": column, "returned": contract.columns["returned"]}
    many = contract.model_copy(update={"columns": columns})
    rows = pd.DataFrame(
        {
            "channel": pd.Categorical(shops * 2, categories=shops),
            "returned": ["yes", "no"] * 300,
        }
    )
    with pytest.raises(UserError, match="255"):
        fit(rows, many, {}, params)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_main_stores_a_model_that_predicts(
    task: str, make_workspace: Callable[..., Any]
) -> None:
    make_workspace(task=task).train()
    model = load_model(Path("model.skops"), Path("model.json"))
    assert [name for name, _ in model.steps] == ["features", "estimator"]


def test_a_model_of_several_classes_predicts_their_labels(
    make_workspace: Callable[..., Any],
) -> None:
    make_workspace(task="multiclass").train()
    model = load_model(Path("model.skops"), Path("model.json"))
    rows = read_table(Path("test"))
    assert model.classes_.tolist() == ["large", "medium", "small"]
    assert (model.predict(rows) == rows["parcel"]).mean() > 0.6


def test_a_model_of_numbers_predicts_them(make_workspace: Callable[..., Any]) -> None:
    make_workspace(task="regression").train()
    model = load_model(Path("model.skops"), Path("model.json"))
    rows = read_table(Path("test"))
    assert np.corrcoef(model.predict(rows), rows["costs"])[0, 1] > 0.7


@pytest.mark.parametrize(
    ("path", "arguments"),
    [
        ("linear_model.LogisticRegression", {}),
        ("ensemble.GradientBoostingClassifier", {"n_estimators": 20, "max_depth": 1}),
    ],
    ids=["by classes", "by rows"],
)
def test_balanced_classes_make_the_rare_one_likelier(
    path: str,
    arguments: dict[str, Any],
    orders: pd.DataFrame,
    contract: Contract,
    params: Params,
) -> None:
    yes = orders["returned"] == "yes"
    rare = orders[~yes | (np.arange(len(orders)) % 5 == 0)]
    plain = with_estimator(params, path, **arguments)
    train = plain.train.model_copy(update={"class_weight": "balanced"})
    even = plain.model_copy(update={"train": train})
    shares = [
        fit(rare, contract, {}, found).predict_proba(rare)[:, 1].mean()
        for found in (plain, even)
    ]
    assert shares[0] == pytest.approx((rare["returned"] == "yes").mean(), abs=0.01)
    assert shares[1] > shares[0] + 0.03


def test_main_clips_where_cleaning_says(
    make_workspace: Callable[..., Any], orders: pd.DataFrame
) -> None:
    make_workspace(clip_to={"amount": [-1.0, 1.0]}).train()
    model = load_model(Path("model.skops"), Path("model.json"))
    np.testing.assert_array_equal(
        model.predict_proba(orders.assign(amount=99.0)),
        model.predict_proba(orders.assign(amount=1.0)),
    )


def test_the_manifest_says_what_the_model_was_made_of(workspace: Any) -> None:
    workspace.train()
    facts = json.loads(Path("model.json").read_text("utf-8"))
    assert facts["training_data"] == {"rows": 200, "sha256": fingerprint(Path("train"))}
    assert facts["params"]["data"]["target"] == "returned"
    assert facts["params"]["train"]["seed"] == 0
    assert facts["params"]["features"]["words"] == 100
    assert facts["contract"]["columns"]["channel"]["isin"] == ["shop", "web", "phone"]


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_training_twice_gives_the_same_bytes(
    task: str, make_workspace: Callable[..., Any]
) -> None:
    contents = []
    for name in ("here", "there"):
        make_workspace(name, task=task).train()
        files = [Path("model.skops"), Path("model.json")]
        contents.append([path.read_bytes() for path in files])
    assert contents[0] == contents[1]


def test_the_parameters_of_other_stages_do_not_change_the_files(workspace: Any) -> None:
    contents = []
    for threshold in (0.5, 0.4):
        workspace.set_params(evaluate={"threshold": threshold})
        workspace.train()
        contents.append(Path("model.json").read_bytes())
    assert contents[0] == contents[1]


def test_an_error_leaves_the_stored_model_alone(workspace: Any) -> None:
    workspace.train()
    before = Path("model.skops").read_bytes()
    path = "sklearn.ensemble.HistGradientBoostingClassifier"
    estimator = {"path": path, "arguments": {"max_iter": 0}}
    workspace.set_params(train={"estimator": estimator})
    with pytest.raises(UserError, match="max_iter"):
        workspace.train()
    assert Path("model.skops").read_bytes() == before


def test_a_table_that_is_not_there_is_told_by_its_path(workspace: Any) -> None:
    (Path("train") / "part-00000.parquet").unlink()
    with pytest.raises(UserError, match="train: holds no table"):
        workspace.train()


def test_main_searches_first_and_says_what_it_chose(workspace: Any) -> None:
    space = {"max_iter": {"choice": [1, 30]}}
    search = {"method": "grid", "folds": 2, "space": space}
    workspace.set_params(train={"search": search})
    workspace.train()
    trials = pd.read_csv("search.csv")
    assert trials["max_iter"].tolist() == [1, 30]
    assert trials["score"].is_monotonic_decreasing
    facts = json.loads(Path("model.json").read_text("utf-8"))
    assert facts["params"]["train"]["estimator"]["arguments"]["max_iter"] == 30
    model = load_model(Path("model.skops"), Path("model.json"))
    assert model.named_steps["estimator"].n_iter_ == 30


def test_main_without_a_search_writes_an_empty_table(workspace: Any) -> None:
    workspace.train()
    assert Path("search.csv").read_bytes() == b"trial,score,deviation\n"


def test_search_by_group_needs_no_feature_of_it(workspace: Any) -> None:
    search = {"method": "grid", "folds": 2, "space": {"max_iter": {"choice": [1, 2]}}}
    params = yaml.safe_load(Path("params.yaml").read_text("utf-8"))
    params["train"]["search"] = search
    params["data"]["group"] = "items"
    params["split"] = {"method": "group"}
    Path("params.yaml").write_text(yaml.safe_dump(params), "utf-8")
    workspace.train()
    assert len(pd.read_csv("search.csv")) == 2


def test_interrupted_search_leaves_nothing_half_written(workspace: Any) -> None:
    space = {"max_iter": {"int": [100, 400]}}
    search = {"method": "random", "n_iter": 500, "folds": 5, "space": space}
    workspace.set_params(train={"search": search})
    before = {path for path in Path().rglob("*") if path.is_file()}
    read = ["train", "schema.yaml", "cleaning.json"]
    write = ["model.skops", "model.json", "search.csv", "training"]
    module = "tumour_diagnosis.models.train"
    process = subprocess.Popen(
        [sys.executable, "-m", module, *read, *write],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    assert process.stderr.readline().startswith("Searching (random)")
    time.sleep(1)
    os.killpg(process.pid, signal.SIGINT)
    _, printed = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in printed
    assert {path for path in Path().rglob("*") if path.is_file()} == before
