"""Bring the queue of experiments back to order after something was killed.

Ends the workers of this repository, with what they run; keeps what had come to its end;
has DVC list the rest as failed; and removes what they left behind. Experiments that
wait in the queue stay there. A run of `dvc exp run --temp` that is alive is left alone.
"""

import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import psutil

from reproducible_ml.core.text import plain
from reproducible_ml.versioning.dvc import run_dvc
from reproducible_ml.versioning.git import run_git

# Where DVC keeps all that the queue and `--temp` need.
FOLDER = ".dvc/tmp/exps"


class Found(NamedTuple):
    """A process, its command and the folder it works in."""

    process: psutil.Process
    command: Sequence[str]
    folder: Path

    @property
    def is_worker(self) -> bool:
        """Whether it takes experiments from a queue, or runs one of it."""
        return "queue-worker" in self.command or "exec-run" in self.command

    @property
    def is_temporary_run(self) -> bool:
        """Whether somebody typed `dvc exp run --temp`."""
        return {"exp", "run", "--temp"} <= {*self.command}


def inside(root: Path) -> list[Found]:
    """Return the processes that work in a repository."""
    # The kernel knows no symbolic links.
    here = root.resolve()
    return [found for found in _all() if found.folder.is_relative_to(here)]


def _all() -> Iterator[Found]:
    for process in psutil.process_iter():
        try:
            command, folder = process.cmdline(), process.cwd()
        except psutil.Error:
            continue
        if command and folder:
            yield Found(process, command, Path(folder))


def of_queue(root: Path, found: Sequence[Found]) -> list[Found]:
    """Return workers, the runs that they began, and what a killed one left behind."""
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


def kill(found: Sequence[Found]) -> int:
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
    """What DVC noted of a run in a copy of the repository.

    Attributes:
        note: The folder with DVC's notes.
        name: Of the experiment.
        copy: The copy that it ran in.
        reference: Where the copy's Git has the result; None before the end.
    """

    note: Path
    name: str
    copy: Path
    reference: str | None


def unfinished(root: Path) -> Iterator[Run]:
    """Yield the runs whose copy is still there; DVC removes it after the end."""
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
    found = inside(root)
    alive = {one.folder for one in found if one.is_temporary_run}
    if ended := kill(of_queue(root, found)):
        yield f"Processes of the queue that were ended: {ended}."
    runs = [run for run in unfinished(root) if not _works_in(run.copy, alive, root)]
    kept = {run.name for run in runs if _keep(root, run)}
    lost = {run.name for run in runs} - kept
    # Only DVC knows how to say that they failed.
    run_dvc("queue", "stop", "--kill", cwd=root)
    _forget_messages(root)
    yield from _printed("Had come to an end, and kept", kept)
    yield from _printed("Cut off; run it again", lost)
    if count := sum(map(_remove, _leftovers(root, runs, alive))):
        yield f"Leftovers that were removed: {count}."
    for one in found:
        if one.is_temporary_run:
            yield f"Left alone: process {one.process.pid}, a run with --temp."


def _works_in(copy: Path, alive: set[Path], root: Path) -> bool:
    """Say whether a living run works in the copy, or may be about to."""
    return copy.resolve() in alive or any(
        not folder.is_relative_to((root / FOLDER).resolve()) for folder in alive
    )


def _keep(root: Path, run: Run) -> bool:
    """Bring a result from a copy to the repository, if there is one."""
    if not run.reference:
        return False
    wanted = f"{run.reference}:{run.reference}"
    return run_git(root, "fetch", "--quiet", str(run.copy), wanted) is not None


def _printed(words: str, names: set[str]) -> Iterator[str]:
    if names:
        yield f"{words}: {', '.join(map(plain, sorted(names)))}."


def _forget_messages(root: Path) -> None:
    """Remove messages to workers that are gone: the next one would obey them.

    DVC tells workers to stop. One that is dead does not read it; its successor, of the
    same name, would stop at once.
    """
    for message in (root / FOLDER / "celery/broker/in").glob("*.pidbox.msg"):
        message.unlink(missing_ok=True)


def _leftovers(root: Path, runs: Sequence[Run], alive: set[Path]) -> Iterator[Path]:
    standalone = root / FOLDER / "standalone"
    for copy in [*(root / FOLDER).glob("tmp*"), *standalone.glob("tmp*")]:
        if not _works_in(copy, alive, root):
            yield copy
    for run in runs:
        # The queue's own notes hold the log, for `dvc queue logs`.
        if run.copy.parent.name == standalone.name:
            yield run.note
    for lock in (root / ".dvc/tmp/rwlock", root / FOLDER / "rwlock"):
        # What a full disk or a kill leaves of it makes DVC refuse to work.
        if lock.exists() and not lock.read_bytes().strip():
            yield lock


def _remove(path: Path) -> bool:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    return True


def waiting(root: Path) -> str:
    """Return a line on the experiments that are still in the queue."""
    queue = root / FOLDER / "celery/broker/in"
    count = len([*queue.glob("*.celery.msg")])
    return f"In the queue: {count}. To run them: dvc queue start\n" if count else ""


def reset_queue(root: Path) -> None:
    """Bring the queue to order, and print what was done."""
    lines = [*reset(root)] or ["There was nothing to bring to order."]
    sys.stdout.write("\n".join([*lines, waiting(root)]))
