"""Tests of reproducible_ml.adopt.dialect."""

from pathlib import Path

import pytest

from reproducible_ml.adopt.dialect import (
    WIDEST,
    check_header,
    is_data,
    is_header,
    is_number,
)

FILE = Path("people.csv")

# Cyrillic letters that look like a and o.
LIKE_A, LIKE_O = "\u0430", "\u043e"


@pytest.mark.parametrize(
    "text",
    [
        "1",
        "-1.5",
        "1e9",
        ".5",
        "1.234,5",
        " 7 ",
        "$3",
        "5 %",
        "50%",
        "1 000",
        "12:30",
        "2024-01-31",
        "31.01.2024",
        "1/31/24",
        "2024-01-31T12:00:00Z",
    ],
)
def test_numbers_and_dates_are_told_from_names(text: str) -> None:
    assert is_number(text)


@pytest.mark.parametrize("text", ["", "x1", "1st", "0-9", "a 5", "Q1 2024", "-"])
def test_names_are_no_numbers(text: str) -> None:
    assert not is_number(text)


@pytest.mark.parametrize(
    ("names", "rows"),
    [
        (["5.1", "setosa"], [["4.9", "setosa"]]),
        (["2024-01-01", "x"], [["2024-01-02", "y"]]),
        (["1", "2", "a"], [["3", "4", "b"]]),
        (["3", "a"], []),
        (["red", "big"], [["blue", "small"], ["red", "small"], ["blue", "big"]]),
    ],
)
def test_values_are_no_header(names: list[str], rows: list[list[str]]) -> None:
    assert is_data(names, rows)


@pytest.mark.parametrize(
    ("names", "rows"),
    [
        (["id", "name"], [["1", "Ada"]]),
        (["country", "2000", "2005"], [["DE", "1", "2"], ["FR", "3", "4"]]),
        (["0", "1", "2"], [["5", "7", "9"]]),
        (["label", "400.5", "401.5"], [["1", "0.1", "0.2"], ["0", "0.1", "0.2"]]),
        (["name", "label"], [["Ada", "yes"], ["name", "label"], ["Bob", "no"]]),
        (["text"], [["text"], ["more"]]),
    ],
)
def test_names_are_a_header(names: list[str], rows: list[list[str]]) -> None:
    assert not is_data(names, rows)


def test_text_over_numbers_is_surely_a_header() -> None:
    assert is_header(["a", "b"], [["x", "1"], ["y", "NA"]])
    assert not is_header(["a", "b"], [["x", "z"]])
    assert not is_header(["NA", "b"], [["1", "z"]])


@pytest.mark.parametrize(
    ("names", "line"),
    [
        (
            ["age", "x", "age"],
            '"age" names column 3, but is the name of column 1.'
            " Give each column a name of its own.",
        ),
        (
            ["age", f"{LIKE_A}ge"],
            f'"{LIKE_A}ge" names column 2, but looks like the name of column 1'
            r" (\u0430ge, age). Give each column a name of its own.",
        ),
        (
            ["age", "age\u200b"],
            r"'age\u200b' names column 2, but looks like the name of column 1"
            r" (age\u200b, age). Give each column a name of its own.",
        ),
        (
            ["no 1", "no  1 "],
            '"no  1 " names column 2, but looks like the name of column 1'
            " (no  1 , no 1). Give each column a name of its own.",
        ),
        (["a", "", "c"], "has no name for column 2. Give each column a name"),
        (["", "a"], "has no name for column 1. Give it one, or leave it out: pandas"),
        (["a", "b", ""], "ends in a delimiter, which makes a column without a name."),
    ],
)
def test_columns_that_cannot_be_told_apart_are_refused(
    names: list[str], line: str
) -> None:
    (rejection,), warnings = check_header(FILE, 4, names)
    assert str(rejection).startswith(f"people.csv line 4: {line}")
    assert not warnings


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["age", "Age"], 'differs from column 1, "age", by upper and lower case'),
        ([f"c{LIKE_O}st"], r"is a name of letters of several alphabets (c\u043est)"),
        ([" age"], "is a name with blanks around it. Rename it in the export"),
        (["birth\nday"], "is a name with invisible characters or line ends"),
        (
            [f"c{i}" for i in range(WIDEST + 1)],
            f"has {WIDEST + 1} columns. Look for rows and columns swapped",
        ),
    ],
)
def test_strange_names_are_told_and_taken(names: list[str], words: str) -> None:
    rejections, (warning,) = check_header(FILE, 1, names)
    assert not rejections
    assert words in str(warning)


@pytest.mark.parametrize(
    "names",
    [
        ["id", "name"],
        ["größe", "年齢", "\u0432\u043e\u0437\u0440\u0430\u0441\u0442"],
        ["Δt", "µm", "Ω"],
        ["a b", "a_b", "a-b", "a.b", "a (%)"],
        ["x1", "x2", "l", "I"],
    ],
)
def test_names_of_any_language_are_fine(names: list[str]) -> None:
    assert check_header(FILE, 1, names) == ([], [])
