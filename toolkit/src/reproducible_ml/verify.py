"""`rml verify`: rebuild HEAD under other conditions, and compare every hash.

HEAD is cloned into a temporary folder and rebuilt there from raw data, with another
hash seed, time zone, locale, number of threads, parallel backend, umask, folder and set
of vector instructions.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from reproducible_ml.adopt.yaml_files import edit_yaml
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.params import Compute, load_section
from reproducible_ml.modeling.drawing.summary import format_table

# Stages whose results may differ by rounding on another processor.
NUMERIC = {"train", "evaluate"}

METRICS = "reports/metrics.json"

# Hash of each output, by stage and path.
Hashes = dict[tuple[str, str], str]


def conditions(*, same_processor: bool) -> dict[str, str]:
    """Return environment variables that must not change any result."""
    changed = {
        "PYTHONHASHSEED": "4711",
        "TZ": "<+1245>-12:45",
        "LC_ALL": "C" if os.environ.get("LC_ALL") != "C" else "C.UTF-8",
        "OMP_NUM_THREADS": "1" if os.cpu_count() != 1 else "2",
    }
    return changed if same_processor else changed | older_processor()


def older_processor() -> dict[str, str]:
    """Return variables that disable the newer instructions of this processor."""
    from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

    found = [name for name in __cpu_dispatch__ if __cpu_features__[name]]
    arm = platform.machine() in ("arm64", "aarch64")
    core = "ARMV8" if arm else "Prescott"
    return {"OPENBLAS_CORETYPE": core, "NPY_DISABLE_CPU_FEATURES": " ".join(found)}


def clone(repository: Path, copy: Path) -> None:
    """Clone HEAD with imported raw data, and set another parallel backend."""
    _git("clone", "--quiet", str(repository), str(copy))
    share_raw_data(repository, copy)
    path = copy / "params.yaml"
    threads = load_section(Compute, path).backend == "threading"
    with edit_yaml(path) as params:
        compute = params.setdefault("compute", {})
        compute.update(backend="loky" if threads else "threading", n_jobs=2)


def share_raw_data(repository: Path, copy: Path) -> None:
    """Give a copy of the repository the raw data that no stage writes."""
    if imported := _git("ls-files", "*.dvc", cwd=copy).splitlines():
        cache = _dvc("cache", "dir", cwd=repository).strip()
        _dvc("remote", "add", "--local", "original", cache, cwd=copy)
        _dvc("pull", "--quiet", "--remote", "original", *imported, cwd=copy)


def _git(*arguments: str, cwd: Path | None = None) -> str:
    return subprocess.check_output(["git", *arguments], cwd=cwd, encoding="utf-8")


def _dvc(*arguments: str, cwd: Path) -> str:
    command = [sys.executable, "-m", "dvc", *arguments]
    return subprocess.check_output(command, cwd=cwd, encoding="utf-8")


def rebuild(copy: Path, variables: dict[str, str]) -> None:
    """Run every stage of the copy with its own code.

    Raises:
        UserError: A stage failed.
    """
    environment = (
        os.environ
        | variables
        | {
            "PYTHONPATH": os.pathsep.join(
                [str(copy / "code"), str(copy / "toolkit/src")]
            )
        }
    )
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    # DVC would leave stages in it that dvc.yaml no longer has.
    (copy / "dvc.lock").unlink(missing_ok=True)
    command = [sys.executable, "-m", "dvc", "repro", "--force", "--no-run-cache"]
    done = subprocess.run(command, cwd=copy, env=environment, umask=0o077, check=False)
    if done.returncode:
        raise UserError("HEAD cannot be rebuilt: see the message of the stage above")


def read_hashes(lock: Path) -> Hashes:
    """Return the hash of each output, by stage and path."""
    stages = yaml.safe_load(lock.read_text("utf-8"))["stages"]
    return {
        (name, out["path"]): out["md5"]
        for name, stage in stages.items()
        for out in stage.get("outs", ())
    }


def compare(committed: Hashes, rebuilt: Hashes) -> list[tuple[str, str, str]]:
    """Return stage, path and verdict for each output that either lock file names."""
    return [
        (
            stage,
            path,
            _verdict(committed.get((stage, path)), rebuilt.get((stage, path))),
        )
        for stage, path in dict.fromkeys([*committed, *rebuilt])
    ]


def _verdict(committed: str | None, rebuilt: str | None) -> str:
    if committed is None or rebuilt is None:
        return "not committed" if committed is None else "not rebuilt"
    return "equal" if committed == rebuilt else "DIFFERENT"


def largest_difference(committed: dict[str, Any], rebuilt: dict[str, Any]) -> float:
    """Return the largest difference of a metric that both have."""
    both = [
        n for n in committed if committed[n] is not None and rebuilt.get(n) is not None
    ]
    return max((abs(committed[n] - rebuilt[n]) for n in both), default=0.0)


def conclusion(verdicts: list[tuple[str, str, str]], difference: float) -> str:
    """Return in words what the comparison means."""
    changed = {stage for stage, _, verdict in verdicts if verdict != "equal"}
    if not changed:
        return "Every output was reproduced, bit for bit."
    if changed <= NUMERIC:
        return (
            "All data were reproduced bit for bit, but model or reports were not."
            f" The metrics differ by at most {difference:.1g}. Estimators that use BLAS"
            " may differ in the last bits between processors; then `rml verify"
            " --same-processor` finds no difference. Else a stage depends on chance or"
            " time."
        )
    return (
        "Some data were not reproduced. Either dvc.lock is outdated (run `make repro`"
        " and commit dvc.lock and reports/), or a stage depends on chance, time, order"
        " or folder: begin with the first one that differs."
    )


def verify(repository: Path, *, same_processor: bool) -> bool:
    """Rebuild HEAD, print a table of the outputs, and return whether all are equal."""
    if _git("status", "--porcelain", cwd=repository):
        sys.stdout.write(
            "There are uncommitted changes; HEAD is verified without them.\n"
        )
    variables = conditions(same_processor=same_processor)
    with tempfile.TemporaryDirectory(prefix="verify ") as folder:
        copy = Path(folder) / "another place"
        clone(repository, copy)
        committed = read_hashes(copy / "dvc.lock")
        metrics = json.loads((copy / METRICS).read_text("utf-8"))
        settings = " ".join(f"{name}='{value}'" for name, value in variables.items())
        sys.stdout.write(f"Rebuilding HEAD in '{copy}' with {settings} umask=077\n")
        sys.stdout.flush()
        rebuild(copy, variables)
        verdicts = compare(committed, read_hashes(copy / "dvc.lock"))
        new_metrics = json.loads((copy / METRICS).read_text("utf-8"))
    difference = largest_difference(metrics, new_metrics)
    rows = [["stage", "output", "rebuilt"], *(list(verdict) for verdict in verdicts)]
    sys.stdout.write(f"\n{format_table(rows)}\n\n{conclusion(verdicts, difference)}\n")
    return all(verdict == "equal" for _, _, verdict in verdicts)
