"""Tests of reproducible_ml.core.parts."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reproducible_ml.core.duplicates import _hashes
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.parallel import map_jobs
from reproducible_ml.core.params import Compute
from reproducible_ml.core.parts import (
    count_rows,
    fingerprint,
    map_parts,
    parts,
    read_part,
    read_table,
    write_part,
)
from reproducible_ml.reading.raw import raw_files

WriteTable = Callable[[pd.DataFrame, Path, int], Path]

SEQUENTIAL = Compute(backend="sequential", n_jobs=1)
THREADS = Compute(backend="threading", n_jobs=2)
PROCESSES = Compute(backend="loky", n_jobs=2)


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
    assert map_jobs(pow, jobs, compute, "powers") == expected


def test_parallel_asks_for_jobs_as_they_are_needed() -> None:
    done: list[int] = []

    def jobs() -> Iterator[tuple[int]]:
        for number in range(9):
            assert len(done) >= number - 2
            yield (number,)

    map_jobs(done.append, jobs(), SEQUENTIAL, "numbers")
    assert done == list(range(9))


@pytest.mark.parametrize("compute", [SEQUENTIAL, THREADS, PROCESSES])
def test_parallel_raises_the_error_of_a_worker(
    compute: Compute, tmp_path: Path
) -> None:
    jobs: list[tuple[Any, ...]] = [(tmp_path / "absent",)] * 4
    with pytest.raises(UserError, match="absent: holds no"):
        map_jobs(raw_files, jobs, compute, "files")


# In a process of its own: what is tested is that it ends.
@pytest.mark.parametrize("backend", ["sequential", "threading", "loky"])
@pytest.mark.parametrize("before", [0, 5])
def test_parallel_raises_the_error_of_the_generator_of_jobs(
    backend: str, before: int
) -> None:
    code = f"""\
from reproducible_ml.core.parallel import map_jobs
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.params import Compute

def jobs():
    yield from [(2, 3)] * {before}
    raise UserError("no more jobs")

try:
    map_jobs(pow, jobs(), Compute(backend="{backend}", n_jobs=2), "powers")
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
