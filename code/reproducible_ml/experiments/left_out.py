"""Files that an experiment would silently leave out.

DVC runs an experiment with all files of the folder. But the commit it makes of it has
only those that Git knows: an untracked module is used, and then missing.
"""

import shlex
from collections.abc import Iterator
from pathlib import Path, PurePath

from reproducible_ml.errors import UserError
from reproducible_ml.review.markdown import plain
from reproducible_ml.review.results import LOCK
from reproducible_ml.review.revisions import Revision, ask_git, find_commit
from reproducible_ml.review.stages import outputs

# Files that are told one by one.
SHOWN = 10


def refuse_left_out(root: Path) -> None:
    """Raise UserError with a line for each reason why a run would lose something."""
    problems = [*_problems(root)]
    if len(problems) > SHOWN:
        problems[SHOWN:] = [f"and {len(problems) - SHOWN} more: see `git status`"]
    if problems:
        raise UserError("\n".join(problems))


def _problems(root: Path) -> Iterator[str]:
    if find_commit(root, "HEAD") is None:
        yield "there is no commit to compare with: git add --all && git commit"
        return
    if find_commit(root, "MERGE_HEAD"):
        yield "a merge is going on, and DVC would forget that. Finish it: git commit"
    for name in untracked(root):
        yield (
            f"{plain(name)}: is not in Git, so the experiment would lack it. Commit it:"
            f" git add {shlex.quote(plain(name))} && git commit, or list it in"
            " .gitignore"
        )
    for name in hidden(root):
        yield (
            f"{plain(name)}: Git was told not to look at it, so DVC would undo its"
            " changes. git update-index --no-assume-unchanged --no-skip-worktree"
            f" {shlex.quote(plain(name))}"
        )


def untracked(root: Path) -> list[str]:
    """Return files that Git neither tracks nor ignores, and no stage writes."""
    listed = _names(root, "--others", "--exclude-standard")
    written = outputs(Revision(root).yaml(LOCK)).keys()
    return [
        name
        for name in listed
        if not {name, *map(str, PurePath(name).parents)} & written
    ]


def hidden(root: Path) -> list[str]:
    """Return tracked files that are marked as unchanged, whatever they hold."""
    lines = _names(root, "-v")
    return [line[2:] for line in lines if line[0].islower() or line[0] == "S"]


def _names(root: Path, *options: str) -> list[str]:
    listed = ask_git(root, "ls-files", "-z", *options) or b""
    return [*filter(None, listed.decode("utf-8", "replace").split("\0"))]
