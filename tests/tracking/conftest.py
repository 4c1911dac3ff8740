"""A real MLflow server on this computer, and a project whose results it shows."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from ..environments import environment, packages
from ..pipeline.conftest import Project, copy_of_working_tree
from .server import Server, wait_for

LOCK = Path(__file__).with_name("requirements.txt")

TRACK = ("python", "-m", "reproducible_ml.tracking.track")

# The environment of the tests stands in for the one that `make` would create.
REPRO = ("make", "--silent", "repro", "ENVIRONMENT=.ready")


class Tracked(Project):
    """A project whose results are shown on a server."""

    variables: dict[str, str]

    def environment(self) -> dict[str, str]:
        """Return variables without what this user told MLflow."""
        kept = super().environment()
        kept = {k: v for k, v in kept.items() if not k.startswith(("MLFLOW_", "MAKE"))}
        path = os.pathsep.join([kept["PYTHONPATH"], str(packages("mlflow"))])
        return kept | {"PYTHONPATH": path, "NO_PROXY": "*"} | self.variables

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Start a command in the project."""
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start a server, and end it with all the processes that it started."""
    folder = tmp_path_factory.mktemp("server")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    kept = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")}
    kept |= {"MLFLOW_DISABLE_TELEMETRY": "true"}
    kept |= {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    command = [str(environment("tracking", LOCK) / "mlflow"), "server"]
    command += ["--host", "127.0.0.1", "--port", port, "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=kept,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        uri = f"http://127.0.0.1:{port}"
        wait_for(f"{uri}/health", process, folder / "log")
        yield Server(uri)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait()


@pytest.fixture(scope="session")
def reproduced(
    server: Server, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Tracked, str]:
    """Return a project after its first `make repro`, and what that printed."""
    folder = tmp_path_factory.mktemp("tracked")
    made = Tracked(copy_of_working_tree(folder).folder)
    made.variables = {"MLFLOW_TRACKING_URI": server.uri}
    text = made.read("params.yaml").replace("tracking: none", "tracking: mlflow")
    (folder / "params.yaml").write_text(text, "utf-8")
    # None of it is in Git.
    (folder / ".git/info/exclude").write_text(".ready\n")
    (folder / ".ready").touch()
    return made, made.run(*REPRO).stdout
