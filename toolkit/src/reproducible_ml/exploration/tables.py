"""Read any table in batches of typed values: the project's own, or a file or folder.

Parquet has types. Those of a text file are inferred from its first rows, as `rml data`
does from all rows. Later values that do not fit are counted; a column with many of them
is read again, as text.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from reproducible_ml.adopt.header import check_header
from reproducible_ml.adopt.table_files import check_lines, names_in_file, read_dialect
from reproducible_ml.adopt.table_form import INDEX
from reproducible_ml.contract.findings import Finding, reject
from reproducible_ml.contract.schema import Column, ColumnMetadata, Contract, CsvDialect
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.keys import ROW_KEY
from reproducible_ml.core.parts import parts
from reproducible_ml.profiling.infer import infer
from reproducible_ml.reading.parquet_files import parquet_schema
from reproducible_ml.reading.raw import (
    cut,
    file_format,
    folder_columns,
    raw_files,
    text_batches,
    with_folder_columns,
)
from reproducible_ml.reading.values import arrow_type, try_convert

# Values that are worked on together, and rows of the largest batch.
VALUES, ROWS = 8_000_000, 2**16

# Rows and values from which the types of a text file are inferred.
FIRST_ROWS, FIRST_VALUES = 20_000, 1_000_000

# A column with a larger share of values that cannot be read is text.
ODD = 0.05


TypeTest = Callable[[pa.DataType], bool]

# Types that parts may have of one column, as when whole numbers are missing in some.
ALIKE: tuple[tuple[TypeTest, ...], ...] = (
    (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal),
    (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view),
)


class Converted(NamedTuple):
    """Values of a column; `odd` of them could not be read, the first is `example`."""

    values: pa.Array
    odd: int = 0
    example: str = ""


class Table(NamedTuple):
    """A table that can be read any number of times.

    Attributes:
        files: Its parts.
        types: Type of each column.
        dtypes: What the data contract says of a column; empty without one.
        notes: How columns are read, where that is not certain.
        rows: How many there are; None if that is not known before they are read.
        read: Yields all rows.
        convert: Returns the values of a batch of one column, as its type; if its last
            argument is true, as text.
        left_out: Columns that only number the rows: the index of pandas.
        zoned: Columns of times that were written with an offset, and are read as UTC.
    """

    files: Sequence[Path]
    types: dict[str, pa.DataType]
    dtypes: Mapping[str, str]
    notes: Mapping[str, list[str]]
    rows: int | None
    read: Callable[[], Iterator[pa.RecordBatch]]
    convert: Callable[[str, pa.Array, bool], Converted]
    left_out: Sequence[str] = ()
    zoned: frozenset[str] = frozenset()


def project_table(folder: Path, contract: Contract) -> Table:
    """Return the validated table, with the types of the contract.

    Raises:
        UserError: It is not there, or not what the contract says.
    """
    files = parts(folder)
    schema = parquet_schema(files[0])
    names = [name for name in schema.names if name != ROW_KEY]
    if {*names} != {*contract.columns}:
        raise UserError(
            f"{folder}: has other columns than data/schema.yaml. Fix: run `make repro`"
        )
    types = {name: schema.field(name).type for name in names}
    dtypes = {name: str(contract.columns[name].dtype) for name in names}
    return _parquet(files, types, dtypes)._replace(zoned=_zoned(contract.columns))


def any_table(source: Path, report: Path) -> Table:
    """Return a table of any format that `rml data` reads.

    Args:
        source: A file or folder.
        report: CSV file for the problems of a table that cannot be read.

    Raises:
        UserError: It cannot be read.
    """
    files = raw_files(source)
    formats = Counter(str(file_format(file)) for file in files)
    if len(formats) > 1:
        raise UserError(
            f"{source}: has files of several formats ({', '.join(formats)}). Fix:"
            " export all parts in one format"
        )
    if file_format(files[0]) != "parquet":
        return _text_table(source, files, report)
    for file in files:
        reject(check_header(file, None, parquet_schema(file).names)[0], report)
    _check_same_names(files, lambda file: parquet_schema(file).names)
    first = parquet_schema(files[0])
    types = {name: first.field(name).type for name in first.names}
    if (first.pandas_metadata or {}).get("index_columns") == [ROW_KEY]:
        # A table of a project, such as data/processed/train: it is no column.
        del types[ROW_KEY]
    index = _index(first, types)
    types = {name: kind for name, kind in types.items() if name not in index}
    folders = [name for name in folder_columns(source, files) if name not in types]
    types |= dict.fromkeys(folders, pa.string())
    return _parquet(files, types, {}, folders)._replace(left_out=index)


def as_contract(table: Table) -> Contract:
    """Return a contract of a table that says which columns are text."""
    texts = pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view
    text, other = Column(dtype="str"), Column(dtype="float64")
    columns = {
        name: text if any(is_one(kind) for is_one in texts) else other
        for name, kind in table.types.items()
    }
    return Contract(columns=columns)


def _index(schema: pa.Schema, types: Mapping[str, pa.DataType]) -> list[str]:
    """Return the columns of whole numbers that are the index of pandas.

    An index of dates or texts says more than the number of a row: it is a column.
    """
    declared = (schema.pandas_metadata or {}).get("index_columns", [])
    found = [
        name
        for name, kind in types.items()
        if pa.types.is_integer(kind) and (INDEX.fullmatch(name) or name in declared)
    ]
    return found if len(found) < len(types) else []


def _check_same_names(
    files: Sequence[Path], names: Callable[[Path], Collection[str]]
) -> None:
    """Raise UserError if a file has other columns than the first."""
    first = {*names(files[0])}
    for file in files[1:]:
        if odd := sorted(first ^ {*names(file)}):
            raise UserError(
                f'{file}: differs from {files[0].name} in the column "{odd[0]}"'
                f" ({len(odd)} in all). Fix: export all parts with the same columns"
            )


def _parquet(
    files: Sequence[Path],
    types: dict[str, pa.DataType],
    dtypes: Mapping[str, str],
    folders: Collection[str] = (),
) -> Table:
    own = [name for name in types if name not in folders]
    dialect = CsvDialect(partitions=tuple(folders))

    def read() -> Iterator[pa.RecordBatch]:
        for file in files:
            batches = _parquet_batches(file, own, batch_rows(len(types)))
            yield from with_folder_columns(batches, file, dialect)

    def convert(name: str, values: pa.Array, _: bool) -> Converted:
        kind, own = types[name], values.type
        if own == kind or any(_are(of, own, kind) for of in ALIKE):
            return Converted(values)
        try:
            # Of times, less than a nanosecond may be lost.
            return Converted(values.cast(kind, safe=not pa.types.is_temporal(kind)))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise UserError(
                f'{files[0].parent}, column "{name}": is {own} in one part, but {kind}'
                f" in the first. Fix: export all parts with the same types"
            ) from error

    total = sum(int(pyarrow.parquet.read_metadata(file).num_rows) for file in files)
    return Table(files, types, dtypes, {}, total, read, convert)


def _are(group: Collection[TypeTest], *kinds: pa.DataType) -> bool:
    """Return whether types are all of a group, in a dictionary or not."""
    plain = [k.value_type if pa.types.is_dictionary(k) else k for k in kinds]
    return all(any(is_one(kind) for is_one in group) for kind in plain)


def _parquet_batches(
    file: Path, columns: Sequence[str], rows: int
) -> Iterator[pa.RecordBatch]:
    """Yield the rows, so many at a time.

    Raises:
        UserError: The file is damaged.
    """
    try:
        with pyarrow.parquet.ParquetFile(file) as source:
            waiting: list[pa.RecordBatch] = []
            # One group after the other: of all together, Arrow would keep too much.
            for group in range(source.num_row_groups):
                for batch in source.iter_batches(rows, [group], list(columns)):
                    waiting.append(batch)
                    if sum(each.num_rows for each in waiting) > rows // 2:
                        yield pa.concat_batches(waiting)
                        waiting = []
            if waiting:
                yield pa.concat_batches(waiting)
    except (pa.ArrowException, OSError) as error:
        problem = f"is damaged or truncated. Fix: copy or export it again ({error})"
        raise UserError(f"{file}: {' '.join(problem.split())}") from error


def batch_rows(columns: int) -> int:
    """Return how many rows of so many columns are worked on together."""
    return max(64, min(ROWS, VALUES // max(1, columns)))


def _text_table(source: Path, files: list[Path], report: Path) -> Table:
    """Return a table of CSV or JSON, whose types are inferred from the first rows."""
    dialect, _ = read_dialect(files, None, report, raw=source)
    with _naming_lines(files, dialect, report):
        if file_format(files[0]) == "csv":
            _check_same_names(files, lambda file: names_in_file(file, dialect))
        inferred = infer(files, _FirstRows(dialect))
        # Of these, later rows decide.
        if empty := [n for n, found in inferred.items() if found.kind == "empty"]:
            inferred |= infer(files, _SomeColumns(dialect, empty))
    columns = {name: _plain(found.column) for name, found in inferred.items()}
    whole = [name for name, column in columns.items() if column.dtype == "Int64"]
    index = [name for name in whole if INDEX.fullmatch(name)]
    if len(index) < len(columns):
        columns = {name: one for name, one in columns.items() if name not in index}
    else:
        index = []
    notes = {
        name: [_note(found.finding) for found in one.found if found.severity == "ask"]
        for name, one in inferred.items()
    }

    def read() -> Iterator[pa.RecordBatch]:
        rows = batch_rows(len(columns))
        with _naming_lines(files, dialect, report):
            for file in files:
                for table in cut(text_batches(file, dialect), rows):
                    yield table.combine_chunks().to_batches()[0]

    def convert(name: str, texts: pa.Array, as_text: bool) -> Converted:
        column = columns[name]
        if as_text:
            column = column.model_copy(update={"dtype": "str"})
        values, bad = try_convert(texts, column)
        odd = pc.sum(bad, min_count=0).as_py()
        if odd and column.dtype == "Int64":
            # Whole numbers, until now.
            column = column.model_copy(update={"dtype": "float64"})
            values, bad = try_convert(texts, column)
            odd = pc.sum(bad, min_count=0).as_py()
        if not odd:
            return Converted(values)
        return Converted(values, odd, str(texts[pc.index(bad, True).as_py()]))

    types = {name: arrow_type(column) for name, column in columns.items()}
    zoned = _zoned(columns)
    return Table(files, types, {}, notes, None, read, convert, index, zoned)


def _zoned(columns: Mapping[str, Column]) -> frozenset[str]:
    """Return the columns of dates whose texts have an offset."""
    forms = {name: column.metadata.format or "" for name, column in columns.items()}
    return frozenset(name for name, form in forms.items() if "%z" in form)


class _FirstRows:
    """Yields the first rows of a table, as if its files had no more."""

    def __init__(self, dialect: CsvDialect) -> None:
        self.dialect = dialect
        self.left = FIRST_ROWS

    def __call__(self, file: Path) -> Iterator[pa.RecordBatch]:
        for batch in text_batches(file, self.dialect):
            most = max(100, FIRST_VALUES // max(1, batch.num_columns))
            self.left = min(self.left, most)
            # One row of each other file: it may be JSON with keys of its own.
            some = batch.slice(0, max(self.left, 1))
            self.left -= some.num_rows
            yield some
            if self.left <= 0:
                return


class _SomeColumns:
    """Yields all rows of a table, of some columns."""

    def __init__(self, dialect: CsvDialect, names: Sequence[str]) -> None:
        self.dialect = dialect
        self.names = names

    def __call__(self, file: Path) -> Iterator[pa.RecordBatch]:
        for batch in text_batches(file, self.dialect, self.names):
            yield batch.select([n for n in self.names if n in batch.schema.names])


@contextmanager
def _naming_lines(
    files: Sequence[Path], dialect: CsvDialect, report: Path
) -> Iterator[None]:
    """Turn an error of Arrow into one that names the lines that it is about."""
    try:
        yield
    except pa.ArrowInvalid as error:
        reject([f for file in files for f in check_lines(file, dialect)], report)
        raise UserError(f"{files[0]}: cannot be read: {error}") from error


def _plain(column: Column) -> Column:
    """Return the declaration of a column without its checks: only how it is read."""
    dtype = column.dtype
    if dtype == "category":
        dtype = "str" if isinstance((column.isin or ("",))[0], str) else "Int64"
    elif dtype == "int64":
        dtype = "Int64"
    notes = column.metadata.model_dump(exclude={"treatment", "reason", "calendar"})
    return Column(dtype=dtype, nullable=True, metadata=ColumnMetadata(**notes))


def _note(finding: Finding) -> str:
    value = "" if finding.value is None else f'"{finding.value}" '
    return f"{value}{finding.problem}"
