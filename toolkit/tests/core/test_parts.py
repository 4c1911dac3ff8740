"""Tables are folders of parts: types, row keys, and rows that repeat."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reproducible_ml.core import keys
from reproducible_ml.core.equal_rows import count_copies, find_duplicates
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.params import Compute
from reproducible_ml.core.parts import (
    count_rows,
    fingerprint,
    map_parts,
    parts,
    read_part,
    read_table,
    sample_table,
    write_part,
)

WriteTable = Callable[[pd.DataFrame, Path, int], Path]

SEQUENTIAL = Compute(backend="sequential", n_jobs=1)
THREADS = Compute(backend="threading", n_jobs=2)
PROCESSES = Compute(backend="loky", n_jobs=2)

values = st.sampled_from([0.0, -0.0, 1.5, np.nan])
rows = st.lists(st.tuples(values, st.sampled_from("ab")), min_size=1, max_size=20)


@pytest.mark.parametrize("rows", [1, 7, 60, 100])
def test_table_is_read_as_it_was_written(
    people: pd.DataFrame, write_table: WriteTable, tmp_path: Path, rows: int
) -> None:
    table = write_table(people, tmp_path / "t", rows)
    pd.testing.assert_frame_equal(read_table(table), people)
    assert count_rows(table) == 60
    assert len(parts(table)) == -(-60 // rows)


def test_temporary_parts_have_the_same_content(
    people: pd.DataFrame, tmp_path: Path
) -> None:
    rows = people.assign(
        kind=pd.Categorical(["b"] * len(people), categories=["c", "b", "a"])
    )
    write_part(rows, tmp_path, 0, temporary=True)
    pd.testing.assert_frame_equal(read_table(tmp_path), rows)


def test_only_the_named_columns_and_the_keys_are_read(
    people: pd.DataFrame, write_table: WriteTable, tmp_path: Path
) -> None:
    table = write_table(people, tmp_path / "t", 100)
    for columns in (["age"], []):
        (part,) = parts(table)
        pd.testing.assert_frame_equal(read_part(part, columns), people[columns])
        pd.testing.assert_frame_equal(read_table(table, columns), people[columns])


# Parquet loses the categories of a part without rows, as splits of few rows have.
def test_part_without_rows_does_not_change_categories(
    people: pd.DataFrame, write_table: WriteTable, tmp_path: Path
) -> None:
    table = write_table(people, tmp_path / "t", 100)
    write_part(people.iloc[:0], table, 1)
    pd.testing.assert_frame_equal(read_table(table), people)
    empty = write_table(people.iloc[:0], tmp_path / "empty", 100)
    assert len(read_table(empty)) == count_rows(empty) == 0


def test_parts_are_in_the_order_of_their_numbers(
    people: pd.DataFrame, tmp_path: Path
) -> None:
    for number in (10, 9, 100, 0):
        write_part(people, tmp_path, number)
    assert [int(p.stem[-5:]) for p in parts(tmp_path)] == [0, 9, 10, 100]


@pytest.mark.parametrize("name", [".", "absent"])
def test_missing_table_is_reported_with_the_fix(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=r"contains no table\. Fix: run `dvc repro`"):
        parts(tmp_path / name)


def test_fingerprint_depends_on_the_content_alone(
    people: pd.DataFrame, write_table: WriteTable, tmp_path: Path
) -> None:
    one, same = (write_table(people, tmp_path / name, 25) for name in "ab")
    changed = write_table(people.assign(age=people["age"] + 1), tmp_path / "c", 25)
    assert fingerprint(one) == fingerprint(same) != fingerprint(changed)
    for number, part in enumerate(parts(same)):
        write_part(read_part(part), same, number)
    assert fingerprint(one) == fingerprint(same)


def test_sample_is_chosen_by_key(
    people: pd.DataFrame, write_table: WriteTable, tmp_path: Path
) -> None:
    coarse = write_table(people, tmp_path / "a", 60)
    fine = write_table(people.iloc[::-1], tmp_path / "b", 7)
    one, two = (sample_table(t, 20, "salt", ["age"]) for t in (coarse, fine))
    assert len(one) == 20
    pd.testing.assert_frame_equal(one, two.iloc[::-1])
    assert set(sample_table(coarse, 20, "pepper", []).index) != set(one.index)
    pd.testing.assert_frame_equal(
        sample_table(coarse, 99, "", ["age"]), people[["age"]]
    )


@pytest.mark.parametrize("compute", [SEQUENTIAL, THREADS, PROCESSES])
def test_function_is_applied_to_each_part_in_order(
    people: pd.DataFrame, write_table: WriteTable, tmp_path: Path, compute: Compute
) -> None:
    # Nested, so that it is sent by value: workers cannot import this file.
    def ages(number: int, frame: pd.DataFrame) -> tuple[int, list[str], list[int]]:
        return number, list(frame.columns), frame["age"].tolist()

    table = write_table(people, tmp_path / "t", 7)
    found = map_parts(ages, table, compute, ["age"])
    assert [number for number, _, _ in found] == list(range(9))
    assert {tuple(columns) for _, columns, _ in found} == {("age",)}
    assert [age for _, _, part in found for age in part] == people["age"].tolist()


def frame_of(pairs: list[tuple[float, str]]) -> pd.DataFrame:
    frame = pd.DataFrame(pairs, columns=["x", "y"]).astype({"x": float, "y": "str"})
    row_keys = keys.hash_rows(frame, ["x", "y"])
    return frame.set_index(pd.Index(row_keys, name=keys.ROW_KEY))


@given(
    pairs=rows, part_rows=st.integers(1, 21), bucket_rows=st.sampled_from([3, 7, 100])
)
def test_duplicates_are_those_that_pandas_finds(
    pairs: list[tuple[float, str]],
    part_rows: int,
    bucket_rows: int,
    write_table: WriteTable,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    frame = frame_of(pairs)
    folder = write_table(frame, tmp_path_factory.mktemp("any") / "t", part_rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("reproducible_ml.core.equal_rows.BUCKET_ROWS", bucket_rows)
        found = find_duplicates(folder, SEQUENTIAL, None)
        in_threads = find_duplicates(folder, THREADS, None)
    expected = np.flatnonzero(frame.reset_index(drop=True).duplicated()).tolist()
    for positions in (found, in_threads):
        shifted = [p + part_rows * i for i, part in enumerate(positions) for p in part]
        assert shifted == expected


def test_each_part_has_positions_of_its_own(
    write_table: WriteTable, tmp_path: Path
) -> None:
    frame = frame_of([(1.5, "a"), (0.0, "a"), (2.5, "a"), (1.5, "a")])
    found = find_duplicates(write_table(frame, tmp_path / "t", 1), SEQUENTIAL, None)
    assert [part.tolist() for part in found] == [[], [], [], [0]]
    empty = write_table(frame.iloc[:0], tmp_path / "empty", 1)
    assert [part.tolist() for part in find_duplicates(empty, SEQUENTIAL, None)] == [[]]


@pytest.mark.parametrize(("with_key", "number"), [(True, 0), (False, 1)])
def test_row_keys_are_compared_on_request(
    write_table: WriteTable, tmp_path: Path, with_key: bool, number: int
) -> None:
    folder = write_table(frame_of([(1.5, "a"), (2.5, "a")]), tmp_path / "t", 1)
    found = find_duplicates(folder, SEQUENTIAL, ["y"], with_key=with_key)
    assert [len(part) for part in found] == [0, number]


def test_copies_are_numbered_across_parts(
    write_table: WriteTable, tmp_path: Path
) -> None:
    frame = frame_of([(1.5, "a"), (0.0, "a"), (1.5, "a"), (1.5, "b"), (1.5, "a")])
    for rows in (1, 2, 9):
        table = write_table(frame, tmp_path / f"t{rows}", rows)
        for compute in (SEQUENTIAL, THREADS):
            found = count_copies(table, compute, ["y"])
            assert np.concatenate(found).tolist() == [0, 0, 1, 0, 2]
