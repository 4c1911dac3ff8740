"""Run jobs that wait for each other: at the same time, each in a process of its own.

`core.parallel` runs jobs in any order, and again elsewhere if a worker dies. Jobs that
exchange messages cannot be run so: all have to be there, and if one dies, the others
would wait for it forever. Here, the end of one by an error ends all of them.

A job runs in a new process, on this machine or beside a worker of a Dask cluster. It
ends when the process that started it does, or the folder of the run is removed.
"""

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, NamedTuple, TypeVar

from reproducible_ml.core.errors import UserError, one_line
from reproducible_ml.core.parallel import (
    WORKER_TIMEOUT,
    InWorkingDirectory,
    connect,
    lost_scheduler,
    note_used,
)
from reproducible_ml.core.params import Compute

Result = TypeVar("Result")

# Seconds between two looks at the processes, and in which the others report as well.
INTERVAL, GRACE = 0.2, 2.0

# What a new process runs: not this module itself, whose classes would be others then.
COMMAND = f"from {__name__} import main; main()"

# Characters of an error message from a worker.
SHOWN = 300


class Failure(NamedTuple):
    """How a job failed.

    Attributes:
        message: One line.
        severity: The highest of all jobs is the cause: 2: it died, or the user can fix
            it; 1: it raised an error; 0: it lost the connection to another one.
    """

    message: str
    severity: int


class Lost(Exception):
    """A job lost the connection to the others."""


def run_together(
    function: Callable[..., Result],
    jobs: Sequence[tuple[Any, ...]],
    compute: Compute,
    folder: Path,
    key: str,
    watch: Callable[[], None] = lambda: None,
) -> list[Result]:
    """Return `function(*job)` of all jobs, in their order.

    Args:
        function: Raises `Lost` if it waits for a job that is gone.
        jobs: Arguments, which are pickled.
        compute: With the backend `dask`, a job runs beside each of as many workers of
            the cluster; with any other, all run on this machine.
        folder: Exists as long as the jobs may run, and is seen by all of them.
        key: Parameter with the number of jobs, for messages.
        watch: Is called a few times a second.

    Raises:
        UserError: A job failed, or there are too few workers.
    """
    work = InWorkingDirectory(function)
    loads = [pickle.dumps((work, job)) for job in jobs]
    start = _on_dask if compute.backend == "dask" else _here
    with start(loads, compute, folder, key) as states:
        found = _wait(states, watch)
    return [note_used(result) for result in found]


def _wait(states: "Sequence[State]", watch: Callable[[], None]) -> list[Any]:
    """Return the results of all jobs, or raise the error of the one that failed."""
    failed_at: float | None = None
    while True:
        watch()
        waiting = [state for state in states if not state.done()]
        failures = [f for s in states if s.done() and (f := s.failure()) is not None]
        if failures and failed_at is None:
            failed_at = time.monotonic()
        worst = max(failures, key=lambda failure: failure.severity, default=None)
        late = failed_at is not None and time.monotonic() - failed_at > GRACE
        if worst is not None and (not waiting or late or worst.severity == 2):
            raise UserError(worst.message)
        if not waiting:
            return [state.result() for state in states]
        time.sleep(INTERVAL)


class State:
    """A job in another process."""

    def done(self) -> bool:
        """Return whether it has ended."""
        raise NotImplementedError

    def outcome(self) -> "Outcome":
        """Return what became of it, once it has ended."""
        raise NotImplementedError

    def failure(self) -> Failure | None:
        """Return how it failed; None if it did not."""
        found = self.outcome()
        return None if found.failure is None else Failure(*found.failure)

    def result(self) -> Any:
        """Return what it returned."""
        return pickle.loads(self.outcome().content)


class Outcome(NamedTuple):
    """What became of a process: its pickled result, or how it failed."""

    content: bytes
    failure: tuple[str, int] | None


class Child(State):
    """A process that runs one job, which it gets through its standard input.

    Args:
        load: The pickled job.
        root: Folder to start in.
        threads: Of its compiled loops, unless OMP_NUM_THREADS says.
    """

    def __init__(self, load: bytes, root: Path, threads: int) -> None:
        threads = int(os.environ.get("OMP_NUM_THREADS", threads))
        self.output, self.messages = TemporaryFile(), TemporaryFile()  # noqa: SIM115
        # Of a session of its own: Ctrl-C is for the process that started it.
        self.process = subprocess.Popen(
            [sys.executable, "-c", COMMAND],
            cwd=root,
            env=os.environ | {"OMP_NUM_THREADS": str(threads)},
            stdin=subprocess.PIPE,
            stdout=self.output,
            stderr=self.messages,
            start_new_session=True,
        )
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.write(len(load).to_bytes(8, "big") + load)
            self.process.stdin.flush()

    def done(self) -> bool:
        """Return whether it has ended."""
        return self.process.poll() is not None

    def outcome(self) -> Outcome:
        """Return what became of it."""
        self.output.seek(0)
        content = self.output.read()
        if self.process.returncode == 0 and content:
            found: Outcome = pickle.loads(content)
            return found
        self.messages.seek(0)
        reason = _reason(self.messages.read().decode("utf-8", "replace"))
        code = self.process.returncode
        ended = f"by signal {-code}" if code < 0 else f"with exit code {code}"
        killed = code == -signal.SIGKILL
        often = ", often because it ran out of memory" if killed else ""
        message = (
            f"a worker ended {ended}{often}. Nothing was written. Fix: make room, in"
            f" memory or on the disk, then run it again{reason}"
        )
        return Outcome(b"", (message, 2))

    def stop(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        self.output.close()
        self.messages.close()


@contextmanager
def _here(
    loads: list[bytes], _compute: Compute, _folder: Path, _key: str
) -> Iterator[list[Child]]:
    """Run jobs on this machine."""
    from joblib import cpu_count

    threads = max(1, cpu_count() // len(loads))
    children: list[Child] = []
    try:
        for load in loads:
            children.append(Child(load, Path.cwd(), threads))
        yield children
    finally:
        for child in children:
            child.stop()


def _reason(printed: str) -> str:
    """Return what a process said when it ended, in parentheses; nothing if nothing."""
    lines = [line.strip() for line in printed.splitlines()]
    # Of a C++ program: the exception that nobody caught.
    errors = [n for n, line in enumerate(lines) if line.startswith("what():")]
    known = " ".join(lines[errors[-1] :]) if errors else (lines or [""])[-1]
    known = known.removeprefix("what():").partition("Stack trace")[0].strip()
    return f" ({one_line(known)[-SHOWN:]})" if errors or "Error" in known else ""


class Remote(State):
    """A job beside a worker of a Dask cluster."""

    def __init__(
        self, cluster: "Alive", load: bytes, worker: str, folder: Path
    ) -> None:
        client = cluster.client
        self.client, self.cluster, self.worker = client, cluster, worker
        self.future = client.submit(
            _run_beside,
            load,
            str(folder.resolve()),
            str(Path.cwd()),
            workers=[worker],
            allow_other_workers=False,
            pure=False,
        )

    def done(self) -> bool:
        """Return whether it has ended, or its worker or the scheduler has."""
        return self.future.done() or self.worker not in self.cluster.workers()

    def outcome(self) -> Outcome:
        """Return what became of it."""
        if self.future.status == "finished":
            found: Outcome = self.future.result()
            return found
        if self.client.status != "running":
            return Outcome(b"", (str(lost_scheduler()), 2))
        if self.future.status == "error":
            reason = one_line(str(self.future.exception()))[:SHOWN]
        else:
            reason = f"the worker {self.worker} died, often for lack of memory"
        return Outcome(
            b"",
            (
                f"compute.backend dask: {reason}. Nothing was written. Fix: start what"
                " is missing, then run it again",
                2,
            ),
        )


class Alive:
    """The workers of a cluster that are alive, asked for once a second at most."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.known: set[str] = set()
        self.asked = float("-inf")

    def workers(self) -> set[str]:
        """Return their addresses; none if the scheduler is gone."""
        if self.client.status != "running":
            return set()
        if time.monotonic() - self.asked > 1:
            try:
                self.known = set(self.client.nthreads())
            except (OSError, TimeoutError):
                return set()
            self.asked = time.monotonic()
        return self.known


@contextmanager
def _on_dask(
    loads: list[bytes], compute: Compute, folder: Path, key: str
) -> Iterator[list[Remote]]:
    """Run jobs beside the workers of a cluster."""
    client = connect(compute, len(loads))
    try:
        client.wait_for_workers(len(loads), timeout=WORKER_TIMEOUT)
    except TimeoutError as error:
        raise UserError(
            f"params.yaml: {key}: {len(loads)}, but the Dask cluster has"
            f" {len(client.nthreads())} workers. Fix: start more of them, or set"
            f" {key} to that number"
        ) from error
    chosen = sorted(client.nthreads())[: len(loads)]
    states: list[Remote] = []
    alive = Alive(client)
    try:
        for load, worker in zip(loads, chosen, strict=True):
            states.append(Remote(alive, load, worker, folder))
        yield states
    finally:
        with suppress(Exception):
            client.cancel([state.future for state in states], force=True)


def _run_beside(load: bytes, folder: str, root: str) -> Outcome:
    """Run a job in a process beside this worker, as long as the folder exists.

    Args:
        load: The pickled job.
        folder: Of the run.
        root: Of the repository.
    """
    from distributed import get_worker

    missing = (
        f"{folder}: is not there on a worker. Fix: give the workers this folder; see"
        " docs/scaling.md"
    )
    if not Path(folder).is_dir():
        return Outcome(b"", (missing, 2))
    child = Child(load, Path(root), get_worker().state.nthreads)
    try:
        while not child.done():
            time.sleep(INTERVAL)
            if not Path(folder).is_dir():
                return Outcome(b"", (missing, 2))
        return child.outcome()
    finally:
        child.stop()


def main() -> None:
    """Run the job that standard input gives, and write its outcome."""
    target = os.fdopen(os.dup(1), "wb")
    # What libraries print is no result.
    os.dup2(2, 1)
    source = sys.stdin.buffer
    load = source.read(int.from_bytes(source.read(8), "big"))
    threading.Thread(target=_end_with_parent, args=(source,), daemon=True).start()
    function, job = pickle.loads(load)
    try:
        found = Outcome(pickle.dumps(function(*job)), None)
    except Lost as error:
        found = Outcome(b"", (one_line(str(error))[:SHOWN], 0))
    except (UserError, OSError) as error:
        found = Outcome(b"", (str(error), 2))
    except Exception as error:
        import traceback

        traceback.print_exc()
        what = f"{type(error).__name__}: {error}"
        found = Outcome(b"", (one_line(what)[:SHOWN], 1))
    target.write(pickle.dumps(found))
    target.flush()
    # At once: others may wait for what this process would still clean up.
    os._exit(0)


def _end_with_parent(source: Any) -> None:
    source.read()
    os._exit(1)
