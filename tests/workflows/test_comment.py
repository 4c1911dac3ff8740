"""The comment on a pull request: the step's own lines against a server on loopback."""

import http.server
import json
import os
import re
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from .conftest import run_step, steps_of

REPOSITORY = "ada/churn"
SHA = "c0ffee" + "0" * 34
BOT = "github-actions[bot]"
[STEP] = [step for step in steps_of("comment") if "run" in step]
MARKER = str(re.findall('MARKER = "(.*)"', STEP["run"])[0])

# What GitHub's description of its API allows of the calls that are made: parameters of
# the address, keys of the content and whether they must be there.
WHOLE = r"[1-9]\d*"
PAGES = {"per_page": r"[1-9]\d?|100", "page": WHOLE}
LIST_PULLS = {"state": "open|closed|all", "head": r"[\w-]+:.+", **PAGES}
Call = tuple[str, dict[str, str], set[str]]
CALLS: dict[str, Call] = {
    "GET": ("pulls", LIST_PULLS, set()),
    "GET ": (rf"issues/{WHOLE}/comments", PAGES, set()),
    "POST": (rf"issues/{WHOLE}/comments", {}, {"body"}),
    "PATCH": (rf"issues/comments/{WHOLE}", {}, {"body"}),
}


class GitHub(http.server.ThreadingHTTPServer):
    """A repository with pull requests and comments; remembers what was asked of it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.pulls: list[dict[str, Any]] = []
        self.comments: list[dict[str, Any]] = []
        self.written: list[tuple[str, str, str]] = []
        self.wrong: list[str] = []


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers as GitHub does, and notes what GitHub would refuse."""

    server: GitHub

    def log_message(self, format: str, *arguments: object) -> None:
        """Keep quiet."""

    def do_GET(self) -> None:
        path, query, _ = self.read()
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
        calls = [call for name, call in CALLS.items() if name.strip() == self.command]
        return all(
            self.headers[name] == text for name, text in headers.items()
        ) and any(
            re.fullmatch(form, path)
            and all(re.fullmatch(allowed[k], v) for k, v in query.items())
            and set(content) == keys
            and all(isinstance(v, str) and len(v) <= 65536 for v in content.values())
            for form, allowed, keys in calls
            if set(query) <= set(allowed)
        )

    def answer(self, status: HTTPStatus, content: object) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def github() -> Iterator[GitHub]:
    with GitHub() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
        assert server.wrong == []


@pytest.fixture
def post(github: GitHub, tmp_path: Path) -> Callable[..., str]:
    """Run the step with a report and the owner of a branch; return what it prints."""

    def run(report: str = "# Report\n", head: str = "ada:more-trees") -> str:
        (tmp_path / "report").mkdir()
        (tmp_path / "report" / "report.md").write_text(report, "utf-8")
        variables = {
            "GITHUB_API_URL": f"http://127.0.0.1:{github.server_port}/api",
            "GITHUB_REPOSITORY": REPOSITORY,
            "HEAD": head,
            "HEAD_SHA": SHA,
            "PATH": os.environ["PATH"],
            "TOKEN": "secret",
        }
        assert variables.keys() >= STEP["env"].keys()
        done = run_step(STEP, tmp_path, tmp_path / "step.py", variables)
        assert done.returncode == 0, done.stdout
        return done.stdout

    return run


def pull(number: int, sha: str = SHA, head: str = "ada:more-trees") -> dict[str, Any]:
    return {"number": number, "head": {"sha": sha, "label": head}}


def comment(number: int, body: str, login: str = BOT) -> dict[str, Any]:
    return {"id": number, "user": {"login": login}, "body": body}


def test_first_report_is_a_new_comment(
    github: GitHub, post: Callable[..., str]
) -> None:
    github.pulls = [pull(6, sha="0" * 40), pull(7)]
    github.comments = [comment(1, "Nice!", "ada")]
    post("# Report\n\nümläut | `x` @ada\n")
    text = f"{MARKER}\n# Report\n\nümläut | `x` @ada\n"
    assert github.written == [("POST", "issues/7/comments", text)]


def test_next_report_takes_the_place_of_the_last(
    github: GitHub, post: Callable[..., str]
) -> None:
    github.pulls = [pull(7)]
    github.comments = [comment(n, "talk", "ada") for n in range(1, 151)]
    github.comments += [comment(151, f"{MARKER}\nold"), comment(152, "more", "ada")]
    post()
    assert github.written == [("PATCH", "issues/comments/151", f"{MARKER}\n# Report\n")]


@pytest.mark.parametrize(
    "other",
    [
        comment(1, f"{MARKER}\nI write this, not the bot", "mallory"),
        comment(1, f"{MARKER}\nanother bot", "dependabot[bot]"),
        comment(1, "a report of another workflow"),
        comment(1, f"I quote: {MARKER}"),
        # GitHub's description allows a comment of nobody.
        {"id": 1, "user": None, "body": MARKER},
    ],
    ids=["person", "other bot", "other workflow", "quotation", "nobody"],
)
def test_comment_that_is_not_ours_stays(
    other: dict[str, Any], github: GitHub, post: Callable[..., str]
) -> None:
    github.pulls = [pull(7)]
    github.comments = [other]
    post()
    assert [command for command, _, _ in github.written] == ["POST"]


def test_pull_request_of_a_fork_is_found_by_its_commit(
    github: GitHub, post: Callable[..., str]
) -> None:
    # Both have a branch of this name; a branch's name may hold anything but blanks.
    head = "mallory:a&head=x/#;$(id)"
    github.pulls = [pull(1, sha="1" * 40, head=head), pull(2), pull(3, head=head)]
    post(head=head)
    assert [path for _, path, _ in github.written] == ["issues/3/comments"]


def test_pull_request_that_went_on_or_was_closed_is_left_alone(
    github: GitHub, post: Callable[..., str]
) -> None:
    github.pulls = [pull(7, sha="0" * 40)]
    assert "No open pull request" in post()
    assert github.written == []


def test_report_that_is_too_long_is_cut(
    github: GitHub, post: Callable[..., str]
) -> None:
    github.pulls = [pull(7)]
    post("ü" * 100_000)
    [(_, _, body)] = github.written
    assert len(body) < 65_536
