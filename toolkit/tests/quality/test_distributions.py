"""Profiles of a table: counts of each column's values, and the sample they use."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from reproducible_ml.contract.schema import Contract, Data
from reproducible_ml.core.params import Compute
from reproducible_ml.core.parts import read_table
from reproducible_ml.quality.distributions import (
    Distribution,
    describe,
    profile_table,
    read_subset,
    recount,
    subset_records,
)

COMPUTE = Compute(backend="sequential", n_jobs=1)
THREADS = Compute(backend="threading", n_jobs=2)

CleanTable = Callable[..., pd.DataFrame]
Stored = Callable[..., Path]
ContractOf = Callable[..., Contract]
DataOf = Callable[..., Data]
Profiled = Callable[..., dict[str, Any]]


@pytest.fixture
def cities() -> pd.DataFrame:
    city = pd.Categorical(["Bonn", "Rome"] * 500, ["Bonn", "Oslo", "Rome"])
    return pd.DataFrame({"x": range(1000), "city": city, "y": 0})


@pytest.mark.parametrize("columns", [None, ["city", "said"]])
def test_sample_has_the_types_and_values_of_its_rows(
    columns: list[str] | None, cities: pd.DataFrame, stored: Stored
) -> None:
    frame = cities.assign(
        said=pd.Series(["ja", None, "nein", "ça"] * 250, dtype="str"),
        whole=pd.array([1, None, 3, 4] * 250, dtype="Int64"),
        member=pd.array([True, None] * 500, dtype="boolean"),
        when=pd.date_range("2024-01-01", periods=1000).astype("datetime64[ns]"),
    )
    table = stored(frame, rows=300)
    every = read_table(table)
    expected = every.iloc[subset_records(table, 200)]
    some = read_subset(table, THREADS, columns, rows=200)
    assert 100 < len(some) < 300
    pd.testing.assert_frame_equal(some, expected[columns or list(frame.columns)])


def test_small_table_is_read_whole(cities: pd.DataFrame, stored: Stored) -> None:
    some = read_subset(stored(cities, rows=300), COMPUTE)
    pd.testing.assert_frame_equal(some.reset_index(drop=True), cities)
    assert read_subset(stored(cities.iloc[:0], name="empty"), COMPUTE).empty


def test_sample_does_not_depend_on_parts_or_threads(
    cities: pd.DataFrame, stored: Stored
) -> None:
    whole = read_subset(stored(cities, name="whole"), COMPUTE, ["x"], rows=200)
    parts = read_subset(stored(cities, name="parts", rows=7), THREADS, ["x"], rows=200)
    pd.testing.assert_frame_equal(whole, parts)
    assert list(whole.columns) == ["x"]
    assert 150 < len(whole) < 250
    assert whole["x"].max() > 900


def test_duplicate_rows_are_sampled_like_others(stored: Stored) -> None:
    same = pd.DataFrame({"x": [1] * 1000, "y": 0})
    assert 150 < len(read_subset(stored(same), COMPUTE, rows=200)) < 250


def test_empty_part_does_not_change_the_type_of_categories(
    cities: pd.DataFrame, stored: Stored
) -> None:
    table = stored(cities, rows=1000)
    empty = stored(cities.iloc[:0], name="empty") / "part-00000.parquet"
    empty.rename(table / "part-00001.parquet")
    assert read_subset(table, COMPUTE)["city"].dtype == cities["city"].dtype


@pytest.fixture
def profiled(stored: Stored, contract_of: ContractOf, data_of: DataOf) -> Profiled:
    """Return the columns of a frame's profile."""

    def columns(
        frame: pd.DataFrame,
        *excluded: str,
        task: str = "binary",
        rows: int = 130,
        compute: Compute = COMPUTE,
        metadata: dict[str, Any] | None = None,
        **roles: Any,
    ) -> dict[str, Any]:
        table = stored(frame, name=f"parts of {rows}", rows=rows)
        contract = contract_of(frame, *excluded, **(metadata or {}))
        found = profile_table(table, contract, data_of(task, **roles), compute)
        return dict(found["columns"])

    return columns


def test_numbers_and_dates_are_counted_between_quantiles(
    clean_table: CleanTable, profiled: Profiled
) -> None:
    frame = clean_table()
    frame.loc[:9, "joined"] = pd.NaT
    found = profiled(frame)
    bounds = {"age": found["age"]["bins"]}
    bounds["joined"] = list(pd.to_datetime(found["joined"]["bins"]))
    for name, bins in bounds.items():
        expected = [(frame[name] <= bound).sum() for bound in bins]
        assert np.cumsum(found[name]["counts"][:-1]).tolist() == expected
    assert len(bounds["age"]) == 19
    assert found["age"]["mean"] == pytest.approx(frame["age"].mean(), rel=1e-5)
    assert found["age"]["sd"] == pytest.approx(frame["age"].std(ddof=0), rel=1e-5)
    for name in ("income", "visits", "joined"):
        assert found[name]["missing"] == frame[name].isna().sum()
        assert sum(found[name]["counts"]) == frame[name].notna().sum()


def test_few_values_have_a_bin_each(
    clean_table: CleanTable, profiled: Profiled
) -> None:
    frame = clean_table().assign(size=[1, 2, 5] * 100, none=np.nan)
    found = profiled(frame)
    assert found["size"]["bins"] == [math.nextafter(1, 0), 1, 2, 5]
    assert found["size"]["counts"] == [0, 100, 100, 100, 0]
    assert found["none"] == {"kind": "numbers", "counts": [0], "missing": 300}
    assert found["city"]["bins"] == ["Bonn", "Oslo", "Rome"]
    counts = [(frame["city"] == name).sum() for name in found["city"]["bins"]]
    assert found["city"]["counts"] == [*counts, 0]
    assert found["member"]["bins"] == ["False", "True"]


def test_bound_is_never_a_negative_zero() -> None:
    found = describe(pd.Series([-1.0, *[-0.0, 0.0] * 50, -0.0]), "numbers")
    assert found.bins == (0,)
    assert found.counts == (102, 0)
    assert math.copysign(1, float(found.bins[-1])) == 1


def test_rare_categories_are_counted_together_and_long_ones_shortened(
    clean_table: CleanTable, profiled: Profiled
) -> None:
    places = np.append(np.repeat(np.arange(50), 5), np.arange(50, 100))
    frame = clean_table().assign(
        street=pd.Categorical([f"street {place:02d}" for place in places]),
        name=pd.Categorical(["the same beginning " * 9 + end for end in "ab"] * 150),
    )
    found = profiled(frame)
    assert found["street"]["bins"] == [f"street {place:02d}" for place in range(50)]
    assert found["street"]["counts"] == [5] * 50 + [50]
    assert found["name"]["counts"] == [150, 150, 0]
    assert all(len(label) == 24 for label in found["name"]["bins"])


def test_target_is_counted_by_class_or_as_a_number(
    clean_table: CleanTable, profiled: Profiled
) -> None:
    found = profiled(clean_table().assign(y=[0, 1, 1] * 100), positive=1)["y"]
    assert (found["bins"], found["counts"]) == (["0", "1"], [100, 200, 0])
    number = profiled(clean_table("regression"), task="regression", rows=299)["y"]
    assert number["sd"] > 0


def test_no_text_of_a_row_is_stored(
    clean_table: CleanTable, profiled: Profiled
) -> None:
    frame = clean_table().assign(
        note=pd.Series([f"secret {'x' * (i % 7)}" for i in range(300)]),
        town=pd.Series([f"secret {i % 60}" for i in range(300)]),
        code=pd.Series([f"secret {i}" for i in range(300)]),
    )
    metadata = {
        "note": {"treatment": "bag_of_words"},
        "town": {"treatment": "target_encoding"},
    }
    found = profiled(frame, "code", metadata=metadata)
    assert "secret" not in json.dumps(found)
    assert "code" not in found
    assert found["note"]["bins"] == [math.nextafter(7, 0), 7, 8, 9, 10, 11, 12, 13]
    assert found["note"]["mean"] == 9.99
    assert sum(found["town"]["counts"]) == 300


def test_profile_is_small_json(clean_table: CleanTable, profiled: Profiled) -> None:
    names = pd.Categorical([f"a category of 25 chars {i:03d}" for i in range(300)])
    for column in profiled(clean_table().assign(name=names)).values():
        assert len(json.dumps(column, allow_nan=False)) < 2048


def test_profile_does_not_depend_on_parts_threads_or_the_order_of_rows(
    clean_table: CleanTable, profiled: Profiled
) -> None:
    frame = clean_table()
    whole = profiled(frame, rows=300)
    assert profiled(frame, rows=7, compute=THREADS) == whole
    assert profiled(frame.sample(frac=1, random_state=0), rows=299) == whole


@pytest.mark.parametrize("value", [1e300, -1e300, 1e-300])
def test_extreme_numbers_have_mean_and_standard_deviation(
    value: float, clean_table: CleanTable, profiled: Profiled
) -> None:
    column = profiled(clean_table().assign(x=[0.0, value] * 150))["x"]
    assert (column["mean"], column["sd"]) == (value / 2, abs(value) / 2)


def test_recount_uses_the_bins_of_the_other_profile(
    clean_table: CleanTable, stored: Stored, contract_of: ContractOf, data_of: DataOf
) -> None:
    frame, data = clean_table(), data_of()
    table, contract = stored(frame), contract_of(frame)
    found = json.loads(json.dumps(profile_table(table, contract, data, COMPUTE)))
    assert recount(table, found, contract, data, COMPUTE) == found
    other = frame.drop(columns="age").assign(member=1.0)
    again = recount(
        stored(other, name="other"), found, contract_of(other), data, COMPUTE
    )
    assert set(again["columns"]) == set(frame) - {"age", "member"}


@pytest.mark.parametrize(
    "broken",
    [
        {"kind": "numbers", "bins": [1.0], "counts": [1], "missing": 0},
        {"kind": "numbers", "bins": ["a"], "counts": [1, 2], "missing": 0},
        {"kind": "values", "bins": [1.0], "counts": [1, 2], "missing": 0},
        {"kind": "other", "counts": [1], "missing": 0},
    ],
)
def test_inconsistent_distribution_is_invalid(broken: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Distribution.model_validate(broken)
