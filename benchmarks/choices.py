"""Time alternatives that were decided by measuring: `python benchmarks/choices.py`."""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from generate import LEVELS, generate
from sklearn.preprocessing import OrdinalEncoder

from reproducible_ml.modeling.model.transformers import CategoryCodes

ROWS = 1_000_000
REPEATS = 5


def seconds(function: Callable[[], object]) -> float:
    """Return the median over some runs."""
    taken = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        function()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def time_encoders(rows: pd.DataFrame) -> dict[str, float]:
    """Return the seconds to turn the categories of all rows into codes."""
    categories = {name: list(rows[name].cat.categories) for name in LEVELS}
    table = rows[list(LEVELS)]
    ordinal = OrdinalEncoder(
        categories=list(categories.values()),
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
    )
    ours = CategoryCodes(categories)
    return {
        "OrdinalEncoder.fit_transform": seconds(lambda: ordinal.fit_transform(table)),
        "CategoryCodes.fit_transform": seconds(lambda: ours.fit_transform(table)),
    }


def time_compressions(
    rows: pd.DataFrame, folder: Path
) -> list[tuple[str, float, float, int]]:
    """Return for each codec the seconds to write and to read, and the bytes."""
    found = []
    for codec in ("zstd", "lz4", "snappy", "none"):
        file = folder / f"{codec}.parquet"
        name = None if codec == "none" else codec
        write = seconds(lambda: rows.to_parquet(file, compression=name))  # noqa: B023
        read = seconds(lambda: pd.read_parquet(file))  # noqa: B023
        found.append((codec, write, read, file.stat().st_size))
    return found


def main() -> None:
    """Print the figures as Markdown."""
    rows = generate(ROWS, np.random.default_rng(0)).astype(
        dict.fromkeys(LEVELS, "category")
    )
    lines = [f"{ROWS} rows", "", "| encoder | median s |", "| --- | ---: |"]
    lines += [f"| `{n}` | {s:.2f} |" for n, s in time_encoders(rows).items()]
    lines += ["", "| codec | write s | read s | MB |", "| --- | ---: | ---: | ---: |"]
    with tempfile.TemporaryDirectory() as folder:
        for codec, write, read, size in time_compressions(rows, Path(folder)):
            lines.append(f"| {codec} | {write:.2f} | {read:.2f} | {size / 1e6:.0f} |")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
