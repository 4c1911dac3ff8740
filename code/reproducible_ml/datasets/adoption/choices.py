"""The columns that a table has, to choose one of them."""

import difflib
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from reproducible_ml.datasets.adoption.form import misshapen, read_dialect
from reproducible_ml.datasets.findings import quoted, reject
from reproducible_ml.datasets.reading.csv_files import csv_header
from reproducible_ml.datasets.reading.raw import form, raw_files, text_batches
from reproducible_ml.datasets.schema import Dialect
from reproducible_ml.errors import UserError

# Names that are shown where one is to be chosen, and where one was misspelled.
CHOICES, SHOWN = 60, 20


def target_wanted(raw: Path, report: Path) -> str:
    """Return what to say where no target is named: which columns there are.

    Args:
        raw: The table.
        report: CSV file that gets the problems.

    Raises:
        UserError: Its columns cannot be read.
    """
    names = listed(column_names(raw_files(raw), report), CHOICES)
    return f"{raw}: name the column to predict, TARGET=... It has {names}."


def column_names(files: Sequence[Path], report: Path) -> list[str]:
    """Return the names of the columns of a table, by its first file.

    Raises:
        UserError: They cannot be read.
    """
    dialect, _ = read_dialect(files, None, report)
    first = files[0]
    if form(first) == "csv":
        return csv_header(first, dialect)
    try:
        batch = next(iter(text_batches(first, Dialect())), None)
    except pa.ArrowInvalid as error:
        reject(misshapen(first, dialect), report)
        raise UserError(f"{first}: cannot be read: {error}") from error
    return batch.schema.names if batch else []


def unknown_column(file: Path, name: str, names: Sequence[str]) -> str:
    """Return what to say of a column that a table does not have."""
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"Did you mean {quoted(near[0])}? " if near else ""
    if near and near[0] != near[0].strip():
        # make and lists of names take blanks away, so no option can name it.
        hint = f"If you mean {quoted(near[0])}, remove the blanks in its name. "
    return f"{file}: has no column {quoted(name)}. {hint}It has {listed(names, SHOWN)}."


def listed(names: Sequence[str], limit: int) -> str:
    """Return names in quotes, of many the first."""
    return ", ".join(map(quoted, names[:limit])) + (", …" if names[limit:] else "")
