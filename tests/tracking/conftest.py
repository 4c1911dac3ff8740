"""A real MLflow server on this computer, and a project whose results it shows."""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from ..environments import environment, packages
from ..pipeline.conftest import Project, copy_of_working_tree

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


class Server:
    """What the server knows, asked for by its own interface."""

    def __init__(self, uri: str) -> None:
        self.uri = uri

    def ask(self, path: str, **content: Any) -> Any:
        """Return the server's answer."""
        request = urllib.request.Request(
            f"{self.uri}/api/2.0/mlflow/{path}",
            json.dumps(content).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def runs(self, experiment: str) -> list[dict[str, Any]]:
        """Return status, and params, metrics and tags by name; the newest first."""
        found = self.ask(
            "experiments/search", max_results=1, filter=f"name = '{experiment}'"
        )
        numbers = [item["experiment_id"] for item in found.get("experiments", ())]
        found = self.ask("runs/search", experiment_ids=numbers, max_results=100)
        return [
            {"status": run["info"]["status"], "name": run["info"]["run_name"]}
            | {
                kind: {item["key"]: item["value"] for item in run["data"].get(kind, ())}
                for kind in ("params", "metrics", "tags")
            }
            for run in found.get("runs", ())
        ]


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


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return once the server answers."""
    for _ in range(600):
        with suppress(OSError), urllib.request.urlopen(url, timeout=5):
            return
        assert process.poll() is None, log.read_text()
        time.sleep(0.2)
    pytest.fail(log.read_text())


@contextmanager
def broken(server: Server) -> Iterator[tuple[str, Event, Event]]:
    """Yield the address of a server that does not answer when metrics arrive.

    The first event is set once they do; the second lets it end the connection.
    """
    arrived, over = Event(), Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.endswith("log-batch"):
                arrived.set()
                over.wait()
                return
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            kind = {"Content-Type": "application/json"}
            address = f"{server.uri}{self.path}"
            request = urllib.request.Request(
                address, content or None, kind, method=self.command
            )
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    status, body = answer.status, answer.read()
            except urllib.error.HTTPError as error:
                status, body = error.code, error.read()
                error.close()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    between = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=between.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{between.server_port}", arrived, over
    finally:
        over.set()
        between.shutdown()
        between.server_close()


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
