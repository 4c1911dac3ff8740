"""Names of the experiments in a repository: DVC keeps each as a Git reference."""

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.text import plain
from reproducible_ml.report.gates import default_remote
from reproducible_ml.versioning.dvc import run_dvc
from reproducible_ml.versioning.git import (
    Revision,
    find_commit,
    find_experiments,
    run_git,
)
from reproducible_ml.versioning.lock import LOCK

# Below refs/exps also stand notes of DVC's own. An experiment has the commit that it
# was based on in its reference, then its name.
# Names that are listed where none fits.
SHOWN = 20


def make_branch(root: Path, name: str) -> str:
    """Make a branch of an experiment, and return the branch's name.

    Raises:
        UserError: There is no such experiment, or such a branch already.
    """
    known = find_experiments(root)
    if name not in known:
        raise UserError(f"{_wrong(name)} {_list([*known])}")
    branch = f"exp/{name}"
    if find_commit(root, f"refs/heads/{branch}"):
        raise UserError(
            f"{branch}: is there already, and stays as it is. To look at it:"
            f" git switch {branch}. To do without it: git branch --delete {branch}"
        )
    if find_commit(root, "refs/heads/exp"):
        raise UserError(
            f"a branch named exp leaves no room for {branch}. Give it another name:"
            " git branch --move exp other-name"
        )
    run_dvc("exp", "branch", name, branch, cwd=root)
    return branch


def _wrong(name: str) -> str:
    return (
        f"{plain(name)}: there is no such experiment." if name else "Which experiment?"
    )


def _list(names: list[str]) -> str:
    if not names:
        return "There are none yet: rml exp -S train.seed=1"
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"There are: {', '.join(map(plain, names[:SHOWN]))}{more}"


def what_next(root: Path, branch: str) -> Iterator[str]:
    """Yield the lines to type for a pull request, with a word on each."""
    here, there = Revision(root).text(LOCK), Revision(root, branch).text(LOCK)
    quoted = shlex.quote(branch)
    clean = not run_git(root, "diff", "--name-only", "HEAD")
    away = "" if clean else "git stash && "
    look = f"{away}git switch {quoted} && dvc checkout"
    if default_remote(root):
        # `dvc push` takes what the dvc.lock in the folder names.
        push = "dvc push" if here == there else f"{look} && dvc push"
        yield f"{push}   # data and model"
    else:
        yield f"{look}   # to look at it; data stay here, as there is no DVC remote"
    remotes = (run_git(root, "remote") or b"").decode().split()
    if not remotes:
        yield "git remote add origin ADDRESS   # there is no Git remote yet"
    remote = "origin" if "origin" in remotes or not remotes else remotes[0]
    yield f"git push --set-upstream {remote} {quoted}   # code, parameters, results"
    yield f"gh pr create --head {quoted} --fill   # or in a browser:"
    yield f"# {_page(root, remote, branch)}"


def _page(root: Path, remote: str, branch: str) -> str:
    """Return where GitHub's form for a pull request is."""
    address = (run_git(root, "remote", "get-url", remote) or b"").decode().strip()
    found = re.search(r"github\.com[:/](.+?)/?(?:\.git)?$", address)
    project = (
        f"https://github.com/{found[1]}" if found else "https://github.com/OWNER/NAME"
    )
    return f"{project}/compare/{branch}?expand=1"


def branch(root: Path, name: str) -> None:
    """Make a branch of an experiment, and print what to type next."""
    made = make_branch(root, name)
    lines = "\n".join(f"    {plain(line)}" for line in what_next(root, made))
    sys.stdout.write(f"Made the branch {plain(made)}. Next:\n\n{lines}\n")
