"""Processes that work in a repository."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import psutil


class Running(NamedTuple):
    """A process, its command and its working directory."""

    process: psutil.Process
    command: Sequence[str]
    folder: Path

    @property
    def is_worker(self) -> bool:
        """Whether it is a worker of the queue, or runs an experiment of it."""
        return "queue-worker" in self.command or "exec-run" in self.command

    @property
    def is_temporary_run(self) -> bool:
        """Whether it is a `dvc exp run --temp`."""
        return {"exp", "run", "--temp"} <= {*self.command}


def find_processes(root: Path) -> list[Running]:
    """Return the processes that work in a repository."""
    # The kernel reports paths without symbolic links.
    here = root.resolve()
    return [found for found in _all() if found.folder.is_relative_to(here)]


def _all() -> Iterator[Running]:
    for process in psutil.process_iter():
        try:
            command, folder = process.cmdline(), process.cwd()
        except psutil.Error:
            continue
        if command and folder:
            yield Running(process, command, Path(folder))
