"""Is dvc.lock what the pipeline makes? Looked at without data, in about a second.

`dvc status` and `dvc repro --dry` pass over a stage that is not in dvc.lock, and over a
report that is gone from Git; this names them.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reproducible_ml.datasets.sources.dvc_command import run_dvc
from reproducible_ml.errors import UserError, told_errors
from reproducible_ml.review.markdown import plain
from reproducible_ml.review.results import LOCK
from reproducible_ml.review.revisions import Revision, ask_git
from reproducible_ml.review.stages import entries

FIX = "Run `make repro`, then commit dvc.lock and reports/."

# What DVC says of files that are elsewhere, as in a new clone.
ABSENT = ("deleted", "not in cache")


def problems(root: Path, *, data: bool) -> list[tuple[str, str]]:
    """Return stage and what is wrong, for each way in which the lock is not up to date.

    Args:
        root: Of the repository.
        data: Whether the data must be there as well.

    Raises:
        UserError: DVC cannot read the pipeline.
    """
    locked = entries(Revision(root).yaml(LOCK))
    names = run_dvc("stage", "list", "--name-only", cwd=root).split()
    found = [(name, "is not in dvc.lock") for name in names if name not in locked]
    status = json.loads(run_dvc("status", "--json", cwd=root) or "{}")
    told = [
        (stage, path, state)
        for stage, items in status.items()
        if stage not in dict(found)
        for path, state in _told(items)
    ]
    ignored = set() if data else ignored_by_git(root, [path for _, path, _ in told])
    return found + [
        (stage, f"{path} is {state}" if path else state)
        for stage, path, state in told
        if not (state in ABSENT and path in ignored)
    ]


def _told(items: list[Any]) -> Iterator[tuple[str, str]]:
    """Yield path or parameter, and its state, from what DVC says of a stage."""
    for item in items:
        if isinstance(item, str):
            if item.startswith("changed"):
                yield "", item
            continue
        for paths in item.values():
            for path, state in paths.items():
                if isinstance(state, str):
                    yield path, state
                else:
                    yield from ((key, str(what)) for key, what in state.items())


def ignored_by_git(root: Path, paths: list[str]) -> set[str]:
    """Return those paths that Git ignores, as DVC has them."""
    done = subprocess.run(
        ["git", "-C", str(root), "check-ignore", "-z", "--stdin", "--no-index"],
        input="\0".join(paths),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    return set(done.stdout.split("\0"))


def find_root() -> Path:
    """Return the root of the repository around the current folder."""
    root = ask_git(Path.cwd(), "rev-parse", "--show-toplevel")
    if root is None:
        raise UserError(f"{Path.cwd()}: is not in a Git repository. Run `git init`.")
    return Path(root.decode().strip())


def main() -> None:
    """Print a line for each problem, and exit with 1 if there is one."""
    argparse.ArgumentParser(prog="make check-lock", description=__doc__).parse_args()
    with told_errors():
        found = problems(find_root(), data=False)
    for stage, words in found:
        sys.stderr.write(f"error: {plain(f'{stage}: {words}')}. {FIX}\n")
    if found:
        sys.exit(1)
    sys.stdout.write("dvc.lock is up to date.\n")


if __name__ == "__main__":
    main()
