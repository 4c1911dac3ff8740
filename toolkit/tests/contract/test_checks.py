"""Rows are cast to the contract, and its rules found broken where pandera does."""

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
from hypothesis import given, settings
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


@pytest.mark.parametrize("unknown", [False, True])
def test_categories_are_those_of_the_contract_in_their_order(
    contract: Contract, unknown: bool
) -> None:
    declared = list(contract.columns["city"].isin or ())
    parts = [declared[::-1], [declared[1], None], ["Atlantis"] * unknown]
    chunks = [pyarrow.array(part, pyarrow.string()) for part in parts if part]
    column = pyarrow.chunked_array(chunks).dictionary_encode()
    rows = {name: pyarrow.nulls(len(column)) for name in contract.columns}
    found = cast(pyarrow.table(rows | {"city": column}), contract)["city"]
    assert found.dropna().tolist() == [text for part in parts for text in part if text]
    assert set(found.cat.categories) == {*declared, *parts[2]}
    assert unknown or list(found.cat.categories) == declared


@pytest.mark.parametrize("large", [0, 2**53])
@pytest.mark.parametrize("included", [True, False])
def test_whole_numbers_on_and_beyond_a_bound(large: int, included: bool) -> None:
    bounds = {
        "min_value": large + 1,
        "max_value": large + 7,
        "include_min": included,
        "include_max": included,
    }
    column = {"dtype": "int64", "in_range": bounds}
    contract = Contract.model_validate({"columns": {"x": column}})
    for number in range(9):
        frame = pd.DataFrame({"x": [large + 4, large + number]})
        right = 1 <= number <= 7 if included else 1 < number < 7
        assert (not list(broken_rules(frame, contract))) == right


def test_missing_values_are_kept_for_the_checks(contract: Contract) -> None:
    rows = {name: pyarrow.nulls(1) for name in contract.columns}
    rows["age"] = pyarrow.array([None], pyarrow.int64())
    rows["member"] = pyarrow.array([None], pyarrow.bool_())
    assert cast(pyarrow.table(rows), contract).isna().all(axis=None)


def test_large_integers_are_not_rounded(contract: Contract) -> None:
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


def test_broken_rules_are_named_with_their_rows(
    broken: Callable[..., list[Broken]],
) -> None:
    assert broken() == []
    found = broken(age=np.where(np.arange(60) % 20 == 7, 200, 40))
    assert found == [("age", "in_range(0, 120)", [7, 27, 47])]
    found = broken(city=pd.Categorical(["Oslo"] * 58 + ["Paris"] * 2))
    assert found == [("city", "isin(['Bonn', 'Oslo', 'Rome'])", [58, 59])]
    found = broken(age=pd.Series([1] * 59 + [None], dtype="Int64"))
    assert found == [("age", NOT_NULL, [59])]
    found = broken(name=pd.Series(["x" * 31] + ["x" * 30] * 59, dtype="str"))
    assert found == [("name", "str_length(None, 30)", [0])]
    found = broken(age=200, income=-1.0, joined=pd.NaT)
    assert {name for name, *_ in found} == {"age", "income", "joined"}


# Pandera lets them pass: infinity is larger than any bound.
def test_numbers_that_are_not_finite_are_found(
    broken: Callable[..., list[Broken]],
) -> None:
    assert broken(income=[1.0, np.nan, np.inf] * 20)[0] == (
        "income",
        FINITE,
        list(range(2, 60, 3)),
    )


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
@settings(max_examples=8)
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
    ("number", "inexact"), [(2.0**53 - 1, False), (-(2.0**53), True), (np.nan, False)]
)
def test_floats_too_large_for_exact_integers_are_found(
    people: pd.DataFrame, contract: Contract, number: float, inexact: bool
) -> None:
    assert has_inexact_integers(people.assign(income=number), contract) == inexact


# The order of categories in the data is that of the rows, and differs between parts.
def test_categories_are_those_of_the_contract_in_its_order(
    people: pd.DataFrame, contract: Contract
) -> None:
    city = people["city"].cat.set_categories(["Rome", "Bonn", "Oslo"])
    frame = people.assign(city=city, bought=pd.Categorical(["no"] * 60))
    finished = add_row_keys(frame, contract, DATA)
    assert list(finished["city"].cat.categories) == ["Bonn", "Oslo", "Rome"]
    assert list(finished["bought"].cat.categories) == ["no", "yes"]
    assert finished["city"].tolist() == people["city"].tolist()


# Otherwise a row whose label is corrected could change sides.
def test_row_keys_depend_on_id_or_all_columns_but_the_target(
    people: pd.DataFrame, contract: Contract
) -> None:
    rows = people.reset_index(drop=True)
    relabelled = rows.assign(bought=pd.Categorical(["yes"] * 60))
    frame = add_row_keys(relabelled, contract, DATA)
    assert frame.index.name == keys.ROW_KEY
    assert frame.index.tolist() == people.index.tolist()
    with_id = Data(target="bought", positive="yes", id=("name",))
    assert add_row_keys(rows, contract, with_id).index.nunique() == 20


def test_integer_categories_stay_integers(people: pd.DataFrame) -> None:
    columns = {
        "x": {"dtype": "category", "isin": [2, 1]},
        "y": {"dtype": "category", "isin": ["a"]},
    }
    contract = Contract.model_validate({"columns": columns})
    rows = pyarrow.table({"x": [1, None, 2], "y": ["a", "a", None]})
    frame = add_row_keys(cast(rows, contract), contract, Data(target="y", positive="a"))
    assert str(frame["x"].dtype) == "Int64"
    assert frame["x"].tolist() == [1, pd.NA, 2]
