"""Tests of reproducible_ml.adopt.propose."""

import copy
import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reproducible_ml.adopt.propose import Context, Proposal, propose
from reproducible_ml.adopt.request import Request
from reproducible_ml.contract.findings import TableRejected
from reproducible_ml.contract.schema import (
    Column,
    ColumnMetadata,
    Contract,
    CsvDialect,
    Range,
)
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.project import Project

PROJECT = Project(Path(__file__).parents[3])
PARAMS: dict[str, Any] = {
    "data": {"target": "diagnosis", "task": "binary", "positive": "malignant"},
    "split": {"test_size": 0.25},
    "train": {"estimator": {"path": "sklearn.svm.SVC", "arguments": {"C": 2.0}}},
    "evaluate": {"metrics": ["roc_auc"], "slices": {}},
}


@pytest.fixture
def visits() -> pd.DataFrame:
    """120 rows; what is expected of a clean table."""
    random = np.random.default_rng(0)
    rows = 120
    day = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(rows), "D")
    return pd.DataFrame(
        {
            "visit": [f"V{number:04d}" for number in random.permutation(rows)],
            "patient": [f"p{number}" for number in random.integers(0, 30, rows)],
            "day": day.strftime("%Y-%m-%d"),
            "age": random.integers(18, 90, rows),
            "weight": random.normal(70, 9, rows).round(1),
            "ward": random.choice(["eye", "heart", "skin"], rows),
            "returned": random.choice(["no", "yes"], rows, p=[0.7, 0.3]),
        }
    )


class Adopter:
    """Proposes how to adopt a table, again and again, as people edit and change."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.report = folder / "interim" / "problems.csv"
        self.params = PARAMS
        self.contract: Contract | None = None

    def __call__(self, table: pd.DataFrame, **options: Any) -> Proposal:
        """Propose how to adopt the table."""
        table.to_csv(self.folder / "visits.csv", index=False)
        return self.read(self.folder / "visits.csv", **options)

    def read(self, raw: Path, **options: Any) -> Proposal:
        """Propose how to adopt a file."""
        context = Context(
            PROJECT,
            copy.deepcopy(self.params),
            self.contract,
            self.folder / "w",
            self.report,
        )
        request = Request(**{"target": "returned", **options})
        return propose(raw, request, context)

    def accept(self, proposal: Proposal) -> Contract:
        """Take a proposal for what the project has from now on."""
        self.params, self.contract = proposal.params, proposal.contract
        return proposal.contract

    def edit(self, name: str, **changes: Any) -> None:
        """Change a column of the contract."""
        assert self.contract
        columns = dict(self.contract.columns)
        columns[name] = Column.model_validate({**columns[name].model_dump(), **changes})
        self.contract = self.contract.model_copy(update={"columns": columns})


@pytest.fixture
def adopter(tmp_path: Path) -> Adopter:
    """A project with a sample."""
    (tmp_path / "w").mkdir()
    return Adopter(tmp_path)


@pytest.fixture
def known(adopter: Adopter, visits: pd.DataFrame) -> Adopter:
    """A project that adopted the visits."""
    adopter.accept(adopter(visits))
    return adopter


# A new table.


def test_new_table_gets_contract_task_and_params(
    adopter: Adopter, visits: pd.DataFrame
) -> None:
    found = adopter(visits)
    dtypes = {name: column.dtype for name, column in found.contract.columns.items()}
    assert dtypes == {
        "visit": "str",
        "patient": "str",
        "day": "datetime64[ns]",
        "age": "int64",
        "weight": "float64",
        "ward": "category",
        "returned": "category",
    }
    assert found.contract.name == "visits"
    assert found.params["data"]["id"] == ["visit"]
    assert found.params["data"]["positive"] == "yes"
    assert (found.choice.task, found.rows) == ("binary", 120)
    assert not adopter.report.parent.exists()


def test_unknown_target_names_a_close_column(
    adopter: Adopter, visits: pd.DataFrame
) -> None:
    with pytest.raises(UserError) as error:
        adopter(visits, target="retuned")
    said = str(error.value)
    assert 'has no column "retuned". Did you mean "returned"?' in said
    assert 'It has "visit", "patient", "day"' in said


@pytest.mark.parametrize("wish", ["group", "time", "id", "text"])
def test_every_column_that_is_named_must_be_there(
    wish: str, adopter: Adopter, visits: pd.DataFrame
) -> None:
    name: Any = ("dai",) if wish in ("id", "text") else "dai"
    with pytest.raises(UserError, match='Did you mean "day"'):
        adopter(visits, **{wish: name})


def test_many_columns_are_not_all_named(adopter: Adopter) -> None:
    table = pd.DataFrame({f"x{number}": range(20) for number in range(30)})
    with pytest.raises(UserError) as error:
        adopter(table, target="entirely different")
    assert str(error.value).endswith('"x19", ….')
    assert "Did you mean" not in str(error.value)


def test_rejected_table_is_reported_and_nothing_else_is_written(
    adopter: Adopter, visits: pd.DataFrame
) -> None:
    visits["age"] = visits["age"].astype(object)
    visits.loc[5, "age"] = "forty"
    with pytest.raises(TableRejected, match='line 7, column "age": "forty"'):
        adopter(visits)
    written = {p.name for p in adopter.folder.rglob("*") if p.is_file()}
    assert written == {"visits.csv", "problems.csv"}


def test_target_with_missing_values_is_rejected(
    adopter: Adopter, visits: pd.DataFrame
) -> None:
    visits.loc[3, "returned"] = None
    with pytest.raises(TableRejected, match='line 5, column "returned"'):
        adopter(visits)


@pytest.mark.parametrize(
    ("values", "dtype"), [([1, 0, None], "Int64"), ([True, False, None], "boolean")]
)
def test_typed_target_with_missing_values_is_rejected_by_row(
    values: list[Any], dtype: Any, adopter: Adopter, visits: pd.DataFrame
) -> None:
    visits["returned"] = pd.array(values * 40, dtype=dtype)
    visits.to_parquet(adopter.folder / "v.parquet")
    with pytest.raises(TableRejected, match='row 3, column "returned"'):
        adopter.read(adopter.folder / "v.parquet")


def test_column_that_is_the_target_is_excluded_with_the_reason(
    adopter: Adopter, visits: pd.DataFrame
) -> None:
    visits["code"] = visits["returned"].map({"no": "A", "yes": "B"})
    found = adopter(visits)
    notes = found.contract.columns["code"].metadata
    assert (notes.treatment, notes.reason) == ("exclude", "is the target recoded")
    (warning,) = [w for w in found.warnings if w.column == "code"]
    assert "is the target recoded" in str(warning)
    assert "remove its treatment in data/schema.yaml" in str(warning)


def test_table_of_nothing_but_leaks_is_rejected(
    adopter: Adopter, visits: pd.DataFrame
) -> None:
    table = visits[["visit", "returned"]].assign(
        code=visits["returned"].map({"no": "A", "yes": "B"})
    )
    with pytest.raises(TableRejected, match="has no features"):
        adopter(table)


# Wishes.


@pytest.mark.parametrize(
    ("task", "dtype", "path"),
    [
        ("regression", "int64", "HistGradientBoostingRegressor"),
        ("multiclass", "category", "HistGradientBoostingClassifier"),
    ],
)
def test_task_is_as_asked(
    task: Any, dtype: str, path: str, adopter: Adopter, visits: pd.DataFrame
) -> None:
    visits["grade"] = np.arange(120) % 5
    found = adopter(visits, target="grade", task=task)
    assert found.params["data"]["task"] == task
    assert found.contract.columns["grade"].dtype == dtype
    assert found.params["train"]["estimator"]["path"].endswith(path)


def test_time_is_a_feature_by_what_comes_back_in_the_training_rows(
    adopter: Adopter, visits: pd.DataFrame
) -> None:
    contract = adopter.accept(adopter(visits, time="day"))
    assert contract.columns["day"].metadata.calendar == ("day_of_week",)
    adopter.edit("day", metadata={"calendar": ["month"]})
    again = adopter(visits).contract
    assert again.columns["day"].metadata.calendar == ("month",)


def test_positive_class_is_as_asked(adopter: Adopter, visits: pd.DataFrame) -> None:
    assert adopter(visits, positive="no").params["data"]["positive"] == "no"


def test_id_is_as_asked(adopter: Adopter, visits: pd.DataFrame) -> None:
    found = adopter(visits, id=("patient", "day"))
    assert found.params["data"]["id"] == ["patient", "day"]


def test_group_splits_by_group(adopter: Adopter, visits: pd.DataFrame) -> None:
    found = adopter(visits, group="patient")
    assert found.params["data"]["group"] == "patient"
    assert found.params["split"]["method"] == "group"


def test_time_splits_by_time_from_the_last_fifth_on(
    adopter: Adopter, visits: pd.DataFrame
) -> None:
    found = adopter(visits, time="day")
    assert found.params["data"]["time"] == "day"
    split = found.params["split"]
    assert (split["method"], split["cutoff"]) == ("time", "2024-04-06")
    assert not found.contract.columns["day"].nullable


def test_time_must_be_a_date(adopter: Adopter, visits: pd.DataFrame) -> None:
    with pytest.raises(UserError, match='--time age: "age" holds numbers, not dates'):
        adopter(visits, time="age")


@pytest.mark.parametrize(
    ("day_first", "form"), [(True, "%d/%m/%Y"), (False, "%m/%d/%Y")]
)
def test_order_of_day_and_month_is_as_asked(
    day_first: bool, form: str, adopter: Adopter, visits: pd.DataFrame
) -> None:
    visits["day"] = [f"0{n % 9 + 1}/0{n % 8 + 1}/2024" for n in range(120)]
    with pytest.raises(TableRejected, match="--dates day-first"):
        adopter(visits)
    found = adopter(visits, day_first=day_first)
    assert found.contract.columns["day"].metadata.format == form


def test_decimal_sign_is_as_asked(adopter: Adopter, visits: pd.DataFrame) -> None:
    visits["weight"] = [f"{n % 9 + 1},{n % 7}05" for n in range(119)] + ["3"]
    points = adopter(visits, decimal=".").contract.columns["weight"]
    assert (points.dtype, points.metadata.thousands) == ("int64", ",")
    commas = adopter(visits, decimal=",").contract.columns["weight"]
    assert (commas.dtype, commas.metadata.decimal) == ("float64", ",")


def test_column_is_text_as_asked(adopter: Adopter, visits: pd.DataFrame) -> None:
    found = adopter(visits, text=("age",)).contract.columns["age"]
    assert found.dtype in ("str", "category")


def test_missing_text_is_as_asked(adopter: Adopter, visits: pd.DataFrame) -> None:
    visits["age"] = visits["age"].astype(object)
    visits.loc[5, "age"] = "forty"
    age = adopter(visits, missing=("forty",)).contract.columns["age"]
    assert (age.dtype, age.nullable, age.metadata.missing) == (
        "Int64",
        True,
        ("forty",),
    )


# The same table again.


def test_same_table_again_changes_nothing(known: Adopter, visits: pd.DataFrame) -> None:
    found = known(visits)
    assert found.contract == known.contract
    assert found.params == known.params


@pytest.mark.parametrize(
    ("name", "edit"),
    [
        ("age", {"description": "In full years"}),
        ("age", {"metadata": ColumnMetadata(treatment="exclude", reason="Unfair")}),
        ("age", {"in_range": Range(min_value=18, max_value=90)}),
        ("age", {"in_range": Range(min_value=-5, max_value=1e9)}),
        ("age", {"in_range": None}),
        ("age", {"dtype": "str", "in_range": None, "str_matches": "[0-9]"}),
        ("age", {"dtype": "Int64", "nullable": True}),
        ("age", {"dtype": "float64"}),
        ("age", {"metadata": ColumnMetadata(missing=("none", "-999"))}),
        ("ward", {"dtype": "str", "isin": None}),
        ("ward", {"isin": ("skin", "eye", "heart", "lung")}),
        ("ward", {"metadata": ColumnMetadata(treatment="target_encoding")}),
        ("day", {"metadata": ColumnMetadata(format="%Y-%m-%d")}),
        ("visit", {"unique": False, "str_matches": "V"}),
    ],
)
def test_edits_stay_if_the_table_honours_them(
    name: str, edit: dict[str, Any], known: Adopter, visits: pd.DataFrame
) -> None:
    known.edit(name, **edit)
    assert known(visits).contract == known.contract


def test_edited_parameters_stay(known: Adopter, visits: pd.DataFrame) -> None:
    known.params = copy.deepcopy(known.params)
    known.params["data"] |= {"positive": "no", "id": [], "time": "day"}
    known.params["split"] |= {"method": "time", "cutoff": datetime.date(2024, 3, 1)}
    known.params["train"]["estimator"] |= {"path": "a.B", "arguments": {"depth": 3}}
    known.params["evaluate"] |= {"metrics": ["f1"], "slices": {"age": [40.0]}}
    assert known(visits).params == known.params


def test_question_may_change_while_the_contract_stays(
    known: Adopter, visits: pd.DataFrame
) -> None:
    found = known(visits, target="weight")
    assert found.params["data"]["task"] == "regression"
    assert found.params["data"]["positive"] is None
    assert found.contract == known.contract


def test_format_that_people_declared_is_not_asked_for_again(
    adopter: Adopter, visits: pd.DataFrame
) -> None:
    visits["day"] = [f"0{n % 9 + 1}/0{n % 8 + 1}/2024" for n in range(120)]
    adopter.accept(adopter(visits, day_first=True))
    assert adopter(visits).contract == adopter.contract
    adopter.edit("day", metadata=ColumnMetadata(format="%m/%d/%Y"))
    assert adopter(visits).contract == adopter.contract


def test_format_stays_also_if_dates_are_missing_now(
    adopter: Adopter, visits: pd.DataFrame
) -> None:
    visits["day"] = [f"0{n % 9 + 1}/0{n % 8 + 1}/2024" for n in range(120)]
    adopter.accept(adopter(visits, day_first=False))
    visits.loc[7, "day"] = None
    day = adopter(visits).contract.columns["day"]
    assert (day.nullable, day.metadata.format) == (True, "%m/%d/%Y")


def test_missing_texts_that_people_declared_count_in_a_changed_table(
    known: Adopter, visits: pd.DataFrame
) -> None:
    known.edit(
        "age", dtype="Int64", nullable=True, metadata=ColumnMetadata(missing=("odd",))
    )
    visits["age"] = visits["age"].astype(object)
    visits.loc[5, "age"] = "odd"
    visits.loc[6, "age"] = 9999
    age = known(visits).contract.columns["age"]
    assert age.metadata.missing == ("odd",)
    assert age.in_range == Range(min_value=0, max_value=50_000)


def test_code_that_people_declared_a_value_is_one(
    adopter: Adopter, visits: pd.DataFrame
) -> None:
    visits.loc[5:9, "age"] = -999
    found = adopter(visits)
    assert "code" in [w.kind for w in found.warnings]
    adopter.accept(found)
    adopter.edit("age", metadata=ColumnMetadata())
    again = adopter(visits)
    assert again.contract.columns["age"].metadata.missing == ()
    assert again.contract.columns["age"].in_range == Range(
        min_value=-999, max_value=500
    )
    assert "code" not in [w.kind for w in again.warnings]


def test_dialect_that_people_declared_is_honoured(adopter: Adopter) -> None:
    lines = [f"{n},{n % 7};{n % 5},5;{'no' if n % 3 else 'yes'}" for n in range(60)]
    (adopter.folder / "t.csv").write_text("\n".join(["a;b;returned", *lines, ""]))
    adopter.contract = Contract(
        metadata=CsvDialect(delimiter=";"),
        columns={
            "a": Column(
                dtype="str", metadata=ColumnMetadata(treatment="target_encoding")
            ),
            "b": Column(dtype="float64", metadata=ColumnMetadata(decimal=",")),
            "returned": Column(dtype="category", isin=("no", "yes")),
        },
    )
    adopter.params = {**PARAMS, "data": {"target": "returned", "positive": "yes"}}
    assert adopter.read(adopter.folder / "t.csv").contract == adopter.contract


def test_leak_that_people_use_on_purpose_stays(
    adopter: Adopter, visits: pd.DataFrame
) -> None:
    visits["code"] = visits["returned"].map({"no": "A", "yes": "B"})
    adopter.accept(adopter(visits))
    assert adopter(visits).contract == adopter.contract
    for notes in (ColumnMetadata(treatment="categorical"), ColumnMetadata()):
        adopter.edit("code", metadata=notes)
        found = adopter(visits)
        assert found.contract == adopter.contract
        (warning,) = [w for w in found.warnings if w.column == "code"]
        assert "It is excluded" not in str(warning)


def test_leak_of_another_target_is_excluded_unless_people_treat_it(
    adopter: Adopter, visits: pd.DataFrame
) -> None:
    visits["code"] = visits["returned"].map({"no": "A", "yes": "B"})
    adopter.accept(adopter(visits, target="weight"))
    assert adopter(visits).contract.columns["code"].treatment == "exclude"
    adopter.edit("code", metadata=ColumnMetadata(treatment="categorical"))
    assert adopter(visits).contract.columns["code"].treatment == "categorical"


# A table that changed.


def test_new_category_is_added(known: Adopter, visits: pd.DataFrame) -> None:
    known.edit("ward", isin=("skin", "heart", "eye"), description="Where")
    visits.loc[::9, "ward"] = "lung"
    ward = known(visits).contract.columns["ward"]
    assert ward.isin == ("skin", "heart", "eye", "lung")
    assert ward.description == "Where"


def test_reason_of_a_change_is_told_with_its_place(
    known: Adopter, visits: pd.DataFrame
) -> None:
    known.edit("age", in_range=Range(min_value=18, max_value=100))
    visits.loc[3, "age"] = 130
    warnings = map(str, known(visits).warnings)
    reason = next(line for line in warnings if "130" in line)
    assert 'line 5, column "age": "130" breaks in_range(18, 100) (1 row)' in reason
    assert reason.endswith("the proposed contract allows it.")


def test_new_and_gone_columns_are_followed(
    known: Adopter, visits: pd.DataFrame
) -> None:
    known.params["data"] |= {"group": "patient"}
    known.params["split"] |= {"method": "group"}
    visits = visits.drop(columns="patient").assign(height=visits["weight"] + 100)
    found = known(visits)
    assert "patient" not in found.contract.columns
    assert list(found.contract.columns)[-1] == "height"
    assert found.params["data"]["group"] is None
    assert found.params["split"]["method"] == "hash"
    assert "data.group" in "\n".join(map(str, found.warnings))


def test_gone_target_is_told_with_close_columns(
    known: Adopter, visits: pd.DataFrame
) -> None:
    with pytest.raises(UserError, match='Did you mean "Returned"'):
        known(visits.rename(columns={"returned": "Returned"}))


def test_wider_range_and_missing_values_change_nothing_else(
    known: Adopter, visits: pd.DataFrame
) -> None:
    known.edit("age", in_range=Range(min_value=18, max_value=100), description="Years")
    visits["age"] = visits["age"].astype("Int64")
    visits.loc[3, "age"] = 130
    visits.loc[4, "age"] = pd.NA
    assert known(visits).contract.columns["age"] == Column(
        dtype="Int64",
        nullable=True,
        description="Years",
        in_range=Range(min_value=18, max_value=500),
    )


def test_tight_range_stays_if_only_a_value_is_missing(
    known: Adopter, visits: pd.DataFrame
) -> None:
    bounds = Range(min_value=18, max_value=90)
    known.edit("age", in_range=bounds)
    visits["age"] = visits["age"].astype("Int64")
    visits.loc[4, "age"] = pd.NA
    assert known(visits).contract.columns["age"].in_range == bounds


def test_changed_type_is_followed(known: Adopter, visits: pd.DataFrame) -> None:
    known.edit("age", description="Years")
    visits["age"] += 0.5
    age = known(visits).contract.columns["age"]
    assert (age.dtype, age.description) == ("float64", "Years")


def test_value_that_breaks_two_rules_is_followed(
    known: Adopter, visits: pd.DataFrame
) -> None:
    known.edit("ward", dtype="str", isin=("eye", "heart", "skin"), str_matches="[ehs]")
    visits.loc[::9, "ward"] = "lung"
    ward = known(visits).contract.columns["ward"]
    assert ward.isin == ("eye", "heart", "skin", "lung")
    assert ward.str_matches is None


def test_third_class_makes_it_multiclass(known: Adopter, visits: pd.DataFrame) -> None:
    visits.loc[::5, "returned"] = "perhaps"
    found = known(visits)
    assert found.contract.columns["returned"].isin == ("no", "yes", "perhaps")
    assert found.params["data"]["task"] == "multiclass"
    assert found.params["data"]["positive"] is None


def test_changed_table_that_is_broken_is_rejected_and_reported(
    known: Adopter, visits: pd.DataFrame
) -> None:
    visits["ward"] = visits["ward"].where(visits.index % 9 > 0, "lung")
    visits["age"] = visits["age"].astype(object)
    visits.loc[5, "age"] = "forty"
    with pytest.raises(
        TableRejected, match='line 7, column "age": "forty" is not a whole'
    ):
        known(visits)
    assert "forty" in known.report.read_text()


def test_accepted_change_makes_no_report(known: Adopter, visits: pd.DataFrame) -> None:
    visits.loc[::9, "ward"] = "lung"
    known(visits)
    assert not known.report.parent.exists()


def test_report_of_what_was_rejected_before_goes(
    known: Adopter, visits: pd.DataFrame
) -> None:
    with pytest.raises(TableRejected):
        known(visits[:5])
    assert known.report.exists()
    known(visits)
    assert not known.report.exists()


# Wishes about a table that is known.


def test_column_becomes_text_later(known: Adopter, visits: pd.DataFrame) -> None:
    known.edit("age", description="Years")
    age = known(visits, text=("age",)).contract.columns["age"]
    assert age.dtype in ("str", "category")
    assert age.description == "Years"


def test_task_may_change_later(adopter: Adopter, visits: pd.DataFrame) -> None:
    visits["grade"] = np.arange(120) % 5
    adopter.accept(adopter(visits, target="grade"))
    assert adopter.params["data"]["task"] == "multiclass"
    found = adopter(visits, target="grade", task="regression")
    assert found.contract.columns["grade"].dtype == "int64"
    assert found.params["data"]["task"] == "regression"
    adopter.accept(found)
    assert adopter(visits, target="grade").params["data"]["task"] == "regression"


def test_missing_text_may_be_declared_later(
    known: Adopter, visits: pd.DataFrame
) -> None:
    known.edit("age", in_range=Range(min_value=18, max_value=90))
    visits["age"] = visits["age"].astype(object)
    visits.loc[5, "age"] = "odd"
    age = known(visits, missing=("odd",)).contract.columns["age"]
    assert age.metadata.missing == ("odd",)
    assert (age.dtype, age.nullable) == ("Int64", True)
    assert age.in_range == Range(min_value=18, max_value=90)


def test_order_of_day_and_month_may_change_later(
    adopter: Adopter, visits: pd.DataFrame
) -> None:
    visits["day"] = [f"0{n % 9 + 1}/0{n % 8 + 1}/2024" for n in range(120)]
    adopter.accept(adopter(visits, day_first=True))
    day = adopter(visits, day_first=False).contract.columns["day"]
    assert day.metadata.format == "%m/%d/%Y"
