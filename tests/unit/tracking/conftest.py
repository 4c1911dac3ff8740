"""A project with a result, and what is needed to talk of it to a server."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import yaml

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
    """Return a folder, and the current one, as `make repro` leaves it; not in Git."""
    (project / "dvc.lock").write_text(yaml.safe_dump(LOCK))
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


def variables(**changed: object) -> dict[str, str]:
    """Return an environment without what this user told MLflow."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")}
    return kept | {"NO_PROXY": "*"} | {k: str(v) for k, v in changed.items()}


def run(*command: object, **changed: object) -> subprocess.CompletedProcess[str]:
    """Run Python in the current folder."""
    return subprocess.run(
        [sys.executable, *map(str, command)],
        env=variables(**changed),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture
def answering() -> Iterator[Callable[[int, bytes], str]]:
    """Start servers that say the same to everything; return their addresses."""
    servers: list[ThreadingHTTPServer] = []

    def start(status: int, body: bytes) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://user:s3cret@127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
