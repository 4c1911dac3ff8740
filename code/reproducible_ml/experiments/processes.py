"""Processes that work on experiments of one repository, and no others."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import psutil

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
