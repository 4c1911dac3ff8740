"""Dask and Ray: connect to a cluster, or start workers on this machine.

Where a cluster is differs from machine to machine, so it is no parameter: Dask and Ray
have variables for it, DASK_SCHEDULER_ADDRESS and RAY_ADDRESS. Without them they start
workers of this process alone.
"""

import hashlib
import os
import socket
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from reproducible_ml.core.errors import UserError, first_line
from reproducible_ml.core.params import Compute

# Workers with other versions of these may give other results.
PACKAGES = ("joblib", "numpy", "pandas", "pyarrow", "scikit-learn")

# Bytes of arguments that go to a Dask worker with each task, not once for all.
WITH_TASK = 50_000_000

# Seconds that a cluster has to answer, and to have a first worker.
ANSWER, WORKER = 10, 60


def connect(compute: Compute) -> None:
    """Let joblib know the cluster as its backend `dask` or `ray`; once a process.

    Raises:
        UserError: It does not answer, or its workers have other code or packages.
    """
    from joblib import cpu_count

    processes = cpu_count() if compute.n_jobs == -1 else compute.n_jobs
    CONNECT[compute.backend](processes)


@cache
def _connect_dask(processes: int) -> Any:
    """Return the client of the cluster, or of so many workers of this process alone."""
    dask, distributed = _import("dask", "distributed")
    address = dask.config.get("scheduler-address", None)
    alone = {"n_workers": processes, "threads_per_worker": 1, "dashboard_address": None}
    try:
        client = distributed.Client(
            address, timeout=ANSWER, **({} if address else alone)
        )
        client.wait_for_workers(1, timeout=WORKER)
    except (OSError, ValueError, TimeoutError) as error:
        raise UserError(
            f"compute.backend dask: no worker at {address} ({first_line(error)})."
            " Start `dask scheduler` and `dask worker`, or correct"
            " DASK_SCHEDULER_ADDRESS."
        ) from error
    if address:
        for worker, found in client.run(_facts, Path.cwd()).items():
            _compare(found, f"dask: worker {worker}")
    _register_dask()
    return client


def _register_dask() -> None:
    """Let joblib's backend survive the death of a worker.

    It lays arguments of tasks on one worker: if that dies, they are lost for all, and
    if it dies meanwhile, joblib waits for ever. So they go with the task where they are
    not too large.
    """
    from dask.sizeof import sizeof
    from joblib import register_parallel_backend
    from joblib._dask import Batch, DaskDistributedBackend

    class Backend(DaskDistributedBackend):  # type: ignore[misc]
        async def _to_func_args(self, func: Any) -> tuple[Any, Any]:
            with_the_task = Batch(func.items), func.items
            if sum(sizeof(arguments) for _, *arguments in func.items) <= WITH_TASK:
                return with_the_task
            try:
                found: tuple[Any, Any] = await super()._to_func_args(func)
            except Exception:
                # The worker is gone: what it did not get goes with the task as well.
                return with_the_task
            return found

    register_parallel_backend("dask", Backend)


@cache
def _connect_ray(processes: int) -> None:
    """Connect to the cluster, or start so many workers for this process alone."""
    # It would tell its makers how it is used.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray, registry = _import("ray", "ray.util.joblib")
    address = os.environ.get("RAY_ADDRESS")
    alone = {"num_cpus": processes, "include_dashboard": False}
    try:
        if address and address != "auto":
            _knock(address)
        ray.init(
            address,
            log_to_driver=False,
            logging_level="error",
            **({} if address else alone),
        )
    except (OSError, RuntimeError, ValueError) as error:
        raise UserError(
            f"compute.backend ray: no cluster at {address} ({first_line(error)})."
            " Start `ray start --head`, or correct RAY_ADDRESS."
        ) from error
    registry.register_ray()
    if address:
        _compare(ray.get(ray.remote(_facts).remote(Path.cwd())), "ray: a worker")


def _knock(address: str) -> None:
    """Raise an error if nobody listens there: Ray would go on trying for minutes."""
    place = urlsplit(address if "://" in address else f"//{address}")
    if not place.port:
        raise ValueError(f"{address} has no port")
    socket.create_connection((place.hostname, place.port), timeout=ANSWER).close()


CONNECT: dict[str, Callable[[int], Any]] = {"dask": _connect_dask, "ray": _connect_ray}


def _import(name: str, other: str) -> tuple[Any, Any]:
    try:
        return import_module(name), import_module(other)
    except ImportError as error:
        raise UserError(
            f"compute.backend {name}: {error}. `make setup` installs what params.yaml"
            " asks for."
        ) from error


def _facts(folder: Path) -> dict[str, str]:
    """Return what must be the same here as on a worker; runs there as well."""
    import reproducible_ml

    digest = hashlib.sha256()
    for code in (Path(next(iter(reproducible_ml.__path__))), folder / "code"):
        for module in sorted(code.rglob("*.py")):
            digest.update(module.relative_to(code).as_posix().encode())
            digest.update(module.read_bytes())
    found = {name: version(name) for name in PACKAGES}
    seen = (folder / "params.yaml").is_file()
    return found | {"code": digest.hexdigest()[:12], str(folder): f"seen: {seen}"}


def _compare(found: dict[str, str], who: str) -> None:
    """Raise UserError if a worker could give other results than this process."""
    here = _facts(Path.cwd())
    differing = [
        f"{k} is {found[k]}, here {v}" for k, v in here.items() if found[k] != v
    ]
    if differing:
        raise UserError(
            f"compute.backend {who} differs: {'; '.join(differing)}. Give workers this"
            " folder, its code and the same locked environment: see docs/scaling.md."
        )
