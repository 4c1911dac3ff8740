"""Tests of reproducible_ml.datasets.tables."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reproducible_ml.datasets.duplicates import _hashes
from reproducible_ml.datasets.raw import raw_files
from reproducible_ml.datasets.tables import (
    count_rows,
    fingerprint,
    map_parts,
    parallel,
    parts,
    read_part,
    read_table,
    replacing,
    replacing_table,
    write_json,
    write_part,
    write_text,
)
from reproducible_ml.errors import UserError
from reproducible_ml.params import Compute

WriteTable = Callable[[pd.DataFrame, Path, int], Path]

SEQUENTIAL = Compute(backend="sequential", n_jobs=1)
THREADS = Compute(backend="threading", n_jobs=2)
PROCESSES = Compute(backend="loky", n_jobs=2)

stops = pytest.mark.parametrize("stop", [ValueError, OSError, KeyboardInterrupt])


def write_and_stop(path: Path, stop: type[BaseException]) -> None:
    with replacing(path) as temporary:
        temporary.write_text("half")
        raise stop


def write_table_and_stop(path: Path, stop: type[BaseException]) -> None:
    with replacing_table(path) as temporary:
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


def test_replacing_table_takes_the_place_of_the_whole_folder(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "part-00009.parquet").touch()
    with replacing_table(tmp_path / "t") as temporary:
        (temporary / "part-00000.parquet").touch()
    assert [p.name for p in (tmp_path / "t").iterdir()] == ["part-00000.parquet"]
    assert list(tmp_path.iterdir()) == [tmp_path / "t"]


@stops
def test_replacing_table_leaves_the_old_folder_when_stopped(
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


@pytest.mark.parametrize("rows", [1, 7, 60, 100])
def test_table_is_read_as_it_was_written(
    people: pd.DataFrame, write_table: WriteTable, tmp_path: Path, rows: int
) -> None:
    table = write_table(people, tmp_path / "t", rows)
    pd.testing.assert_frame_equal(read_table(table), people)
    assert count_rows(table) == 60
    assert len(parts(table)) == -(-60 // rows)


def test_read_part_reads_some_columns_and_the_keys(
    people: pd.DataFrame, write_table: WriteTable, tmp_path: Path
) -> None:
    (part,) = parts(write_table(people, tmp_path / "t", 100))
    pd.testing.assert_frame_equal(read_part(part, ["age"]), people[["age"]])
    pd.testing.assert_frame_equal(read_part(part, []), people[[]])


# Parquet keeps no categories of a part without rows, as a small part of a split is.
def test_read_table_keeps_categories_beside_a_part_without_rows(
    people: pd.DataFrame, write_table: WriteTable, tmp_path: Path
) -> None:
    table = write_table(people, tmp_path / "t", 100)
    write_part(people.iloc[:0], table, 1)
    pd.testing.assert_frame_equal(read_table(table), people)


def test_parts_are_in_the_order_of_their_numbers(
    people: pd.DataFrame, tmp_path: Path
) -> None:
    for number in (10, 9, 100, 0):
        write_part(people, tmp_path, number)
    assert [int(p.stem[-5:]) for p in parts(tmp_path)] == [0, 9, 10, 100]


@pytest.mark.parametrize("name", [".", "absent"])
def test_parts_says_where_a_missing_table_comes_from(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=r"holds no table\. Run `dvc repro`"):
        parts(tmp_path / name)


def test_fingerprint_is_that_of_the_content(
    people: pd.DataFrame, write_table: WriteTable, tmp_path: Path
) -> None:
    one, same = (write_table(people, tmp_path / name, 25) for name in "ab")
    changed = write_table(people.assign(age=people["age"] + 1), tmp_path / "c", 25)
    assert fingerprint(one) == fingerprint(same) != fingerprint(changed)
    assert len(fingerprint(one)) == 64


def test_write_part_does_not_depend_on_who_writes(
    people: pd.DataFrame, write_table: WriteTable, tmp_path: Path
) -> None:
    table = write_table(people, tmp_path / "t", 100)
    before = fingerprint(table)
    write_part(read_table(table), table, 0)
    assert fingerprint(table) == before


@pytest.fixture
def table(people: pd.DataFrame, write_table: WriteTable, tmp_path: Path) -> Path:
    return write_table(people, tmp_path / "t", 7)


def ages(number: int, frame: pd.DataFrame) -> tuple[int, list[str], list[int]]:
    return number, list(frame.columns), frame["age"].tolist()


@pytest.mark.parametrize("compute", [SEQUENTIAL, THREADS])
def test_map_parts_keeps_the_order(
    table: Path, people: pd.DataFrame, compute: Compute
) -> None:
    found = map_parts(ages, table, compute)
    assert [number for number, _, _ in found] == list(range(9))
    assert [age for _, _, part in found for age in part] == people["age"].tolist()


def test_map_parts_reads_no_more_than_it_is_told_to(table: Path) -> None:
    found = map_parts(ages, table, SEQUENTIAL, ["age"])
    assert {tuple(columns) for _, columns, _ in found} == {("age",)}


@pytest.mark.parametrize("rows", [7, 60])
def test_map_parts_does_not_depend_on_processes(
    people: pd.DataFrame, write_table: WriteTable, tmp_path: Path, rows: int
) -> None:
    folder = write_table(people, tmp_path / "other", rows)
    work = partial(_hashes, True, 0, 1)
    one, two = (map_parts(work, folder, c) for c in (SEQUENTIAL, PROCESSES))
    hashes = [np.concatenate([h for _, h in found]).tolist() for found in (one, two)]
    assert hashes[0] == hashes[1]
    assert len(hashes[0]) == 60


@pytest.mark.parametrize("compute", [SEQUENTIAL, THREADS])
@pytest.mark.parametrize("number", [0, 1, 2, 9])
def test_parallel_returns_a_result_for_each_job(compute: Compute, number: int) -> None:
    jobs = ((2, exponent) for exponent in range(number))
    expected = [2**exponent for exponent in range(number)]
    assert parallel(pow, jobs, compute, "powers") == expected


def test_parallel_asks_for_jobs_as_they_are_needed() -> None:
    done: list[int] = []

    def jobs() -> Iterator[tuple[int]]:
        for number in range(9):
            assert len(done) >= number - 2
            yield (number,)

    parallel(done.append, jobs(), SEQUENTIAL, "numbers")
    assert done == list(range(9))


@pytest.mark.parametrize("compute", [SEQUENTIAL, THREADS, PROCESSES])
def test_parallel_raises_the_error_of_a_worker(
    compute: Compute, tmp_path: Path
) -> None:
    jobs: list[tuple[Any, ...]] = [(tmp_path / "absent",)] * 4
    with pytest.raises(UserError, match="absent: holds no"):
        parallel(raw_files, jobs, compute, "files")


# In a process of its own: what is tested is that it ends.
@pytest.mark.parametrize("backend", ["sequential", "threading", "loky"])
@pytest.mark.parametrize("before", [0, 5])
def test_parallel_raises_the_error_of_the_generator_of_jobs(
    backend: str, before: int
) -> None:
    code = f"""\
from reproducible_ml.datasets.tables import parallel
from reproducible_ml.errors import UserError
from reproducible_ml.params import Compute

def jobs():
    yield from [(2, 3)] * {before}
    raise UserError("no more jobs")

try:
    parallel(pow, jobs(), Compute(backend="{backend}", n_jobs=2), "powers")
except UserError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout == "no more jobs\n", done.stderr


def test_full_disk_leaves_the_old_file_and_is_told_in_a_line(
    tmp_path: Path,
) -> None:
    path = tmp_path / "raw.csv"
    path.write_text("old")
    # No file of this process may be larger than 10,000 bytes.
    code = (
        "import resource\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
        "from reproducible_ml.datasets.sample import main\n"
        "from reproducible_ml.stage import run\n"
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
