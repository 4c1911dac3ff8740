"""Keep the rows of a large text file as they were read, to be read again faster.

To parse the text a second time takes four times as long as to read its values.
"""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa

from reproducible_ml.contract.schema import Column, Contract
from reproducible_ml.reading.raw import Chunk, cut, mark_last
from reproducible_ml.reading.values import arrow_type, convert, is_read_by_arrow

# Types of values that stand for the texts of plain numbers and dates.
TYPED = (pa.int64(), pa.float64(), pa.timestamp("ns"))


class KeptRows:
    """The rows of one file in batches, each in an Arrow file of its own.

    In a batch, columns of plain numbers or dates are values, all others are texts.
    """

    def __init__(self, folder: Path, file: Path) -> None:
        """Keep the rows of a file in a folder whose content is removed."""
        self.folder = folder
        self.file = file
        self.batches = 0
        self.types: dict[str, set[pa.DataType]] = {}
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)

    def add(self, columns: Mapping[str, pa.Array]) -> None:
        """Add the next rows."""
        batch = pa.RecordBatch.from_pydict(columns)
        for field in batch.schema:
            self.types.setdefault(field.name, set()).add(field.type)
        with pa.ipc.new_stream(self._path(self.batches), batch.schema) as stream:
            stream.write_batch(batch)
        self.batches += 1

    def fit(self, contract: Contract) -> bool:
        """Return whether the values are those that the file has by this contract."""
        if self.types.keys() != contract.columns.keys():
            return False
        return all(
            _fits(kind, contract.columns[name])
            for name, kinds in self.types.items()
            for kind in kinds
        )

    def chunks(self, contract: Contract, rows: int) -> Iterator[Chunk]:
        """Yield chunks as `read_chunks` does.

        Raises:
            pyarrow.ArrowInvalid: A value does not fit the contract.
        """
        first = 0
        for table, is_last in mark_last(cut(self._converted(contract), rows)):
            yield Chunk(self.file, first, is_last, table)
            first += table.num_rows

    def _path(self, number: int) -> str:
        return str(self.folder / f"{number:06d}.arrow")

    def _converted(self, contract: Contract) -> Iterator[pa.RecordBatch]:
        for number in range(self.batches):
            with pa.memory_map(self._path(number)) as source:
                batch = pa.ipc.open_stream(source).read_next_batch()
            columns = {
                name: _convert(batch[name], column)
                for name, column in contract.columns.items()
            }
            yield pa.RecordBatch.from_pydict(columns)


def _fits(kind: pa.DataType, column: Column) -> bool:
    """Return whether a column of the contract can be made of these values or texts."""
    if kind not in TYPED:
        return True
    wanted = arrow_type(column)
    same = kind == wanted or (kind == pa.int64() and wanted == pa.float64())
    return same and is_read_by_arrow(column)


def _convert(values: pa.Array, column: Column) -> pa.Array:
    if values.type in TYPED:
        return values.cast(arrow_type(column))
    if pa.types.is_dictionary(values.type):
        return convert(values.dictionary, column).take(values.indices)
    return convert(values, column)
