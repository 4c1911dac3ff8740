"""Tests of reproducible_ml.adopt.yaml_files."""

import datetime
from typing import Any

import pytest
import yaml

from reproducible_ml.adopt.yaml_files import difference, rewrite, to_yaml
from reproducible_ml.contract.schema import (
    Column,
    ColumnMetadata,
    Contract,
    CsvDialect,
    Range,
)

AGE = Column(
    dtype="int64", description="In years", in_range=Range(min_value=0, max_value=99)
)
CITY = Column(dtype="category", isin=("Rome", "Bonn"))


def contract(**columns: Column) -> Contract:
    return Contract(columns=columns)


@pytest.mark.parametrize(
    "column",
    [
        AGE,
        CITY,
        Column(dtype="category", isin=("no", "yes", "1", "null", "1e3", "2024-01-01")),
        Column(dtype="category", isin=(1, 2)),
        Column(
            dtype="str",
            metadata=ColumnMetadata(reason='it\'s: "odd" # [1]', missing=("-",)),
        ),
        Column(dtype="datetime64[ns]", metadata=ColumnMetadata(format="%d.%m.%Y")),
        Column(dtype="datetime64[ns]", less_than=datetime.date(2100, 1, 1)),
        Column(dtype="category", isin=("\x1b[31m", "\u202e", "a\nb", "😀")),
    ],
)
@pytest.mark.parametrize("name", ["plain", "a b: c", "no", "1", "# x", "", "größe"])
def test_written_contract_is_read_as_the_same(column: Column, name: str) -> None:
    written = Contract(metadata=CsvDialect(delimiter="\t"), columns={name: column})
    for text in (to_yaml(written), rewrite(to_yaml(contract(age=AGE)), written)):
        assert Contract.model_validate(yaml.safe_load(text)) == written
        assert "\x1b" not in text


def test_comments_of_people_stay() -> None:
    text = to_yaml(contract(age=AGE, city=CITY)).replace("Bonn]", "Bonn] # so far")
    text = text.replace("  age:", "  # Ask Ann.\n  age:")
    changed = rewrite(text, contract(age=Column(dtype="float64"), city=CITY))
    assert "# Ask Ann." in changed
    assert "# so far" in changed
    assert "dtype: float64" in changed


def test_comment_before_a_column_outlives_the_column_before_it() -> None:
    text = to_yaml(contract(age=AGE, city=CITY))
    text = text.replace("  city:", "  # Ask Bob.\n  city:")
    assert "  # Ask Bob.\n  city:" in rewrite(text, contract(city=CITY))


def test_what_goes_without_saying_may_be_said() -> None:
    text = to_yaml(contract(age=AGE, city=CITY))
    text = text.replace(
        "dtype: int64", "dtype: int64\n    nullable: false\n    metadata: {missing: []}"
    )
    changed = rewrite(
        text, contract(age=AGE, city=CITY.model_copy(update={"nullable": True}))
    )
    assert difference(text, changed).count("\n+") == 2
    assert "    nullable: true" in changed
    assert "    nullable: false\n    metadata: {missing: []}" in changed


def test_same_contract_is_the_same_text_however_it_is_written() -> None:
    text = '{"columns": {"age":   {"dtype": "int64", nullable: false}},  strict: true}'
    assert rewrite(text, contract(age=Column(dtype="int64"))) == text


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
