"""Duplicate rows, conflicting targets, and ids of several rows."""

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
from reproducible_ml.quality.duplicate_rows import (
    check_duplicate_rows,
    expected_by_chance,
)

RAW = Path("data/raw/people.csv")
COMPUTE = Compute(backend="sequential", n_jobs=1)

CleanTable = Callable[..., pd.DataFrame]
Findings = Callable[..., list[Finding]]


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
        return list(check_duplicate_rows(table, contract, data, COMPUTE, frame, RAW))

    return check


def twice(frame: pd.DataFrame, rows: int, **changed: Any) -> pd.DataFrame:
    """Return the frame and, once more, some first rows with other values."""
    again = frame.iloc[:rows].assign(**changed)
    return pd.concat([frame, again.astype(frame.dtypes)], ignore_index=True)


def other(target: pd.Series) -> pd.Series:
    return target.map({"yes": "no", "no": "yes"})


@pytest.mark.parametrize("task", ["binary", "regression"])
@pytest.mark.parametrize("seed", range(3))
def test_clean_table_has_no_findings(
    task: str, seed: int, clean_table: CleanTable, findings: Findings
) -> None:
    assert findings(clean_table(task, 300, seed), task=task) == []


def test_copies_of_a_single_row_are_reported(
    clean_table: CleanTable, findings: Findings
) -> None:
    frame = pd.concat([clean_table().iloc[:1]] * 300, ignore_index=True)
    (finding,) = findings(frame)
    assert (finding.kind, finding.column) == ("one distinct row", None)
    assert "all 300 rows are the same" in str(finding)


@pytest.mark.parametrize(("copies", "reported"), [(10, False), (20, True)])
def test_duplicate_rows_are_reported_if_they_are_many(
    copies: int, reported: bool, clean_table: CleanTable, findings: Findings
) -> None:
    found = findings(twice(clean_table(), copies))
    assert [(f.kind, f.rows, f.record) for f in found] == (
        [("duplicate rows", 20, 300)] if reported else []
    )
    for finding in found:
        assert finding.problem.startswith("6% of the rows are duplicates")
        assert "set clean.duplicates: drop in params.yaml" in finding.fix


def test_rows_of_few_different_values_are_equal_by_chance(
    clean_table: CleanTable, findings: Findings
) -> None:
    assert findings(clean_table()[["age", "y"]]) == []


@pytest.mark.parametrize("seed", range(3))
def test_equal_features_by_chance_are_not_conflicts(
    seed: int, findings: Findings
) -> None:
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(random.integers(0, 7, (1000, 4)), columns=list("abcd"))
    frame["y"] = pd.Categorical(random.choice(["no", "yes"], 1000))
    assert {finding.kind for finding in findings(frame)} <= {"duplicate rows"}


def test_expected_number_is_that_of_independent_columns() -> None:
    frame = pd.DataFrame({"a": [0, 1] * 50, "b": np.arange(100)})
    frame["c"] = frame["a"]
    assert expected_by_chance(frame[["a", "b"]], 100) == 0
    same = 2 * 50 * 49 / (100 * 99)
    expected = pytest.approx(5000 * same**2 * 1000)
    assert expected_by_chance(frame[["a", "c"]], 100) == expected


@pytest.mark.parametrize("rows", [3, 300])
def test_conflicting_classes_are_counted(
    rows: int, clean_table: CleanTable, findings: Findings
) -> None:
    frame = clean_table()
    (finding,) = findings(twice(frame, rows, y=other(frame["y"])))
    assert (finding.kind, finding.column) == ("conflicting targets", "y")
    assert (finding.rows, finding.record) == (rows, 300)


def test_conflicts_are_found_despite_ids_and_excluded_columns(
    clean_table: CleanTable, findings: Findings
) -> None:
    frame = twice(clean_table(), 3, y=other(clean_table()["y"]))
    frame = frame.assign(number=range(303), note=pd.Series(map(str, range(303))))
    found = findings(frame, "note", id=["number"])
    assert [(f.kind, f.rows) for f in found] == [("conflicting targets", 3)]


@pytest.mark.parametrize(
    ("rows", "factor", "reported"), [(30, -1, True), (30, 1.01, False), (2, -1, False)]
)
def test_conflicting_numbers_are_reported_if_they_are_many_and_far_apart(
    rows: int,
    factor: float,
    reported: bool,
    clean_table: CleanTable,
    findings: Findings,
) -> None:
    frame = clean_table("regression")
    found = findings(twice(frame, rows, y=frame["y"] * factor), task="regression")
    expected = [("conflicting targets", rows)] if reported else []
    assert [(f.kind, f.rows) for f in found] == expected


def test_equal_rows_with_different_ids_overlap(
    clean_table: CleanTable, findings: Findings
) -> None:
    frame = twice(clean_table(), 30).assign(number=range(330))
    (finding,) = findings(frame, id=["number"])
    assert (finding.kind, finding.rows) == ("train/test overlap", 30)
    assert "data.group and set split.method: group in params.yaml" in finding.fix
    assert findings(frame, id=["number"], group="city") == []


def test_id_of_several_rows_is_reported(
    clean_table: CleanTable, findings: Findings
) -> None:
    frame = clean_table().assign(number=np.arange(300) // 3)
    (finding,) = findings(frame, id=["number"])
    assert (finding.kind, finding.rows) == ("duplicate id", 200)
