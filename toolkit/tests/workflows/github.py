"""A server that answers as GitHub does, and notes what GitHub would refuse."""

import http.server
import json
import re
import urllib.parse
from http import HTTPStatus
from typing import Any

REPOSITORY = "ada/churn"

# What GitHub's description of its API allows of the calls that are made: parameters of
# the address, keys of the content and whether they must be there.
WHOLE = r"[1-9]\d*"
PAGES = {"per_page": r"[1-9]\d?|100", "page": WHOLE}
LIST_PULLS = {"state": "open|closed|all", "head": r"[\w-]+:.+", **PAGES}
# Method, path, parameters and keys of the content.
CALLS: tuple[tuple[str, str, dict[str, str], set[str]], ...] = (
    ("GET", "pulls", LIST_PULLS, set()),
    ("GET", rf"issues/{WHOLE}/comments", PAGES, set()),
    ("POST", rf"issues/{WHOLE}/comments", {}, {"body"}),
    ("PATCH", rf"issues/comments/{WHOLE}", {}, {"body"}),
)


class GitHub(http.server.ThreadingHTTPServer):
    """A repository with pull requests and comments; remembers what was asked of it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.pulls: list[dict[str, Any]] = []
        self.comments: list[dict[str, Any]] = []
        self.written: list[tuple[str, str, str]] = []
        self.wrong: list[str] = []
        # Statuses with which the next requests of a method are refused.
        self.refusals: dict[str, list[int]] = {}


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers as GitHub does, and notes what GitHub would refuse."""

    server: GitHub

    def log_message(self, format: str, *arguments: object) -> None:
        """Keep quiet."""

    def is_refused(self) -> bool:
        """Say whether this request is refused, and if so answer it."""
        if not (waiting := self.server.refusals.get(self.command)):
            return False
        self.answer(HTTPStatus(waiting.pop(0)), {"message": "no"})
        return True

    def do_GET(self) -> None:
        path, query, _ = self.read()
        if self.is_refused():
            return
        items = self.server.comments
        if path == "pulls":
            items = [
                p for p in self.server.pulls if p["head"]["label"] == query["head"]
            ]
        size, page = int(query.get("per_page", 30)), int(query.get("page", 1))
        self.answer(HTTPStatus.OK, items[(page - 1) * size : page * size])

    def do_POST(self) -> None:
        self.write(HTTPStatus.CREATED)

    def do_PATCH(self) -> None:
        self.write(HTTPStatus.OK)

    def write(self, status: HTTPStatus) -> None:
        path, _, content = self.read()
        if self.is_refused():
            return
        self.server.written.append((self.command, path, content["body"]))
        self.answer(status, {"id": 1, **content})

    def read(self) -> tuple[str, dict[str, str], dict[str, str]]:
        """Return path, parameters and content; note what does not fit the API."""
        url = urllib.parse.urlsplit(self.path)
        path = url.path.removeprefix(f"/api/repos/{REPOSITORY}/")
        query = dict(urllib.parse.parse_qsl(url.query))
        length = int(self.headers.get("Content-Length", 0))
        content = json.loads(self.rfile.read(length)) if length else {}
        if not self.fits(path, query, content):
            self.server.wrong.append(f"{self.command} {self.path} {content}")
        return path, query, content

    def fits(self, path: str, query: dict[str, str], content: dict[str, str]) -> bool:
        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": "Bearer secret",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        return all(
            self.headers[name] == text for name, text in headers.items()
        ) and any(
            re.fullmatch(form, path)
            and all(re.fullmatch(allowed[k], v) for k, v in query.items())
            and set(content) == keys
            and all(isinstance(v, str) and len(v) <= 65536 for v in content.values())
            for method, form, allowed, keys in CALLS
            if method == self.command and set(query) <= set(allowed)
        )

    def answer(self, status: HTTPStatus, content: object) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
