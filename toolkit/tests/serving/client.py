"""Applications and servers of the tests, and how to talk to them."""

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pandas as pd
import uvicorn
from fastapi import FastAPI

from reproducible_ml.serving.service.app import make_app
from reproducible_ml.serving.service.run import PatientProtocol
from reproducible_ml.serving.service.settings import Settings
from tumour_diagnosis.deployment.predict import Predict, load, predict

from ..loopback import free_port

ROOT = Path(__file__).resolve().parents[3]


def application(folder: Path, **settings: Any) -> FastAPI:
    """Return the application for the model in a folder, without reloading."""
    chosen = {"reload_seconds": 0, "drain_seconds": 0, "name": "orders"} | settings
    return make_app(
        lambda path: load(path, Predict()), predict, Settings(model=folder, **chosen)
    )


def ask(app: FastAPI, *calls: Callable[[httpx.AsyncClient], Awaitable[Any]]) -> Any:
    """Return the responses to calls, all at once; of one call, its response."""

    async def run() -> list[Any]:
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://test") as client,
        ):
            return list(await asyncio.gather(*(call(client) for call in calls)))

    found = asyncio.run(run())
    return found[0] if len(calls) == 1 else found


def post(
    app: FastAPI, content: Any, path: str = "/predict", **headers: str
) -> httpx.Response:
    """Send JSON, or bytes as they are."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    sent = {"content-type": "application/json"} | sent
    response: httpx.Response = ask(
        app, lambda client: client.post(path, content=body, headers=sent)
    )
    return response


def get(app: FastAPI, path: str, **headers: str) -> httpx.Response:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    response: httpx.Response = ask(app, lambda client: client.get(path, headers=sent))
    return response


def as_records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as a client sends them."""
    texts = rows.assign(
        ordered_at=rows["ordered_at"].dt.strftime("%Y-%m-%dT%H:%M:%S")
    ).astype(object)
    records: list[Any] = texts.where(texts.notna(), None).to_dict("records")
    return records


@contextmanager
def in_thread(app: FastAPI) -> Iterator[str]:
    """Yield the address of a server in this process."""
    port = free_port()
    config = uvicorn.Config(
        app, port=port, http=PatientProtocol, ws="none", log_config=None
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(20)
    assert not thread.is_alive()


class Running(NamedTuple):
    """A server in a process of its own."""

    url: str
    process: "subprocess.Popen[str]"
    lines: list[str]

    def events(self) -> list[dict[str, Any]]:
        """Return the log so far."""
        return [json.loads(line) for line in list(self.lines)]

    def wait_for(self, event: str, seconds: float = 30) -> dict[str, Any]:
        """Return the first event of this name, as soon as it is logged."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for found in self.events():
                if found["event"].startswith(event):
                    return found
            assert self.process.poll() is None, self.lines
            time.sleep(0.02)
        raise AssertionError(f"no {event!r} in {self.lines}")


@contextmanager
def in_process(folder: Path, *options: str, **settings: str) -> Iterator[Running]:
    """Yield a server that `rml serve` started; it is ended."""
    port = free_port()
    process = start(folder, "--port", str(port), *options, **settings)
    running = Running(f"http://127.0.0.1:{port}", process, [])
    assert process.stderr
    reader = threading.Thread(
        target=lambda: running.lines.extend(process.stderr or ()), daemon=True
    )
    reader.start()
    try:
        running.wait_for("Application startup complete")
        yield running
    finally:
        process.terminate()
        process.wait(30)
        reader.join(5)
        process.stderr.close()


def start(folder: Path, *options: str, **settings: str) -> "subprocess.Popen[str]":
    """Start `rml serve` for the model in a folder."""
    variables = {f"RML_SERVE_{name.upper()}": text for name, text in settings.items()}
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "reproducible_ml.cli", "serve"),
            *("--model", str(folder), "--name", "orders", *options),
        ],
        cwd=ROOT,
        env=os.environ | variables,
        stderr=subprocess.PIPE,
        text=True,
    )
