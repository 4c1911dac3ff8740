"""Validation of raw files against a contract, and against checks of the project."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cloudpickle
import pandas as pd
import pytest

from reproducible_ml.contract.findings import Finding
from reproducible_ml.contract.schema import Contract, CsvDialect, Data
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.params import Compute
from reproducible_ml.core.parts import map_parts
from reproducible_ml.quality import validation
from reproducible_ml.quality.validation import (
    CheckedPart,
    RowCheck,
    count_missing,
    validate_table,
)

DATA = Data(target="bought", positive="yes")
CONTRACT = Contract.model_validate(
    {
        "columns": {
            "name": {"dtype": "str", "unique": True},
            "low": {"dtype": "float64"},
            "high": {"dtype": "float64", "nullable": True},
            "bought": {"dtype": "category", "isin": ["no", "yes"]},
        }
    }
)
HEADER = "name,low,high,bought"
Validate = Callable[..., list[CheckedPart]]


def low_is_below_high(rows: pd.DataFrame) -> pd.Series:
    """The low value is below the high one.

    Only the first line is shown.
    """
    return rows["low"] < rows["high"]


def low_is_positive(rows: pd.DataFrame) -> list[bool]:
    """The low value is positive."""
    return [value > 0 for value in rows["low"]]


def uses_an_unknown_column(rows: pd.DataFrame) -> pd.Series:
    """The width is positive."""
    return rows["width"] > 0


def returns_too_few(rows: pd.DataFrame) -> pd.Series:
    """Every row is right."""
    return rows["low"][:1] > 0


def undecided_if_missing(rows: pd.DataFrame) -> pd.Series:
    """The high value is below 10."""
    return rows["high"].astype("Float64") < 10


@pytest.fixture
def validate(tmp_path: Path) -> Validate:
    """Validate CSV files of these lines; parts have two rows."""

    def run(
        *files: Sequence[str],
        checks: Sequence[RowCheck] = (),
        contract: Contract = CONTRACT,
        backend: Any = "sequential",
    ) -> list[CheckedPart]:
        paths = [tmp_path / f"{number}.csv" for number in range(len(files))]
        for path, lines in zip(paths, files, strict=True):
            path.write_text("\n".join([HEADER, *lines]) + "\n")
        table, report = tmp_path / "table", tmp_path / "problems.csv"
        table.mkdir(exist_ok=True)
        compute = Compute(backend=backend, n_jobs=2, rows_per_part=2)
        return validate_table(paths, contract, DATA, compute, table, report, checks)

    return run


def names(_: int, rows: pd.DataFrame) -> list[str]:
    return list(rows["name"])


def test_valid_rows_become_a_table_of_parts(validate: Validate, tmp_path: Path) -> None:
    checked = validate(["a,1,2,no", "b,1,,yes", "c,3,4,no"], ["d,1,2,yes"])
    assert [(part.file.name, part.first, part.rows) for part in checked] == [
        ("0.csv", 0, 2),
        ("0.csv", 2, 1),
        ("1.csv", 0, 1),
    ]
    assert count_missing(checked) == {"high": 1}
    compute = Compute(backend="sequential", n_jobs=1)
    found = map_parts(names, tmp_path / "table", compute, ["name"])
    assert list(found) == [["a", "b"], ["c"], ["d"]]
    assert not (tmp_path / "problems.csv").exists()


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["a,1,2,no", "b,x,2,no"], '0.csv line 3, column "low": "x" is not a number'),
        (["a,,2,no"], 'line 2, column "low": "" is missing, but nullable is false'),
        (["a,1,2,"], '"" is missing, but every row needs a value of the target (1'),
        (["a,1,2,no", "a,1,2,no"], '"a" repeats a value of an earlier row, but uniq'),
        (["a,1,2,no", "b,1"], "0.csv line 3: has 2 values where the header has 4."),
        (["a,1,2,no", "Total,9,9,"], 'column "name": "Total" looks like a row of tot'),
        ([], "0.csv: has a header but no rows. Fix: Export it again."),
    ],
)
def test_invalid_table_is_rejected_with_line_and_report(
    validate: Validate, tmp_path: Path, lines: list[str], message: str
) -> None:
    with pytest.raises(UserError) as caught:
        validate(lines)
    assert message in str(caught.value)
    assert len(pd.read_csv(tmp_path / "problems.csv")) == 1


def test_duplicate_is_found_in_another_file(validate: Validate) -> None:
    with pytest.raises(UserError, match=r'1\.csv line 3, column "name": "a" repeats'):
        validate(["a,1,2,no", "b,1,2,no"], ["c,1,2,no", "a,1,2,no"])


@pytest.mark.parametrize(
    "backend",
    ["sequential", pytest.param("loky", marks=pytest.mark.integration)],
)
def test_rows_that_fail_a_check_are_reported_by_file_and_line(
    validate: Validate, backend: str
) -> None:
    # Workers cannot import a module of tests.
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    files = [
        ["a,1,2,no", "b,1,2,yes", "", "c,9,2,no", '"d\nd",1,2,no', "e,8,2,no"],
        ["f,3,2,no"],
    ]
    with pytest.raises(UserError) as caught:
        validate(*files, checks=[low_is_below_high, low_is_positive], backend=backend)
    first, second = str(caught.value).splitlines()
    assert (
        "0.csv line 5: fails the check low_is_below_high: The low value is below"
        in (first)
    )
    assert "(lines 5, 8) (2 rows)" in first
    assert "Only the first line" not in first
    assert "1.csv line 2: " in second


def test_of_many_rows_that_fail_a_check_the_first_lines_are_listed(
    validate: Validate,
) -> None:
    lines = [f"n{number},3,2,no" for number in range(9)]
    with pytest.raises(UserError, match=r"\(lines 2, 3, 4, 5, 6, \.\.\.\) \(9 rows\)"):
        validate(lines, checks=[low_is_below_high])


def test_rows_for_which_a_check_is_undecided_pass(validate: Validate) -> None:
    assert validate(["a,1,,no", "b,1,2,no"], checks=[undecided_if_missing])
    with pytest.raises(UserError, match="line 3: fails the check undecided"):
        validate(["a,1,,no", "b,1,20,no"], checks=[undecided_if_missing])


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (
            uses_an_unknown_column,
            "check uses_an_unknown_column: uses the column 'width', which is not in"
            " data/schema.yaml. Correct the check, or remove it from CHECKS.",
        ),
        (returns_too_few, "check returns_too_few: returned 1 values for 2 rows."),
    ],
)
def test_mistake_in_a_check_is_reported(
    validate: Validate, check: RowCheck, message: str
) -> None:
    with pytest.raises(UserError) as caught:
        validate(["a,1,2,no", "b,1,2,no"], checks=[check])
    assert message in str(caught.value)


def test_files_that_were_scanned_are_not_scanned_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, report = tmp_path / "a.csv", tmp_path / "problems.csv"
    file.write_text(f"{HEADER}\nAnn,1,2,yes\n")
    scans: list[Path] = []

    def scan(path: Path, dialect: CsvDialect) -> list[Finding]:
        scans.append(path)
        return []

    monkeypatch.setattr(validation, "scan", scan)
    compute = Compute(backend="sequential", n_jobs=1)
    for scanned in (True, False):
        table = tmp_path / f"table {scanned}"
        table.mkdir()
        validate_table([file], CONTRACT, DATA, compute, table, report, scanned=scanned)
        assert scans == ([] if scanned else [file])
