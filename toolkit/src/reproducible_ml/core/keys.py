"""Row keys: 64-bit hashes that identify rows, and random numbers derived from them.

What depends on the key of a row alone does not change when other rows are added,
removed or reordered, nor with the number of workers. So a row stays on its side of the
split, and two revisions of a project resample their test sets in the same way.
"""

import hashlib
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Keys = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.int64]

# Numbers of so few rows are hashed together.
SHORT = 10_000

# Name of the index of every part of a table.
ROW_KEY = "row_key"


def hash_rows(frame: pd.DataFrame, columns: Sequence[str]) -> Keys:
    """Return a hash of these columns for each row; equal rows have equal hashes."""
    dtypes = dtypes_of(frame)
    plain = [name for name in columns if dtypes[name] in ("float64", "int64")]
    hashes: dict[Hashable, Keys] = {}
    if len(frame) <= SHORT:
        for kind in ("float64", "int64"):
            names = [name for name in plain if dtypes[name] == kind]
            matrix = _hash_numbers(frame[names].to_numpy(dtype=kind))
            hashes |= zip(names, matrix.T, strict=True)
    # As pandas combines the hashes of columns, and CPython those of items of tuples.
    combined = np.full(len(frame), 0x345678, dtype=np.uint64)
    factor = 1_000_003
    for place, name in enumerate(columns):
        found = hashes[name] if name in hashes else _hash_column(frame[name])
        combined ^= found
        combined *= np.uint64(factor)
        factor += 82_520 + 2 * (len(columns) - place)
    return combined + np.uint64(97_531)


def dtypes_of(frame: pd.DataFrame) -> dict[str, Any]:
    """Return the type of each column, faster than `frame.dtypes.to_dict()`."""
    names, dtypes = frame.columns.to_numpy(), frame.dtypes.to_numpy()
    return dict(zip(names.tolist(), dtypes.tolist(), strict=True))


def _hash_column(values: pd.Series) -> Keys:
    if str(values.dtype) in ("float64", "int64"):
        return _hash_numbers(values.to_numpy())
    if isinstance(values.dtype, pd.CategoricalDtype):
        return np.asarray(pd.util.hash_array(values.array), np.uint64)
    if pd.api.types.is_float_dtype(values.dtype):
        values = values + 0.0
    return np.asarray(pd.util.hash_pandas_object(values, index=False), np.uint64)


def _hash_numbers(values: npt.NDArray[Any]) -> Keys:
    """Return what pandas returns for floats or integers, many columns at once."""
    # -0.0 equals 0.0, but its bits differ; so do those of missing values.
    bits: Keys = (values + values.dtype.type(0)).view(np.uint64)
    if values.dtype == np.float64 and (missing := np.isnan(values)).any():
        bits[missing] = np.array(np.nan).view(np.uint64)
    bits ^= bits >> np.uint64(30)
    bits *= np.uint64(0xBF58476D1CE4E5B9)
    bits ^= bits >> np.uint64(27)
    bits *= np.uint64(0x94D049BB133111EB)
    bits ^= bits >> np.uint64(31)
    return bits


def find_among(hashes: Keys, known: Keys) -> npt.NDArray[np.intp]:
    """Return the positions of hashes that are among sorted ones."""
    if not len(known):
        return np.empty(0, dtype=np.intp)
    near = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
    return np.flatnonzero(known[near] == hashes)


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
