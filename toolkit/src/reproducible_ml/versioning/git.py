"""Files of a commit or the working tree, the base of a change, DVC's experiments."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from reproducible_ml.core.errors import UserError, one_line
from reproducible_ml.core.files import PARAMS, load_yaml, parse_params

# The merge base of HEAD with one of these is the default base of a change.
TRUNKS = ("main", "origin/main")

# DVC's reference of an experiment: the commit it is based on, then its name. (Other
# references in refs/exps are DVC's own.)
EXPERIMENT = re.compile(r"refs/exps/([0-9a-f]{2}/[0-9a-f]{38})/([^/]+) (\w+)")


class Revision(NamedTuple):
    """The files of a commit of the repository at `root`, or of the working tree."""

    root: Path
    commit: str | None = None

    def text(self, path: str) -> str | None:
        """Return a file's text, or None where there is no such file."""
        if self.commit:
            found = run_git(self.root, "show", f"{self.commit}:{path}")
        else:
            file = self.root / path
            found = file.read_bytes() if file.is_file() else None
        return None if found is None else found.decode("utf-8", "replace")

    def json(self, path: str) -> Any:
        """Return a file's content; None if it is not there or not JSON."""
        try:
            return json.loads(self.text(path) or "null")
        except (ValueError, RecursionError):
            return None

    def yaml(self, path: str) -> dict[str, Any]:
        """Return a file's mapping; nothing if it is not there or not one.

        params.yaml is read as DVC and the stages read it: there, `yes` is a text.
        """
        parse = parse_params if path == str(PARAMS) else load_yaml
        try:
            found = parse(self.text(path) or "")
        except (yaml.YAMLError, ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}


def run_git(root: Path, *arguments: str) -> bytes | None:
    """Return what a Git command prints, or None where it fails."""
    command = ["git", "-C", str(root), *arguments]
    done = subprocess.run(command, capture_output=True, check=False)
    return None if done.returncode else done.stdout


def is_refused(root: Path) -> bool:
    """Return whether Git refuses a repository because it belongs to another user."""
    done = subprocess.run(
        ["git", "-C", str(root), "rev-parse"],
        env={**os.environ, "LC_ALL": "C"},
        capture_output=True,
        check=False,
    )
    return b"dubious ownership" in done.stderr


def find_commit(root: Path, name: str) -> str | None:
    """Return the hash of a commit by any name of it, or None."""
    wanted = [
        "rev-parse",
        "--verify",
        "--quiet",
        "--end-of-options",
        f"{name}^{{commit}}",
    ]
    return _word(run_git(root, *wanted))


def _word(printed: bytes | None) -> str | None:
    return printed.decode().strip() or None if printed else None


def find_base(root: Path, wanted: str | None = None) -> str | None:
    """Return the commit to compare a change with; None if there is no commit before.

    The default is where the branch left main; on main itself, HEAD if there are
    uncommitted changes, else the commit before.

    Raises:
        UserError: There is no commit of that name.
    """
    if wanted:
        return _asked(root, wanted)
    head = find_commit(root, "HEAD")
    for trunk in filter(None, (find_commit(root, name) for name in TRUNKS)):
        base = _word(run_git(root, "merge-base", trunk, "HEAD"))
        if base and base != head:
            return base
    return head if changed_files(root) else find_commit(root, "HEAD^1")


def missing_base(root: Path, base: str | None) -> str:
    """Return why the base of a change is not known; empty if it is, or there is none.

    Args:
        root: Of the repository.
        base: What `find_base` returned.
    """
    trunks = {find_commit(root, name) for name in TRUNKS} - {None}
    head = find_commit(root, "HEAD")
    if is_shallow(root) and (base is None or not trunks):
        return (
            "this clone lacks the commits before the change. Fix: `git fetch"
            " --unshallow`, or fetch-depth: 0 in a workflow"
        )
    if base is None and trunks - {head}:
        return "HEAD has no commit in common with main. Fix: give one with --base"
    return ""


def is_shallow(root: Path) -> bool:
    """Return whether a clone has only the last commits."""
    return _word(run_git(root, "rev-parse", "--is-shallow-repository")) == "true"


def _asked(root: Path, name: str) -> str | None:
    found = find_commit(root, name)
    if found or (name == "HEAD^1" and not is_shallow(root)):
        # The first commit has none before it.
        return found
    raise UserError(
        f"--base {name}: no such branch, tag or commit here. See `git log --all`. In a"
        " clone without history: `git fetch --unshallow`."
    )


def killed_run(root: Path) -> str | None:
    """Return how to go back after `dvc exp run` was killed here; None if it was not.

    DVC detaches HEAD while it runs an experiment in the working tree.
    """
    detached = run_git(root, "symbolic-ref", "--quiet", "HEAD") is None
    if not detached or not find_commit(root, "refs/exps/exec/EXEC_HEAD"):
        return None
    points = ["for-each-ref", "--points-at", "HEAD", "--format=%(refname:short)"]
    names = (run_git(root, *points, "refs/heads") or b"").decode().split()
    branch = "main" if "main" in names else names[0] if names else "BRANCH"
    files = "params.yaml dvc.lock reports"
    back = f"git restore --staged --worktree {files}"
    # What it left of the outputs is made anew, mostly from the run cache.
    return f"git switch {branch} && {back} && rml repro"


def changed_files(root: Path) -> list[str]:
    """Return the files that differ from HEAD, new ones included, ignored ones not."""
    known = run_git(root, "diff", "--name-only", "-z", "HEAD") or b""
    new = run_git(root, "ls-files", "--others", "--exclude-standard", "-z") or b""
    return sorted(filter(None, (known + new).decode("utf-8", "replace").split("\0")))


def find_experiments(root: Path, base: str | None = None) -> dict[str, str]:
    """Return the commit of each experiment by its name.

    Args:
        root: Of the repository.
        base: Only those based on this commit; None: on any.
    """
    listed = run_git(root, "for-each-ref", "--format=%(refname) %(objectname)")
    found = EXPERIMENT.finditer((listed or b"").decode("utf-8", "replace"))
    return {
        name: commit
        for based, name, commit in (match.groups() for match in found)
        if base in (None, based.replace("/", ""))
    }


def check_new_name(root: Path, name: str) -> None:
    """Check the name of a new experiment.

    Raises:
        UserError: It is taken or not valid.
    """
    if name in find_experiments(root):
        raise UserError(
            f"--name {one_line(name)}: there is such an experiment already. Choose"
            f" another name, or remove it: dvc exp remove {one_line(name)}"
        )
    if "/" in name or run_git(root, "check-ref-format", f"refs/exps/{name}") is None:
        raise UserError(
            f"--name {one_line(name)}: is not valid. Use letters, digits and hyphens."
        )


def same_files(root: Path, name: str) -> list[str]:
    """Return the other experiments whose files are all the same."""
    known = find_experiments(root)
    trees = [f"{commit}^{{tree}}" for commit in known.values()]
    found = (run_git(root, "rev-parse", *trees) or b"").decode().split()
    tree_of = dict(zip(known, found, strict=False))
    return [
        other for other in tree_of if other != name and tree_of[other] == tree_of[name]
    ]


def equals_head(root: Path, name: str) -> bool:
    """Return whether the files of an experiment are those of the last commit."""
    commit = find_experiments(root)[name]
    return run_git(root, "diff", "--quiet", "HEAD", commit) is not None
