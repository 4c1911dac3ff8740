"""Clone HEAD, rebuild it from raw data under other conditions, and compare every hash.

It is rebuilt with another hash seed, time zone, locale, number of threads and of
processors, date, host, user, home folder and set of vector instructions. None of these
may change a result.
"""

import json
import os
import platform
import site
import subprocess
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

from reproducible_ml.adopt.yaml_files import edit_yaml
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.files import load_yaml
from reproducible_ml.core.inputs import hash_path
from reproducible_ml.core.params import Compute, load_section
from reproducible_ml.core.part_store import VARIABLE
from reproducible_ml.modeling.drawing.summary import format_table
from reproducible_ml.versioning.dvc import missing_objects, read_pointer
from reproducible_ml.versioning.git import find_commit, run_git
from reproducible_ml.versioning.once import Stamp
from reproducible_ml.versioning.tombstone import read_tombstones

# Stages whose results may differ by rounding on another processor.
NUMERIC = {"train", "evaluate", "card"}

METRICS = "reports/metrics.json"

# Where the hash of the files is kept that were rebuilt last; Git ignores it.
VERIFIED = Path(".dvc/tmp/rml/verified")

# Verdict on a committed file that no stage wrote.
EDITED = "EDITED"

# Metrics that differ by more differ for another reason.
ROUNDING = 1e-6

# Hash of each output, by stage and path.
Hashes = dict[tuple[str, str], str]

# On the rebuild's path: its `sitecustomize` moves the clock and the computer's name.
ELSEWHERE = Path(__file__).parent / "elsewhere"

USER = "somebody-else"

# Variables by which programs and libraries are found; results must depend on no other.
KEPT = """
    PATH LD_LIBRARY_PATH DYLD_LIBRARY_PATH VIRTUAL_ENV CONDA_PREFIX TMPDIR TEMP TMP
    SYSTEMROOT SYSTEMDRIVE COMSPEC PATHEXT WINDIR PROGRAMDATA
"""


def clone(repository: Path, copy: Path, revision: str = "HEAD") -> None:
    """Clone a version with imported raw data, and set another parallel backend.

    Raises:
        UserError: There is no such version, or its raw data were deleted on purpose.
    """
    commit = find_commit(repository, revision)
    if commit is None:
        raise UserError(
            f"{revision}: no such branch, tag or commit here. See `git log --all`"
        )
    _git("clone", "--quiet", str(repository), str(copy))
    _git("checkout", "--quiet", "--detach", commit, cwd=copy)
    share_raw_data(repository, copy)
    path = copy / "params.yaml"
    threads = load_section(Compute, path).backend == "threading"
    with edit_yaml(path) as params:
        compute = params.setdefault("compute", {})
        compute.update(backend="loky" if threads else "threading", n_jobs=2)


def share_raw_data(repository: Path, copy: Path) -> None:
    """Give a copy of the repository the raw data that no stage writes."""
    if imported := _git("ls-files", "*.dvc", cwd=copy).splitlines():
        refuse_deleted(repository, copy, imported)
        cache = _dvc("cache", "dir", cwd=repository).strip()
        _dvc("remote", "add", "--local", "original", cache, cwd=copy)
        _dvc("pull", "--quiet", "--remote", "original", *imported, cwd=copy)


def refuse_deleted(repository: Path, copy: Path, pointers: Collection[str]) -> None:
    """Refuse a version whose raw data were deleted on purpose.

    Args:
        repository: With the cache, and all branches.
        copy: A clone of the version.
        pointers: Its .dvc files.

    Raises:
        UserError: A line for each .dvc file whose data were deleted.
    """
    tombstones = read_tombstones(repository)
    lines = []
    for name in pointers:
        for out in read_pointer(copy / name).get("outs") or ():
            gone = missing_objects(repository, str(out.get("md5", "")))
            if why := tombstones.why(gone):
                path = Path(name).with_name(str(out.get("path"))).as_posix()
                lines.append(f"{path}: {why}, so this version cannot be rebuilt")
    if lines:
        raise UserError("\n".join(lines))


def _git(*arguments: str, cwd: Path | None = None) -> str:
    return subprocess.check_output(["git", *arguments], cwd=cwd, encoding="utf-8")


def _dvc(*arguments: str, cwd: Path) -> str:
    command = [sys.executable, "-P", "-m", "dvc", *arguments]
    return subprocess.check_output(command, cwd=cwd, encoding="utf-8")


def rebuild(copy: Path, variables: dict[str, str]) -> None:
    """Run every stage of the copy with its own code, on another day.

    Raises:
        UserError: A stage failed.
    """
    environment = (
        inherited()
        | variables
        | {
            "PYTHONPATH": os.pathsep.join(
                [str(ELSEWHERE), str(copy / "code"), str(copy / "toolkit/src")]
            ),
            # Parts that were kept would only be compared with themselves.
            VARIABLE: "0",
        }
    )
    # DVC would leave stages in it that dvc.yaml no longer has.
    (copy / "dvc.lock").unlink(missing_ok=True)
    command = [sys.executable, "-P", "-m", "dvc", "repro", "--force", "--no-run-cache"]
    done = subprocess.run(command, cwd=copy, env=environment, umask=0o077, check=False)
    if done.returncode:
        raise UserError("It cannot be rebuilt: see the message of the stage above")


def read_hashes(lock: Path) -> Hashes:
    """Return the hash of each output, by stage and path."""
    stages = load_yaml(lock.read_text("utf-8"))["stages"]
    return {
        (name, out["path"]): out["md5"]
        for name, stage in stages.items()
        for out in stage.get("outs", ())
    }


def find_edited(committed: Hashes, copy: Path) -> set[str]:
    """Return the committed outputs that are not what the committed dvc.lock says."""
    return {
        path
        for (_, path), value in committed.items()
        if (copy / path).exists() and hash_path(copy / path) != value
    }


def compare(
    committed: Hashes, rebuilt: Hashes, edited: Collection[str] = ()
) -> list[tuple[str, str, str]]:
    """Return stage, path and verdict for each output that either lock file names.

    Args:
        committed: What the committed dvc.lock says.
        rebuilt: What the rebuilt one says.
        edited: Outputs whose committed file is another.
    """
    return [
        (
            stage,
            path,
            EDITED
            if path in edited
            else _verdict(committed.get((stage, path)), rebuilt.get((stage, path))),
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
    if edited := [path for _, path, verdict in verdicts if verdict == EDITED]:
        return (
            f"Committed, but not what a stage wrote: {', '.join(edited)}. It was"
            " edited, or committed without its dvc.lock. Run `make repro`, then commit"
            " dvc.lock and reports/."
        )
    if not changed <= NUMERIC:
        return (
            "Some data were not reproduced. Either dvc.lock is outdated (run `make"
            " repro` and commit dvc.lock and reports/), or a stage depends on chance,"
            " time, order, folder or computer: begin with the first one that differs."
        )
    shown = (
        "All data were reproduced bit for bit, but model or reports were not. The"
        f" metrics differ by at most {difference:.1g}."
    )
    if difference > ROUNDING:
        return (
            f"{shown} That is more than rounding: a stage depends on chance, time,"
            " order or the computer."
        )
    return (
        f"{shown} Estimators that use BLAS may differ in the last bits between"
        " processors; then `rml verify --same-processor` finds no difference. Else a"
        " stage depends on chance or time."
    )


def verify(repository: Path, revision: str = "HEAD", *, same_processor: bool) -> bool:
    """Rebuild a version, print a table of its outputs; return whether all are equal.

    Args:
        repository: With its cache.
        revision: A branch, tag or commit.
        same_processor: Whether to leave the instructions of the processor as they are.

    Raises:
        UserError: It cannot be rebuilt.
    """
    if revision == "HEAD" and _git("status", "--porcelain", cwd=repository):
        sys.stdout.write(
            "There are uncommitted changes; HEAD is verified without them.\n"
        )
    variables = conditions(same_processor=same_processor)
    with tempfile.TemporaryDirectory(prefix="verify ") as folder:
        copy = Path(folder) / "another place"
        clone(repository, copy, revision)
        tree = _tree(copy)
        committed = read_hashes(copy / "dvc.lock")
        edited = find_edited(committed, copy)
        metrics = json.loads((copy / METRICS).read_text("utf-8"))
        settings = " ".join(f"{name}='{value}'" for name, value in variables.items())
        sys.stdout.write(
            f"Rebuilding {revision} in '{copy}' with {settings} umask=077, 417 days"
            " later, by another user on another computer\n"
        )
        sys.stdout.flush()
        home = Path(folder) / "home"
        home.mkdir()
        rebuild(copy, variables | another_user(home))
        verdicts = compare(committed, read_hashes(copy / "dvc.lock"), edited)
        new_metrics = json.loads((copy / METRICS).read_text("utf-8"))
    same = all(verdict == "equal" for _, _, verdict in verdicts)
    _note(repository, tree, same=same)
    difference = largest_difference(metrics, new_metrics)
    rows = [["stage", "output", "rebuilt"], *(list(verdict) for verdict in verdicts)]
    sys.stdout.write(f"\n{format_table(rows)}\n\n{conclusion(verdicts, difference)}\n")
    return same


def was_verified(repository: Path) -> bool | None:
    """Return whether HEAD was rebuilt here and every output was equal.

    None if nothing was rebuilt here yet.
    """
    stamp = Stamp(repository / VERIFIED)
    return stamp.matches(_tree(repository)) if stamp.path.is_file() else None


def _tree(repository: Path) -> str:
    """Return the hash of the files of HEAD."""
    return (run_git(repository, "rev-parse", "HEAD^{tree}") or b"").decode().strip()


def _note(repository: Path, tree: str, *, same: bool) -> None:
    """Remember that the files of a commit were rebuilt, or that they were not."""
    stamp = Stamp(repository / VERIFIED)
    if same:
        stamp.save(tree)
    elif stamp.matches(tree):
        stamp.path.unlink()


def inherited() -> dict[str, str]:
    """Return the environment variables that a rebuild inherits."""
    known = {name: os.environ.get(name) for name in KEPT.split()}
    return {name: value for name, value in known.items() if value is not None}


def conditions(*, same_processor: bool) -> dict[str, str]:
    """Return environment variables that must not change any result."""
    changed = {
        "PYTHONHASHSEED": "4711",
        "TZ": "<+1245>-12:45",
        "LC_ALL": "C" if os.environ.get("LC_ALL") != "C" else "C.UTF-8",
        "OMP_NUM_THREADS": "1" if os.cpu_count() != 1 else "2",
    }
    return changed if same_processor else changed | older_processor()


def another_user(home: Path) -> dict[str, str]:
    """Return environment variables of somebody else, whose home is an empty folder."""
    names = dict.fromkeys(("USER", "LOGNAME", "USERNAME"), USER)
    # Packages may be installed in the home of the user.
    packages = {"PYTHONUSERBASE": site.getuserbase()}
    return names | packages | {"HOME": str(home), "USERPROFILE": str(home)}


def older_processor() -> dict[str, str]:
    """Return variables that disable the newer instructions of this processor."""
    from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

    found = [name for name in __cpu_dispatch__ if __cpu_features__[name]]
    arm = platform.machine() in ("arm64", "aarch64")
    core = "ARMV8" if arm else "Prescott"
    return {"OPENBLAS_CORETYPE": core, "NPY_DISABLE_CPU_FEATURES": " ".join(found)}
