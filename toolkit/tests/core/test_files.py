"""Tests of reproducible_ml.core.files."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reproducible_ml.core.files import (
    replacing,
    replacing_folder,
    write_json,
    write_text,
)

stops = pytest.mark.parametrize("stop", [ValueError, OSError, KeyboardInterrupt])


def write_and_stop(path: Path, stop: type[BaseException]) -> None:
    with replacing(path) as temporary:
        temporary.write_text("half")
        raise stop


def write_table_and_stop(path: Path, stop: type[BaseException]) -> None:
    with replacing_folder(path) as temporary:
        (temporary / "part-00000.parquet").write_text("half")
        raise stop


def test_replacing_puts_the_file_in_its_place(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


@stops
def test_replacing_leaves_the_old_file_when_stopped(
    tmp_path: Path, stop: type[BaseException]
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(stop):
        write_and_stop(path, stop)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_replacing_removes_what_a_killed_run_left(tmp_path: Path) -> None:
    with replacing(tmp_path / "a.txt") as temporary:
        temporary.write_text("new")
    left = temporary
    for make in (left.mkdir, left.touch):
        make()
        with replacing(tmp_path / "a.txt") as temporary:
            temporary.write_text("newer")
        assert list(tmp_path.iterdir()) == [tmp_path / "a.txt"]


def test_replacing_folder_takes_the_place_of_the_whole_folder(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "part-00009.parquet").touch()
    with replacing_folder(tmp_path / "t") as temporary:
        (temporary / "part-00000.parquet").touch()
    assert [p.name for p in (tmp_path / "t").iterdir()] == ["part-00000.parquet"]
    assert list(tmp_path.iterdir()) == [tmp_path / "t"]


@stops
def test_replacing_folder_leaves_the_old_folder_when_stopped(
    tmp_path: Path, stop: type[BaseException]
) -> None:
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "part-00000.parquet").write_text("old")
    with pytest.raises(stop):
        write_table_and_stop(tmp_path / "t", stop)
    assert (tmp_path / "t" / "part-00000.parquet").read_text() == "old"
    assert list(tmp_path.iterdir()) == [tmp_path / "t"]


def test_write_text_ends_lines_the_same_everywhere(tmp_path: Path) -> None:
    write_text("Größe\n", tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_bytes() == "Größe\n".encode()


def test_write_json_is_the_same_for_equal_values(tmp_path: Path) -> None:
    write_json({"b": 0.1, "a": {"d": 1, "c": "ß"}}, tmp_path / "one.json")
    write_json({"a": {"c": "ß", "d": 1}, "b": 0.1}, tmp_path / "two.json")
    one, two = ((tmp_path / n).read_bytes() for n in ("one.json", "two.json"))
    assert one == two
    assert one.endswith(b"}\n")


@given(number=st.floats(allow_nan=False, allow_infinity=False))
def test_write_json_keeps_every_bit_of_a_number(
    number: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "number.json"
    write_json(number, path)
    assert json.loads(path.read_text()).hex() == number.hex()


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_write_json_refuses_what_json_cannot_say(tmp_path: Path, number: float) -> None:
    path = tmp_path / "a.json"
    write_json({"x": 1}, path)
    with pytest.raises(ValueError, match="JSON"):
        write_json({"x": number}, path)
    assert json.loads(path.read_text()) == {"x": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_full_disk_leaves_the_old_file_and_is_told_in_a_line(
    tmp_path: Path,
) -> None:
    path = tmp_path / "raw.csv"
    path.write_text("old")
    # No file of this process may be larger than 10,000 bytes.
    code = (
        "import resource\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
        "from pathlib import Path\n"
        "from reproducible_ml.core.files import write_text\n"
        "from reproducible_ml.core.stage import run\n"
        "def main(raw: Path) -> None: write_text('x' * 20_000, raw)\n"
        "main.__module__ = 'a stage'\n"
        "run(main)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, path],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert str(path) in line
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
