"""What the page shows: of which commit, and whether anything changed since."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from reproducible_ml.versioning.git import changed_files, run_git


class State(NamedTuple):
    """The commit, and what differs from it.

    Attributes:
        commit: Its hash; empty before the first.
        subject: First line of its message.
        date: Of the commit.
        changed: Files that are not committed.
        outdated: Why results are not those of code, parameters and data; nothing if
            they are.
    """

    commit: str
    subject: str
    date: str
    changed: tuple[str, ...]
    outdated: tuple[str, ...]

    @property
    def uncommitted_results(self) -> list[str]:
        """Those uncommitted files that are results, or that name them."""
        return [
            name
            for name in self.changed
            if name == "dvc.lock" or name.startswith("reports/")
        ]


def read_state(root: Path, outdated: Sequence[tuple[str, str]]) -> State:
    """Return the state of the working tree.

    Args:
        root: Of the repository.
        outdated: Stage and reason for everything that is not up to date.
    """
    shown = run_git(root, "log", "-1", "--format=%H%x00%s%x00%cs") or b"\0\0"
    commit, subject, date = shown.decode("utf-8", "replace").strip("\n").split("\0")
    reasons = tuple(f"{stage}: {why}" for stage, why in outdated)
    return State(commit, subject, date, tuple(changed_files(root)), reasons)
