"""Where parallel work is done: in threads, in processes, or on a cluster."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, ParamSpec, TypeVar

from reproducible_ml.core.errors import UserError, first_line
from reproducible_ml.core.params import Compute

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

# What libraries raise when a process that worked for them is gone, by their names: to
# import them takes longer than most runs.
LOST = {
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


@contextmanager
def workers(compute: Compute) -> Iterator[None]:
    """Let joblib, and so scikit-learn, work in this block where params.yaml says.

    Raises:
        UserError: The cluster does not answer, its workers have other code or packages,
            or a worker died.
    """
    from joblib import parallel_config

    if compute.backend in ("dask", "ray"):
        from reproducible_ml.core.clusters import connect

        connect(compute)
    with parallel_config(backend=compute.backend, n_jobs=compute.n_jobs):
        try:
            yield
        except Exception as error:
            if LOST.isdisjoint(kind.__name__ for kind in type(error).__mro__):
                raise
            raise UserError(
                f"compute.backend {compute.backend}: a worker died, often for want of"
                " memory. Nothing was written. Try smaller compute.rows_per_part or"
                f" compute.n_jobs, or a larger machine. ({first_line(error)})"
            ) from error


class InWorkingDirectory(Generic[Arguments, Result]):
    """Calls a function in the project's folder, wherever its worker was started."""

    def __init__(self, function: Callable[Arguments, Result]) -> None:
        self.function = function
        self.folder = Path.cwd()

    def __call__(self, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        """Return what the function returns."""
        if Path.cwd() != self.folder:
            os.chdir(self.folder)
        return self.function(*args, **kwargs)
