"""XGBoost in external memory and in several processes, each with its own parts."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline

from reproducible_ml.contract.schema import Data
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.params import Compute
from reproducible_ml.core.parts import Rows, read_table, write_part
from reproducible_ml.modeling.fitting.boosting import Settings, fit_boosted, share_rows
from reproducible_ml.modeling.model.store import load_model, read_manifest, save_model
from reproducible_ml.modeling.model.transformers import CategoryCodes, Numbers

from ..environments import packages

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("xgboost")]

COLUMNS, KINDS = ["kind", "age", "odd name"], ["a", "b", "c", "never", "rare"]

PARTS, ROWS = 4, 400

TARGETS: dict[str, Callable[[pd.DataFrame], pd.Series]] = {
    "binary": lambda rows: rows["score"] > 0,
    "multiclass": lambda rows: pd.cut(
        rows["score"], [-99, -1, 1, 99], labels=["low", "middle", "top"]
    ).astype(str),
    "regression": lambda rows: rows["score"],
}


@pytest.fixture(autouse=True)
def layer(monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let this process and others import XGBoost."""
    folder = packages("xgboost")
    monkeypatch.syspath_prepend(folder)
    path = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))
    return folder


def data_of(task: str) -> Data:
    positive = {"positive": True} if task == "binary" else {}
    return Data.model_validate({"target": "target", "task": task} | positive)


def write_table(folder: Path, task: str) -> Path:
    """Write parts of rows with missing values and a category of one row."""
    folder.mkdir()
    for number in range(PARTS):
        random = np.random.default_rng(number)
        rows = pd.DataFrame(
            {
                "kind": random.choice(["a", "b", "c"], ROWS),
                "age": random.normal(size=ROWS),
                "odd name": random.integers(0, 9, ROWS).astype(float),
            },
            index=pd.Index(
                random.integers(0, 2**63, ROWS).astype(np.uint64), name="row_key"
            ),
        )
        noise = random.normal(size=ROWS) / 4
        rows["score"] = rows["age"] + (rows["kind"] == "b") * 2 - 1 + noise
        rows["target"] = TARGETS[task](rows)
        rows.loc[random.random(ROWS) < 0.1, ["age", "kind"]] = None
        if number == PARTS - 1:
            rows.iloc[0, 0] = "rare"
        rows["kind"] = pd.Categorical(rows["kind"], KINDS)
        write_part(rows.drop(columns="score"), folder, number)
    return folder


def unfitted(task: str, **arguments: Any) -> Pipeline:
    from reproducible_ml.modeling.model import boosting

    kind = boosting.XGBRegressor if task == "regression" else boosting.XGBClassifier
    features = ColumnTransformer(
        [
            ("categorical", CategoryCodes({"kind": KINDS}), ["kind"]),
            ("numeric", Numbers(), COLUMNS[1:]),
        ]
    )
    arguments = {"n_estimators": 8, "max_depth": 4} | arguments
    estimator = kind(categorical_features=[0], random_state=0, **arguments)
    return Pipeline([("features", features), ("estimator", estimator)])


def fitted(table: Path, task: str, workers: int = 1, **others: Any) -> Pipeline:
    folder = table.parent / "run"
    found = fit_boosted(
        unfitted(task, **others.pop("arguments", {})),
        others.pop("rows", Rows(table)),
        COLUMNS,
        data_of(task),
        Settings(workers, others.pop("batch_rows", 150), **others),
        Compute(backend="sequential"),
        folder,
    )
    return found.pipeline


def sha_of(pipeline: Pipeline, folder: Path) -> str:
    save_model(pipeline, folder / "model.skops", folder / "model.json", {})
    return str(read_manifest(folder / "model.json")["sha256"])


@pytest.mark.parametrize("task", TARGETS)
def test_two_processes_make_the_model_of_all_rows_in_memory(
    task: str, tmp_path: Path
) -> None:
    table = write_table(tmp_path / "train", task)
    rows = read_table(table)
    at_once = unfitted(task).fit(rows[COLUMNS], rows["target"])
    expected = at_once.predict(rows[COLUMNS])
    sha_of(fitted(table, task, workers=2), tmp_path)
    model = load_model(tmp_path / "model.skops", tmp_path / "model.json")
    found = model.predict(rows[COLUMNS])
    # Thresholds of so few rows are those of all of them.
    if task == "regression":
        assert np.abs(found - expected).max() < 1e-4
        assert np.corrcoef(found, rows["target"])[0, 1] > 0.9
    else:
        assert found.dtype == expected.dtype
        assert (found == expected).mean() > 0.995
        assert (found == rows["target"]).mean() > 0.85


def test_same_bytes_whatever_the_batches_threads_and_runs(tmp_path: Path) -> None:
    table = write_table(tmp_path / "train", "binary")
    one = sha_of(fitted(table, "binary", arguments={"n_jobs": 2}), tmp_path)
    again = fitted(table, "binary", batch_rows=77, arguments={"n_jobs": 2})
    assert sha_of(again, tmp_path) == one


def test_workers_need_parts_of_their_own(tmp_path: Path) -> None:
    table = write_table(tmp_path / "train", "binary")
    with pytest.raises(UserError, match=r"train.workers: 5, but .* only 4 parts"):
        share_rows(Rows(table), 5)


@pytest.mark.parametrize(
    "arguments",
    [{"tree_method": "exact"}, {"early_stopping_rounds": 3}, {"booster": "gblinear"}],
)
def test_what_needs_all_rows_in_memory_is_an_error(
    arguments: dict[str, Any], tmp_path: Path
) -> None:
    table = write_table(tmp_path / "train", "binary")
    [name] = arguments
    with pytest.raises(UserError, match=rf"arguments: {name}: .* Fix: "):
        fitted(table, "binary", arguments=arguments)
