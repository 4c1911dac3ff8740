"""Commands are skipped if the content of files is that of their last success."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.unchanged import (
    Stamp,
    content_hash,
    repository_files,
    run_once,
)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A Git repository with a tracked, a new and an ignored file."""
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    (tmp_path / ".gitignore").write_text(".venv\nignored\n")
    (tmp_path / "tracked").write_text("1")
    subprocess.run(["git", "add", "."], cwd=tmp_path, check=True)
    (tmp_path / "new").write_text("2")
    (tmp_path / "ignored").write_text("3")
    return tmp_path


def test_hash_is_that_of_names_and_contents(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("ab")
    two.write_text("c")
    before = content_hash([one, two])
    os.utime(one, (0, 0))
    assert content_hash([one, two]) == before
    one.write_text("a")
    two.write_text("bc")
    assert content_hash([one, two]) != before
    one.unlink()
    missing = content_hash([one, two])
    one.write_text("")
    assert len({before, missing, content_hash([two, one])}) == 3


# A clock may be wrong, and Git gives files new times.
@pytest.mark.parametrize("date", [0, 2**32])
def test_changed_content_is_noticed_whatever_its_date(
    tmp_path: Path, date: int
) -> None:
    file = tmp_path / "a.py"
    file.write_text("1")
    stamp = Stamp(tmp_path / "stamps" / "lint")
    assert not stamp.matches(content_hash([file]))
    stamp.save(content_hash([file]))
    assert stamp.matches(content_hash([file]))
    file.write_text("2")
    os.utime(file, (date, date))
    assert not stamp.matches(content_hash([file]))


def test_files_are_those_that_git_tracks_or_would_track(repository: Path) -> None:
    strange = repository / os.fsdecode(b"x;id>y\n\xfc:#")
    strange.touch()
    names = [file.name for file in repository_files(repository)]
    assert names == [".gitignore", "new", "tracked", strange.name]
    assert content_hash(repository_files(repository))
    with pytest.raises(UserError, match="is not a Git repository"):
        repository_files(repository.parent)


def test_command_runs_again_only_after_a_change_or_a_failure(
    repository: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def run(exit_code: int, *, force: bool = False) -> tuple[int, str]:
        program = f"print('runs'); raise SystemExit({exit_code})"
        code = run_once(
            repository, "test", [sys.executable, "-c", program], force=force
        )
        return code, capfd.readouterr().out

    assert run(3) == (3, "runs\n")
    assert run(0) == (0, "runs\n")
    code, out = run(1)
    assert code == 0
    assert "`make test` has succeeded on these files" in out
    assert "FORCE=1" in out
    (repository / "ignored").write_text("4")
    assert "runs" not in run(1)[1]
    assert run(3, force=True) == (3, "runs\n")
    (repository / "new").write_text("4")
    assert run(0) == (0, "runs\n")
    (repository / "tracked").unlink()
    assert run(0) == (0, "runs\n")


# What the command changes was not there when it started.
def test_command_runs_again_when_the_tables_are_there(repository: Path) -> None:
    pipeline = "stages:\n  make: {cmd: x, outs: [ignored, ignored-too]}\n"
    (repository / "dvc.yaml").write_text(pipeline)
    (repository / ".gitignore").write_text(".venv\nignored*\n")
    (repository / ".venv").mkdir()
    command = ["sh", "-c", "echo run >> .venv/runs"]
    for _ in range(2):
        assert run_once(repository, "test", command, force=False) == 0
    (repository / "ignored-too").mkdir()
    assert run_once(repository, "test", command, force=False) == 0
    assert (repository / ".venv/runs").read_text().split() == ["run", "run"]


def test_file_that_changes_during_the_command_is_not_taken_as_tested(
    repository: Path,
) -> None:
    program = "open('new', 'a').write('more')"
    for _ in range(2):
        run_once(repository, "test", [sys.executable, "-c", program], force=False)
    assert (repository / "new").read_text() == "2moremore"
