"""Tests of reproducible_ml.experiments.settings."""

import pytest

from reproducible_ml.core.errors import UserError
from reproducible_ml.experiments.settings import SHOWN, check_files

from ..report.conftest import Repository, lock


@pytest.fixture
def tracked(repository: Repository) -> Repository:
    """A repository with a tracked file and a lock."""
    repository.write("a.py", "x = 1\n")
    repository.write(".gitignore", "*.log\n")
    repository.write("dvc.lock", lock())
    repository.commit()
    return repository


def find_outdated(repository: Repository) -> list[str]:
    try:
        check_files(repository.root)
    except UserError as error:
        return str(error).splitlines()
    return []


def test_untracked_file_is_refused_with_the_fix(tracked: Repository) -> None:
    tracked.write("code/new file.py", "")
    assert find_outdated(tracked) == [
        "code/new file.py: is not in Git, so the experiment would lack it. Commit it:"
        " git add 'code/new file.py' && git commit, or list it in .gitignore"
    ]


def test_what_takes_part_is_let_through(tracked: Repository) -> None:
    tracked.write("a.py", "x = 2\n")
    tracked.write("staged.py", "")
    tracked.write("ignored.log", "")
    tracked.write("reports/metrics.json", "{}")
    tracked.git("add", "staged.py")
    assert find_outdated(tracked) == []


def test_deleted_file_is_let_through(tracked: Repository) -> None:
    (tracked.root / "a.py").unlink()
    assert find_outdated(tracked) == []


def test_many_files_are_counted(tracked: Repository) -> None:
    for number in range(SHOWN + 5):
        tracked.write(f"{number:02}.py", "")
    assert find_outdated(tracked)[SHOWN:] == ["and 5 more: see `git status`"]


@pytest.mark.parametrize("mark", ["assume-unchanged", "skip-worktree"])
def test_file_that_git_does_not_look_at_is_refused(
    tracked: Repository, mark: str
) -> None:
    tracked.git("update-index", f"--{mark}", "a.py")
    [line] = find_outdated(tracked)
    assert line.startswith("a.py: Git was told not to look at it")


def test_merge_is_finished_first(tracked: Repository) -> None:
    tracked.git("switch", "--quiet", "--create", "other")
    tracked.write("b.py", "")
    tracked.commit()
    tracked.git("switch", "--quiet", "main")
    tracked.git("merge", "--no-ff", "--no-commit", "other")
    assert find_outdated(tracked) == [
        "a merge is going on, and DVC would forget that. Finish it: git commit"
    ]


def test_repository_without_commit_has_nothing_to_compare_with(
    repository: Repository,
) -> None:
    [line] = find_outdated(repository)
    assert line.startswith("there is no commit")
