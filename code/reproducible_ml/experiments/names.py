"""Names of the experiments in a repository: DVC keeps each as a Git reference."""

import re
from pathlib import Path

from reproducible_ml.errors import UserError
from reproducible_ml.review.markdown import plain
from reproducible_ml.review.revisions import ask_git

# Below refs/exps also stand notes of DVC's own. An experiment has the commit that it
# was based on in its reference, then its name.
EXPERIMENT = re.compile(r"refs/exps/([0-9a-f]{2}/[0-9a-f]{38})/([^/]+) (\w+)")


def find_experiments(root: Path, base: str | None = None) -> dict[str, str]:
    """Return the commit of each experiment by its name.

    Args:
        root: Of the repository.
        base: Only those based on this commit; None: on any.
    """
    listed = ask_git(root, "for-each-ref", "--format=%(refname) %(objectname)")
    found = EXPERIMENT.finditer((listed or b"").decode("utf-8", "replace"))
    return {
        name: commit
        for based, name, commit in (match.groups() for match in found)
        if base in (None, based.replace("/", ""))
    }


def refuse_name(root: Path, name: str) -> None:
    """Raise UserError if a new experiment cannot have this name."""
    if name in find_experiments(root):
        raise UserError(
            f"NAME={plain(name)}: is taken. Choose another, or:"
            f" dvc exp remove {plain(name)}"
        )
    if "/" in name or ask_git(root, "check-ref-format", f"refs/exps/{name}") is None:
        raise UserError(
            f"NAME={plain(name)}: is no name. Use letters, digits, hyphens."
        )


def same_results(root: Path, name: str) -> list[str]:
    """Return the other experiments that hold the same files, to the last byte."""
    known = find_experiments(root)
    trees = [f"{commit}^{{tree}}" for commit in known.values()]
    found = (ask_git(root, "rev-parse", *trees) or b"").decode().split()
    tree_of = dict(zip(known, found, strict=False))
    return [
        other for other in tree_of if other != name and tree_of[other] == tree_of[name]
    ]


def holds_nothing_new(root: Path, name: str) -> bool:
    """Say whether an experiment holds the same files as the last commit."""
    commit = find_experiments(root)[name]
    return ask_git(root, "diff", "--quiet", "HEAD", commit) is not None
