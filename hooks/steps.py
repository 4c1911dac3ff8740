"""After the files are written: remote, first commit, table, next steps.

A step that fails prints why; the project stays usable.
"""

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
    """Add the remote; at a first generation, also commit and read the table.

    Args:
        project: The new project.
        answers: By question. Under cruft they include `_commit`: it also generates
            projects just to compare them, and writes a file of its own after this.
        template: What `template()` of `hooks.source` returns.
    """
    folder = template["working_folder"]
    add_remote(project / ".dvc" / "config", answers, folder)
    first = "_commit" not in answers
    has_commit = first and commit_first(project, answers)
    source = read_source(answers["data_source"], folder)
    target = answers["target_column"]
    adopted = bool(source and has_commit) and adopt(project, source, target)
    data = ["make", "data", *_variables(source, target)]
    if first or project.parent == Path(folder):
        say(
            next_steps(
                project.name,
                has_commit=has_commit,
                data=shlex.join(data) if source and not adopted else "",
            )
        )


def say(text: str) -> None:
    """Print at once, in order with the output of commands."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def add_remote(config: Path, answers: Mapping[str, Any], working_folder: str) -> None:
    """Add the remote to the configuration of DVC; downloads are verified."""
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
    """Make the project a Git repository with one commit, or print why not."""
    if shutil.which("git") is None:
        say("Git is not installed: nothing was committed.")
        return False
    message = f"{answers['project_name']}: first version"
    try:
        # Without a repository of its own, the next commands would reach one around it.
        run_git(project, "init", "--quiet", "--initial-branch", "main")
        run_git(project, "add", "--all")
        author = _author(project, answers)
        run_git(project, *author, "commit", "--quiet", "--message", message)
    except subprocess.CalledProcessError:
        say("Nothing was committed. Fix what Git prints above, then type `git commit`.")
        return False
    return True


def _author(project: Path, answers: Mapping[str, Any]) -> list[str]:
    """Return options of Git to commit as the author, if Git has no user configured."""
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
    """Make the project about the user's own table, as part of the first commit."""
    if shutil.which("make") is None:
        say("make is not installed: the table was not read.")
        return False
    say(f"\nCreating the environment (a minute or two), then reading {source}.")
    command = ["make", "data", *_variables(source, target)]
    try:
        done = subprocess.run(command, cwd=project, env=variables(), check=False)
    except KeyboardInterrupt:
        say("\nStopped. The project is still about the sample.")
        return False
    if done.returncode:
        say("\nThe table was not accepted. The project is still about the sample.")
        return False
    try:
        run_git(project, "add", "--all")
        run_git(project, "commit", "--quiet", "--amend", "--no-edit")
    except subprocess.CalledProcessError:
        say("The table was read, but not committed. Fix what Git prints above.")
    return True


def _variables(source: str, target: str) -> list[str]:
    return [f"SOURCE={source}", f"TARGET={target}"]


def next_steps(folder: str, *, has_commit: bool, data: str) -> str:
    """Return the commands to type next, with what they do."""
    commit = "git init && git add --all && git commit -m 'First version'"
    steps = [
        (f"cd {folder}", ""),
        *([] if has_commit else [(commit, "")]),
        *([(data, "makes it about your table")] if data else []),
        ("make repro", "from raw data to metrics and plots"),
        ("make test", "linter, types, tests"),
    ]
    lines = [
        f"  {command:<12}  # {what}" if what else f"  {command}"
        for command, what in steps
    ]
    return "\n".join(["", f"Created {folder}. Next:", "", *lines])
