"""Values of JSON are typed as the contract declares, without conversion."""

import datetime
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from reproducible_ml.contract.schema import Contract
from reproducible_ml.serving.answers import as_json
from reproducible_ml.serving.records import ABSENT, Columns, by_column, typed_table

from .test_fast_rows import make_model

WITH_OFFSET = {"format": "%Y-%m-%dT%H:%M:%S%z"}


def read(column: dict[str, Any], value: Any) -> Any:
    """Return a value as the contract types it, or what is wrong with it."""
    model: Any = SimpleNamespace(
        contract=Contract.model_validate({"columns": {"x": column}})
    )
    table, problems = typed_table(Columns({"x": [value]}, 1), model)
    if problems:
        [problem] = problems
        assert table["x"].to_pylist() == [None]
        return problem.rule, problem.value, problem.problem
    return table["x"].to_pylist()[0]


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ({"dtype": "float64"}, 3, 3.0),
        ({"dtype": "float64"}, None, None),
        ({"dtype": "int64"}, 2.0, 2),
        ({"dtype": "int64"}, -(2**63), -(2**63)),
        ({"dtype": "bool"}, True, True),
        ({"dtype": "bool", "metadata": {"true": ["ja"]}}, False, False),
        ({"dtype": "category", "isin": ["a"]}, "b", "b"),
        ({"dtype": "category", "isin": [1]}, 1, 1),
        ({"dtype": "str"}, "", ""),
        ({"dtype": "datetime64[ns]"}, "2026-01-31", datetime.datetime(2026, 1, 31)),
        (
            {"dtype": "datetime64[ns]", "metadata": {"format": "%d.%m.%Y"}},
            "2026-01-31 10:30",
            datetime.datetime(2026, 1, 31, 10, 30),
        ),
        (
            {"dtype": "datetime64[ns]", "metadata": WITH_OFFSET},
            "2026-01-31T10:00:00+02:00",
            datetime.datetime(2026, 1, 31, 8),
        ),
    ],
)
def test_values_of_the_right_type(
    column: dict[str, Any], value: Any, expected: Any
) -> None:
    found = read(column, value)
    assert found == expected
    assert type(found) is type(expected) or isinstance(found, type(expected))


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ({"dtype": "float64"}, "1", ("type", "1", "is text, not a number")),
        ({"dtype": "float64"}, True, ("type", "true", "is a boolean, not a number")),
        ({"dtype": "float64"}, [1], ("type", "[1]", "is an array, not a number")),
        ({"dtype": "float64"}, 10**400, ("type", "1" + "0" * 99, "is beyond 64 bits")),
        ({"dtype": "int64"}, 1.5, ("type", "1.5", "is not a whole number")),
        ({"dtype": "int64"}, 2**63, ("type", str(2**63), "is beyond 64 bits")),
        ({"dtype": "bool"}, 1, ("type", "1", "is a number, not true or false")),
        ({"dtype": "bool"}, "true", ("type", "true", "is text, not true or false")),
        ({"dtype": "str"}, 1e20, ("type", "1e+20", "is a number, not text")),
        ({"dtype": "str"}, {"a": 1}, ("type", '{"a": 1}', "is an object, not text")),
        (
            {"dtype": "datetime64[ns]"},
            1767225600,
            ("type", "1767225600", "is a number, not the text of a date"),
        ),
        (
            {"dtype": "datetime64[ns]"},
            "2026-02-30",
            ("unreadable", "2026-02-30", "is not a date of the calendar"),
        ),
        (
            {"dtype": "datetime64[ns]"},
            "2026-01-31T10:00:00Z",
            (
                "unreadable",
                "2026-01-31T10:00:00Z",
                "has an offset from UTC, unlike others",
            ),
        ),
        (
            {"dtype": "datetime64[ns]", "metadata": WITH_OFFSET},
            "2026-01-31T10:00:00",
            (
                "unreadable",
                "2026-01-31T10:00:00",
                "has no offset from UTC, unlike others",
            ),
        ),
        (
            {"dtype": "float64"},
            ABSENT,
            ("required", None, "is not in the record; a missing value is null"),
        ),
    ],
)
def test_other_values_are_problems(
    column: dict[str, Any], value: Any, expected: tuple[str, str, str]
) -> None:
    assert read(column, value) == expected


def test_columns_that_only_identify_a_row_may_be_missing() -> None:
    model = make_model("binary", linear=False)
    keyed = model.data.model_copy(update={"id": ("ignored",)})
    model = type(model)(
        model.pipeline,
        model.manifest | {"params": {"data": keyed.model_dump(mode="json")}},
    )
    assert model.keys == ["ignored"]
    record = dict.fromkeys(model.features, 1)
    assert "ignored" not in by_column([record], model).lists
    with_key = by_column([record, record | {"ignored": "a", "other": 1}], model)
    assert with_key.lists["ignored"] == [ABSENT, "a"]
    assert with_key.others == ("other",)


def test_answers_have_null_for_missing_values() -> None:
    nan = float("nan")
    moment = datetime.datetime(2026, 1, 31)
    assert as_json([1.5, nan, None, pd.NA, pd.NaT, "a", True, moment]) == [
        *(1.5, None, None, None, None, "a", True),
        "2026-01-31T00:00:00",
    ]
