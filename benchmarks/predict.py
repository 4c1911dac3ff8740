"""Time `rml predict`: `python benchmarks/predict.py ROWS [ROUNDS]`.

The table has the rows of the project's test set, sampled with replacement; numbers are
scaled a little, so that rows differ. A script that reads a file with PyArrow and calls
`predict_proba`, and `rml predict`, run in turn on Parquet and on CSV. Prints medians of
time, CPU time and peak memory as Markdown.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

ROOT = Path(__file__).resolve().parents[1]

# Rows that are made and written at a time.
PART = 500_000

SCRIPT = """
import sys
import pandas as pd
import pyarrow.csv
import pyarrow.parquet
from skops.io import get_untrusted_types, load

file, output = sys.argv[1:]
trusted = get_untrusted_types(file="models/model.skops")
model = load("models/model.skops", trusted=trusted)
is_csv = file.endswith("csv")
read = pyarrow.csv.read_csv if is_csv else pyarrow.parquet.read_table
shares = model.predict_proba(read(file).to_pandas())
pd.DataFrame(shares).add_prefix("class_").to_parquet(output)
"""


def write_tables(rows: int, folder: Path) -> None:
    """Write the same rows as Parquet and as CSV."""
    random = np.random.default_rng(0)
    parts = sorted((ROOT / "data/processed/test").glob("*.parquet"))
    known = pd.concat(map(pd.read_parquet, parts), ignore_index=True)
    floats = list(known.select_dtypes("float64"))
    writers = []
    for start in range(0, rows, PART):
        part = known.sample(min(PART, rows - start), replace=True, random_state=start)
        scale = 1 - 1e-4 * random.random((len(part), 1))
        table = pa.Table.from_pandas(
            part.assign(**(part[floats] * scale)), preserve_index=False
        )
        writers = writers or [
            pa.parquet.ParquetWriter(folder / "rows.parquet", table.schema),
            pa.csv.CSVWriter(folder / "rows.csv", table.schema),
        ]
        for writer in writers:
            writer.write_table(table)
    for writer in writers:
        writer.close()


def run(command: list[str]) -> tuple[float, float, int]:
    """Return seconds, seconds of processors, and peak memory in MB."""
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"failed: {' '.join(command)}")
    seconds = time.perf_counter() - start
    return seconds, used.ru_utime + used.ru_stime, used.ru_maxrss // 1000


def main() -> None:
    """Run all in turn, and print medians."""
    rows, rounds = int(sys.argv[1]), int((sys.argv[2:] or ["3"])[0])
    found = defaultdict(list)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_tables(rows, folder)
        for _ in range(rounds):
            for kind in ("parquet", "csv"):
                table = str(folder / f"rows.{kind}")
                script = [
                    sys.executable,
                    "-c",
                    SCRIPT,
                    table,
                    str(folder / "a.parquet"),
                ]
                command = ["rml", "predict", table, "--output", str(folder / "answers")]
                found[kind, "script"].append(run(script))
                found[kind, "rml predict"].append(run(command))
    lines = ["| input | what | seconds | CPU seconds | MB |"]
    lines.append("| --- | --- | ---: | ---: | ---: |")
    for (kind, what), runs in found.items():
        seconds, cpu, memory = (statistics.median(c) for c in zip(*runs, strict=True))
        lines.append(f"| {kind} | {what} | {seconds:.1f} | {cpu:.1f} | {memory} |")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
