"""Row keys: 64-bit hashes that identify rows, and random numbers derived from them.

What depends on the key of a row alone does not change when other rows are added,
removed or reordered, nor with the number of workers. So a row stays on its side of the
split, and two revisions of a project resample their test sets in the same way.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

Keys = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.int64]

# Name of the index of every part of a table.
ROW_KEY = "row_key"


def hash_rows(frame: pd.DataFrame, columns: Sequence[str]) -> Keys:
    """Return a hash of these columns for each row; equal rows have equal hashes."""
    values = frame[list(columns)]
    floats = list(values.select_dtypes("float").columns)
    if floats:
        # -0.0 equals 0.0, but its bits differ.
        others = values[[name for name in values if name not in {*floats}]]
        values = pd.concat([values[floats] + 0.0, others], axis=1)[list(columns)]
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


def number_copies(keys: Keys, copies: Counts) -> Keys:
    """Return a key for each row where rows with the same key are different cases.

    Args:
        keys: One for each row.
        copies: How many earlier rows equal a row. Rows without any keep their key.
    """
    steps = np.uint64(0x9E3779B97F4A7C15) * copies.astype(np.uint64)
    return np.where(copies > 0, mix(keys + steps, 0), keys)


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
