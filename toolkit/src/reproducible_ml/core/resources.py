"""Measure what a stage or service takes, and note it in a log that Git ignores.

The log is no output of a stage: outputs are the same in every run, and this is not.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

# A line of JSON for each run.
LOG = Path(".dvc/tmp/rml/resources.jsonl")

# Where Linux says what this process takes, and what processor it has.
STATUS, PROCESSOR = Path("/proc/self/status"), Path("/proc/cpuinfo")

MEGABYTE = 1_000_000


class Usage(NamedTuple):
    """What a process and those that it started took.

    Attributes:
        seconds: From the start of the process.
        cpu_seconds: Processor time, of processes that ended as well.
        memory_bytes: The most that one process had in memory; None if not known.
    """

    seconds: float
    cpu_seconds: float
    memory_bytes: int | None


class Meter:
    """Measures from the start of this process on."""

    def __init__(self) -> None:
        # Until now it started Python and imported modules: that takes processor time.
        self._begun = time.perf_counter() - time.process_time()

    def read(self) -> Usage:
        """Return what was taken until now."""
        seconds = time.perf_counter() - self._begun
        cpu = sum(os.times()[:4])
        return Usage(round(seconds, 3), round(cpu, 3), peak_memory())


def peak_memory() -> int | None:
    """Return the most bytes that this process, or one that it started, had."""
    if sys.platform == "win32":
        with suppress(ImportError):
            import psutil

            return int(psutil.Process().memory_info().peak_wset)
        return None
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit
    return max(_own_peak(unit), children)


def _own_peak(unit: int) -> int:
    # What `getrusage` says of a process on Linux begins with the peak of its parent.
    with suppress(OSError, StopIteration):
        lines = STATUS.read_text("utf-8").splitlines()
        found = next(line for line in lines if line.startswith("VmHWM:"))
        return int(found.split()[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def describe_computer() -> str:
    """Return processor and number of cores; the same for computers of the same kind."""
    name = ""
    with suppress(OSError, StopIteration):
        lines = PROCESSOR.read_text("utf-8", "replace").splitlines()
        found = next(line for line in lines if line.startswith("model name"))
        name = found.partition(":")[2].strip()
    if not name:
        import platform

        name = platform.processor() or platform.machine()
    return f"{sys.platform}, {name}, {os.cpu_count()} cores"


def how_started() -> str:
    """Return how this stage was started, if not by Python: see `fork_server`.

    A process that had imported the packages spares a stage up to two seconds.
    """
    program = Path([*sys.orig_argv, "", ""][1]).name
    return ", packages imported ahead" if program == "fork_server.py" else ""


def note_usage(kind: str, names: Sequence[str], usage: Usage, root: Path) -> None:
    """Add what was taken to the log of a DVC repository; elsewhere, do nothing.

    Args:
        kind: `stage` or `serve`.
        names: Of the stages, or the version of the model.
        usage: What was taken.
        root: Of the repository.
    """
    facts = {
        "kind": kind,
        "names": [*names],
        "time": time.time(),
        **usage._asdict(),
        "commit": _commit(root),
        "computer": describe_computer() + how_started(),
    }
    append_line(facts, root)


def append_line(facts: dict[str, Any], root: Path) -> None:
    """Add a line to the log; nothing happens if that is not possible."""
    if not (root / ".dvc").is_dir():
        return
    # To measure must not make a run fail, as on a full disk.
    with suppress(OSError):
        (root / LOG).parent.mkdir(parents=True, exist_ok=True)
        # At once, so that lines of several processes do not mix.
        with (root / LOG).open("ab", buffering=0) as file:
            file.write(json.dumps(facts).encode() + b"\n")


def _commit(root: Path) -> str | None:
    """Return the last commit: the one before that of the results, if they changed."""
    with suppress(OSError):
        done = subprocess.run(
            ["git", "-C", str(root), "rev-parse", "HEAD"],
            capture_output=True,
            check=False,
        )
        return done.stdout.decode().strip() or None if not done.returncode else None
    return None
