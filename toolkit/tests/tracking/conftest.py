"""A real MLflow server on this computer, and a project whose results it shows."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from ..environments import environment, packages
from ..loopback import free_port
from ..repository.conftest import Project, copy_of_working_tree
from .server import Server, wait_for

LOCK = Path(__file__).with_name("requirements.txt")

TRACK = ("python", "-m", "reproducible_ml.tracking.server")

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


# A project after its first `make repro`, and what that printed.
Reproduced = tuple[Tracked, str]

# One worker of the tests runs all of them, so that one server serves them all.
ONE_WORKER = pytest.mark.xdist_group("tracking")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start a server, and end it with all the processes that it started."""
    folder = tmp_path_factory.mktemp("server")
    port = str(free_port())
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
def reproduced(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Reproduced:
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


@pytest.fixture
def project(
    reproduced: Reproduced, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Tracked]:
    """Return a reproduced project with an experiment of the test's own."""
    original, _ = reproduced
    folder = tmp_path / "project"
    shutil.copytree(original.folder, folder, symlinks=True)
    project = Tracked(folder)
    project.variables = {**original.variables, "MLFLOW_EXPERIMENT_NAME": name(request)}
    yield project
    shutil.rmtree(folder)


@pytest.fixture
def experiment(request: pytest.FixtureRequest) -> str:
    return name(request)


def name(request: pytest.FixtureRequest) -> str:
    return str(request.node.name)
