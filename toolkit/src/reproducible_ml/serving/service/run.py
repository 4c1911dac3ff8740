"""Run the service with uvicorn: one process, or several behind one address."""

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from reproducible_ml.core.project import Project
from reproducible_ml.serving.command import load_deployment
from reproducible_ml.serving.logs import CONFIG
from reproducible_ml.serving.service.metrics import FOLDER
from reproducible_ml.serving.service.settings import PREFIX


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
    project: Project, *, host: str, port: int, workers: int, **settings: str | None
) -> None:
    """Run the service of a project until it is told to end.

    Args:
        project: Its `deployment/service.py` makes the application.
        host: Address to listen at.
        port: Port to listen at; 0 for any that is free.
        workers: Number of processes.
        **settings: Settings that were given on the command line.

    Raises:
        UserError: The model cannot be loaded, or a setting is wrong.
    """
    for name, value in settings.items():
        if value is not None:
            os.environ[f"{PREFIX}{name.upper()}"] = value
    module = load_deployment(project, "service").__name__
    run(module, host, port, workers, app_dir=str(project.root.resolve() / "code"))


def run(
    module: str, host: str, port: int, workers: int, app_dir: str | None = None
) -> None:
    """Run the application that a module makes until it is told to end.

    Args:
        module: Its function `app` returns the application.
        host: Address to listen at.
        port: Port to listen at; 0 for any that is free.
        workers: Number of processes.
        app_dir: Folder in which workers find the module, if it is not installed.

    Raises:
        UserError: The model cannot be loaded, or a setting is wrong.
    """
    with _folder_for_metrics(workers):
        # Made here in any case: so what is wrong is found before a worker starts.
        app = import_module(module).app()
        try:
            uvicorn.run(
                app if workers == 1 else f"{module}:app",
                factory=workers > 1,
                app_dir=app_dir,
                host=host,
                port=port,
                workers=workers,
                http=PatientProtocol,
                ws="none",
                log_config=CONFIG,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=None,
            )
        except KeyboardInterrupt:
            sys.exit(0)


@contextmanager
def _folder_for_metrics(workers: int) -> Iterator[None]:
    """Let several workers count in files of an empty folder."""
    if workers == 1:
        os.environ.pop(FOLDER, None)
        yield
        return
    folder = Path(os.environ.get(FOLDER) or tempfile.mkdtemp(prefix="rml-metrics-"))
    os.environ[FOLDER] = str(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for file in folder.glob("*.db"):
        file.unlink()
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)
