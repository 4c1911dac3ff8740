"""`rml queue-reset`: repair DVC's queue of experiments after a process was killed.

Workers of this repository, and what they run, are killed. Results of finished
experiments are kept, the others become failed, and temporary files are removed. Queued
experiments stay. A living run of `dvc exp run --temp` is not touched.
"""

import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import psutil

from reproducible_ml.core.errors import one_line
from reproducible_ml.versioning.dvc import Running, find_processes, run_dvc
from reproducible_ml.versioning.git import run_git

# Where DVC keeps the queue, and copies for it and `--temp`.
FOLDER = ".dvc/tmp/exps"


def queue_processes(root: Path, found: Sequence[Running]) -> list[Running]:
    """Return workers, the runs they started, and orphans of killed ones."""
    copies = root.resolve() / FOLDER
    alive = {one.folder for one in found if one.is_temporary_run}
    return [
        one
        for one in found
        if one.is_worker
        or (one.folder.is_relative_to(copies) and not _below(one.folder, alive))
    ]


def _below(folder: Path, others: set[Path]) -> bool:
    return any(folder.is_relative_to(other) for other in others)


def kill(found: Sequence[Running]) -> int:
    """Kill processes, and return how many there were."""
    killed = []
    for process, _, _ in found:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
        killed.append(process)
    psutil.wait_procs(killed, timeout=10)
    return len(killed)


class Run(NamedTuple):
    """A run in a copy of the repository, as recorded by DVC.

    Attributes:
        note: The folder with DVC's record.
        name: Of the experiment.
        copy: The copy that it ran in.
        reference: Git reference of the result in the copy; None before the end.
    """

    note: Path
    name: str
    copy: Path
    reference: str | None


def unfinished(root: Path) -> Iterator[Run]:
    """Yield the runs whose copy exists; DVC removes it after the end."""
    for path in sorted((root / FOLDER / "run").glob("*/*.run")):
        try:
            noted = json.loads(path.read_text("utf-8"))
            copy, name = Path(noted["root_dir"]), str(noted["name"])
            reference = noted["result_ref"]
        except (ValueError, KeyError, TypeError):
            continue
        if copy.is_dir() and copy.resolve().is_relative_to((root / FOLDER).resolve()):
            yield Run(path.parent, name, copy, reference)


def reset(root: Path) -> Iterator[str]:
    """Yield a line for each thing that was done."""
    found = find_processes(root)
    alive = {one.folder for one in found if one.is_temporary_run}
    if ended := kill(queue_processes(root, found)):
        yield f"Killed processes of the queue: {ended}."
    runs = [run for run in unfinished(root) if not _works_in(run.copy, alive, root)]
    kept = {run.name for run in runs if _keep(root, run)}
    lost = {run.name for run in runs} - kept
    # So that DVC lists them as failed.
    run_dvc("queue", "stop", "--kill", cwd=root)
    _forget_messages(root)
    yield from _printed("Finished, result kept", kept)
    yield from _printed("Killed; run it again", lost)
    if count := sum(map(_remove, _leftovers(root, runs, alive))):
        yield f"Removed temporary files and folders: {count}."
    for one in found:
        if one.is_temporary_run:
            yield f"Not touched: process {one.process.pid}, a run with --temp."


def _works_in(copy: Path, alive: set[Path], root: Path) -> bool:
    """Return whether a living run works in the copy, or may be about to."""
    return copy.resolve() in alive or any(
        not folder.is_relative_to((root / FOLDER).resolve()) for folder in alive
    )


def _keep(root: Path, run: Run) -> bool:
    """Fetch the result of a copy into the repository, if there is one."""
    if not run.reference:
        return False
    wanted = f"{run.reference}:{run.reference}"
    return run_git(root, "fetch", "--quiet", str(run.copy), wanted) is not None


def _printed(words: str, names: set[str]) -> Iterator[str]:
    if names:
        yield f"{words}: {', '.join(map(one_line, sorted(names)))}."


def _forget_messages(root: Path) -> None:
    """Remove messages to dead workers: the next worker would obey them.

    A dead worker does not read DVC's message to stop; its successor of the same name
    would stop at once.
    """
    for message in (root / FOLDER / "celery/broker/in").glob("*.pidbox.msg"):
        message.unlink(missing_ok=True)


def _leftovers(root: Path, runs: Sequence[Run], alive: set[Path]) -> Iterator[Path]:
    standalone = root / FOLDER / "standalone"
    for copy in [*(root / FOLDER).glob("tmp*"), *standalone.glob("tmp*")]:
        if not _works_in(copy, alive, root):
            yield copy
    for run in runs:
        # Records of the queue hold the log, for `dvc queue logs`.
        if run.copy.parent.name == standalone.name:
            yield run.note
    for lock in (root / ".dvc/tmp/rwlock", root / FOLDER / "rwlock"):
        # An empty one, left by a full disk or a kill, makes every DVC command fail.
        if lock.exists() and not lock.read_bytes().strip():
            yield lock


def _remove(path: Path) -> bool:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    return True


def waiting(root: Path) -> str:
    """Return a line on the experiments that are queued."""
    queue = root / FOLDER / "celery/broker/in"
    count = len([*queue.glob("*.celery.msg")])
    return f"Queued: {count}. To run them: dvc queue start\n" if count else ""


def reset_queue(root: Path) -> None:
    """Repair the queue, and print what was done."""
    lines = [*reset(root)] or ["There was nothing to repair."]
    sys.stdout.write("\n".join([*lines, waiting(root)]))
