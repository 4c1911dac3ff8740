"""Put back what a failed run changed: parameters, results, data."""

from pathlib import Path

from reproducible_ml.datasets.sources.dvc_command import run_dvc
from reproducible_ml.errors import UserError
from reproducible_ml.review.results import LOCK, PARAMS
from reproducible_ml.review.revisions import Revision, ask_git
from reproducible_ml.review.stages import outputs

BY_HAND = f"To go back to the last commit: git restore {PARAMS} {LOCK} reports"


def take(root: Path) -> str:
    """Return a commit that holds all tracked files as they are now."""
    if not ask_git(root, "diff", "--name-only", "HEAD"):
        return "HEAD"
    # It is on no branch, and changes nothing in the folder.
    if made := ask_git(root, "stash", "create"):
        return made.decode().strip()
    raise UserError("Git cannot keep a copy of your files: see `git stash create`")


def put_back(root: Path, snapshot: str, planned: str) -> str:
    """Undo what a run changed, if that is safe, and say what was done.

    Args:
        root: Of the repository.
        snapshot: Commit that holds the files as they were.
        planned: Text that the run gave to params.yaml.
    """
    before = Revision(root, snapshot)
    if Revision(root).text(PARAMS) not in (planned, before.text(PARAMS)):
        return f"{PARAMS} was edited meanwhile: nothing was put back. {BY_HAND}"
    # Files that were changed or deleted, not those that came into being.
    compared = ["diff", "--name-only", "-z", "--diff-filter=MD", snapshot, "--"]
    found = ask_git(root, *compared, PARAMS, LOCK, *sorted(outputs(before.yaml(LOCK))))
    changed = [*filter(None, (found or b"").decode().split("\0"))]
    if changed:
        ask_git(root, "restore", f"--source={snapshot}", "--worktree", "--", *changed)
    try:
        run_dvc("checkout", "--allow-missing", "--quiet", cwd=root)
    except UserError as error:
        return f"{PARAMS} and reports are as before, data and model not: {error}"
    return f"{PARAMS}, results and data are as before."
