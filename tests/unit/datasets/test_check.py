"""Tests of reproducible_ml.datasets.check."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pyarrow
import pytest

from reproducible_ml.datasets import keys
from reproducible_ml.datasets.check import cast, check, finish
from reproducible_ml.datasets.schema import Contract, load_contract
from reproducible_ml.params import Data

Broken = tuple[str, str, int, str, int]

DATA = Data(target="bought", positive="yes")


@pytest.fixture
def contract(project: Path) -> Contract:
    return load_contract(project / "schema.yaml", DATA)


def test_cast_gives_the_dtypes_of_the_contract(contract: Contract) -> None:
    values = {
        "bought": ["no", None],
        "joined": np.array(["2024-01-31", "NaT"], "datetime64[ns]"),
        "member": [True, False],
        "city": ["Oslo", "Paris"],
        "income": [1.5, None],
        "age": [1, 2],
        "name": ["Ann", "Bob"],
    }
    frame = cast(pyarrow.table(values), contract)
    expected = {name: column.dtype for name, column in contract.columns.items()}
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == expected
    assert list(frame.columns) == list(expected)


def test_cast_leaves_no_value_where_the_contract_wants_one(contract: Contract) -> None:
    rows = {name: pyarrow.nulls(1) for name in contract.columns}
    rows["age"] = pyarrow.array([None], pyarrow.int64())
    rows["member"] = pyarrow.array([None], pyarrow.bool_())
    assert cast(pyarrow.table(rows), contract).isna().all(axis=None)


def test_cast_rounds_no_large_integer(contract: Contract) -> None:
    rows: dict[str, Any] = {name: pyarrow.nulls(2) for name in contract.columns}
    rows["member"] = pyarrow.array([None, None], pyarrow.bool_())
    rows["age"] = pyarrow.array([2**53 + 1, None], pyarrow.int64())
    assert cast(pyarrow.table(rows), contract)["age"][0] == 2**53 + 1


@pytest.fixture
def broken(
    people: pd.DataFrame, project: Path, contract: Contract
) -> Callable[..., list[Broken]]:
    """Change columns of the good rows, and return the rules they break."""

    def look(**columns: Any) -> list[Broken]:
        frame = people.reset_index(drop=True).assign(**columns)
        schema = pa.DataFrameSchema.from_yaml(project / "schema.yaml")
        return [
            (name, rule, int(place), value, rows)
            for name, rule, place, value, rows in check(frame, contract, schema)
        ]

    return look


def test_check_finds_nothing_in_good_rows(broken: Callable[..., list[Broken]]) -> None:
    assert broken() == []


def test_check_finds_numbers_out_of_range(broken: Callable[..., list[Broken]]) -> None:
    (found,) = broken(age=np.where(np.arange(60) % 20 == 7, 200, 40))
    assert found == ("age", "breaks in_range(0, 120)", 7, "200", 3)


def test_check_finds_values_out_of_vocabulary(
    broken: Callable[..., list[Broken]],
) -> None:
    city = pd.Categorical(["Oslo"] * 58 + ["Paris"] * 2)
    (found,) = broken(city=city)
    assert found == ("city", "breaks isin(['Bonn', 'Oslo', 'Rome'])", 58, "Paris", 2)


def test_check_finds_numbers_that_are_not_finite(
    broken: Callable[..., list[Broken]],
) -> None:
    (found,) = broken(income=[1.0, np.nan, np.inf, np.inf] * 15)
    assert found == ("income", "is not finite", 2, "inf", 30)


def test_check_finds_missing_values(broken: Callable[..., list[Broken]]) -> None:
    (found,) = broken(age=pd.Series([1] * 59 + [None], dtype="Int64"))
    assert found == ("age", "is no value, but nullable is false", 59, "", 1)


def test_check_finds_every_broken_rule(broken: Callable[..., list[Broken]]) -> None:
    found = broken(age=200, income=-1.0, joined=pd.NaT)
    assert {name for name, *_ in found} == {"age", "income", "joined"}


def test_finish_sets_categories_and_keys(
    people: pd.DataFrame, contract: Contract
) -> None:
    loose = people.reset_index(drop=True).iloc[:1]
    loose = loose.assign(bought=pd.Categorical(["no"]))
    frame = finish(loose, contract, DATA)
    assert list(frame["bought"].cat.categories) == ["no", "yes"]
    assert frame.index.name == keys.NAME
    assert frame.index[0] == people.index[0]


# The order in which values come is that of the rows, and not the same in each part.
def test_finish_puts_categories_in_the_order_of_the_contract(
    people: pd.DataFrame, contract: Contract
) -> None:
    city = people["city"].cat.set_categories(["Rome", "Bonn", "Oslo"])
    frame = finish(people.assign(city=city), contract, DATA)
    assert list(frame["city"].cat.categories) == ["Bonn", "Oslo", "Rome"]
    assert frame["city"].tolist() == people["city"].tolist()


def test_finish_makes_keys_of_the_id_if_there_is_one(
    people: pd.DataFrame, contract: Contract
) -> None:
    data = Data(target="bought", positive="yes", id=("name",))
    frame = finish(people.reset_index(drop=True), contract, data)
    assert frame.index.nunique() == 20


# Otherwise a row whose label was corrected could change sides.
def test_finish_makes_keys_without_the_target(
    people: pd.DataFrame, contract: Contract
) -> None:
    relabelled = people.assign(bought=pd.Categorical(["yes"] * 60))
    frame = finish(relabelled.reset_index(drop=True), contract, DATA)
    assert frame.index.tolist() == people.index.tolist()
