"""Tests of reproducible_ml.quality.duplicate_rows."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reproducible_ml.contract.findings import Finding
from reproducible_ml.contract.schema import Contract
from reproducible_ml.quality.duplicate_rows import (
    check_duplicate_rows,
    expected_by_chance,
)
from tumour_diagnosis.params import Params

RAW = Path("data/raw/people.csv")

CleanTable = Callable[..., pd.DataFrame]
Judged = Callable[..., list[Finding]]


@pytest.fixture
def judged(
    stored: Callable[..., Path],
    contract_of: Callable[..., Contract],
    params_of: Callable[..., Params],
) -> Judged:
    """Return what is strange about rows of a frame that are alike."""

    def judge(
        frame: pd.DataFrame,
        *excluded: str,
        task: str = "binary",
        notes: dict[str, Any] | None = None,
        **sections: dict[str, Any],
    ) -> list[Finding]:
        params = params_of(task, **sections)
        table = stored(frame, *params.data.id, rows=130)
        contract = contract_of(frame, *excluded, **(notes or {}))
        return list(check_duplicate_rows(table, contract, params, frame, RAW))

    return judge


def twice(frame: pd.DataFrame, rows: int, **changed: Any) -> pd.DataFrame:
    """Return the frame and, once more, some first rows with other values."""
    again = frame.iloc[:rows].assign(**changed)
    return pd.concat([frame, again.astype(frame.dtypes)], ignore_index=True)


def other(target: pd.Series) -> pd.Series:
    return target.map({"yes": "no", "no": "yes"})


@pytest.mark.parametrize("task", ["binary", "regression"])
@pytest.mark.parametrize("seed", range(5))
def test_rows_of_a_clean_table_are_not_strange(
    task: str, seed: int, clean_table: CleanTable, judged: Judged
) -> None:
    assert judged(clean_table(task, 300, seed), task=task) == []


def test_copies_of_one_row_are_told(clean_table: CleanTable, judged: Judged) -> None:
    frame = pd.concat([clean_table().iloc[:1]] * 300, ignore_index=True)
    (finding,) = judged(frame)
    assert str(finding) == (
        "data/raw/people.csv: all 300 rows are the same. Check the export: there is"
        " nothing to learn from one row."
    )


@pytest.mark.parametrize(
    ("action", "fix"),
    [("drop", "`clean` drops them"), ("keep", "set clean.duplicates: drop")],
)
def test_repeated_rows_are_told_with_what_becomes_of_them(
    action: str, fix: str, clean_table: CleanTable, judged: Judged
) -> None:
    frame = twice(clean_table(), 20)
    (finding,) = judged(frame, clean={"duplicates": action})
    assert finding.problem == ("6% of the rows repeat an earlier row in all columns")
    assert (finding.rows, finding.record) == (20, 300)
    assert fix in finding.fix


def test_rows_of_few_different_values_repeat_by_chance(
    clean_table: CleanTable, judged: Judged
) -> None:
    assert judged(clean_table()[["age", "y"]]) == []


def test_few_repeated_rows_are_left_to_clean(
    clean_table: CleanTable, judged: Judged
) -> None:
    assert judged(twice(clean_table(), 10)) == []


def test_conflicting_classes_are_counted_if_all_conflict(
    clean_table: CleanTable, judged: Judged
) -> None:
    frame = clean_table()
    (finding,) = judged(twice(frame, 300, y=other(frame["y"])))
    assert (finding.kind, finding.rows) == ("conflicting targets", 300)


def test_conflicting_classes_are_told_if_few_conflict(
    clean_table: CleanTable, judged: Judged
) -> None:
    frame = clean_table()
    (finding,) = judged(twice(frame, 3, y=other(frame["y"])))
    assert finding.record == 300
    assert str(finding) == (
        'data/raw/people.csv, column "y": differs between rows that are alike in all'
        " features, so no model can tell them apart (3 rows). Correct the target, or"
        " add a column that makes the difference."
    )


def test_conflicts_are_found_behind_ids_and_excluded_columns(
    clean_table: CleanTable, judged: Judged
) -> None:
    frame = twice(clean_table(), 3, y=other(clean_table()["y"]))
    frame = frame.assign(number=range(303), note=pd.Series(map(str, range(303))))
    found = judged(frame, "note", data={"id": ["number"]})
    assert [(f.kind, f.rows) for f in found] == [("conflicting targets", 3)]


def test_conflicting_numbers_are_told_if_they_are_many_and_far_apart(
    clean_table: CleanTable, judged: Judged
) -> None:
    frame = clean_table("regression")
    found = judged(twice(frame, 30, y=-frame["y"]), task="regression")
    assert [(f.kind, f.rows) for f in found] == [("conflicting targets", 30)]


@pytest.mark.parametrize(("rows", "factor"), [(30, 1.01), (2, -1)])
def test_conflicting_numbers_that_are_close_or_few_are_measured_twice(
    rows: int, factor: float, clean_table: CleanTable, judged: Judged
) -> None:
    frame = clean_table("regression")
    assert judged(twice(frame, rows, y=frame["y"] * factor), task="regression") == []


@pytest.mark.parametrize("seed", range(5))
def test_rows_that_are_alike_by_chance_are_not_strange(
    seed: int, judged: Judged
) -> None:
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(random.integers(0, 7, (1000, 4)), columns=list("abcd"))
    frame["y"] = pd.Categorical(random.choice(["no", "yes"], 1000))
    found = judged(frame)
    assert {finding.kind for finding in found} <= {"repeated rows"}


def test_chance_is_the_number_of_pairs_of_independent_columns() -> None:
    frame = pd.DataFrame({"a": [0, 1] * 50, "b": np.arange(100)})
    frame["c"] = frame["a"]
    assert expected_by_chance(frame[["a", "b"]], 100) == 0
    same = 2 * 50 * 49 / (100 * 99)
    assert expected_by_chance(frame[["a", "c"]], 100) == pytest.approx(
        5000 * same**2 * 1000
    )


def test_rows_that_are_alike_under_different_ids_overlap(
    clean_table: CleanTable, judged: Judged
) -> None:
    frame = twice(clean_table(), 30).assign(number=range(330))
    (finding,) = judged(frame, data={"id": ["number"]})
    assert (finding.kind, finding.rows) == ("train/test overlap", 30)
    assert "data.group and set split.method: group in params.yaml" in finding.fix


def test_rows_that_are_alike_stay_together_in_a_split_by_group(
    clean_table: CleanTable, judged: Judged
) -> None:
    frame = twice(clean_table(), 30).assign(number=range(330))
    data = {"id": ["number"], "group": "city"}
    assert judged(frame, data=data, split={"method": "group"}) == []


def test_id_that_repeats_is_told(clean_table: CleanTable, judged: Judged) -> None:
    frame = clean_table().assign(number=np.arange(300) // 3)
    (finding,) = judged(frame, data={"id": ["number"]})
    assert (finding.kind, finding.rows) == ("repeated id", 200)


@pytest.mark.parametrize("name", ["customer_id", "customerId", "id", "patient"])
def test_entity_with_several_rows_is_told_with_the_split_it_needs(
    name: str, clean_table: CleanTable, judged: Judged
) -> None:
    numbers = pd.Series([f"C{i // 3:05d}" for i in range(300)])
    (finding,) = judged(clean_table().assign(**{name: numbers}), name)
    assert finding.column == name
    assert finding.problem.startswith("names 100 entities in 300 rows")
    assert f"set data.group: {name} and split.method: group" in finding.fix


def test_entity_is_known_by_the_reason_for_its_exclusion(
    clean_table: CleanTable, judged: Judged
) -> None:
    frame = clean_table().assign(machine=np.arange(300) // 3)
    notes = {"machine": {"treatment": "exclude", "reason": "an identifier"}}
    assert [f.kind for f in judged(frame, notes=notes)] == ["repeated entity"]


@pytest.mark.parametrize("name", ["paid", "valid", "grid", "number"])
def test_other_columns_are_no_entities(
    name: str, clean_table: CleanTable, judged: Judged
) -> None:
    assert judged(clean_table().assign(**{name: np.arange(300) // 3})) == []


def test_categories_named_like_an_entity_are_none(
    clean_table: CleanTable, judged: Judged
) -> None:
    customer = pd.Series(["new", "old", "lost"] * 100, dtype="category")
    assert judged(clean_table().assign(customer=customer)) == []


def test_entity_with_one_row_each_is_not_told(
    clean_table: CleanTable, judged: Judged
) -> None:
    assert judged(clean_table().assign(customer_id=np.arange(300))) == []
