"""Tests of reproducible_ml.datasets.adoption.merge."""

from typing import Any

import pytest
import yaml

from reproducible_ml.datasets.adoption.merge import difference, merge, rewrite, to_yaml
from reproducible_ml.datasets.schema import Column, Contract, Dialect, Notes, Range

AGE = Column(
    dtype="int64", description="In years", in_range=Range(min_value=0, max_value=99)
)
CITY = Column(dtype="category", isin=("Rome", "Bonn"))


def contract(**columns: Column) -> Contract:
    return Contract(columns=columns)


def test_edits_stay_where_the_table_honours_them() -> None:
    existing = contract(age=AGE)
    inferred = contract(age=Column(dtype="float64"))
    assert merge(existing, inferred, broken=()) == existing


def test_new_columns_come_last_and_gone_ones_go() -> None:
    existing = contract(age=AGE, gone=CITY)
    merged = merge(existing, contract(new=CITY, age=AGE), broken=())
    assert list(merged.columns) == ["age", "new"]


def test_new_category_is_added_to_those_there_are() -> None:
    inferred = contract(city=Column(dtype="category", isin=("Bonn", "Oslo", "Rome")))
    merged = merge(contract(city=CITY), inferred, broken=["city"])
    assert merged.columns["city"].isin == ("Rome", "Bonn", "Oslo")


def test_range_that_no_longer_holds_is_that_of_the_table() -> None:
    wide = Range(min_value=0, max_value=150)
    inferred = contract(age=Column(dtype="int64", in_range=wide))
    merged = merge(contract(age=AGE), inferred, broken=["age"])
    assert merged.columns["age"] == AGE.model_copy(update={"in_range": wide})


def test_value_that_is_missing_now_may_be_missing() -> None:
    text = Column(dtype="str")
    inferred = contract(name=Column(dtype="str", nullable=True))
    assert merge(contract(name=text), inferred, ["name"]).columns["name"].nullable


def test_other_type_keeps_what_people_said_of_the_column() -> None:
    said = AGE.model_copy(update={"metadata": Notes(treatment="exclude")})
    inferred = contract(age=Column(dtype="float64"))
    column = merge(contract(age=said), inferred, ["age"]).columns["age"]
    assert (column.dtype, column.description) == ("float64", "In years")
    assert column.treatment == "exclude"
    assert column.in_range is None


def test_way_to_read_a_column_follows_the_table() -> None:
    own = Column(dtype="float64", metadata=Notes(treatment="exclude", missing=("?",)))
    found = Column(dtype="float64", metadata=Notes(decimal=",", missing=("k.A.",)))
    notes = merge(contract(x=own), contract(x=found), ["x"]).columns["x"].metadata
    assert notes == Notes(treatment="exclude", decimal=",", missing=("?", "k.A."))


def test_dialect_is_that_of_the_table() -> None:
    inferred = Contract(metadata=Dialect(delimiter=";"), columns={"age": AGE})
    assert merge(contract(age=AGE), inferred, ()).metadata.delimiter == ";"


@pytest.mark.parametrize(
    "column",
    [
        AGE,
        CITY,
        Column(dtype="category", isin=("no", "yes", "1", "null", "1e3", "2024-01-01")),
        Column(dtype="category", isin=(1, 2)),
        Column(
            dtype="str", metadata=Notes(reason='it\'s: "odd" # [1]', missing=("-",))
        ),
        Column(dtype="datetime64[ns]", metadata=Notes(format="%d.%m.%Y")),
    ],
)
@pytest.mark.parametrize("name", ["plain", "a b: c", "no", "1", "# x", "", "größe"])
def test_written_contract_is_read_as_the_same(column: Column, name: str) -> None:
    written = Contract(metadata=Dialect(delimiter="\t"), columns={name: column})
    for text in (to_yaml(written), rewrite(to_yaml(contract(age=AGE)), written)):
        assert Contract.model_validate(yaml.safe_load(text)) == written


def test_comments_of_people_stay() -> None:
    text = to_yaml(contract(age=AGE, city=CITY)).replace("Bonn]", "Bonn] # so far")
    text = text.replace("  age:", "  # Ask Ann.\n  age:")
    changed = rewrite(text, contract(age=Column(dtype="float64"), city=CITY))
    assert "# Ask Ann." in changed
    assert "# so far" in changed
    assert "dtype: float64" in changed


def test_nothing_changed_is_no_difference() -> None:
    text = to_yaml(contract(age=AGE))
    assert rewrite(text, contract(age=AGE)) == text
    assert difference(text, text) == ""


def test_difference_shows_what_goes_and_what_comes() -> None:
    old: Any = to_yaml(contract(age=AGE))
    new = rewrite(old, contract(age=AGE.model_copy(update={"nullable": True})))
    lines = difference(old, new).splitlines()
    assert "+    nullable: true" in lines
    assert not [line for line in lines[2:] if line.startswith("-")]
