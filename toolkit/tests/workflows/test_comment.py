"""The comment on a pull request: the step's own lines against a server on loopback."""

import os
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import run_step, steps_of
from .github import REPOSITORY, GitHub

SHA = "c0ffee" + "0" * 34
BOT = "github-actions[bot]"
[STEP] = [step for step in steps_of("comment") if "run" in step]
MARKER = str(re.findall('MARKER = "(.*)"', STEP["run"])[0])


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

    def run(
        report: str | None = "# Report\n", head: str = "ada:more-trees", code: int = 0
    ) -> str:
        (tmp_path / "report").mkdir(exist_ok=True)
        if report is not None:
            (tmp_path / "report" / "report.md").write_text(report, "utf-8")
        variables = {
            "GITHUB_API_URL": f"http://127.0.0.1:{github.server_port}/api",
            "GITHUB_REPOSITORY": REPOSITORY,
            "HEAD": head,
            "HEAD_SHA": SHA,
            "PATH": os.environ["PATH"],
            "TOKEN": "secret",
            "WAIT": "0",
        }
        assert variables.keys() >= STEP["env"].keys()
        done = run_step(STEP, tmp_path, tmp_path / "step.py", variables)
        assert done.returncode == code, done.stdout
        assert "Traceback" not in done.stdout
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
    text = f"{MARKER}\n# Report\n\nümläut | `x` @\u2060ada\n"
    assert github.written == [("POST", "issues/7/comments", text)]


def test_next_report_replaces_the_last(
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
        # GitHub's description allows a comment of nobody, and one without a text.
        {"id": 1, "user": None, "body": MARKER},
        {"id": 1, "user": {"login": BOT}},
    ],
    ids=["person", "other bot", "other workflow", "quotation", "nobody", "no text"],
)
def test_comment_of_others_stays(
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


def test_closed_or_newer_pull_request_gets_no_comment(
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


def test_what_the_pull_request_wrote_does_not_act(
    github: GitHub, post: Callable[..., str]
) -> None:
    github.pulls = [pull(7)]
    post("@octocat `@ada` a@b.org <img src=x> <!-- </details> <details> 1 < 2 <a/>\n")
    [(_, _, body)] = github.written
    text = body.removeprefix(f"{MARKER}\n").replace("\u2060", "|")
    assert text.startswith("@|octocat `@|ada` a@|b.org <|img src=x> <|!-- </details>")
    assert text.endswith(" <details> 1 < 2 <|a/>\n")


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_report_that_is_no_plain_file_is_an_error(
    kind: str, github: GitHub, post: Callable[..., str], tmp_path: Path
) -> None:
    github.pulls = [pull(7)]
    path = tmp_path / "report" / "report.md"
    path.parent.mkdir()
    (tmp_path / "secret").write_text("secret")
    if kind == "link":
        path.symlink_to(tmp_path / "secret")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    assert post(None, code=1).startswith("error: report/report.md: ")
    assert github.written == []


def test_run_without_a_report_posts_nothing(
    github: GitHub, post: Callable[..., str]
) -> None:
    github.pulls = [pull(7)]
    assert "made no report" in post(None)
    assert github.written == []


@pytest.mark.parametrize("status", [403, 404, 422, 500])
def test_refusal_is_an_error_of_one_line(
    status: int, github: GitHub, post: Callable[..., str]
) -> None:
    github.pulls = [pull(7)]
    github.refusals = {"POST": [status]}
    [line] = post(code=1).splitlines()
    assert line.startswith(f"error: POST issues/7/comments: GitHub says {status}: ")


def test_request_is_repeated_where_that_may_help(
    github: GitHub, post: Callable[..., str]
) -> None:
    github.pulls = [pull(7)]
    github.comments = [comment(5, f"{MARKER}\nold")]
    github.refusals = {"GET": [502, 429], "PATCH": [503]}
    post()
    assert [command for command, _, _ in github.written] == ["PATCH"]
    github.refusals = {"GET": [502] * 9}
    assert "GitHub says 502" in post(code=1)


def test_deleted_comment_is_replaced_by_a_new_one(
    github: GitHub, post: Callable[..., str]
) -> None:
    github.pulls = [pull(7)]
    github.comments = [comment(5, f"{MARKER}\nold")]
    github.refusals = {"PATCH": [404]}
    post()
    assert [command for command, _, _ in github.written] == ["POST"]
