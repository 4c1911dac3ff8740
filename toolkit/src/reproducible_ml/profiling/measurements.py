"""Measure the values of a column: extremes, codes, and texts that are not values."""

from collections.abc import Callable, Collection
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from reproducible_ml.contract.findings import MAX_LISTED
from reproducible_ml.contract.schema import Column
from reproducible_ml.profiling.distinct import FirstTexts, Occurrences
from reproducible_ml.reading.values import try_convert

# How many different values are kept at each end.
KEPT = 8

# A value is far beyond all others if it is so many times as large. At most this share
# of the rows may be, or one row, and at least so many others are needed.
FAR, SHARE, OTHERS = 10_000, 0.005, 10

# Numbers that often stand for "no value".
CODES = [-1, *(sign * (10**n - 1) for n in range(2, 10) for sign in (-1, 1))]


Positions = npt.NDArray[np.intp]

# Returns texts by their positions.
Choose = Callable[[Positions], Occurrences]


class End(NamedTuple):
    """An extreme value: how many rows have it, the first place, and its text there."""

    rows: int
    place: int
    text: str


class Extremes:
    """The lowest and the highest different values, each with its rows.

    Results do not depend on how a column is divided into batches: a value that is no
    longer among the extremes cannot come back.
    """

    def __init__(self) -> None:
        self.low: dict[Any, End] = {}
        self.high: dict[Any, End] = {}

    def add(self, numbers: npt.NDArray[Any], choose: Choose) -> None:
        """Add numbers, and the texts they were read from."""
        positions = self._candidates(numbers)
        if not len(positions):
            return
        numbers, part = numbers[positions], choose(positions)
        different, firsts, codes = np.unique(
            numbers, return_index=True, return_inverse=True
        )
        rows = np.bincount(codes, part.rows)
        if len(different) > 2 * KEPT:
            ends = np.r_[:KEPT, -KEPT:0]
            different, firsts, rows = different[ends], firsts[ends], rows[ends]
        texts = part.texts.take(pa.array(firsts)).to_pylist()
        places = part.places[firsts].tolist()
        every = [
            (value, End(int(count), place, text.strip()))
            for value, count, place, text in zip(
                different.tolist(), rows.tolist(), places, texts, strict=True
            )
        ]
        self.low = _merged(self.low, dict(every[:KEPT]), slice(None, KEPT))
        self.high = _merged(self.high, dict(every[-KEPT:]), slice(-KEPT, None))

    def far_beyond(self, rows: int, ignored: Collection[Any] = ()) -> dict[Any, End]:
        """Return the values that are far larger than all others, positive or negative.

        Args:
            rows: Rows with a value.
            ignored: Values that are left aside, as they mean "no value".
        """
        both = {n: end for n, end in (self.low | self.high).items() if n not in ignored}
        sizes = [*map(abs, both)]
        if not sizes or max(sizes) < FAR * min(filter(None, sizes), default=0):
            return {}
        ends = sorted(both.items(), key=lambda one: -abs(one[0]))
        count = 0
        for number, (value, end) in enumerate(ends[:-1], 1):
            count += end.rows
            if number > KEPT // 2 or count > max(1, SHARE * rows):
                break
            if rows - count >= OTHERS and abs(value) >= FAR * abs(ends[number][0]) > 0:
                return dict(ends[:number])
        return {}

    def without(self, beyond: Collection[Any]) -> tuple[Any, Any]:
        """Return the lowest and the highest of the other values."""
        return (
            min(value for value in self.low if value not in beyond),
            max(value for value in self.high if value not in beyond),
        )

    def _candidates(self, numbers: npt.NDArray[Any]) -> Positions:
        """Return which numbers may be among the lowest or among the highest."""
        if len(self.low) < KEPT or len(self.high) < KEPT:
            return np.arange(len(numbers))
        return np.flatnonzero((numbers <= max(self.low)) | (numbers >= min(self.high)))


def _merged(known: dict[Any, End], new: dict[Any, End], ends: slice) -> dict[Any, End]:
    """Return the extremes with those of new values that belong to them.

    Args:
        known: The extremes so far.
        new: Others, in ascending order.
        ends: Which of sorted numbers are the extremes.
    """
    if not known:
        return new
    for value in new.keys() & known.keys():
        every = known[value].rows + new[value].rows
        new[value] = known[value]._replace(rows=every)
    merged = known | new
    return {value: merged[value] for value in sorted(merged)[ends]}


class Measurements:
    """Extreme values of a column, and texts that are not values.

    Attributes:
        misfits: The first texts that cannot be read.
        infinite: The first texts that are infinite.
        wrong: Rows with a text that cannot be read, among the first or not.
        unnamed: The first place of those that are not among the first.
        rows: Rows with a finite value.
        low: The lowest value, codes aside; None without any; dates in nanoseconds.
        high: The highest.
        codes: Rows of each number that may stand for "no value".
        spelled: Texts of each of these numbers, with their rows.
        code_places: First place of each of these numbers.
        whole: Whether no number has decimals.
        ends: The lowest and highest values, codes included.
    """

    def __init__(self, column: Column) -> None:
        self.column = column
        self.misfits = FirstTexts(MAX_LISTED)
        self.infinite = FirstTexts(MAX_LISTED)
        self.wrong = 0
        self.unnamed: int | None = None
        self.rows = 0
        self.low: float | None = None
        self.high: float | None = None
        self.codes: dict[int, int] = {}
        self.spelled: dict[int, dict[str, int]] = {}
        self.code_places: dict[int, int] = {}
        self.whole = True
        self.ends = Extremes()

    def add(self, part: Occurrences) -> None:
        """Add texts."""
        self.add_converted(*try_convert(part.texts, self.column), part)

    def add_converted(
        self, values: pa.Array, bad: pa.BooleanArray, part: Occurrences
    ) -> None:
        """Add texts, with the values that `try_convert` returns for them."""
        if pc.any(bad, min_count=0).as_py():
            self._add_misfits(part.where(bad))
        if pa.types.is_timestamp(values.type):
            values = values.cast(pa.int64())
        if pa.types.is_floating(values.type):
            endless = pc.fill_null(pc.is_inf(values), False)
            if pc.any(endless, min_count=0).as_py():
                self.infinite.add(part.where(endless))
                values = pc.if_else(endless, pa.scalar(None, values.type), values)
        self.add_values(values, part)

    def _add_misfits(self, misfits: Occurrences) -> None:
        self.misfits.add(misfits)
        self.wrong += int(misfits.rows.sum())
        if self.unnamed is None and not self.misfits.complete:
            named = pc.is_in(misfits.texts, self.misfits.content.texts)
            self.unnamed = int(misfits.where(pc.invert(named)).places[0])

    def add_values(self, values: pa.Array, part: Occurrences) -> None:
        """Add values, none infinite, and the texts they were read from."""
        if values.null_count:
            values, part = values.drop_null(), part.where(values.is_valid())
        self.add_rows(values, int(part.rows.sum()), part.at)

    def add_rows(self, values: pa.Array, rows: int, choose: Choose) -> None:
        """Add values, none missing or infinite.

        Args:
            values: Each with one or several rows.
            rows: How many rows have them in all.
            choose: Returns the texts that some of them were read from, with their rows.
        """
        if not len(values):
            return
        self.rows += rows
        numbers = values.to_numpy(zero_copy_only=False)
        if self.whole and pa.types.is_floating(values.type):
            self.whole = bool((numbers == np.floor(numbers)).all())
        self.ends.add(numbers, choose)
        low, high = _range(values)
        is_code = np.zeros(len(numbers), dtype=bool)
        for code in CODES:
            if low <= code <= high:
                is_code |= numbers == code
        if is_code.any():
            places = np.flatnonzero(is_code)
            self._add_codes(values.take(pa.array(places)), choose(places))
            if len(places) == len(values):
                return
            if low in CODES or high in CODES:
                low, high = _range(values.filter(pa.array(~is_code)))
        self.low = low if self.low is None else min(self.low, low)
        self.high = high if self.high is None else max(self.high, high)

    def _add_codes(self, values: pa.Array, part: Occurrences) -> None:
        different = part.distinct()
        numbers = values.take(pc.index_in(different.texts, part.texts))
        for number, text, rows, place in zip(
            numbers.to_pylist(),
            different.texts.to_pylist(),
            different.rows.tolist(),
            different.places.tolist(),
            strict=True,
        ):
            code = int(number)
            self.codes[code] = self.codes.get(code, 0) + rows
            spelled = self.spelled.setdefault(code, {})
            spelled[text.strip()] = spelled.get(text.strip(), 0) + rows
            self.code_places.setdefault(code, place)

    def extremes(self) -> tuple[float, float]:
        """Return the lowest and the highest value, codes included."""
        known = [v for v in (self.low, self.high, *self.codes) if v is not None]
        return min(known), max(known)


def is_plain(values: pa.Array, bad: pa.BooleanArray) -> bool:
    """Return whether all texts could be read, as finite values or as missing."""
    if pc.any(bad, min_count=0).as_py():
        return False
    endless = pa.types.is_floating(values.type) and pc.any(pc.is_inf(values)).as_py()
    return not endless


def _range(values: pa.Array) -> tuple[float, float]:
    numbers = values.to_numpy(zero_copy_only=False)
    low, high = numbers.min().item(), numbers.max().item()
    if low and high:
        return low, high
    # Zero has two signs, of which Arrow chooses.
    ends = pc.min_max(values)
    return ends["min"].as_py(), ends["max"].as_py()
