"""What the stage `train` makes of the training rows."""

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.files import write_json
from reproducible_ml.core.parts import fingerprint, write_part
from tumour_diagnosis.features.build import Features
from tumour_diagnosis.models.train import Train, fit, make_pipeline, warn_of_rare_class

from ..conftest import TARGET, Workspace, make_contract, make_data, make_rows

DATA, CONTRACT = make_data("binary"), make_contract("binary")
ROWS = make_rows(300, 1)
BOOSTING = "sklearn.ensemble.HistGradientBoostingClassifier"


def fitted(path: str, rows: pd.DataFrame = ROWS, **train: Any) -> Any:
    """Return a fitted model; `arguments` are those of the estimator."""
    estimator = {"path": path, "arguments": train.pop("arguments", {})}
    params = Train.model_validate({"estimator": estimator} | train)
    pipeline = make_pipeline(CONTRACT, DATA, {}, Features(), params)
    return fit(pipeline, rows, CONTRACT, DATA, params)


@pytest.fixture
def workspace(copy_of: Callable[[str], Workspace]) -> Workspace:
    return copy_of("binary")


def test_stored_model_predicts_the_classes_or_numbers(finished: Workspace) -> None:
    model, rows = finished.model(), finished.rows("data/processed/test")
    predicted = model.predict(rows[list(model.feature_names_in_)])
    if finished.task == "regression":
        assert np.corrcoef(predicted, rows[TARGET])[0, 1] > 0.4
        return
    actual = rows[TARGET].astype(str)
    labels = {"binary": [False, True], "multiclass": ["large", "medium", "small"]}
    assert model.classes_.tolist() == labels[finished.task]
    right = actual == "yes" if finished.task == "binary" else actual
    assert (predicted == right).mean() > right.value_counts(normalize=True).max() + 0.1


def test_manifest_has_what_the_model_was_made_of(finished: Workspace) -> None:
    facts = finished.json("models/model.json")
    table = finished.folder / "data/processed/train"
    rows = len(finished.rows("data/processed/train"))
    assert facts["training_data"] == {"rows": rows, "sha256": fingerprint(table)}
    assert facts["params"]["data"]["target"] == TARGET
    assert facts["params"]["train"]["seed"] == 0
    columns = facts["contract"]["columns"]
    assert columns["kind_channel"]["isin"] == ["shop", "web", "fax"]


@pytest.mark.parametrize("name", ["HistGradientBoosting", "RandomForest"])
def test_same_rows_and_seed_give_the_same_model(name: str) -> None:
    before = ROWS.copy()
    models = [fitted(f"sklearn.ensemble.{name}Classifier", seed=3) for _ in range(2)]
    one, other = (model.predict_proba(ROWS) for model in models)
    np.testing.assert_array_equal(one, other)
    pd.testing.assert_frame_equal(ROWS, before)


def test_only_its_own_sections_change_the_model(workspace: Workspace) -> None:
    contents = []
    for seed in (1, 2):
        workspace.set_params(evaluate={"seed": seed})
        workspace.run("train")
        contents.append(workspace.contents("models"))
    assert contents[0] == contents[1]
    workspace.set_params(train={"seed": 1, "live_steps": 0})
    workspace.run("train")
    assert workspace.contents("models") != contents[0]


def test_values_are_clipped_to_the_bounds_of_cleaning(workspace: Workspace) -> None:
    report = workspace.folder / "reports/cleaning.json"
    write_json({"clip_to": {"kind_amount": [-1.0, 1.0]}}, report)
    workspace.run("train")
    model = workspace.model()
    np.testing.assert_array_equal(
        model.predict_proba(ROWS.assign(kind_amount=99.0)),
        model.predict_proba(ROWS.assign(kind_amount=1.0)),
    )


def test_error_names_the_argument_and_leaves_the_stored_model_alone(
    workspace: Workspace,
) -> None:
    before = workspace.contents("models")
    estimator = {"path": BOOSTING, "arguments": {"learning_rate": -1.0}}
    workspace.set_params(train={"estimator": estimator})
    with pytest.raises(UserError, match=r"arguments.*learning_rate") as caught:
        workspace.run("train")
    (line,) = str(caught.value).splitlines()
    assert line.startswith("params.yaml: train.estimator")
    assert workspace.contents("models") == before


def test_contract_without_features_is_refused() -> None:
    only = CONTRACT.model_copy(update={"columns": {TARGET: CONTRACT.columns[TARGET]}})
    params = Train.model_validate({"estimator": {"path": BOOSTING}})
    with pytest.raises(UserError, match="feature"):
        make_pipeline(only, DATA, {}, Features(), params)


RARE = ROWS[(ROWS[TARGET] == "no") | (np.arange(len(ROWS)) % 6 == 0)]


@pytest.mark.parametrize(
    ("path", "arguments"),
    [
        ("sklearn.linear_model.LogisticRegression", {"max_iter": 1000}),
        ("sklearn.ensemble.GradientBoostingClassifier", {"n_estimators": 20}),
    ],
    ids=["by classes", "by rows"],
)
def test_balanced_weights_make_a_rare_class_likelier(
    path: str, arguments: dict[str, Any]
) -> None:
    plain, even = (
        fitted(path, RARE, arguments=arguments, class_weight=weight)
        .predict_proba(RARE)[:, 1]
        .mean()
        for weight in (None, "balanced")
    )
    assert even > plain + 0.01


def test_rare_class_is_a_warning_unless_classes_are_weighted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    yes = ROWS[TARGET] == "yes"
    rare = {"no": 20 * int((~yes).sum()), "yes": 60}
    weighted = {"estimator": {"path": BOOSTING}, "class_weight": "balanced"}
    with caplog.at_level(logging.WARNING):
        warn_of_rare_class(rare, Train.model_validate(weighted))
        assert caplog.messages == []
        plain = Train.model_validate({"estimator": {"path": BOOSTING}})
        warn_of_rare_class(rare, plain)
    assert '"yes"' in caplog.text
    assert "train.class_weight: balanced" in caplog.text


def grid(name: str, *values: Any) -> dict[str, Any]:
    return {"method": "grid", "folds": 2, "space": {name: {"choice": [*values]}}}


@pytest.mark.parametrize("method", ["hash", "group", "time"])
def test_search_finds_better_arguments_and_lists_its_trials(
    workspace: Workspace, method: str
) -> None:
    split = {"method": method, "cutoff": "2025-06-01" if method == "time" else None}
    roles = {"group": {"group": "kind_size"}, "time": {"time": "kind_sent"}}
    train = {"search": grid("max_iter", 1, 20)}
    workspace.set_params(data=roles.get(method, {}), split=split, train=train)
    if method == "time":  # No row of the table is without a date then.
        folder = workspace.folder / "data/processed/train"
        rows = workspace.rows("data/processed/train").dropna(subset=["kind_sent"])
        for part in folder.iterdir():
            part.unlink()
        write_part(rows, folder, 0)
    workspace.run("train")
    trials = pd.read_csv(workspace.folder / "reports/search.csv")
    assert sorted(trials["max_iter"]) == [1, 20]
    best = trials.sort_values("score").iloc[0]  # The lowest loss.
    facts = workspace.json("models/model.json")
    chosen = facts["params"]["train"]["estimator"]["arguments"]
    assert chosen["max_iter"] == best["max_iter"]
    assert chosen["min_samples_leaf"] == 5


def test_loss_falls_and_there_are_no_trials_without_a_search(
    finished: Workspace,
) -> None:
    assert len(pd.read_csv(finished.folder / "reports/search.csv")) == 0
    path = finished.folder / "reports/training/plots/metrics/loss.tsv"
    loss = pd.read_csv(path, sep="\t")["loss"]
    assert len(loss) == 2
    assert loss.is_monotonic_decreasing
