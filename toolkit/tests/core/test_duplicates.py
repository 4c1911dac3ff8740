"""Duplicate rows are found anywhere in a table, in bounded memory."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reproducible_ml.core import duplicates, keys
from reproducible_ml.core.duplicates import count_copies, find_duplicates
from reproducible_ml.core.params import Compute

WriteTable = Callable[[pd.DataFrame, Path, int], Path]

COMPUTE = Compute(backend="sequential", n_jobs=1)
THREADS = Compute(backend="threading", n_jobs=2)

values = st.sampled_from([0.0, -0.0, 1.5, np.nan])
rows = st.lists(st.tuples(values, st.sampled_from("ab")), min_size=1, max_size=20)


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
        patch.setattr(duplicates, "BUCKET_ROWS", bucket_rows)
        found = find_duplicates(folder, COMPUTE, None)
        in_threads = find_duplicates(folder, THREADS, None)
    expected = np.flatnonzero(frame.reset_index(drop=True).duplicated()).tolist()
    for positions in (found, in_threads):
        shifted = [p + part_rows * i for i, part in enumerate(positions) for p in part]
        assert shifted == expected


def test_each_part_has_positions_of_its_own(
    write_table: WriteTable, tmp_path: Path
) -> None:
    frame = frame_of([(1.5, "a"), (0.0, "a"), (2.5, "a"), (1.5, "a")])
    found = find_duplicates(write_table(frame, tmp_path / "t", 1), COMPUTE, None)
    assert [part.tolist() for part in found] == [[], [], [], [0]]
    empty = write_table(frame.iloc[:0], tmp_path / "empty", 1)
    assert [part.tolist() for part in find_duplicates(empty, COMPUTE, None)] == [[]]


@pytest.mark.parametrize(("with_key", "number"), [(True, 0), (False, 1)])
def test_row_keys_are_compared_on_request(
    write_table: WriteTable, tmp_path: Path, with_key: bool, number: int
) -> None:
    folder = write_table(frame_of([(1.5, "a"), (2.5, "a")]), tmp_path / "t", 1)
    found = find_duplicates(folder, COMPUTE, ["y"], with_key=with_key)
    assert [len(part) for part in found] == [0, number]


def test_copies_are_numbered_across_parts(
    write_table: WriteTable, tmp_path: Path
) -> None:
    frame = frame_of([(1.5, "a"), (0.0, "a"), (1.5, "a"), (1.5, "b"), (1.5, "a")])
    for rows in (1, 2, 9):
        table = write_table(frame, tmp_path / f"t{rows}", rows)
        for compute in (COMPUTE, THREADS):
            found = count_copies(table, compute, ["y"])
            assert np.concatenate(found).tolist() == [0, 0, 1, 0, 2]
