"""Tests of reproducible_ml.quality.distributions."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from reproducible_ml.contract.schema import Contract
from reproducible_ml.quality.distributions import Distribution, profile, recount
from tumour_diagnosis.params import Params

CleanTable = Callable[..., pd.DataFrame]
Stored = Callable[..., Path]
ContractOf = Callable[..., Contract]
ParamsOf = Callable[..., Params]
Profiled = Callable[..., dict[str, Any]]

THREADS = {"backend": "threading", "n_jobs": 2}


@pytest.fixture
def profiled(stored: Stored, contract_of: ContractOf, params_of: ParamsOf) -> Profiled:
    """Return the columns of a frame's profile."""

    def columns(
        frame: pd.DataFrame,
        *excluded: str,
        task: str = "binary",
        rows: int = 130,
        notes: dict[str, Any] | None = None,
        **sections: dict[str, Any],
    ) -> dict[str, Any]:
        table = stored(frame, name=f"parts of {rows}", rows=rows)
        contract = contract_of(frame, *excluded, **(notes or {}))
        found = profile(table, contract, params_of(task, **sections))
        found_columns: dict[str, Any] = found["columns"]
        return found_columns

    return columns


def test_numbers_are_counted_between_quantiles(
    clean_table: CleanTable, profiled: Profiled
) -> None:
    frame = clean_table()
    age = profiled(frame)["age"]
    assert len(age["bins"]) == 19
    expected = [(frame["age"] <= bound).sum() for bound in age["bins"]]
    assert np.cumsum(age["counts"][:-1]).tolist() == expected
    assert sum(age["counts"]) == len(frame)
    assert age["mean"] == pytest.approx(frame["age"].mean(), rel=1e-5)
    assert age["sd"] == pytest.approx(frame["age"].std(ddof=0), rel=1e-5)


def test_few_numbers_have_a_bin_each(
    clean_table: CleanTable, profiled: Profiled
) -> None:
    column = profiled(clean_table().assign(size=[1, 2, 5] * 100))["size"]
    assert (column["bins"], column["counts"]) == ([1, 2, 5], [100, 100, 100, 0])


def test_missing_values_are_counted(
    clean_table: CleanTable, profiled: Profiled
) -> None:
    frame = clean_table()
    found = profiled(frame)
    for name in ("income", "visits"):
        assert found[name]["missing"] == frame[name].isna().sum()
        assert sum(found[name]["counts"]) == frame[name].notna().sum()


def test_column_without_values_has_no_bins(
    clean_table: CleanTable, profiled: Profiled
) -> None:
    column = profiled(clean_table().assign(none=np.nan))["none"]
    assert column == {"kind": "numbers", "counts": [0], "missing": 300}


def test_categories_are_counted(clean_table: CleanTable, profiled: Profiled) -> None:
    frame = clean_table()
    found = profiled(frame)
    city = found["city"]
    assert city["bins"] == ["Bonn", "Oslo", "Rome"]
    counts = [(frame["city"] == name).sum() for name in city["bins"]]
    assert city["counts"] == [*counts, 0]
    assert found["member"]["bins"] == ["False", "True"]


def test_only_common_categories_have_a_bin(
    clean_table: CleanTable, profiled: Profiled
) -> None:
    places = np.append(np.repeat(np.arange(50), 5), np.arange(50, 100))
    street = pd.Categorical([f"street {place:02d}" for place in places])
    column = profiled(clean_table().assign(street=street))["street"]
    assert column["bins"] == [f"street {place:02d}" for place in range(50)]
    assert column["counts"] == [5] * 50 + [50]


def test_long_categories_are_shortened_and_told_apart(
    clean_table: CleanTable, profiled: Profiled
) -> None:
    names = pd.Categorical(["the same beginning " * 9 + end for end in "ab"] * 150)
    column = profiled(clean_table().assign(name=names))["name"]
    assert column["counts"] == [150, 150, 0]
    assert all(len(label) == 24 for label in column["bins"])


def test_classes_are_counted_whatever_their_type(
    clean_table: CleanTable, profiled: Profiled
) -> None:
    frame = clean_table().assign(y=[0, 1, 1] * 100)
    found = profiled(frame, data={"positive": 1})["y"]
    assert (found["bins"], found["counts"]) == (["0", "1"], [100, 200, 0])


def test_number_to_predict_is_told_like_any(
    clean_table: CleanTable, profiled: Profiled
) -> None:
    assert profiled(clean_table("regression"), task="regression")["y"]["sd"] > 0


def test_dates_are_counted_between_dates(
    clean_table: CleanTable, profiled: Profiled
) -> None:
    frame = clean_table()
    frame.loc[:9, "joined"] = pd.NaT
    joined = profiled(frame)["joined"]
    bounds = pd.to_datetime(joined["bins"])
    expected = [(frame["joined"] <= bound).sum() for bound in bounds]
    assert np.cumsum(joined["counts"][:-1]).tolist() == expected
    assert joined["missing"] == 10


def test_no_text_of_a_row_is_kept(clean_table: CleanTable, profiled: Profiled) -> None:
    frame = clean_table().assign(
        note=pd.Series([f"secret {'x' * (i % 7)}" for i in range(300)]),
        town=pd.Series([f"secret {i % 60}" for i in range(300)]),
        code=pd.Series([f"secret {i}" for i in range(300)]),
    )
    notes = {
        "note": {"treatment": "bag_of_words"},
        "town": {"treatment": "target_encoding"},
    }
    found = profiled(frame, "code", notes=notes)
    assert "secret" not in json.dumps(found)
    assert "code" not in found
    assert (found["note"]["bins"], found["note"]["mean"]) == (
        [7, 8, 9, 10, 11, 12, 13],
        9.99,
    )
    assert sum(found["town"]["counts"]) == 300


def test_profile_is_small_json(clean_table: CleanTable, profiled: Profiled) -> None:
    names = pd.Categorical([f"a category of 25 chars {i:03d}" for i in range(300)])
    found = profiled(clean_table().assign(name=names))
    for column in found.values():
        assert len(json.dumps(column, allow_nan=False)) < 2048


def test_profile_does_not_depend_on_parts_or_threads(
    clean_table: CleanTable, profiled: Profiled
) -> None:
    frame = clean_table()
    assert profiled(frame, rows=7, compute=THREADS) == profiled(frame, rows=300)


def test_moments_do_not_depend_on_the_order_of_rows(
    clean_table: CleanTable, profiled: Profiled
) -> None:
    frame = clean_table()
    other = frame.sample(frac=1, random_state=0)
    assert profiled(other, rows=299) == profiled(frame, rows=300)


@pytest.mark.parametrize("value", [1e300, -1e300, 1e-300])
def test_extreme_numbers_have_moments(
    value: float, clean_table: CleanTable, profiled: Profiled
) -> None:
    column = profiled(clean_table().assign(x=[0.0, value] * 150))["x"]
    assert (column["mean"], column["sd"]) == (value / 2, abs(value) / 2)


def test_table_is_recounted_in_its_own_bins_as_it_was(
    clean_table: CleanTable,
    stored: Stored,
    contract_of: ContractOf,
    params_of: ParamsOf,
) -> None:
    frame = clean_table()
    table, contract, params = stored(frame), contract_of(frame), params_of()
    found = json.loads(json.dumps(profile(table, contract, params)))
    assert recount(table, found, contract, params) == found


def test_columns_that_are_gone_or_of_another_kind_are_not_recounted(
    clean_table: CleanTable,
    stored: Stored,
    contract_of: ContractOf,
    params_of: ParamsOf,
) -> None:
    frame = clean_table()
    old = profile(stored(frame), contract_of(frame), params_of())
    other = frame.drop(columns="age").assign(member=1.0)
    again = recount(stored(other, name="other"), old, contract_of(other), params_of())
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
def test_distribution_that_makes_no_sense_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Distribution.model_validate(broken)
