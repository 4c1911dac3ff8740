"""Time the adoption of a table by this and by another clone in turn.

`python benchmarks/adopt.py PAIRS CLONE ROWS` takes the generated table, and a wide one
with COLUMNS behind it. Each run is a process of its own, whose imports are not counted;
relative is the CPU time beside that of `pandas.read_csv` in the same process.
"""

import gc
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parents[1]


def adopt(file: Path) -> None:
    """Propose how to adopt a table, and print CPU seconds and megabytes as JSON."""
    import pandas as pd
    import sklearn.ensemble  # noqa: F401
    import yaml

    from reproducible_ml.adopt.propose import Context, propose
    from reproducible_ml.adopt.request import Request
    from reproducible_ml.core.project import find_project

    with tempfile.TemporaryDirectory() as name:
        values = yaml.safe_load(Path("params.yaml").read_text("utf-8"))
        work, report = Path(name) / "work", Path(name) / "problems.csv"
        context = Context(find_project(), values, None, work, report)
        start = time.process_time()
        propose(file, Request(target="target"), context)
        seconds = time.process_time() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    gc.collect()  # not while pandas reads
    start = time.process_time()
    pd.read_csv(file)
    found = {"adopt": seconds, "pandas": time.process_time() - start, "MB": memory}
    sys.stdout.write(json.dumps(found))


def run(clone: Path, file: Path) -> dict[str, float]:
    """Return the figures of one run with the toolkit of a clone."""
    command = [sys.executable, __file__, str(file)]
    environment = os.environ | {"PYTHONPATH": str(clone / "toolkit/src")}
    found = subprocess.run(
        command, cwd=clone, env=environment, check=True, capture_output=True, text=True
    )
    return dict(json.loads(found.stdout))


def main(pairs: int, clone: Path, rows: int, columns: int | None = None) -> None:
    """Print the medians as Markdown."""
    from checks import write_wide
    from generate import main as write_table

    taken: dict[str, list[dict[str, float]]] = {"this": [], "other": []}
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "table.csv"
        if columns is None:
            write_table(rows, file)
        else:
            write_wide(rows, columns, file)
        for _ in range(pairs):
            taken["other"].append(run(clone, file))
            taken["this"].append(run(HERE, file))
    lines = ["| clone | `pandas.read_csv` | adoption | relative | MB |"]
    lines += ["| --- | ---: | ---: | ---: | ---: |"]
    for kind, found in taken.items():
        pandas, seconds, memory = (
            statistics.median(one[key] for one in found)
            for key in ("pandas", "adopt", "MB")
        )
        relative = statistics.median(one["adopt"] / one["pandas"] for one in found)
        lines.append(
            f"| {kind} | {pandas:.2f} | {seconds:.2f} | {relative:.1f} | {memory:.0f} |"
        )
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    if len(sys.argv) == 2:
        adopt(Path(sys.argv[1]))
    else:
        main(int(sys.argv[1]), Path(sys.argv[2]).resolve(), *map(int, sys.argv[3:]))
