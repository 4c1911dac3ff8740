"""Columns in the names of folders, as `year=2026/part.parquet`."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa

from reproducible_ml.contract.schema import Contract, CsvDialect

# What Hive and its successors write for a missing value.
MISSING = "__HIVE_DEFAULT_PARTITION__"


def folder_columns(raw: Path, files: Sequence[Path]) -> tuple[str, ...]:
    """Return the columns that folders between a table and its files name.

    Args:
        raw: Folder of the table; a single file has no such columns.
        files: Its files.
    """
    folders = dict.fromkeys(file.relative_to(raw).parent for file in files)
    parts = [part for folder in folders for part in folder.parts if "=" in part]
    return tuple(dict.fromkeys(map(_name, parts)))


def unknown_folder_columns(file: Path, dialect: CsvDialect) -> list[str]:
    """Return the columns in folders of a table of the project that are not declared."""
    if file.is_absolute():
        return []
    named = [_name(part) for part in file.parts[:-1] if "=" in part]
    return [name for name in named if name not in dialect.partitions]


def folder_values(file: Path, dialect: CsvDialect) -> dict[str, str | None]:
    """Return the values of those columns that the folders of a file have."""
    parts = [part for part in file.parts[:-1] if "=" in part]
    values = {_name(part): part.partition("=")[2] for part in parts}
    return {
        name: None if values[name] == MISSING else unquote(values[name])
        for name in dialect.partitions
        if name in values
    }


def without_folder_columns(file: Path, contract: Contract) -> Contract:
    """Return the contract of what a file itself holds."""
    folders = folder_values(file, contract.metadata)
    if not folders:
        return contract
    columns = {n: c for n, c in contract.columns.items() if n not in folders}
    return contract.model_copy(update={"columns": columns})


def with_folder_columns(
    batches: Iterator[pa.RecordBatch], file: Path, dialect: CsvDialect
) -> Iterator[pa.RecordBatch]:
    """Yield the batches of a file with the columns of its folders, as texts."""
    folders = folder_values(file, dialect)
    for batch in batches:
        for name, value in folders.items():
            batch = batch.append_column(name, folder_array(value, batch.num_rows))
        yield batch


def folder_array(value: str | None, rows: int) -> pa.Array:
    """Return the value of a folder for so many rows."""
    return pa.repeat(pa.scalar(value, pa.string()), rows)


def _name(part: str) -> str:
    return unquote(part.partition("=")[0])
