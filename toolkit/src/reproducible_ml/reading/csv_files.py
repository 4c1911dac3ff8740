"""Read CSV files: fast and typed by Arrow, or slower with the line of each row."""

import csv
import io
import re
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
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.csv

from reproducible_ml.contract.schema import SEPARATOR, Column, Contract, CsvDialect
from reproducible_ml.core.errors import UserError
from reproducible_ml.reading.encoding import MAX_ROW_BYTES, text_blocks
from reproducible_ml.reading.file_type import open_bytes
from reproducible_ml.reading.values import (
    NA_VALUES,
    arrow_type,
    convert,
    is_read_by_arrow,
)

# Bytes that Arrow reads at a time; MAX_ROW_BYTES if a row is longer.
BLOCK = 2**20

MARK = SEPARATOR.encode()

# A whole value in quotes, on one line: its delimiters stay.
QUOTED = rb'"[^"\n]*(?:""[^"\n]*)*"'

OUTER_BLANKS = re.compile(rb"^[ \t]+|[ \t]+(?=\r?$)", re.MULTILINE)
QUOTED_OR_BLANKS = re.compile(
    rb"(?<![^ \t\n])" + QUOTED + rb"(?=[ \t\r\n]|\Z)|([ \t]+)", re.MULTILINE
)


class Row(NamedTuple):
    """The values of a row, and the line of the file where it starts, from 1."""

    line: int
    cells: list[str]


class NumberedRows:
    """Iterates over the rows of a CSV file and their lines, the header first.

    Blank lines are skipped. Bytes that cannot be decoded become U+FFFD.

    Raises:
        UserError: A value has more than MAX_ROW_BYTES.
    """

    def __init__(self, file: Path, dialect: CsvDialect) -> None:
        self.file = file
        self.dialect = dialect

    def __iter__(self) -> Iterator[Row]:
        csv.field_size_limit(MAX_ROW_BYTES)
        line = 1 + self.dialect.preamble
        index = None if self.dialect.index else False
        with open_text(self.file, self.dialect) as opened:
            lines = islice(_without_mark(opened), self.dialect.preamble, None)
            rows = csv.reader(lines, delimiter=self.dialect.separator)
            try:
                for values in rows:
                    if index is None:
                        # The header is the first line that is not blank.
                        index = not values[0].strip() if values else None
                    if values:
                        yield Row(line, values[1:] if index else values)
                    # Quoted values may contain line ends: a row may have several lines.
                    line = 1 + self.dialect.preamble + rows.line_num
            except csv.Error as error:
                raise UserError(
                    f"{self.file} line {line}: has a value of more than"
                    f" {MAX_ROW_BYTES >> 20} MiB. Fix: look for a quote that is never"
                    " closed."
                ) from error


def _without_mark(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines, the first one without byte-order mark."""
    for number, line in enumerate(lines):
        yield line if number else line.removeprefix("\ufeff")


def open_text(file: Path, dialect: CsvDialect) -> io.TextIOWrapper:
    """Open a text file, compressed or not; line ends are not converted.

    Values are delimited by the separator of the dialect.
    """
    stream, encoding = open_delimited(file, dialect)
    buffered = io.BufferedReader(stream, 2**18)
    return io.TextIOWrapper(buffered, encoding, errors="replace", newline="")


def read_csv(file: Path, contract: Contract) -> Iterator[pa.RecordBatch]:
    """Yield the rows in batches, with the columns and types of the contract.

    Raises:
        pyarrow.ArrowInvalid: The columns, the number of values in a row or a value do
            not fit the contract.
    """
    columns = contract.columns
    if sorted(csv_header(file, contract.metadata)) != sorted(columns):
        raise pa.ArrowInvalid(f"{file}: columns differ from the contract")
    plain = {n: _plain_type(c) for n, c in columns.items() if is_read_by_arrow(c)}
    texts = dict.fromkeys(columns, pa.string())

    def fast() -> Iterator[pa.RecordBatch]:
        for batch in _blocks(file, contract.metadata, texts | plain, NA_VALUES, BLOCK):
            yield convert_texts(batch, contract, plain)

    def careful() -> Iterator[pa.RecordBatch]:
        for batch in _blocks(file, contract.metadata, texts, (), MAX_ROW_BYTES):
            yield convert_texts(batch, contract)

    # Spaces around "NA" and long rows can only be read in the careful way.
    na_category = any(set(NA_VALUES) & set(c.isin or ()) for c in columns.values())
    yield from careful() if na_category else _first_that_reads(fast, careful)


def csv_texts(
    file: Path, dialect: CsvDialect, columns: Collection[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """Yield the rows in batches, with every value, or some columns, as text.

    Raises:
        pyarrow.ArrowInvalid: A row does not have the number of values of the header.
    """
    names = csv_header(file, dialect)
    if columns is not None:
        names = [name for name in names if name in columns]
    types = dict.fromkeys(names, pa.string())
    yield from _first_that_reads(
        partial(_blocks, file, dialect, types, (), BLOCK),
        partial(_blocks, file, dialect, types, (), MAX_ROW_BYTES),
    )


def csv_header(file: Path, dialect: CsvDialect) -> list[str]:
    """Return the names of columns in the header."""
    return next(iter(NumberedRows(file, dialect)), Row(1, [])).cells


def convert_texts(
    batch: pa.RecordBatch, contract: Contract, typed: Collection[str] = ()
) -> pa.RecordBatch:
    """Return the columns and types of the contract; `typed` are already converted."""
    columns = {
        name: batch[name] if name in typed else convert(batch[name], column)
        for name, column in contract.columns.items()
    }
    return pa.RecordBatch.from_pydict(columns)


def _plain_type(column: Column) -> pa.DataType:
    """Return the type as which Arrow reads a column; text categories are encoded."""
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
    """Yield the columns in `types` as batches, read by Arrow."""
    rows = iter(NumberedRows(file, dialect))
    next(rows, None)
    # Arrow rejects a header without line end as empty.
    if next(rows, None) is None:
        return
    convert = pyarrow.csv.ConvertOptions(
        column_types=types,
        include_columns=list(types),
        null_values=list(missing),
        strings_can_be_null=True,
    )
    stream, encoding = open_delimited(file, dialect)
    options = _options(dialect, encoding, block)
    with (
        stream,
        pyarrow.csv.open_csv(stream, *options, convert) as batches,
    ):
        yield from batches


def _options(
    dialect: CsvDialect, encoding: str, block: int
) -> tuple[pyarrow.csv.ReadOptions, pyarrow.csv.ParseOptions]:
    read = pyarrow.csv.ReadOptions(
        block_size=block, skip_rows=dialect.preamble, encoding=encoding
    )
    parse = pyarrow.csv.ParseOptions(
        delimiter=dialect.separator, newlines_in_values=True
    )
    return read, parse


def _first_that_reads(
    *readers: Callable[[], Iterator[pa.RecordBatch]],
) -> Iterator[pa.RecordBatch]:
    """Yield the rows from the first reader; where it fails, the next one continues."""
    done = 0
    for reader in readers:
        try:
            for batch in _skip_rows(reader(), done):
                done += batch.num_rows
                yield batch
        except pa.ArrowInvalid:
            if reader is readers[-1]:
                raise
        else:
            return


def _skip_rows(
    batches: Iterable[pa.RecordBatch], rows: int
) -> Iterator[pa.RecordBatch]:
    """Skip this number of rows."""
    for batch in batches:
        yield batch.slice(rows)
        rows -= min(rows, batch.num_rows)


def open_delimited(file: Path, dialect: CsvDialect) -> tuple[Any, str]:
    """Open a file whose values are delimited by the separator of the dialect.

    Returns:
        The stream of its bytes, and their encoding.
    """
    if dialect.separator == dialect.delimiter:
        return open_bytes(file), dialect.encoding
    return io.BufferedReader(_Stream(delimited_blocks(file, dialect))), "utf-8"


def delimited_blocks(file: Path, dialect: CsvDialect) -> Iterator[bytes]:
    """Yield the text of a file as UTF-8, with the separator for the delimiter.

    Raises:
        UnicodeDecodeError, pyarrow.ArrowInvalid, OSError: As of `text_blocks`.
    """
    blocks = text_blocks(file, dialect.encoding)
    if dialect.separator == dialect.delimiter:
        return blocks
    return (
        replace_delimiter(lines, dialect.delimiter) for lines in _whole_lines(blocks)
    )


def _whole_lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    rest: list[bytes] = []
    for block in blocks:
        end = block.rfind(b"\n") + 1
        rest.append(block[:end] if end else block)
        if end:
            yield b"".join(rest)
            rest = [block[end:]]
    yield b"".join(rest)


def replace_delimiter(lines: bytes, delimiter: str) -> bytes:
    """Return whole lines with the separator for the delimiter."""
    if delimiter == " ":
        return QUOTED_OR_BLANKS.sub(_unless_quoted, OUTER_BLANKS.sub(b"", lines))
    literal = delimiter.encode()
    if b'"' not in lines:
        return lines.replace(literal, MARK)
    escaped = re.escape(literal)
    pattern = rb"(?<=\n)%s(?=%s|\r?\n|\Z)|(?<=%s)%s(?=%s|\r?\n|\Z)|\A%s(?=%s)|(%s)" % (
        *(QUOTED, escaped, escaped, QUOTED, escaped, QUOTED, escaped),
        escaped,
    )
    return re.sub(pattern, _unless_quoted, lines)


def _unless_quoted(match: re.Match[bytes]) -> bytes:
    return match[0] if match[match.re.groups] is None else MARK


class _Stream(io.RawIOBase):
    """Reads from an iterator of bytes."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        super().__init__()
        self.blocks = blocks
        self.rest = memoryview(b"")

    def readable(self) -> bool:
        """Say that the stream can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer, at least in part; return 0 at the end."""
        while not len(self.rest):
            block = next(self.blocks, None)
            if block is None:
                return 0
            self.rest = memoryview(block)
        size = min(len(buffer), len(self.rest))
        buffer[:size] = self.rest[:size]
        self.rest = self.rest[size:]
        return size
