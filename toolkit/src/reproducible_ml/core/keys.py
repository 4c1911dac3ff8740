"""Row keys: 64-bit hashes that identify rows, and random numbers derived from them.

What depends on the key of a row alone does not change when other rows are added,
removed or reordered, nor with the number of workers. So a row stays on its side of the
split, and two revisions of a project resample their test sets in the same way. Equal
keys also show which rows repeat an earlier one, in bounded memory.
"""

import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from reproducible_ml.core.params import Compute
from reproducible_ml.core.parts import count_rows, map_parts

Keys = npt.NDArray[np.uint64]

# Name of the index of every part of a table.
ROW_KEY = "row_key"

# Rows compared at a time; a larger table is read several times.
BUCKET_ROWS = 4_000_000

Positions = npt.NDArray[np.intp]


def hash_rows(frame: pd.DataFrame, columns: Sequence[str]) -> Keys:
    """Return a hash of these columns for each row; equal rows have equal hashes."""
    values = frame[list(columns)]
    # -0.0 equals 0.0, but its bits differ.
    floats = list(values.select_dtypes("float").columns)
    values = values.assign(**{name: values[name] + 0.0 for name in floats})
    hashes = pd.util.hash_pandas_object(values, index=False)
    return np.asarray(hashes, dtype=np.uint64)


def mix(keys: Keys, salt: int) -> Keys:
    """Return a pseudorandom 64-bit number for each key, determined by key and salt.

    This is the output function of SplitMix64 (Steele, Lea and Flood, "Fast splittable
    pseudorandom number generators", OOPSLA 2014) at position `salt` + 1 from each key.
    """
    golden = 0x9E3779B97F4A7C15
    x = keys + np.uint64((salt + 1) * golden % 2**64)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def uniform(keys: Keys, salt: int) -> npt.NDArray[np.float64]:
    """Return a uniform random number in [0, 1) for each key, with 53 random bits."""
    return (mix(keys, salt) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def salt_from_text(salt: str) -> int:
    """Return the 64-bit number that stands for a salt given as text."""
    return int.from_bytes(hashlib.sha256(salt.encode()).digest()[:8], "big")


def sample_rows(keys: Keys, rows: int, salt: int) -> npt.NDArray[np.intp]:
    """Return the positions, in order, of at most `rows` rows chosen by their keys."""
    if len(keys) <= rows:
        return np.arange(len(keys))
    return np.sort(np.argsort(mix(keys, salt), kind="stable")[:rows])


def find_duplicates(
    table: Path,
    compute: Compute,
    columns: Sequence[str] | None,
    *,
    with_key: bool = True,
) -> list[Positions]:
    """Return, for each part, the positions of rows that repeat an earlier row.

    Rows count as equal if their 64-bit hashes are equal. Among 10^7 different rows,
    the probability that any two share a hash is 3 in a million.

    Args:
        table: Folder of parts.
        compute: Backend and number of workers.
        columns: Columns to compare; None for all.
        with_key: Whether the row keys must be equal as well.
    """
    buckets = max(1, -(-count_rows(table) // BUCKET_ROWS))
    rounds = [
        _repeats(
            map_parts(
                partial(_hashes, with_key, bucket, buckets), table, compute, columns
            )
        )
        for bucket in range(buckets)
    ]
    return [np.sort(np.concatenate(found)) for found in zip(*rounds, strict=True)]


def _hashes(
    with_key: bool, bucket: int, buckets: int, _: int, frame: pd.DataFrame
) -> tuple[Positions, Keys]:
    """Return the positions and hashes of the rows that belong to this bucket."""
    rows = frame.reset_index(drop=not with_key)
    hashes = hash_rows(rows, list(rows.columns))
    positions = np.flatnonzero(hashes % np.uint64(buckets) == bucket)
    return positions, hashes[positions]


def _repeats(hashed: list[tuple[Positions, Keys]]) -> list[Positions]:
    """Keep the positions whose hash occurred before, in this or an earlier part."""
    hashes = pd.Series(np.concatenate([hashes for _, hashes in hashed]))
    ends = np.cumsum([len(positions) for positions, _ in hashed])
    repeated = np.split(hashes.duplicated().to_numpy(), ends[:-1])
    return [p[r] for (p, _), r in zip(hashed, repeated, strict=True)]
