"""Trained models of each task, and rows to predict."""

import json
import shutil
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from reproducible_ml.serving.model import Model, Unseen
from tumour_diagnosis.deployment.predict import Predict, load

from ..modeling.conftest import Workspace, make_orders, make_workspace

__all__ = ["make_workspace"]

# Where the answer for a row depends on BLAS, and where it does not.
LINEAR = {
    "binary": "sklearn.linear_model.LogisticRegression",
    "multiclass": "sklearn.linear_model.LogisticRegression",
    "regression": "sklearn.linear_model.Ridge",
}


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of the models that were trained, by their settings."""
    return {"": tmp_path_factory.mktemp("models")}


@pytest.fixture
def train_folder(
    make_workspace: Callable[..., Workspace], trained: dict[str, Path]
) -> Callable[..., Path]:
    """Return a function that returns the folder of a model, which is trained once."""
    numbers = count()

    def make(task: str = "binary", path: str | None = None, **settings: Any) -> Path:
        if path:
            settings["estimator"] = {"path": path}
        key = f"{task} {settings}"
        if key not in trained:
            workspace = make_workspace(f"project{next(numbers)}", task=task)
            workspace.set_params(train=settings)
            workspace.train()
            folder = trained[""] / str(len(trained))
            folder.mkdir()
            for name in ("model.skops", "model.json"):
                shutil.copy(workspace.folder / name, folder)
            trained[key] = folder
        return trained[key]

    return make


@pytest.fixture
def train(train_folder: Callable[..., Path]) -> Callable[..., Model]:
    """Return a function that loads a model for a task, which is trained once."""

    def make(
        task: str = "binary",
        path: str | None = None,
        unseen: Unseen = "reject",
        **settings: Any,
    ) -> Model:
        return load(train_folder(task, path, **settings), Predict(unseen=unseen))

    return make


def as_records(orders: pd.DataFrame) -> list[dict[str, Any]]:
    """Return orders as a client sends them, by row."""
    dates = orders["ordered_at"].dt.strftime("%Y-%m-%d")
    text = orders.assign(ordered_at=dates).to_json(
        orient="records", double_precision=15
    )
    found: list[dict[str, Any]] = json.loads(text)
    return found


@pytest.fixture
def orders() -> pd.DataFrame:
    """300 orders without target and keys; some amounts are missing."""
    return make_orders(300, 3).drop(columns="returned").reset_index(drop=True)
