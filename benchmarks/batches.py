"""Measure training in batches: `python benchmarks/batches.py ROWS [HOW]...`.

Writes training rows and a quarter as many test rows in parts: 4 numbers, some missing,
a category of 20 values and two classes. Then it runs the stages `train` and `evaluate`,
each in a process of its own, and prints time and peak memory. HOW is `batches` (the
default), `rows` (10^5 of the rows, chosen by their keys, at once) or `at_once`.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from reproducible_ml.core.parts import write_part
from reproducible_ml.core.project import find_project

PART = 200_000
LEVELS = [f"level {number:02d}" for number in range(20)]
NUMBERS = ["one", "two", "three", "four"]
HOW = {
    "batches": {"batch_rows": 10_000},
    "rows": {"rows": 100_000},
    "at_once": {},
}

CHILD = """
import sys
from importlib import import_module
from pathlib import Path
from reproducible_ml.core.resources import Meter
meter = Meter()
import_module(sys.argv[1]).main(*map(Path, sys.argv[2:]))
print("USAGE", *meter.read())
"""


def write_table(folder: Path, rows: int, seed: int) -> None:
    """Write a table in parts."""
    folder.mkdir()
    for number, start in enumerate(range(0, rows, PART)):
        random = np.random.default_rng([seed, number])
        size = min(PART, rows - start)
        frame = pd.DataFrame(random.normal(size=(size, 4)), columns=NUMBERS)
        level = random.integers(0, 20, size)
        score = frame["one"] - frame["two"] / 2 + level / 10 + random.normal(size=size)
        frame["level"] = pd.Categorical.from_codes(level, LEVELS)
        frame["target"] = pd.Categorical(
            np.where(score > 1, "yes", "no"), categories=["no", "yes"]
        )
        frame.loc[random.random(size) < 0.05, "three"] = np.nan
        row_keys = random.integers(0, 2**64, size, dtype=np.uint64)
        write_part(frame.set_index(pd.Index(row_keys, name="row_key")), folder, number)


def write_settings(folder: Path, train: dict[str, object]) -> None:
    """Write contract and params.yaml."""
    estimator = {
        "path": "sklearn.linear_model.SGDClassifier",
        "arguments": {"loss": "log_loss"},
    }
    columns: dict[str, object] = {
        name: {"dtype": "float64", "nullable": True} for name in NUMBERS
    }
    columns["level"] = {"dtype": "category", "isin": LEVELS}
    columns["target"] = {"dtype": "category", "isin": ["no", "yes"]}
    params = {
        "data": {"target": "target", "positive": "yes"},
        "train": {"estimator": estimator, **train},
        "evaluate": {"metrics": ["roc_auc", "log_loss"]},
    }
    for name, content in {
        "schema.yaml": {"columns": columns},
        "params.yaml": params,
    }.items():
        (folder / name).write_text(yaml.safe_dump(content, sort_keys=False))
    (folder / "cleaning.json").write_text('{"clip_to": {}}')


def run(folder: Path, module: str, *names: str) -> str:
    """Run a stage; return seconds, processor seconds and megabytes."""
    command = [sys.executable, "-c", CHILD, module, *names]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, env=os.environ
    )
    if done.returncode:
        sys.exit(done.stderr)
    seconds, cpu, memory = done.stdout.split("USAGE")[1].split()
    return f"{float(seconds):.1f} | {float(cpu):.1f} | {int(memory) / 1e6:.0f}"


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Measure and print a table in Markdown."""
    rows, wanted = int(sys.argv[1]), sys.argv[2:] or ["batches"]
    package = find_project().package
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".", suffix=".tmp") as name:
        folder = Path(name)
        write_table(folder / "train", rows, 0)
        write_table(folder / "test", rows // 4, 1)
        say("| rows | how | stage | seconds | processor s | MB | log loss |")
        say("| ---: | --- | --- | ---: | ---: | ---: | ---: |")
        for how in wanted:
            write_settings(folder, HOW[how])
            model = ("model.skops", "model.json")
            read = ("train", "schema.yaml", "cleaning.json")
            made = (*model, "search.csv", "training")
            trained = run(folder, f"{package}.models.train", *read, *made)
            read = (*model, "schema.yaml", "train", "test")
            made = ("metrics.json", "evaluation.json", "bootstrap.json", "plots")
            scored = run(folder, f"{package}.models.evaluate", *read, *made)
            loss = json.loads((folder / "metrics.json").read_text())["log_loss"]
            say(f"| {rows:,} | {how} | train | {trained} | |")
            say(f"| {rows:,} | {how} | evaluate | {scored} | {loss:.4f} |")


if __name__ == "__main__":
    main()
