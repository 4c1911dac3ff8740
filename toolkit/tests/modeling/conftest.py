"""A small table of orders on disk, and what the stages need to learn from it."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.linear_model import LogisticRegression

from reproducible_ml.contract.schema import Contract
from reproducible_ml.core import keys
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.files import write_json
from reproducible_ml.core.parts import write_part
from reproducible_ml.modeling.metrics.metric import Predictions
from reproducible_ml.modeling.model.store import load_model, save_model
from tumour_diagnosis.models import evaluate, train
from tumour_diagnosis.params import Params

COLUMNS: dict[str, dict[str, Any]] = {
    "amount": {"dtype": "float64", "nullable": True},
    "items": {"dtype": "int64"},
    "member": {"dtype": "bool"},
    "channel": {"dtype": "category", "isin": ["shop", "web", "phone"]},
    "ordered_at": {"dtype": "datetime64[ns]"},
}

# What each task predicts. The classes of a parcel do not stand in alphabetical order.
TARGETS: dict[str, dict[str, dict[str, Any]]] = {
    "binary": {"returned": {"dtype": "category", "isin": ["no", "yes"]}},
    "multiclass": {
        "parcel": {"dtype": "category", "isin": ["small", "medium", "large", "none"]}
    },
    "regression": {"costs": {"dtype": "float64"}},
}

DATA: dict[str, dict[str, Any]] = {
    "binary": {"target": "returned", "positive": "yes"},
    "multiclass": {"target": "parcel", "task": "multiclass"},
    "regression": {"target": "costs", "task": "regression"},
}

METRICS = {
    "binary": ["roc_auc", "accuracy", "log_loss"],
    "multiclass": ["balanced_accuracy", "f1_macro", "roc_auc_ovr"],
    "regression": ["rmse", "mae", "r2"],
}


def make_params(task: str) -> dict[str, Any]:
    """Return what params.yaml says about a task."""
    kind = "Regressor" if task == "regression" else "Classifier"
    return {
        "data": DATA[task],
        "train": {
            "estimator": {
                "path": f"sklearn.ensemble.HistGradientBoosting{kind}",
                "arguments": {"max_iter": 5, "min_samples_leaf": 5},
            }
        },
        "evaluate": {
            "metrics": METRICS[task],
            "replicates": 100,
            "importance_repeats": 2,
            "slices": {"amount": [-0.5, 0.5], "channel": [], "member": []},
        },
    }


def make_contract(task: str) -> dict[str, Any]:
    """Return what schema.yaml says about a task."""
    return {"columns": COLUMNS | TARGETS[task]}


def make_orders(rows: int, seed: int, task: str = "binary") -> pd.DataFrame:
    """Return orders with their keys; dear ones and those from the web come back.

    They also come in larger parcels and have higher costs. There is no parcel `none`.
    """
    random = np.random.default_rng(seed)
    amount = random.normal(size=rows)
    web = random.random(rows) < 0.5
    odds = amount + web + random.normal(scale=0.5, size=rows)
    orders = pd.DataFrame(
        {
            "amount": np.where(random.random(rows) < 0.05, np.nan, amount),
            "items": random.integers(1, 6, rows),
            "member": random.random(rows) < 0.3,
            "channel": pd.Categorical(
                np.where(web, "web", "shop"), categories=["shop", "web", "phone"]
            ),
            "ordered_at": pd.date_range(
                "2024-01-01", periods=rows, freq="7h", unit="ns"
            ),
        }
    )
    index = pd.Index(keys.hash_rows(orders, list(COLUMNS)), name=keys.ROW_KEY)
    size = np.digitize(odds, [0.0, 1.0])
    targets = {
        "returned": np.where(odds > 0.5, "yes", "no"),
        "parcel": np.array(["small", "medium", "large"])[size],
        "costs": 50 + 10 * odds,
    }
    for name, column in TARGETS[task].items():
        values = pd.Series(targets[name])
        if "isin" in column:
            values = values.astype(pd.CategoricalDtype(column["isin"]))
        orders[name] = values
    return orders.set_index(index)


def write_table(rows: pd.DataFrame, table: Path, rows_per_part: int) -> None:
    table.mkdir(parents=True)
    for number, at in enumerate(range(0, len(rows), rows_per_part)):
        write_part(rows.iloc[at : at + rows_per_part], table, number)


class Workspace(NamedTuple):
    """A folder with what `train` and `evaluate` read, and where they write."""

    folder: Path
    task: str

    def set_params(self, **sections: dict[str, Any]) -> None:
        """Write params.yaml, with some keys of some sections changed."""
        params = make_params(self.task)
        changed = {name: params[name] | section for name, section in sections.items()}
        text = yaml.safe_dump(params | changed)
        (self.folder / "params.yaml").write_text(text, "utf-8")

    def train(self) -> None:
        read = ["train", "schema.yaml", "cleaning.json"]
        write = ["model.skops", "model.json", "search.csv", "training"]
        train.main(*(self.folder / name for name in [*read, *write]))

    def evaluate(self) -> None:
        read = ["model.skops", "model.json", "schema.yaml", "train", "test"]
        write = ["metrics.json", "evaluation.json", "bootstrap.json", "plots"]
        evaluate.main(*(self.folder / name for name in [*read, *write]))


@pytest.fixture
def make_workspace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Workspace]:
    """Return a function that makes the folder `name` and steps into it."""

    def make(
        name: str = "project",
        *,
        task: str = "binary",
        rows_per_part: int = 100,
        turn: bool = False,
        clip_to: dict[str, list[float]] | None = None,
    ) -> Workspace:
        workspace = Workspace(tmp_path / name, task)
        train_rows, test_rows = make_orders(200, 1, task), make_orders(150, 2, task)
        test_rows = test_rows.iloc[::-1] if turn else test_rows
        write_table(train_rows, workspace.folder / "train", 200)
        write_table(test_rows, workspace.folder / "test", rows_per_part)
        contract = yaml.safe_dump(make_contract(task), sort_keys=False)
        (workspace.folder / "schema.yaml").write_text(contract, "utf-8")
        write_json({"clip_to": clip_to or {}}, workspace.folder / "cleaning.json")
        workspace.set_params()
        monkeypatch.chdir(workspace.folder)
        return workspace

    return make


@pytest.fixture
def workspace(make_workspace: Callable[..., Workspace]) -> Workspace:
    return make_workspace()


@pytest.fixture
def contract() -> Contract:
    return Contract.model_validate(make_contract("binary"))


@pytest.fixture
def params() -> Params:
    return Params.model_validate(make_params("binary"))


@pytest.fixture
def orders() -> pd.DataFrame:
    return make_orders(200, seed=1)


@pytest.fixture
def predicted() -> Predictions:
    """Return 400 rows, scored as a fair model would."""
    random = np.random.default_rng(0)
    score = random.random(400)
    return Predictions(random.random(400) < score, score)


@pytest.fixture
def classified() -> Predictions:
    """Return 400 rows of four classes, with probabilities as a fair model gives."""
    random = np.random.default_rng(0)
    scores = random.dirichlet([1.0, 0.5, 0.5, 0.2], size=400)
    chance = random.random((400, 1))
    return Predictions((chance > scores.cumsum(axis=1)[:, :-1]).sum(axis=1), scores)


@pytest.fixture
def estimated() -> Predictions:
    """Return 400 numbers, and estimates that are about one off."""
    random = np.random.default_rng(0)
    actual = random.normal(50, 10, 400)
    return Predictions(actual, actual + random.normal(size=400))


@pytest.fixture
def row_keys() -> keys.Keys:
    """Return keys for the rows of `predicted`, `classified` and `estimated`."""
    return np.random.default_rng(1).integers(0, 2**64, 400, dtype=np.uint64)


class Stored:
    """A model in a folder, and its manifest."""

    def __init__(self, folder: Path) -> None:
        self.model = folder / "model.skops"
        self.manifest = folder / "model.json"

    def save(self, model: Any, **facts: Any) -> None:
        save_model(model, self.model, self.manifest, facts)

    def load(self) -> Any:
        return load_model(self.model, self.manifest)

    def facts(self) -> dict[str, Any]:
        return dict(json.loads(self.manifest.read_text("utf-8")))

    def forge(self, content: bytes) -> None:
        """Put another file in place of the model, and its hash into the manifest."""
        self.model.write_bytes(content)
        facts = self.facts() | {"sha256": hashlib.sha256(content).hexdigest()}
        self.manifest.write_text(json.dumps(facts), "utf-8")

    def refusal(self) -> str:
        """Return why the model is not loaded."""
        with pytest.raises(UserError) as caught:
            self.load()
        assert "\n" not in str(caught.value)
        return str(caught.value)


@pytest.fixture
def linear() -> LogisticRegression:
    rows = np.random.default_rng(0).normal(size=(50, 2))
    return LogisticRegression().fit(rows, rows.sum(axis=1) > 0)


@pytest.fixture
def stored(tmp_path: Path, linear: LogisticRegression) -> Stored:
    stored = Stored(tmp_path)
    stored.save(linear)
    return stored
