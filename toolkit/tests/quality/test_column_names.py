"""Column names that differ from those of the contract."""

from pathlib import Path

import pytest

from reproducible_ml.contract.schema import Contract
from reproducible_ml.quality.raw_rows import Header, check_names

FILE = Path("people.csv")
CONTRACT = Contract.model_validate(
    {"columns": {n: {"dtype": "str"} for n in ("name", "age", "income_2024")}}
)


def lines(*names: str) -> list[str]:
    found = check_names(FILE, Header(list(names), line=3), CONTRACT)
    return [str(finding) for finding in found]


def test_names_in_any_order_are_accepted() -> None:
    assert lines("age", "income_2024", "name") == []


@pytest.mark.parametrize(
    ("names", "problem", "fix"),
    [
        ("name,age", ': lacks the column "income_2024"', "or drop it from data/schema"),
        (
            "name,age,income_2024,city",
            ': has an unknown column "city"',
            "or declare it in data/schema.yaml",
        ),
        ("name,age,age,income_2024", 'the column "age" more than once', "Rename or"),
        ("name,age,income_2024,", ": ends with a delimiter", "end of each line"),
        (",name,age,income_2024", ": has a column without a name", "Name it in"),
        ("name,age,income_2023", '"income_2023": looks like "income_2024".', "Rename"),
        ("name,Age,income_2024", '"Age": looks like "age", but differs by', "Rename"),
        ("name,age ,income_2024", '"age ": looks like "age", but differs', "Rename"),
        ("name,\u0430ge,income_2024", "(CYRILLIC SMALL LETTER A)", "Rename it"),
        ("name,\u200bage,income_2024", "a hidden character (U+200B)", "Rename it"),
        ("Ann,40,2999.5", '"Ann, 40, 2999.5" contains none', "Add a header"),
        ("name;age;income_2024", 'contains the delimiter ";"', 'delimiter: ";"'),
        ("name\tage\tincome_2024", 'the delimiter "\\t"', 'delimiter: "\\t"'),
    ],
)
def test_other_names_are_reported_with_line_and_fix(
    names: str, problem: str, fix: str
) -> None:
    (line,) = lines(*names.split(","))
    assert line.startswith("people.csv line 3")
    assert problem in line
    assert fix in line


def test_each_problem_is_reported_once() -> None:
    found = lines("city", "city", "age")
    assert len(found) == len(set(found)) == 4


def test_file_without_names_has_no_header() -> None:
    (finding,) = check_names(FILE, Header([], None), CONTRACT)
    assert str(finding) == "people.csv: has no header. Fix: Export it again."


def test_name_with_a_line_of_its_own_is_reported_there() -> None:
    header = Header(["name", "age", "income_2024", "city"], None, {"city": 7})
    (finding,) = check_names(FILE, header, CONTRACT)
    assert finding.line == 7
