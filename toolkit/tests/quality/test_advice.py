"""Tests of reproducible_ml.quality.advice."""

from typing import Any

import pytest

from reproducible_ml.contract.checks import FINITE, NOT_NULL
from reproducible_ml.contract.schema import Column
from reproducible_ml.quality.advice import REPEATED, ROUNDED, UNREADABLE, explain

CITIES = ("Bonn", "Rome", "Z\u00fcrich")


def explained(rule: str, text: str, dtype: Any = "float64", **checks: Any) -> Any:
    return explain(rule, text, Column(dtype=dtype, **checks))


@pytest.mark.parametrize(
    ("rule", "problem", "fix"),
    [
        (UNREADABLE, "is not a number", "or add it to `missing` of the column in"),
        (FINITE, "is not finite", "or add it to `missing` of the column in"),
        (ROUNDED, "has more digits than a float holds", "Declare `dtype: Int64`"),
        (REPEATED, "repeats the value of an earlier row", "set `unique: false`"),
        ("in_range(0, 9)", "breaks in_range(0, 9)", "or change the rule in"),
        ("str_matches('^V')", "breaks str_matches('^V')", "or change the rule in"),
    ],
)
def test_each_rule_has_words_and_a_fix(rule: str, problem: str, fix: str) -> None:
    found = explained(rule, "many")
    assert found.problem.startswith(problem)
    assert fix in found.fix
    assert "in data/schema.yaml" in found.fix


@pytest.mark.parametrize(
    ("dtype", "change"),
    [
        ("float64", "set `nullable: true`"),
        ("int64", "set `dtype: Int64` and `nullable: true`"),
        ("bool", "set `dtype: boolean` and `nullable: true`"),
    ],
)
def test_missing_value_may_be_allowed(dtype: str, change: str) -> None:
    found = explained(NOT_NULL, "", dtype)
    assert found.problem == "is no value, but nullable is false"
    assert change in found.fix


@pytest.mark.parametrize("text", ["-999", "-1", "9999", "-99.0", "1900-01-01"])
def test_code_out_of_range_is_to_be_declared_as_missing(text: str) -> None:
    found = explained("in_range(0, 120)", text)
    assert found.problem.endswith('and looks like a code for "no value"')
    assert f'metadata: {{missing: ["{text}"]}} in data/schema.yaml' in found.fix


@pytest.mark.parametrize("text", ["-2", "200", "9"])
def test_other_numbers_out_of_range_are_no_codes(text: str) -> None:
    assert explained("in_range(0, 5)", text).problem == "breaks in_range(0, 5)"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("rome", 'is not in isin; it looks like "Rome", but differs by case'),
        (" Rome", 'is not in isin; it looks like "Rome", but differs by blanks'),
        ("Zurich", "but differs by signs or accents"),
        ("R\N{CYRILLIC SMALL LETTER O}me", "(CYRILLIC SMALL LETTER O)"),
        ("Rom", 'is not in isin; it looks like "Rome"'),
        ("Oslo", "is not in isin: Bonn, Rome, Z\u00fcrich"),
    ],
)
def test_unknown_category_is_told_with_the_one_meant(text: str, problem: str) -> None:
    found = explained("isin(...)", text, "category", isin=CITIES)
    assert found.problem.endswith(problem)
    assert "or add it to isin in data/schema.yaml" in found.fix


def test_category_read_with_a_wrong_encoding_is_told() -> None:
    text = "Z\u00fcrich".encode().decode("cp1252")
    found = explained("isin(...)", text, "category", isin=CITIES)
    assert found.problem == 'is "Z\u00fcrich" in a wrong encoding'
    assert "UTF-8" in found.fix


def test_many_categories_are_not_all_shown() -> None:
    numbers = tuple(range(1000, 1050))
    found = explained("isin(...)", "7", "category", isin=numbers)
    assert found.problem == "is not in isin: 1000, 1001, 1002, 1003, 1004 and 45 more"
