"""Which rows belong to the test set."""

import logging
from collections.abc import Callable
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reproducible_ml.contract.schema import Data
from reproducible_ml.core import keys
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.parts import write_part
from tumour_diagnosis.datasets.split import Split, is_test

from ..conftest import TARGET, Workspace

DATA = Data(target="y", positive=1, group="who", time="when")

numbers = st.lists(st.integers(0, 50), min_size=1, max_size=40)
methods = st.sampled_from(["hash", "group"])
salts = st.text(max_size=5)


def table(values: list[int]) -> pd.DataFrame:
    """Return a row for each number, whose key and group are made of that number."""
    who = pd.Series([f"person {value % 20}" for value in values], dtype="str")
    frame = pd.DataFrame({"x": values, "who": who, "y": np.arange(len(values)) % 2})
    return frame.set_index(pd.Index(keys.hash_rows(frame, ["x"]), name=keys.ROW_KEY))


def sides(frame: pd.DataFrame, **params: object) -> npt.NDArray[np.bool_]:
    """Return which rows are test rows; 40 % by default."""
    return is_test(frame, DATA, Split.model_validate({"test_size": 0.4} | params))


@given(values=numbers, others=numbers, method=methods, data=st.data())
def test_row_keeps_its_side_when_others_are_added_removed_and_moved(
    values: list[int], others: list[int], method: str, data: st.DataObject
) -> None:
    side = dict(zip(values, sides(table(values), method=method), strict=True))
    kept = data.draw(st.lists(st.sampled_from(values)))
    mixed = data.draw(st.permutations(kept + others))
    moved = zip(mixed, sides(table(mixed), method=method), strict=True)
    assert all(side.get(value, test) == test for value, test in moved)


@given(values=numbers, salt=salts)
def test_duplicates_and_groups_are_on_one_side(values: list[int], salt: str) -> None:
    test = sides(table(values * 2), salt=salt)
    assert test[: len(values)].tolist() == test[len(values) :].tolist()
    frame = table(values)
    test = sides(frame, method="group", salt=salt)
    assert set(frame["who"][test]).isdisjoint(frame["who"][~test])


@given(small=st.floats(0.05, 0.5), large=st.floats(0.5, 0.95), salt=salts)
def test_share_is_close_to_test_size_and_a_larger_test_set_holds_the_smaller(
    small: float, large: float, salt: str
) -> None:
    frame = table(list(range(4000)))
    one, other = (sides(frame, test_size=size, salt=salt) for size in (small, large))
    for test, size in ((one, small), (other, large)):
        assert abs(test.mean() - size) < 5 * (size * (1 - size) / 4000) ** 0.5
    assert not (one & ~other).any()


def test_another_salt_gives_another_test_set() -> None:
    frame = table(list(range(100)))
    assert (sides(frame, salt="a") != sides(frame, salt="b")).any()


def test_rows_from_the_cutoff_on_are_test_rows_and_those_without_a_date_are_not() -> (
    None
):
    dates = ["2024-01-31 23:59:59", "2024-02-01", "2025-01-01", None]
    frame = pd.DataFrame({"when": pd.to_datetime(pd.Series(dates), format="ISO8601")})
    test = sides(frame, method="time", cutoff=datetime(2024, 2, 1))
    assert test.tolist() == [False, True, True, False]


def test_stage_writes_each_row_to_one_side_and_reports_sizes(
    finished: Workspace,
) -> None:
    tables = {
        side: finished.rows(f"data/processed/{side}") for side in ("train", "test")
    }
    cleaned = finished.rows("data/interim/clean")
    joined = pd.concat(tables.values()).loc[cleaned.index]
    pd.testing.assert_frame_equal(joined, cleaned)
    for side, facts in finished.json("reports/split.json").items():
        target = tables[side][TARGET]
        assert facts["rows"] == len(target) > 0
        if finished.task == "regression":
            found = facts["target"]
            assert (found["min"], found["max"]) == (target.min(), target.max())
            assert found["mean"] == pytest.approx(target.mean())
        else:
            counts = target.value_counts()
            assert facts["classes"] == counts[counts > 0].to_dict()


@pytest.fixture
def workspace(copy_of: Callable[[str], Workspace]) -> Workspace:
    return copy_of("binary")


@pytest.mark.parametrize(("side", "year"), [("training", 1999), ("test", 2099)])
def test_side_without_rows_is_refused_and_leaves_the_tables_alone(
    workspace: Workspace, side: str, year: int
) -> None:
    before = workspace.contents("data/processed")
    split = {"method": "time", "cutoff": f"{year}-01-01"}
    workspace.set_params(data={"time": "kind_sent"}, split=split)
    # No row is without a date.
    rows = workspace.rows("data/interim/clean")
    folder = workspace.folder / "data/interim/clean"
    for part in folder.iterdir():
        part.unlink()
    write_part(rows.dropna(subset=["kind_sent"]), folder, 0)
    with pytest.raises(UserError, match=f"the {side} set .*0 rows.*params.yaml"):
        workspace.run("split")
    assert workspace.contents("data/processed") == before


def test_class_that_the_training_rows_lack_is_a_warning(
    copy_of: Callable[[str], Workspace], caplog: pytest.LogCaptureFixture
) -> None:
    workspace = copy_of("multiclass")
    rows = workspace.rows("data/interim/clean")
    test = is_test(rows, workspace.data, Split(test_size=0.4))
    rows[TARGET] = rows[TARGET].where(~test | (np.arange(len(rows)) > 50), "none")
    for part in (workspace.folder / "data/interim/clean").iterdir():
        part.unlink()
    write_part(rows, workspace.folder / "data/interim/clean", 0)
    with caplog.at_level(logging.WARNING):
        workspace.run("split")
    assert any('"none"' in line and "training set" in line for line in caplog.messages)


def test_method_without_its_column_is_refused(workspace: Workspace) -> None:
    workspace.set_params(split={"method": "group"})
    with pytest.raises(UserError, match=r"split\.method group needs .* data\.group"):
        workspace.run("split")
