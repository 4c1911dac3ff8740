"""Profile each column of a table, in one pass and in bounded memory."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from reproducible_ml.contract.schema import Column
from reproducible_ml.profiling.dates import compact_date_patterns
from reproducible_ml.profiling.described import (
    Described,
    PlainBatch,
    describe,
    plain_column,
    read_plain,
)
from reproducible_ml.profiling.distinct import (
    FILE,
    DistinctCounter,
    FirstTexts,
    Hashes,
    Ints,
    Occurrences,
    Tally,
    are_any_of,
    distinct_occurrences,
    occurrences,
    without_texts,
)
from reproducible_ml.profiling.measurements import Measurements
from reproducible_ml.quality.spellings import may_be_missing
from reproducible_ml.reading.kept_rows import KeptRows
from reproducible_ml.reading.values import NA_VALUES, arrow_type

# Yields the rows of a file.
Batches = Callable[[Path], Iterable[pa.RecordBatch]]

# Rows and bytes that are profiled together: smaller batches cost more than they save.
ROWS = 2**16
BYTES = 2**26

# The first batch of a file: enough for SEEN different texts, which are looked at one by
# one.
FIRST_ROWS = 2**14

# Threads that work on fewer rows mostly wait for one another: then columns are profiled
# together, so many values at a time.
SHORT, TOGETHER = 5_000, 500_000

# Different texts that are kept of a column, and hashes of more; a wide table gets
# fewer, so that all columns together stay below about 1 GB.
SEEN, SEEN_IN_ALL = 10_000, 1_000_000
HASHES, HASHES_IN_ALL = 2**20, 2**25

# Descriptions of so many texts are kept for the next batch.
FEW = 1_000

# Only the beginning of longer texts is kept: they are not categories.
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
        draft: Measurements of plain numbers or dates, once there are more different
            texts than `seen` holds.
        skimmed: Whether batches of plain values were only measured: `seen` lacks their
            rows, and `distinct` lacks them but for whole numbers.
    """

    def __init__(self, name: str, columns: int, *, skim: bool = True) -> None:
        self.name = name
        self.skim = skim
        self.skimmed = False
        self.draft: Measurements | None = None
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
        self._last: tuple[pa.StringArray, Described] | None = None

    @property
    def present(self) -> int:
        """Rows with a value."""
        return self.rows - self.absent

    def add_lacking(self, rows: int, file: int) -> None:
        """Add rows of a file that lacks this column."""
        self.rows += rows
        self.absent += rows
        self.lacking.add(file)

    def add(self, values: pa.Array, place: int) -> pa.Array:
        """Add the values of consecutive rows, the first at `place`.

        Returns:
            The same values, those of plain numbers or dates as such, and repeated texts
            encoded.
        """
        self.families.add(type_family(values.type))
        self.holding.add(place // FILE)
        self.rows += len(values)
        texts = as_texts(values)
        if self.draft is not None:
            skimmed = self._skim(texts, place)
            if skimmed is not None:
                return skimmed
        self.absent += texts.null_count
        if texts.null_count or not self.seen.complete:
            part = occurrences(texts, place)
            part = part.distinct() if self.seen.complete else part
        else:
            texts = texts.dictionary_encode()
            part = distinct_occurrences(texts, place)
        self._add_described(part, self._described(part.texts))
        return texts

    def _described(self, texts: pa.StringArray) -> Described:
        """Describe texts; those of a category repeat in each batch."""
        if self._last is not None:
            places = pc.index_in(texts, self._last[0])
            if not places.null_count:
                return self._last[1].at(places.to_numpy().astype(np.int64))
        found = describe(texts)
        if len(texts) <= FEW:
            self._last = texts, found
        return found

    def add_distinct(
        self, part: Occurrences, found: Described, values: pa.Array, place: int
    ) -> None:
        """Add the values of consecutive rows by their different texts.

        Args:
            part: The texts, each of them once.
            found: Their descriptions.
            values: The values.
            place: Place of the first row.
        """
        self.families.add(type_family(values.type))
        self.holding.add(place // FILE)
        self.rows += len(values)
        self.absent += len(values) - int(part.rows.sum())
        self._add_described(part, found)

    def _add_described(self, part: Occurrences, found: Described) -> None:
        """Add texts, each of them once as long as `seen` is complete."""
        before = self.seen.snapshot() if self.seen.complete else None
        kept, present = part, part
        lengths, hashes = found.lengths, found.hashes
        if found.blank.any():
            self._add_missing(part.where(pa.array(found.blank)))
            present = part.where(pa.array(~found.blank))
            kept = part.where(pa.array(~found.always))
            lengths, hashes = lengths[~found.always], hashes[~found.always]
            found = found.at(~found.blank)
        self._add_texts(kept, lengths, hashes)
        self._add_patterns(present._replace(texts=found.trimmed), found)
        if not self.seen.complete and self.skim:
            self._measure(before, present)

    def _add_missing(self, part: Occurrences) -> None:
        """Add texts that mean "no value", always or in some columns."""
        always = pc.is_in(part.texts, pa.array(NA_VALUES))
        without = part.where(always)
        self.absent += int(without.rows.sum())
        self.spelled.add(without.texts, without)
        other = part.where(pc.invert(always))
        self.blanks.add(other.texts, other)

    def _measure(self, before: Occurrences | None, part: Occurrences) -> None:
        """Measure texts if all so far are plain numbers or dates."""
        if before is not None:
            column = plain_column(self.numbers.rows, self.dates.rows)
            if column is not None:
                self.draft = Measurements(column)
                blank = may_be_missing(pc.utf8_trim_whitespace(before.texts))
                self.draft.add(before.where(pc.invert(blank)))
        if self.draft is not None:
            self.draft.add(part)

    def _skim(self, texts: pa.StringArray, place: int) -> pa.Array | None:
        """Add a batch of plain values and return them; None if it holds others."""
        assert self.draft is not None
        column = self.draft.column
        if column.dtype == "float64" and self.draft.whole:
            # They may be identifiers, which are counted.
            return None
        rows = np.flatnonzero(texts.is_valid()) if texts.null_count else None
        every = texts.drop_null() if texts.null_count else texts
        missing = are_any_of(every, [*self.spelled.rows, *self.blanks.rows])
        present = without_texts(every, missing) if missing.any() else every
        found = read_plain(present, column, self.dates.rows)
        if found is None or not self._knows(found):
            return None
        self.absent += texts.null_count

        def at(positions: npt.NDArray[np.intp]) -> Occurrences:
            some = every.take(pa.array(positions))
            positions = positions if rows is None else rows[positions]
            return Occurrences(some, np.ones(len(some), np.int64), place + positions)

        def choose(positions: npt.NDArray[np.intp]) -> Occurrences:
            # Few are chosen, so that no batch is copied with its places.
            left = np.flatnonzero(~missing)[positions] if missing.any() else positions
            return at(left)

        if missing.any():
            self._add_missing(at(np.flatnonzero(missing)))
        if column.dtype == "datetime64[ns]":
            (pattern,) = found.patterns
            self.dates.rows[pattern] += len(present)
            self.words += len(present) * (1 + pattern.count(" "))
        else:
            for pattern, count in found.patterns.items():
                if count:
                    self.numbers.rows[pattern] += count
            self.words += len(present)
            if found.may_be_dates.any():
                compact = choose(np.flatnonzero(found.may_be_dates))
                self.dates.add(compact_date_patterns(compact.texts), compact)
        if column.dtype == "Int64":
            self.distinct.add_numbers(found.values)
        self.longest = max(self.longest, found.longest)
        self.usual = max(self.usual, found.longest)
        self.draft.add_rows(found.values, len(present), choose)
        self.skimmed = True
        if texts.null_count or self.blanks.rows:
            # Whether blanks are missing values is not known yet.
            return texts
        return _with_missing(found.values, missing, column)

    def _knows(self, found: PlainBatch) -> bool:
        """Return whether all patterns of a batch occurred before."""
        known = self.numbers.rows.keys() | self.dates.rows.keys()
        return all(key in known for key, rows in found.patterns.items() if rows)

    def _add_texts(self, part: Occurrences, lengths: Ints, hashes: Hashes) -> None:
        longest = int(lengths.max(initial=0))
        self.longest = max(self.longest, longest)
        short = part
        if longest > LONG:
            self._add_long(part, lengths)
            longest = int(lengths[lengths <= LONG].max(initial=0))
            short = part._replace(texts=pc.utf8_slice_codeunits(part.texts, 0, LONG))
        self.usual = max(self.usual, longest)
        # Long texts may be the same once they are cut.
        self.seen.add(short, distinct=self.seen.complete and short is part)
        self.distinct.add_hashes(hashes)

    def _add_long(self, part: Occurrences, lengths: Ints) -> None:
        mask = lengths > LONG
        long = part.where(pa.array(mask))
        for text, length, count, place in zip(
            pc.utf8_slice_codeunits(long.texts, 0, LONG).to_pylist(),
            lengths[mask].tolist(),
            *(each.tolist() for each in long[1:]),
            strict=True,
        ):
            before = self.long.get(length, (0, place, text))
            self.long[length] = (before[0] + count, *before[1:])

    def _add_patterns(self, part: Occurrences, found: Described) -> None:
        self.words += int(np.dot(part.rows, found.words))
        self.numbers.add_codes(*found.numbers, part)
        self.dates.add_codes(*found.dates, part)
        self.dates.add_codes(*found.compact, part)
        if found.hidden.any():
            hidden = part.where(pa.array(found.hidden))
            self.hidden.add(pc.utf8_slice_codeunits(hidden.texts, 0, LONG), hidden)


def _with_missing(
    values: pa.Array, missing: npt.NDArray[np.bool_], column: Column
) -> pa.Array:
    """Return a value for each row, null for missing ones."""
    kind = arrow_type(column)
    if not missing.any():
        return values.view(kind)
    numbers = np.zeros(len(missing), dtype=values.to_numpy().dtype)
    numbers[~missing] = values.to_numpy()
    return pa.array(numbers, mask=missing).view(kind)


def profile_columns(
    files: Sequence[Path],
    read: Batches,
    only: Collection[str] | None = None,
    kept: KeptRows | None = None,
) -> dict[str, ColumnProfile]:
    """Return the profile of each column, by name, in the order of the first file.

    Args:
        files: Parts of the table, all with the same columns.
        read: Yields the rows of a file: texts as in the file, or typed values.
        only: Columns to profile, of which no batch is skimmed; None for all.
        kept: Gets the rows.
    """
    from joblib import cpu_count

    profiles: dict[str, ColumnProfile] = {}
    rows: Counter[int] = Counter()
    # More threads than processors would only wait for one another.
    with ThreadPoolExecutor(cpu_count()) as pool:
        for place, batch in pool_batches(files, read):
            every = batch.schema.names
            names = [name for name in every if only is None or name in only]
            for name in names:
                if name not in profiles:
                    new = ColumnProfile(name, len(every), skim=only is None)
                    profiles[name] = _lacking(new, rows)
            if batch.num_rows > SHORT:
                work = [(profiles[name], batch[name], place) for name in names]
                columns = list(pool.map(_add, work))
            else:
                _add_together([profiles[name] for name in names], batch, place)
                columns = [batch[name] for name in names]
            if kept:
                kept.add(dict(zip(names, columns, strict=True)))
            for name in profiles.keys() - {*names}:
                profiles[name].add_lacking(batch.num_rows, place // FILE)
            rows[place // FILE] += batch.num_rows
    return profiles


def pool_batches(
    files: Sequence[Path], read: Batches
) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Yield batches of a suitable size, each with the place of its first row."""
    for number, file in enumerate(files):
        place, needed = number * FILE, min(FIRST_ROWS, ROWS)
        waiting: list[pa.RecordBatch] = []
        rows = size = 0
        for batch in read(file):
            waiting.append(batch)
            rows += batch.num_rows
            size += batch.nbytes
            if rows >= needed or size >= BYTES:
                yield place, pa.concat_batches(waiting)
                place += rows
                waiting, rows, size, needed = [], 0, 0, ROWS
        if waiting:
            yield place, pa.concat_batches(waiting)


def type_family(kind: pa.DataType) -> str:
    """Return the family of a type: text, bool, integer, number, date, null or other."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    # The most common one, before all are tried.
    if pa.types.is_string(kind):
        return "text"
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


def _lacking(new: ColumnProfile, rows: Mapping[int, int]) -> ColumnProfile:
    """Return the profile of a column that all rows so far lack."""
    for file, count in rows.items():
        new.add_lacking(count, file)
    return new


def _add_together(
    profiles: Sequence[ColumnProfile], batch: pa.RecordBatch, place: int
) -> None:
    """Add the values of many columns; texts of several are described together."""
    step = max(1, TOGETHER // max(batch.num_rows, 1))
    for start in range(0, len(profiles), step):
        some = profiles[start : start + step]
        texts = [as_texts(batch[profile.name]) for profile in some]
        coded = pa.concat_arrays(texts).dictionary_encode()
        found = describe(coded.dictionary)
        codes = coded.indices.fill_null(-1).to_numpy()
        # Different texts of each column, in the order of their first places.
        present = np.flatnonzero(codes >= 0)
        column = present // batch.num_rows
        keys = column * len(coded.dictionary) + codes[present]
        _, firsts, rows = np.unique(keys, return_index=True, return_counts=True)
        order = np.argsort(firsts)
        firsts = firsts[order]
        chosen = codes[present[firsts]].astype(np.int64)
        ends = np.searchsorted(column[firsts], np.arange(len(some) + 1)).tolist()
        every = Occurrences(
            coded.dictionary.take(pa.array(chosen)),
            rows[order],
            place + present[firsts] % batch.num_rows,
        )
        described = found.at(chosen)
        for number, profile in enumerate(some):
            own = slice(*ends[number : number + 2])
            part = Occurrences(*(values[own] for values in every))
            values = batch[profile.name]
            profile.add_distinct(
                part, described.part(own.start, own.stop), values, place
            )


def _add(work: tuple[ColumnProfile, pa.Array, int]) -> pa.Array:
    found, values, place = work
    return found.add(values, place)
