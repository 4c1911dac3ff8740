"""Tests of reproducible_ml.adopt.table_form."""

from pathlib import Path

import pandas as pd
import pytest

from reproducible_ml.adopt.table_form import column_names, target_wanted, unknown_column
from reproducible_ml.core.errors import UserError

NAMES = ["visit", "day, arrived", "age"]
TABLE = pd.DataFrame([[1, "2026-01-31", 70], [2, "2026-02-01", 71]], columns=NAMES)


@pytest.fixture
def report(tmp_path: Path) -> Path:
    return tmp_path / "problems.csv"


def test_columns_to_predict_are_told(tmp_path: Path, report: Path) -> None:
    file = tmp_path / "visits.csv"
    TABLE.to_csv(file, index=False)
    assert target_wanted(file, report) == (
        f"{file}: name the column to predict, TARGET=..."
        ' It has "visit", "day, arrived", "age".'
    )


def test_columns_are_those_below_a_preamble_in_any_dialect(
    tmp_path: Path, report: Path
) -> None:
    file = tmp_path / "visits.csv"
    text = "Visits of May\n\n" + TABLE.to_csv(index=False, sep=";")
    file.write_text(text, "utf-16")
    assert column_names([file], report) == NAMES


def test_columns_are_those_of_the_first_part(tmp_path: Path, report: Path) -> None:
    for part in "ab":
        TABLE.to_csv(tmp_path / f"{part}.csv", index=False)
    assert "visit" in target_wanted(tmp_path, report)


def test_columns_of_other_forms_are_read(tmp_path: Path, report: Path) -> None:
    lines, parquet = tmp_path / "visits.jsonl", tmp_path / "visits.parquet"
    TABLE.to_json(lines, orient="records", lines=True)
    TABLE.to_parquet(parquet)
    assert column_names([lines], report) == NAMES
    assert column_names([parquet], report) == NAMES


def test_broken_table_is_told_instead_of_its_columns(
    tmp_path: Path, report: Path
) -> None:
    lines, doubled = tmp_path / "visits.jsonl", tmp_path / "visits.csv"
    lines.write_text('{"a": 1}\n{"a": 2\n{"a": 3}\n')
    doubled.write_text("a,a\n1,2\n3,4\n")
    with pytest.raises(UserError, match=r"visits\.jsonl line 2: is no JSON"):
        column_names([lines], report)
    with pytest.raises(UserError, match="is the name of column 1"):
        column_names([doubled], report)
    assert report.exists()


def test_of_very_many_columns_the_first_are_told(tmp_path: Path, report: Path) -> None:
    file = tmp_path / "wide.csv"
    names = [f"x{number}" for number in range(70)]
    pd.DataFrame([range(70)] * 2, columns=names).to_csv(file, index=False)
    assert target_wanted(file, report).endswith('"x59", ….')
    assert unknown_column(file, "y", names).endswith('"x19", ….')


def test_unknown_column_names_a_close_one() -> None:
    said = unknown_column(Path("visits.csv"), "visits", NAMES)
    assert said.startswith('visits.csv: has no column "visits". Did you mean "visit"?')


def test_column_with_blanks_around_its_name_is_to_be_renamed() -> None:
    assert unknown_column(Path("visits.csv"), "age", ["visit", " age"]) == (
        'visits.csv: has no column "age". If you mean " age", remove the blanks in its'
        ' name. It has "visit", " age".'
    )
