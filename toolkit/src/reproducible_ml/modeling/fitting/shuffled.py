"""Rows of a table on disk in the order of a hash of their keys.

It is the same however the table is sorted and cut into parts, and as good as a random
one: the batches of an estimator must not depend on how a file was sorted. The rows are
written to temporary files by ranges of that hash, so that no more than one range is in
memory.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from reproducible_ml.core import keys
from reproducible_ml.core.parts import Rows, count_rows
from reproducible_ml.modeling.model.training_rows import ORDER

# Rows that a range of the order has on average.
RANGE_ROWS = 100_000


class Shuffled:
    """Rows on disk by the hash of their keys, read in this order.

    Args:
        rows: What will be added.
        folder: Where a file is written for each range of the hash.
    """

    def __init__(self, rows: Rows, folder: Path) -> None:
        self.folder = folder
        self.salt = keys.salt_from_text(ORDER)
        most = count_rows(rows.table) if rows.stop is None else rows.stop
        self.ranges = max(1, -(-(most - rows.start) // RANGE_ROWS))
        # Rows that are chosen by the same hash have the lowest numbers.
        self.width = (rows.below or 2**64 - 1) // self.ranges + 1
        self.rows = 0

    def add(self, frame: pd.DataFrame) -> None:
        """Write rows to the files of their ranges."""
        import pyarrow as pa

        self.rows += len(frame)
        ranges = self._numbers(frame) // np.uint64(min(self.width, 2**64 - 1))
        ranges = np.minimum(ranges, np.uint64(self.ranges - 1))
        order = np.argsort(ranges, kind="stable")
        found, starts = np.unique(ranges[order], return_index=True)
        table = pa.Table.from_pandas(frame.iloc[order], preserve_index=True)
        ends = [*starts[1:], len(frame)]
        for number, start, end in zip(found, starts, ends, strict=True):
            # Streams of Arrow can follow one another, so that no file stays open.
            with (
                self._file(int(number)).open("ab") as file,
                pa.ipc.new_stream(file, table.schema) as stream,
            ):
                stream.write_table(table.slice(int(start), int(end - start)))

    def frames(self) -> Iterator[pd.DataFrame]:
        """Yield the rows of each range, in their order."""
        for number in range(self.ranges):
            file = self._file(number)
            if file.exists():
                frame = _read_streams(file)
                yield frame.iloc[self._order(frame)]

    def batches(self, size: int) -> Iterator[pd.DataFrame]:
        """Yield batches of `size` rows; the last one may have fewer."""
        waiting: list[pd.DataFrame] = []
        count = 0
        for frame in self.frames():
            at = 0
            while at < len(frame):
                some = frame.iloc[at : at + size - count]
                waiting.append(some)
                at, count = at + len(some), count + len(some)
                if count == size:
                    yield pd.concat(waiting) if len(waiting) > 1 else some
                    waiting, count = [], 0
        if waiting:
            yield pd.concat(waiting)

    def _order(self, frame: pd.DataFrame) -> npt.NDArray[np.intp]:
        numbers = self._numbers(frame)
        if len(np.unique(numbers)) == len(numbers):
            return np.argsort(numbers)
        # Rows of one key may differ, as in the target: not in the order of the table.
        return np.lexsort((keys.hash_rows(frame, list(frame.columns)), numbers))

    def _numbers(self, frame: pd.DataFrame) -> keys.Keys:
        return keys.mix(frame.index.to_numpy(dtype=np.uint64), self.salt)

    def _file(self, number: int) -> Path:
        return self.folder / f"{number:06d}.arrows"


def _read_streams(file: Path) -> pd.DataFrame:
    import pyarrow as pa

    found, size = [], file.stat().st_size
    with pa.memory_map(str(file)) as source:
        while source.tell() < size:
            found.append(pa.ipc.open_stream(source).read_all())
        table = pa.concat_tables(found).unify_dictionaries()
        frame: pd.DataFrame = table.to_pandas()
    return frame
