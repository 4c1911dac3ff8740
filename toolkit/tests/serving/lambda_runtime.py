"""The Runtime API of AWS Lambda, as its real client meets it."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from fastapi import FastAPI

    from reproducible_ml.serving.serverless import Handler

VERSION = "/2018-06-01/runtime"


class Outcome(NamedTuple):
    """What the function did: `response`, `error` or `init/error`, and its content."""

    what: str
    content: Any


class Function:
    """A function that runs in another process."""

    def __init__(self) -> None:
        self.events: Queue[bytes] = Queue()
        self.outcomes: Queue[Outcome] = Queue()

    def invoke(self, event: Any) -> Outcome:
        """Return what becomes of an event: a value, or bytes as they are."""
        content = event if isinstance(event, bytes) else json.dumps(event).encode()
        self.events.put(content)
        return self.outcomes.get(timeout=30)


@contextmanager
def handling(app: "FastAPI") -> Iterator["Handler"]:
    """Yield the handler of a function, which runs in this process."""
    from reproducible_ml.serving.serverless import Handler

    handler = Handler(app)
    try:
        yield handler
    finally:
        handler.loop.run_until_complete(handler.service.main.predictor.close())
        handler.loop.close()
        asyncio.set_event_loop(None)


@contextmanager
def running(
    folder: Path, handler: str, **environment: str
) -> Iterator[tuple[Function, "subprocess.Popen[str]"]]:
    """Yield a function in a folder, and the process of awslambdaric that runs it."""
    function = Function()

    class Api(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet

        def do_GET(self) -> None:
            assert self.path == f"{VERSION}/invocation/next"
            content = function.events.get()
            self.send_response(200)
            self.send_header("Lambda-Runtime-Aws-Request-Id", "id-1")
            self.send_header("Lambda-Runtime-Deadline-Ms", "4000000000000")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            what = self.path.removeprefix(f"{VERSION}/").removeprefix(
                "invocation/id-1/"
            )
            function.outcomes.put(Outcome(what, json.loads(content)))
            self.send_response(202)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Say nothing: the client is killed while it waits."""

    server = Server(("127.0.0.1", 0), Api)
    Thread(target=server.serve_forever, daemon=True).start()
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    process = subprocess.Popen(
        [sys.executable, "-m", "awslambdaric", handler],
        cwd=folder,
        env={
            **kept,
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.server_port}",
            "PYTHONPATH": f"{folder / 'code'}:{folder / 'toolkit' / 'src'}",
            **environment,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield function, process
    finally:
        process.kill()
        process.communicate()
        server.shutdown()
        server.server_close()
