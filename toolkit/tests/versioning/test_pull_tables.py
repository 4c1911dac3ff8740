"""A colleague's clone has the .dvc files of tables, and gets the tables themselves."""

import subprocess
from pathlib import Path

import pytest

from reproducible_ml.core.errors import UserError
from reproducible_ml.reproduce import pull_tables
from reproducible_ml.versioning.dvc import run_dvc

TABLE = Path("data/raw/visits.csv")


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
