"""Whether a file holds the rows of a person: by values, as they stand in tables.

Tables in Parquet are read; all else is searched for whole words line by line, also in
gzip, bzip2, xz and zip (such as .xlsx). A number that another format stores in binary
form is not found: the paths of such files can be named instead.
"""

import bz2
import csv
import gzip
import lzma
import math
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.files import replacing
from reproducible_ml.versioning.git import run_git

# What a compressed file begins with, and what opens it.
PACKED: dict[bytes, Callable[[IO[bytes]], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7z": lzma.open,
}
# What files begin with that hold numbers in a form that is not searched.
BINARY = (b"SQLite format 3", b"\x89HDF", b"ARROW1", b"ORC", b"\x93NUMPY")

UNPACKING = (OSError, EOFError, lzma.LZMAError, zipfile.BadZipFile, RuntimeError)

# How Unicode of two bytes begins, as spreadsheets may write it.
WIDE = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}

# Bytes that are searched at once.
CHUNK = 1 << 22

DELIMITERS = ",;\t|"

# Lines in which the header of a CSV file is looked for.
PREAMBLE = 20

# Folders of the working tree that are not searched: packages, Git, and what is DVC's.
SKIPPED = (".git", ".venv", ".dvc", "__pycache__")
TEMPORARY = (".dvc", "tmp")


class NotSearchedError(Exception):
    """A file may hold rows in a form that is not known here, or is damaged."""


class Person(NamedTuple):
    """How the rows of a person are known.

    Attributes:
        values: Such as the number of a customer; one of them is enough.
        column: That they stand in; None: in any.
    """

    values: Sequence[str]
    column: str | None = None

    @property
    def word(self) -> re.Pattern[str]:
        """Matches a value as a whole word."""
        if not self.values:
            return re.compile(r"(?!)")  # matches nothing
        return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, self.values))})(?!\w)")


def holds(file: IO[bytes], person: Person) -> bool:
    """Return whether a file has a row of a person; it must be seekable.

    Raises:
        NotSearchedError: No value was found, but not all of it could be read.
    """
    if not person.values:
        return False
    start = file.read(16)
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
    found = _occurs(file, start, person) and _in_lines(_lines(file, start), person)
    if not found and (reader or start.startswith(BINARY)):
        raise NotSearchedError
    return found


def _occurs(file: IO[bytes], start: bytes, person: Person) -> bool:
    """Return whether a value is somewhere in a file, which is mostly not so.

    That takes a tenth of the time of reading its lines.
    """
    if start.startswith((*WIDE,)):
        return True
    known = {
        value.encode(encoding, "ignore")
        for value in person.values
        for encoding in ("utf-8", "latin-1")
    } - {b""}
    before, found = b"", False
    overlap = max(map(len, known), default=0)
    while not found and (chunk := file.read(CHUNK)):
        found = any(value in before + chunk for value in known)
        before = chunk[-overlap:]
    file.seek(0)
    return found


def _in_parquet(file: IO[bytes], person: Person) -> bool:
    batches = pq.ParquetFile(file).iter_batches()
    return any(
        bool(pc.any(matches(pa.table(batch), person)).as_py()) for batch in batches
    )


def _in_packed(file: IO[bytes], person: Person) -> bool:
    start = file.read(3)
    file.seek(0)
    unpack = next(one for first, one in PACKED.items() if start.startswith(first))
    with unpack(file) as inside:
        return holds(inside, person)


def _in_archive(file: IO[bytes], person: Person) -> bool:
    # The columns of a spreadsheet are not in lines: any word counts.
    anywhere = person._replace(column=None)
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


def _lines(file: IO[bytes], start: bytes) -> Iterator[str]:
    for first, encoding in WIDE.items():
        if start.startswith(first):
            yield from file.read().decode(encoding, "replace").splitlines()
            return
    for line in file:
        try:
            yield line.decode("utf-8-sig")
        except UnicodeDecodeError:
            yield line.decode("latin-1")


def _in_lines(lines: Iterator[str], person: Person) -> bool:
    word = person.word
    if person.column is None:
        return any(word.search(line) for line in lines)
    begin = list(islice(lines, PREAMBLE))
    for number, line in enumerate(begin):
        for delimiter in DELIMITERS:
            names = [name.strip() for name in _fields(line, delimiter)]
            if len(names) > 1 and person.column in names:
                place, count = names.index(person.column), len(names)
                rows = chain(begin[number + 1 :], lines)
                found = (_fields(row, delimiter) for row in rows if word.search(row))
                # A row that goes over several lines may be one of them.
                return any(
                    len(row) != count or row[place].strip() in person.values
                    for row in found
                )
    # It is no table with this column: the word alone decides.
    return any(word.search(line) for line in chain(begin, lines))


def columns_of(file: IO[bytes]) -> set[str]:
    """Return names of columns of a table, or what may be some in its first lines."""
    start = file.read(16)
    file.seek(0)
    with suppress(*UNPACKING, pa.ArrowInvalid):
        if start.startswith(b"PAR1"):
            return {*pq.read_schema(file).names}
        for first, unpack in PACKED.items():
            if start.startswith(first):
                with unpack(file) as inside:
                    return columns_of(inside)
        if start.startswith((*BINARY, b"PK\x03\x04")):
            return set()
        found = set()
        for line in islice(_lines(file, start), PREAMBLE):
            for delimiter in DELIMITERS:
                names = [name.strip() for name in _fields(line, delimiter)]
                found |= {*names} if len(names) > 1 else set()
        return found
    return set()


def _fields(line: str, delimiter: str) -> list[str]:
    with suppress(csv.Error):
        return next(csv.reader([line], delimiter=delimiter), [])
    return []


def matches(table: pa.Table, person: Person) -> pa.Array:
    """Return which rows of a table are of a person, as an array of booleans.

    In a column that the person's is, or that has no text, values must be equal; in
    others, any word counts.
    """
    found = pa.array([False] * table.num_rows, pa.bool_())
    known = person.column is not None and person.column in table.column_names
    for name in [person.column] if known else table.column_names:
        column = table.column(name)
        hits = pc.fill_null(_matches(column, person.values, whole=known), False)
        found = pc.or_(found, pa.concat_arrays([*hits.chunks, found[:0]]))
    return found


def _matches(
    column: pa.ChunkedArray, values: Sequence[str], *, whole: bool
) -> pa.ChunkedArray:
    """Return which values of a column are, or as text have, one of some values."""
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        # Whole numbers of which some are missing may be stored as those with a point.
        known = [number for value in values for number in _numbers(value, kind)]
        return pc.is_in(column, pa.array(known, kind))
    text = _as_text(column)
    if whole or not _is_text(kind):
        return pc.is_in(pc.utf8_trim_whitespace(text), pa.array([*values]))
    return pc.match_substring_regex(text, _as_re2(values))


def _numbers(text: str, kind: pa.DataType) -> list[Any]:
    """Return the number that a text is in a column of numbers; none if it is none."""
    with suppress(ValueError, OverflowError, pa.ArrowInvalid):
        number = int(text) if pa.types.is_integer(kind) else float(text)
        if math.isfinite(number):
            return [pa.scalar(number, kind).as_py()]
    return []


def _as_re2(values: Iterable[str]) -> str:
    # RE2 looks neither ahead nor behind.
    special = re.compile(r"([\\.+*?()|\[\]{}^$])")
    words = "|".join(special.sub(r"\\\1", value) for value in values)
    return rf"(^|[^\pL\pN_])({words})($|[^\pL\pN_])"


def _is_text(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    with suppress(pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return column.cast(pa.string())
    texts = [None if v is None else str(v) for v in column.to_pylist()]
    return pa.chunked_array([pa.array(texts, pa.string())])


def search_git(root: Path, person: Person) -> list[str]:
    """Return where Git has a value as a word: files with a commit, and messages."""
    found: dict[str, str] = {}
    for value in person.values:
        # As a whole word, in POSIX's extended form.
        word = re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", value)
        pattern = f"(^|[^[:alnum:]_.]){word}($|[^[:alnum:]_.])"
        every = ("log", "--all", "--reflog", "--format=%x00%h")
        files = run_git(root, *every, "--text", "--name-only", f"-G{pattern}") or b""
        for part in files.decode("utf-8", "replace").split("\0")[1:]:
            commit, *names = part.split("\n")
            for name in filter(None, names):
                found.setdefault(name, commit)
        said = run_git(root, *every, "--extended-regexp", f"--grep={pattern}") or b""
        for commit in said.decode().replace("\0", " ").split():
            found[f"the message of {commit}"] = commit
    return [f"{name} ({commit})" for name, commit in sorted(found.items())]


def search_files(root: Path, person: Person) -> list[str]:
    """Return the files of the working tree that hold a row, in Git or not."""
    found = []
    # Damaged files, and experiments that ran in a folder of their own.
    for path in sorted(root.rglob("*")):
        inside = path.relative_to(root)
        skipped = {*inside.parts} & {*SKIPPED} and inside.parts[:2] != TEMPORARY
        if skipped or not path.is_file():
            continue
        with suppress(NotSearchedError), path.open("rb") as file:
            if holds(file, person):
                found.append(inside.as_posix())
    return found


def search_logs(folders: Iterable[Path], person: Person) -> dict[Path, int]:
    """Return the number of rows of a person in each file of logs."""
    found = {}
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"{folder}: is no folder. Fix: give that of the log")
        for path in sorted(folder.rglob("*.parquet")):
            if count := pc.sum(matches(pq.read_table(path), person)).as_py():
                found[path] = int(count)
    return found


def clean_log(path: Path, person: Person) -> None:
    """Remove the rows of a person from a Parquet file; one without others goes."""
    table = pq.read_table(path)
    others = table.filter(pc.invert(matches(table, person)))
    if not others.num_rows:
        path.unlink()
        return
    with replacing(path) as temporary:
        pq.write_table(others, temporary)
