"""What the whole of each column shows, from one pass over a table in bounded memory."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from reproducible_ml.profiling.dates import compact_date_patterns, date_patterns
from reproducible_ml.profiling.distinct import (
    FILE,
    DistinctCounter,
    FirstTexts,
    Occurrences,
    Tally,
    occurrences,
)
from reproducible_ml.profiling.numbers import number_patterns
from reproducible_ml.reading.values import FALSE_VALUES, NA_VALUES, TRUE_VALUES

# Spellings, in lower case, that are no value in any column: nobody means a value.
ANYWHERE = frozenset(
    ["n/a", "#n/a", "#na", "n.a.", "<na>", "(null)", "\\n", "?", "??", "k.a.", "k. a."]
)
# Those that are no value among numbers and dates, but may be one among texts.
AMONG_NUMBERS = ANYWHERE | frozenset(
    [text.lower() for text in NA_VALUES]
    + [
        "-",
        "--",
        "---",
        ".",
        "..",
        "unknown",
        "missing",
        "nil",
        "nat",
        "-nan",
        "#null!",
    ]
    + ["not available", "not applicable", "undefined", "unbekannt", "keine angabe"]
)

PAIRS = (
    ("true", "false"),
    ("yes", "no"),
    ("t", "f"),
    ("y", "n"),
    ("ja", "nein"),
    ("j", "n"),
    ("oui", "non"),
    ("si", "no"),
    ("sí", "no"),
    ("wahr", "falsch"),
    ("vrai", "faux"),
    ("on", "off"),
    ("sim", "não"),
)


def boolean_spellings(
    texts: Iterable[str],
) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Return the spellings of true and of false, sorted, if texts are just these.

    Both occur, and belong together: yes and no, but not yes and false. 0 and 1 are
    numbers.
    """
    spelled = sorted({text.strip() for text in texts})
    lower = {text.lower() for text in spelled}
    for true, false in PAIRS:
        if lower == {true, false}:
            return (
                tuple(text for text in spelled if text.lower() == true),
                tuple(text for text in spelled if text.lower() == false),
            )
    return None


def are_default_booleans(true: Iterable[str], false: Iterable[str]) -> bool:
    """Say whether these need no mention in the contract."""
    return {*true} <= {*TRUE_VALUES} and {*false} <= {*FALSE_VALUES}


def missing_spellings(texts: Iterable[str], *, among_text: bool) -> list[str]:
    """Return the texts that mean "no value".

    Args:
        texts: Some that might, in lower case without blanks around.
        among_text: Whether the others are texts, and not numbers, dates or truths.
    """
    if not among_text:
        return [text for text in texts if text.strip().lower() in AMONG_NUMBERS]
    known = {*NA_VALUES}
    return [t for t in texts if t.strip() in known or t.strip().lower() in ANYWHERE]


def undeclared_spellings(blank: Iterable[str], *, among_text: bool) -> tuple[str, ...]:
    """Return the spellings of "no value" that the contract must name."""
    # Blanks around a value count in texts alone.
    spelled = {text if among_text else text.strip() for text in blank}
    return tuple(sorted(spelled - {*NA_VALUES}))


Batches = Callable[[Path], Iterable[pa.RecordBatch]]

# Rows and bytes that are looked at together: the work of a call must be worth it.
ROWS = 2**16
BYTES = 2**26

# Different texts that a column is remembered by, and hashes beyond; a wide table gets
# fewer, so that all columns together stay below about 1 GB.
SEEN, SEEN_IN_ALL = 10_000, 1_000_000
HASHES, HASHES_IN_ALL = 2**20, 2**25

# Longer texts are remembered by their beginning: they are no categories.
LONG = 200

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
        families: Kinds of types in which the files hold it; CSV holds text alone.
        rows: All rows, and `absent` those without a value in any reading.
        blanks: Rows of each text that might mean "no value".
        seen: The first different texts.
        distinct: How many different texts.
        numbers: Rows of each spelling of a number.
        dates: Rows of each shape of a date.
        longest: Characters of the longest text.
        words: Words in all rows together.
    """

    def __init__(self, name: str, columns: int) -> None:
        self.name = name
        self.lacking: set[int] = set()
        self.holding: set[int] = set()
        self.families: set[str] = set()
        self.rows = 0
        self.absent = 0
        self.blanks = Tally()
        self.seen = FirstTexts(min(SEEN, SEEN_IN_ALL // columns))
        self.distinct = DistinctCounter(min(HASHES, HASHES_IN_ALL // columns))
        self.numbers = Tally()
        self.dates = Tally()
        self.longest = 0
        self.words = 0

    @property
    def present(self) -> int:
        """Rows with a value."""
        return self.rows - self.absent

    def lack(self, rows: int, file: int) -> None:
        """Take note of rows of a file without this column."""
        self.rows += rows
        self.absent += rows
        self.lacking.add(file)

    def add(self, values: pa.Array, place: int) -> None:
        """Take note of the values of rows that follow each other from `place` on."""
        self.families.add(type_family(values.type))
        self.holding.add(place // FILE)
        self.rows += len(values)
        part = occurrences(as_texts(values), place)
        if self.seen.complete:
            part = part.distinct()
        trimmed = part._replace(texts=pc.utf8_trim_whitespace(part.texts))
        missing = pc.is_in(part.texts, pa.array(NA_VALUES))
        self.absent += len(values) - int(part.rows.sum())
        self.absent += int(part.where(missing).rows.sum())
        blank = _is_blank(trimmed.texts)
        spelled = part.where(pc.and_(blank, pc.invert(missing)))
        self.blanks.add(spelled.texts, spelled)
        kept = pc.invert(missing)
        self._add_texts(part.where(kept))
        self._add_readings(trimmed.where(pc.invert(blank)))

    def _add_texts(self, part: Occurrences) -> None:
        lengths = pc.utf8_length(part.texts)
        longest = pc.max(lengths).as_py() or 0
        self.longest = max(self.longest, longest)
        short = part
        if longest > LONG:
            short = part._replace(texts=pc.utf8_slice_codeunits(part.texts, 0, LONG))
        self.seen.add(short)
        self.distinct.add(part.texts)

    def _add_readings(self, part: Occurrences) -> None:
        spelled = number_patterns(part.texts)
        self.numbers.add(spelled, part)
        self.words += int(part.rows.sum())
        if spelled.null_count:
            others = part.where(spelled.is_null())
            words = pc.count_substring_regex(others.texts, r"\S+").to_numpy()
            self.words += int(np.dot(others.rows, words - 1))
            self.dates.add(date_patterns(others.texts), others)
        eight = pc.equal(pc.binary_length(part.texts), 8)
        if pc.any(eight, min_count=0).as_py():
            compact = part.where(eight)
            self.dates.add(compact_date_patterns(compact.texts), compact)


def profile_columns(files: Sequence[Path], read: Batches) -> dict[str, ColumnProfile]:
    """Return what each column shows, by name, in the order of the first file.

    Args:
        files: Parts of the table, all with the same columns.
        read: Yields the rows of a file; text as it stands there, or typed values.
    """
    profiles: dict[str, ColumnProfile] = {}
    rows: Counter[int] = Counter()
    with ThreadPoolExecutor() as pool:
        for place, batch in pool_batches(files, read):
            names = batch.schema.names
            for name in names:
                if name not in profiles:
                    profiles[name] = _begun(name, len(names), rows)
            work = [(profiles[name], batch[name], place) for name in names]
            list(pool.map(_add, work))
            for name in profiles.keys() - {*names}:
                profiles[name].lack(batch.num_rows, place // FILE)
            rows[place // FILE] += batch.num_rows
    return profiles


def _begun(name: str, columns: int, rows: Mapping[int, int]) -> ColumnProfile:
    """Return the profile of a column that the rows of the files so far lack."""
    begun = ColumnProfile(name, columns)
    for file, count in rows.items():
        begun.lack(count, file)
    return begun


def _add(work: tuple[ColumnProfile, pa.Array, int]) -> None:
    found, values, place = work
    found.add(values, place)


def pool_batches(
    files: Sequence[Path], read: Batches
) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Yield batches of a size worth the work, and the place of their first row."""
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
    """Return which values a type holds: text, bool, integer, number, date or none."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return next((name for name, holds in FAMILIES if holds(kind)), str(kind))


def as_texts(values: pa.Array) -> pa.StringArray:
    """Return values as a text file would have them; unknown types become nulls."""
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


def _is_blank(texts: pa.StringArray) -> pa.BooleanArray:
    """Say which texts might mean "no value"."""
    lower = pc.utf8_lower(texts)
    return pc.is_in(lower, pa.array(sorted(AMONG_NUMBERS)))
