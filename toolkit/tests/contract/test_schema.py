"""The contract is validated with a line for each error, and knows its features."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from reproducible_ml.contract.schema import (
    Column,
    ColumnMetadata,
    Contract,
    Data,
    check_compatibility,
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


def test_columns_are_in_order_and_not_nullable_by_default(contract: Contract) -> None:
    expected = ["name", "age", "income", "city", "member", "joined", "bought"]
    assert list(contract.columns) == expected
    assert [n for n, c in contract.columns.items() if c.nullable] == ["income"]
    assert list(contract.inputs(DATA)) == expected[:-1]


@pytest.mark.parametrize(
    ("metadata", "fields"),
    [
        ({}, ["month", "day_of_week", "hour"]),
        ({"calendar": ["hour", "days"]}, ["hour", "days"]),
        ({"calendar": []}, None),
        ({"treatment": "exclude"}, None),
    ],
)
def test_features_have_no_role_but_the_time(
    contract: Contract, metadata: dict[str, Any], fields: list[str] | None
) -> None:
    roles = {"id": ("age",), "group": "name", "time": "joined"}
    data = Data.model_validate(DATA.model_dump() | roles)
    joined = Column.model_validate({"dtype": "datetime64[ns]", "metadata": metadata})
    columns = contract.columns | {"joined": joined}
    changed = contract.model_copy(update={"columns": columns})
    of_time = ["joined"] if fields else []
    assert list(changed.features(data)) == ["income", "city", "member", *of_time]
    assert changed.calendar_fields(data) == ({"joined": fields} if fields else {})


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


def test_text_is_a_feature_only_on_request(contract: Contract) -> None:
    assert "name" not in contract.features(DATA)
    text = Column(dtype="str", metadata=ColumnMetadata(treatment="bag_of_words"))
    changed = contract.model_copy(update={"columns": {"name": text}})
    assert changed.treated("bag_of_words", DATA) == ["name"]


def test_excluded_column_does_not_identify_a_row(contract: Contract) -> None:
    age = Column(dtype="int64", metadata=ColumnMetadata(treatment="exclude"))
    columns = {**contract.columns, "age": age}
    changed = contract.model_copy(update={"columns": columns})
    assert "age" not in changed.features(DATA)
    assert "age" not in changed.inputs(DATA)
    assert "name" in changed.inputs(DATA)


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ({"dtype": "float65"}, ["columns.age.dtype", "float65", "'float64'"]),
        ({"nullable": True}, ["columns.age.dtype", "required"]),
        ({"dtype": "int64", "in_rnage": {}}, ["columns.age.in_rnage", "not permitted"]),
        ({"dtype": "category"}, ['column "age"', "isin: [...]"]),
        ({"dtype": "category", "isin": []}, ['column "age"', "isin: [...]"]),
        ({"dtype": "category", "isin": ["a", 1]}, ['column "age"', "mixes types"]),
        ({"dtype": "category", "isin": [0.5]}, ['column "age"', "isin has 0.5"]),
        ({"dtype": "int64", "in_range": RANGE}, ["columns.age.in_range", "min"]),
        ({"dtype": "str", "metadata": {"calendar": ["hour"]}}, ["age", "calendar"]),
        ({"dtype": "str", "str_matches": "("}, ["columns.age.str_matches", "("]),
        ({"dtype": "str", "str_length": {"max": 3}}, ["age.str_length", "max"]),
    ],
)
def test_error_in_a_column_is_a_line(
    project: Path, column: dict[str, Any], words: list[str]
) -> None:
    line = refusal(project / "schema.yaml", age=column)
    assert all(word in line for word in ["schema.yaml: ", *words])


@pytest.mark.parametrize("form", ["%Q", "mixed", "%d.%m.%Y %"])
def test_date_format_must_be_valid(project: Path, form: str) -> None:
    joined = {"dtype": "datetime64[ns]", "metadata": {"format": form}}
    line = refusal(project / "schema.yaml", joined=joined)
    assert "columns.joined.metadata.format" in line


def test_name_of_the_row_keys_is_reserved(project: Path) -> None:
    line = refusal(project / "schema.yaml", row_key={"dtype": "int64"})
    assert 'column "row_key"' in line
    assert "rename" in line


@pytest.mark.parametrize(
    ("role", "name"),
    [("target", "bougth"), ("group", "nmae"), ("time", "jioned"), ("id", "agge")],
)
def test_role_of_an_unknown_column_is_reported(
    project: Path, role: str, name: str
) -> None:
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


def test_all_errors_are_reported_together(project: Path) -> None:
    data = Data(target="bougth", positive="yes", group="nmae")
    with pytest.raises(UserError) as error:
        load_contract(project / "schema.yaml", data)
    assert len(str(error.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"columns: [", "is not valid YAML"), (b"title: na\xefve", "is not UTF-8")],
)
def test_file_that_cannot_be_read_is_reported(
    project: Path, content: bytes, words: str
) -> None:
    (project / "schema.yaml").write_bytes(content)
    with pytest.raises(UserError, match=rf"schema\.yaml: {words}") as error:
        load_contract(project / "schema.yaml", DATA)
    assert len(str(error.value).splitlines()) == 1


def test_treatment_must_fit_the_dtype(project: Path) -> None:
    age = {"dtype": "int64", "metadata": {"treatment": "bag_of_words"}}
    line = refusal(project / "schema.yaml", age=age)
    assert "treatment bag_of_words cannot be used with int64" in line
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
def test_target_must_fit_the_task(
    project: Path, task: Any, target: str, words: str
) -> None:
    data = Data(target=target, task=task)
    assert words in refusal(project / "schema.yaml", data)


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"delimiter": "  "}, "delimiter"),
        ({"delimiter": '"'}, "delimiter"),
        ({"encoding": "base64"}, "not an encoding known to Python"),
        ({"encoding": "latin-99"}, "not an encoding known to Python"),
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


# What would end in a traceback, once rows are compared.
@pytest.mark.parametrize(
    ("dtype", "check", "problem"),
    [
        ("int64", {"greater_than": "zero"}, "greater_than has 'zero', which is not"),
        ("int64", {"less_than": True}, "less_than has True, which is not a number"),
        ("int64", {"isin": ["a"]}, "isin has 'a', which is not a number"),
        ("float64", {"notin": [date(2024, 1, 1)]}, "which is not a number"),
        ("float64", {"str_matches": "a"}, "str_matches cannot be used with float64"),
        ("float64", {"less_than": float("nan")}, "less_than has nan, which is not"),
        ("datetime64[ns]", {"less_than": 2024}, "has 2024, which is not a date"),
        ("datetime64[ns]", {"less_than": "soon"}, "has 'soon', which is not a date"),
        (
            "datetime64[ns]",
            {"str_length": {"max_value": 9}},
            "str_length cannot be used with",
        ),
        ("bool", {"greater_than": 0}, "greater_than cannot be used with bool"),
        (
            "str",
            {"in_range": {"min_value": 0, "max_value": 9}},
            "cannot be used with str",
        ),
        ("str", {"isin": [1, 2]}, "isin has 1, which is not text"),
        (
            "category",
            {"isin": ["a"], "less_than": 3},
            "less_than cannot be used with category",
        ),
        (
            "category",
            {"isin": [1], "str_matches": "a"},
            "str_matches cannot be used with",
        ),
        (
            "int64",
            {"in_range": {"min_value": 9, "max_value": 1}},
            "in_range has a min_value above its max_value",
        ),
    ],
)
def test_check_that_does_not_fit_the_dtype_is_reported(
    dtype: Any, check: dict[str, Any], problem: str
) -> None:
    column = Column.model_validate({"dtype": dtype, **check})
    assert problem in check_compatibility(column)[0]


@pytest.mark.parametrize(
    ("dtype", "check"),
    [
        ("int64", {"in_range": {"min_value": 0, "max_value": 99.5}}),
        ("Int64", {"notin": [-999]}),
        ("datetime64[ns]", {"less_than": "2100-01-01"}),
        ("datetime64[ns]", {"greater_than": date(1900, 1, 1)}),
        ("category", {"isin": ["a", "b"], "str_matches": "[ab]"}),
        ("str", {"notin": ["x"], "str_length": {"max_value": 9}}),
    ],
)
def test_check_that_fits_the_dtype_is_accepted(
    dtype: Any, check: dict[str, Any]
) -> None:
    assert check_compatibility(Column.model_validate({"dtype": dtype, **check})) == []
