"""`rml site --serve`: a preview that follows changes of the files."""

import contextlib
import functools
import http.server
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from reproducible_ml.core.errors import UserError, one_line
from reproducible_ml.core.project import Project
from reproducible_ml.site.build import SITE, Built, build
from reproducible_ml.versioning.once import repository_files

# Seconds between two looks at the files.
PAUSE = 1.0


def show(built: Built, stream: TextIO) -> None:
    """Print where a site is, and notes."""
    for note in built.notes:
        sys.stderr.write(f"warning: {one_line(note)}\n")
    words = "built" if built.is_new else "up to date"
    stream.write(f"{SITE}/index.html is {words}.\n")
    stream.flush()


def serve(
    project: Project, helps: Mapping[str, str], port: int, *, browser: bool
) -> None:
    """Serve the site on this computer alone, until Ctrl-C.

    Args:
        project: Whose root is the current folder.
        helps: As `build` takes them.
        port: 0 for a free one.
        browser: Whether to open it.
    """
    show(build(project, helps), sys.stdout)

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            """Say nothing of each request."""

        def end_headers(self) -> None:
            self.send_header("Cache-Control", "no-store")
            super().end_headers()

    handler = functools.partial(Handler, directory=str(project.root / SITE))
    try:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    except (OSError, OverflowError) as error:
        raise UserError(
            f"--port {port}: cannot be used: {error}. Fix: another one, or 0"
        ) from error
    with server:
        address = f"http://127.0.0.1:{server.server_port}/"
        sys.stdout.write(f"Serving {address} (Ctrl-C ends it)\n")
        sys.stdout.flush()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        if browser:
            import webbrowser

            webbrowser.open(address)
        _follow(project, helps)


def _follow(project: Project, helps: Mapping[str, str]) -> None:
    """Build again after each change; print what is wrong, and wait until it is not."""
    before = _dates(project.root)
    while True:
        time.sleep(PAUSE)
        now = _dates(project.root)
        if now == before:
            continue
        before = now
        try:
            show(build(project, helps), sys.stdout)
        except UserError as error:
            for line in str(error).splitlines():
                sys.stderr.write(f"error: {one_line(line)}\n")


def _dates(root: Path) -> dict[str, int]:
    """Return when each file was changed last."""
    dates = {}
    for path in repository_files(root):
        with contextlib.suppress(OSError):
            dates[str(path)] = path.stat().st_mtime_ns
    return dates
