"""Run the service with uvicorn: one process, or several behind one address."""

import asyncio
import math
import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib import import_module
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.project import Project
from reproducible_ml.core.resources import Meter, note_usage
from reproducible_ml.serving.command import load_deployment
from reproducible_ml.serving.logs import CONFIG
from reproducible_ml.serving.platforms import find_place, use_platform_model
from reproducible_ml.serving.service.settings import FOLDER, PREFIX


class PatientProtocol(HttpToolsProtocol):
    """HTTP of uvicorn, which by itself waits forever for the headers of a request."""

    seconds = float(os.environ.get(f"{PREFIX}HEADER_SECONDS") or 10)
    deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Start to wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def on_message_begin(self) -> None:
        """Start to wait for the headers of a further request."""
        super().on_message_begin()
        self._wait()

    def on_headers_complete(self) -> None:
        """Stop waiting; the application waits for the body."""
        self._stop_waiting()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait(self) -> None:
        if self.deadline is None and self.seconds:
            self.deadline = self.loop.call_later(self.seconds, self.transport.close)

    def _stop_waiting(self) -> None:
        if self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None


def serve(
    project: Project,
    *,
    host: str | None,
    port: int | None,
    workers: int,
    **settings: str | None,
) -> None:
    """Run the service of a project until Ctrl-C or SIGTERM.

    Args:
        project: Its `deployment/service.py` makes the application.
        host: Address to listen at; None: what a platform wants, else 127.0.0.1.
        port: Port to listen at, 0 for any that is free; None: what a platform wants,
            else 8080.
        workers: Number of processes.
        **settings: Settings that were given on the command line.

    Raises:
        UserError: The model cannot be loaded, or a setting is wrong.
    """
    for name, value in settings.items():
        if value is not None:
            os.environ[f"{PREFIX}{name.upper()}"] = value
    use_platform_model(os.environ, f"{PREFIX}MODEL")
    # Read where prometheus_client is imported: only workers use the folder.
    shared = os.environ.pop(FOLDER, None)
    module = load_deployment(project, "service").__name__
    code = str(project.root.resolve() / "code")
    root = project.root.resolve()
    run(module, host, port, workers, app_dir=code, shared=shared, root=root)


def run(
    module: str,
    host: str | None,
    port: int | None,
    workers: int,
    app_dir: str | None = None,
    shared: str | None = None,
    root: Path | None = None,
) -> None:
    """Run the application that a module makes until Ctrl-C or SIGTERM.

    Args:
        module: Its function `app` returns the application.
        host: Address to listen at; None: what a platform wants, else 127.0.0.1.
        port: Port to listen at, 0 for any that is free; None: what a platform wants,
            else 8080.
        workers: Number of processes.
        app_dir: Folder in which workers find the module, if it is not installed.
        shared: Folder in which several workers count; by default, as the environment
            says, or a temporary one.
        root: Of a repository in whose log time and memory are noted; None for none.

    Raises:
        UserError: The model cannot be loaded, or a setting is wrong.
    """
    meter = Meter()
    model = Path(os.environ.get(f"{PREFIX}MODEL") or "models")
    place = find_place(os.environ, model)
    shared = os.environ.pop(FOLDER, shared)
    # Made here in any case: so what is wrong is found before a worker starts.
    app = import_module(module).app()
    if workers > 1 and (buckets := app.state.service.metrics.buckets):
        # One that is started later must not choose others, by another model.
        os.environ[f"{PREFIX}PREDICTION_BUCKETS"] = ",".join(map(str, buckets))
    if address := app.state.service.settings.grpc_address:
        check_free(address)
    with _shared_metrics(shared) if workers > 1 else nullcontext():
        try:
            uvicorn.run(
                app if workers == 1 else f"{module}:app",
                factory=workers > 1,
                app_dir=app_dir,
                host=host or place.host or "127.0.0.1",
                port=port if port is not None else place.port or 8080,
                workers=workers,
                http=PatientProtocol,
                ws="none",
                log_config=CONFIG,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=_patience(app),
            )
        except KeyboardInterrupt:
            sys.exit(0)
        finally:
            if root:
                version = app.state.service.model.version
                note_usage("serve", [version], meter.read(), root)


def check_free(address: str) -> None:
    """Raise UserError if nothing can listen at an address, before uvicorn starts."""
    host, _, port = address.rpartition(":")
    if address.startswith("unix:") or not port.isdecimal():
        return
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, int(port)), family=family).close()
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(
            f"gRPC: cannot listen at {address}: {reason}. Fix: choose another port"
        ) from None


def _patience(app: Any) -> int:
    """Return for how many seconds the end waits for clients that read slowly."""
    seconds: float = app.state.service.settings.answer_seconds
    return math.ceil(seconds) + 5


@contextmanager
def _shared_metrics(given: str | None) -> Iterator[None]:
    """Let workers count together, in files of a folder, which are removed."""
    folder = Path(given or tempfile.mkdtemp(prefix="rml-metrics-"))
    folder.mkdir(parents=True, exist_ok=True)
    _remove_counts(folder)
    os.environ[FOLDER] = str(folder)
    try:
        yield
    finally:
        _remove_counts(folder)
        if given is None:
            folder.rmdir()


def _remove_counts(folder: Path) -> None:
    for file in folder.glob("*.db"):
        file.unlink()
