"""The JSON Schema of rows says what the contract does."""

from typing import Any

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from reproducible_ml.contract.schema import Column
from reproducible_ml.reading.values import NA_VALUES
from reproducible_ml.serving.records import answer_records
from reproducible_ml.serving.service.schema import column_schema, record_schema
from tumour_diagnosis.deployment.predict import predict

from .test_fast_rows import ODD_RECORD, QUICK, make_model, with_unseen

# What a schema cannot say: which dates exist, what spells a missing value, 64 bits.
DATES = ("ordered_at", "paid_at")


def is_beyond_a_schema(record: dict[str, Any]) -> bool:
    return any(
        (name in DATES and isinstance(value, str))
        or (isinstance(value, str) and value in NA_VALUES)
        or (type(value) in (int, float) and abs(value) >= 2**53)
        for name, value in record.items()
    )


@given(record=ODD_RECORD)
@settings(QUICK, max_examples=60)
def test_a_record_is_valid_by_both_or_neither(record: dict[str, Any]) -> None:
    model = make_model("binary", linear=False)
    schema = record_schema(model)
    Draft202012Validator.check_schema(schema)
    valid = Draft202012Validator(schema).is_valid(record)
    problems = answer_records([record], model, predict).problems
    if not problems:
        assert valid
    elif not is_beyond_a_schema(record):
        assert not valid


@pytest.mark.parametrize(
    ("column", "schema"),
    [
        (
            {"dtype": "float64", "title": "Weight", "description": "In kg"},
            {"type": "number", "title": "Weight", "description": "In kg"},
        ),
        (
            {
                "dtype": "Int64",
                "nullable": True,
                "in_range": {"min_value": 0, "max_value": 9, "include_max": False},
                "notin": [3],
            },
            {
                "type": ["integer", "null"],
                "minimum": 0,
                "exclusiveMaximum": 9,
                "not": {"enum": [3]},
            },
        ),
        (
            {"dtype": "float64", "greater_than": 0, "less_than_or_equal_to": 1.5},
            {"type": "number", "exclusiveMinimum": 0, "maximum": 1.5},
        ),
        (
            {"dtype": "str", "str_matches": "[a-z]", "str_length": {"max_value": 3}},
            {"type": "string", "pattern": "^(?:[a-z])", "maxLength": 3},
        ),
        (
            {"dtype": "category", "isin": [3, 1], "nullable": True},
            {"type": ["integer", "null"], "enum": [3, 1, None]},
        ),
        ({"dtype": "category", "isin": [True]}, {"type": "boolean", "enum": [True]}),
    ],
)
def test_columns(column: dict[str, Any], schema: dict[str, Any]) -> None:
    found = column_schema(Column.model_validate(column))
    assert {key: found.get(key) for key in schema} == schema
    assert found.keys() - schema.keys() <= {"examples"}


def test_dates_say_what_they_look_like() -> None:
    column = {
        "dtype": "datetime64[ns]",
        "in_range": {"min_value": "2020-01-01", "max_value": "2030-01-01"},
    }
    found = column_schema(Column.model_validate(column))
    assert "without an offset from UTC, as 2026-01-31T23:59:59" in found["description"]
    assert "in_range('2020-01-01', '2030-01-01')" in found["description"]
    zone = column | {"metadata": {"format": "%Y-%m-%dT%H:%M:%S%z"}}
    found = column_schema(Column.model_validate(zone))
    assert (
        "with an offset from UTC, as 2026-01-31T23:59:59+01:00"
        in (found["description"])
    )


def test_unseen_categories_may_be_sent_if_they_count_as_missing() -> None:
    model = with_unseen(make_model("binary", linear=False), "missing")
    assert "enum" not in record_schema(model)["properties"]["channel"]
