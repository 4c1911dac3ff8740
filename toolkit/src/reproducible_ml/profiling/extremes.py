"""Keep the lowest and highest values of a column, to find those far beyond others."""

from collections.abc import Collection
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from reproducible_ml.profiling.distinct import Occurrences

# How many different values are kept at each end.
KEPT = 8

# A value is far beyond all others if it is so many times as large. At most this share
# of the rows may be, or one row, and at least so many others are needed.
FAR, SHARE, OTHERS = 10_000, 0.005, 10


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

    def add(self, values: pa.Array, part: Occurrences) -> None:
        """Add values, none missing, and the texts they were read from."""
        numbers = values.to_numpy(zero_copy_only=False)
        low, high = self._candidates(numbers)
        self.low = self._merged(self.low, numbers, low, part, slice(None, KEPT))
        self.high = self._merged(self.high, numbers, high, part, slice(-KEPT, None))

    def far_beyond(self, rows: int, ignored: Collection[Any] = ()) -> dict[Any, End]:
        """Return the values that are far larger than all others, positive or negative.

        Args:
            rows: Rows with a value.
            ignored: Values that are left aside, as they mean "no value".
        """
        both = {n: end for n, end in (self.low | self.high).items() if n not in ignored}
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

    def _candidates(self, numbers: Any) -> tuple[Any, Any]:
        """Return which values may be among the lowest, and among the highest."""
        every = np.ones(len(numbers), dtype=bool)
        low = numbers <= max(self.low) if len(self.low) == KEPT else every
        high = numbers >= min(self.high) if len(self.high) == KEPT else every
        return low, high

    def _merged(
        self,
        known: dict[Any, End],
        numbers: Any,
        mask: Any,
        part: Occurrences,
        ends: slice,
    ) -> dict[Any, End]:
        """Return the extremes with those of the candidates that belong to them."""
        if not mask.any():
            return known
        positions = np.flatnonzero(mask)
        different, firsts, codes = np.unique(
            numbers[positions], return_index=True, return_inverse=True
        )
        rows = np.bincount(codes, part.rows[positions])
        found = dict(known)
        for value, first, count in zip(
            different[ends].tolist(),
            positions[firsts[ends]].tolist(),
            rows[ends].tolist(),
            strict=True,
        ):
            text = part.texts[first].as_py().strip()
            new = End(int(count), int(part.places[first]), text)
            old = found.get(value)
            found[value] = old._replace(rows=old.rows + new.rows) if old else new
        chosen = sorted(found)[ends]
        return {value: found[value] for value in chosen}
