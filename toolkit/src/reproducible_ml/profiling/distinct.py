"""Count the different values of a column in bounded memory.

Results do not depend on how a column is divided into batches.
"""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]

# The place of a row is the number of its file times this, plus its row number, from 0.
FILE = 2**40

# Numbers of at most so many characters are exact as floats, which are hashed quickly.
EXACT = 15

# How many patterns are counted; rows with other ones are not.
LIMIT = 200


class Occurrences(NamedTuple):
    """Texts of a column, with rows and places.

    Attributes:
        texts: In the order of their places.
        rows: How many rows have each text.
        places: The first place of each.
    """

    texts: pa.StringArray
    rows: Ints
    places: Ints

    def where(self, mask: pa.BooleanArray) -> "Occurrences":
        """Return the texts that a mask selects; it has no nulls."""
        if pc.all(mask, min_count=0).as_py():
            return self
        chosen = np.asarray(mask.to_numpy(zero_copy_only=False), dtype=bool)
        texts = self.texts.filter(mask)
        return Occurrences(texts, self.rows[chosen], self.places[chosen])

    def at(self, positions: npt.NDArray[np.intp]) -> "Occurrences":
        """Return the texts at some positions."""
        if len(positions) == len(self.texts):
            return self
        texts = self.texts.take(pa.array(positions))
        return Occurrences(texts, self.rows[positions], self.places[positions])

    def distinct(self) -> "Occurrences":
        """Return each text once."""
        codes = self.texts.dictionary_encode()
        numbers = codes.indices.to_numpy(zero_copy_only=False)
        firsts = _first_positions(numbers)
        rows = np.bincount(numbers, self.rows, len(codes.dictionary)).astype(np.int64)
        return Occurrences(codes.dictionary, rows, self.places[firsts])


def occurrences(texts: pa.StringArray, first: int) -> Occurrences:
    """Return the texts of consecutive rows, the first of which is at place `first`."""
    places = np.arange(first, first + len(texts), dtype=np.int64)
    every = Occurrences(texts, np.ones(len(texts), dtype=np.int64), places)
    return every.where(texts.is_valid()) if texts.null_count else every


def distinct_occurrences(codes: pa.DictionaryArray, first: int) -> Occurrences:
    """Return each of encoded texts once, the first row being at `first`; no nulls."""
    numbers = codes.indices.to_numpy()
    rows = np.bincount(numbers, minlength=len(codes.dictionary))
    return Occurrences(codes.dictionary, rows, first + _first_positions(numbers))


def _first_positions(numbers: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    """Return the position of each number's first row; they are in that order."""
    if not len(numbers):
        return np.empty(0, dtype=np.intp)
    # Of a few numbers, all occur in the first rows.
    last, rows = numbers.max(), 1000
    while numbers[:rows].max() < last:
        rows *= 4
    highest = np.maximum.accumulate(numbers[:rows])
    return np.flatnonzero(np.diff(highest, prepend=-1))


class FirstTexts:
    """The first `limit` different texts of a column, each with rows and first place."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.content = occurrences(pa.array([], pa.string()), 0)
        self.complete = True

    def __len__(self) -> int:
        return len(self.content.texts)

    def add(self, more: Occurrences, *, distinct: bool = False) -> None:
        """Count more texts, which come after those counted before.

        Args:
            more: The texts.
            distinct: Whether each occurs once.
        """
        if distinct and not len(self):
            self.complete = len(more.texts) <= self.limit
            self._append(more, self.limit)
            return
        found = pc.index_in(more.texts, self.content.texts)
        numbers = found.fill_null(-1).to_numpy(zero_copy_only=False)
        known = numbers >= 0
        np.add.at(self.content.rows, numbers[known], more.rows[known])
        if known.all():
            return
        room = self.limit - len(self)
        new = more.where(found.is_null()).distinct() if room or self.complete else None
        if new is not None:
            self.complete = self.complete and len(new.texts) <= room
            self._append(new, room)

    def _append(self, new: Occurrences, room: int) -> None:
        old = self.content
        self.content = Occurrences(
            pa.concat_arrays([old.texts, new.texts[:room]]),
            np.concatenate([old.rows, new.rows[:room]]),
            np.concatenate([old.places, new.places[:room]]),
        )

    def snapshot(self) -> Occurrences:
        """Return the texts so far, with rows that later texts do not change."""
        return self.content._replace(rows=self.content.rows.copy())

    def counts(self) -> dict[str, int]:
        """Return the rows of each text, in the order of first places."""
        return dict(
            zip(self.content.texts.to_pylist(), self.content.rows.tolist(), strict=True)
        )


class DistinctCounter:
    """Counts different texts: exactly up to `limit`, approximately beyond.

    The smallest hashes are kept: K. Beyer et al., On synopses for distinct-value
    estimation under multiset operations, 2007.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.exact = True
        self._smallest: Hashes = np.array([], dtype=np.uint64)
        self._pending: list[Hashes] = []
        self._waiting = 0

    def add(self, texts: pa.StringArray) -> None:
        """Add texts."""
        self.add_hashes(hash_texts(texts))

    def add_numbers(self, numbers: pa.Array) -> None:
        """Add whole numbers of at most EXACT digits, as if they were texts."""
        floats = numbers.to_numpy().astype(np.float64)
        self.add_hashes(pd.util.hash_array(floats))

    def add_hashes(self, hashes: Hashes) -> None:
        """Add texts by their hashes."""
        if not self.exact:
            hashes = hashes[hashes <= self._smallest[-1]]
        self._pending.append(hashes)
        self._waiting += len(hashes)
        if self._waiting > self.limit:
            self._merge()

    def count(self) -> int:
        """Return the number of different texts."""
        self._merge()
        if self.exact:
            return len(self._smallest)
        return round((self.limit - 1) / (float(self._smallest[-1]) / 2.0**64))

    def _merge(self) -> None:
        # np.unique hashes first, which takes forty times as long for a million.
        merged = np.sort(np.concatenate([self._smallest, *self._pending]))
        merged = merged[np.diff(merged, prepend=~merged[:1]) != 0]
        self.exact = self.exact and len(merged) <= self.limit
        self._smallest = merged[: self.limit]
        self._pending, self._waiting = [], 0


def text_bytes(texts: pa.StringArray) -> npt.NDArray[np.uint8]:
    """Return the bytes of all texts, one after the other; none of them is null."""
    ends, content = _buffers(texts)
    return content[ends[0] : ends[-1]]


def has_digits(texts: pa.StringArray) -> bool:
    """Return whether any text has a digit from 0 to 9."""
    return bool((text_bytes(texts) - np.uint8(ord("0")) <= 9).any())


def text_lengths(texts: pa.StringArray) -> npt.NDArray[np.int32]:
    """Return the number of bytes of each text; none of them is null."""
    return np.diff(_buffers(texts)[0])


def are_any_of(texts: pa.StringArray, known: Collection[str]) -> npt.NDArray[np.bool_]:
    """Return which texts are known; those of other lengths are not looked at."""
    lengths = text_lengths(texts)
    sizes = {len(text.encode()) for text in known}
    found = np.zeros(len(texts), dtype=bool)
    for size in sizes:
        found |= lengths == size
    if sizes != {0} and found.any():
        places = np.flatnonzero(found)
        some = texts.take(pa.array(places))
        same = pc.is_in(some, pa.array([*known], pa.string()))
        found[places] = same.to_numpy(zero_copy_only=False)
    return found


def without_texts(
    texts: pa.StringArray, missing: npt.NDArray[np.bool_]
) -> pa.StringArray:
    """Return the texts that are not missing; none of them is null."""
    starts, _ = _buffers(texts)
    if (starts[1:][missing] > starts[:-1][missing]).any():
        return texts.filter(pa.array(~missing))
    # Without empty texts, the bytes of the others stay where they are.
    rest = np.append(starts[:-1][~missing], starts[-1:])
    content = texts.buffers()[2]
    return pa.StringArray.from_buffers(len(rest) - 1, pa.py_buffer(rest), content)


def text_starts(texts: pa.StringArray) -> npt.NDArray[np.int32]:
    """Return where each text starts in `text_bytes`; none of them is null."""
    starts, _ = _buffers(texts)
    return np.asarray(starts[:-1] - starts[0])


def first_bytes(texts: pa.StringArray) -> npt.NDArray[np.uint8]:
    """Return the first byte of each text, zero for empty ones; none of them is null."""
    ends, content = _buffers(texts)
    found = np.append(content, np.uint8(0))[ends[:-1]]
    return np.where(np.diff(ends) > 0, found, np.uint8(0))


def _buffers(
    texts: pa.StringArray,
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8]]:
    """Return where each text starts, and the last one ends, in which bytes."""
    _, offsets, content = texts.buffers()
    if not len(texts) or content is None:
        return np.zeros(len(texts) + 1, np.int32), np.empty(0, np.uint8)
    starts = np.frombuffer(offsets, np.int32)[texts.offset :][: len(texts) + 1]
    return starts, np.frombuffer(content, np.uint8)


def hash_texts(texts: pa.StringArray) -> Hashes:
    """Return 64 bits for each text, the same in every run; 1 and 1.0 are equal."""
    number = r"^-?[0-9]+(\.[0-9]*)?$"
    # Most texts that are no numbers differ in the first character.
    mask = np.isin(first_bytes(texts), list(b"-0123456789"))
    if mask.any():
        plain = pc.and_(
            pc.match_substring_regex(texts, number),
            pc.less_equal(pc.binary_length(texts), EXACT),
        )
        mask = plain.to_numpy(zero_copy_only=False)
    if not mask.any():
        return _hash_objects(texts)
    plain = pa.array(mask)
    hashes = np.empty(len(texts), dtype=np.uint64)
    numbers = texts.filter(plain).cast(pa.float64()).to_numpy()
    hashes[mask] = pd.util.hash_array(numbers)
    hashes[~mask] = _hash_objects(texts.filter(pc.invert(plain)))
    return hashes


def _hash_objects(texts: pa.StringArray) -> Hashes:
    objects = texts.to_numpy(zero_copy_only=False)
    hashes: Hashes = pd.util.hash_array(objects, categorize=False)
    return hashes


class Tally:
    """Rows, example and its place of each of the first `limit` patterns."""

    def __init__(self, limit: int = LIMIT) -> None:
        self.limit = limit
        self.rows: dict[str, int] = {}
        self.examples: dict[str, str] = {}
        self.places: dict[str, int] = {}

    def add(self, keys: pa.StringArray | pa.DictionaryArray, part: Occurrences) -> None:
        """Count the patterns of texts, in the order of their places; null for none."""
        coded = keys.dictionary_encode()
        codes = coded.indices.fill_null(-1).to_numpy()
        self.add_codes(codes, coded.dictionary.to_pylist(), part)

    def add_codes(self, codes: Ints, names: Sequence[str], part: Occurrences) -> None:
        """Count the patterns of texts by their numbers in `names`; -1 for none."""
        (positions,) = (codes >= 0).nonzero()
        if not len(positions):
            return
        numbers = codes[positions]
        firsts = np.full(len(names), -1)
        firsts[numbers[::-1]] = positions[::-1]
        rows = np.bincount(numbers, part.rows[positions], len(names))
        for code in np.argsort(firsts)[np.count_nonzero(firsts < 0) :].tolist():
            key, count, first = names[code], rows[code], int(firsts[code])
            if key not in self.rows:
                if len(self.rows) == self.limit:
                    continue
                self.rows[key] = 0
                self.examples[key] = part.texts[first].as_py()
                self.places[key] = int(part.places[first])
            self.rows[key] += int(count)

    def without(self, key: str) -> "Tally":
        """Return a tally without one pattern."""
        if key not in self.rows:
            return self
        rest = Tally(self.limit)
        for name in ("rows", "examples", "places"):
            kept = {k: v for k, v in getattr(self, name).items() if k != key}
            setattr(rest, name, kept)
        return rest
