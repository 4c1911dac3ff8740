"""Tests of reproducible_ml.datasets.diagnose."""

from pathlib import Path

import pytest

from reproducible_ml.datasets.diagnose import (
    FIX,
    LIMIT,
    Violation,
    describe,
    unreadable,
)
from reproducible_ml.datasets.schema import Contract

CONTRACT = Contract.model_validate(
    {
        "columns": {
            "name": {"dtype": "str"},
            "age": {"dtype": "int64"},
            "height": {"dtype": "float64"},
            "member": {"dtype": "bool"},
            "joined": {"dtype": "datetime64[ns]"},
        }
    }
)
HEADER = "name,age,height,member,joined\n"
GOOD = "Ann,40,1.7,true,2024-01-31\n"


def write(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "people.csv"
    path.write_text(HEADER + "".join(lines))
    return path


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        ("Bob,forty,1.7,true,2024-01-31\n", '"age": "forty" is not a whole number'),
        ("Bob,4.5,1.7,true,2024-01-31\n", '"age": "4.5" is not a whole number'),
        (f"Bob,{2**63},1.7,true,2024-01-31\n", f'"age": "{2**63}" is not a whole'),
        ("Bob,40,1;7,true,2024-01-31\n", '"height": "1;7" is not a number'),
        ("Bob,40,1.7,maybe,2024-01-31\n", '"member": "maybe" is not true or false'),
        ("Bob,40,1.7,true,31.01.2024\n", '"joined": "31.01.2024" is not a date'),
        ("Bob,40,1.7,true,2024-02-30\n", '"joined": "2024-02-30" is not a date'),
    ],
)
def test_unreadable_names_line_column_value_and_fix(
    tmp_path: Path, bad: str, problem: str
) -> None:
    path = write(tmp_path, GOOD, GOOD, bad, GOOD)
    (line,) = unreadable(path, CONTRACT)
    assert line.startswith(f"{path} line 4, column {problem}")
    assert line.endswith(FIX)


def test_unreadable_tells_the_first_of_several_rows(tmp_path: Path) -> None:
    bad = GOOD.replace("40", "forty")
    (line,) = unreadable(write(tmp_path, GOOD, bad, GOOD, bad), CONTRACT)
    assert "line 3" in line
    assert "2 rows" in line


def test_unreadable_tells_of_each_column(tmp_path: Path) -> None:
    path = write(tmp_path, "Bob,forty,tall,maybe,once\n")
    columns = [line.split('"')[1] for line in unreadable(path, CONTRACT)]
    assert columns == ["age", "height", "member", "joined"]


# The reader strips spaces around a number, so they are not what is wrong.
def test_unreadable_does_not_blame_what_the_reader_accepts(tmp_path: Path) -> None:
    path = write(tmp_path, "Ann, 40,1.7,true,2024-01-31\n", GOOD.replace("40", "x"))
    (line,) = unreadable(path, CONTRACT)
    assert 'line 3, column "age": "x"' in line


@pytest.mark.parametrize(
    ("before", "lines"),
    [
        ('"Ann\nMay\nLee",40,1.7,true,2024-01-31\n', 3),
        ('"Ann\r\nMay",40,1.7,true,2024-01-31\n', 2),
        ('"Ann ""A""",40,1.7,true,2024-01-31\n', 1),
        ("\n\n" + GOOD, 3),
    ],
)
@pytest.mark.parametrize("bad", [GOOD.replace("40", "x"), "Bob,40\n"])
def test_unreadable_counts_lines_as_an_editor_does(
    tmp_path: Path, before: str, lines: int, bad: str
) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes((HEADER + before + bad + GOOD).encode())
    (line,) = unreadable(path, CONTRACT)
    assert line.startswith(f"{path} line {2 + lines}")


@pytest.mark.parametrize(
    ("row", "values"), [("Bob,40\n", 2), (GOOD.strip() + ",9,9\n", 7)]
)
def test_unreadable_tells_of_ragged_rows(tmp_path: Path, row: str, values: int) -> None:
    path = write(tmp_path, GOOD, row)
    (line,) = unreadable(path, CONTRACT)
    assert line.startswith(f"{path} line 3: has {values} values where the header has 5")
    assert "missing quote or a stray separator" in line


def test_unreadable_shows_values_short_and_on_one_line(tmp_path: Path) -> None:
    long, broken = GOOD.replace("40", "x" * 99), GOOD.replace("1.7", '"1\n7"')
    age, height = unreadable(write(tmp_path, long, broken), CONTRACT)
    assert "x" * 39 + "…" in age
    assert "x" * 40 not in age
    assert r"'1\n7'" in height


def test_unreadable_stops_after_many_lines(tmp_path: Path) -> None:
    path = write(tmp_path, *["Bob,40\n"] * (LIMIT + 50))
    assert len(unreadable(path, CONTRACT)) == LIMIT


# A header is decoded with what follows it, so the byte has to stand far down.
def test_unreadable_says_that_a_file_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    bad = GOOD.replace("Ann", "Zoë").encode("latin-1")
    path.write_bytes((HEADER + GOOD * 5000).encode() + bad)
    (line,) = unreadable(path, CONTRACT)
    assert line.startswith(f"{path}")
    assert "UTF-8" in line


def test_unreadable_has_nothing_to_say_of_a_good_file(tmp_path: Path) -> None:
    assert unreadable(write(tmp_path, GOOD), CONTRACT) == []


def test_unreadable_names_a_parquet_file(tmp_path: Path) -> None:
    path = tmp_path / "people.parquet"
    path.write_bytes(b"PAR1")
    (line,) = unreadable(path, CONTRACT)
    assert line.startswith(f"{path}: ")
    assert "data/schema.yaml" in line


def test_describe_joins_what_breaks_one_rule(tmp_path: Path) -> None:
    path = write(tmp_path, *[GOOD] * 20)
    found = [
        Violation(path, "age", "breaks in_range(0, 9)", record=12, value="40", rows=5),
        Violation(path, "age", "breaks in_range(0, 9)", record=3, value="41", rows=4),
        Violation(path, "age", "breaks isin([1])", record=0, value="42", rows=1),
    ]
    first, second = describe(found)
    assert first.startswith(f'{path} line 5, column "age": "41" breaks in_range(0, 9)')
    assert "9 rows" in first
    assert second.startswith(f'{path} line 2, column "age": "42" breaks isin([1])')


def test_describe_numbers_the_rows_of_a_file_without_lines() -> None:
    path = Path("people.parquet")
    (line,) = describe([Violation(path, "age", "is odd", record=6, value="7", rows=1)])
    assert line.startswith('people.parquet row 7, column "age": "7" is odd')


def test_describe_has_nothing_to_say_of_nothing() -> None:
    assert describe([]) == []
