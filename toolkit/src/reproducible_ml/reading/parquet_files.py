"""Read Parquet files, whose types may differ from those of the contract."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from reproducible_ml.contract.schema import Column, Contract
from reproducible_ml.core.errors import UserError
from reproducible_ml.reading import values


def read_parquet(file: Path, contract: Contract) -> Iterator[pa.RecordBatch]:
    """Yield the rows in batches, with the columns and types of the contract.

    Raises:
        pyarrow.ArrowInvalid: The columns, their types or a value do not fit the
            contract.
    """
    if sorted(parquet_schema(file).names) != sorted(contract.columns):
        raise pa.ArrowInvalid(f"{file}: columns differ from the contract")
    for batch in parquet_batches(file):
        columns = {n: convert(batch[n], c) for n, c in contract.columns.items()}
        yield pa.RecordBatch.from_pydict(columns)


def parquet_batches(
    file: Path, columns: Collection[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """Yield the rows, or some columns, in batches, with their own types.

    Raises:
        UserError: The file is damaged.
    """
    import pyarrow.parquet

    with _undamaged(file), pyarrow.parquet.ParquetFile(file) as source:
        names = source.schema_arrow.names
        wanted = None if columns is None else [n for n in names if n in columns]
        yield from source.iter_batches(columns=wanted)


def parquet_schema(file: Path) -> pa.Schema:
    """Return the names and types of the columns.

    Raises:
        UserError: The file is damaged.
    """
    import pyarrow.parquet

    with _undamaged(file):
        return pyarrow.parquet.read_schema(file)


@contextmanager
def _undamaged(file: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowInvalid, OSError) as error:
        # Errors of Arrow name neither file nor cause; those of Python do.
        if getattr(error, "errno", None) is not None:
            raise
        problem = f"is damaged or truncated. Fix: copy or export it again ({error})"
        raise UserError(f"{file}: {' '.join(problem.split())}") from error


def is_text(kind: pa.DataType) -> bool:
    """Return whether values of this type are text, dictionary-encoded or not."""
    if types.is_dictionary(kind):
        return is_text(kind.value_type)
    texts = (types.is_string, types.is_large_string, types.is_string_view)
    return any(is_kind(kind) for is_kind in texts)


def is_convertible_type(kind: pa.DataType, column: Column) -> bool:
    """Return whether values of this type can mean what the contract declares."""
    wanted = values.arrow_type(column)
    if is_text(kind) or types.is_null(kind) or kind == wanted:
        return True
    if types.is_dictionary(kind):
        return is_convertible_type(kind.value_type, column)
    if types.is_time(kind):
        return bool(wanted == pa.string())
    # Arrow would convert numbers to times, and times to numbers.
    if types.is_temporal(kind) or wanted == pa.timestamp("ns"):
        is_date = types.is_timestamp(kind) or types.is_date(kind)
        return bool(is_date) and wanted in (pa.timestamp("ns"), pa.string())
    return bool(types.is_primitive(kind) or types.is_decimal(kind))


def convert(array: pa.Array, column: Column) -> pa.Array:
    """Convert values of a Parquet file to the type of the contract.

    Text is converted like that of CSV files, and times with a zone to UTC.

    Raises:
        pyarrow.ArrowInvalid: The type or a value cannot be converted.
    """
    if not is_convertible_type(array.type, column):
        raise pa.ArrowInvalid(f"{array.type} cannot be converted to {column.dtype}")
    array = _without_halves(array)
    array = _without_missing(array, column)
    wanted = values.arrow_type(column)
    if array.type == wanted == pa.bool_():
        return array  # the contract spells those of texts alone
    if is_text(array.type) or wanted in (pa.bool_(), pa.string()):
        return values.convert(array.cast(pa.string()), column)
    if types.is_decimal(array.type) and wanted == pa.float64():
        # By itself, Arrow multiplies by a power of ten, and misses the nearest float
        # for every seventh value.
        array = array.cast(pa.string())
    return array.cast(wanted)


def unconvertible(array: pa.Array, column: Column) -> pa.BooleanArray:
    """Return for each value whether `convert` rejects it; never null."""
    if is_text(array.type):
        return values.unconvertible(array.cast(pa.string()), column)
    array = _without_halves(array)
    return pc.is_in(array, value_set=_unconvertible(array.unique(), column))


def _without_halves(array: pa.Array) -> pa.Array:
    """Return floats of 16 bits, for which Arrow lacks functions, as ones of 32."""
    return array.cast(pa.float32()) if types.is_float16(array.type) else array


def _without_missing(array: pa.Array, column: Column) -> pa.Array:
    """Return the values with null for NaN and for codes of missing values."""
    if types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if is_text(array.type):
        return array
    if types.is_floating(array.type):
        array = pc.if_else(pc.is_nan(array), pa.scalar(None, array.type), array)
    codes = [_parsed(text, array.type) for text in column.metadata.missing]
    known = pa.array([code for code in codes if code is not None], array.type)
    return pc.if_else(
        pc.is_in(array, value_set=known), pa.scalar(None, array.type), array
    )


def _parsed(text: str, kind: pa.DataType) -> object:
    try:
        return pa.scalar(text).cast(kind).as_py()
    except pa.ArrowException:
        return None


def _unconvertible(different: pa.Array, column: Column) -> pa.Array:
    """Return the values that `convert` rejects, found by bisection."""
    try:
        convert(different, column)
    except pa.ArrowInvalid:
        if len(different) == 1:
            return different
        half = len(different) // 2
        found = (different[:half], different[half:])
        return pa.concat_arrays([_unconvertible(part, column) for part in found])
    return different[:0]
