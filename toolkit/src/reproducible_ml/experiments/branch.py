"""`rml branch`: make a Git branch of an experiment."""

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

from reproducible_ml.core.errors import UserError, one_line
from reproducible_ml.versioning.dvc import default_remote, run_dvc
from reproducible_ml.versioning.git import (
    Revision,
    find_commit,
    find_experiments,
    run_git,
)
from reproducible_ml.versioning.lock import LOCK

# Names of experiments that an error lists.
SHOWN = 20


def make_branch(root: Path, name: str) -> str:
    """Make a branch of an experiment, and return the branch's name.

    Raises:
        UserError: There is no such experiment, or such a branch already.
    """
    known = find_experiments(root)
    if name not in known:
        raise UserError(f"{_unknown(name)} {_list([*known])}")
    branch = f"exp/{name}"
    if find_commit(root, f"refs/heads/{branch}"):
        raise UserError(
            f"{branch}: this branch exists already. To look at it: git switch {branch}."
            f" To remove it: git branch --delete {branch}"
        )
    if find_commit(root, "refs/heads/exp"):
        raise UserError(
            f"{branch}: Git cannot make it while there is a branch `exp`. Rename that:"
            " git branch --move exp other-name"
        )
    run_dvc("exp", "branch", name, branch, cwd=root)
    return branch


def _unknown(name: str) -> str:
    return f"{one_line(name)}: no such experiment." if name else "Which experiment?"


def _list(names: list[str]) -> str:
    if not names:
        return "There are none yet: rml exp -S train.seed=1"
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"There are: {', '.join(map(one_line, names[:SHOWN]))}{more}"


def what_next(root: Path, branch: str) -> Iterator[str]:
    """Yield the commands for a pull request, each with a comment."""
    here, there = Revision(root).text(LOCK), Revision(root, branch).text(LOCK)
    quoted = shlex.quote(branch)
    clean = not run_git(root, "diff", "--name-only", "HEAD")
    away = "" if clean else "git stash && "
    look = f"{away}git switch {quoted} && dvc checkout"
    if default_remote(root):
        # `dvc push` pushes what dvc.lock in the working tree names.
        push = "dvc push" if here == there else f"{look} && dvc push"
        yield f"{push}   # data and model"
    else:
        yield f"{look}   # data stay on this computer: there is no DVC remote"
    remotes = (run_git(root, "remote") or b"").decode().split()
    if not remotes:
        yield "git remote add origin ADDRESS   # there is no Git remote yet"
    remote = "origin" if "origin" in remotes or not remotes else remotes[0]
    yield f"git push --set-upstream {remote} {quoted}   # code, parameters, results"
    yield f"gh pr create --head {quoted} --fill   # or in a browser:"
    yield f"# {_page(root, remote, branch)}"


def _page(root: Path, remote: str, branch: str) -> str:
    """Return the address of GitHub's form for a pull request."""
    address = (run_git(root, "remote", "get-url", remote) or b"").decode().strip()
    found = re.search(r"github\.com[:/](.+?)/?(?:\.git)?$", address)
    project = (
        f"https://github.com/{found[1]}" if found else "https://github.com/OWNER/NAME"
    )
    return f"{project}/compare/{branch}?expand=1"


def branch(root: Path, name: str) -> None:
    """Make a branch of an experiment, and print what to type next."""
    made = make_branch(root, name)
    lines = "\n".join(f"    {one_line(line)}" for line in what_next(root, made))
    sys.stdout.write(f"Made the branch {one_line(made)}. Next:\n\n{lines}\n")
