"""The Git repository: its history, identity, submodules and committed reports."""

import os
import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path

from reproducible_ml.core.inputs import hash_path
from reproducible_ml.doctor.check import Context, NotCheckedError, Problem, listed
from reproducible_ml.versioning.git import Revision, is_refused, run_git
from reproducible_ml.versioning.lock import LOCK, locked_outputs

# What Git names a submodule's state by.
STATES = {
    "-": "is not checked out",
    "+": "is at another commit than this one records",
    "U": "has merge conflicts",
}


def check_history(context: Context) -> Iterator[Problem]:
    """The clone has the whole history: a report compares with a commit before."""
    shallow = run_git(context.root, "rev-parse", "--is-shallow-repository")
    if shallow is None and is_refused(context.root):
        folder = shlex.quote(str(context.root))
        yield Problem(
            "Git refuses this folder, as it belongs to another user",
            f"git config --global --add safe.directory {folder}",
        )
        return
    if shallow is None:
        raise NotCheckedError("this is no Git repository")
    if shallow.strip() == b"true":
        yield Problem(
            "this clone is shallow: earlier commits are missing, so `make report` may"
            " have nothing to compare with",
            "git fetch --unshallow",
        )


def check_identity(context: Context) -> Iterator[Problem]:
    """Git knows who commits: experiments are commits as well."""
    for key, names in {
        "user.name": ("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"),
        "user.email": ("GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"),
    }.items():
        known = (run_git(context.root, "config", key) or b"").strip()
        if not known and not all(os.environ.get(name) for name in names):
            yield Problem(
                f"Git does not know your {key}, so that commits and experiments fail",
                f'git config --global {key} "..."',
            )


def check_submodules(context: Context) -> Iterator[Problem]:
    """Submodules are checked out at the commits that are recorded."""
    if not (context.root / ".gitmodules").is_file():
        return
    printed = run_git(context.root, "submodule", "status", "--recursive")
    for line in (printed or b"").decode("utf-8", "replace").splitlines():
        if state := STATES.get(line[:1]):
            yield Problem(
                f"submodule {line.split()[1]}: {state}",
                "git submodule update --init --recursive",
            )


def check_reports(context: Context) -> Iterator[Problem]:
    """Committed reports are those that the committed dvc.lock records."""
    if run_git(context.root, "rev-parse", "--verify", "HEAD^{commit}") is None:
        raise NotCheckedError("there is no commit")
    expected = locked_outputs(Revision(context.root, "HEAD").yaml(f"./{LOCK}"))
    with tempfile.TemporaryDirectory() as folder:
        wrong = [
            path
            for path, digest in expected.items()
            if _write(context, path, Path(folder))
            and hash_path(Path(folder, path)) != digest
        ]
    if wrong:
        yield Problem(
            f"committed, but not what the committed dvc.lock records: {listed(wrong)}",
            "make repro, then commit dvc.lock and reports/",
        )


def _write(context: Context, path: str, folder: Path) -> bool:
    """Write what HEAD has at a path into a folder; return whether it has anything."""
    tree = ("ls-tree", "-r", "-z", "--name-only", "HEAD", "--", path)
    found = (run_git(context.root, *tree) or b"").split(b"\0")
    names = [os.fsdecode(name) for name in found if name]
    for name in names:
        content = run_git(context.root, "show", f"HEAD:./{name}") or b""
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return bool(names)
