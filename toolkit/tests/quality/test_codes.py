"""Whole numbers whose size means nothing."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reproducible_ml.contract.schema import Contract, Data
from reproducible_ml.quality.codes import check_codes

RAW = Path("sales.csv")
ROWS = 3000


def found(values: Any, effect: Any, task: str, noise: float = 1.0) -> list[str | None]:
    """Return the columns found in a table whose target is an effect and noise."""
    random = np.random.default_rng(1)
    target = effect + random.normal(0, noise, ROWS)
    dtype, positive = "float64", None
    if task == "binary":
        target, dtype, positive = target > 0, "bool", True
    columns = {"shop": {"dtype": "int64"}, "sold": {"dtype": dtype}}
    contract = Contract.model_validate({"columns": columns})
    names = {"target": "sold", "task": task, "positive": positive}
    data = Data.model_validate({k: v for k, v in names.items() if v is not None})
    frame = pd.DataFrame({"shop": values, "sold": target})
    return [finding.column for finding in check_codes(frame, contract, data, RAW)]


@pytest.mark.parametrize("task", ["regression", "binary"])
@pytest.mark.parametrize("shops", [60, 300])
def test_numbers_of_shops_are_codes(task: str, shops: int) -> None:
    random = np.random.default_rng(0)
    values = random.integers(1000, 1000 + shops, ROWS)
    effects = random.normal(0, 1, shops)
    assert found(values, effects[values - 1000], task) == ["shop"]


@pytest.mark.parametrize("task", ["regression", "binary"])
@pytest.mark.parametrize(
    ("low", "high", "noise"), [(18, 90, 1.0), (18, 90, 5.0), (0, 600, 1.0)]
)
def test_quantities_are_none(task: str, low: int, high: int, noise: float) -> None:
    values = np.random.default_rng(0).integers(low, high, ROWS)
    for effect in (values / high, np.sin(values / high * 6), 0 * values):
        assert found(values, effect, task, noise) == []


def test_few_or_single_values_say_nothing() -> None:
    random = np.random.default_rng(0)
    few = random.integers(0, 30, ROWS)
    assert found(few, random.normal(0, 3, 30)[few], "regression") == []
    own = random.permutation(ROWS)
    assert found(own, random.normal(0, 3, ROWS)[own], "regression") == []
