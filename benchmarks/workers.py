"""Time one, two and four workers: `python benchmarks/workers.py ROWS [WORKERS ...]`.

Makes a project that reads a generated table of ROWS rows, and runs, for each number of
workers, the data stages on a Dask cluster of so many workers (each a process with one
thread, started before), a search of hyperparameters on it, and XGBoost in external
memory beside the same workers. Prints seconds, those of the processor, and peak memory
of all processes and of the largest one as Markdown; checks that the number of workers
changes no result. Dask and XGBoost must be installed: `sh environments/setup.sh dask
xgboost`.
"""

import hashlib
import os
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import yaml
from run import ROOT, make_project, write

STAGES = {
    "data stages": ["validate", "clean", "split"],
    "search": ["train"],
    "XGBoost": ["train"],
}

SEARCH: dict[str, Any] = {
    "train.search": {
        "method": "random",
        "n_iter": 8,
        "folds": 3,
        "space": {"max_leaf_nodes": {"int": [4, 31]}},
    },
    "train.rows": 100_000,
}


def configure(folder: Path, what: str, workers: int) -> None:
    """Write params.yaml for what is timed."""
    params = yaml.safe_load((folder / "params.yaml").read_text("utf-8"))
    known = yaml.safe_load((ROOT / "params.yaml").read_text("utf-8"))
    params["train"] = known["train"]
    params["compute"] |= {"backend": "dask", "n_jobs": workers, "check_inputs": False}
    if what == "search":
        params["train"]["search"] = SEARCH["train.search"]
        params["train"]["rows"] = SEARCH["train.rows"]
    if what == "XGBoost":
        arguments = {"n_estimators": 20, "max_depth": 6}
        estimator = {"path": "xgboost.XGBClassifier", "arguments": arguments}
        params["train"] |= {"batch_rows": 200_000, "workers": workers}
        params["train"]["estimator"] = estimator
    write(folder / "params.yaml", params)


@contextmanager
def cluster(folder: Path, workers: int) -> Iterator[tuple[str, list[psutil.Process]]]:
    """Yield address and processes of a scheduler with workers of one thread each."""
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    dask, here = [sys.executable, "-m", "dask"], ["--no-dashboard"]
    commands = [[*dask, "scheduler", *here, "--host", "127.0.0.1", "--port", str(port)]]
    commands += workers * [[*dask, "worker", address, *here, "--nthreads", "1"]]
    with tempfile.TemporaryFile() as log:
        started = [
            psutil.Popen(command, cwd=folder, env=environment(folder), stderr=log)
            for command in commands
        ]
        try:
            wait_for(address, workers)
            yield address, started
        finally:
            for process in started:
                for each in [*process.children(recursive=True), process]:
                    each.kill()
                process.wait()


def wait_for(address: str, workers: int) -> None:
    """Wait until the cluster has all its workers."""
    from distributed import Client

    for _ in range(20):
        try:
            with Client(address, timeout=10) as client:
                client.wait_for_workers(workers, timeout=120)
            return
        except OSError:
            time.sleep(1)


def environment(folder: Path) -> dict[str, str]:
    """Return variables under which a process finds the code of the project."""
    code = [str(folder / "code"), str(folder / "toolkit/src")]
    path = [*code, *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(path), "OMP_NUM_THREADS": "1"}


def measure(folder: Path, what: str, workers: int) -> tuple[float, float, float, float]:
    """Return seconds, those of the processor, and megabytes of all and of one."""
    with cluster(folder, workers) as (address, started):
        variables = environment(folder) | {"DASK_SCHEDULER_ADDRESS": address}
        before = cpu(started)
        start = time.perf_counter()
        used, most, largest = 0.0, 0.0, 0.0
        for stage in STAGES[what]:
            run = psutil.Popen(command(folder, stage), cwd=folder, env=variables)
            latest = 0.0
            while run.poll() is None:
                memory, latest = look([run, *started], latest, run)
                most = max(most, sum(memory))
                largest = max(largest, max(memory, default=0))
                time.sleep(0.2)
            if run.returncode:
                sys.exit(run.returncode)
            used += latest
        seconds = time.perf_counter() - start
        return seconds, used + cpu(started) - before, most / 1e6, largest / 1e6


def command(folder: Path, stage: str) -> list[str]:
    """Return the command of a stage."""
    pipeline = yaml.safe_load((folder / "dvc.yaml").read_text("utf-8"))
    raw = next(each["raw"] for each in pipeline["vars"] if "raw" in each)
    words = pipeline["stages"][stage]["cmd"].replace("${raw}", raw).split()
    return [sys.executable, *words[1:]]


def cpu(processes: list[psutil.Process]) -> float:
    """Return the processor time of processes, and of all that they have started."""
    found = 0.0
    for process in processes:
        for each in [process, *process.children(recursive=True)]:
            times = each.cpu_times()
            found += times.user + times.system
        times = process.cpu_times()
        found += times.children_user + times.children_system
    return found


def look(
    processes: list[psutil.Process], latest: float, run: psutil.Process
) -> tuple[list[float], float]:
    """Return the memory of each process now, and the processor time of one of them."""
    memory: list[float] = []
    for process in processes:
        try:
            for each in [process, *process.children(recursive=True)]:
                memory.append(each.memory_full_info().pss)
        except psutil.Error:
            continue
    with suppress(psutil.Error):
        latest = max(latest, sum(run.cpu_times()[:2]))
    return memory, latest


def digest(folder: Path, what: str) -> str:
    """Return the hash of what was made."""
    found = hashlib.sha256()
    places = ["models"] if "train" in STAGES[what] else ["data/processed"]
    for place in places:
        for file in sorted((folder / place).rglob("*")):
            # The manifest names the number of workers.
            if file.is_file() and file.suffix != ".json":
                found.update(file.read_bytes())
    return found.hexdigest()[:8]


def main(rows: int, numbers: list[int]) -> None:
    """Time each number of workers, and print a table."""
    lines = ["| what | workers | s | CPU s | MB | MB of the largest | result |"]
    lines.append("| --- | ---: | ---: | ---: | ---: | ---: | --- |")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "project"
        make_project(folder, rows, ROOT)
        for what in STAGES:
            for workers in numbers:
                configure(folder, what, workers)
                found = " | ".join(f"{n:.0f}" for n in measure(folder, what, workers))
                result = digest(folder, what)
                lines.append(f"| {what} | {workers} | {found} | {result} |")
                sys.stderr.write(f"{lines[-1]}\n")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), [int(each) for each in sys.argv[2:]] or [1, 2, 4])
