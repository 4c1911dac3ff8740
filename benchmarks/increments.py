"""Time what a new file costs: `python benchmarks/increments.py [FILES] [ROWS]`.

Makes a folder of FILES files (100) of ROWS rows each (200,000), and runs the data
stages on all files without a store of parts, on all but the last with an empty store,
and on all with that store. Prints the processor time of each stage as Markdown, and
apart: starting Python and importing modules; hashing what a stage reads
(`compute.check_inputs`, and for the keys of parts); copying parts to and from the
store, with the hash of each. DVC does not run. Fails if any output differs between the
first and the last run.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import yaml
from generate import generate
from pyarrow import csv
from run import contract
from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[1]
RAW = Path("data/raw/table")

# Runs a stage as `python -m` does; prints its processor time, by what it was for.
STAGE = """
import json, os, runpy, shutil, sys, threading, time
for name in ("pyarrow.parquet", "scipy.stats", "joblib", "ruamel.yaml", "sklearn"):
    __import__(name)
from pathlib import Path
from importlib import import_module
from reproducible_ml.core import inputs, part_store
module, *paths = sys.argv[1:]
main = import_module(module).main
spent = {"hashing": 0.0, "copying": 0.0}
lock = threading.Lock()
def timed(owner, name, kind):
    real = getattr(owner, name)
    def call(*arguments):
        begin = time.thread_time()
        try:
            return real(*arguments)
        finally:
            with lock:
                spent[kind] += time.thread_time() - begin
    setattr(owner, name, call)
timed(inputs, "_hash_file", "hashing")
timed(part_store.PartStore, "_give", "copying")
timed(part_store.PartStore, "_add", "copying")
root = Path.cwd().resolve()
from reproducible_ml.core.dependencies import stages_that_run
(stage,) = stages_that_run(module, root).values()
# As DVC does before it runs a stage.
for path in stage.outputs:
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
imports = time.process_time()
inputs.check_inputs({path.as_posix() for path in stage.paths}, root)
# Whether or not something was recorded, as after the first `dvc repro`.
for path in stage.paths:
    if path.is_dir() and path.parts[0] == "data":
        inputs.hash_path(path)
with part_store.keeping_parts(stage, lambda: True):
    store = part_store._current
    main(*map(Path, paths))
taken, made = (store.taken, store.made) if store else (0, 0)
whole = time.process_time() - imports
counts = {"taken": taken, "made": made}
print(json.dumps(spent | counts | {"all": whole, "imports": imports}))
"""


def make_project(folder: Path) -> None:
    """Write a project of the data stages of this one."""
    (folder / ".dvc").mkdir(parents=True)
    (folder / RAW).mkdir(parents=True)
    for name in ("code", "toolkit"):
        (folder / name).symlink_to(ROOT / name)
    pipeline = yaml.safe_load((ROOT / "dvc.yaml").read_text())
    for variables in pipeline["vars"]:
        if "raw" in variables:
            variables["raw"] = RAW.as_posix()
    (folder / "dvc.yaml").write_text(yaml.safe_dump(pipeline))
    (folder / "data/schema.yaml").write_text(
        yaml.safe_dump(contract(), sort_keys=False)
    )
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["data"] |= {"target": "target", "positive": 1}
    params["compute"] |= {"keep_parts": 50.0}
    (folder / "params.yaml").write_text(yaml.safe_dump(params))


def run_stages(folder: Path, keep: bool) -> pd.DataFrame:
    """Run the data stages; return a row of processor times for each."""
    variables = os.environ | {"OMP_NUM_THREADS": "1"}
    variables.pop("CI", None)
    if not keep:
        variables["RML_KEEP_PARTS"] = "0"
    found = {}
    pipeline = yaml.safe_load((folder / "dvc.yaml").read_text())
    for name in ("validate", "clean", "split"):
        command = pipeline["stages"][name]["cmd"].replace("${raw}", RAW.as_posix())
        _, _, module, *paths = command.split()
        done = subprocess.run(
            [sys.executable, "-c", STAGE, module, *paths],
            cwd=folder,
            env=variables,
            stdout=subprocess.PIPE,
            check=True,
        )
        found[name] = json.loads(done.stdout.splitlines()[-1])
    return pd.DataFrame(found).T


def hash_outputs(folder: Path) -> dict[str, str]:
    """Return the hash of each output."""
    files = [*(folder / "data/interim").rglob("*.parquet")]
    files += [*(folder / "data/processed").rglob("*.parquet")]
    files += [*(folder / "reports").glob("*.json")]
    return {
        file.relative_to(folder).as_posix(): hashlib.sha256(
            file.read_bytes()
        ).hexdigest()
        for file in sorted(files)
    }


def main(files: int, rows: int) -> None:
    """Measure, and print what was found."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        make_project(folder)
        for number in tqdm(range(files), "generate"):
            frame = generate(rows, np.random.default_rng(number))
            table = pa.Table.from_pandas(frame, preserve_index=False)
            csv.write_csv(table, folder / RAW / f"{number:04d}.csv")
        last = folder / RAW / f"{files - 1:04d}.csv"
        aside = folder / "aside.csv"
        full = run_stages(folder, keep=False)
        expected = hash_outputs(folder)
        last.rename(aside)
        filled = run_stages(folder, keep=True)
        aside.rename(last)
        new = run_stages(folder, keep=True)
        same = hash_outputs(folder) == expected
        kept = sum(
            f.stat().st_size
            for f in (folder / ".dvc/tmp/rml/parts").rglob("*")
            if f.is_file()
        )
    for table in (full, filled, new):
        table.loc["all stages"] = table.sum()
        table["computing"] = table["all"] - table["hashing"] - table["copying"]
    shown = pd.DataFrame(
        {
            "full": full["computing"],
            "full, store is filled": filled["computing"],
            "one new": new["computing"],
            "one new / full": new["computing"] / full["computing"] * 100,
            "hashing inputs, full": full["hashing"],
            "hashing inputs, one new": new["hashing"],
            "copying and checking, filled": filled["copying"],
            "copying and checking, one new": new["copying"],
            "starting and importing": new["imports"],
            "taken": new["taken"],
            "computed": new["made"],
        }
    )
    lines = [f"| stage | {' | '.join(shown.columns)} |", "| --- |" + " ---: |" * 11]
    for name, values in shown.iterrows():
        lines.append(f"| {name} | {' | '.join(f'{v:.2f}' for v in values)} |")
    lines.append(f"\nOutputs are the same: {same}. The store has {kept / 1e9:.2f} GB.")
    sys.stdout.write("\n".join(lines) + "\n")
    sys.exit(not same)


if __name__ == "__main__":
    given = [int(value) for value in sys.argv[1:]]
    files, rows, *_ = [*given, *(100, 200_000)[len(given) :]]
    main(files, rows)
