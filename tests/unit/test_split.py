"""Tests of tumour_diagnosis.datasets.split."""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reproducible_ml.contract.schema import Data
from reproducible_ml.core import keys
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.parts import fingerprint, read_table
from tumour_diagnosis.datasets.split import Split, is_test, main, split_rows
from tumour_diagnosis.params import Params

SetParams = Callable[..., Params]
WriteTable = Callable[[pd.DataFrame, Path, int], Path]
Method = Literal["hash", "group"]

DATA = Data(target="y", positive=1, group="who", time="when")

numbers = st.lists(st.integers(0, 50), min_size=1, max_size=40)
methods = st.sampled_from(["hash", "group"])


def table(values: list[int]) -> pd.DataFrame:
    """Return a row for each number, whose key and group are made of that number."""
    who = pd.Series([f"person {value % 20}" for value in values], dtype="str")
    frame = pd.DataFrame({"x": values, "who": who, "y": np.arange(len(values)) % 2})
    return frame.set_index(pd.Index(keys.hash_rows(frame, ["x"]), name=keys.ROW_KEY))


def sides(frame: pd.DataFrame, **params: object) -> npt.NDArray[np.bool_]:
    """Say of each row whether it is a test row; 40 % are, unless told otherwise."""
    return is_test(frame, DATA, Split.model_validate({"test_size": 0.4} | params))


@given(values=numbers, others=numbers, method=methods, data=st.data())
def test_row_keeps_its_side_when_others_come_go_and_move(
    values: list[int], others: list[int], method: Method, data: st.DataObject
) -> None:
    side = dict(zip(values, sides(table(values), method=method), strict=True))
    kept = data.draw(st.lists(st.sampled_from(values)))
    mixed = data.draw(st.permutations(kept + others))
    moved = zip(mixed, sides(table(mixed), method=method), strict=True)
    assert all(side.get(value, test) == test for value, test in moved)


@given(values=numbers, salt=st.text(max_size=5))
def test_duplicates_are_on_one_side(values: list[int], salt: str) -> None:
    test = sides(table(values * 2), salt=salt)
    assert test[: len(values)].tolist() == test[len(values) :].tolist()


@given(values=numbers, salt=st.text(max_size=5))
def test_group_is_on_one_side(values: list[int], salt: str) -> None:
    frame = table(values)
    test = sides(frame, method="group", salt=salt)
    assert set(frame["who"][test]).isdisjoint(frame["who"][~test])


@given(test_size=st.floats(0.05, 0.95), salt=st.text(max_size=5))
def test_share_is_close_to_test_size(test_size: float, salt: str) -> None:
    test = sides(table(list(range(4000))), test_size=test_size, salt=salt)
    deviation = (test_size * (1 - test_size) / 4000) ** 0.5
    assert abs(test.mean() - test_size) < 5 * deviation


@given(values=numbers, small=st.floats(0.05, 0.5), large=st.floats(0.5, 0.95))
def test_larger_test_set_holds_the_smaller(
    values: list[int], small: float, large: float
) -> None:
    frame = table(values)
    assert not (sides(frame, test_size=small) & ~sides(frame, test_size=large)).any()


@given(values=numbers, method=methods)
def test_split_rows_loses_and_changes_nothing(
    values: list[int], method: Method
) -> None:
    frame = table(values)
    joined = pd.concat(split_rows(frame, DATA, Split(method=method)))
    order = ["x", "y"]
    pd.testing.assert_frame_equal(joined.sort_values(order), frame.sort_values(order))


def test_another_salt_is_another_test_set() -> None:
    frame = table(list(range(100)))
    assert (sides(frame, salt="a") != sides(frame, salt="b")).any()


def test_group_ignores_the_key_of_the_row() -> None:
    frame = table(list(range(0, 400, 20)))
    assert frame.index.is_unique
    assert len(set(sides(frame, method="group"))) == 1


def test_time_sends_rows_from_the_cutoff_on_to_the_test_set() -> None:
    dates = ["2024-01-31 23:59:59", "2024-02-01", "2025-01-01", "1999-01-01"]
    frame = pd.DataFrame({"when": pd.to_datetime(dates, format="ISO8601")})
    test = sides(frame, method="time", cutoff=datetime(2024, 2, 1))
    assert test.tolist() == [False, True, True, False]


def test_time_trains_on_rows_without_a_date() -> None:
    frame = pd.DataFrame({"when": pd.Series([None], dtype="datetime64[ns]")})
    assert not sides(frame, method="time", cutoff=datetime(2024, 2, 1)).any()


@pytest.fixture
def clean(people: pd.DataFrame, project: Path, write_table: WriteTable) -> Path:
    return write_table(people, project / "clean", 25)


def run(clean: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Run the stage and return the training rows and the test rows it wrote."""
    folder = clean.parent
    main(clean, folder / "train", folder / "test", folder / "split.json")
    return read_table(folder / "train"), read_table(folder / "test")


def test_main_writes_each_row_to_one_side(clean: Path, people: pd.DataFrame) -> None:
    joined = pd.concat(run(clean)).loc[people.index]
    pd.testing.assert_frame_equal(joined, people)


def test_main_reports_sizes_and_balance(clean: Path) -> None:
    tables = dict(zip(("train", "test"), run(clean), strict=True))
    assert json.loads((clean.parent / "split.json").read_text()) == {
        side: {"rows": len(rows), "classes": rows["bought"].value_counts().to_dict()}
        for side, rows in tables.items()
    }


def test_main_does_not_depend_on_parts(
    clean: Path, people: pd.DataFrame, write_table: WriteTable
) -> None:
    _, whole = run(clean)
    _, cut = run(write_table(people, clean.parent / "other", 7))
    pd.testing.assert_frame_equal(whole, cut)


def test_main_writes_the_same_bytes_with_two_workers(
    clean: Path, set_params: SetParams
) -> None:
    run(clean)
    first = fingerprint(clean.parent / "test")
    set_params(compute={"backend": "threading", "n_jobs": 2})
    run(clean)
    assert fingerprint(clean.parent / "test") == first


@pytest.mark.parametrize(
    ("side", "cutoff"), [("train", "1999-01-01"), ("test", "2099-01-01")]
)
def test_main_refuses_a_side_of_one_class_and_changes_no_output(
    clean: Path, set_params: SetParams, side: str, cutoff: str
) -> None:
    run(clean)
    folder = clean.parent
    before = fingerprint(folder / "train"), fingerprint(folder / "test")
    set_params(data={"time": "joined"}, split={"method": "time", "cutoff": cutoff})
    with pytest.raises(UserError, match=f"the {side} set holds 0 rows.*params.yaml"):
        run(clean)
    assert (fingerprint(folder / "train"), fingerprint(folder / "test")) == before


def test_main_refuses_a_side_without_the_positive_class(
    project: Path, set_params: SetParams, people: pd.DataFrame, write_table: WriteTable
) -> None:
    """Even if there are two others."""
    set_params(data={"target": "city", "positive": "Rome"})
    set_params(
        data={"time": "joined"}, split={"method": "time", "cutoff": "2024-01-31"}
    )
    late = people["joined"] >= "2024-01-31"
    rows = people[~(late & (people["city"] == "Rome"))]
    with pytest.raises(UserError, match="the test set holds no row of the positive"):
        run(write_table(rows, project / "clean", 25))


def numbers_as_target(set_params: SetParams, **split: object) -> None:
    data = {"target": "income", "task": "regression", "positive": None}
    set_params(data=data | {"time": "joined"}, split=split)


def test_main_reports_the_range_of_numbers(
    project: Path, set_params: SetParams, people: pd.DataFrame, write_table: WriteTable
) -> None:
    numbers_as_target(set_params)
    known = people.dropna()
    sides = dict(
        zip(
            ("train", "test"),
            run(write_table(known, project / "clean", 7)),
            strict=True,
        )
    )
    assert json.loads((project / "split.json").read_text()) == {
        side: {
            "rows": len(rows),
            "target": {
                "min": rows["income"].min(),
                "mean": pytest.approx(rows["income"].mean()),
                "max": rows["income"].max(),
            },
        }
        for side, rows in sides.items()
    }


def test_report_on_numbers_does_not_depend_on_parts(
    project: Path, set_params: SetParams, people: pd.DataFrame, write_table: WriteTable
) -> None:
    numbers_as_target(set_params)
    reports = []
    for rows in (7, 60):
        run(write_table(people.dropna(), project / f"by {rows}", rows))
        reports.append((project / "split.json").read_bytes())
    assert reports[0] == reports[1]


@pytest.mark.parametrize(("rows", "fits"), [(1, False), (2, True)])
def test_main_needs_two_numbers_on_each_side(
    rows: int,
    fits: bool,
    project: Path,
    set_params: SetParams,
    people: pd.DataFrame,
    write_table: WriteTable,
) -> None:
    known = people.dropna().sort_values("joined")
    cutoff = known["joined"].iloc[-rows].isoformat()
    numbers_as_target(set_params, method="time", cutoff=cutoff)
    clean = write_table(known, project / "clean", 25)
    if fits:
        assert len(run(clean)[1]) == rows
        return
    with pytest.raises(UserError, match=r"the test set holds 1 row\(s\)"):
        run(clean)


def test_main_says_where_a_missing_table_comes_from(project: Path) -> None:
    with pytest.raises(UserError, match=r"clean: holds no table\. Run `dvc repro`"):
        run(project / "clean")
