"""Count and sample the rows of a table of any size in memory that does not grow.

Values are known by hashes of 64 bits; of 10^7 different ones, the probability that any
two share a hash is 3 in a million.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from reproducible_ml.core import keys

Hashes = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]

# The hash of a missing value.
MISSING = np.uint64(0x9E3779B97F4A7C15)

# Whole numbers up to this are exact as floats, so that 1 and 1.0 have one hash.
EXACT = 2**53

# Different values whose rows are counted, and characters that are kept of a text.
COUNTED, WIDTH = 5_000, 200

# Hashes of rows that are compared to find those that repeat.
COMPARED = 2**20


def hash_floats(values: npt.NDArray[np.float64]) -> Hashes:
    """Return a hash of each number; 0.0 and -0.0 are equal."""
    return keys.mix((values + 0.0).view(np.uint64), 0)


def hash_integers(values: npt.NDArray[Any]) -> Hashes:
    """Return a hash of each whole number, the same as that of an equal float."""
    hashes = hash_floats(values.astype(np.float64))
    large = (values > EXACT) | (values < -EXACT if values.dtype.kind == "i" else False)
    if large.any():
        exact = values[large].astype(np.uint64)
        hashes[large] = keys.mix(exact, 1)
    return hashes


def hash_texts(texts: pa.Array) -> Hashes:
    """Return a hash of each text or bytes; none of them is missing."""
    objects = texts.to_numpy(zero_copy_only=False)
    return np.asarray(pd.util.hash_array(objects, categorize=False), np.uint64)


def combine(columns: list[Hashes], rows: int) -> Hashes:
    """Return a hash of each row, from the hashes of its values."""
    found = np.zeros(rows, dtype=np.uint64)
    for hashes in columns:
        found *= np.uint64(0x100000001B3)
        found += hashes
    return keys.mix(found, 0)


class RowSample:
    """Chooses at most `limit` rows of a table whose number of rows may be unknown.

    A row is chosen if a number that depends on its position alone is below a share.
    When there are too many, the share is halved. So the sample does not depend on how
    the rows are divided into batches.
    """

    def __init__(self, limit: int, share: float = 1.0) -> None:
        """Begin with a share of the rows that suits their number, if it is known."""
        self.limit = limit
        self.share = share
        self.rows = 0
        self._chosen = np.array([], dtype=np.float64)

    @property
    def size(self) -> int:
        """Number of chosen rows."""
        return len(self._chosen)

    def add(self, rows: int) -> tuple[Mask, Mask | None]:
        """Add rows; return which are chosen, and which of all chosen so far stay.

        The second mask, None if all stay, covers the chosen ones of these rows as well.
        """
        numbers = np.arange(self.rows, self.rows + rows, dtype=np.uint64)
        self.rows += rows
        draws = keys.uniform(numbers, keys.salt_from_text("profile"))
        chosen = draws < self.share
        self._chosen = np.concatenate([self._chosen, draws[chosen]])
        before = len(self._chosen)
        while len(self._chosen) > self.limit:
            self.share /= 2
            if before == len(self._chosen):
                draws = self._chosen
            self._chosen = draws[draws < self.share]
        return chosen, None if before == len(self._chosen) else draws < self.share


class FrequentValues:
    """The most frequent values of a column, and how many rows have each.

    Counts are exact while there are at most `COUNTED` different values. Beyond, they
    are lower bounds, too small by at most `error`: J. Misra and D. Gries, Finding
    repeated elements, 1982.
    """

    def __init__(self) -> None:
        self.error = 0
        self.hashes = np.array([], dtype=np.uint64)
        self.counts = np.array([], dtype=np.int64)
        self.texts: pa.Array = pa.array([], pa.string())

    def add(
        self, hashes: Hashes, counts: npt.NDArray[np.int64], texts: pa.Array
    ) -> None:
        """Add different values: their hashes, rows and texts."""
        every = np.concatenate([self.hashes, hashes])
        together = np.concatenate([self.counts, counts])
        order = np.argsort(every, kind="stable")
        starts = np.flatnonzero(np.diff(every[order], prepend=~every[order][:1]))
        sums = np.add.reduceat(together[order], starts) if len(starts) else together
        firsts = order[starts]
        if len(sums) > COUNTED:
            cut = int(np.partition(sums, -COUNTED - 1)[-COUNTED - 1])
            self.error += cut
            kept = sums > cut
            firsts, sums = firsts[kept], sums[kept] - cut
        known = len(self.hashes)
        cutoff = pc.utf8_slice_codeunits(texts, 0, WIDTH)
        # In the order of their first rows, whatever their hashes are.
        rank = np.argsort(firsts, kind="stable")
        firsts, sums = firsts[rank], sums[rank]
        old, new = firsts[firsts < known], firsts[firsts >= known] - known
        self.hashes, self.counts = every[firsts], sums
        self.texts = pa.concat_arrays(
            [self.texts.take(pa.array(old)), cutoff.take(pa.array(new))]
        )

    def top(self, limit: int) -> list[tuple[str, int]]:
        """Return the most frequent values, each with its rows."""
        order = np.argsort(-self.counts, kind="stable")[:limit]
        texts = self.texts.take(pa.array(order)).to_pylist()
        return [*zip(texts, self.counts[order].tolist(), strict=True)]


class RepeatedRows:
    """Counts the rows that repeat an earlier one.

    Exactly up to `COMPARED` different rows. Beyond, those are compared whose hash is in
    a part of all hashes, which holds all copies of a row or none.
    """

    def __init__(self, limit: int = COMPARED) -> None:
        self.limit = limit
        self.bits = 0
        self._hashes = np.array([], dtype=np.uint64)
        self._counts = np.array([], dtype=np.int64)
        self._pending: list[Hashes] = []
        self._waiting = 0

    def add(self, hashes: Hashes) -> None:
        """Add the hashes of rows."""
        kept = self._in_part(hashes)
        self._pending.append(kept)
        self._waiting += len(kept)
        if self._waiting > self.limit // 4:
            self._merge()

    def _in_part(self, hashes: Hashes) -> Hashes:
        if not self.bits:
            return hashes
        inside: Hashes = hashes[hashes >> np.uint64(64 - self.bits) == 0]
        return inside

    def _merge(self) -> None:
        new = np.sort(np.concatenate([self._hashes[:0], *self._pending]))
        self._pending, self._waiting = [], 0
        starts = np.flatnonzero(np.diff(new, prepend=~new[:1]))
        counts = np.diff(np.append(starts, len(new)))
        every = np.concatenate([self._hashes, new[starts]])
        together = np.concatenate([self._counts, counts])
        # Both are sorted, which a stable sort makes use of.
        order = np.argsort(every, kind="stable")
        starts = np.flatnonzero(np.diff(every[order], prepend=~every[order][:1]))
        self._hashes = every[order][starts]
        self._counts = (
            np.add.reduceat(together[order], starts) if len(starts) else together
        )
        while len(self._hashes) > self.limit:
            self.bits += 1
            inside = self._hashes >> np.uint64(64 - self.bits) == 0
            self._hashes, self._counts = self._hashes[inside], self._counts[inside]

    def result(self, rows: int) -> dict[str, Any]:
        """Return the number of repeated rows, and how exact it is.

        Args:
            rows: Number of all rows, of which an estimate is a share.
        """
        self._merge()
        compared = int(self._counts.sum())
        repeated = compared - len(self._counts)
        most = int(self._counts.max(initial=0))
        if not self.bits:
            return {"rows": repeated, "exact": True, "most": most}
        estimate = round(rows * repeated / compared) if compared else 0
        # Groups of copies are in the part or not: as many coins as groups.
        groups = self._counts[self._counts > 1] - 1
        deviation = math.sqrt(float((groups.astype(float) ** 2).sum())) * 2**self.bits
        return {
            "rows": estimate,
            "exact": False,
            "error": math.ceil(2 * deviation),
            "most": most,
            "compared": compared,
        }
