"""Tests of reproducible_ml.quality.column_names."""

from pathlib import Path

import pytest

from reproducible_ml.contract.schema import Contract
from reproducible_ml.quality.column_names import Header, check_names
from reproducible_ml.quality.spellings import closest_match

FILE = Path("people.csv")


def contract(*names: str) -> Contract:
    columns = {name: {"dtype": "str"} for name in names}
    return Contract.model_validate({"columns": columns})


CONTRACT = contract("name", "age", "income_2024")


def lines(*names: str) -> list[str]:
    header = Header(list(names), line=3)
    return [str(finding) for finding in check_names(FILE, header, CONTRACT)]


def test_names_of_the_contract_are_accepted_in_any_order() -> None:
    assert lines("age", "income_2024", "name") == []


def test_row_in_place_of_the_header_is_one_finding() -> None:
    assert lines("Ann", "40", "2999.5") == [
        'people.csv line 3: "Ann, 40, 2999.5" names none of the columns that'
        " data/schema.yaml declares. Put a line with their names there, or declare"
        " these names."
    ]


@pytest.mark.parametrize(
    ("names", "problem", "fix"),
    [
        (
            ["name", "age"],
            ': lacks the column "income_2024"',
            "or drop it from data/schema.yaml",
        ),
        (
            ["name", "age", "income_2024", "city"],
            ': has an unknown column "city"',
            "or declare it in data/schema.yaml",
        ),
        (
            ["name", "age", "age", "income_2024"],
            ': has the column "age" twice',
            "Rename or drop one",
        ),
        (
            ["name", "age", "income_2024", ""],
            ": has a delimiter at its end",
            "from the end of each line",
        ),
        (
            ["", "name", "age", "income_2024"],
            ": has a column without a name",
            "Name it in the source",
        ),
        (
            ["name", "age", "income_2023"],
            ', column "income_2023": looks like "income_2024".',
            "Rename it in the source",
        ),
        (
            ["name", "Age", "income_2024"],
            ', column "Age": looks like "age", but differs by case',
            "Rename it",
        ),
        (
            ["name", "age ", "income_2024"],
            ', column "age ": looks like "age", but differs by blanks',
            "Rename it",
        ),
        (
            ["name", "age", "income 2024"],
            ', column "income 2024": looks like "income_2024", but differs by signs',
            "Rename it",
        ),
        (
            ["name", "\N{CYRILLIC SMALL LETTER A}ge", "income_2024"],
            'looks like "age", but has other letters (CYRILLIC SMALL LETTER A)',
            "Rename it",
        ),
        (
            ["name", "\N{ZERO WIDTH SPACE}age", "income_2024"],
            'looks like "age", but has a hidden character (U+200B)',
            "Rename it",
        ),
    ],
)
def test_names_that_differ_are_told_with_line_and_fix(
    names: list[str], problem: str, fix: str
) -> None:
    (line,) = lines(*names)
    assert line.startswith("people.csv line 3")
    assert problem in line
    assert fix in line


def test_each_problem_is_told_once() -> None:
    found = lines("city", "city", "age")
    assert len(found) == len(set(found)) == 4


@pytest.mark.parametrize(
    ("delimiter", "shown"), [(";", ";"), ("\t", "\\t"), ("|", "|")]
)
def test_names_in_one_column_are_told_as_a_wrong_delimiter(
    delimiter: str, shown: str
) -> None:
    (line,) = lines(delimiter.join(CONTRACT.columns))
    assert f'line 3: has one column, and "{shown}" between its names' in line
    assert f'metadata: {{delimiter: "{shown}"}} in data/schema.yaml' in line


def test_no_names_are_no_header() -> None:
    (finding,) = check_names(FILE, Header([], None), CONTRACT)
    assert str(finding) == "people.csv: has no header. Export it again."


def test_names_with_lines_of_their_own_are_told_there() -> None:
    header = Header(["name", "age", "income_2024", "city"], None, {"city": 7})
    (finding,) = check_names(FILE, header, CONTRACT)
    assert finding.line == 7


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("ROME", ("Rome", ", but differs by case")),
        ("Zurich", ("Z\u00fcrich", ", but differs by signs or accents")),
        ("Romee", ("Rome", "")),
        ("Oslo", None),
        ("", None),
    ],
)
def test_alike_says_what_was_meant(text: str, meant: tuple[str, str] | None) -> None:
    assert closest_match(text, ["Bonn", "Rome", "Z\u00fcrich"]) == meant
