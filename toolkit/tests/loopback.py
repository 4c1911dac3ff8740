"""HTTP servers of the tests, on this computer alone and for as long as a test."""

import hashlib
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import (
    BaseHTTPRequestHandler,
    SimpleHTTPRequestHandler,
    ThreadingHTTPServer,
)
from pathlib import Path
from threading import Thread


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


# Status and body for a method, a path and a body; None: no answer at all.
Answer = Callable[[str, str, bytes], tuple[int, bytes] | None]


@contextmanager
def serving(answer: Answer) -> Iterator[str]:
    """Yield the host and port of a server that answers so."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            found = answer(self.command, self.path, content)
            if found is None:
                return
            status, body = found
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class FilesWithVersions(SimpleHTTPRequestHandler):
    """Serves files with an ETag, by which DVC knows a version."""

    def end_headers(self) -> None:
        file = Path(self.translate_path(self.path))
        if file.is_file():
            digest = hashlib.md5(file.read_bytes()).hexdigest()
            self.send_header("ETag", f'"{digest}"')
        super().end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        """Keep quiet."""
