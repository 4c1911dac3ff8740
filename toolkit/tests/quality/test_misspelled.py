"""Tests of reproducible_ml.quality.advice."""

from typing import Any

import pytest

from reproducible_ml.contract.schema import Column, ColumnMetadata
from reproducible_ml.quality.advice import explain_unreadable
from reproducible_ml.reading.values import ISO_WITH_OFFSET


def explained(text: str, dtype: Any, **notes: Any) -> tuple[str, str]:
    return explain_unreadable(
        text, Column(dtype=dtype, metadata=ColumnMetadata(**notes))
    )


@pytest.mark.parametrize(
    ("text", "dtype", "problem"),
    [
        ("forty", "float64", "is not a number"),
        ("forty", "int64", "is not a whole number"),
        ("maybe", "boolean", "is not true or false"),
        ("soon", "datetime64[ns]", "is not a date like 2026-01-31 or 2026-01-31 23:"),
    ],
)
def test_text_of_another_kind_is_told(text: str, dtype: str, problem: str) -> None:
    found, fix = explained(text, dtype)
    assert found.startswith(problem)
    assert "in data/schema.yaml" in fix


@pytest.mark.parametrize("text", ["?", "-", "n/a", "#DIV/0!", "<NA>", "Unknown"])
@pytest.mark.parametrize("dtype", ["float64", "Int64", "bool", "datetime64[ns]"])
def test_text_for_no_value_is_to_be_declared(text: str, dtype: str) -> None:
    problem, fix = explained(text, dtype)
    assert problem == 'looks like a spelling of "no value"'
    assert f'metadata: {{missing: ["{text}"]}}' in fix


@pytest.mark.parametrize("text", ["4.5", "40.0", "1e3"])
def test_number_with_decimals_or_exponent_is_no_whole_one(text: str) -> None:
    problem, fix = explained(text, "int64")
    assert problem == "is not a whole number without decimals or exponent"
    assert "declare `dtype: float64`" in fix


def test_whole_number_beyond_64_bits_is_text() -> None:
    problem, fix = explained(str(2**63), "int64")
    assert problem == "is beyond 64 bits"
    assert "declare `dtype: str`" in fix


@pytest.mark.parametrize(
    ("text", "problem", "notes"),
    [
        ("1,234,567.5", "has a thousands separator", 'thousands: ","'),
        ("1,234", "has a comma, for thousands (or for decimals", 'thousands: ","'),
        ("1,5", "has a decimal comma", 'decimal: ","'),
        (
            "1.234,5",
            "has thousands separators and a decimal comma",
            'thousands: ".", decimal: ","',
        ),
        ("1'234.5", "has apostrophes between thousands", 'thousands: "\'"'),
        ("1 234", "has blanks between thousands", 'thousands: " "'),
        (
            "1\u202f234,5",
            "has blanks between thousands and a decimal comma",
            'thousands: " ", decimal: ","',
        ),
        ("40 kg", 'has "kg" beside the number', 'suffix: "kg"'),
        ("$40.5", 'has "$" beside the number', 'prefix: "$"'),
        ("-€40", 'has "€" beside the number', 'prefix: "€"'),
        ("12.5%", 'has "%" beside the number', 'suffix: "%"'),
    ],
)
def test_number_of_another_spelling_is_told_with_the_notes_that_read_it(
    text: str, problem: str, notes: str
) -> None:
    found, fix = explained(text, "float64")
    assert found.startswith(problem)
    assert f"Set metadata: {{{notes}" in fix


def test_number_with_a_point_is_told_where_the_comma_is_the_decimal() -> None:
    problem, fix = explained("1.5", "float64", decimal=",", thousands=" ")
    assert problem == "has a decimal point"
    assert 'decimal: "."' in fix


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("2024-02-30", None),
        ("2024-13-01 10:00", None),
        ("31.02.2024", "%d.%m.%Y"),
        ("31 Feb 2024", "%d %b %Y"),
        ("2024-02-30T10:00:00Z", ISO_WITH_OFFSET),
    ],
)
def test_impossible_date_is_told(text: str, form: str | None) -> None:
    problem, _ = explained(text, "datetime64[ns]", format=form)
    assert problem == "is no date of the calendar"


@pytest.mark.parametrize(
    ("text", "form"), [("1600-01-01", None), ("31.12.9999", "%d.%m.%Y")]
)
def test_date_that_64_bits_do_not_hold_is_told(text: str, form: str | None) -> None:
    problem, _ = explained(text, "datetime64[ns]", format=form)
    assert problem == "lies outside of the years 1678 to 2261"


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("31.01.2024", "%d.%m.%Y"),
        ("01/31/2024", "%m/%d/%Y"),
        ("31.01.2024 10:00", "%d.%m.%Y %H:%M"),
        ("31 Jan 2024", "%d %b %Y"),
    ],
)
def test_date_of_another_format_is_told_with_the_format(text: str, form: str) -> None:
    problem, fix = explained(text, "datetime64[ns]")
    assert problem == "is not a date like 2026-01-31 or 2026-01-31 23:59:59"
    assert f'metadata: {{format: "{form}"}} in data/schema.yaml' in fix


def test_date_is_told_with_an_example_of_the_format_expected() -> None:
    problem, _ = explained("2024-01-31", "datetime64[ns]", format="%d.%m.%Y")
    assert problem == "is not a date like 31.01.2026 (%d.%m.%Y)"


def test_time_with_an_offset_among_others_is_told() -> None:
    problem, fix = explained("2024-01-31T10:00:00+02:00", "datetime64[ns]")
    assert problem == "has an offset from UTC"
    assert ISO_WITH_OFFSET in fix


def test_time_without_an_offset_among_others_is_told() -> None:
    problem, _ = explained("2024-01-31", "datetime64[ns]", format=ISO_WITH_OFFSET)
    assert problem == "has no offset from UTC, as others have"
