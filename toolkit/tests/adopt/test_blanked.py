"""Tests of reproducible_ml.adopt.table_form."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from reproducible_ml.adopt.table_form import Blanked
from reproducible_ml.contract.schema import Column, ColumnMetadata
from reproducible_ml.profiling.inferred import InferredColumn

BATCH = pa.record_batch(
    {
        "text": ["a", " - ", None, "none"],
        "coded": pa.array(["a", "-", None, "none"]).dictionary_encode(),
        "whole": pa.array([1, -9, None, 3]),
        "real": pa.array([1.5, -9.0, None, 3.0]),
    }
)


def blanked(missing: Sequence[str], **declared: Sequence[str]) -> Blanked:
    def read(_: Path) -> Iterator[pa.RecordBatch]:
        yield BATCH

    return Blanked(missing, declared, read)


def values(reader: Blanked) -> dict[str, list[Any]]:
    (batch,) = reader(Path("table.parquet"))
    found: dict[str, list[Any]] = batch.to_pydict()
    return found


def missing(reader: Blanked, name: str, column: Column) -> tuple[str, ...]:
    """Return the texts that are declared after the table was read."""
    values(reader)
    return reader.declare(name, InferredColumn(column, "", "")).column.metadata.missing


def test_texts_and_numbers_become_no_value_in_every_column() -> None:
    assert values(blanked(["-", "-9"])) == {
        "text": ["a", None, None, "none"],
        "coded": ["a", None, None, "none"],
        "whole": [1, None, None, 3],
        "real": [1.5, None, None, 3.0],
    }


def test_texts_become_no_value_in_the_columns_that_declare_them() -> None:
    found = values(blanked([], text=["none"], real=["-9"]))
    assert found["text"] == ["a", " - ", None, None]
    assert found["real"] == [1.5, None, None, 3.0]
    assert found["coded"] == ["a", "-", None, "none"]
    assert found["whole"] == [1, -9, None, 3]


def test_nothing_asked_changes_nothing() -> None:
    assert values(blanked([])) == BATCH.to_pydict()


@pytest.mark.parametrize(
    ("name", "dtype", "spelled"),
    [("text", "str", (" - ",)), ("text", "float64", ("-",)), ("whole", "Int64", ())],
)
def test_texts_are_declared_as_the_column_reads_them(
    name: str, dtype: Any, spelled: tuple[str, ...]
) -> None:
    assert missing(blanked(["-"]), name, Column(dtype=dtype)) == spelled


def test_texts_that_were_found_by_others_stay_declared() -> None:
    column = Column(dtype="str", metadata=ColumnMetadata(missing=("?",)))
    assert missing(blanked(["none", "NA"]), "text", column) == ("?", "none")
