"""Examples of values, from the contract."""

from typing import Any

import pytest

from reproducible_ml.contract.schema import Column
from reproducible_ml.serving.examples import example
from reproducible_ml.serving.service.schema import column_schema

RANGE = {"min_value": 1, "max_value": 4}


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ({"dtype": "float64"}, 0.0),
        ({"dtype": "float64", "in_range": RANGE}, 2.5),
        ({"dtype": "int64", "in_range": RANGE}, 2),
        ({"dtype": "int64", "in_range": RANGE, "notin": [2]}, 3),
        ({"dtype": "int64", "greater_than": 7}, 8),
        ({"dtype": "float64", "less_than_or_equal_to": -7}, -7.0),
        ({"dtype": "float64", "greater_than": 0.0, "less_than": 1e-9}, 5e-10),
        ({"dtype": "Int64", "nullable": True, "isin": [5, 6]}, 5),
        ({"dtype": "bool"}, False),
        ({"dtype": "category", "isin": ["b", "a"]}, "b"),
        ({"dtype": "category", "isin": [True, False]}, True),
        ({"dtype": "str"}, "a"),
        ({"dtype": "str", "str_length": {"min_value": 3}}, "aaa"),
        ({"dtype": "str", "str_matches": "[A-Z]$"}, "A"),
        ({"dtype": "str", "str_matches": "[A-Z]{3}[0-9]"}, None),
        ({"dtype": "float64", "greater_than": 1, "less_than": 1}, None),
        ({"dtype": "datetime64[ns]"}, "2026-01-31T12:00:00"),
        ({"dtype": "datetime64[ns]", "less_than": "2020-01-01"}, "2019-12-31T00:00:00"),
        (
            {
                "dtype": "datetime64[ns]",
                "in_range": {"min_value": "2020-01-01", "max_value": "2020-01-03"},
            },
            "2020-01-02T00:00:00",
        ),
    ],
)
def test_example_meets_the_contract(column: dict[str, Any], expected: Any) -> None:
    found = example(Column.model_validate(column))
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("form", "kind", "expected"),
    [
        (None, "local", "2026-01-31T12:00:00"),
        ("%d.%m.%Y", "date", "2026-01-31"),
        ("%d.%m.%Y %H:%M", "local", "2026-01-31T12:00:00"),
        ("%Y-%m-%dT%H:%M:%S%z", "utc", "2026-01-31T12:00:00Z"),
    ],
)
def test_example_of_a_date_has_its_form(
    form: str | None, kind: str, expected: str
) -> None:
    column = {"dtype": "datetime64[ns]", "metadata": {"format": form} if form else {}}
    schema = column_schema(Column.model_validate(column))
    assert schema["x-time"] == kind
    assert schema["examples"] == [expected]


def test_unknown_categories_are_suggested_from_the_known_ones() -> None:
    column = Column.model_validate({"dtype": "category", "isin": ["b", "a"]})
    schema = column_schema(column, any_category=True)
    assert schema == {"type": "string", "examples": ["b", "a"]}
