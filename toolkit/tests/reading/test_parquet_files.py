"""Values of Parquet files are converted to the types of the contract."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

from reproducible_ml.contract.schema import Column, ColumnMetadata, Contract
from reproducible_ml.core.errors import UserError
from reproducible_ml.reading.parquet_files import (
    convert,
    is_convertible_type,
    parquet_batches,
    parquet_schema,
    read_parquet,
    unconvertible,
)

DAY = pd.Timestamp("2024-01-31")


def column(dtype: Any, isin: Any = None, **notes: Any) -> Column:
    return Column(dtype=dtype, isin=isin, metadata=ColumnMetadata(**notes))


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        ([1, 2], "float64", [1.0, 2.0]),
        ([1.0, 2.0], "int64", [1, 2]),
        ([1.0, float("nan")], "Int64", [1, None]),
        ([True, False], "int64", [1, 0]),
        ([1, 0], "bool", [True, False]),
        ([1.0, None], "boolean", [True, None]),
        ([Decimal("1.10")], "float64", [1.1]),
        (
            [Decimal(f"{cents / 100:.2f}") for cents in range(-500, 10_000, 7)],
            "float64",
            [cents / 100 for cents in range(-500, 10_000, 7)],
        ),
        ([date(2024, 1, 31)], "datetime64[ns]", [DAY]),
        ([datetime(2024, 1, 31, tzinfo=UTC)], "datetime64[ns]", [DAY]),
        (["1.5", "NA", " 2 "], "float64", [1.5, None, 2.0]),
        (["2024-01-31"], "datetime64[ns]", [DAY]),
        ([1, 2], "str", ["1", "2"]),
        ([None, None], "datetime64[ns]", [None, None]),
    ],
)
def test_values_become_those_of_the_contract(
    values: list[Any], dtype: str, expected: list[Any]
) -> None:
    assert convert(pa.array(values), column(dtype)).to_pylist() == expected


def test_codes_become_texts_and_numbers() -> None:
    texts = pa.array(["a", "b", None]).dictionary_encode()
    assert convert(texts, column("category", ("a", "b"))).to_pylist() == [
        "a",
        "b",
        None,
    ]
    numbers = pa.array([1, 2]).dictionary_encode()
    assert convert(numbers, column("category", (1, 2))).to_pylist() == [1, 2]


@pytest.mark.parametrize(
    "values", [[1.0, -999.0], [1, -999], ["1", "-999"], [Decimal(1), Decimal(-999)]]
)
def test_codes_for_no_value_are_missing(values: list[Any]) -> None:
    found = convert(pa.array(values), column("float64", missing=("-999", "?")))
    assert found.to_pylist() == [1.0, None]


def test_dates_that_stand_for_no_value_are_missing() -> None:
    notes = {"missing": ("1900-01-01",)}
    values = pa.array([datetime(1900, 1, 1), DAY])
    assert convert(values, column("datetime64[ns]", **notes)).to_pylist() == [None, DAY]


@pytest.mark.parametrize(
    ("values", "dtype", "bad"),
    [
        ([1.0, 2.5, None, 2.5], "int64", [False, True, False, True]),
        ([1, 7], "bool", [False, True]),
        ([2**53 + 1, 4], "float64", [True, False]),
        ([datetime(3000, 1, 1), DAY], "datetime64[ns]", [True, False]),
        (["x", "1"], "float64", [True, False]),
        ([Decimal(2**63), Decimal(1)], "int64", [True, False]),
    ],
)
def test_misfits_are_the_values_that_cannot_be_converted(
    values: list[Any], dtype: str, bad: list[bool]
) -> None:
    array = pa.array(values)
    assert unconvertible(array, column(dtype)).to_pylist() == bad
    with pytest.raises(pa.ArrowInvalid):
        convert(array, column(dtype))


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([[1]], "int64"),
        ([{"a": 1}], "str"),
        ([b"a"], "str"),
        ([5], "datetime64[ns]"),
        ([DAY], "int64"),
        ([timedelta(1)], "float64"),
        ([date(2024, 1, 1)], "float64"),
    ],
)
def test_types_that_mean_something_else_do_not_suit(
    values: list[Any], dtype: str
) -> None:
    assert not is_convertible_type(pa.array(values).type, column(dtype))
    with pytest.raises(pa.ArrowInvalid, match="cannot be converted"):
        convert(pa.array(values), column(dtype))


def write(tmp_path: Path, **columns: list[Any]) -> Path:
    path = tmp_path / "a.parquet"
    pyarrow.parquet.write_table(pa.table(columns), path)
    return path


def test_file_is_read_with_the_columns_of_the_contract(tmp_path: Path) -> None:
    contract = Contract(columns={"x": column("float64"), "y": column("str")})
    (batch,) = read_parquet(write(tmp_path, y=["a"], x=["1"]), contract)
    assert batch.to_pydict() == {"x": [1.0], "y": ["a"]}


@pytest.mark.parametrize("columns", [{"x": [1]}, {"x": [1], "y": [1], "z": [1]}])
def test_file_with_other_columns_is_refused(
    tmp_path: Path, columns: dict[str, list[Any]]
) -> None:
    contract = Contract(columns={"x": column("float64"), "y": column("str")})
    with pytest.raises(pa.ArrowInvalid):
        list(read_parquet(write(tmp_path, **columns), contract))


@pytest.mark.parametrize("keep", [slice(0, -6), slice(0, 4)])
def test_file_that_is_truncated_is_reported(tmp_path: Path, keep: slice) -> None:
    path = write(tmp_path, x=[1])
    path.write_bytes(path.read_bytes()[keep])
    for read in (parquet_schema, lambda file: list(parquet_batches(file))):
        with pytest.raises(UserError, match=r"a\.parquet: is damaged or truncated"):
            read(path)


def test_pages_that_are_damaged_are_reported(tmp_path: Path) -> None:
    path = write(tmp_path, x=list(range(10_000)))
    content = bytearray(path.read_bytes())
    content[4:2000] = b"\xff" * 1996
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"a\.parquet: is damaged or truncated"):
        list(parquet_batches(path))
