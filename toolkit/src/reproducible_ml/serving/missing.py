"""Count the values of rows that are missing, by column."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from reproducible_ml.serving.answers import Answers
from reproducible_ml.serving.fast_columns import missing_codes
from reproducible_ml.serving.fast_rows import FastValues
from reproducible_ml.serving.model import Model
from reproducible_ml.serving.records import ABSENT, Columns


def count_missing(rows: Columns | pa.Table, answers: Answers) -> dict[str, int]:
    """Return how many values of each feature are missing, of those where any is.

    A value is missing if it is null, the text or number that the contract has for a
    missing value, or not in the record at all; refused rows count as well.

    Args:
        rows: All rows, as they came.
        answers: What they got.
    """
    if isinstance(answers.read, FastValues):
        return answers.read.count_missing()
    model = answers.model
    if isinstance(rows, pa.Table):
        names = {*rows.column_names}
        found = {
            name: _of_array(rows[name], _codes(model, name))
            for name in model.features
            if name in names
        }
    else:
        found = {
            name: _of_values(rows.lists[name], _codes(model, name))
            for name in model.features
            if name in rows.lists
        }
    return {name: count for name, count in found.items() if count}


def _codes(model: Model, name: str) -> list[Any]:
    column = model.contract.columns[name]
    return [*missing_codes(column), *column.metadata.missing]


def _of_values(values: Sequence[Any], codes: list[Any]) -> int:
    if isinstance(values, np.ndarray):
        numbers = [code for code in codes if isinstance(code, float)]
        return int((np.isnan(values) | np.isin(values, numbers)).sum())
    missing = sum(value is None or value is ABSENT for value in values)
    if codes:
        # By type as well: True is no 1, but 1.0 is.
        known = {(_kind(code), code) for code in codes}
        missing += sum(
            (_kind(value), value) in known
            for value in values
            if isinstance(value, str | int | float)
        )
    return missing


def _kind(value: Any) -> type:
    return float if type(value) is int else type(value)


def _of_array(array: pa.ChunkedArray, codes: list[Any]) -> int:
    missing: int = pc.sum(pc.is_null(array, nan_is_null=True)).as_py() or 0
    for code in {code for code in codes if _has_type(array.type, code)}:
        missing += pc.sum(pc.equal(array, code)).as_py() or 0
    return missing


def _has_type(kind: pa.DataType, code: Any) -> bool:
    if isinstance(code, str):
        return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    return bool(is_number) and type(code) in (int, float)
