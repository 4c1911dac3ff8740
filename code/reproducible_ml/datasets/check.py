"""From the values of a raw file to rows that honour the contract, some at a time."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from reproducible_ml.datasets import keys
from reproducible_ml.datasets.schema import Contract
from reproducible_ml.params import Data

if TYPE_CHECKING:
    import pandera.pandas as pa
    import pyarrow

TYPES = {"int64": pd.Int64Dtype(), "bool": pd.BooleanDtype()}


def cast(rows: "pyarrow.Table", contract: Contract) -> pd.DataFrame:
    """Return the rows with the contract's columns, order and dtypes.

    A value outside its categories stays, for the checks to find; so does a missing
    value where an integer or boolean column may have none.
    """
    frame = rows.to_pandas(types_mapper=lambda kind: TYPES.get(str(kind)))
    frame = frame[list(contract.columns)]
    dtypes = {
        name: column.dtype
        for name, column in contract.columns.items()
        if not (column.dtype in ("int64", "bool") and frame[name].hasnans)
    }
    cast_frame: pd.DataFrame = frame.astype(dtypes)
    return cast_frame


def check(
    frame: pd.DataFrame, contract: Contract, schema: "pa.DataFrameSchema"
) -> Iterator[tuple[str, str, int, str, int]]:
    """Yield column, rule, first position, its value and rows for each broken rule."""
    from pandera.errors import SchemaErrors

    absent = []
    for name, rule, broken in _own_rules(frame, contract):
        places = np.flatnonzero(broken)
        if len(places):
            value = frame[name].iloc[places[0]]
            if pd.isna(value):
                absent.append(name)
            shown = "" if pd.isna(value) else str(value)
            yield name, rule, int(places[0]), shown, len(places)
    try:
        schema.remove_columns(absent).validate(frame.drop(columns=absent), lazy=True)
    except SchemaErrors as errors:
        for (name, rule), cases in errors.failure_cases.groupby(["column", "check"]):
            first = cases.iloc[0]
            place = 0 if pd.isna(first["index"]) else int(first["index"])
            value = str(first["failure_case"])
            yield str(name), f"breaks {rule}", place, value, len(cases)


def _own_rules(
    frame: pd.DataFrame, contract: Contract
) -> Iterator[tuple[str, str, Any]]:
    """Yield column, rule and the rows that break it, where pandera is less clear."""
    for name, column in contract.columns.items():
        if not column.nullable:
            yield name, "is no value, but nullable is false", frame[name].isna()
        if column.dtype == "float64":
            yield name, "is not finite", np.isinf(frame[name])


def finish(frame: pd.DataFrame, contract: Contract, data: Data) -> pd.DataFrame:
    """Return the checked rows with the contract's categories and their row keys."""
    categories = {
        name: _with_categories(frame[name], list(column.isin or ()))
        for name, column in contract.columns.items()
        if column.dtype == "category"
    }
    frame = frame.assign(**categories)
    inputs = data.id or list(contract.inputs(data))
    return frame.set_index(pd.Index(keys.hash_rows(frame, inputs), name=keys.NAME))


def _with_categories(values: pd.Series, categories: list[object]) -> pd.Series:
    # Not `astype`: it takes the same categories in another order for equal.
    if isinstance(categories[0], str):
        return values.cat.set_categories(categories)
    # Parquet keeps text categories alone; numbers with gaps would come back as floats.
    return values.astype(pd.Series(categories).convert_dtypes().dtype)


@cache
def read_schema(path: Path) -> "pa.DataFrameSchema":
    """Read the checks once in each process; uniqueness is looked at across parts."""
    import pandera.pandas as pa

    schema = pa.DataFrameSchema.from_yaml(path)
    unique = [name for name, column in schema.columns.items() if column.unique]
    return schema.update_columns({name: {"unique": False} for name in unique})
