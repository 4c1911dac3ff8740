"""Conventions of a table, and of column names."""

from pathlib import Path

import pyarrow as pa
import pytest

from reproducible_ml.profiling.conventions import (
    TableConventions,
    is_code_name,
    is_date_name,
    is_identifier_name,
    is_row_number_name,
    table_conventions,
)
from reproducible_ml.profiling.inferred import Hints
from reproducible_ml.profiling.profile import profile_columns

NONE = Hints()


@pytest.mark.parametrize(
    ("columns", "hints", "found"),
    [
        (
            {"a": ["1,5"], "b": ["13/1/2024"], "c": ["1,234"]},
            NONE,
            TableConventions(",", "a", True, "b"),
        ),
        (
            {"a": ["1,5"], "b": ["1.5"], "c": ["13/1/2024"], "d": ["1/13/2024"]},
            NONE,
            TableConventions(),
        ),
        (
            {"a": ["1,5"], "b": ["13/1/2024"]},
            Hints(decimal=".", day_first=False),
            TableConventions(".", "--decimal", False, "--dates"),
        ),
        ({"a": ["1,5", "many", "few"]}, NONE, TableConventions()),
    ],
)
def test_columns_that_agree_or_the_user_show_a_convention(
    columns: dict[str, list[str]], hints: Hints, found: TableConventions
) -> None:
    batch = pa.RecordBatch.from_pydict(columns)
    profiles = profile_columns([Path("a.csv")], lambda _: [batch])
    assert table_conventions(profiles, hints) == found


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *((name, True) for name in ("PassengerId", "order_no", "uuid", "ID")),
        *((name, True) for name in ("Kundennr", "Rechnungsnummer", "id_of_row")),
        *((name, False) for name in ("paid", "number_of_rooms", "video", "valid", "")),
    ],
)
def test_names_of_identifiers(name: str, expected: bool) -> None:
    assert is_identifier_name(name) is expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("store_id", True), ("zip", True), ("URLCode", True), ("room_number", False)],
)
def test_names_of_codes(name: str, expected: bool) -> None:
    assert is_code_name(name) is expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("", True),
        ("Unnamed: 0", True),
        ("index", True),
        ("level_0", True),
        ("x", False),
    ],
)
def test_names_of_row_numbers(name: str, expected: bool) -> None:
    assert is_row_number_name(name) is expected


@pytest.mark.parametrize(
    ("name", "expected"), [("created_at", True), ("Datum", True), ("amount", False)]
)
def test_names_of_dates(name: str, expected: bool) -> None:
    assert is_date_name(name) is expected
