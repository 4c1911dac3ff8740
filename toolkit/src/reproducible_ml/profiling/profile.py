"""Profile each column of a table, in one pass and in bounded memory."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from reproducible_ml.profiling.dates import (
    compact_date_patterns,
    date_patterns,
    same_iso_form,
)
from reproducible_ml.profiling.distinct import (
    FILE,
    DistinctCounter,
    FirstTexts,
    Occurrences,
    Tally,
    occurrences,
)
from reproducible_ml.profiling.numbers import number_patterns
from reproducible_ml.quality.spellings import may_be_missing
from reproducible_ml.reading.values import NA_VALUES

# Yields the rows of a file.
Batches = Callable[[Path], Iterable[pa.RecordBatch]]

# Rows and bytes that are profiled together: smaller batches cost more than they save.
ROWS = 2**16
BYTES = 2**26

# Threads that work on fewer rows mostly wait for one another.
SHORT = 5_000

# Different texts that are kept of a column, and hashes of more; a wide table gets
# fewer, so that all columns together stay below about 1 GB.
SEEN, SEEN_IN_ALL = 10_000, 1_000_000
HASHES, HASHES_IN_ALL = 2**20, 2**25

# Only the beginning of longer texts is kept: they are not categories.
LONG = 200

# Characters that cannot be seen: control characters, soft hyphens, marks and overrides
# of the direction, spaces without width, tags. Joiners are letters in some scripts, and
# part of emoji: they count only beside ASCII.
HIDDEN = (
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x{9f}\x{ad}\x{61c}\x{180e}\x{200b}\x{200e}\x{200f}"
    r"\x{202a}-\x{202e}\x{2060}-\x{2069}\x{feff}\x{fff9}-\x{fffb}\x{e0000}-\x{e007f}]"
    r"|[!-~][\x{200c}\x{200d}]|[\x{200c}\x{200d}][!-~]"
)

FAMILIES = (
    ("bool", pa.types.is_boolean),
    ("integer", pa.types.is_integer),
    ("number", pa.types.is_floating),
    ("number", pa.types.is_decimal),
    ("date", pa.types.is_timestamp),
    ("date", pa.types.is_date),
    ("null", pa.types.is_null),
    ("text", pa.types.is_string),
    ("text", pa.types.is_large_string),
    ("text", pa.types.is_string_view),
    ("text", pa.types.is_time),
)


class ColumnProfile:
    """Counts and patterns of one column.

    Attributes:
        lacking: Numbers of the files that have rows, but not this column.
        holding: Numbers of the files that have rows, and this column.
        families: Families of its types in the files, as "number"; always "text" in CSV.
        rows: Number of rows.
        absent: Rows without a value, however the column is read.
        spelled: Rows of each text that always means "no value", such as NA.
        blanks: Rows of each other text that may mean "no value".
        seen: The first different texts.
        distinct: Counts the different texts.
        numbers: Rows of each pattern of numbers.
        dates: Rows of each pattern of dates.
        hidden: Rows of texts with characters that cannot be seen.
        longest: Length of the longest text, in characters.
        usual: That of the longest text without those beyond LONG.
        long: Rows, first place and beginning of texts beyond LONG, by their length.
        words: Number of words in all rows together.
    """

    def __init__(self, name: str, columns: int) -> None:
        self.name = name
        self.lacking: set[int] = set()
        self.holding: set[int] = set()
        self.families: set[str] = set()
        self.rows = 0
        self.absent = 0
        self.spelled = Tally()
        self.blanks = Tally()
        self.seen = FirstTexts(min(SEEN, SEEN_IN_ALL // columns))
        self.distinct = DistinctCounter(min(HASHES, HASHES_IN_ALL // columns))
        self.numbers = Tally()
        self.dates = Tally()
        self.hidden = Tally()
        self.longest = 0
        self.usual = 0
        self.long: dict[int, tuple[int, int, str]] = {}
        self.words = 0

    @property
    def present(self) -> int:
        """Rows with a value."""
        return self.rows - self.absent

    def add_lacking(self, rows: int, file: int) -> None:
        """Add rows of a file that lacks this column."""
        self.rows += rows
        self.absent += rows
        self.lacking.add(file)

    def add(self, values: pa.Array, place: int) -> None:
        """Add the values of consecutive rows, the first at `place`."""
        self.families.add(type_family(values.type))
        self.holding.add(place // FILE)
        self.rows += len(values)
        part = occurrences(as_texts(values), place)
        if self.seen.complete:
            part = part.distinct()
        trimmed = part._replace(texts=pc.utf8_trim_whitespace(part.texts))
        missing = pc.is_in(part.texts, pa.array(NA_VALUES))
        self.absent += len(values) - int(part.rows.sum())
        without = part.where(missing)
        self.absent += int(without.rows.sum())
        self.spelled.add(without.texts, without)
        blank = may_be_missing(trimmed.texts)
        spelled = part.where(pc.and_(blank, pc.invert(missing)))
        self.blanks.add(spelled.texts, spelled)
        kept = pc.invert(missing)
        self._add_texts(part.where(kept))
        self._add_patterns(trimmed.where(pc.invert(blank)))

    def _add_texts(self, part: Occurrences) -> None:
        lengths = pc.utf8_length(part.texts)
        longest = pc.max(lengths).as_py() or 0
        self.longest = max(self.longest, longest)
        short = part
        if longest > LONG:
            self._add_long(part, lengths)
            lengths = pc.if_else(pc.greater(lengths, LONG), 0, lengths)
            longest = pc.max(lengths).as_py()
            short = part._replace(texts=pc.utf8_slice_codeunits(part.texts, 0, LONG))
        self.usual = max(self.usual, longest)
        self.seen.add(short)
        self.distinct.add(part.texts)

    def _add_long(self, part: Occurrences, lengths: pa.Array) -> None:
        mask = pc.greater(lengths, LONG)
        for text, length, count, place in zip(
            pc.utf8_slice_codeunits(part.texts.filter(mask), 0, LONG).to_pylist(),
            lengths.filter(mask).to_pylist(),
            *(each.tolist() for each in part.where(mask)[1:]),
            strict=True,
        ):
            before = self.long.get(length, (0, place, text))
            self.long[length] = (before[0] + count, *before[1:])

    def _add_patterns(self, part: Occurrences) -> None:
        if found := same_iso_form(part.texts):
            fits, pattern = found
            iso = part.where(fits)
            self.dates.add(pa.repeat(pattern, len(iso.texts)).dictionary_encode(), iso)
            self.words += int(iso.rows.sum()) * (1 + pattern.count(" "))
            part = part.where(pc.invert(fits))
        spelled = number_patterns(part.texts)
        self.numbers.add(spelled, part)
        self.words += int(part.rows.sum())
        if spelled.null_count:
            others = part.where(spelled.is_null())
            words = pc.count_substring_regex(others.texts, r"\S+").to_numpy()
            self.words += int(np.dot(others.rows, words - 1))
            self.dates.add(date_patterns(others.texts), others)
            hidden = others.where(pc.match_substring_regex(others.texts, HIDDEN))
            self.hidden.add(pc.utf8_slice_codeunits(hidden.texts, 0, LONG), hidden)
        length = pc.binary_length(part.texts)
        short = pc.and_(pc.greater_equal(length, 6), pc.less_equal(length, 8))
        if pc.any(short, min_count=0).as_py():
            compact = part.where(short)
            self.dates.add(compact_date_patterns(compact.texts), compact)


def profile_columns(files: Sequence[Path], read: Batches) -> dict[str, ColumnProfile]:
    """Return the profile of each column, by name, in the order of the first file.

    Args:
        files: Parts of the table, all with the same columns.
        read: Yields the rows of a file: texts as in the file, or typed values.
    """
    profiles: dict[str, ColumnProfile] = {}
    rows: Counter[int] = Counter()
    with ThreadPoolExecutor() as pool:
        for place, batch in pool_batches(files, read):
            names = batch.schema.names
            for name in names:
                if name not in profiles:
                    profiles[name] = _new_profile(name, len(names), rows)
            work = [(profiles[name], batch[name], place) for name in names]
            list((pool.map if batch.num_rows > SHORT else map)(_add, work))
            for name in profiles.keys() - {*names}:
                profiles[name].add_lacking(batch.num_rows, place // FILE)
            rows[place // FILE] += batch.num_rows
    return profiles


def pool_batches(
    files: Sequence[Path], read: Batches
) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Yield batches of a suitable size, each with the place of its first row."""
    for number, file in enumerate(files):
        place = number * FILE
        waiting: list[pa.RecordBatch] = []
        rows = size = 0
        for batch in read(file):
            waiting.append(batch)
            rows += batch.num_rows
            size += batch.nbytes
            if rows >= ROWS or size >= BYTES:
                yield place, pa.concat_batches(waiting)
                place += rows
                waiting, rows, size = [], 0, 0
        if waiting:
            yield place, pa.concat_batches(waiting)


def type_family(kind: pa.DataType) -> str:
    """Return the family of a type: text, bool, integer, number, date, null or other."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return next((name for name, holds in FAMILIES if holds(kind)), str(kind))


def as_texts(values: pa.Array) -> pa.StringArray:
    """Return values as a text file would hold them; other types become null."""
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    kind = type_family(values.type)
    if kind not in dict(FAMILIES):
        return pa.nulls(len(values), pa.string())
    if kind == "number":
        values = values.cast(pa.float64())
        values = pc.if_else(pc.is_nan(values), pa.scalar(None, pa.float64()), values)
    if pa.types.is_timestamp(values.type) and values.type.tz:
        values = values.cast(pa.timestamp(values.type.unit))
    return values.cast(pa.string())


def _new_profile(name: str, columns: int, rows: Mapping[int, int]) -> ColumnProfile:
    """Return the profile of a column that all rows so far lack."""
    new = ColumnProfile(name, columns)
    for file, count in rows.items():
        new.add_lacking(count, file)
    return new


def _add(work: tuple[ColumnProfile, pa.Array, int]) -> None:
    found, values, place = work
    found.add(values, place)
