"""Tests of reproducible_ml.contract.schema."""

from datetime import date
from typing import Any

import pytest

from reproducible_ml.contract.schema import Column, check_compatibility


# What would end in a traceback, once rows are compared.
@pytest.mark.parametrize(
    ("dtype", "check", "problem"),
    [
        ("int64", {"greater_than": "zero"}, "greater_than holds 'zero', which is not"),
        ("int64", {"less_than": True}, "less_than holds True, which is not a number"),
        ("int64", {"isin": ["a"]}, "isin holds 'a', which is not a number"),
        ("float64", {"notin": [date(2024, 1, 1)]}, "which is not a number"),
        ("float64", {"str_matches": "a"}, "str_matches does not suit float64"),
        ("float64", {"less_than": float("nan")}, "less_than holds nan, which is not"),
        ("datetime64[ns]", {"less_than": 2024}, "holds 2024, which is not a date"),
        ("datetime64[ns]", {"less_than": "soon"}, "holds 'soon', which is not a date"),
        (
            "datetime64[ns]",
            {"str_length": {"max_value": 9}},
            "str_length does not suit",
        ),
        ("bool", {"greater_than": 0}, "greater_than does not suit bool"),
        ("str", {"in_range": {"min_value": 0, "max_value": 9}}, "does not suit str"),
        ("str", {"isin": [1, 2]}, "isin holds 1, which is not a text"),
        (
            "category",
            {"isin": ["a"], "less_than": 3},
            "less_than does not suit category",
        ),
        ("category", {"isin": [1], "str_matches": "a"}, "str_matches does not suit"),
        (
            "int64",
            {"in_range": {"min_value": 9, "max_value": 1}},
            "in_range has a min_value above its max_value",
        ),
    ],
)
def test_check_that_does_not_suit_the_type_is_told(
    dtype: Any, check: dict[str, Any], problem: str
) -> None:
    column = Column.model_validate({"dtype": dtype, **check})
    assert problem in check_compatibility(column)[0]


@pytest.mark.parametrize(
    ("dtype", "check"),
    [
        ("int64", {"in_range": {"min_value": 0, "max_value": 99.5}}),
        ("Int64", {"notin": [-999]}),
        ("datetime64[ns]", {"less_than": "2100-01-01"}),
        ("datetime64[ns]", {"greater_than": date(1900, 1, 1)}),
        ("category", {"isin": ["a", "b"], "str_matches": "[ab]"}),
        ("str", {"notin": ["x"], "str_length": {"max_value": 9}}),
    ],
)
def test_check_that_suits_the_type_is_taken(dtype: Any, check: dict[str, Any]) -> None:
    assert check_compatibility(Column.model_validate({"dtype": dtype, **check})) == []
