"""Tests of reproducible_ml.contract.checks."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pyarrow
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from reproducible_ml.contract.checks import (
    FINITE,
    NOT_NULL,
    add_row_keys,
    broken_rules,
    cast,
    has_inexact_integers,
)
from reproducible_ml.contract.schema import Contract, Data, load_contract
from reproducible_ml.core import keys

Broken = tuple[str, str, list[int]]

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
def broken(people: pd.DataFrame, contract: Contract) -> Callable[..., list[Broken]]:
    """Change columns of the good rows, and return the rules they break, and where."""

    def look(**columns: Any) -> list[Broken]:
        frame = people.reset_index(drop=True).assign(**columns)
        return [
            (name, rule, np.flatnonzero(mask).tolist())
            for name, rule, mask in broken_rules(frame, contract)
        ]

    return look


def test_good_rows_break_no_rule(broken: Callable[..., list[Broken]]) -> None:
    assert broken() == []


def test_numbers_out_of_range_are_found(broken: Callable[..., list[Broken]]) -> None:
    found = broken(age=np.where(np.arange(60) % 20 == 7, 200, 40))
    assert found == [("age", "in_range(0, 120)", [7, 27, 47])]


def test_values_out_of_vocabulary_are_found(
    broken: Callable[..., list[Broken]],
) -> None:
    found = broken(city=pd.Categorical(["Oslo"] * 58 + ["Paris"] * 2))
    assert found == [("city", "isin(['Bonn', 'Oslo', 'Rome'])", [58, 59])]


# Pandera lets them pass: infinity is larger than any bound.
def test_numbers_that_are_not_finite_are_found(
    broken: Callable[..., list[Broken]],
) -> None:
    assert broken(income=[1.0, np.nan, np.inf] * 20)[0] == (
        "income",
        FINITE,
        list(range(2, 60, 3)),
    )


def test_missing_values_are_found(broken: Callable[..., list[Broken]]) -> None:
    found = broken(age=pd.Series([1] * 59 + [None], dtype="Int64"))
    assert found == [("age", NOT_NULL, [59])]


def test_every_broken_rule_is_found(broken: Callable[..., list[Broken]]) -> None:
    found = broken(age=200, income=-1.0, joined=pd.NaT)
    assert {name for name, *_ in found} == {"age", "income", "joined"}


NUMBERS = st.integers(-4, 4)
TEXTS = st.sampled_from(["", "a", "b", "ab", "ba", "bab", "ünö"])
DAYS = st.dates(date(2020, 1, 1), date(2020, 1, 9))
BOUNDS = (
    "greater_than",
    "greater_than_or_equal_to",
    "less_than",
    "less_than_or_equal_to",
)


def checks_of(values: st.SearchStrategy[Any]) -> dict[str, st.SearchStrategy[Any]]:
    """Return strategies for the checks that any column may have."""
    ranges = st.fixed_dictionaries(
        {"min_value": values, "max_value": values},
        optional={"include_min": st.booleans(), "include_max": st.booleans()},
    ).filter(lambda r: r["min_value"] < r["max_value"])
    lists = st.lists(values, min_size=1, max_size=3, unique=True)
    single = dict.fromkeys(BOUNDS, values)
    return {**single, "isin": lists, "notin": lists, "in_range": ranges}


LENGTHS = st.fixed_dictionaries(
    {"min_value": st.integers(0, 2)}
) | st.fixed_dictionaries(
    {"min_value": st.integers(0, 1), "max_value": st.integers(1, 3)}
)
TEXT_CHECKS = {
    "isin": checks_of(TEXTS)["isin"],
    "notin": checks_of(TEXTS)["notin"],
    "str_matches": st.sampled_from(["a", "^b", "b.b$", "(?i)B"]),
    "str_length": LENGTHS,
}


VALUES = {
    "float64": NUMBERS.map(float),
    "Int64": NUMBERS,
    "datetime64[ns]": DAYS,
    "str": TEXTS,
    "category": TEXTS,
}
CHECKS = {
    "float64": {"in_range": checks_of(VALUES["float64"])["in_range"]},
    "Int64": checks_of(NUMBERS),
    "datetime64[ns]": checks_of(DAYS),
    "str": TEXT_CHECKS,
    "category": {"isin": TEXT_CHECKS["isin"]},
}


@pytest.mark.parametrize(
    ("dtype", "check"), [(dtype, check) for dtype in CHECKS for check in CHECKS[dtype]]
)
@given(data=st.data())
def test_rules_are_broken_where_pandera_says_so(
    dtype: Any, check: str, data: st.DataObject
) -> None:
    column: dict[str, Any] = {
        "dtype": dtype,
        "nullable": data.draw(st.booleans()),
        check: data.draw(CHECKS[dtype][check]),
    }
    values = data.draw(st.lists(VALUES[dtype] | st.none(), min_size=1, max_size=9))
    schema = {"schema_type": "dataframe", "strict": True, "columns": {"x": column}}
    contract = Contract.model_validate(schema)
    frame = pd.DataFrame({"x": pd.Series(values, dtype="object").astype(dtype)})
    found = {
        (rule.split("(")[0], place)
        for _, rule, mask in broken_rules(frame, contract)
        for place in np.flatnonzero(mask).tolist()
    }
    assert found == broken_by_pandera(yaml.safe_dump(schema), frame)


def broken_by_pandera(schema: str, frame: pd.DataFrame) -> set[tuple[str, int]]:
    try:
        pa.DataFrameSchema.from_yaml(schema).validate(frame, lazy=True)
    except pa.errors.SchemaErrors as errors:
        cases = errors.failure_cases
        names = cases["check"].str.split("(").str[0].replace("not_nullable", NOT_NULL)
        return set(zip(names, cases["index"].astype(int), strict=True))
    return set()


@pytest.mark.parametrize(
    ("number", "may_be"), [(2.0**53 - 1, False), (-(2.0**53), True), (np.nan, False)]
)
def test_whole_numbers_beyond_a_float_are_suspect(
    people: pd.DataFrame, contract: Contract, number: float, may_be: bool
) -> None:
    assert has_inexact_integers(people.assign(income=number), contract) == may_be


def test_finish_sets_categories_and_keys(
    people: pd.DataFrame, contract: Contract
) -> None:
    loose = people.reset_index(drop=True).iloc[:1]
    loose = loose.assign(bought=pd.Categorical(["no"]))
    frame = add_row_keys(loose, contract, DATA)
    assert list(frame["bought"].cat.categories) == ["no", "yes"]
    assert frame.index.name == keys.ROW_KEY
    assert frame.index[0] == people.index[0]


# The order in which values come is that of the rows, and not the same in each part.
def test_finish_puts_categories_in_the_order_of_the_contract(
    people: pd.DataFrame, contract: Contract
) -> None:
    city = people["city"].cat.set_categories(["Rome", "Bonn", "Oslo"])
    frame = add_row_keys(people.assign(city=city), contract, DATA)
    assert list(frame["city"].cat.categories) == ["Bonn", "Oslo", "Rome"]
    assert frame["city"].tolist() == people["city"].tolist()


def test_finish_makes_keys_of_the_id_if_there_is_one(
    people: pd.DataFrame, contract: Contract
) -> None:
    data = Data(target="bought", positive="yes", id=("name",))
    frame = add_row_keys(people.reset_index(drop=True), contract, data)
    assert frame.index.nunique() == 20


# Otherwise a row whose label was corrected could change sides.
def test_finish_makes_keys_without_the_target(
    people: pd.DataFrame, contract: Contract
) -> None:
    relabelled = people.assign(bought=pd.Categorical(["yes"] * 60))
    frame = add_row_keys(relabelled.reset_index(drop=True), contract, DATA)
    assert frame.index.tolist() == people.index.tolist()
