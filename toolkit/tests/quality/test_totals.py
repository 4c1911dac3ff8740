"""Tests of reproducible_ml.quality.raw_rows."""

from typing import Any

import pandas as pd
import pytest

from reproducible_ml.contract.schema import Contract
from reproducible_ml.quality.raw_rows import (
    contains_header,
    find_totals_column,
    is_units_row,
)

SALES = Contract.model_validate(
    {
        "columns": {
            "region": {"dtype": "str"},
            "kind": {"dtype": "category", "isin": ["shop", "total"]},
            "day": {"dtype": "datetime64[ns]", "nullable": True},
            "sales": {"dtype": "float64"},
        }
    }
)
TEXTS = Contract.model_validate(
    {"columns": {"a": {"dtype": "str"}, "b": {"dtype": "str"}}}
)


@pytest.mark.parametrize("name", ["Total", "GESAMT", " Grand total ", "Summe"])
@pytest.mark.parametrize("sales", [1234.5, "1.234,50", "1 234 €", "-7", 12])
def test_name_of_totals_beside_numbers_is_a_row_of_totals(
    name: str, sales: Any
) -> None:
    row = {"region": name, "kind": "", "day": None, "sales": sales}
    assert find_totals_column(row, SALES) == "region"


@pytest.mark.parametrize(
    "row",
    [
        {"region": "Rome", "kind": "", "sales": 9},
        {"region": "Total", "kind": "shop", "sales": 9},
        {"region": "Total", "day": "2024-01-31", "sales": 9},
        {"region": "Total", "day": pd.Timestamp("2024-01-31"), "sales": 9},
        {"region": "Total", "sales": None},
        {"region": "", "kind": "total", "sales": 9},
    ],
)
def test_other_rows_are_rows_of_the_table(row: dict[str, Any]) -> None:
    assert find_totals_column(row, SALES) is None


def test_row_of_totals_is_known_among_texts_alone() -> None:
    assert find_totals_column({"a": "Total", "b": "1,234"}, TEXTS) == "a"
    assert find_totals_column({"a": "Total", "b": "loss"}, TEXTS) is None


def test_repeated_header_is_known_among_texts_alone() -> None:
    rows = pd.DataFrame({"a": ["x", "a", "a"], "b": ["b", None, "b"]}, dtype="str")
    assert contains_header(rows, TEXTS)
    assert not contains_header(rows[:2], TEXTS)
    assert not contains_header(rows[:0], TEXTS)


# A number refuses the name of its column, so there is no need to look.
def test_header_is_not_looked_for_beside_other_types() -> None:
    rows = pd.DataFrame({name: [name] for name in SALES.columns})
    assert not contains_header(rows, SALES)


@pytest.mark.parametrize(
    "row",
    [
        {"region": "-", "kind": "", "day": "", "sales": "EUR"},
        {"region": "", "kind": "\u2013", "day": "NA", "sales": " T EUR "},
        {"region": "name", "kind": "-", "day": "dd.mm.yyyy", "sales": "EUR"},
        {"region": "Gebiet", "kind": "Art", "day": "Tag", "sales": "Umsatz"},
    ],
)
def test_row_of_texts_where_no_text_should_be_holds_units(row: dict[str, str]) -> None:
    assert is_units_row(row, SALES)


@pytest.mark.parametrize(
    "row",
    [
        {"region": "Rome", "kind": "shop", "day": "2024-01-31", "sales": "9"},
        {"region": "Rome", "kind": "shop", "day": "", "sales": "much"},
        {"region": "Rome", "kind": "shop", "day": "2024-01-31", "sales": "much"},
        {"region": "Rome", "kind": "shop", "day": "soon", "sales": "9"},
        {"region": "Rome", "kind": "shop", "day": "", "sales": ""},
        {"region": "-", "kind": "-", "day": "-", "sales": "-"},
        {"region": "Rome", "kind": "shop", "day": "31.1.2024", "sales": "€ 9,50"},
    ],
)
def test_row_with_a_mistake_holds_no_units(row: dict[str, str]) -> None:
    assert not is_units_row(row, SALES)


def test_no_units_are_seen_among_texts_alone() -> None:
    assert not is_units_row({"a": "kg", "b": "EUR"}, TEXTS)
