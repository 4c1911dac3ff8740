"""Explanations of values that break a rule, and how to fix them."""

from typing import Any

import pytest

from reproducible_ml.contract.checks import FINITE, NOT_NULL
from reproducible_ml.contract.schema import Column, ColumnMetadata
from reproducible_ml.quality.advice import (
    REPEATED,
    ROUNDED,
    UNREADABLE,
    Advice,
    explain,
)
from reproducible_ml.reading.values import ISO_WITH_OFFSET

CITIES = ("Bonn", "Rome", "Zürich")
ISO = "is not a date like 2026-01-31 or 2026-01-31 23:59:59"


def explained(
    text: str, dtype: Any = "float64", rule: str = UNREADABLE, **metadata: Any
) -> Advice:
    column = Column(dtype=dtype, metadata=ColumnMetadata(**metadata))
    return explain(rule, text, column)


@pytest.mark.parametrize(
    ("text", "dtype", "problem", "fix"),
    [
        ("forty", "float64", "is not a number", "add it to `missing`"),
        ("forty", "int64", "is not a whole number", "add it to `missing`"),
        ("maybe", "boolean", "is not true or false", "declare all spellings"),
        ("soon", "datetime64[ns]", ISO, "add it to `missing`"),
        ("4.5", "int64", "is not a whole number without", "declare `dtype: float64`"),
        ("40.0", "int64", "is not a whole number without", "declare `dtype: float64`"),
        ("1e3", "int64", "is not a whole number without", "declare `dtype: float64`"),
        (str(2**63), "int64", "is beyond 64 bits", "declare `dtype: str`"),
        ("1,234,567.5", "float64", "has a thousands separator", 'thousands: ","'),
        ("1,234", "float64", "has a comma, for thousands (or for", 'thousands: ","'),
        ("1,5", "float64", "has a decimal comma", 'decimal: ","'),
        (
            "1.234,5",
            "float64",
            "has thousands separators and a decimal comma",
            'thousands: ".", decimal: ","',
        ),
        ("1'234.5", "float64", "has apostrophes between", 'thousands: "\'"'),
        ("1 234", "float64", "has spaces between thousands", 'thousands: " "'),
        (
            "1\u202f234,5",
            "float64",
            "has spaces between thousands and a decimal comma",
            'thousands: " ", decimal: ","',
        ),
        ("40 kg", "float64", 'has "kg" around the number', 'suffix: "kg"'),
        ("$40.5", "float64", 'has "$" around the number', 'prefix: "$"'),
        ("-€40", "float64", 'has "€" around the number', 'prefix: "€"'),
        ("12.5%", "float64", 'has "%" around the number', 'suffix: "%"'),
        ("2024-02-30", "datetime64[ns]", "is not a date of the calendar", "missing"),
        ("2024-13-01 10:00", "datetime64[ns]", "is not a date of the cal", "missing"),
        ("1600-01-01", "datetime64[ns]", "is outside the years 1678", "missing"),
        ("31.01.2024", "datetime64[ns]", ISO, 'format: "%d.%m.%Y"'),
        ("01/31/2024", "datetime64[ns]", ISO, 'format: "%m/%d/%Y"'),
        ("31.01.2024 10:00", "datetime64[ns]", ISO, 'format: "%d.%m.%Y %H:%M"'),
        ("31 Jan 2024", "datetime64[ns]", ISO, 'format: "%d %b %Y"'),
        (
            "2024-01-31T10:00:00+02:00",
            "datetime64[ns]",
            "has an offset from UTC",
            f'format: "{ISO_WITH_OFFSET}"',
        ),
    ],
)
def test_unreadable_text_is_explained_with_a_declaration_that_reads_it(
    text: str, dtype: str, problem: str, fix: str
) -> None:
    found = explained(text, dtype)
    assert found.problem.startswith(problem)
    assert fix in found.fix
    assert "in data/schema.yaml" in found.fix


@pytest.mark.parametrize("text", ["?", "-", "n/a", "#DIV/0!", "<NA>", "Unknown"])
@pytest.mark.parametrize("dtype", ["float64", "Int64", "bool", "datetime64[ns]"])
def test_placeholder_is_to_be_declared_as_missing(text: str, dtype: str) -> None:
    found = explained(text, dtype)
    assert found.problem == 'looks like a spelling of "no value"'
    assert f'metadata: {{missing: ["{text}"]}}' in found.fix


def test_decimal_point_is_reported_where_the_decimal_sign_is_a_comma() -> None:
    found = explained("1.5", decimal=",", thousands=" ")
    assert found.problem == "has a decimal point"
    assert 'decimal: "."' in found.fix


@pytest.mark.parametrize(
    ("text", "form", "problem"),
    [
        ("31.02.2024", "%d.%m.%Y", "is not a date of the calendar"),
        ("31 Feb 2024", "%d %b %Y", "is not a date of the calendar"),
        ("2024-02-30T10:00:00Z", ISO_WITH_OFFSET, "is not a date of the calendar"),
        ("31.12.9999", "%d.%m.%Y", "is outside the years 1678 to 2261"),
        ("2024-01-31", "%d.%m.%Y", "is not a date like 31.01.2026 (%d.%m.%Y)"),
        ("2024-01-31", ISO_WITH_OFFSET, "has no offset from UTC, unlike others"),
    ],
)
def test_date_is_explained_by_the_declared_format(
    text: str, form: str, problem: str
) -> None:
    assert explained(text, "datetime64[ns]", format=form).problem == problem


@pytest.mark.parametrize(
    ("rule", "dtype", "problem", "fix"),
    [
        (FINITE, "float64", "is not finite", "add it to `missing` of the column"),
        (ROUNDED, "float64", "has more digits than a float", "Declare `dtype: Int64`"),
        (REPEATED, "str", "repeats a value of an earlier row", "set `unique: false`"),
        ("in_range(0, 9)", "float64", "breaks in_range(0, 9)", "or change the rule"),
        ("str_matches('^V')", "str", "breaks str_matches", "or change the rule"),
        (NOT_NULL, "float64", "is missing, but nullable is", "set `nullable: true`"),
        (NOT_NULL, "int64", "is missing", "set `dtype: Int64` and `nullable: true`"),
        (NOT_NULL, "bool", "is missing", "set `dtype: boolean` and `nullable: true`"),
    ],
)
def test_each_rule_has_a_problem_and_a_fix(
    rule: str, dtype: str, problem: str, fix: str
) -> None:
    found = explained("many", dtype, rule)
    assert found.problem.startswith(problem)
    assert fix in found.fix
    assert "in data/schema.yaml" in found.fix


@pytest.mark.parametrize("text", ["-999", "-1", "9999", "-99.0", "1900-01-01"])
def test_code_that_is_out_of_range_is_to_be_declared_as_missing(text: str) -> None:
    found = explained(text, rule="in_range(0, 120)")
    assert found.problem.endswith('and looks like a code for "no value"')
    assert f'metadata: {{missing: ["{text}"]}} in data/schema.yaml' in found.fix


@pytest.mark.parametrize("text", ["-2", "200", "9"])
def test_other_number_out_of_range_is_not_a_code(text: str) -> None:
    found = explained(text, rule="in_range(0, 5)")
    assert found.problem == "breaks in_range(0, 5)"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("rome", 'is not in isin; it looks like "Rome", but differs by case'),
        ("Zurich", "but differs by signs or accents"),
        ("R\N{CYRILLIC SMALL LETTER O}me", "(CYRILLIC SMALL LETTER O)"),
        ("Rom", 'is not in isin; it looks like "Rome"'),
        ("Oslo", "is not in isin: Bonn, Rome, Zürich"),
        ("ZÃ¼rich", 'is "Zürich" in a wrong encoding'),
    ],
)
def test_unknown_category_is_compared_with_the_known_ones(
    text: str, problem: str
) -> None:
    found = explain("isin(...)", text, Column(dtype="category", isin=CITIES))
    assert found.problem.endswith(problem)


def test_of_many_categories_some_are_shown() -> None:
    numbers = tuple(range(1000, 1050))
    found = explain("isin(...)", "7", Column(dtype="category", isin=numbers))
    assert found.problem == "is not in isin: 1000, 1001, 1002, 1003, 1004 and 45 more"
