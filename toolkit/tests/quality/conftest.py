"""Clean tables of every task, with their contracts and roles."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reproducible_ml.contract.schema import Contract, Data
from reproducible_ml.core import keys

WriteTable = Callable[[pd.DataFrame, Path, int], Path]


@pytest.fixture(scope="session")
def clean_table() -> Callable[..., pd.DataFrame]:
    """Return rows with nothing unusual about them; the target is `y`."""
    return _clean


def _clean(task: str = "binary", rows: int = 300, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    score = random.normal(size=rows)
    income = random.lognormal(8, 1, rows).round(2)
    days = pd.to_timedelta(random.integers(0, 1500, rows), "D")
    frame = pd.DataFrame(
        {
            "age": random.integers(18, 90, rows),
            "income": np.where(random.random(rows) < 0.1, np.nan, income),
            "visits": pd.array(random.poisson(3, rows), dtype="Int64"),
            "score": score.round(3),
            "city": pd.Categorical(random.choice(["Bonn", "Oslo", "Rome"], rows)),
            "member": random.random(rows) < 0.3,
            "joined": (pd.Timestamp("2020-01-01") + days).astype("datetime64[ns]"),
        }
    )
    frame.loc[random.random(rows) < 0.1, "visits"] = pd.NA
    noisy = score + random.normal(size=rows)
    if task == "binary":
        frame["y"] = pd.Categorical(np.where(noisy > 0, "yes", "no"))
    elif task == "multiclass":
        frame["y"] = pd.cut(
            noisy, [-9, -0.6, 0.6, 9], labels=list("abc"), ordered=False
        )
    else:
        frame["y"] = noisy.round(3)
    return frame


@pytest.fixture(scope="session")
def contract_of() -> Callable[..., Contract]:
    """Return a contract that fits a frame, with some columns excluded."""

    def contract(frame: pd.DataFrame, *excluded: str, **metadata: Any) -> Contract:
        columns: dict[str, dict[str, Any]] = {}
        for name in map(str, frame):
            values = frame[name]
            columns[name] = {"dtype": str(values.dtype), "nullable": values.hasnans}
            if values.dtype == "category":
                columns[name]["isin"] = list(values.cat.categories)
            if name in excluded:
                columns[name]["metadata"] = {"treatment": "exclude"}
            elif name in metadata:
                columns[name]["metadata"] = metadata[name]
        return Contract.model_validate({"columns": columns})

    return contract


@pytest.fixture(scope="session")
def data_of() -> Callable[..., Data]:
    """Return the roles of columns for the target `y`."""

    def data(task: str = "binary", **roles: Any) -> Data:
        positive = {"positive": "yes"} if task == "binary" else {}
        return Data.model_validate({"target": "y", "task": task, **positive, **roles})

    return data


@pytest.fixture
def stored(write_table: WriteTable, tmp_path: Path) -> Callable[..., Path]:
    """Write a frame as `validate` does, with keys of its ids or all but the target."""

    def write(
        frame: pd.DataFrame, *ids: str, name: str = "table", rows: int = 1700
    ) -> Path:
        row_keys = keys.hash_rows(frame, ids or list(frame.columns.drop("y")))
        keyed = frame.set_index(pd.Index(row_keys, name=keys.ROW_KEY))
        return write_table(keyed, tmp_path / name, rows)

    return write
