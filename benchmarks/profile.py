"""`rml profile` beside ydata-profiling's minimal mode: time and memory on one table.

`python benchmarks/profile.py [ROWS] [ROUNDS] [--format csv] [--peer PYTHON]` generates
a table of 30 columns: numbers with missing values, whole numbers, categories, text,
codes, dates. PYTHON is the interpreter of an environment of its own with the peer:

    uv venv --python 3.11 FOLDER
    uv pip install --python FOLDER/bin/python PACKAGES

PACKAGES are ydata-profiling==4.18.4, setuptools<81 and pyarrow.

Both run as a process, from reading the file to writing the page. Rounds alternate.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

ROOT = Path(__file__).parents[1]

# Rows that are generated at a time.
PART = 250_000

WORDS = "the visit was short and a long wait for nothing much said it went fine again"

MINIMAL = """
import sys
import pandas as pd
from ydata_profiling import ProfileReport
path, page = sys.argv[1:]
read = pd.read_csv if path.endswith(".csv") else pd.read_parquet
frame = read(path)
ProfileReport(frame, minimal=True, progress_bar=False).to_file(page)
"""


class Took(NamedTuple):
    """Seconds, seconds of the processor, and peak memory in MB."""

    seconds: float
    processor: float
    memory: float


def part(random: np.random.Generator, rows: int, first: int) -> pd.DataFrame:
    """Return some rows of the table."""
    columns: dict[str, Any] = {"id": np.arange(first, first + rows)}
    for place in range(11):
        values = random.normal(size=rows) * (place + 1)
        if place % 2:
            values[random.random(rows) < 0.05] = np.nan
        columns[f"number{place}"] = values
    columns["sparse"] = np.where(random.random(rows) < 0.9, np.nan, 1.5)
    columns["amount"] = random.lognormal(3, 1, rows).round(2)
    for place in range(4):
        columns[f"whole{place}"] = random.integers(0, 5 * 10 ** (place + 1), rows)
    for place, number in enumerate((2, 5, 20, 100)):
        names = np.array([f"value {n}" for n in range(number)], dtype=object)
        texts = names[random.integers(0, number, rows)]
        texts[random.random(rows) < 0.02] = None
        columns[f"category{place}"] = texts
    words = np.array(WORDS.split(), dtype=object)
    for place in range(2):
        chosen = words[random.integers(0, len(words), (rows, 8))]
        columns[f"text{place}"] = [" ".join(row) for row in chosen]
    columns["code"] = [f"{n:08x}" for n in random.integers(0, 2**32, rows)]
    start = np.datetime64("2020-01-01", "s")
    for place in range(3):
        columns[f"date{place}"] = start + random.integers(0, 86_400 * 1500, rows)
    columns["flag"] = random.random(rows) < 0.3
    columns["target"] = np.where(
        columns["number0"] + random.normal(size=rows) > 0, "y", "n"
    )
    return pd.DataFrame(columns)


def generate(rows: int, path: Path) -> int:
    """Write the table, part by part; return the number of its columns."""
    random = np.random.default_rng(0)
    schema = pa.Table.from_pandas(part(random, 10, 0), preserve_index=False).schema
    if path.suffix == ".csv":
        writer = pyarrow.csv.CSVWriter(path, schema)
    else:
        writer = pyarrow.parquet.ParquetWriter(path, schema)
    with writer:
        for first in range(0, rows, PART):
            some = part(random, min(PART, rows - first), first)
            writer.write_table(pa.Table.from_pandas(some, schema, preserve_index=False))
    return len(schema)


def run(command: list[str]) -> Took:
    """Run a command; return what it took."""
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=ROOT) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - start
    if process.returncode:
        sys.exit(f"{' '.join(command)}: failed")
    return Took(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def main() -> None:
    """Compare, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="?", type=int, default=1_000_000)
    parser.add_argument("rounds", nargs="?", type=int, default=3)
    parser.add_argument("--format", choices=["parquet", "csv"], default="parquet")
    parser.add_argument("--peer", type=Path, help="Python with ydata-profiling.")
    typed = parser.parse_args()
    rml = shutil.which("rml", path=Path(sys.executable).parent) or "rml"
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / f"table.{typed.format}"
        columns = generate(typed.rows, table)
        own = [rml, "profile", str(table), "--target", "target", "--no-open"]
        commands = {"rml profile": [*own, "--out", f"{folder}/own"]}
        if typed.peer:
            script = Path(folder) / "minimal.py"
            script.write_text(MINIMAL, "utf-8")
            page = f"{folder}/peer.html"
            commands["ydata-profiling, minimal"] = [
                *(str(typed.peer.absolute()), str(script), str(table), page)
            ]
        took: dict[str, list[Took]] = {name: [] for name in commands}
        for _ in range(typed.rounds):
            for name, command in commands.items():
                took[name].append(run(command))
    sys.stdout.write(
        f"{typed.rows:,} rows, {columns} columns, {typed.format}; medians of"
        f" {typed.rounds} rounds\n\n| | seconds | processor | MB |\n"
        "|---|---:|---:|---:|\n"
    )
    medians = {}
    for name, found in took.items():
        medians[name] = Took(
            *(statistics.median(each) for each in zip(*found, strict=True))
        )
        seconds, processor, memory = medians[name]
        sys.stdout.write(
            f"| {name} | {seconds:.1f} | {processor:.1f} | {memory:.0f} |\n"
        )
    if typed.peer:
        own_took, peer = medians.values()
        ratios = [b / a for a, b in zip(own_took, peer, strict=True)]
        shown = " | ".join(f"{ratio:.1f}" for ratio in ratios)
        sys.stdout.write(f"| ratio | {shown} |\n")


if __name__ == "__main__":
    main()
