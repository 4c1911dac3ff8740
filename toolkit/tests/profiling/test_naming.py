"""Tests of reproducible_ml.profiling.evidence."""

import pytest

from reproducible_ml.profiling.conventions import (
    is_code_name,
    is_date_name,
    is_identifier_name,
    is_row_number_name,
    name_words,
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
    assert name_words(name) == expected


@pytest.mark.parametrize("name", ["PassengerId", "order_no", "uuid", "ID", "Kundennr"])
def test_names_of_identifiers(name: str) -> None:
    assert is_identifier_name(name)


@pytest.mark.parametrize("name", ["paid", "number_of_rooms", "video", "valid", ""])
def test_names_that_only_look_like_it(name: str) -> None:
    assert not is_identifier_name(name)


def test_names_of_codes() -> None:
    assert is_code_name("store_id")
    assert is_code_name("zip")
    assert not is_code_name("room_number")


@pytest.mark.parametrize("name", ["", "Unnamed: 0", "index", "level_0"])
def test_names_of_row_numbers(name: str) -> None:
    assert is_row_number_name(name)


def test_names_of_dates() -> None:
    assert is_date_name("created_at")
    assert is_date_name("Datum")
    assert not is_date_name("amount")
