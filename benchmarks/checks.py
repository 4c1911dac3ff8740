"""Time the checks of a table beside reading it: `python benchmarks/checks.py ROWS`.

Reading is pyarrow's: `pyarrow.csv.open_csv` with inferred types, on all cores; and
pandas'. Runs of all kinds alternate, as machines are noisy; the figures are medians.

`python benchmarks/checks.py ROWS COLUMNS` takes a wide table of so many columns: half
of them floats, the others whole numbers and categories.
"""

import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.csv
import yaml
from generate import main as write_table

from reproducible_ml.adopt.propose import Context, propose
from reproducible_ml.adopt.request import Request
from reproducible_ml.contract.checks import broken_rules, cast
from reproducible_ml.contract.schema import Contract, CsvDialect, Data
from reproducible_ml.core.files import replacing_folder
from reproducible_ml.core.parallel import map_jobs
from reproducible_ml.core.params import Compute
from reproducible_ml.core.project import find_project
from reproducible_ml.quality.report import check_quality
from reproducible_ml.quality.validation import validate_table
from reproducible_ml.reading.raw import Chunk, read_chunks
from reproducible_ml.reading.scan import scan

REPEATS = 5


def read(file: Path) -> None:
    """Read the table as pyarrow does, and forget it."""
    options = pyarrow.csv.ParseOptions(newlines_in_values=True)
    with pyarrow.csv.open_csv(file, parse_options=options) as batches:
        for _ in batches:
            pass


def check_values(file: Path, contract: Contract, compute: Compute) -> None:
    """Check every byte and every value against the contract, as `validate` does."""
    assert not scan(file, CsvDialect())
    portions = read_chunks([file], contract, compute.rows_per_part)
    work = partial(_check_portion, contract=contract)
    assert not any(map_jobs(work, ((p,) for p in portions), compute, "check"))


def _check_portion(portion: Chunk, contract: Contract) -> bool:
    return any(True for _ in broken_rules(cast(portion.rows, contract), contract))


def seconds(function: Callable[[], object]) -> tuple[float, float]:
    """Return how long one run takes, and the time of all processors."""
    start, processors = time.perf_counter(), time.process_time()
    function()
    return time.perf_counter() - start, time.process_time() - processors


def write_wide(rows: int, columns: int, file: Path) -> None:
    """Write a table of many columns."""
    random = np.random.default_rng(0)
    kinds: list[Callable[[], object]] = [
        lambda: random.normal(size=rows).round(4),
        lambda: random.normal(size=rows).round(2),
        lambda: random.integers(0, 1000, rows),
        lambda: np.array(["a", "b", "c", "d"])[random.integers(0, 4, rows)],
    ]
    table = {f"x{i}": kinds[i % 4]() for i in range(columns - 1)}
    table["target"] = random.integers(0, 2, rows)
    pd.DataFrame(table).to_csv(file, index=False)


def main(rows: int, columns: int | None = None) -> None:
    """Print the medians as Markdown."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "table.csv"
        if columns is None:
            write_table(rows, file)
        else:
            write_wide(rows, columns, file)
        values = yaml.safe_load(Path("params.yaml").read_text("utf-8"))
        context = Context(
            find_project(), values, None, folder / "work", folder / "problems.csv"
        )
        adopt = partial(propose, file, Request(target="target"), context)
        proposal = adopt()
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        contract, compute = proposal.contract, Compute()
        data = Data.model_validate(proposal.params["data"])

        def validate() -> None:
            with replacing_folder(folder / "table") as table:
                validate_table([file], contract, data, compute, table, context.report)

        validate()
        kinds: dict[str, Callable[[], object]] = {
            "pyarrow.csv.open_csv": partial(read, file),
            "pandas.read_csv": partial(pd.read_csv, file),
            "bytes and values checked": partial(check_values, file, contract, compute),
            "the same, with keys and Parquet written": validate,
            "data quality": partial(
                check_quality, folder / "table", contract, data, compute, file
            ),
            "rml data: inferred, then all of the above": adopt,
        }
        times = {kind: list[tuple[float, float]]() for kind in kinds}
        for _ in range(REPEATS):
            for kind, function in kinds.items():
                times[kind].append(seconds(function))
        size = file.stat().st_size / 1e6
    medians = {
        kind: [statistics.median(column) for column in zip(*taken, strict=True)]
        for kind, taken in times.items()
    }
    base, pandas = medians["pyarrow.csv.open_csv"][0], medians["pandas.read_csv"][1]
    lines = [f"{rows} rows, {size:.0f} MB", ""]
    lines += ["| | median s | of pyarrow | CPU s | of pandas |"]
    lines += ["| --- | ---: | ---: | ---: | ---: |"]
    lines += [
        f"| {kind} | {wall:.2f} | {wall / base:.2f} | {cpu:.2f} | {cpu / pandas:.2f} |"
        for kind, (wall, cpu) in medians.items()
    ]
    lines += ["", f"Peak memory of rml data: {memory:.0f} MB"]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
