"""Tests of tumour_diagnosis.datasets.clean."""

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from reproducible_ml.contract.schema import load_contract
from reproducible_ml.core import keys
from reproducible_ml.core.outliers import Outliers
from reproducible_ml.core.params import load_params
from reproducible_ml.core.parts import fingerprint, read_table
from tumour_diagnosis.datasets import clean as module
from tumour_diagnosis.datasets.clean import Clean, clean_rows, main, outlier_columns
from tumour_diagnosis.datasets.split import is_test
from tumour_diagnosis.params import Params

SetParams = Callable[..., Params]
WriteTable = Callable[[pd.DataFrame, Path, int], Path]
CleanTable = Callable[..., pd.DataFrame]

Rows = list[tuple[float, str, int, str]]

CONTRACT = """\
strict: true
columns:
  x: {dtype: float64, nullable: true}
  y: {dtype: str}
  z: {dtype: int64}
  bought: {dtype: category, isin: ["no", "yes"]}
"""
PARAMS: dict[str, Any] = {
    "data": {"target": "bought", "positive": "yes"},
    "compute": {"backend": "sequential"},
    "split": {"test_size": 0.5},
    "train": {"estimator": {"path": "sklearn.svm.SVC"}},
    "evaluate": {"metrics": ["roc_auc"]},
}

rows = st.lists(
    st.tuples(
        st.sampled_from([0.0, -0.0, 1.5, 99.0, np.nan]),
        st.sampled_from("ab"),
        st.integers(0, 3),
        st.sampled_from(["no", "yes"]),
    ),
    min_size=1,
    max_size=30,
)
cuts = st.sampled_from([1, 4, 11, 31])
actions = st.sampled_from(["keep", "clip", "drop"])


def table(values: Rows) -> pd.DataFrame:
    """Return rows as `validate` writes them."""
    frame = pd.DataFrame(values, columns=["x", "y", "z", "bought"])
    bought = pd.CategoricalDtype(["no", "yes"])
    frame = frame.astype({"x": float, "y": "str", "z": "int64", "bought": bought})
    row_keys = keys.hash_rows(frame, ["x", "y", "z"])
    return frame.set_index(pd.Index(row_keys, name=keys.ROW_KEY))


def distinct(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[~frame.duplicated().to_numpy()]


@pytest.fixture(scope="module")
def clean_table(
    write_table: WriteTable, tmp_path_factory: pytest.TempPathFactory
) -> CleanTable:
    """Run the stage on a frame that is cut into parts of so many rows."""

    def run(frame: pd.DataFrame, part_rows: int, **clean: Any) -> pd.DataFrame:
        folder = tmp_path_factory.mktemp("any")
        (folder / "params.yaml").write_text(yaml.safe_dump(PARAMS | {"clean": clean}))
        (folder / "schema.yaml").write_text(CONTRACT)
        write_table(frame, folder / "validated", part_rows)
        names = ("validated", "schema.yaml", "clean", "cleaning.json")
        with contextlib.chdir(folder):
            main(*map(Path, names))
        # Not `read_table`, whose tests stand elsewhere: parts without rows stay out.
        parts = map(pd.read_parquet, sorted((folder / "clean").iterdir()))
        return pd.concat([part for part in parts if len(part)] or [frame.iloc[:0]])

    return run


@settings(max_examples=15)
@given(values=rows, cut=cuts)
def test_duplicates_go_as_in_pandas_however_the_table_is_cut(
    values: Rows, cut: int, clean_table: CleanTable
) -> None:
    pd.testing.assert_frame_equal(
        clean_table(table(values), cut), distinct(table(values))
    )


@settings(max_examples=15)
@given(values=rows, cut=cuts)
def test_cleaning_twice_is_cleaning_once(
    values: Rows, cut: int, clean_table: CleanTable
) -> None:
    once = clean_table(table(values), cut, missing="drop")
    pd.testing.assert_frame_equal(clean_table(once, cut, missing="drop"), once)


@settings(max_examples=15)
@given(values=rows, cut=cuts, action=actions)
def test_test_rows_go_only_as_repeats(
    values: Rows, cut: int, action: str, clean_table: CleanTable
) -> None:
    params = Params.model_validate(PARAMS)
    outliers = {"action": action, "tail": 0.2}
    cleaned = clean_table(table(values), cut, missing="drop", outliers=outliers)
    before, after = (
        rows[is_test(rows, params.data, params.split)]
        for rows in (distinct(table(values)), cleaned)
    )
    assert after.index.tolist() == before.index.tolist()


@settings(max_examples=15)
@given(values=rows, action=actions)
def test_result_does_not_depend_on_how_the_table_is_cut(
    values: Rows, action: str, clean_table: CleanTable
) -> None:
    outliers = {"action": action, "tail": 0.2}
    one, other = (clean_table(table(values), cut, outliers=outliers) for cut in (3, 31))
    pd.testing.assert_frame_equal(one, other)


@given(values=rows, action=actions)
def test_clean_rows_with_the_same_bounds_does_nothing_more(
    values: Rows, action: Any
) -> None:
    frame = table(values)
    params = Clean(missing="drop", outliers=Outliers(action=action))
    bounds = {"x": (0.5, 2.5), "z": (0.5, 2.5)}
    test = frame["y"].to_numpy() == "a"
    once, _ = clean_rows(frame, test, params, ["x", "z"], bounds)
    test = once["y"].to_numpy() == "a"
    twice, _ = clean_rows(once, test, params, ["x", "z"], bounds)
    pd.testing.assert_frame_equal(twice, once)


@pytest.fixture
def frame() -> pd.DataFrame:
    return table([(1.5, "a", 0, "no"), (np.nan, "a", 1, "no"), (99.0, "b", 2, "yes")])


def test_clean_rows_keeps_what_it_is_told_to(frame: pd.DataFrame) -> None:
    cleaned, counts = clean_rows(frame, np.zeros(3, dtype=bool), Clean(), ["x"], {})
    pd.testing.assert_frame_equal(cleaned, frame)
    assert not counts


def test_clean_rows_drops_incomplete_training_rows(frame: pd.DataFrame) -> None:
    params = Clean(missing="drop")
    cleaned, counts = clean_rows(frame, np.zeros(3, dtype=bool), params, ["x"], {})
    assert cleaned["z"].tolist() == [0, 2]
    assert counts["missing"] == 1


def test_clean_rows_misses_values_in_features_alone(frame: pd.DataFrame) -> None:
    params = Clean(missing="drop")
    cleaned, _ = clean_rows(frame, np.zeros(3, dtype=bool), params, ["z"], {})
    assert len(cleaned) == 3


def test_clean_rows_drops_outlying_training_rows(frame: pd.DataFrame) -> None:
    params = Clean(outliers=Outliers(action="drop"))
    test = np.zeros(3, dtype=bool)
    cleaned, counts = clean_rows(frame, test, params, ["x"], {"x": (0.0, 9.0)})
    assert cleaned["z"].tolist() == [0, 1]
    assert counts["outliers"] == 1


def test_clean_rows_clips_test_rows_as_well(frame: pd.DataFrame) -> None:
    params = Clean(outliers=Outliers(action="clip"))
    test = np.array([False, False, True])
    cleaned, counts = clean_rows(frame, test, params, ["x"], {"x": (2.0, 9.0)})
    assert cleaned["x"].tolist() == pytest.approx([2.0, np.nan, 9.0], nan_ok=True)
    assert counts["clipped"] == 2


def test_clean_rows_drops_no_test_row(frame: pd.DataFrame) -> None:
    params = Clean(missing="drop", outliers=Outliers(action="drop"))
    test = np.ones(3, dtype=bool)
    cleaned, _ = clean_rows(frame, test, params, ["x"], {"x": (0.0, 9.0)})
    assert len(cleaned) == 3


def test_clean_rows_leaves_its_frame_alone(frame: pd.DataFrame) -> None:
    before = frame.copy()
    params = Clean(missing="drop", outliers=Outliers(action="clip"))
    clean_rows(frame, np.zeros(3, dtype=bool), params, ["x"], {"x": (0.0, 9.0)})
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize(
    ("action", "names"), [("keep", []), ("clip", ["age", "income"])]
)
def test_outlier_columns_are_features_with_numbers(
    project: Path, set_params: SetParams, action: str, names: list[str]
) -> None:
    params = set_params(clean={"outliers": {"action": action}})
    contract = load_contract(project / "schema.yaml", params.data)
    assert outlier_columns(contract, params) == names


@pytest.fixture
def validated(people: pd.DataFrame, project: Path, write_table: WriteTable) -> Path:
    repeated = pd.concat([people, people.iloc[:5]])
    return write_table(repeated, project / "validated", 25)


def run(validated: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Run the stage and return the rows and the report it wrote."""
    folder = validated.parent
    report = folder / "cleaning.json"
    main(validated, folder / "schema.yaml", folder / "clean", report)
    return read_table(folder / "clean"), json.loads(report.read_text())


def test_main_drops_repeats_and_says_so(validated: Path, people: pd.DataFrame) -> None:
    cleaned, report = run(validated)
    pd.testing.assert_frame_equal(cleaned, people)
    assert report["duplicates"] == 5
    assert report["rows"] == 60


def test_main_reports_what_did_not_happen_as_well(validated: Path) -> None:
    _, report = run(validated)
    assert report["missing"] == report["outliers"] == report["clipped"] == 0
    assert report["bounds"] == report["clip_to"] == {}


def test_main_keeps_repeats_if_told_to(validated: Path, set_params: SetParams) -> None:
    set_params(clean={"duplicates": "keep"})
    cleaned, report = run(validated)
    assert len(cleaned) == report["rows"] == 65


# An id that two rows share does not make them the same row.
def test_main_compares_whole_rows_where_there_is_an_id(
    project: Path, people: pd.DataFrame, set_params: SetParams, write_table: WriteTable
) -> None:
    set_params(data={"id": ["name"]})
    people.index = pd.Index(keys.hash_rows(people, ["name"]), name=keys.ROW_KEY)
    repeated = pd.concat([people, people.iloc[:5]])
    cleaned, report = run(write_table(repeated, project / "validated", 25))
    assert len(cleaned) == 60
    assert report["duplicates"] == 5


def test_main_learns_bounds_on_training_rows_alone(
    project: Path, people: pd.DataFrame, set_params: SetParams, write_table: WriteTable
) -> None:
    outliers = {"action": "clip", "tail": 0}
    params = set_params(clean={"outliers": outliers}, split={"test_size": 0.5})
    test = is_test(people, params.data, params.split)
    people.loc[test, "income"] = 1e9
    cleaned, report = run(write_table(people, project / "validated", 25))
    training = people.loc[~test, "income"]
    assert report["bounds"]["income"] == [training.min(), training.max()]
    assert cleaned["income"].max() == training.max()


def test_main_says_what_later_values_are_clipped_to(
    validated: Path, set_params: SetParams
) -> None:
    set_params(clean={"outliers": {"action": "clip", "tail": 0.1}})
    _, report = run(validated)
    assert report["clip_to"] == report["bounds"] != {}


def test_main_learns_bounds_on_a_share_of_a_large_table(
    validated: Path, set_params: SetParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BOUND_ROWS", 20)
    set_params(clean={"outliers": {"action": "clip", "tail": 0}})
    cleaned, report = run(validated)
    assert report["clipped"] > 0
    assert cleaned["age"].between(*report["bounds"]["age"]).all()


def test_main_writes_the_same_bytes_with_two_workers(
    validated: Path, set_params: SetParams
) -> None:
    run(validated)
    first = fingerprint(validated.parent / "clean")
    set_params(compute={"backend": "threading", "n_jobs": 2})
    run(validated)
    assert fingerprint(validated.parent / "clean") == first


def test_main_leaves_the_table_it_reads_alone(validated: Path) -> None:
    before = fingerprint(validated)
    assert load_params().clean.duplicates == "drop"
    run(validated)
    assert fingerprint(validated) == before
