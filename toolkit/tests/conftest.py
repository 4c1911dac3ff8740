"""A small project with a column of every kind, and the few tools that tests share."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import settings
from ruamel.yaml import YAML

from reproducible_ml.core import keys
from reproducible_ml.core.files import parse_params
from reproducible_ml.core.params import read_yaml
from reproducible_ml.core.parts import write_part
from tumour_diagnosis.params import Params

# The same examples in every run: a test suite has to be reproducible as well.
settings.register_profile("project", deadline=None, max_examples=30, derandomize=True)
settings.load_profile("project")

# A shell that starts the tests in the background lets them, and what they start, ignore
# Ctrl-C: the tests of it would fail.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name no test by bytes: a compressed file holds the time at which it was made.

    Workers would collect tests of different names, and pytest-xdist would refuse them.
    """
    return argname if isinstance(val, bytes) else None


# Tests of what a CI server does differently set it.
os.environ.pop("CI", None)

PARAMS: dict[str, Any] = {
    "data": {"target": "bought", "positive": "yes"},
    "compute": {"backend": "sequential", "n_jobs": 1, "rows_per_part": 25},
    "train": {"estimator": {"path": "sklearn.linear_model.LogisticRegression"}},
    "evaluate": {"metrics": ["roc_auc"]},
}

CONTRACT = """\
schema_type: dataframe
strict: true
columns:
  name: {dtype: str, str_length: {max_value: 30}}
  age: {dtype: int64, in_range: {min_value: 0, max_value: 120}}
  income: {dtype: float64, nullable: true, greater_than_or_equal_to: 0.0}
  city: {dtype: category, isin: [Bonn, Oslo, Rome]}
  member: {dtype: bool}
  joined: {dtype: "datetime64[ns]"}
  bought: {dtype: category, isin: ["no", "yes"]}
"""


@pytest.fixture
def people() -> pd.DataFrame:
    """60 rows as `validate` leaves them; 20 names, a quarter of incomes missing."""
    random = np.random.default_rng(0)
    income = random.normal(3000, 500, 60).round(2)
    joined = pd.Timestamp("2024-01-01") + pd.to_timedelta(random.permutation(60), "D")
    frame = pd.DataFrame(
        {
            "name": pd.Series([f"person {i % 20}" for i in range(60)], dtype="str"),
            "age": random.integers(18, 80, 60),
            "income": np.where(np.arange(60) % 4 == 0, np.nan, income),
            "city": pd.Categorical(random.choice(["Bonn", "Oslo", "Rome"], 60)),
            "member": random.random(60) < 0.5,
            "joined": joined.astype("datetime64[ns]"),
            "bought": pd.Categorical(random.choice(["no", "yes"], 60)),
        }
    )
    row_keys = keys.hash_rows(frame, list(frame.columns.drop("bought")))
    return frame.set_index(pd.Index(row_keys, name=keys.ROW_KEY))


@pytest.fixture
def project(
    people: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A folder, and the current one, with params.yaml, schema.yaml and people.csv."""
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(PARAMS))
    (tmp_path / "schema.yaml").write_text(CONTRACT)
    people.to_csv(tmp_path / "people.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def set_params(project: Path) -> Callable[..., Params]:
    """Change keys of params.yaml by section, as in clean={"missing": "drop"}."""

    def change(**sections: dict[str, Any]) -> Params:
        path = project / "params.yaml"
        params = parse_params(path.read_text())
        for section, values in sections.items():
            params[section] = params.get(section, {}) | values
        YAML(typ="safe").dump(params, path)
        return read_yaml(path, Params, parse_params)

    return change


@pytest.fixture(scope="session")
def write_table() -> Callable[[pd.DataFrame, Path, int], Path]:
    """Write a frame as a table whose parts have this many rows."""

    def write(frame: pd.DataFrame, table: Path, rows: int) -> Path:
        table.mkdir(parents=True)
        for number, first in enumerate(range(0, max(len(frame), 1), rows)):
            write_part(frame.iloc[first : first + rows], table, number)
        return table

    return write


@pytest.fixture(scope="session")
def run_module() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a module of the package with arguments in a folder, as DVC does."""

    def run(
        module: str, *arguments: object, cwd: Path
    ) -> subprocess.CompletedProcess[str]:
        name = f"tumour_diagnosis.{module}"
        return subprocess.run(
            [sys.executable, "-m", name, *map(str, arguments)],
            cwd=cwd,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return run
