"""Which row is it? A 64-bit key made of the row itself, and chance derived from it.

What depends on a row's key alone does not change when other rows come, go or move, nor
with the number of processes. This is how a row stays on its side of the split, and how
two revisions of the project resample their test sets alike.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

Keys = npt.NDArray[np.uint64]

ROW_KEY = "row_key"


def hash_rows(frame: pd.DataFrame, columns: Sequence[str]) -> Keys:
    """Return a hash of these columns for each row: equal rows, equal hashes."""
    values = frame[list(columns)]
    # -0.0 equals 0.0, but its bits differ.
    floats = list(values.select_dtypes("float").columns)
    values = values.assign(**{name: values[name] + 0.0 for name in floats})
    hashes = pd.util.hash_pandas_object(values, index=False)
    return np.asarray(hashes, dtype=np.uint64)


def mix(keys: Keys, salt: int) -> Keys:
    """Return other 64-bit numbers that look random, the same for the same key and salt.

    The output function of SplitMix64 (Steele, Lea and Flood, "Fast splittable
    pseudorandom number generators", OOPSLA 2014) at position `salt` + 1 from each key.
    """
    golden = 0x9E3779B97F4A7C15
    x = keys + np.uint64((salt + 1) * golden % 2**64)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def uniform(keys: Keys, salt: int) -> npt.NDArray[np.float64]:
    """Return a number in [0, 1) for each key, with 53 random bits."""
    return (mix(keys, salt) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def salt_from_text(salt: str) -> int:
    """Return a salt written as text as a 64-bit number."""
    return int.from_bytes(hashlib.sha256(salt.encode()).digest()[:8], "big")


def sample_rows(keys: Keys, rows: int, salt: int) -> npt.NDArray[np.intp]:
    """Return the positions, in order, of at most `rows` rows chosen by their keys."""
    if len(keys) <= rows:
        return np.arange(len(keys))
    return np.sort(np.argsort(mix(keys, salt), kind="stable")[:rows])
