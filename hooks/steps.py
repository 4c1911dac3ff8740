"""What is done once a project is made; a step that fails says so and harms nothing."""

import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hooks.addresses import local_path
from hooks.git import run_git, variables


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
    message = f"{answers['project_name']}: first version"
    try:
        # Without a repository of its own, the next commands would reach one around it.
        run_git(project, "init", "--quiet", "--initial-branch", "main")
        run_git(project, "add", "--all")
        author = _author(project, answers)
        run_git(project, *author, "commit", "--quiet", "--message", message)
    except subprocess.CalledProcessError:
        say("Nothing was committed: see what Git says above, then `git commit`.")
        return False
    return True


def _author(project: Path, answers: Mapping[str, Any]) -> list[str]:
    """Return Git's options to commit as the author, where Git knows nobody better."""
    known = run_git(project, "config", "--default", "", "--get", "user.email").strip()
    if known or not answers["author_email"]:
        return []
    name, email = answers["author_name"], answers["author_email"]
    return ["-c", f"user.name={name}", "-c", f"user.email={email}"]


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
        done = subprocess.run(command, cwd=project, env=variables(), check=False)
    except KeyboardInterrupt:
        say("\nStopped: the project is still about the sample.")
        return False
    if done.returncode:
        say("\nThe table was not taken, so the project is still about the sample.")
        return False
    try:
        run_git(project, "add", "--all")
        run_git(project, "commit", "--quiet", "--amend", "--no-edit")
    except subprocess.CalledProcessError:
        say("The table was read, but not committed: see what Git says above.")
    return True


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
