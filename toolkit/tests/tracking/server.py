"""A real MLflow server on this computer, and one between that breaks."""

import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from ..loopback import serving


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

    def pass_on(self, method: str, path: str, content: bytes) -> tuple[int, bytes]:
        """Return status and body of the answer to what somebody else asks."""
        kind = {"Content-Type": "application/json"}
        url = f"{self.uri}{path}"
        request = urllib.request.Request(url, content or None, kind, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()


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

    def answer(method: str, path: str, content: bytes) -> tuple[int, bytes] | None:
        if path.endswith("log-batch"):
            arrived.set()
            over.wait()
            return None
        return server.pass_on(method, path, content)

    with serving(answer) as place:
        try:
            yield f"http://{place}", arrived, over
        finally:
            over.set()
