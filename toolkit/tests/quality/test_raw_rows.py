"""Rows of raw files with their lines, and rows of the wrong shape."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from reproducible_ml.contract.findings import MAX_LISTED, Finding
from reproducible_ml.contract.schema import Contract, CsvDialect
from reproducible_ml.quality.raw_rows import (
    ROWS,
    check_shape,
    contains_header,
    find_totals_column,
    is_units_row,
    read_row_blocks,
    valid_rows,
)

HEADER = "name,age\n"
PEOPLE: dict[str, dict[str, Any]] = {
    "name": {"dtype": "str"},
    "age": {"dtype": "Int64", "nullable": True},
}
SALES = Contract.model_validate(
    {
        "columns": {
            "region": {"dtype": "str"},
            "kind": {"dtype": "category", "isin": ["shop", "total"]},
            "day": {"dtype": "datetime64[ns]", "nullable": True},
            "sales": {"dtype": "float64", "metadata": {"missing": ["-999"]}},
        }
    }
)
TEXTS = Contract.model_validate(
    {"columns": {"a": {"dtype": "str"}, "b": {"dtype": "str"}}}
)


def shape_problems(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "people.csv"
    path.write_bytes(text.encode())
    lines = map(str, check_shape(path, CsvDialect()))
    return [line.removeprefix(f"{tmp_path}/") for line in lines]


@pytest.mark.parametrize(
    "text",
    [HEADER + 'Ann,40\n\n"Bob, ""B""",\n', f"{HEADER}name,40\nname,age2\n", "\n"],
)
def test_rows_as_wide_as_the_header_are_valid(tmp_path: Path, text: str) -> None:
    assert shape_problems(tmp_path, text) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            f"{HEADER}Ann,40\nBob\nAnn,40\n",
            "line 3: has 1 value where the header has 2. Fix: Check for a missing",
        ),
        (f"{HEADER}Ann,40\nBob,40,9,9\n", "line 3: has 4 values where the header has"),
        (
            HEADER + "Ann,40,\n" * 300,
            "line 2: ends with a delimiter, which makes an extra value (300 rows).",
        ),
        (
            HEADER + "Ann,40\n" + HEADER,
            "line 3: repeats the header. Fix: Delete the line",
        ),
        (
            "name,age,age2\nAnn,40,4\nname,age,age\nname,50,5\n",
            "line 3: repeats the header.",
        ),
        (
            "name,age,city\nAnn,40,Rome\n* preliminary\n",
            "line 3: has 1 value where the header has 3. Fix: Delete the line if it",
        ),
    ],
)
def test_rows_of_another_shape_are_reported_with_their_line(
    tmp_path: Path, text: str, problem: str
) -> None:
    (line,) = shape_problems(tmp_path, text)
    assert line.startswith(f"people.csv {problem}")


@pytest.mark.parametrize(
    ("before", "lines"),
    [
        ('"Ann\nMay\nLee",40\n', 3),
        ('"Ann\r\nMay",40\r\n', 2),
        ('"Ann ""A""",40\n', 1),
        ("\n\nAnn,40\n", 3),
        ("Ann,40\r", 1),
    ],
)
def test_lines_are_counted_as_in_an_editor(
    tmp_path: Path, before: str, lines: int
) -> None:
    (line,) = shape_problems(tmp_path, f"{HEADER}{before}Bob\n")
    assert line.startswith(f"people.csv line {2 + lines}: ")


def test_a_hundred_rows_are_listed_and_the_others_counted(tmp_path: Path) -> None:
    *found, more = shape_problems(tmp_path, HEADER + "Bob\n" * (MAX_LISTED + 50))
    assert len(found) == MAX_LISTED
    assert "line 102: is the first of more rows like the 100 listed (50 rows)" in more


def test_invalid_rows_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text(HEADER + "Ann,40\nBob\nCid,50\n")
    rows = list(valid_rows(path, CsvDialect(), []))
    assert rows == [(1, ["name", "age"]), (2, ["Ann", "40"]), (4, ["Cid", "50"])]


def read(path: Path, **dialect: Any) -> tuple[list[tuple[int, Any, Any]], list[str]]:
    """Return line, name and age of each row of a file, and its problems."""
    contract = Contract.model_validate({"columns": PEOPLE, "metadata": dialect})
    findings: list[Finding] = []
    rows = [
        row
        for block in read_row_blocks(path, contract, findings)
        for row in zip(
            block.lines.tolist(),
            block.columns["name"].to_pylist(),
            block.columns["age"].to_pylist(),
            strict=True,
        )
    ]
    return rows, [str(one).removeprefix(f"{path.parent}/") for one in findings]


@pytest.mark.parametrize(
    ("name", "text", "rows"),
    [
        (
            "a.csv",
            'age,name\n40,"A\nnn"\n\n,Bob\n',
            [(2, "A\nnn", "40"), (5, "Bob", "")],
        ),
        (
            "a.jsonl",
            '\n{"age": 4.0, "name": "Ann"}\n{"name": "Bob"}',
            [(2, "Ann", "4.0"), (3, "Bob", None)],
        ),
        ("a.jsonl", '{"name": "Ann"}\n', [(1, "Ann", None)]),
    ],
)
def test_texts_are_read_with_their_lines(
    tmp_path: Path, name: str, text: str, rows: list[Any]
) -> None:
    path = tmp_path / name
    path.write_text(text)
    assert read(path) == (rows, [])


def test_parquet_is_read_with_row_numbers(tmp_path: Path) -> None:
    frame = pd.DataFrame({"age": [40, 50], "name": ["Ann", "Bob"]})
    frame.to_parquet(tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet") == ([(1, "Ann", 40), (2, "Bob", 50)], [])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "name,age\n" + "Ann,40\n" * (ROWS + 1)),
        ("a.jsonl", '{"name": "Ann", "age": 40}\n' * (ROWS + 1)),
    ],
    ids=["csv", "json"],
)
def test_blocks_are_bounded(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    contract = Contract.model_validate({"columns": PEOPLE})
    blocks = read_row_blocks(path, contract, [])
    assert [len(block.lines) for block in blocks] == [ROWS, 1]


@pytest.mark.parametrize(
    ("name", "text", "preamble", "problem"),
    [
        ("a.jsonl", '{"age": 1}\n', 0, 'a.jsonl: lacks the column "name"'),
        (
            "a.jsonl",
            '{"name": "a", "age": 1}\n{"name": "b", "x": 2}\n',
            0,
            'a.jsonl line 2: has an unknown column "x"',
        ),
        (
            "a.jsonl",
            '\n{"name": "a", "Age": 1}\n',
            0,
            'a.jsonl line 2, column "Age": looks like "age", but differs by case',
        ),
        (
            "a.csv",
            "Report\n\nname,age\nAnn,40\n",
            0,
            "a.csv line 3: is the header, which was expected on another line. Fix: Set"
            " metadata: {preamble: 2}",
        ),
        (
            "a.csv",
            "age,name\n40,Ann\n50,Bob\n",
            1,
            "a.csv line 1: is the header, which was expected on another line. Fix: Set"
            " metadata: {preamble: 0}",
        ),
        ("a.csv", "name,age,age\nAnn,4,4\n", 0, 'a.csv line 1: has the column "age"'),
    ],
)
def test_other_columns_are_reported(
    tmp_path: Path, name: str, text: str, preamble: int, problem: str
) -> None:
    path = tmp_path / name
    path.write_text(text)
    rows, (line,) = read(path, preamble=preamble)
    assert rows == []
    assert line.startswith(problem)


@pytest.mark.parametrize(
    ("frame", "problem"),
    [
        ({"name": ["Ann"]}, 'a.parquet: lacks the column "age".'),
        (
            {"name": ["Ann"], "age": [[40]]},
            'a.parquet, column "age": has the type list<element: int64>, which cannot'
            " be converted to Int64. Fix: Flatten it",
        ),
    ],
)
def test_columns_of_parquet_are_checked(
    tmp_path: Path, frame: dict[str, Any], problem: str
) -> None:
    pd.DataFrame(frame).to_parquet(tmp_path / "a.parquet")
    _, (line,) = read(tmp_path / "a.parquet")
    assert line.startswith(problem)


@pytest.mark.parametrize("name", ["Total", "GESAMT", " Grand total ", "Summe"])
@pytest.mark.parametrize("sales", [1234.5, "1.234,50", "1 234 €", "-7", 12])
def test_word_for_total_beside_numbers_is_a_row_of_totals(
    name: str, sales: Any
) -> None:
    row = {"region": name, "kind": "", "day": None, "sales": sales}
    assert find_totals_column(row, SALES) == "region"
    assert find_totals_column({"a": name, "b": str(sales)}, TEXTS) == "a"


def test_number_with_another_text_than_in_the_file_may_be_a_sum() -> None:
    row = {"region": "Total", "day": None, "sales": 1e-05}
    assert find_totals_column(row, SALES) == "region"


@pytest.mark.parametrize(
    "row",
    [
        {"region": "Rome", "kind": "", "sales": 9},
        {"region": "Total", "kind": "shop", "sales": 9},
        {"region": "Total", "day": "2024-01-31", "sales": 9},
        {"region": "Total", "day": "31.01.2024", "sales": 9},
        {"region": "Total", "day": pd.Timestamp("2024-01-31"), "sales": 9},
        {"region": "Total", "sales": None},
        {"region": "Total", "sales": "-999"},
        {"region": "", "kind": "total", "sales": 9},
    ],
)
def test_other_rows_are_not_totals(row: dict[str, Any]) -> None:
    assert find_totals_column(row, SALES) is None


def test_repeated_header_is_searched_in_tables_of_text() -> None:
    rows = pd.DataFrame({"a": ["x", "a", "a"], "b": ["b", None, "b"]}, dtype="str")
    assert contains_header(rows, TEXTS)
    assert not contains_header(rows[:2], TEXTS)
    names = pd.DataFrame({name: [name] for name in SALES.columns})
    assert not contains_header(names, SALES)


@pytest.mark.parametrize(
    ("region", "kind", "day", "sales", "expected"),
    [
        ("-", "", "", "EUR", True),
        ("", "\u2013", "NA", " T EUR ", True),
        ("name", "-", "dd.mm.yyyy", "EUR", True),
        ("Gebiet", "Art", "Tag", "Umsatz", True),
        ("Rome", "shop", "2024-01-31", "9", False),
        ("Rome", "shop", "", "much", False),
        ("Rome", "shop", "2024-01-31", "much", False),
        ("Rome", "shop", "soon", "9", False),
        ("Rome", "shop", "", "", False),
        ("-", "-", "-", "-", False),
        ("Rome", "shop", "31.1.2024", "€ 9,50", False),
    ],
)
def test_row_of_units_has_texts_where_other_types_are_declared(
    region: str, kind: str, day: str, sales: str, expected: bool
) -> None:
    row = {"region": region, "kind": kind, "day": day, "sales": sales}
    assert is_units_row(row, SALES) is expected


def test_table_of_text_has_no_row_of_units() -> None:
    assert not is_units_row({"a": "kg", "b": "EUR"}, TEXTS)
