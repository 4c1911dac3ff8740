"""Time the pipeline: `python benchmarks/run.py ROWS [REPEATS] [CLONE]`.

Makes a table of ROWS rows, a copy of the project that reads it, and runs in turn: the
script with one-hot encoding, the script with native categories, a cold `dvc repro`, one
with nothing to do, `dvc status`, one after a changed `train` parameter, and one after
changing it back. Prints medians and ratios as Markdown, and the peak memory of each
stage with its workers.

With CLONE, the folder of another clone with its own .venv, the pipelines of both are
timed in turn, without the scripts.
"""

import contextlib
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import psutil
import yaml
from generate import LEVELS, NUMBERS
from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[1]

# One-hot encoded, a larger table does not fit into 24 GB.
ONE_HOT_ROWS = 2_000_000

Peaks = dict[str, int]


def contract() -> dict[str, object]:
    """Return the data contract of the generated table."""
    columns: dict[str, dict[str, object]] = {
        name: {"dtype": "float64", "nullable": True} for name in NUMBERS
    }
    for name, levels in LEVELS.items():
        values = [f"level_{level:02d}" for level in range(levels)]
        columns[name] = {"dtype": "category", "isin": values}
    columns["when"] = {"dtype": "datetime64[ns]"}
    columns["target"] = {"dtype": "int64", "isin": [0, 1]}
    return {"schema_type": "dataframe", "strict": True, "columns": columns}


def make_project(folder: Path, rows: int, root: Path) -> None:
    """Write a copy of the last commit of a clone that reads a generated table."""
    subprocess.run(["git", "clone", "-q", str(root), str(folder)], check=True)
    table = folder / "data/raw/table.csv"
    table.parent.mkdir(parents=True, exist_ok=True)
    script = str(ROOT / "benchmarks/generate.py")
    subprocess.run([sys.executable, script, str(rows), str(table)], check=True)
    write(folder / "data/schema.yaml", contract())
    pipeline = yaml.safe_load((folder / "dvc.yaml").read_text())
    del pipeline["stages"]["sample"]
    for variables in pipeline["vars"]:
        # Before 0.2, paths were one mapping.
        holder = variables.get("path", variables)
        if "raw" in holder:
            holder["raw"] = "data/raw/table.csv"
    write(folder / "dvc.yaml", pipeline)
    params = yaml.safe_load((folder / "params.yaml").read_text())
    params["data"] |= {"target": "target", "positive": 1}
    params["clean"]["outliers"]["action"] = "clip"
    params["evaluate"]["slices"] = {}
    write(folder / "params.yaml", params)


def write(path: Path, value: object) -> None:
    """Write YAML."""
    path.write_text(yaml.safe_dump(value, sort_keys=False))


def make_cold(folder: Path) -> None:
    """Remove all outputs, locks and caches."""
    for name in ("data/interim", "data/processed", "models", "reports", ".dvc/cache"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in (".dvc/tmp", ".site"):
        shutil.rmtree(folder / name, ignore_errors=True)
    (folder / "dvc.lock").unlink(missing_ok=True)


def change_train(folder: Path, repeat: int) -> None:
    """Change a parameter that `train` alone depends on."""
    params = yaml.safe_load((folder / "params.yaml").read_text())
    params["train"]["estimator"]["arguments"]["l2_regularization"] = repeat / 1000
    write(folder / "params.yaml", params)


def measure(command: list[str], folder: Path, root: Path) -> tuple[float, Peaks]:
    """Return seconds, and for each stage the peak memory of its processes in bytes."""
    code = [folder / "code", folder / "toolkit" / "src"]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(map(str, code)),
        "PATH": f"{root / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "DVC_SITE_CACHE_DIR": str(folder / ".site"),
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    peaks: Peaks = defaultdict(int)
    start = time.perf_counter()
    with tempfile.TemporaryFile("w+") as output:
        running = psutil.Popen(
            command, cwd=folder, env=environment, stdout=output, stderr=output
        )
        while running.poll() is None:
            sample_memory(running, peaks)
            with contextlib.suppress(psutil.TimeoutExpired):
                running.wait(0.1)
        seconds = time.perf_counter() - start
        output.seek(0)
        if running.returncode:
            sys.exit(output.read())
    return seconds, dict(peaks)


def sample_memory(running: psutil.Process, peaks: Peaks) -> None:
    """Raise the peaks to what each stage, with its workers, uses right now."""
    try:
        for process in running.children(recursive=True):
            name = stage_of(process.cmdline())
            if name:
                family = [process, *process.children(recursive=True)]
                used = sum(member.memory_info().rss for member in family)
                peaks[name] = max(peaks[name], used)
    except psutil.NoSuchProcess:
        return


def stage_of(command: list[str]) -> str:
    """Return the stage that a process runs, or nothing."""
    module = command[2] if len(command) > 2 and command[1] == "-m" else ""
    return (
        module.rpartition(".")[2] if re.search(r"\.(datasets|models)\.", module) else ""
    )


def list_commands(rows: int, *, scripts: bool) -> dict[str, list[str]]:
    """Return what is timed, by name, in the order of a round."""
    script = [sys.executable, str(ROOT / "benchmarks/script.py"), "data/raw/table.csv"]
    commands = {
        "script, one-hot": [*script, "onehot"],
        "script, native": [*script, "native"],
        "cold": ["dvc", "repro"],
        "nothing to do": ["dvc", "repro"],
        "dvc status": ["dvc", "status"],
        "changed train parameter": ["dvc", "repro"],
        "changed back": ["dvc", "repro"],
    }
    if rows > ONE_HOT_ROWS or not scripts:
        del commands["script, one-hot"]
    if not scripts:
        del commands["script, native"]
    return commands


def measure_all(
    folders: dict[Path, Path], rows: int, repeats: int
) -> tuple[dict[str, list[float]], Peaks]:
    """Return the seconds of each run by name, and the highest peaks.

    Args:
        folders: For each copy of a project, the clone that it was made of.
        rows: Of the table.
        repeats: Rounds; in each, the copies take their turn.
    """
    alone = len(folders) == 1
    commands = list_commands(rows, scripts=alone)
    seconds: dict[str, list[float]] = defaultdict(list)
    highest: Peaks = defaultdict(int)
    first = {folder: (folder / "params.yaml").read_text() for folder in folders}
    for repeat in tqdm(range(repeats), "repeats"):
        for folder, root in folders.items():
            make_cold(folder)
            for name, command in commands.items():
                if name.startswith("changed"):
                    change_train(folder, repeat + 1)
                elif name.endswith("back"):
                    (folder / "params.yaml").write_text(first[folder])
                taken, peaks = measure(command, folder, root)
                label = name if alone else f"{name}: {folder.name}"
                seconds[label].append(taken)
                for stage, peak in peaks.items():
                    highest[stage] = max(highest[stage], peak)
    return dict(seconds), dict(highest)


def main(rows: int, repeats: int, other: Path | None) -> None:
    """Print the tables."""
    with tempfile.TemporaryDirectory() as temporary:
        folders = {Path(temporary) / "this": ROOT}
        if other:
            folders[Path(temporary) / "other"] = other.resolve()
        for folder, root in folders.items():
            make_project(folder, rows, root)
        seconds, peaks = measure_all(folders, rows, repeats)
    medians = {name: statistics.median(runs) for name, runs in seconds.items()}
    lines = [
        f"{rows} rows, {repeats} repeats",
        "",
        "| command | median s | min | max |",
    ]
    lines += ["| --- | ---: | ---: | ---: |"]
    for name, runs in seconds.items():
        lines.append(
            f"| {name} | {medians[name]:.2f} | {min(runs):.2f} | {max(runs):.2f} |"
        )
    lines += ["", "| ratio of medians | |", "| --- | ---: |"]
    pairs = [("cold", "script, one-hot"), ("cold", "script, native")]
    pairs += [("nothing to do", "dvc status"), ("changed train parameter", "cold")]
    pairs += [("changed back", "changed train parameter")]
    if other:
        names = list_commands(rows, scripts=False)
        pairs = [(f"{name}: this", f"{name}: other") for name in names]
    pairs = [(a, b) for a, b in pairs if b in medians]
    lines += [f"| {a} / {b} | {medians[a] / medians[b]:.2f} |" for a, b in pairs]
    lines += ["", "| stage | peak MB |", "| --- | ---: |"]
    lines += [f"| {stage} | {peak / 1e6:.0f} |" for stage, peak in peaks.items()]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    clone = Path(sys.argv[3]) if len(sys.argv) > 3 else None
    main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 5, clone)
