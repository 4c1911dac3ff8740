"""Whether a file holds the rows of a person: by values, as they stand in tables.

Tables in Parquet are read; all else is searched for whole words line by line, also in
gzip, bzip2, xz and zip (such as .xlsx). A number that another format stores in binary
form is not found: the paths of such files can be named instead.
"""

import bz2
import csv
import gzip
import io
import json
import lzma
import re
import shutil
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from decimal import Decimal
from itertools import chain, islice
from tempfile import SpooledTemporaryFile
from typing import IO, Any
from unicodedata import normalize
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from reproducible_ml.governance.spelling import (
    UNICODE,
    Person,
    decoded,
    needles,
    variants,
)
from reproducible_ml.reading.file_type import BINARY, HEAD_BYTES


def _unpack_zstandard(file: IO[bytes]) -> IO[bytes]:
    # Arrow's stream cannot go back.
    content: IO[bytes] = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115
    with pa.CompressedInputStream(pa.PythonFile(file, "r"), "zstd") as stream:
        shutil.copyfileobj(stream, content)
    content.seek(0)
    return content


# What a compressed file begins with, and what opens it.
PACKED: dict[bytes, Callable[[IO[bytes]], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7z": lzma.open,
    b"\x28\xb5\x2f\xfd": _unpack_zstandard,
}
# Types of files that hold values in a form that is not searched. Archives of tar are
# as the files in them.
UNSEARCHED = {*BINARY} - {
    *("gzip", "zstd", "bzip2", "xz", "zip", "tar", "parquet", "image", "spreadsheet")
}

UNPACKING = (OSError, EOFError, lzma.LZMAError, zipfile.BadZipFile, RuntimeError)

# Bytes that are searched at once.
CHUNK = 1 << 22

DELIMITERS = ",;\t|"

# Lines in which the header of a CSV file is looked for.
PREAMBLE = 20

# Lines of one value in quotes.
JOINED = 100

# Bytes of a file that is decompressed in memory; a larger one on a disk.
IN_MEMORY = 1 << 26

# RE2 looks neither ahead nor behind.
NO_WORD = r"[^\pL\pN_]"

# How Arrow writes the time of a day that has none.
MIDNIGHT = r"[ T]00:00:00(\.0+)?(Z|\+00:?00)?$"


class NotSearchedError(Exception):
    """A file may hold rows in a form that is not known here, or is damaged."""


def holds(file: IO[bytes], person: Person) -> bool:
    """Return whether a file has a row of a person; it must be seekable.

    Raises:
        NotSearchedError: No value was found, but not all of it could be read.
    """
    if not person.values:
        return False
    start = file.read(HEAD_BYTES)
    file.seek(0)
    readers: dict[bytes, Callable[[IO[bytes], Person], bool]] = {
        b"PAR1": _in_parquet,
        b"PK\x03\x04": _in_archive,
        **dict.fromkeys(PACKED, _in_packed),
    }
    reader = next((r for first, r in readers.items() if start.startswith(first)), None)
    if reader:
        with suppress(*UNPACKING, pa.ArrowInvalid):
            return reader(file, person)
        file.seek(0)
    for encoding in _encodings_of(file, person):
        word = person.word if encoding in UNICODE else person.word_of_bytes
        lines = decoded(_chunks(file), encoding)
        if _in_lines(lines, person, word):
            return True
        file.seek(0)
    if reader or _is_binary(start):
        raise NotSearchedError
    return False


def _is_binary(start: bytes) -> bool:
    """Return whether the first bytes are of a form that is not searched."""
    return any(re.match(BINARY[kind], start, re.DOTALL) for kind in UNSEARCHED)


def _encodings_of(file: IO[bytes], person: Person) -> list[str]:
    """Return in which encodings a file may have a value: in none, mostly.

    That takes a tenth of the time of reading its lines.
    """
    wanted = needles(person)
    before, found = b"", dict[str, None]()
    overlap = max((len(one.content) for one in wanted), default=0)
    while wanted and (chunk := file.read(CHUNK)):
        text = before + chunk
        before = chunk[-overlap:]
        # RE2 is as fast for many of them as for one.
        every = "|".join(sorted({_as_bytes(one.content) for one in wanted}))
        if pc.match_substring_regex(pa.array([text], pa.binary()), every)[0].as_py():
            here = (one.encoding for one in wanted if one.content in text)
            found |= dict.fromkeys(here)
            wanted = [one for one in wanted if one.encoding not in found]
    file.seek(0)
    return [*found]


def _as_bytes(content: bytes) -> str:
    return "".join(rf"\x{{{byte:02x}}}" for byte in content)


def _in_parquet(file: IO[bytes], person: Person) -> bool:
    batches = pq.ParquetFile(file).iter_batches()
    return any(
        bool(pc.any(matches(pa.table(batch), person)).as_py()) for batch in batches
    )


def _in_packed(file: IO[bytes], person: Person) -> bool:
    with _unpacked(file) as inside:
        return holds(inside, person)


def _unpacked(file: IO[bytes]) -> IO[bytes]:
    """Return the content of a compressed file; it can be read again."""
    start = file.read(4)
    file.seek(0)
    unpack = next(one for first, one in PACKED.items() if start.startswith(first))
    opened: IO[bytes] = unpack(file)
    return opened


def _in_archive(file: IO[bytes], person: Person) -> bool:
    # The columns of a spreadsheet are not in lines: any word counts.
    anywhere = Person(person.values)
    unknown = False
    with zipfile.ZipFile(file) as archive:
        names = [one for one in archive.namelist() if not one.endswith("/")]
        if any(person.word.search(name) for name in names):
            return True
        for name in names:
            try:
                with archive.open(name) as inside:
                    if holds(inside, anywhere):
                        return True
            except NotSearchedError:
                unknown = True
    if unknown:
        raise NotSearchedError
    return False


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    return iter(lambda: file.read(CHUNK), b"")


def _in_lines(lines: Iterator[str], person: Person, word: re.Pattern[str]) -> bool:
    """Return whether lines of text, of JSON, or of a CSV table have a row.

    Args:
        lines: Of a file.
        person: Who is looked for.
        word: What matches a value outside of a table.
    """
    if person.column is None:
        return any(_has(word, line) for line in _joined(lines))
    begin = list(islice(lines, PREAMBLE))
    for number, line in enumerate(begin):
        for delimiter in DELIMITERS:
            names = [normalize("NFC", one.strip()) for one in _fields(line, delimiter)]
            if len(names) > 1 and person.column in names:
                place, count = names.index(person.column), len(names)
                rows = _joined(chain(begin[number + 1 :], lines))
                found = (
                    _fields(row, delimiter) for row in rows if _has(person.part, row)
                )
                # A row that goes over several lines may be one of them.
                return any(
                    len(row) != count
                    or any(map(person.cell.fullmatch, variants(row[place])))
                    for row in found
                )
    return any(
        _in_json(line, person, word)
        for line in _joined(chain(begin, lines))
        if _has(person.part, line)
    )


def _has(pattern: re.Pattern[str], line: str) -> bool:
    return any(map(pattern.search, variants(line)))


def _joined(lines: Iterable[str]) -> Iterator[str]:
    """Yield lines, and after those with a quote that is open, them together."""
    open_: list[str] = []
    for line in lines:
        yield line
        odd = line.count('"') % 2 == 1
        if open_ or odd:
            open_.append(line)
        if len(open_) > 1 and odd:
            yield "\n".join(open_)
        if len(open_) > 1 and (odd or len(open_) >= JOINED):
            open_ = []


def _in_json(line: str, person: Person, word: re.Pattern[str]) -> bool:
    """Return whether a line has a value: of the column, if it is JSON with that key.

    If not, it is no table with this column: the word alone decides.
    """
    if line.lstrip().startswith(("{", "[")):
        with suppress(ValueError, RecursionError):
            cells = [*_values(json.loads(line.strip().rstrip(",")), person.column)]
            if cells:
                texts = (normalize("NFC", one) for one in cells)
                return any(map(person.cell.fullmatch, texts))
    return _has(word, line)


def _values(found: Any, key: str | None) -> Iterator[str]:
    """Yield the values of a key in JSON, as text."""
    inner = found.values() if isinstance(found, dict) else found
    if isinstance(found, dict):
        for name, value in found.items():
            if normalize("NFC", name) == key:
                yield value if isinstance(value, str) else json.dumps(value)
    if isinstance(inner, str) or not isinstance(found, dict | list):
        return
    for one in inner:
        yield from _values(one, key)


def columns_of(file: IO[bytes]) -> set[str]:
    """Return names of columns of a table, or what may be some in its first lines."""
    start = file.read(16)
    file.seek(0)
    with suppress(*UNPACKING, pa.ArrowInvalid):
        if start.startswith(b"PAR1"):
            return {normalize("NFC", one) for one in pq.read_schema(file).names}
        if start.startswith((*PACKED,)):
            with _unpacked(file) as inside:
                return columns_of(inside)
        if start.startswith(b"PK\x03\x04") or _is_binary(start):
            return set()
        head = file.read(HEAD_BYTES)
        found = set()
        # The names of others are in no encoding that is certain.
        for encoding in UNICODE if b"\0" in head else UNICODE[:1]:
            for line in islice(decoded([head], encoding), PREAMBLE):
                for delimiter in DELIMITERS:
                    fields = _fields(line, delimiter)
                    found |= {*fields} if len(fields) > 1 else set()
                with suppress(ValueError, RecursionError):
                    row = json.loads(line)
                    found |= {*row} if isinstance(row, dict) else set()
        return {normalize("NFC", name.strip()) for name in found}
    return set()


def _fields(line: str, delimiter: str) -> list[str]:
    with suppress(csv.Error):
        return next(csv.reader(io.StringIO(line, newline=""), delimiter=delimiter), [])
    return []


def matches(table: pa.Table, person: Person) -> pa.Array:
    """Return which rows of a table are of a person, as an array of booleans.

    In a column that the person's is, or that has no text, values must be equal; in
    others, any word counts.
    """
    found = pa.array([False] * table.num_rows, pa.bool_())
    if not person.values:
        return found
    names = [normalize("NFC", name) for name in table.column_names]
    known = person.column is not None and person.column in names
    for name, column in zip(names, table.columns, strict=True):
        if known and name != person.column:
            continue
        hits = [_matches(chunk, person, whole=known) for chunk in column.chunks]
        found = pc.or_(found, pa.concat_arrays([*hits, found[:0]]))
    return found


def _matches(array: pa.Array, person: Person, *, whole: bool) -> pa.Array:
    """Return which values are, or as text have, a value of a person; never null."""
    kind = array.type
    types = pa.types
    if types.is_dictionary(kind):
        return _matches(array.dictionary_decode(), person, whole=whole)
    if types.is_struct(kind):
        found = pa.array([False] * len(array), pa.bool_())
        for place in range(kind.num_fields):
            field = pc.struct_field(array, place)
            found = pc.or_(found, _matches(field, person, whole=whole))
        return found
    if types.is_map(kind):
        array = array.cast(pa.list_(pa.struct(list(_key_and_item(kind)))))
        kind = array.type
    if (
        types.is_list(kind)
        or types.is_large_list(kind)
        or types.is_fixed_size_list(kind)
    ):
        hits = _matches(pc.list_flatten(array), person, whole=whole)
        rows = pc.list_parent_indices(array).filter(hits)
        return pc.is_in(pa.array(range(len(array)), rows.type), rows)
    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        # Whole numbers of which some are missing may be stored as those with a point.
        known = [number for v in person.values for number in _numbers(v, kind)]
        return pc.is_in(array, pa.array(known, kind))
    text = _as_text(array)
    if types.is_temporal(kind):
        text = pc.replace_substring_regex(text, MIDNIGHT, "")
    text = pc.utf8_normalize(text, form="NFC")
    cell = whole or not _is_text(kind)
    values = person.patterns(cell=cell)
    pattern = (
        rf"^\s*({values})\s*$" if cell else rf"(^|{NO_WORD})({values})($|{NO_WORD})"
    )
    return pc.fill_null(pc.match_substring_regex(text, pattern), False)


def _key_and_item(kind: pa.MapType) -> Iterator[pa.Field]:
    yield pa.field("key", kind.key_type, nullable=False)
    yield pa.field("value", kind.item_type)


def _numbers(text: str, kind: pa.DataType) -> list[Any]:
    """Return the number that a text is in a column of numbers; none if it is none."""
    with suppress(ValueError, OverflowError, ArithmeticError, pa.ArrowInvalid):
        number = Decimal(text)
        if number.is_finite():
            if pa.types.is_integer(kind):
                return [pa.scalar(int(number), kind).as_py()] if number % 1 == 0 else []
            exact = pa.types.is_decimal(kind)
            return [pa.scalar(number if exact else float(number), kind).as_py()]
    return []


def _is_text(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
    )


def _as_text(array: pa.Array) -> pa.Array:
    with suppress(pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return array.cast(pa.string())
    return pa.array([_as_str(value) for value in array.to_pylist()], pa.string())


def _as_str(value: object) -> str | None:
    if isinstance(value, bytes):
        # The universally unique identifiers of databases.
        return (
            str(UUID(bytes=value))
            if len(value) == 16
            else value.decode("utf-8", "replace")
        )
    return None if value is None else str(value)
