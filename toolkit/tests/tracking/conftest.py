"""Results to log, and a real MLflow server on this computer."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

from ..copies import copy_project
from ..environments import environment, packages
from ..loopback import free_port
from ..report.conftest import PYPROJECT
from ..repository.conftest import Project, copy_of_working_tree
from .server import Server, wait_for

SERVER_LOCK = Path(__file__).with_name("requirements.txt")

RML = (sys.executable, "-m", "reproducible_ml.cli")

LOCK = {
    "schema": "2.0",
    "stages": {
        "train": {
            "cmd": "python",
            "outs": [
                {"path": "models/model.json", "md5": "1234", "size": 9},
                {"path": "models/model.skops", "md5": "5678", "size": 9},
            ],
        }
    },
}


@pytest.fixture
def result(project: Path) -> Path:
    """Return a folder, and the current one, as `rml repro` leaves it; not in Git."""
    (project / "dvc.yaml").write_text("stages: {}\n")
    (project / "dvc.lock").write_text(yaml.safe_dump(LOCK))
    (project / "pyproject.toml").write_text(PYPROJECT)
    for name, content in {
        "models/model.json": {"sha256": "abcd"},
        "reports/metrics.json": {"f1": None, "roc_auc": 0.75},
        "reports/evaluation.json": {
            "metrics": {"roc_auc": {"value": 0.75, "low": 0.5, "high": None}}
        },
    }.items():
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text(json.dumps(content))
    text = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(f"{text}tracking: mlflow\n")
    return project


class Tracked(Project):
    """A project whose results are logged to a server."""

    variables: dict[str, str]

    def environment(self) -> dict[str, str]:
        """Return variables with MLflow's client, without the user's settings of it."""
        kept = super().environment()
        kept = {k: v for k, v in kept.items() if not k.startswith("MLFLOW_")}
        path = os.pathsep.join([kept["PYTHONPATH"], str(packages("mlflow"))])
        return kept | {"PYTHONPATH": path, "NO_PROXY": "*"} | self.variables


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start a server, and end it with all the processes that it started."""
    folder = tmp_path_factory.mktemp("server")
    port = str(free_port())
    kept = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")}
    kept |= {"MLFLOW_DISABLE_TELEMETRY": "true"}
    kept |= {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    kept.pop("PYTHONPATH", None)
    command = [str(environment("tracking", SERVER_LOCK) / "mlflow"), "server"]
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
    """Return a project after its first `rml repro`, and what that printed."""
    folder = tmp_path_factory.mktemp("tracked")
    made = Tracked(copy_of_working_tree(folder).folder)
    made.variables = {"MLFLOW_TRACKING_URI": server.uri}
    text = made.read("params.yaml").replace("tracking: none", "tracking: mlflow")
    (folder / "params.yaml").write_text(text, "utf-8")
    return made, made.run(*RML, "repro").stdout


@pytest.fixture
def experiment(request: pytest.FixtureRequest) -> str:
    """MLflow's experiment of the test."""
    return str(request.node.name)


@pytest.fixture
def tracked(
    reproduced: tuple[Tracked, str], tmp_path: Path, experiment: str
) -> Iterator[Tracked]:
    """Return a reproduced project with an experiment of the test's own."""
    original, _ = reproduced
    folder = tmp_path / "project"
    copy_project(original.folder, folder)
    project = Tracked(folder)
    project.variables = {**original.variables, "MLFLOW_EXPERIMENT_NAME": experiment}
    yield project
    shutil.rmtree(folder)
