"""Training on a part of the rows, in batches, and of a model that learns new rows."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.parts import Rows, first_rows, read_table
from reproducible_ml.modeling.fitting import shuffled
from reproducible_ml.modeling.fitting.batches import START
from reproducible_ml.modeling.model.store import load_model

from .conftest import Workspace, make_orders, write_table

SGD = "sklearn.linear_model.SGD"
LOSS = {"loss": "log_loss"}
ESTIMATORS: list[tuple[str, str, dict[str, Any]]] = [
    ("binary", f"{SGD}Classifier", {"loss": "log_loss", "average": True}),
    ("binary", "sklearn.naive_bayes.BernoulliNB", {}),
    ("binary", "sklearn.naive_bayes.MultinomialNB", {}),
    ("multiclass", "sklearn.naive_bayes.GaussianNB", {}),
    ("multiclass", f"{SGD}Classifier", LOSS),
    ("multiclass", "sklearn.neural_network.MLPClassifier", {}),
    ("regression", f"{SGD}Regressor", {}),
]

SEARCH = {"method": "random", "space": {"alpha": {"choice": [1, 2]}}}
UPDATE = {"rows": 9, "sha256": "0" * 64}

Make = Callable[..., Workspace]


def in_batches(path: str, arguments: dict[str, Any], **train: Any) -> dict[str, Any]:
    estimator = {"path": path, "arguments": arguments}
    return {"estimator": estimator, "batch_rows": 40, **train}


def trained(workspace: Workspace) -> tuple[bytes, dict[str, Any]]:
    workspace.train()
    manifest = json.loads((workspace.folder / "model.json").read_text("utf-8"))
    return (workspace.folder / "model.skops").read_bytes(), manifest


def replace_rows(table: Path, rows: pd.DataFrame, rows_per_part: int) -> None:
    shutil.rmtree(table)
    write_table(rows, table, rows_per_part)


@pytest.mark.filterwarnings("ignore:divide by zero")  # of a class without rows
@pytest.mark.parametrize(("task", "path", "arguments"), ESTIMATORS)
def test_model_does_not_depend_on_parts_nor_on_a_stop_between_increments(
    task: str,
    path: str,
    arguments: dict[str, Any],
    make_workspace: Make,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workspace = make_workspace(task=task)
    # Several ranges of the order, which batches go across.
    monkeypatch.setattr(shuffled, "RANGE_ROWS", 30)
    train = in_batches(path, arguments, passes=2)
    workspace.set_params(train=train)
    table, every = workspace.folder / "train", make_orders(300, 1, task)
    first, manifest = trained(workspace)
    [known] = manifest["training_data"]["increments"]
    assert known["rows"] == manifest["training_data"]["feature_rows"] == 200
    replace_rows(table, read_table(table).iloc[::-1], 37)
    assert trained(workspace)[0] == first, "rows in another order and in other parts"

    replace_rows(table, every.iloc[:200], 200)
    old = workspace.folder / "old"
    old.mkdir()
    begun = trained(workspace)[1]
    for name in ("model.skops", "model.json"):
        shutil.copy2(workspace.folder / name, old)
    replace_rows(table, every, 70)
    with monkeypatch.context() as patch:
        patch.setenv(START, str(old))
        continued, manifest = trained(workspace)
    learned = manifest["training_data"]["increments"]
    assert [each["rows"] for each in learned] == [200, 100]
    assert learned[:1] == begun["training_data"]["increments"]
    workspace.set_params(train=train | {"updates": learned})
    anew, again = trained(workspace)
    assert anew == continued
    assert again["training_data"] == manifest["training_data"]

    # Not learned yet: the last rows.
    workspace.set_params(train=train | {"updates": learned[:1]})
    part, manifest = trained(workspace)
    assert part != continued
    assert manifest["training_data"]["rows"] == 200
    assert manifest["training_data"]["of"] == 300
    # A changed value of a row that was learned: the key is the same.
    target = {"binary": "returned", "multiclass": "parcel", "regression": "costs"}[task]
    flipped = [*every[target].iloc[19::-1], *every[target].iloc[20:]]
    changed = every.assign(
        **{target: pd.Series(flipped, every.index, every[target].dtype)}
    )
    replace_rows(table, changed, 70)
    with pytest.raises(UserError, match="entry 1 is of 200 rows that the training"):
        workspace.train()
    assert not [*workspace.folder.glob(".*.tmp")]


def test_passes_make_the_loss_smaller_and_the_model_predicts(
    make_workspace: Make,
) -> None:
    workspace = make_workspace()
    train = in_batches(f"{SGD}Classifier", LOSS, passes=20)
    workspace.set_params(train=train | {"live_steps": 10, "class_weight": "balanced"})
    workspace.train()
    log = workspace.folder / "training/plots/metrics/loss.tsv"
    losses = pd.read_csv(log, sep="\t")
    assert losses["step"].tolist()[-1] == 20 * 5
    assert losses["loss"].iloc[-1] < losses["loss"].iloc[0] / 2
    workspace.evaluate()
    found = json.loads((workspace.folder / "evaluation.json").read_text("utf-8"))
    assert found["metrics"]["roc_auc"]["value"] > 0.85


def test_part_of_the_rows_is_stable_and_named_where_the_model_is_described(
    make_workspace: Make,
) -> None:
    workspace = make_workspace()
    table, rows = workspace.folder / "train", make_orders(300, 1)
    chosen = {*first_rows(table, 50, "train").read([]).index}
    assert len(chosen) == 50
    longer = workspace.folder / "longer"
    write_table(pd.concat([rows.iloc[200:], read_table(table)]), longer, 33)
    now = {*first_rows(longer, 75, "train").read([]).index}
    # The share is the same: few come or go, and none comes that was not chosen before.
    assert len(chosen - now) < 10
    assert now & {*read_table(table).index} <= chosen | now
    assert {*first_rows(longer, 50, "train").read([]).index} & {
        *read_table(table).index
    } <= chosen
    assert first_rows(table, 200, "train") == Rows(table, salt="train")

    copies = pd.concat([read_table(table).iloc[:1]] * 60)
    twice = workspace.folder / "copies"
    write_table(copies, twice, 25)
    assert not len(first_rows(twice, 50, "train").read([])), "never more than wanted"

    models = []
    for given in ({"rows": 50}, {}):
        workspace.set_params(train=given)
        models.append(trained(workspace))
        workspace.evaluate()
        found = json.loads((workspace.folder / "evaluation.json").read_text("utf-8"))
        expected = {"rows": 50, "of": 200} if given else None
        assert found.get("trained_on") == expected
    assert models[0][1]["training_data"]["rows"] == 50
    assert models[1][1]["training_data"].keys() == {"rows", "sha256"}
    # The same as from a table of just these rows.
    replace_rows(table, read_table(table).loc[lambda r: r.index.isin(chosen)], 50)
    assert trained(workspace)[0] == models[0][0]


@pytest.mark.parametrize(
    ("train", "words"),
    [
        (
            {"search": {"method": "random", "space": {"alpha": {"choice": [1, 2]}}}},
            "search",
        ),
        ({"threshold": {"false_positive": 1.0, "false_negative": 2.0}}, "threshold"),
        ({"batch_rows": None, "passes": 3}, "train.passes needs train.batch_rows"),
        (
            {"rows": 9, "updates": [{"rows": 9, "sha256": "0" * 64}]},
            "remove train.rows",
        ),
    ],
)
def test_what_needs_all_rows_is_refused_in_a_line(
    train: dict[str, Any], words: str, make_workspace: Make
) -> None:
    workspace = make_workspace()
    given = in_batches(f"{SGD}Classifier", LOSS) | train
    workspace.set_params(train=given)
    with pytest.raises(UserError, match=words) as caught:
        workspace.train()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "arguments", "words"),
    [
        ("sklearn.ensemble.RandomForestClassifier", {}, "has no partial_fit"),
        (
            f"{SGD}Classifier",
            {"loss": "log_loss", "early_stopping": True},
            "early_stop",
        ),
        ("sklearn.linear_model.Perceptron", {}, "does not predict probabilities"),
    ],
)
def test_estimator_that_cannot_be_fitted_in_batches_is_refused(
    path: str, arguments: dict[str, Any], words: str
) -> None:
    from tumour_diagnosis.models.train import Train, check_estimator

    params = Train.model_validate(in_batches(path, arguments))
    with pytest.raises(UserError, match=words):
        check_estimator(params, "binary")


def test_divergence_is_an_error(make_workspace: Make) -> None:
    workspace = make_workspace(task="regression")
    fast = {"learning_rate": "constant", "eta0": 1e300}
    train = in_batches(f"{SGD}Regressor", fast, passes=9, live_steps=3)
    workspace.set_params(train=train)
    with pytest.raises(UserError, match=r"^params.yaml: train.estimator"):
        workspace.train()
    assert not (workspace.folder / "model.skops").exists()
    assert not [*workspace.folder.glob(".*.tmp")]


def test_hashed_values_are_the_same_row_by_row() -> None:
    from reproducible_ml.modeling.model.transformers import Hashed

    rows = pd.DataFrame({"city": ["a", None, "b", "a"]}, dtype="str")
    rows["depot"] = pd.array([1, 2, None, 1], dtype="Int64")
    step = Hashed(16).fit(rows)
    whole = step.transform(rows)
    alone = [step.transform(rows.iloc[[place]]) for place in range(len(rows))]
    np.testing.assert_array_equal(whole, np.concatenate(alone))
    np.testing.assert_array_equal(whole[0], whole[3])
    assert whole.sum(axis=1).tolist() == [2, 1, 1, 2]
    assert len(step.get_feature_names_out()) == whole.shape[1] == 32


def test_a_stored_model_in_batches_can_be_loaded(make_workspace: Make) -> None:
    workspace = make_workspace()
    workspace.set_params(train=in_batches(f"{SGD}Classifier", LOSS))
    workspace.train()
    folder = workspace.folder
    model = load_model(folder / "model.skops", folder / "model.json")
    rows = make_orders(30, 5)[[*model.feature_names_in_]]
    assert model.predict_proba(rows).shape == (30, 2)
