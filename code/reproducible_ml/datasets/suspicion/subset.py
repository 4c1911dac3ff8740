"""Some rows of a table, chosen by chance, where all would be too many."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from reproducible_ml.datasets import keys
from reproducible_ml.datasets.tables import parallel, parts, read_part
from reproducible_ml.params import Compute

ROWS = 200_000


def read_subset(
    table: Path,
    compute: Compute,
    columns: Sequence[str] | None = None,
    rows: int = ROWS,
) -> pd.DataFrame:
    """Read about `rows` rows of a table, or all if there are no more.

    A row's number in the table decides, so that the size of parts does not matter. Its
    key would not do: rows that are alike would all be chosen, or none of them.
    """
    from pyarrow.parquet import read_metadata

    files = parts(table)
    ends = np.cumsum([read_metadata(file).num_rows for file in files])
    share = min(1.0, rows / max(1, ends[-1]))
    firsts = [0, *ends[:-1].tolist()]
    # Parquet keeps no categories of a part without rows, so these are left out.
    jobs = [
        (file, first, share, columns)
        for file, first, end in zip(files, firsts, ends, strict=True)
        if end > first
    ]
    chosen = parallel(_choose, jobs or [(files[0], 0, share, columns)], compute, "read")
    return pd.concat(chosen)


def _choose(
    file: Path, first: int, share: float, columns: Sequence[str] | None
) -> pd.DataFrame:
    rows = read_part(file, columns)
    numbers = np.arange(first, first + len(rows), dtype=np.uint64)
    return rows[keys.uniform(numbers, keys.number("subset")) < share]
