"""Tests of reproducible_ml.core.files."""

from pathlib import Path

import pytest

from reproducible_ml.core.files import all_or_nothing, write_text


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    """A file, a folder, and a path where nothing is."""
    (tmp_path / "file").write_text("old")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "part").write_text("old")
    return [tmp_path / "file", tmp_path / "folder", tmp_path / "new"]


def _content(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_success_leaves_what_was_made_and_nothing_else(
    paths: list[Path], tmp_path: Path
) -> None:
    with all_or_nothing(*paths):
        assert _content(tmp_path).keys() == {".file.old.tmp", ".folder.old.tmp/part"}
        (tmp_path / "file").write_text("new")
    assert _content(tmp_path) == {"file": "new"}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_failure_brings_everything_back(
    paths: list[Path], tmp_path: Path, error: type[BaseException]
) -> None:
    def fail() -> None:
        with all_or_nothing(*paths):
            for path in paths:
                path.write_text("half")
            raise error

    before = _content(tmp_path)
    with pytest.raises(error):
        fail()
    assert _content(tmp_path) == before


def test_what_a_killed_run_put_aside_comes_back(
    paths: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "file").rename(tmp_path / ".file.old.tmp")
    with pytest.raises(ValueError), all_or_nothing(*paths):  # noqa: PT011
        raise ValueError
    assert _content(tmp_path) == {"file": "old", "folder/part": "old"}


def test_what_a_killed_run_had_replaced_stays_replaced(
    paths: list[Path], tmp_path: Path
) -> None:
    (tmp_path / ".file.old.tmp").write_text("older")
    with pytest.raises(ValueError), all_or_nothing(*paths):  # noqa: PT011
        raise ValueError
    assert _content(tmp_path) == {"file": "old", "folder/part": "old"}


def test_link_to_a_folder_is_put_aside_not_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "part").write_text("precious")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with all_or_nothing(tmp_path / "link"):
        pass
    assert not (tmp_path / "link").exists()
    assert (tmp_path / "target" / "part").read_text() == "precious"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_files_that_are_rewritten_in_the_block_come_back(
    error: type[BaseException], tmp_path: Path
) -> None:
    changed, removed, new, same = (tmp_path / name for name in "crns")
    for path in (changed, removed, same):
        path.write_text("before")
    touched = same.stat().st_mtime_ns

    def change() -> None:
        with all_or_nothing(changed, removed, new, same, keep=True):
            assert changed.read_text() == "before"
            write_text("after", changed)
            write_text("after", new)
            removed.unlink()
            raise error

    with pytest.raises(error):
        change()
    assert _content(tmp_path) == dict.fromkeys("crs", "before")
    assert same.stat().st_mtime_ns == touched
