"""A generated table, and the pipeline that runs on it.

It has the columns of data/schema.yaml and one of every kind, with random values, and a
target for each task. Random rows would fail own checks and rules, so there are none.
"""

import json
import os
import shlex
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import chdir
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import settings
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from reproducible_ml.contract.checks import add_row_keys
from reproducible_ml.contract.schema import Column, Contract, Data, load_contract
from reproducible_ml.core.files import parse_params
from reproducible_ml.core.parts import read_table
from reproducible_ml.modeling.model.store import load_model
from tumour_diagnosis.datasets import clean, validate
from tumour_diagnosis.models.metrics import METRICS
from tumour_diagnosis.params import Params

ROOT = Path(__file__).parents[1]
PACKAGE = Params.__module__.partition(".")[0]

# The same examples in every run: a test suite has to be reproducible as well.
settings.register_profile("project", deadline=None, max_examples=20, derandomize=True)
settings.load_profile("project")

# A shell that starts tests in the background lets them, and what they start, ignore
# Ctrl-C: the tests of it would fail.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Small models are fitted faster by one thread, and tests run side by side.
threadpool_limits(1)
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

MEANS = {"metadata": {"treatment": "target_encoding"}}
WORDS = {"metadata": {"treatment": "bag_of_words"}}
KINDS: dict[str, dict[str, Any]] = {
    "kind_amount": {"dtype": "float64", "nullable": True},
    "kind_price": {"dtype": "float64"},
    "kind_items": {"dtype": "Int64", "nullable": True},
    "kind_member": {"dtype": "bool"},
    "kind_insured": {"dtype": "boolean", "nullable": True},
    "kind_channel": {
        "dtype": "category",
        "isin": ["shop", "web", "fax"],
        "nullable": True,
    },
    "kind_size": {"dtype": "category", "isin": [1, 2, 3]},
    "kind_sent": {"dtype": "datetime64[ns]", "nullable": True},
    "kind_postcode": {"dtype": "str", "nullable": True, **MEANS},
    "kind_depot": {"dtype": "Int64", "nullable": True, **MEANS},
    "kind_complaint": {"dtype": "str", "nullable": True, **WORDS},
    "kind_note": {"dtype": "str"},
    "kind_order": {"dtype": "int64"},
}
TARGETS: dict[str, dict[str, Any]] = {
    "binary": {"dtype": "category", "isin": ["no", "yes"]},
    # Not in the order of the alphabet, and there is no row of the last one.
    "multiclass": {"dtype": "category", "isin": ["small", "medium", "large", "none"]},
    "regression": {"dtype": "float64"},
}
TARGET = "kind_target"
RAW = Path("data/raw/table.parquet")


@cache
def project_params() -> dict[str, Any]:
    """Return the sections of the committed params.yaml."""
    found: dict[str, Any] = parse_params((ROOT / "params.yaml").read_text("utf-8"))
    return found


@cache
def project_contract() -> Contract:
    """Return the committed contract."""
    data = Data.model_validate(project_params()["data"])
    return load_contract(ROOT / "data" / "schema.yaml", data)


def make_data(task: str, **roles: Any) -> Data:
    """Return the roles of columns; the id is the number of the order."""
    positive = {"positive": "yes"} if task == "binary" else {}
    given = {"target": TARGET, "task": task, "id": ["kind_order"]}
    return Data.model_validate(given | positive | roles)


@cache
def make_contract(task: str) -> Contract:
    """Return a contract with the columns of the table for a task."""
    found, columns = project_contract(), {}
    features = found.features(Data.model_validate(project_params()["data"]))
    for name, column in found.columns.items():
        treatment = column.treatment if name in features else "exclude"
        columns[name] = {
            "dtype": column.dtype,
            "nullable": column.nullable,
            "isin": column.isin if column.dtype == "category" else None,
            "metadata": {"treatment": treatment},
        }
    every = columns | KINDS | {TARGET: TARGETS[task]}
    return Contract.model_validate({"columns": every})


def make_rows(rows: int, seed: int, task: str = "binary") -> pd.DataFrame:
    """Return rows with their keys; `kind_amount` says most about the target."""
    random = np.random.default_rng(seed)
    contract = make_contract(task)
    limits = project_contract().columns
    table = pd.DataFrame(
        {
            name: _values(limits.get(name, column), rows, random)
            for name, column in contract.columns.items()
            if name != TARGET
        }
    )
    table["kind_order"] = seed * rows + np.arange(rows)
    amount = random.normal(size=rows)
    web = random.random(rows) < 0.5
    odds = amount + web + random.normal(scale=0.4, size=rows)
    complaint = np.where(random.random(rows) < 0.9, odds > 0.5, odds <= 0.5)
    given = {
        "kind_amount": pd.Series(amount),
        "kind_channel": pd.Series(np.where(web, "web", "shop")),
        "kind_complaint": pd.Series(np.where(complaint, "Broken!", "Thanks")),
    }
    for name, values in given.items():
        column = contract.columns[name]
        table[name] = _typed(values.mask(random.random(rows) < 0.05), column)
    targets = {
        "binary": np.where(odds > 0.5, "yes", "no"),
        "multiclass": np.array(["small", "medium", "large"])[
            np.digitize(odds, [0.0, 1.0])
        ],
        "regression": 50 + 10 * odds,
    }
    table[TARGET] = _typed(pd.Series(targets[task]), contract.columns[TARGET])
    return add_row_keys(table[list(contract.columns)], contract, make_data(task))


def _values(column: Column, rows: int, random: np.random.Generator) -> pd.Series:
    """Return values of the kind of a column, within its limits."""
    low, high = 1, 40
    limits = column.in_range
    if limits and column.dtype in ("float64", "int64", "Int64"):
        low, high = limits.min_value, limits.max_value
    if column.isin:
        found = pd.Series(random.choice(np.array(column.isin, dtype=object), rows))
    elif column.dtype == "float64":
        found = pd.Series(random.uniform(low, high, rows))
    elif column.dtype in ("int64", "Int64"):
        found = pd.Series(random.integers(int(low), int(high) + 1, rows))
    elif column.dtype in ("bool", "boolean"):
        found = pd.Series(random.random(rows) < 0.5)
    elif column.dtype == "str":
        found = pd.Series([f"text {n}" for n in random.integers(0, 20, rows)])
    else:
        days = pd.to_timedelta(random.integers(0, 700, rows), "D")
        found = pd.Series(pd.Timestamp("2024-01-01") + days)
    if column.nullable:
        found = found.mask(random.random(rows) < 0.05)
    return _typed(found, column)


def _typed(values: pd.Series, column: Column) -> pd.Series:
    if column.dtype == "category":
        return values.astype(pd.CategoricalDtype(list(column.isin or ())))
    return values.astype(column.dtype)


def make_params(task: str, **sections: dict[str, Any]) -> dict[str, Any]:
    """Return params.yaml for a task: a small model; some keys of sections changed."""
    kind = "Regressor" if task == "regression" else "Classifier"
    estimator = {
        "path": f"sklearn.ensemble.HistGradientBoosting{kind}",
        "arguments": {"max_iter": 10, "min_samples_leaf": 5},
    }
    slices = {"kind_amount": [-0.5, 0.5], "kind_channel": [], "kind_member": []}
    protected = {"kind_amount": [0.0], "kind_member": []}
    together = [list(protected)]
    names = list(METRICS[task])
    numbers = {"replicates": 100, "importance_repeats": 1, "importance_rows": 80}
    groups = {"slices": slices, "protected": protected, "intersections": together}
    params = project_params() | {
        "data": make_data(task).model_dump(mode="json"),
        "compute": {"backend": "sequential", "n_jobs": 1, "rows_per_part": 100},
        "clean": {},
        "split": {"test_size": 0.4},
        "train": {"estimator": estimator, "live_steps": 2},
        "evaluate": {"metrics": names, **groups, **numbers},
        "gate": {},
    }
    return params | {name: params[name] | keys for name, keys in sections.items()}


class Workspace(NamedTuple):
    """A folder where the stages of dvc.yaml run in this process."""

    folder: Path
    task: str

    @property
    def data(self) -> Data:
        """Roles of its columns."""
        return make_data(self.task)

    @property
    def contract(self) -> Contract:
        """What its columns are."""
        return make_contract(self.task)

    def set_params(self, **sections: dict[str, Any]) -> None:
        """Write params.yaml with some keys of some sections changed."""
        text = json.dumps(make_params(self.task, **sections))
        (self.folder / "params.yaml").write_text(text, "utf-8")

    def run(self, *names: str) -> None:
        """Run these stages, or all but that which makes the raw table."""
        for name, (module, paths) in commands().items():
            if name in (names or commands()):
                with chdir(self.folder):
                    import_module(module).main(*paths)

    def rows(self, table: str) -> pd.DataFrame:
        """Return the rows of a table, as `data/processed/train`."""
        return read_table(self.folder / table)

    def model(self) -> Pipeline:
        """Return the stored model."""
        model, manifest = (self.folder / f"models/model.{s}" for s in ("skops", "json"))
        return load_model(model, manifest, package=PACKAGE)

    def json(self, name: str) -> Any:
        """Return what a file of JSON says, which has no NaN."""

        def refuse(constant: str) -> None:
            raise AssertionError(constant)

        text = (self.folder / name).read_text("utf-8")
        return json.loads(text, parse_constant=refuse)

    def contents(self, *folders: str) -> dict[str, bytes]:
        """Return all files in some folders, or in all that stages write."""
        every = folders or ("data/interim", "data/processed", "models", "reports")
        return {
            str(path.relative_to(self.folder)): path.read_bytes()
            for folder in every
            for path in sorted((self.folder / folder).rglob("*"))
            if path.is_file()
        }


def commands() -> dict[str, tuple[str, list[Path]]]:
    """Return module and paths of each stage in dvc.yaml that reads the raw table."""
    pipeline = yaml.safe_load((ROOT / "dvc.yaml").read_text("utf-8"))
    found = {}
    for name, stage in pipeline["stages"].items():
        words = shlex.split(stage["cmd"].replace("${raw}", str(RAW)))
        makes_raw_table = "${raw}" in stage.get("outs", [])
        if words[2].startswith(f"{PACKAGE}.") and not makes_raw_table:
            found[name] = words[2], [Path(word) for word in words[3:]]
    return found


@pytest.fixture(scope="session")
def make_workspace(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[..., Workspace]]:
    """Return a function that makes a folder with params.yaml, contract and table."""

    def make(task: str, rows: int = 400, **sections: dict[str, Any]) -> Workspace:
        workspace = Workspace(tmp_path_factory.mktemp(task), task)
        folder = workspace.folder / "data"
        (folder / "interim").mkdir(parents=True)
        contract = workspace.contract.model_dump(mode="json", exclude_defaults=True)
        (folder / "schema.yaml").write_text(yaml.safe_dump(contract, sort_keys=False))
        (folder / "raw").mkdir()
        table = make_rows(rows, 1, task).reset_index(drop=True)
        table.to_parquet(workspace.folder / RAW)
        workspace.set_params(**sections)
        return workspace

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(validate, "CHECKS", [])
        patch.setattr(clean, "RULES", [])
        yield make


@pytest.fixture(scope="session")
def finish(make_workspace: Callable[..., Workspace]) -> Callable[[str], Workspace]:
    """Return a function that runs all stages for a task, once."""

    @cache
    def run(task: str) -> Workspace:
        workspace = make_workspace(task)
        workspace.run()
        return workspace

    return run


@pytest.fixture(scope="session", params=TARGETS)
def finished(
    request: pytest.FixtureRequest, finish: Callable[[str], Workspace]
) -> Workspace:
    """Return a workspace of each task where all stages ran; not to be changed."""
    return finish(request.param)


@pytest.fixture
def copy_of(
    finish: Callable[[str], Workspace], tmp_path: Path
) -> Callable[[str], Workspace]:
    """Return a function that copies a finished workspace, for a test to change."""

    def copy(task: str) -> Workspace:
        shutil.copytree(finish(task).folder, tmp_path / task)
        return Workspace(tmp_path / task, task)

    return copy
