"""Tests of reproducible_ml.profiling.evidence."""

import pytest

from reproducible_ml.profiling.evidence import (
    is_code,
    is_date,
    is_identifier,
    is_row_number,
    words,
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("PassengerId", ["passenger", "id"]),
        ("order_no", ["order", "no"]),
        ("URLCode", ["url", "code"]),
        ("", []),
    ],
)
def test_words_of_a_name(name: str, expected: list[str]) -> None:
    assert words(name) == expected


@pytest.mark.parametrize("name", ["PassengerId", "order_no", "uuid", "ID", "Kundennr"])
def test_names_of_identifiers(name: str) -> None:
    assert is_identifier(name)


@pytest.mark.parametrize("name", ["paid", "number_of_rooms", "video", "valid", ""])
def test_names_that_only_look_like_it(name: str) -> None:
    assert not is_identifier(name)


def test_names_of_codes() -> None:
    assert is_code("store_id")
    assert is_code("zip")
    assert not is_code("room_number")


@pytest.mark.parametrize("name", ["", "Unnamed: 0", "index", "level_0"])
def test_names_of_row_numbers(name: str) -> None:
    assert is_row_number(name)


def test_names_of_dates() -> None:
    assert is_date("created_at")
    assert is_date("Datum")
    assert not is_date("amount")
