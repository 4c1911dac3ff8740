"""Read CSV: fast and typed by Arrow, or slowly with the line of each row."""

import csv
import io
from collections.abc import (
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.csv

from reproducible_ml.contract.schema import Column, Contract, CsvDialect
from reproducible_ml.core.errors import UserError
from reproducible_ml.reading.encoding import MAX_ROW_BYTES
from reproducible_ml.reading.values import (
    NA_VALUES,
    arrow_type,
    convert,
    is_read_by_arrow,
)

# Bytes that Arrow reads at a time; where a row does not fit, as many as it may have.
BLOCK = 2**20


class Row(NamedTuple):
    """The values of a row, and the line of the file it starts on, from 1."""

    line: int
    cells: list[str]


class NumberedRows:
    """Iterates over the rows of a CSV file, the header first; blank lines are none.

    Bytes that are not of the encoding become U+FFFD.

    Raises:
        UserError: A value is too long to be one.
    """

    def __init__(self, file: Path, dialect: CsvDialect) -> None:
        self.file = file
        self.dialect = dialect

    def __iter__(self) -> Iterator[Row]:
        csv.field_size_limit(MAX_ROW_BYTES)
        line = 1 + self.dialect.preamble
        with open_text(self.file, self.dialect.encoding) as opened:
            lines = islice(_without_mark(opened), self.dialect.preamble, None)
            rows = csv.reader(lines, delimiter=self.dialect.delimiter)
            try:
                for values in rows:
                    if values:
                        yield Row(line, values)
                    # A quoted value may hold line ends, so rows are not lines.
                    line = 1 + self.dialect.preamble + rows.line_num
            except csv.Error as error:
                problem = f"has a value of more than {MAX_ROW_BYTES >> 20} MiB"
                fix = "Look for a quote that is never closed."
                raise UserError(f"{self.file} line {line}: {problem}. {fix}") from error


def _without_mark(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines, the first without its byte-order mark."""
    for number, line in enumerate(lines):
        yield line if number else line.removeprefix("\ufeff")


def open_text(file: Path, encoding: str) -> io.TextIOWrapper:
    """Open a text file, compressed or not, with its own line ends."""
    stream = pa.input_stream(file, compression="detect")
    buffered = io.BufferedReader(stream, 2**18)
    return io.TextIOWrapper(buffered, encoding, errors="replace", newline="")


def read_csv(file: Path, contract: Contract) -> Iterator[pa.RecordBatch]:
    """Yield the rows in blocks, the contract's columns with its types.

    Raises:
        pyarrow.ArrowInvalid: A value, or the number of values in a row, does not fit.
    """
    columns = contract.columns
    if sorted(csv_header(file, contract.metadata)) != sorted(columns):
        raise pa.ArrowInvalid(f"{file}: its columns are not those of the contract")
    plain = {n: _plain_type(c) for n, c in columns.items() if is_read_by_arrow(c)}
    texts = dict.fromkeys(columns, pa.string())

    def fast() -> Iterator[pa.RecordBatch]:
        for batch in _blocks(file, contract.metadata, texts | plain, NA_VALUES, BLOCK):
            yield convert_texts(batch, contract, plain)

    def careful() -> Iterator[pa.RecordBatch]:
        for batch in _blocks(file, contract.metadata, texts, (), MAX_ROW_BYTES):
            yield convert_texts(batch, contract)

    # Blanks around "NA", and long rows, take the careful way.
    named = any(set(NA_VALUES) & set(c.isin or ()) for c in columns.values())
    yield from careful() if named else _first_that_reads(fast, careful)


def csv_texts(file: Path, dialect: CsvDialect) -> Iterator[pa.RecordBatch]:
    """Yield the rows in blocks, every value as the file's own text.

    Raises:
        pyarrow.ArrowInvalid: The number of values in a row does not fit the header.
    """
    types = dict.fromkeys(csv_header(file, dialect), pa.string())
    yield from _first_that_reads(
        partial(_blocks, file, dialect, types, (), BLOCK),
        partial(_blocks, file, dialect, types, (), MAX_ROW_BYTES),
    )


def csv_header(file: Path, dialect: CsvDialect) -> list[str]:
    """Return the names in the header."""
    return next(iter(NumberedRows(file, dialect)), Row(1, [])).cells


def convert_texts(
    batch: pa.RecordBatch, contract: Contract, typed: Collection[str] = ()
) -> pa.RecordBatch:
    """Return the contract's columns with its types; those of `typed` have theirs."""
    columns = {
        name: batch[name] if name in typed else convert(batch[name], column)
        for name, column in contract.columns.items()
    }
    return pa.RecordBatch.from_pydict(columns)


def _plain_type(column: Column) -> pa.DataType:
    """Text categories come as codes and dictionary; the others are few and plain."""
    kind = arrow_type(column)
    is_code = column.dtype == "category" and kind == pa.string()
    return pa.dictionary(pa.int32(), kind) if is_code else kind


def _blocks(
    file: Path,
    dialect: CsvDialect,
    types: Mapping[str, pa.DataType],
    missing: Sequence[str],
    block: int,
) -> Iterator[pa.RecordBatch]:
    """Yield what Arrow reads of the columns in `types`."""
    rows = iter(NumberedRows(file, dialect))
    next(rows, None)
    # A header without a line end is "empty" to Arrow.
    if next(rows, None) is None:
        return
    convert = pyarrow.csv.ConvertOptions(
        column_types=types,
        include_columns=list(types),
        null_values=list(missing),
        strings_can_be_null=True,
    )
    with (
        pa.input_stream(file, compression="detect") as stream,
        pyarrow.csv.open_csv(stream, *_options(dialect, block), convert) as batches,
    ):
        yield from batches


def _options(
    dialect: CsvDialect, block: int
) -> tuple[pyarrow.csv.ReadOptions, pyarrow.csv.ParseOptions]:
    read = pyarrow.csv.ReadOptions(
        block_size=block, skip_rows=dialect.preamble, encoding=dialect.encoding
    )
    parse = pyarrow.csv.ParseOptions(
        delimiter=dialect.delimiter, newlines_in_values=True
    )
    return read, parse


def _first_that_reads(
    *ways: Callable[[], Iterator[pa.RecordBatch]],
) -> Iterator[pa.RecordBatch]:
    """Yield the rows as the first way reads them; where it fails, the next goes on."""
    done = 0
    for way in ways:
        try:
            for batch in _without_first(way(), done):
                done += batch.num_rows
                yield batch
        except pa.ArrowInvalid:
            if way is ways[-1]:
                raise
        else:
            return


def _without_first(
    batches: Iterable[pa.RecordBatch], rows: int
) -> Iterator[pa.RecordBatch]:
    """Leave out this many rows."""
    for batch in batches:
        yield batch.slice(rows)
        rows -= min(rows, batch.num_rows)
