"""Tables on disk: folders of Parquet parts, mapped in parallel.

A part is a DataFrame whose index, `row_key`, identifies its rows: see `keys`. Parts
have a bounded number of rows, so that work part by part needs little memory.
"""

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pandas as pd

from reproducible_ml.core import keys
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.parallel import map_jobs
from reproducible_ml.core.params import Compute

Result = TypeVar("Result")

PART = re.compile(r"part-.*\.parquet")

# The part read last is kept if it has so few rows and values: to open a Parquet file
# takes longer for each column than to read some hundred values.
KEPT_ROWS, KEPT = 5_000, 4_000_000

# What tells a file from one that replaced it.
State = tuple[int, int, int, int]

_kept: dict[State, pd.DataFrame] = {}


def parts(table: Path) -> list[Path]:
    """Return the files of a table, in the order of their rows."""
    names: list[str] = []
    with suppress(OSError):
        # Texts are sorted much faster than paths.
        names = sorted(
            one.name for one in os.scandir(table) if PART.fullmatch(one.name)
        )
    if not names:
        raise UserError(
            f"{table}: contains no table. Fix: run `dvc repro` or `dvc pull`."
        )
    return [table / name for name in names]


def part_file(table: Path, number: int) -> Path:
    """Return the file of a part; `number` is its position in the table, from 0."""
    return table / f"part-{number:05d}.parquet"


def read_part(part: Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read one part, or some of its columns; its index holds the row keys."""
    whole = _kept_rows(part)
    if whole is None or not {*(columns or ())} <= {*whole.columns}:
        names = None if columns is None else list(columns)
        return pd.read_parquet(part, columns=names)
    # What is changed in a copy that shares memory does not change the original.
    return whole.copy(deep=False) if columns is None else whole[list(columns)]


def state_of_part(part: Path) -> State:
    """Return what tells the file of a part from one that replaced it."""
    found = part.stat()
    # It is the same after the folder of the part was renamed.
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size


def _shape(part: Path) -> tuple[int, int]:
    """Return the number of rows and of columns of a part, from its metadata."""
    return _read_shape(part, state_of_part(part))


@lru_cache(maxsize=4096)
def _read_shape(part: Path, _: State) -> tuple[int, int]:
    from pyarrow.parquet import read_metadata

    found = read_metadata(part)
    return int(found.num_rows), int(found.num_columns)


def _kept_rows(part: Path) -> pd.DataFrame | None:
    """Return the rows of a small part, None if it is not small."""
    state = state_of_part(part)
    if state not in _kept:
        rows, columns = _shape(part)
        if rows > KEPT_ROWS or rows * columns > KEPT:
            return None
        _keep(state, pd.read_parquet(part))
    return _kept.get(state)


def _keep(state: State, rows: pd.DataFrame) -> None:
    _kept.clear()
    _kept[state] = rows


def write_part(
    frame: pd.DataFrame, table: Path, number: int, *, temporary: bool = False
) -> None:
    """Write one part; `number` is its position in the table, from 0.

    A temporary one is written in a third of the time, and is up to twice as large.
    """
    file = part_file(table, number)
    if temporary:
        categories = list(frame.select_dtypes("category").columns)
        frame.to_parquet(
            file, compression=None, use_dictionary=categories, write_statistics=False
        )
        if len(frame) <= KEPT_ROWS and frame.size <= KEPT:
            _keep(state_of_part(file), frame)
    else:
        frame.to_parquet(file, compression="lz4")


def read_table(table: Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read a whole table, or some of its columns, into memory."""
    # A Parquet file without rows has lost its categories, so it is left out.
    files: Any = [part for part in parts(table) if rows_of(part)] or parts(table)
    if len(files) == 1:
        return read_part(files[0], columns)
    selected = None if columns is None else list(columns)
    rows: pd.DataFrame = pd.read_parquet(files, columns=selected)
    return rows


class Rows(NamedTuple):
    """Some rows of a table, read part by part.

    Attributes:
        table: Folder of parts.
        start: Number of rows at its beginning that are left out.
        stop: Position of the first row after them that is left out; None for none.
        salt: Of the number that each row has by its key, if only some are wanted.
        below: The number that wanted rows are below; None for all.
    """

    table: Path
    start: int = 0
    stop: int | None = None
    salt: str = ""
    below: int | None = None

    def frames(self, columns: Sequence[str] | None = None) -> Iterator[pd.DataFrame]:
        """Yield the rows of each part that has any, in their order.

        Args:
            columns: Columns to read, besides the index; None for all.
        """
        end = 0
        for part in parts(self.table):
            begin, end = end, end + rows_of(part)
            first = max(self.start, begin)
            last = end if self.stop is None else min(self.stop, end)
            if first >= last:
                continue
            rows = read_part(part, columns).iloc[first - begin : last - begin]
            if self.below is not None:
                rows = rows[_numbers(rows, self.salt) < np.uint64(self.below)]
            if len(rows):
                yield rows

    def read(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Return all these rows; without any, those of an empty table."""
        found = list(self.frames(columns))
        if not found:
            found = [read_part(parts(self.table)[0], columns).head(0)]
        rows: pd.DataFrame = pd.concat(found)
        return rows


def first_rows(table: Path, count: int, salt: str) -> Rows:
    """Return at most `count` rows of a table, chosen by their keys.

    The key of a row gives it a number that is the same in every table. The rows with
    the lowest numbers are chosen. So a row that is not, is not when rows are added, and
    one that is, gives way only to new ones with lower numbers. Of rows with the same
    key, all are chosen or none.

    Args:
        table: Folder of parts.
        count: Maximal number of rows.
        salt: Seed of the choice, as text.
    """
    lowest = _lowest(Rows(table), count + 1, salt)
    bound = int(lowest[-1]) if len(lowest) > count else None
    return Rows(table, salt=salt, below=bound)


def _numbers(rows: pd.DataFrame, salt: str) -> keys.Keys:
    row_keys = rows.index.to_numpy(dtype=np.uint64)
    return keys.mix(row_keys, keys.salt_from_text(salt))


def _lowest(rows: Rows, count: int, salt: str) -> keys.Keys:
    """Return the lowest numbers of rows in their order, holding `count` and a part."""
    found = np.empty(0, dtype=np.uint64)
    for frame in rows.frames([]):
        found = np.concatenate([found, _numbers(frame, salt)])
        if len(found) > count:
            found = np.partition(found, count - 1)[:count]
    return np.sort(found)


def sample_table(
    table: Path | Rows, limit: int, salt: str, columns: Sequence[str]
) -> pd.DataFrame:
    """Return at most `limit` rows of a table, chosen by their keys.

    Args:
        table: Folder of parts, or some of its rows.
        limit: Maximal number of rows.
        salt: Seed of the choice, as text.
        columns: Columns to read, besides the index.
    """
    rows = table if isinstance(table, Rows) else Rows(table)
    lowest = _lowest(rows, limit, salt)
    if not len(lowest):
        return rows.read(columns)
    found = rows.frames(columns)
    chosen: pd.DataFrame = pd.concat(
        [f[_numbers(f, salt) <= lowest[-1]] for f in found]
    )
    return chosen


def count_rows(table: Path) -> int:
    """Return the number of rows of a table, from the metadata of its files."""
    return sum(map(rows_of, parts(table)))


def rows_of(part: Path) -> int:
    """Return the number of rows of a part, from its metadata."""
    return _shape(part)[0]


def fingerprint(table: Path) -> str:
    """Return the SHA-256 of all parts, in order, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for part in parts(table):
        with part.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def map_parts(
    function: Callable[[int, pd.DataFrame], Result],
    table: Path,
    compute: Compute,
    columns: Sequence[str] | None = None,
) -> list[Result]:
    """Return `function(number, part)` for each part, in their order.

    Args:
        function: Is pickled and sent to other processes, so it cannot be a lambda. It
            must not change its frame.
        table: Folder of parts.
        compute: Backend and number of workers.
        columns: Columns to read, besides the index; None for all.
    """
    jobs = [(number, part, columns) for number, part in enumerate(parts(table))]
    return map_jobs(PartReader(function), jobs, compute, table.name)


class PartReader:
    """Reads a part in the worker, so that no rows are sent between processes."""

    def __init__(self, function: Callable[[int, pd.DataFrame], Any]) -> None:
        self.function = function

    def __call__(self, number: int, part: Path, columns: Sequence[str] | None) -> Any:
        """Read some columns of a part, None for all, and call the function."""
        return self.function(number, read_part(part, columns))
