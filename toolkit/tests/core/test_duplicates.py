"""Tests of reproducible_ml.core.duplicates."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reproducible_ml.core import duplicates, keys
from reproducible_ml.core.duplicates import find_duplicates
from reproducible_ml.core.params import Compute

WriteTable = Callable[[pd.DataFrame, Path, int], Path]

COMPUTE = Compute(backend="sequential", n_jobs=1)

values = st.sampled_from([0.0, -0.0, 1.5, np.nan])
rows = st.lists(st.tuples(values, st.sampled_from("ab")), min_size=1, max_size=20)


def table(pairs: list[tuple[float, str]]) -> pd.DataFrame:
    frame = pd.DataFrame(pairs, columns=["x", "y"]).astype({"x": float, "y": "str"})
    return frame.set_index(
        pd.Index(keys.hash_rows(frame, ["x", "y"]), name=keys.ROW_KEY)
    )


def places(found: list[duplicates.Positions], part_rows: int) -> list[int]:
    """Return positions in the whole table from those in its parts."""
    return [int(n) + part_rows * i for i, part in enumerate(found) for n in part]


@given(
    pairs=rows, part_rows=st.integers(1, 21), bucket_rows=st.sampled_from([3, 7, 100])
)
def test_find_duplicates_agrees_with_pandas(
    pairs: list[tuple[float, str]],
    part_rows: int,
    bucket_rows: int,
    write_table: WriteTable,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    frame = table(pairs)
    folder = write_table(frame, tmp_path_factory.mktemp("any") / "t", part_rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duplicates, "BUCKET_ROWS", bucket_rows)
        found = find_duplicates(folder, COMPUTE, None)
    expected = np.flatnonzero(frame.reset_index(drop=True).duplicated())
    assert places(found, part_rows) == expected.tolist()


@pytest.mark.parametrize("bucket_rows", [2, 5, 100])
def test_find_duplicates_keeps_the_first_in_any_number_of_rounds(
    bucket_rows: int,
    write_table: WriteTable,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frame = table([(float(i % 5), "a") for i in range(20)])
    folder = write_table(frame, tmp_path / "t", 7)
    monkeypatch.setattr(duplicates, "BUCKET_ROWS", bucket_rows)
    found = find_duplicates(folder, COMPUTE, None)
    assert places(found, 7) == list(range(5, 20))


def test_find_duplicates_gives_positions_for_every_part(
    write_table: WriteTable, tmp_path: Path
) -> None:
    frame = table([(1.5, "a"), (0.0, "a"), (2.5, "a"), (1.5, "a")])
    found = find_duplicates(write_table(frame, tmp_path / "t", 1), COMPUTE, None)
    assert [part.tolist() for part in found] == [[], [], [], [0]]


@pytest.mark.parametrize(("with_key", "repeats"), [(True, 0), (False, 1)])
def test_find_duplicates_compares_row_keys_if_told_to(
    write_table: WriteTable, tmp_path: Path, with_key: bool, repeats: int
) -> None:
    folder = write_table(table([(1.5, "a"), (2.5, "a")]), tmp_path / "t", 1)
    found = find_duplicates(folder, COMPUTE, ["y"], with_key=with_key)
    assert [len(part) for part in found] == [0, repeats]


def test_find_duplicates_copes_with_parts_without_rows(
    write_table: WriteTable, tmp_path: Path
) -> None:
    folder = write_table(table([(1.5, "a")]).iloc[:0], tmp_path / "t", 1)
    assert [part.tolist() for part in find_duplicates(folder, COMPUTE, None)] == [[]]


def test_find_duplicates_does_not_depend_on_workers(
    write_table: WriteTable, tmp_path: Path
) -> None:
    frame = table([(float(i % 5), "a") for i in range(20)])
    folder = write_table(frame, tmp_path / "t", 3)
    threads = Compute(backend="threading", n_jobs=2)
    one, two = (find_duplicates(folder, c, None) for c in (COMPUTE, threads))
    assert places(one, 3) == places(two, 3)
