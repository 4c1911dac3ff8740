"""Which rows are dropped or changed, and which belong to the test set."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reproducible_ml.contract.checks import add_row_keys
from reproducible_ml.contract.schema import Data
from reproducible_ml.core import keys
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.parts import write_part
from tumour_diagnosis.datasets import clean
from tumour_diagnosis.datasets.clean import Clean, Rule, clean_rows, outlier_columns
from tumour_diagnosis.datasets.split import Split, is_test

from ..conftest import TARGET, Workspace, make_contract, make_data, make_rows

NO_ID = make_data("binary", id=[])
ROWS = add_row_keys(make_rows(12, 3), make_contract("binary"), NO_ID)

every_action = pytest.mark.parametrize("action", ["keep", "clip", "drop"])


def some_rows(seed: int) -> pd.DataFrame:
    """Return rows of ROWS by chance, most of them several times."""
    return ROWS.iloc[np.random.default_rng(seed).integers(0, 12, 30)]


@pytest.fixture(scope="module")
def workspace(make_workspace: Callable[..., Workspace]) -> Workspace:
    return make_workspace("binary", 10)


def run(
    workspace: Workspace,
    rows: pd.DataFrame,
    cut: int,
    id_: tuple[str, ...] = (),
    **to: Any,
) -> pd.DataFrame:
    """Run the stage on a table with parts of so many rows."""
    table = workspace.folder / "data/interim/validated"
    table.mkdir(exist_ok=True)
    for part in table.iterdir():
        part.unlink()
    for number, first in enumerate(range(0, len(rows), cut)):
        write_part(rows.iloc[first : first + cut], table, number)
    workspace.set_params(data={"id": id_}, clean=to)
    workspace.run("clean")
    return workspace.rows("data/interim/clean")


def distinct(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[~rows.duplicated().to_numpy()]


@pytest.mark.parametrize("cut", [1, 4, 31])
def test_duplicate_rows_are_dropped_as_by_pandas(
    workspace: Workspace, cut: int
) -> None:
    rows = some_rows(cut)
    pd.testing.assert_frame_equal(run(workspace, rows, cut), distinct(rows))
    report = workspace.json("reports/cleaning.json")
    assert report["rows"] + report["duplicates"] == len(rows)


@every_action
def test_result_does_not_depend_on_parts_and_cleaning_again_drops_nothing(
    workspace: Workspace, action: str
) -> None:
    settings: dict[str, Any] = {
        "missing": "drop",
        "outliers": {"action": action, "tail": 0.2},
    }
    rows = some_rows(0)
    one, other = (run(workspace, rows, cut, **settings) for cut in (3, 50))
    pd.testing.assert_frame_equal(one, other)
    again = run(workspace, one, 50, missing="drop")
    pd.testing.assert_frame_equal(again, one)


@every_action
def test_test_rows_are_dropped_only_as_duplicates(
    workspace: Workspace, action: str
) -> None:
    rows = some_rows(1)
    outliers = {"action": action, "tail": 0.2}
    cleaned = run(workspace, rows, 4, missing="drop", outliers=outliers)
    before, after = (
        each[is_test(each, NO_ID, Split(test_size=0.4))].index.tolist()
        for each in (distinct(rows), cleaned)
    )
    assert after == before


# Each is a case of its own, so it has its own side of the split.
def test_duplicates_are_kept_on_request(workspace: Workspace) -> None:
    rows = ROWS.iloc[[0, 1, *[0] * 200]]
    kept = run(workspace, rows, 50, duplicates="keep")
    values = kept.reset_index(drop=True)
    pd.testing.assert_frame_equal(values, rows.reset_index(drop=True))
    assert kept.index[:2].tolist() == rows.index[:2].tolist()
    assert kept.index.is_unique
    assert 20 < is_test(kept, NO_ID, Split(test_size=0.25)).sum() < 80


# An id that two rows share does not make them duplicates.
def test_rows_with_the_same_id_are_duplicates_only_if_all_values_are_equal(
    workspace: Workspace,
) -> None:
    rows = make_rows(4, 1).assign(kind_order=7)
    rows = add_row_keys(
        rows.iloc[[0, 1, 2, 3, 0]], workspace.contract, make_data("binary")
    )
    assert len(run(workspace, rows, 2, ("kind_order",))) == 4


FRAME = pd.DataFrame({"x": [1.0, np.nan, 99.0], "z": [0, 1, 2]})


def cleaned(
    test: list[bool], rules: Sequence[Rule] = (), **settings: Any
) -> tuple[list[int], pd.DataFrame, Any]:
    """Return which rows of FRAME are kept, these rows, and the counts."""
    params = Clean.model_validate(settings)
    bounds = {"x": (2.0, 9.0)}
    rows, counts = clean_rows(FRAME, np.array(test), params, ["x"], bounds, rules)
    return rows["z"].tolist(), rows, counts


@pytest.mark.parametrize(
    ("settings", "kept", "count"),
    [
        ({}, [0, 1, 2], None),
        ({"missing": "drop"}, [0, 2], "missing"),
        ({"outliers": {"action": "drop"}}, [1], "outliers"),
        ({"missing": "drop", "outliers": {"action": "drop"}}, [], "missing"),
    ],
)
def test_training_rows_alone_are_dropped(
    settings: dict[str, Any], kept: list[int], count: str | None
) -> None:
    before = FRAME.copy()
    found, _, counts = cleaned([False] * 3, **settings)
    assert found == kept
    if count:
        assert counts[count] == {"missing": 1, "outliers": 2}[count]
    assert cleaned([True] * 3, **settings)[0] == [0, 1, 2]
    pd.testing.assert_frame_equal(FRAME, before)


def test_outliers_are_clipped_in_test_rows_as_well() -> None:
    _, rows, counts = cleaned([False, False, True], outliers={"action": "clip"})
    assert rows["x"].tolist() == pytest.approx([2.0, np.nan, 9.0], nan_ok=True)
    assert counts["clipped"] == 2


def is_small(rows: pd.DataFrame) -> Any:
    return rows["x"].astype("Float64").mask(rows["x"].isna()) < 50


def test_own_rules_drop_training_rows_and_are_counted_by_name() -> None:
    kept, _, counts = cleaned([False] * 3, [is_small])
    assert kept == [0, 1]  # A rule that cannot decide keeps the row.
    assert counts["is_small"] == 1
    kept, _, counts = cleaned([False, False, True], [is_small], missing="drop")
    assert kept == [0, 2]
    assert (counts["is_small"], counts["missing"]) == (0, 1)


def test_only_numbers_that_are_features_can_have_outliers() -> None:
    columns = outlier_columns(make_contract("binary"), make_data("binary"))
    kinds = [name for name in columns if name.startswith("kind_")]
    assert kinds == ["kind_amount", "kind_price", "kind_items"]
    outside = outlier_columns(make_contract("regression"), make_data("regression"))
    assert not {"kind_order", "kind_target"} & {*outside}


def test_bounds_are_learned_on_training_rows(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = add_row_keys(make_rows(80, 2), workspace.contract, NO_ID)
    test = is_test(rows, NO_ID, Split(test_size=0.4))
    rows.loc[test, "kind_price"] = 1e9
    training = rows.loc[~test, "kind_price"]
    outliers = {"action": "clip", "tail": 0.0}
    after = run(workspace, rows, 25, outliers=outliers)
    report = workspace.json("reports/cleaning.json")
    assert report["bounds"]["kind_price"] == [training.min(), training.max()]
    assert report["clip_to"] == report["bounds"]
    assert after["kind_price"].max() == training.max()
    # Of large tables a share of the rows is enough.
    monkeypatch.setattr(clean, "BOUND_ROWS", 20)
    assert run(workspace, rows, 25, outliers=outliers)["kind_price"].max() < 1e9


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
def whole(copy_of: Callable[[str], Workspace]) -> Workspace:
    return copy_of("binary")


@pytest.mark.parametrize(("side", "year"), [("training", 1999), ("test", 2099)])
def test_side_without_rows_is_refused_and_leaves_the_tables_alone(
    whole: Workspace, side: str, year: int
) -> None:
    before = whole.contents("data/processed")
    split = {"method": "time", "cutoff": f"{year}-01-01"}
    whole.set_params(data={"time": "kind_sent"}, split=split)
    # No row is without a date.
    rows = whole.rows("data/interim/clean")
    folder = whole.folder / "data/interim/clean"
    for part in folder.iterdir():
        part.unlink()
    write_part(rows.dropna(subset=["kind_sent"]), folder, 0)
    with pytest.raises(UserError, match=f"the {side} set .*0 rows.*params.yaml"):
        whole.run("split")
    assert whole.contents("data/processed") == before


def test_class_that_the_training_rows_lack_is_a_warning(
    copy_of: Callable[[str], Workspace], caplog: pytest.LogCaptureFixture
) -> None:
    whole = copy_of("multiclass")
    rows = whole.rows("data/interim/clean")
    test = is_test(rows, whole.data, Split(test_size=0.4))
    rows[TARGET] = rows[TARGET].where(~test | (np.arange(len(rows)) > 50), "none")
    for part in (whole.folder / "data/interim/clean").iterdir():
        part.unlink()
    write_part(rows, whole.folder / "data/interim/clean", 0)
    with caplog.at_level(logging.WARNING):
        whole.run("split")
    assert any('"none"' in line and "training set" in line for line in caplog.messages)


def test_method_without_its_column_is_refused(whole: Workspace) -> None:
    whole.set_params(split={"method": "group"})
    with pytest.raises(UserError, match=r"split\.method group needs .* data\.group"):
        whole.run("split")
