"""Where predictions go: a file, a folder of files, or elsewhere."""

import re
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.files import replacing, replacing_folder
from reproducible_ml.serving.model import Model

Format = Literal["parquet", "csv"]

FILES = (".csv", ".parquet")

# The files of a folder of predictions. Another file in it is not ours to remove.
PART = re.compile(r"part-\d{5}\.(parquet|csv)")


class Destination(ABC):
    """Where predictions go; written whole or not at all.

    Attributes:
        needs_keys: Whether each row must have a key of its own.
        path: File or folder that is replaced, if it is one.
    """

    needs_keys = False
    path: Path | None = None

    @abstractmethod
    def check(self) -> None:
        """Raise UserError if it cannot be written, before anything is predicted."""

    @abstractmethod
    def write(self, parts: Sequence[Path]) -> None:
        """Write the rows of Parquet files, in their order; the files may be moved."""


class File(Destination):
    """A single file, in Parquet or CSV by its name."""

    path: Path

    def __init__(self, path: Path) -> None:
        self.path = path

    def check(self) -> None:
        """Raise UserError if there is a folder of this name."""
        if self.path.is_dir():
            raise UserError(f"{self.path}: is a folder. Name a file.")

    def write(self, parts: Sequence[Path]) -> None:
        """Write all rows into the file."""
        with replacing(self.path, shared=True) as temporary:
            kind: Format = "csv" if self.path.suffix.lower() == ".csv" else "parquet"
            _write(parts, temporary, kind)


class Folder(Destination):
    """A folder with a file for each part."""

    path: Path

    def __init__(self, path: Path, kind: Format = "parquet") -> None:
        self.path = path
        self.kind = kind

    def check(self) -> None:
        """Raise UserError if the folder holds anything but predictions."""
        if self.path.is_file():
            raise UserError(
                f"{self.path}: is a file. To write one file, give it the suffix .csv or"
                " .parquet; else name a folder."
            )
        others = [p for p in self.path.glob("*") if not PART.fullmatch(p.name)]
        if others:
            raise UserError(
                f"{self.path}: holds {sorted(others)[0].name}, which is no part of a"
                " table of predictions and would be removed. Name another folder."
            )

    def write(self, parts: Sequence[Path]) -> None:
        """Write each part into a file of its own; older files are replaced."""
        with replacing_folder(self.path, shared=True) as folder:
            for part in parts:
                if self.kind == "parquet":
                    shutil.move(part, folder)
                else:
                    _write([part], folder / f"{part.stem}.{self.kind}", self.kind)


def place(path: Path, kind: Format = "parquet") -> Destination:
    """Return the destination of a path: a file by its suffix, else a folder.

    Args:
        path: Where answers go.
        kind: Of the files in a folder.
    """
    is_file = path.suffix.lower() in FILES and not path.is_dir()
    return File(path) if is_file else Folder(path, kind)


def check_apart(source: Path, destination: Destination, quarantine: Path) -> None:
    """Check that no file or folder that is written replaces what is read or written.

    Raises:
        UserError: It would, or a folder that is read would hold it.
    """
    if quarantine.is_dir():
        raise UserError(f"{quarantine}: is a folder. Name a file for bad rows.")
    output = destination.path
    for written in (output, quarantine):
        if written and _overlap(written, source):
            raise UserError(
                f"{written}: would replace what is read, or be read the next time, as"
                f" {source} is the source. Name another place."
            )
    if output and _overlap(output, quarantine):
        raise UserError(
            f"{quarantine}: is where bad rows would be written, and the answers too."
            " Name another place."
        )


def _overlap(first: Path, second: Path) -> bool:
    """Return whether two paths are the same, or one is inside the other."""
    # A link is replaced, not what it points at; both places count.
    places = [{p.resolve(), p.parent.resolve() / p.name} for p in (first, second)]
    return any(
        one.is_relative_to(other) or other.is_relative_to(one)
        for one in places[0]
        for other in places[1]
    )


def check_keys(
    source: Path, model: Model, keys: Sequence[npt.NDArray[np.uint64] | None]
) -> None:
    """Raise UserError if rows have no keys, or two the same but are not equal.

    Rows that are equal in all columns that identify them get the same answer, unless
    these are columns that params.yaml names as `data.id`.
    """
    if any(one is None for one in keys):
        raise UserError(
            f"{source}: lacks a column that identifies a row: {', '.join(model.keys)}."
            " A table of a database needs them; write a file or folder instead."
        )
    every = np.concatenate([one for one in keys if one is not None])
    repeated = len(every) - len(np.unique(every))
    if repeated and model.data.id:
        raise UserError(
            f"{source}: {repeated} rows repeat an earlier {', '.join(model.data.id)},"
            " which identifies a row (data.id in params.yaml). Fix: drop them there."
        )


def write_part(rows: pa.Table, path: Path) -> None:
    """Write some rows to a Parquet file, as it stays in a folder of predictions."""
    pa.parquet.write_table(rows, path, compression="zstd")


def _write(parts: Sequence[Path], path: Path, kind: Format) -> None:
    schema = pa.parquet.read_schema(parts[0])
    writer = (
        pa.csv.CSVWriter(path, schema)
        if kind == "csv"
        else pa.parquet.ParquetWriter(path, schema, compression="zstd")
    )
    with writer:
        for batch in _batches(parts):
            writer.write_batch(batch)


def _batches(parts: Sequence[Path]) -> Iterator[pa.RecordBatch]:
    for part in parts:
        yield from pa.parquet.ParquetFile(part).iter_batches()
