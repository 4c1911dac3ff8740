"""Run jobs in parallel: in threads, in processes or on a cluster, as params.yaml says.

The results do not depend on the backend or on the number of workers. The address of a
cluster differs between machines, so it is not a parameter but an environment variable:
DASK_SCHEDULER_ADDRESS or RAY_ADDRESS. If it is not set, local workers are started,
which end with this process.
"""

import hashlib
import logging
import os
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from itertools import chain, islice
from pathlib import Path
from typing import Any, Generic, Literal, NamedTuple, ParamSpec, TypeVar
from urllib.parse import urlsplit

from reproducible_ml.core.dependencies import USED, used_by_job, watch_files
from reproducible_ml.core.errors import UserError, first_line
from reproducible_ml.core.params import Compute

# Workers with other versions of these packages may give other results.
PACKAGES = ("joblib", "numpy", "pandas", "pyarrow", "scikit-learn")

# The same of these, where they are installed.
MORE_PACKAGES = ("lightgbm", "xgboost", "xgboost-cpu")

# Arguments of up to so many bytes are sent to a Dask worker with each task.
MAX_TASK_BYTES = 50_000_000

# Timeouts in seconds: until a cluster answers, and until it has a first worker.
CONNECT_TIMEOUT, WORKER_TIMEOUT = 10, 60

# Values, that is rows times columns, up to which one thread is the fastest.
LITTLE = 1_000_000

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

# What Dask says of jobs that it cannot ask for any more.
LOST_SCHEDULER = "scheduler-connection-lost"

Arguments = ParamSpec("Arguments")

Result = TypeVar("Result")


def map_jobs(
    function: Callable[..., Result],
    jobs: Iterable[tuple[Any, ...]],
    compute: Compute,
    description: str,
    unit: str = "parts",
    done: Callable[[int, Result], None] | None = None,
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
        done: Is called in this process with the position and the result of each job,
            as soon as that is known.
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
        results = []
        for result in progress:
            results.append(note_used(result))
            if done:
                done(len(results) - 1, results[-1])
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
        connect(compute)
    with parallel_config(backend=compute.backend, n_jobs=compute.n_jobs):
        try:
            yield
        except Exception as error:
            names = {kind.__name__ for kind in type(error).__mro__}
            if DEAD_WORKER_ERRORS.isdisjoint(names):
                raise
            if LOST_SCHEDULER in str(error):
                raise lost_scheduler() from error
            raise UserError(
                f"compute.backend {compute.backend}: a worker died, often because it"
                " ran out of memory. Nothing was written. Fix: decrease"
                " compute.rows_per_part or compute.n_jobs, or use a larger machine."
                f" ({first_line(error)})"
            ) from error


def lost_scheduler() -> UserError:
    """Return the error of a Dask cluster whose scheduler is gone."""
    # The client would go on to say so, with tracebacks.
    for name in ("distributed.client", "distributed.utils"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return UserError(
        "compute.backend dask: the scheduler died, or the connection to it. Nothing was"
        " written. Fix: start it and its workers, then run it again"
    )


@contextmanager
def one_thread(loops: Literal["openmp", "blas"] = "openmp") -> Iterator[None]:
    """Let compiled loops use one thread in this block.

    Args:
        loops: `openmp`: as those of HistGradientBoosting; it applies to the thread of
            Python that enters the block, and results do not change. `blas`: products
            of matrices, whose rounding may depend on the number of threads.
    """
    with _libraries().limit(limits=1, user_api=loops):
        yield


@contextmanager
def suitable_threads(values: int) -> Iterator[None]:
    """Let compiled loops use one thread in this block if there is little data.

    Threads wait for each other after each loop. On a busy machine, 140 rows of 500
    columns were fitted 15 times as fast by one thread as by two.

    Args:
        values: Rows times columns.
    """
    with one_thread() if values <= LITTLE else nullcontext():
        yield


@cache
def _libraries() -> Any:
    """Return a controller of the libraries that use OpenMP or are a BLAS.

    It knows those that are loaded by now: scikit-learn's loops have to be among them.
    """
    from sklearn.utils import _openmp_helpers  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


class InWorkingDirectory(Generic[Arguments, Result]):
    """Calls a function in the folder where this object was made, on any worker."""

    def __init__(self, function: Callable[Arguments, Result]) -> None:
        self.function = function
        self.folder = Path.cwd()
        self.process = os.getpid(), socket.gethostname()

    def __call__(
        self, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> "Result | FromWorker[Result]":
        """Return the result; from another process, with the files that it used."""
        if Path.cwd() != self.folder:
            os.chdir(self.folder)
        if self.process == (os.getpid(), socket.gethostname()):
            return self.function(*args, **kwargs)
        watch_files()
        result = self.function(*args, **kwargs)
        return FromWorker(result, used_by_job(self.folder.resolve(), self.process))


class FromWorker(NamedTuple, Generic[Result]):
    """A result, and the files of the repository that its process used so far."""

    result: Result
    used: dict[str, str]


def note_used(result: Result | FromWorker[Result]) -> Result:
    """Return the result, and note what another process used for it."""
    if not isinstance(result, FromWorker):
        return result
    USED.update(result.used)
    found: Result = result.result
    return found


def _until_error(
    jobs: Iterable[tuple[Any, ...]], errors: list[Exception]
) -> Iterator[tuple[Any, ...]]:
    """Stop at an error and keep it: joblib would hang if its job generator raised."""
    try:
        yield from jobs
    except Exception as error:
        errors.append(error)


def connect(compute: Compute, workers: int = 1) -> Any:
    """Register the cluster as the joblib backend `dask` or `ray`, once per process.

    Args:
        compute: Backend and number of workers.
        workers: How many to start at least, if they are started on this machine.

    Returns:
        The client of Dask; None for Ray.

    Raises:
        UserError: The cluster does not answer, or its workers have other code or other
            packages.
    """
    from joblib import cpu_count

    processes = cpu_count() if compute.n_jobs == -1 else compute.n_jobs
    return CONNECT[compute.backend](max(processes, workers))


@cache
def _connect_dask(processes: int) -> Any:
    """Return the client of the cluster, or of this number of local workers."""
    dask, distributed = _import("dask", "distributed")
    address = dask.config.get("scheduler-address", None)
    local = {"n_workers": processes, "threads_per_worker": 1, "dashboard_address": None}
    try:
        client = distributed.Client(
            address, timeout=CONNECT_TIMEOUT, **({} if address else local)
        )
        client.wait_for_workers(1, timeout=WORKER_TIMEOUT)
    except (OSError, ValueError, TimeoutError) as error:
        raise UserError(
            f"compute.backend dask: no worker at {address} ({first_line(error)})."
            " Fix: start `dask scheduler` and `dask worker`, or correct"
            " DASK_SCHEDULER_ADDRESS."
        ) from error
    if address:
        for worker, found in client.run(_environment, Path.cwd()).items():
            _check_same(found, f"dask: worker {worker}")
    _register_dask()
    return client


def _register_dask() -> None:
    """Register a joblib backend that survives the death of a worker.

    The backend of joblib stores the arguments of tasks on one worker. If that worker
    dies, they are lost for all tasks; if it dies while they are sent, joblib waits
    forever. So arguments are sent with the task unless they are too large.
    """
    from dask.sizeof import sizeof
    from joblib import register_parallel_backend
    from joblib._dask import Batch, DaskDistributedBackend

    class Backend(DaskDistributedBackend):  # type: ignore[misc]
        async def _to_func_args(self, func: Any) -> tuple[Any, Any]:
            with_task = Batch(func.items), func.items
            if sum(sizeof(arguments) for _, *arguments in func.items) <= MAX_TASK_BYTES:
                return with_task
            try:
                found: tuple[Any, Any] = await super()._to_func_args(func)
            except Exception:
                # The worker died: send its arguments with the task as well.
                return with_task
            return found

    register_parallel_backend("dask", Backend)


@cache
def _connect_ray(processes: int) -> None:
    """Connect to the cluster, or start this number of local workers."""
    # Do not send usage statistics.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray, registry = _import("ray", "ray.util.joblib")
    address = os.environ.get("RAY_ADDRESS")
    local = {"num_cpus": processes, "include_dashboard": False}
    try:
        if address and address != "auto":
            _check_port(address)
        ray.init(
            address,
            log_to_driver=False,
            logging_level="error",
            **({} if address else local),
        )
    except (OSError, RuntimeError, ValueError) as error:
        raise UserError(
            f"compute.backend ray: no cluster at {address} ({first_line(error)})."
            " Fix: run `ray start --head`, or correct RAY_ADDRESS."
        ) from error
    registry.register_ray()
    if address:
        _check_same(
            ray.get(ray.remote(_environment).remote(Path.cwd())), "ray: a worker"
        )


def _check_port(address: str) -> None:
    """Raise an error if the port is closed, where Ray would retry for minutes."""
    place = urlsplit(address if "://" in address else f"//{address}")
    if not place.port:
        raise ValueError(f"{address} has no port")
    socket.create_connection(
        (place.hostname, place.port), timeout=CONNECT_TIMEOUT
    ).close()


CONNECT: dict[str, Callable[[int], Any]] = {"dask": _connect_dask, "ray": _connect_ray}


def _import(name: str, other: str) -> tuple[Any, Any]:
    try:
        return import_module(name), import_module(other)
    except ImportError as error:
        raise UserError(
            f"compute.backend {name}: {error}. Fix: run `make setup`, which installs"
            " the packages that params.yaml needs."
        ) from error


def _environment(folder: Path) -> dict[str, str]:
    """Return what must be the same on this machine and on a worker, by name."""
    digest = hashlib.sha256()
    for code in _code_folders(folder):
        for module in sorted(code.rglob("*.py")):
            digest.update(module.relative_to(code).as_posix().encode())
            digest.update(module.read_bytes())
    found = {name: version(name) for name in PACKAGES}
    for name in MORE_PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    exists = (folder / "params.yaml").is_file()
    return found | {"code": digest.hexdigest()[:12], str(folder): f"exists: {exists}"}


def _code_folders(folder: Path) -> list[Path]:
    """Return where this process imports the toolkit and the project of a folder from.

    On a worker it may be another place than the folder, with other code.
    """
    from reproducible_ml.core.project import Project

    names = [__name__.partition(".")[0]]
    if (folder / "pyproject.toml").is_file():
        names.append(Project(folder).package)
    found = [import_module(name) for name in names if find_spec(name)]
    return [Path(next(iter(package.__path__))) for package in found]


def _check_same(found: dict[str, str], who: str) -> None:
    """Raise UserError if a worker may give other results than this process."""
    here = _environment(Path.cwd())
    differing = [
        f"{name} is {found.get(name, 'missing')}, here {value}"
        for name, value in here.items()
        if found.get(name) != value
    ]
    if differing:
        raise UserError(
            f"compute.backend {who} differs: {'; '.join(differing)}. Fix: give the"
            " workers this folder, its code and the same locked environment; see"
            " docs/scaling.md."
        )
