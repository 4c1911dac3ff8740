"""Columns that name entities with several rows, and numbers that are codes."""

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reproducible_ml.contract.findings import Finding
from reproducible_ml.contract.schema import Contract, Data
from reproducible_ml.core.params import Compute
from reproducible_ml.quality.entities import (
    check_codes,
    check_entities,
    likeness,
    names_entities,
)

RAW = Path("data/raw/people.csv")
COMPUTE = Compute(backend="sequential", n_jobs=1)

CleanTable = Callable[..., pd.DataFrame]
Findings = Callable[..., list[Finding]]

NAMES = """
    patient Patient-No userName device subject# DeviceKey Kunde Kundennr Geräte-Nr
    Schüler élève utilisateur code_client usuario Paciente funcionário Utente klant
    USUBJID SUBJID cust_no IBAN email MRN
    użytkownik pacjent användare müşteri Пациент клиент_код 患者番号 客户编号 고객
"""


@pytest.fixture
def findings(
    stored: Callable[..., Path],
    contract_of: Callable[..., Contract],
    data_of: Callable[..., Data],
) -> Findings:
    """Return the findings about a frame; roles are those of the section `data`."""
    numbers = count()

    def check(
        frame: pd.DataFrame,
        *excluded: str,
        task: str = "binary",
        metadata: dict[str, Any] | None = None,
        **roles: Any,
    ) -> list[Finding]:
        data = data_of(task, **roles)
        table = stored(frame, *data.id, name=f"table {next(numbers)}", rows=130)
        contract = contract_of(frame, *excluded, **(metadata or {}))
        return list(check_entities(table, contract, data, COMPUTE, frame, RAW))

    return check


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("seed", range(3))
def test_clean_table_has_no_entities(
    task: str, seed: int, clean_table: CleanTable, findings: Findings
) -> None:
    assert findings(clean_table(task, 300, seed), task=task) == []


@pytest.mark.parametrize("name", NAMES.split())
def test_names_of_entities(name: str) -> None:
    assert names_entities(name.replace("-", " "))


@pytest.mark.parametrize(
    "name", ["visitors", "user_age", "membership", "Kunden", "reuse", "usage"]
)
def test_names_of_other_columns(name: str) -> None:
    assert not names_entities(name)


@pytest.mark.parametrize("name", ["customer_id", "customerId", "id", "patient"])
def test_entity_with_several_rows_is_reported_with_the_split_it_needs(
    name: str, clean_table: CleanTable, findings: Findings
) -> None:
    numbers = pd.Series([f"C{i // 3:05d}" for i in range(300)])
    (finding,) = findings(clean_table().assign(**{name: numbers}), name)
    assert (finding.kind, finding.column) == ("repeated entity", name)
    assert finding.problem.startswith("identifies 100 entities in 300 rows")
    assert f"set data.group: {name} and split.method: group" in finding.fix


def test_entity_is_recognised_by_the_reason_of_its_exclusion(
    clean_table: CleanTable, findings: Findings
) -> None:
    frame = clean_table().assign(machine=np.arange(300) // 3)
    metadata = {"machine": {"treatment": "exclude", "reason": "an identifier"}}
    assert [f.kind for f in findings(frame, metadata=metadata)] == ["repeated entity"]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        *((name, np.arange(300) // 3) for name in ("paid", "valid", "grid", "number")),
        ("customer", pd.Categorical(["new", "old", "lost"] * 100)),
        ("customer_id", np.arange(300)),
    ],
)
def test_other_columns_are_not_entities(
    name: str, values: Any, clean_table: CleanTable, findings: Findings
) -> None:
    assert findings(clean_table().assign(**{name: values})) == []


def per_entity(entities: int, each: int, seed: int, noise: float) -> pd.DataFrame:
    """Return rows of entities whose numbers and target are alike; `y` is by chance."""
    random = np.random.default_rng(seed)
    who = np.repeat(np.arange(entities), each)
    own = random.normal(size=(entities, 4))[who]
    frame = pd.DataFrame(
        own + noise * random.normal(size=own.shape), columns=list("abcd")
    )
    frame["y"] = pd.Categorical(
        np.where(random.random(entities) < 0.5, "no", "yes")[who]
    )
    names = random.permutation(entities)[who]
    frame["unit"] = pd.Categorical([f"u{name:03d}" for name in names])
    frame["number"] = names
    return frame.sample(frac=1, random_state=seed, ignore_index=True)


@pytest.mark.parametrize("column", ["unit", "number"])
@pytest.mark.parametrize(("entities", "each"), [(150, 6), (40, 3), (20, 40)])
@pytest.mark.parametrize("task", ["binary", "regression"])
def test_entities_are_recognised_by_their_likeness(
    column: str, entities: int, each: int, task: str, findings: Findings
) -> None:
    frame = per_entity(entities, each, 0, 0.3)
    if task == "regression":
        frame["y"] = frame["d"] + 0.1 * frame["a"]
    other = {"unit": "number", "number": "unit"}[column]
    (finding,) = findings(frame.drop(columns=other), task=task)
    assert (finding.kind, finding.column) == ("repeated entity", column)
    assert "measured numbers" in finding.problem
    assert f"add --group {column} to rml data" in finding.fix
    assert findings(frame.drop(columns=other), task=task, group=column) == []


def test_strong_category_is_no_entity(findings: Findings) -> None:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(size=(600, 4)), columns=list("abcd"))
    city = random.integers(0, 30, 600)
    frame["city"] = pd.Categorical([f"c{number}" for number in city])
    frame["age"] = random.integers(18, 90, 600)
    frame["y"] = 3 * random.normal(size=30)[city] + frame["age"] / 5 + frame["a"]
    assert findings(frame, task="regression") == []
    frame["a"] = frame["y"] * 2 + random.normal(size=600)
    assert findings(frame.drop(columns="city"), task="regression") == []


def test_likeness_is_zero_by_chance_and_one_if_rows_are_the_same() -> None:
    random = np.random.default_rng(0)
    codes, numbers = random.integers(0, 50, 400), random.normal(size=(400, 2))
    found = likeness(codes, numbers)
    assert abs(found.correlation) < 0.1
    assert found.chance > 0.001
    same = likeness(codes, codes.reshape(-1, 1).astype(float))
    assert same.correlation > 0.999
    assert same.chance < 1e-12


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
