"""What `rml repro` and `rml once` run again, and the tables that a clone gets."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reproducible_ml.core.errors import UserError
from reproducible_ml.reproduce import pull_tables
from reproducible_ml.versioning.dvc import run_dvc
from reproducible_ml.versioning.once import (
    Stamp,
    content_hash,
    repository_files,
    run_once,
)

TABLE = Path("data/raw/visits.csv")


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


@pytest.fixture
def first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a repository with a table that DVC tracks; the current folder."""
    folder = tmp_path / "first"
    (folder / TABLE).parent.mkdir(parents=True)
    monkeypatch.chdir(folder)
    subprocess.run(["git", "init", "--quiet"], check=True)
    run_dvc("init", "--quiet", cwd=folder)
    TABLE.write_text("id\n1\n")
    run_dvc("add", str(TABLE), cwd=folder)
    return folder


def clone(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commit all, clone it, and go there."""
    user = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    subprocess.run(["git", "add", "--all"], cwd=folder, check=True)
    subprocess.run(
        ["git", *user, "commit", "--quiet", "-m", "x"], cwd=folder, check=True
    )
    other = folder.parent / name
    subprocess.run(["git", "clone", "--quiet", folder, other], check=True)
    monkeypatch.chdir(other)


def test_table_is_pulled_from_the_remote(
    first: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    run_dvc("remote", "add", "-d", "storage", str(first.parent / "remote"), cwd=first)
    run_dvc("push", cwd=first)
    clone(first, "second", monkeypatch)
    pull_tables([TABLE, Path("code")])
    assert TABLE.read_text() == "id\n1\n"
    assert f"{TABLE} is not in this clone" in capfd.readouterr().out
    pull_tables([TABLE])
    assert capfd.readouterr().out == ""


def test_table_that_was_not_pushed_is_an_error_with_what_to_do(
    first: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_dvc("remote", "add", "-d", "storage", str(first.parent / "remote"), cwd=first)
    clone(first, "second", monkeypatch)
    with pytest.raises(UserError, match="`dvc push` in a clone that has it"):
        pull_tables([TABLE])


@pytest.mark.parametrize("name", [f"{TABLE}.dvc", ".dvc/config.local"])
@pytest.mark.parametrize("content", [b"", b"[core\n", b"\xff\xfe"])
def test_damaged_file_of_dvc_is_an_error_in_a_line(
    first: Path, name: str, content: bytes
) -> None:
    TABLE.unlink()
    (first / name).write_bytes(content)
    if name == ".dvc/config.local" and not content:
        pull_tables([TABLE])
        return
    fix = "rml doctor" if "config" in name else f"Fix: git restore {name}"
    with pytest.raises(UserError, match=fix) as error:
        pull_tables([TABLE])
    assert len(str(error.value).splitlines()) == 1


def test_without_a_remote_the_cache_may_have_it(
    first: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    TABLE.unlink()
    pull_tables([TABLE])
    assert TABLE.exists()
    clone(first, "second", monkeypatch)
    with pytest.raises(UserError, match="no remote") as error:
        pull_tables([TABLE])
    assert "run `rml data PATH`, with the path of the same visits.csv" in str(error)
    assert len(str(error.value).splitlines()) == 1


def test_import_can_be_read_again_from_where_it_came_from(
    first: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin = first.parent / "orders.csv"
    origin.write_text("id\n2\n")
    run_dvc("import-url", str(origin), "orders.csv", cwd=TABLE.parent.absolute())
    clone(first, "second", monkeypatch)
    with pytest.raises(UserError, match=r"`rml data`, which reads .*orders\.csv again"):
        pull_tables([TABLE.with_name("orders.csv")])
