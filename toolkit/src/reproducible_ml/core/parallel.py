"""Run jobs in parallel: in threads, in processes or on a cluster, as params.yaml says.

The results do not depend on the backend or on the number of workers.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import Any, Generic, ParamSpec, TypeVar

from reproducible_ml.core.errors import UserError, first_line
from reproducible_ml.core.params import Compute

# Exceptions that libraries raise when a worker process died. They are known by name,
# because importing those libraries takes longer than most stages.
DEAD_WORKER_ERRORS = {
    "ActorDiedError",
    "ActorUnavailableError",
    "FutureCancelledError",
    "KilledWorker",
    "NodeDiedError",
    "OutOfMemoryError",
    "RayActorError",
    "TerminatedWorkerError",
    "WorkerCrashedError",
}

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def map_jobs(
    function: Callable[..., Result],
    jobs: Iterable[tuple[Any, ...]],
    compute: Compute,
    description: str,
    unit: str = "parts",
) -> list[Result]:
    """Return `function(*job)` for each job, in their order, and show a progress bar.

    A single job runs in this process, because starting another one takes longer than
    most jobs.

    Args:
        function: Is pickled and sent to other processes, so it cannot be a lambda.
        jobs: Positional arguments of each call. A generator is consumed as workers
            become free, so that no more jobs than workers are held in memory.
        compute: Backend and number of workers.
        description: Label of the progress bar.
        unit: What a job works on, in the plural; shown by the bar.
    """
    from joblib import Parallel, delayed
    from tqdm import tqdm

    errors: list[Exception] = []
    jobs = _until_error(jobs, errors)
    first = list(islice(jobs, 2))
    sequential = Compute(backend="sequential", n_jobs=1)
    work = delayed(InWorkingDirectory(function))
    with workers(compute if len(first) > 1 else sequential):
        # Ray returns all results at once, so its progress bar stays at 0 until then.
        kind = "list" if compute.backend == "ray" else "generator"
        run = Parallel(return_as=kind, pre_dispatch="n_jobs", max_nbytes=None)
        progress = tqdm(
            run(work(*job) for job in chain(first, jobs)),
            description,
            unit=f" {unit}",
            disable=None,
            leave=False,
        )
        results = list(progress)
    if errors:
        raise errors[0]
    return results


@contextmanager
def workers(compute: Compute) -> Iterator[None]:
    """Make joblib, and so scikit-learn, use the backend of params.yaml in this block.

    Raises:
        UserError: The cluster does not answer, its workers have other code or other
            packages, or a worker died.
    """
    from joblib import parallel_config

    if compute.backend in ("dask", "ray"):
        from reproducible_ml.core.clusters import connect

        connect(compute)
    with parallel_config(backend=compute.backend, n_jobs=compute.n_jobs):
        try:
            yield
        except Exception as error:
            names = {kind.__name__ for kind in type(error).__mro__}
            if DEAD_WORKER_ERRORS.isdisjoint(names):
                raise
            raise UserError(
                f"compute.backend {compute.backend}: a worker died, often because it"
                " ran out of memory. Nothing was written. Fix: decrease"
                " compute.rows_per_part or compute.n_jobs, or use a larger machine."
                f" ({first_line(error)})"
            ) from error


class InWorkingDirectory(Generic[Arguments, Result]):
    """Calls a function in the folder where this object was made, on any worker."""

    def __init__(self, function: Callable[Arguments, Result]) -> None:
        self.function = function
        self.folder = Path.cwd()

    def __call__(self, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        """Return the result of the function."""
        if Path.cwd() != self.folder:
            os.chdir(self.folder)
        return self.function(*args, **kwargs)


def _until_error(
    jobs: Iterable[tuple[Any, ...]], errors: list[Exception]
) -> Iterator[tuple[Any, ...]]:
    """Stop at an error and keep it: joblib would hang if its job generator raised."""
    try:
        yield from jobs
    except Exception as error:
        errors.append(error)
