"""Find rows that repeat an earlier row anywhere in a table, in bounded memory."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from reproducible_ml.core import keys
from reproducible_ml.core.params import Compute
from reproducible_ml.core.parts import count_rows, map_parts

# Rows compared at a time; a larger table is read several times.
BUCKET_ROWS = 4_000_000

Positions = npt.NDArray[np.intp]
Counts = npt.NDArray[np.int64]


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
    if with_key and columns != []:
        # Equal rows have equal keys, which are unique in most tables.
        by_key = find_duplicates(table, compute, [])
        if not any(map(len, by_key)):
            return by_key
    rounds = [
        _repeats(
            map_parts(
                partial(_hashes, with_key, bucket, buckets), table, compute, columns
            )
        )
        for bucket in range(buckets)
    ]
    return [np.sort(np.concatenate(found)) for found in zip(*rounds, strict=True)]


def count_copies(table: Path, compute: Compute, columns: Sequence[str]) -> list[Counts]:
    """Return, for each part, how many earlier rows of the table equal each row.

    Rows count as equal if their keys and these columns are.

    Args:
        table: Folder of parts.
        compute: Backend and number of workers.
        columns: Columns to compare besides the key.
    """
    hashed = map_parts(partial(_hashes, True, 0, 1), table, compute, columns)
    hashes = pd.Series(np.concatenate([hashes for _, hashes in hashed]))
    earlier = hashes.groupby(hashes).cumcount().to_numpy(dtype=np.int64)
    return np.split(earlier, np.cumsum([len(places) for places, _ in hashed])[:-1])


def _hashes(
    with_key: bool, bucket: int, buckets: int, _: int, frame: pd.DataFrame
) -> tuple[Positions, keys.Keys]:
    """Return the positions and hashes of the rows that belong to this bucket."""
    rows = frame.reset_index(drop=not with_key)
    hashes = keys.hash_rows(rows, list(rows.columns))
    positions = np.flatnonzero(hashes % np.uint64(buckets) == bucket)
    return positions, hashes[positions]


def _repeats(hashed: list[tuple[Positions, keys.Keys]]) -> list[Positions]:
    """Keep the positions whose hash occurred before, in this or an earlier part."""
    hashes = pd.Series(np.concatenate([hashes for _, hashes in hashed]))
    ends = np.cumsum([len(positions) for positions, _ in hashed])
    repeated = np.split(hashes.duplicated().to_numpy(), ends[:-1])
    return [p[r] for (p, _), r in zip(hashed, repeated, strict=True)]
