"""Time the pipeline against the script: `python benchmarks/run.py ROWS [REPEATS]`.

Makes a table of ROWS rows, a copy of the project that reads it, and runs in turn: the
script with one-hot encoding, the script with native categories, a cold `dvc repro`, one
with nothing to do, `dvc status`, and one after a changed `train` parameter. Prints
medians and ratios as Markdown, and the peak memory of each stage with its workers.
"""

import contextlib
import os
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
PYTHON = sys.executable

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


def make_project(folder: Path, rows: int) -> None:
    """Write a copy of the project's last commit that reads a generated table."""
    subprocess.run(["git", "clone", "-q", str(ROOT), str(folder)], check=True)
    table = folder / "data/raw/table.csv"
    table.parent.mkdir(parents=True, exist_ok=True)
    script = str(ROOT / "benchmarks/generate.py")
    subprocess.run([PYTHON, script, str(rows), str(table)], check=True)
    write(folder / "data/schema.yaml", contract())
    pipeline = yaml.safe_load((folder / "dvc.yaml").read_text())
    del pipeline["stages"]["sample"]
    pipeline["vars"][1]["path"]["raw"] = "data/raw/table.csv"
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


def measure(command: list[str], folder: Path) -> tuple[float, Peaks]:
    """Return seconds, and for each stage the peak memory of its processes in bytes."""
    environment = os.environ | {
        "PYTHONPATH": str(folder / "code"),
        "PATH": f"{Path(PYTHON).parent}{os.pathsep}{os.environ['PATH']}",
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
    if (
        len(command) > 2
        and command[1] == "-m"
        and command[2].startswith("reproducible")
    ):
        return command[2].rpartition(".")[2]
    return ""


def list_commands(rows: int) -> dict[str, list[str]]:
    """Return what is timed, by name, in the order of a round."""
    script = [PYTHON, str(ROOT / "benchmarks/script.py"), "data/raw/table.csv"]
    commands = {
        "script, one-hot": [*script, "onehot"],
        "script, native": [*script, "native"],
        "cold": ["dvc", "repro"],
        "nothing to do": ["dvc", "repro"],
        "dvc status": ["dvc", "status"],
        "changed train parameter": ["dvc", "repro"],
    }
    if rows > ONE_HOT_ROWS:
        del commands["script, one-hot"]
    return commands


def measure_all(
    folder: Path, rows: int, repeats: int
) -> tuple[dict[str, list[float]], Peaks]:
    """Return the seconds of each run by name, and the highest peaks."""
    commands = list_commands(rows)
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    highest: Peaks = defaultdict(int)
    for repeat in tqdm(range(repeats), "repeats"):
        make_cold(folder)
        for name, command in commands.items():
            if name.startswith("changed"):
                change_train(folder, repeat + 1)
            taken, peaks = measure(command, folder)
            seconds[name].append(taken)
            for stage, peak in peaks.items():
                highest[stage] = max(highest[stage], peak)
    return seconds, dict(highest)


def main(rows: int, repeats: int) -> None:
    """Print the tables."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "project"
        make_project(folder, rows)
        seconds, peaks = measure_all(folder, rows, repeats)
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
    pairs = [(a, b) for a, b in pairs if b in medians]
    lines += [f"| {a} / {b} | {medians[a] / medians[b]:.2f} |" for a, b in pairs]
    lines += ["", "| stage | peak MB |", "| --- | ---: |"]
    lines += [f"| {stage} | {peak / 1e6:.0f} |" for stage, peak in peaks.items()]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 5)
