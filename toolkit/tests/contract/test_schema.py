"""Tests of reproducible_ml.contract.schema."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from reproducible_ml.contract.schema import (
    Column,
    ColumnMetadata,
    Contract,
    Data,
    load_contract,
)
from reproducible_ml.core.errors import UserError

DATA = Data(target="bought", positive="yes")
RANGE = {"min_value": 0, "max_value": 9, "min": 0}


@pytest.fixture
def contract(project: Path) -> Contract:
    return load_contract(project / "schema.yaml", DATA)


def refusal(path: Path, data: Data = DATA, **columns: dict[str, Any]) -> str:
    """Return the one line that refuses the contract with these columns changed."""
    contract = yaml.safe_load(path.read_text())
    contract["columns"] |= columns
    path.write_text(yaml.safe_dump(contract))
    with pytest.raises(UserError) as error:
        load_contract(path, data)
    assert len(str(error.value).splitlines()) == 1
    return str(error.value)


def test_contract_that_is_not_utf_8_is_refused(project: Path) -> None:
    (project / "schema.yaml").write_bytes("naïve: true".encode("latin-1"))
    with pytest.raises(UserError, match=r"schema.yaml: is not UTF-8"):
        load_contract(project / "schema.yaml", DATA)


def test_load_contract_keeps_the_order_of_columns(contract: Contract) -> None:
    expected = ["name", "age", "income", "city", "member", "joined", "bought"]
    assert list(contract.columns) == expected


def test_inputs_are_all_columns_but_the_target(contract: Contract) -> None:
    assert set(contract.columns) - set(contract.inputs(DATA)) == {"bought"}


def test_features_have_no_role(contract: Contract) -> None:
    roles = {"id": ("age",), "group": "name", "time": "joined"}
    data = Data.model_validate(DATA.model_dump() | roles)
    assert list(contract.features(data)) == ["income", "city", "member"]


@pytest.mark.parametrize(
    ("treatment", "names"),
    [
        ("numeric", ["age", "income", "member"]),
        ("categorical", ["city"]),
        ("calendar", ["joined"]),
        ("bag_of_words", []),
        ("exclude", []),
    ],
)
def test_features_are_treated_by_their_dtype(
    contract: Contract, treatment: Any, names: list[str]
) -> None:
    assert contract.treated(treatment, DATA) == names


def test_text_is_no_feature_unless_it_says_so(contract: Contract) -> None:
    assert "name" not in contract.features(DATA)
    text = Column(dtype="str", metadata=ColumnMetadata(treatment="bag_of_words"))
    changed = contract.model_copy(update={"columns": {"name": text}})
    assert changed.treated("bag_of_words", DATA) == ["name"]


def test_excluded_column_says_nothing_about_a_row(contract: Contract) -> None:
    age = Column(dtype="int64", metadata=ColumnMetadata(treatment="exclude"))
    columns = {**contract.columns, "age": age}
    changed = contract.model_copy(update={"columns": columns})
    assert "age" not in changed.features(DATA)
    assert "age" not in changed.inputs(DATA)
    assert "name" in changed.inputs(DATA)


def test_column_is_not_nullable_unless_it_says_so() -> None:
    assert not Column(dtype="float64").nullable


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ({"dtype": "float65"}, ["columns.age.dtype", "float65", "'float64'"]),
        ({"nullable": True}, ["columns.age.dtype", "required"]),
        ({"dtype": "int64", "in_rnage": {}}, ["columns.age.in_rnage", "not permitted"]),
        ({"dtype": "category"}, ['column "age"', "isin: [...]"]),
        ({"dtype": "category", "isin": []}, ['column "age"', "isin: [...]"]),
        ({"dtype": "category", "isin": ["a", 1]}, ['column "age"', "mixes types"]),
    ],
)
def test_mistake_in_a_column_is_a_line(
    project: Path, column: dict[str, Any], words: list[str]
) -> None:
    line = refusal(project / "schema.yaml", age=column)
    assert all(word in line for word in ["schema.yaml: ", *words])


# What pandera would stumble over with a traceback, once rows are read.
@pytest.mark.parametrize(
    ("column", "words"),
    [
        ({"dtype": "int64", "in_range": RANGE}, ["columns.age.in_range", "min"]),
        ({"dtype": "str", "str_matches": "("}, ["columns.age.str_matches", "("]),
        ({"dtype": "str", "str_length": {"max": 3}}, ["age.str_length", "max"]),
    ],
)
def test_check_that_pandera_cannot_run_is_a_line(
    project: Path, column: dict[str, Any], words: list[str]
) -> None:
    line = refusal(project / "schema.yaml", age=column)
    assert all(word in line for word in ["schema.yaml: ", *words])


def test_check_that_does_not_suit_the_type_is_a_line(project: Path) -> None:
    joined = {"dtype": "datetime64[ns]", "less_than": 2024}
    line = refusal(project / "schema.yaml", joined=joined)
    assert 'column "joined": less_than holds 2024, which is not a date' in line


@pytest.mark.parametrize("form", ["%Q", "mixed", "%d.%m.%Y %"])
def test_format_of_dates_must_be_one(project: Path, form: str) -> None:
    joined = {"dtype": "datetime64[ns]", "metadata": {"format": form}}
    line = refusal(project / "schema.yaml", joined=joined)
    assert "columns.joined.metadata.format" in line


def test_column_may_not_be_called_as_the_row_keys(project: Path) -> None:
    line = refusal(project / "schema.yaml", row_key={"dtype": "int64"})
    assert 'column "row_key"' in line
    assert "rename" in line


@pytest.mark.parametrize(
    ("role", "name"),
    [("target", "bougth"), ("group", "nmae"), ("time", "jioned"), ("id", "agge")],
)
def test_role_of_no_column_is_a_line(project: Path, role: str, name: str) -> None:
    value = (name,) if role == "id" else name
    data = Data.model_validate(DATA.model_dump() | {role: value})
    line = refusal(project / "schema.yaml", data)
    assert f'params.yaml: data.{role} = "{name}" is not a column' in line


def test_positive_must_be_a_value_of_the_target(project: Path) -> None:
    line = refusal(project / "schema.yaml", Data(target="bought", positive="maybe"))
    assert "data.positive = 'maybe' is not one of 'no', 'yes'" in line


def test_target_must_not_be_nullable(project: Path) -> None:
    bought = {"dtype": "category", "isin": ["no", "yes"], "nullable": True}
    assert "nullable" in refusal(project / "schema.yaml", bought=bought)


# The cut-off of a split by time can be compared to dates alone.
def test_time_must_be_a_date(project: Path) -> None:
    data = Data(target="bought", positive="yes", time="age")
    line = refusal(project / "schema.yaml", data)
    assert 'data.time = "age"' in line
    assert "datetime64[ns]" in line


def test_columns_must_be_strict(project: Path) -> None:
    path = project / "schema.yaml"
    path.write_text(path.read_text().replace("strict: true", "strict: false"))
    assert "schema.yaml: strict" in refusal(path)


def test_every_mistake_is_told_at_once(project: Path) -> None:
    data = Data(target="bougth", positive="yes", group="nmae")
    with pytest.raises(UserError) as error:
        load_contract(project / "schema.yaml", data)
    assert len(str(error.value).splitlines()) == 2


def test_contract_that_is_no_yaml_is_a_line(project: Path) -> None:
    (project / "schema.yaml").write_text("columns: [")
    with pytest.raises(UserError, match=r"schema\.yaml: is not YAML") as error:
        load_contract(project / "schema.yaml", DATA)
    assert len(str(error.value).splitlines()) == 1


def test_treatment_must_suit_the_type(project: Path) -> None:
    age = {"dtype": "int64", "metadata": {"treatment": "bag_of_words"}}
    line = refusal(project / "schema.yaml", age=age)
    assert "treatment bag_of_words does not suit int64" in line
    assert "numeric, target_encoding, exclude" in line


def test_separators_of_numbers_must_differ(project: Path) -> None:
    income = {"dtype": "float64", "metadata": {"decimal": ",", "thousands": ","}}
    assert "must differ" in refusal(project / "schema.yaml", income=income)


@pytest.mark.parametrize(
    ("task", "target", "words"),
    [
        ("multiclass", "age", "multiclass needs a target of the dtype category"),
        ("regression", "bought", "regression needs a target of the dtype float64"),
    ],
)
def test_target_must_suit_the_task(
    project: Path, task: Any, target: str, words: str
) -> None:
    data = Data(target=target, task=task)
    assert words in refusal(project / "schema.yaml", data)


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"delimiter": ";;"}, "delimiter"),
        ({"encoding": "latin-99"}, "no encoding that Python knows"),
        ({"preamble": -1}, "preamble"),
    ],
)
def test_dialect_is_checked(
    project: Path, metadata: dict[str, Any], words: str
) -> None:
    path = project / "schema.yaml"
    content = yaml.safe_load(path.read_text()) | {"metadata": metadata}
    path.write_text(yaml.safe_dump(content))
    assert words in refusal(path)
