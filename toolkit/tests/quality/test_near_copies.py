"""Near copies: rows with the same measured numbers, but one or two."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reproducible_ml.contract.findings import Finding
from reproducible_ml.contract.schema import Contract, Data
from reproducible_ml.quality.near_copies import check_near_copies

RAW = Path("data/raw/people.csv")

CleanTable = Callable[..., pd.DataFrame]
Findings = Callable[..., list[Finding]]


@pytest.fixture
def findings(
    contract_of: Callable[..., Contract], data_of: Callable[..., Data]
) -> Findings:
    """Return the findings about a frame."""

    def check(
        frame: pd.DataFrame, *excluded: str, task: str = "binary", **roles: Any
    ) -> list[Finding]:
        contract, data = contract_of(frame, *excluded), data_of(task, **roles)
        records = np.arange(len(frame))
        return list(check_near_copies(frame, contract, data, records, RAW))

    return check


def measured(task: str = "binary", rows: int = 400, digits: int = 3) -> pd.DataFrame:
    """Return measured numbers, a count, a category and a target by chance."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(size=(rows, 6)).round(digits))
    frame.columns = list("abcdef")
    frame["seconds"] = random.integers(0, 86_400, rows)
    frame["city"] = pd.Categorical(random.choice(["Bonn", "Oslo", "Rome"], rows))
    frame["y"] = pd.Categorical(random.choice(["no", "yes"], rows))
    return frame if task == "binary" else frame.assign(y=random.normal(size=rows))


def with_copies(frame: pd.DataFrame, *changed: str, rows: int = 60) -> pd.DataFrame:
    """Return the frame with copies of its first rows that differ in some columns."""
    copies = frame.iloc[:rows].copy()
    for name in changed:
        copies[name] = frame[name].shift(-1)[:rows].astype(frame[name].dtype)
    return pd.concat([frame, copies], ignore_index=True)


def flights(rows: int = 8000) -> pd.DataFrame:
    """Return flights of lines, of which many are alike on several days."""
    random = np.random.default_rng(1)
    line, late = random.integers(0, 300, rows), random.integers(0, 12, rows)

    def planned(low: int, high: int) -> Any:
        """Return a number for each line, now and then another one."""
        return random.integers(low, high, 300)[line] + 5 * (random.random(rows) < 0.1)

    frame = pd.DataFrame({"line": line, "departs": planned(500, 2300), "late": late})
    frame["left"] = frame["departs"] + late
    frame["arrives"], frame["miles"] = planned(600, 2400), planned(90, 4000)
    frame["minutes"] = frame["miles"] // 8 + random.integers(0, 6, rows)
    frame["day"] = random.integers(1, 32, rows)
    return frame.assign(y=pd.Categorical(np.where(late > 5, "yes", "no")))


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("seed", range(3))
def test_clean_table_has_no_near_copies(
    task: str, seed: int, clean_table: CleanTable, findings: Findings
) -> None:
    assert findings(clean_table(task, 1000, seed), task=task) == []


@pytest.mark.parametrize("task", ["binary", "regression"])
@pytest.mark.parametrize(
    ("changed", "equal"),
    [
        (["seconds"], "6 of 6"),
        (["a"], "5 of 6"),
        (["c", "f"], "4 of 6"),
        (["seconds", "city", "d"], "5 of 6"),
    ],
)
def test_near_copies_are_counted_with_their_first_lines(
    task: str, changed: list[str], equal: str, findings: Findings
) -> None:
    (finding,) = findings(with_copies(measured(task), *changed), task=task)
    assert (finding.kind, finding.rows) == ("near copies", 60)
    assert (finding.earlier, finding.record) == (0, 400)
    assert f"{equal} numbers and mostly the target are the same" in finding.problem
    assert all(f'"{name}"' in finding.problem for name in changed)
    assert "set split.method: group" in finding.fix


def test_near_copies_are_found_if_only_they_have_equal_numbers(
    findings: Findings,
) -> None:
    (finding,) = findings(with_copies(measured(digits=9), "seconds"))
    assert finding.rows == 60


def test_near_copies_are_found_by_whole_numbers_as_well(findings: Findings) -> None:
    frame = measured()
    numbers = frame[list("abcdef")]
    frame[list("abcdef")] = (numbers * 1000).astype("int64")
    (finding,) = findings(with_copies(frame, "seconds"))
    assert finding.rows == 60


def test_missing_numbers_are_the_same(findings: Findings) -> None:
    frame = measured()
    frame.loc[frame["a"] < 0, "b"] = np.nan
    (finding,) = findings(with_copies(frame, "seconds"))
    assert finding.rows == 60


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(with_copies(measured(), "seconds", rows=4), id="few"),
        pytest.param(with_copies(measured(), "seconds", *"abc"), id="three differ"),
        pytest.param(with_copies(measured(), "seconds", "y"), id="another target"),
        pytest.param(with_copies(measured()), id="duplicates"),
        pytest.param(measured(rows=2000, digits=0), id="few values"),
        pytest.param(flights(), id="cases that are alike"),
    ],
)
def test_other_rows_are_no_near_copies(frame: pd.DataFrame, findings: Findings) -> None:
    assert findings(frame) == []


def test_rows_with_one_number_in_several_units_are_no_near_copies(
    findings: Findings,
) -> None:
    random = np.random.default_rng(0)
    celsius = random.integers(-100, 300, 500) / 10
    frame = pd.DataFrame({"c": celsius, "k": celsius + 273.15, "f": celsius * 1.8 + 32})
    frame = frame.assign(rounded=celsius.round(), square=celsius**2)
    frame["y"] = pd.Categorical(np.where(celsius > 10, "yes", "no"))
    assert findings(frame) == []


def test_copies_that_the_split_keeps_together_are_no_finding(
    findings: Findings,
) -> None:
    frame = with_copies(measured(), "seconds")
    frame["case"] = [*range(400), *range(60)]
    frame["day"] = pd.Series(pd.Timestamp("2024-01-01"), frame.index).astype(
        "datetime64[ns]"
    )
    assert findings(frame, group="case") == []
    assert findings(frame, time="day") == []
    assert len(findings(frame.assign(case=range(460)), group="case")) == 1
