"""Edits of YAML files that keep what the user wrote."""

import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from reproducible_ml.adopt.yaml_files import (
    contract_diff,
    contract_to_yaml,
    edit_yaml,
    quote_ambiguous,
    sync,
    to_text,
    update_contract,
    yaml_with_comments,
)
from reproducible_ml.contract.schema import (
    Column,
    ColumnMetadata,
    Contract,
    CsvDialect,
    Range,
)

TEXT = """\
# head
a: # about a
  # before b
  b: 1 # after b

  # before c
  c:
    x: [1, 2] # after x
    y: 'no'
  # before d
  d:
  - one
  - two # after two
  # before e
  e: {}
f: []
"""


def synced(
    text: str, new: dict[str, Any], defaults: dict[str, Any] | None = None
) -> str:
    content = yaml_with_comments().load(text)
    sync(content, new, defaults or {})
    return to_text(content)


def changed(**section: Any) -> tuple[str, dict[str, Any]]:
    """Return the text with other values of `a`, and what it should say."""
    new = yaml.safe_load(TEXT)
    for key, value in section.items():
        if value is None:
            del new["a"][key]
        else:
            new["a"][key] = value
    return synced(TEXT, new), new


def test_nothing_new_changes_nothing() -> None:
    assert synced(TEXT, yaml.safe_load(TEXT)) == TEXT


@pytest.mark.parametrize(
    "section",
    [
        {"b": 2},
        {"b": "no"},
        {"b": {"deep": [1]}},
        {"c": None},
        {"c": {"x": [1, 2]}},
        {"c": {"y": "yes", "z": "1"}},
        {"c": 3},
        {"d": ["one", "two", "three"]},
        {"d": []},
        {"d": None},
        {"e": {"new": 1}},
        {"b": None, "d": None},
        {"b": None, "c": None, "d": None, "e": None},
    ],
)
def test_text_says_what_is_wanted(section: dict[str, Any]) -> None:
    text, new = changed(**section)
    assert yaml.safe_load(text) == new


@pytest.mark.parametrize("key", ["b", "c", "d"])
def test_comment_about_the_next_key_outlives_a_key(key: str) -> None:
    text, _ = changed(**{key: None})
    following = chr(ord(key) + 1)
    lines = [line.strip() for line in text.splitlines()]
    place = lines.index(f"# before {following}")
    assert lines[place + 1].startswith(f"{following}:")


def test_comment_about_the_next_key_stays_behind_a_longer_list() -> None:
    text, _ = changed(d=["one", "two", "three"])
    assert "  - two # after two\n  - three\n  # before e\n  e:" in text


def test_lists_stay_on_one_line_or_on_several() -> None:
    text, new = changed(c={"x": [1, 2, 3], "y": "no"}, d=["four"])
    assert "x: [1, 2, 3] # after x" in text
    assert "  - four" in text
    new["f"] = [5]
    assert synced(TEXT, new).endswith("f:\n- 5\n")


def test_list_of_several_lines_becomes_empty() -> None:
    text = "data:\n  id: # of a row\n  - visit\n  group: # of rows\nclean:\n  keep: 1\n"
    content = yaml_with_comments().load(text)
    sync(content, {"data": {"id": [], "group": None}, "clean": {"keep": 1}})
    expected = "data:\n  id: [] # of a row\n  group: # of rows\nclean:\n  keep: 1\n"
    assert to_text(content) == expected


def test_what_is_meant_anyway_may_be_said() -> None:
    text = "x: {nullable: false, unique: false, notes: {missing: [], reason: odd}}\n"
    default = {"nullable": False, "unique": True, "notes": {"missing": [], "reason": 1}}
    assert synced(text, {"x": {}}, {"x": default}) == "x: {}\n"
    new: dict[str, Any] = {"x": {"dtype": "str"}}
    assert yaml.safe_load(synced(text, new, {"x": default})) == {
        "x": {"dtype": "str", "nullable": False, "notes": {"missing": []}}
    }


@pytest.mark.parametrize(
    "text",
    ["no", "yes", "1", "1e3", "1.5e+3", "null", "~", "2024-01-01", "a: b", "", "#"],
)
def test_texts_stay_texts_for_all_readers(text: str) -> None:
    written = synced("a: 1\n", {"a": [text], text: {text: text}})
    for read in (yaml.safe_load, yaml_with_comments().load):
        assert read(written) == {"a": [text], text: {text: text}}


def test_quotes_are_put_only_where_needed() -> None:
    assert quote_ambiguous("plain") == "plain"
    assert type(quote_ambiguous("plain")) is str
    assert type(quote_ambiguous("no")) is not str
    assert quote_ambiguous(1) == 1


def test_editing_writes_what_changed(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(TEXT)
    with edit_yaml(tmp_path / "x.yaml") as content:
        content["a"]["b"] = 2
    assert (tmp_path / "x.yaml").read_text() == TEXT.replace("b: 1", "b: 2")


def test_editing_nothing_leaves_the_way_it_is_written(tmp_path: Path) -> None:
    odd = '"a":   {b : 1,\n  c: "two"}   # odd\n'
    (tmp_path / "x.yaml").write_text(odd)
    before = (tmp_path / "x.yaml").stat().st_mtime_ns
    with edit_yaml(tmp_path / "x.yaml") as content:
        content["a"]["b"] = 1
    assert (tmp_path / "x.yaml").read_text() == odd
    assert (tmp_path / "x.yaml").stat().st_mtime_ns == before


def test_editing_that_fails_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(TEXT)

    def edit() -> None:
        with edit_yaml(tmp_path / "x.yaml") as content:
            content["a"]["b"] = 2
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        edit()
    assert (tmp_path / "x.yaml").read_text() == TEXT


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
    for text in (
        contract_to_yaml(written),
        update_contract(contract_to_yaml(contract(age=AGE)), written),
    ):
        assert Contract.model_validate(yaml.safe_load(text)) == written
        assert "\x1b" not in text


def test_comments_of_people_stay() -> None:
    text = contract_to_yaml(contract(age=AGE, city=CITY)).replace(
        "Bonn]", "Bonn] # so far"
    )
    text = text.replace("  age:", "  # Ask Ann.\n  age:")
    changed = update_contract(text, contract(age=Column(dtype="float64"), city=CITY))
    assert "# Ask Ann." in changed
    assert "# so far" in changed
    assert "dtype: float64" in changed


def test_comment_before_a_column_outlives_the_column_before_it() -> None:
    text = contract_to_yaml(contract(age=AGE, city=CITY))
    text = text.replace("  city:", "  # Ask Bob.\n  city:")
    assert "  # Ask Bob.\n  city:" in update_contract(text, contract(city=CITY))


def test_what_goes_without_saying_may_be_said() -> None:
    text = contract_to_yaml(contract(age=AGE, city=CITY))
    text = text.replace(
        "dtype: int64", "dtype: int64\n    nullable: false\n    metadata: {missing: []}"
    )
    changed = update_contract(
        text, contract(age=AGE, city=CITY.model_copy(update={"nullable": True}))
    )
    assert contract_diff(text, changed).count("\n+") == 2
    assert "    nullable: true" in changed
    assert "    nullable: false\n    metadata: {missing: []}" in changed


def test_same_contract_is_the_same_text_however_it_is_written() -> None:
    text = '{"columns": {"age":   {"dtype": "int64", nullable: false}},  strict: true}'
    assert update_contract(text, contract(age=Column(dtype="int64"))) == text


def test_nothing_changed_is_no_difference() -> None:
    text = contract_to_yaml(contract(age=AGE))
    assert update_contract(text, contract(age=AGE)) == text
    assert contract_diff(text, text) == ""


def test_difference_shows_what_goes_and_what_comes() -> None:
    old: Any = contract_to_yaml(contract(age=AGE))
    new = update_contract(old, contract(age=AGE.model_copy(update={"nullable": True})))
    lines = contract_diff(old, new).splitlines()
    assert "+    nullable: true" in lines
    assert not [line for line in lines[2:] if line.startswith("-")]
