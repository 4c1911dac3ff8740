"""After the files are written: the first commit."""

from pathlib import Path

import pytest
from hooks.steps import commit_first

from .conftest import OTHER, commit_all, run


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project inside of another repository, whose user is not known to Git."""
    (tmp_path / "outer.txt").touch()
    commit_all(tmp_path)
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "README.md").write_text("# Churn\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    return folder


def test_first_commit_is_by_the_author_where_git_knows_no_user(project: Path) -> None:
    assert commit_first(project, OTHER | {"author_email": "ada@example.org"})
    log = run("git", "log", "--format=%an <%ae> %s", cwd=project).stdout
    assert log == "Ada Lovelace <ada@example.org> Customer Churn: first version\n"
    assert run("git", "status", "--porcelain", cwd=project).stdout == ""


def test_repository_around_the_project_stays_as_it_is(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GIT_DEFAULT_HASH", "unknown")  # `git init` fails
    assert not commit_first(project, OTHER)
    assert "Nothing was committed" in capsys.readouterr().out
    monkeypatch.undo()
    status = run("git", "status", "--porcelain", cwd=project.parent).stdout
    assert status == "?? project/\n"
