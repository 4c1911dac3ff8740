"""Tables on disk: folders of Parquet parts, read, written and mapped in parallel.

A part is a DataFrame whose index, `row_key`, is a 64-bit hash that says which row it
is: see `keys`. Parts are bounded in size, so working part by part keeps memory flat.
"""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from reproducible_ml.core import keys
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.parallel import map_jobs
from reproducible_ml.core.params import Compute

Result = TypeVar("Result")


def parts(table: Path) -> list[Path]:
    """Return the files of a table in the order of their rows."""
    found = sorted(table.glob("part-*.parquet"))
    if not found:
        raise UserError(f"{table}: holds no table. Run `dvc repro` or `dvc pull`.")
    return found


def read_part(part: Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read one part, or some of its columns; the row keys are its index."""
    return pd.read_parquet(part, columns=None if columns is None else list(columns))


def write_part(frame: pd.DataFrame, table: Path, number: int) -> None:
    """Write one part; its place in the table is its number, from 0."""
    frame.to_parquet(table / f"part-{number:05d}.parquet", compression="lz4")


def read_table(table: Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read a whole table, or some of its columns, into memory."""
    # Parquet keeps no categories of a part without rows, so these are left out.
    files: Any = [part for part in parts(table) if _rows_of(part)] or parts(table)
    selected = None if columns is None else list(columns)
    rows: pd.DataFrame = pd.read_parquet(files, columns=selected)
    return rows


def sample_table(
    table: Path, limit: int, salt: str, columns: Sequence[str]
) -> pd.DataFrame:
    """Return at most `limit` rows of a table, chosen by their keys.

    Args:
        table: Folder of parts.
        limit: How many rows at most.
        salt: Another text chooses other rows.
        columns: Read these alone (the index comes along).
    """
    row_keys = read_table(table, []).index.to_numpy(dtype=np.uint64)
    chosen = row_keys[keys.sample_rows(row_keys, limit, keys.salt_from_text(salt))]
    rows = (read_part(part, columns) for part in parts(table))
    return pd.concat([part[part.index.isin(chosen)] for part in rows])


def count_rows(table: Path) -> int:
    """Return the number of rows without reading them."""
    return sum(map(_rows_of, parts(table)))


def _rows_of(part: Path) -> int:
    from pyarrow.parquet import read_metadata

    return int(read_metadata(part).num_rows)


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
        function: Pickled to other processes, so no lambda; must not change its frame.
        table: Folder of parts.
        compute: How many threads or processes.
        columns: Read these alone (the index comes along).
    """
    jobs = [(number, part, columns) for number, part in enumerate(parts(table))]
    return map_jobs(_Reader(function), jobs, compute, table.name)


class _Reader:
    """Reads a part where it is worked on, so that no rows travel between processes."""

    def __init__(self, function: Callable[[int, pd.DataFrame], Any]) -> None:
        self.function = function

    def __call__(self, number: int, part: Path, columns: Sequence[str] | None) -> Any:
        return self.function(number, read_part(part, columns))
