"""What is done once a project is made; a step that fails says so and harms nothing."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hooks.addresses import local_path


def prepare(
    project: Path, answers: Mapping[str, Any], template: Mapping[str, Any]
) -> None:
    """Add the remote; at a first generation also Git and data, and say what is next.

    Args:
        project: The new project.
        answers: By question; `_commit` is there under cruft, which makes projects to
            compare them as well, and writes a file of its own after this.
        template: What `hooks.source` tells.
    """
    folder = template["working_folder"]
    add_remote(project / ".dvc" / "config", answers, folder)
    first = "_commit" not in answers
    has_commit = first and commit_first(project, answers)
    source = read_source(answers["data_source"], folder)
    adopted = bool(source and has_commit) and adopt(
        project, source, answers["target_column"]
    )
    if first or project.parent == Path(folder):
        say(
            next_steps(
                project.name,
                has_commit=has_commit,
                data="" if adopted or not source else _data_line(source, answers),
            )
        )


def say(text: str) -> None:
    """Print at once, in order with what the commands print."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def add_remote(config: Path, answers: Mapping[str, Any], working_folder: str) -> None:
    """Let DVC store data and models as answered, and check what comes back."""
    if answers["remote"] == "none":
        return
    url = answers["remote_url"]
    if answers["remote"] == "local":
        url = local_path(url, working_folder).as_posix()
    text = config.read_text("utf-8").replace(
        "[core]\n", "[core]\n    remote = storage\n"
    )
    text += f"['remote \"storage\"']\n    url = {url}\n    verify = true\n"
    config.write_text(text, "utf-8", newline="\n")


def commit_first(project: Path, answers: Mapping[str, Any]) -> bool:
    """Make the project a Git repository with one commit, or say why not."""
    if shutil.which("git") is None:
        say("Git is not installed, so nothing was committed.")
        return False
    author = [] if _git(project, "config", "user.email") else _author(answers)
    _git(project, "init", "--quiet", "--initial-branch", "main")
    _git(project, "add", "--all")
    message = f"{answers['project_name']}: first version"
    if _git(project, *author, "commit", "--quiet", "--message", message) is None:
        say("Nothing was committed: see what Git says above, then `git commit`.")
        return False
    return True


def _author(answers: Mapping[str, Any]) -> list[str]:
    """Return Git's options to commit as the author, where Git knows nobody better."""
    if not answers["author_email"]:
        return []
    name, email = answers["author_name"], answers["author_email"]
    return ["-c", f"user.name={name}", "-c", f"user.email={email}"]


def _git(project: Path, *arguments: str) -> str | None:
    """Run Git in the project; return what it prints, or nothing if it fails."""
    # A hook of Git's may have called cookiecutter: its repository is not this one.
    variables = {k: v for k, v in os.environ.items() if not k.startswith("GIT_DIR")}
    done = subprocess.run(
        ["git", *arguments],
        cwd=project,
        env=variables,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    return done.stdout if done.returncode == 0 else None


def read_source(answer: str, working_folder: str) -> str:
    """Return the path or URL of the user's table; nothing for the sample."""
    if answer == "sample":
        return ""
    return answer if "://" in answer else str(local_path(answer, working_folder))


def adopt(project: Path, source: str, target: str) -> bool:
    """Turn the project to the user's own table, as part of the first commit."""
    if shutil.which("make") is None:
        say("make is not installed, so the table was not read.")
        return False
    say(f"\nReading {source}, after creating the environment (a minute or two).")
    command = ["make", "data", *(_variable(*v) for v in _options(source, target))]
    try:
        done = subprocess.run(command, cwd=project, check=False)
    except KeyboardInterrupt:
        say("\nStopped: the project is still about the sample.")
        return False
    if done.returncode:
        say("\nThe table was not taken, so the project is still about the sample.")
        return False
    _git(project, "add", "--all")
    return _git(project, "commit", "--quiet", "--amend", "--no-edit") is not None


def _options(source: str, target: str) -> list[tuple[str, str]]:
    return [("SOURCE", source), ("TARGET", target)]


def _variable(name: str, value: str) -> str:
    """Return a variable for make, to which a dollar is special."""
    return f"{name}={value}".replace("$", "$$")


def _data_line(source: str, answers: Mapping[str, Any]) -> str:
    options = _options(source, answers["target_column"])
    return shlex.join(["make", "data", *(_variable(*option) for option in options)])


def next_steps(folder: str, *, has_commit: bool, data: str) -> str:
    """Return the commands to type in the new project, with what they do."""
    commit = "git init && git add --all && git commit -m 'First version'"
    steps = [
        (f"cd {folder}", ""),
        *([] if has_commit else [(commit, "")]),
        *([(data, "turns it to your table")] if data else []),
        ("make repro", "from raw data to metrics and plots"),
        ("make test", "checks everything"),
    ]
    lines = [
        f"  {command:<12}{f'  # {what}' if what else ''}" for command, what in steps
    ]
    return "\n".join(["", f"{folder} is there. Next:", "", *lines])
