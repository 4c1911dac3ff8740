"""Parameters for a table."""

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from reproducible_ml.adopt.parameters import (
    ESTIMATORS,
    METRICS,
    check_roles,
    cutoffs,
    dropped_settings,
    keep_task,
    new_params,
    periodic_fields,
    updated_params,
)
from reproducible_ml.adopt.request import Request, TaskChoice
from reproducible_ml.contract.schema import Column, Contract, Data
from reproducible_ml.core.errors import UserError
from reproducible_ml.profiling.inferred import InferredColumn
from tumour_diagnosis.params import Params

BINARY = TaskChoice("binary", "yes", "two classes")
NUMBER = TaskChoice("regression", None, "a number")

CONTRACT = Contract(
    columns={
        "visit": Column(dtype="str", unique=True),
        "patient": Column(dtype="str"),
        "day": Column(dtype="datetime64[ns]"),
        "age": Column(dtype="int64"),
        "price": Column(dtype="float64"),
        "returned": Column(dtype="category", isin=("no", "yes")),
    }
)


def params(**sections: dict[str, Any]) -> dict[str, Any]:
    """Return what people wrote into params.yaml."""
    content: dict[str, Any] = {
        "data": {
            "target": "returned",
            "task": "binary",
            "positive": "no",
            "id": [],
            "group": None,
            "time": None,
        },
        "split": {"method": "hash", "test_size": 0.3, "salt": "mine"},
        "train": {"seed": 7, "estimator": {"path": "my.Model", "arguments": {"C": 2}}},
        "evaluate": {"metrics": ["f1"], "slices": {"age": [40.0]}},
        "tracking": "mlflow",
    }
    for name, values in sections.items():
        content[name] = content.get(name, {}) | values
    return content


def kept(
    old: dict[str, Any],
    choice: TaskChoice = BINARY,
    contract: Contract = CONTRACT,
    **wishes: Any,
) -> dict[str, Any]:
    wanted = Request(**{"target": "returned", **wishes})
    new = updated_params(old, choice, wanted, contract)
    if new["split"].get("method") != "time" or new["split"]["cutoff"]:
        Params.model_validate(new)
    return new


def begun(
    *identifiers: str, choice: TaskChoice = BINARY, **wishes: Any
) -> dict[str, Any]:
    inferred = {
        name: InferredColumn(
            column, "identifier" if name in identifiers else "text", ""
        )
        for name, column in CONTRACT.columns.items()
    }
    wanted = Request(**{"target": "returned", **wishes})
    return new_params(params(), choice, wanted, inferred)


def without(*names: str) -> Contract:
    columns = {n: c for n, c in CONTRACT.columns.items() if n not in names}
    return CONTRACT.model_copy(update={"columns": columns})


def test_what_is_no_section_stays() -> None:
    assert begun()["tracking"] == kept(params())["tracking"] == "mlflow"


# A new table.


def test_new_table_has_the_defaults_of_its_task() -> None:
    new = begun(choice=NUMBER, target="price")
    assert new["data"] == {
        "target": "price",
        "task": "regression",
        "positive": None,
        "id": [],
        "group": None,
        "time": None,
    }
    assert new["evaluate"] == {"metrics": list(METRICS["regression"]), "slices": {}}
    assert new["train"]["estimator"] == {
        "path": ESTIMATORS["regression"],
        "arguments": {},
    }
    assert new["split"] == {
        "method": "hash",
        "test_size": 0.3,
        "salt": "mine",
        "cutoff": None,
    }
    Params.model_validate(new)


def test_arguments_of_a_default_estimator_suit_the_others() -> None:
    old = params(
        train={
            "estimator": {"path": ESTIMATORS["binary"], "arguments": {"max_iter": 9}}
        }
    )
    new = new_params(old, NUMBER, Request(target="price"), {})
    assert new["train"]["estimator"] == {
        "path": ESTIMATORS["regression"],
        "arguments": {"max_iter": 9},
    }


def test_identifier_becomes_the_id_if_it_is_unique() -> None:
    assert begun("patient", "visit")["data"]["id"] == ["visit"]
    assert begun("patient")["data"]["id"] == []
    assert begun("visit", id=("patient", "day"))["data"]["id"] == ["patient", "day"]


def test_group_splits_by_the_group() -> None:
    new = begun(group="patient")
    assert new["data"]["group"] == "patient"
    assert new["split"]["method"] == "group"
    Params.model_validate(new)


def test_time_splits_by_time_from_a_date_that_is_still_to_be_found() -> None:
    new = begun(time="day")
    assert new["data"]["time"] == "day"
    assert (new["split"]["method"], new["split"]["cutoff"]) == ("time", None)


def test_what_was_read_is_not_changed() -> None:
    old = params()
    new_params(old, NUMBER, Request(target="price"), {})
    updated_params(old, NUMBER, Request(target="price", time="day"), CONTRACT)
    assert old == params()


# A table that is known.


def test_edits_stay() -> None:
    old = params(data={"positive": "yes", "id": ["visit"], "group": None, "time": None})
    assert kept(old) == old


def test_what_people_left_unsaid_stays_so() -> None:
    old = params(split={})
    old |= {"data": {"target": "returned", "positive": "yes"}, "split": {}}
    del old["evaluate"]["slices"]
    assert kept(old) == old


def test_id_that_people_removed_is_not_found_again() -> None:
    assert kept(params())["data"]["id"] == []


def test_edits_stay_for_another_target_of_the_same_task() -> None:
    new = kept(params(data={"target": "other"}))
    assert new["data"]["target"] == "returned"
    assert new["train"] == params()["train"]
    assert new["evaluate"] == params()["evaluate"]


def test_other_task_brings_its_metrics_and_estimator() -> None:
    new = kept(params(), NUMBER, target="price")
    assert new["evaluate"] == {
        "metrics": list(METRICS["regression"]),
        "slices": {"age": [40.0]},
    }
    assert new["train"]["estimator"]["path"] == ESTIMATORS["regression"]
    assert new["train"]["seed"] == 7


def test_classifier_stays_if_two_classes_become_many() -> None:
    new = kept(params(), TaskChoice("multiclass", None, "3 classes"))
    assert new["train"] == params()["train"]
    assert new["evaluate"]["metrics"] == list(METRICS["multiclass"])


def test_target_loses_its_other_role() -> None:
    new = kept(params(data={"target": "x", "id": ["returned", "visit"]}))
    assert new["data"]["id"] == ["visit"]


def test_edited_cutoff_stays_if_the_same_time_is_asked_for() -> None:
    day = datetime.date(2024, 1, 1)
    old = params(data={"time": "day"}, split={"method": "time", "cutoff": day})
    assert kept(old, time="day")["split"] == old["split"]
    assert kept(old)["split"] == old["split"]


def test_time_may_be_asked_for_later() -> None:
    new = kept(params(), time="day")
    assert (new["split"]["method"], new["split"]["cutoff"]) == ("time", None)


def test_columns_that_are_gone_lose_their_roles_and_it_is_told() -> None:
    old = params(
        data={"id": ["visit", "patient"], "group": "patient"},
        split={"method": "group"},
        evaluate={
            "slices": {"age": [40.0], "price": [1.0]},
            "protected": {"age": [40.0], "price": [1.0]},
            "intersections": [["age", "price"]],
        },
        gate={"max_group_gap": {"accuracy": 0.1, "mae": 1.0}},
    )
    left = without("patient", "age")
    new = kept(old, contract=left)
    assert new["data"]["id"] == ["visit"]
    assert new["data"]["group"] is None
    assert new["split"]["method"] == "hash"
    for key in ("slices", "protected"):
        assert new["evaluate"][key] == {"price": [1.0]}
    assert new["evaluate"]["intersections"] == []
    assert new["gate"]["max_group_gap"] == {"accuracy": 0.1}
    said = "\n".join(map(str, dropped_settings(old, new, left)))
    assert 'params.yaml: data.id names "patient", which is gone' in said
    assert 'params.yaml: data.group names "patient", which is gone' in said
    assert 'params.yaml: evaluate.slices names "age", which is gone' in said
    assert 'params.yaml: evaluate.protected names "age", which is gone' in said
    assert 'params.yaml: gate.max_group_gap names "mae", which is gone' in said
    assert "split.method was group" in said


def test_nothing_is_lost_if_all_columns_are_there() -> None:
    old = params(data={"group": "patient"}, split={"method": "group"})
    new = kept(old, time="day", group="age")
    assert list(dropped_settings(old, new, CONTRACT)) == []


# The question.


def question(contract: Contract = CONTRACT, **data: Any) -> tuple[Any, Any]:
    wanted = data.pop("wanted", Request(target="returned"))
    found = keep_task(wanted, contract, params(data=data)["data"])
    return found.task, found.positive


def test_task_and_positive_class_of_the_same_target_stay() -> None:
    assert question() == ("binary", "no")
    assert question(task="multiclass", positive=None) == ("multiclass", None)


def test_wishes_outweigh_what_was_chosen_before() -> None:
    wanted = Request(target="returned", positive="yes")
    assert question(wanted=wanted) == ("binary", "yes")
    assert question(wanted=Request(target="returned", task="multiclass")) == (
        "multiclass",
        None,
    )


def test_other_target_is_asked_about_anew() -> None:
    assert question(target="other") == (None, None)


def test_positive_class_that_is_gone_is_chosen_anew() -> None:
    assert question(positive="perhaps") == ("binary", None)


def test_task_that_no_longer_suits_is_chosen_anew() -> None:
    column = Column(dtype="category", isin=("no", "perhaps", "yes"))
    more = CONTRACT.model_copy(update={"columns": {"returned": column}})
    assert question(more) == (None, None)


def test_positive_class_of_truths_stays() -> None:
    truth = Contract(columns={"returned": Column(dtype="bool")})
    assert question(truth, positive=False) == ("binary", "False")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"id": ["visit", "returned"]}, "--id returned"),
        ({"group": "returned"}, "--group returned"),
        ({"time": "age"}, '--time age: "age" holds numbers, not dates'),
    ],
)
def test_column_that_cannot_have_a_role_is_refused(
    data: dict[str, Any], words: str
) -> None:
    check_roles(CONTRACT, Data(target="returned", positive="yes"))
    roles = {"target": "returned", "positive": "yes", **data}
    with pytest.raises(UserError, match=words):
        check_roles(CONTRACT, Data.model_validate(roles))


# The cut-off.

WriteTable = Callable[[pd.DataFrame, Path, int], Path]


@pytest.mark.parametrize(
    ("days", "cutoff"),
    [
        ([f"2024-01-{day:02d} 13:00" for day in range(10, 0, -1)], "2024-01-09"),
        (["2024-01-01"] * 9 + ["2024-01-02"], "2024-01-02"),
        (["2024-01-01", *["2024-01-02"] * 9], "2024-01-02"),
    ],
)
def test_last_fifth_of_the_rows_are_test_rows(
    days: list[str], cutoff: str, write_table: WriteTable, tmp_path: Path
) -> None:
    frame = pd.DataFrame({"day": pd.to_datetime(days).astype("datetime64[ns]")})
    table = write_table(frame, tmp_path / "table", 3)
    assert next(cutoffs(table, "day")) == cutoff


def test_rows_of_one_day_cannot_be_split(
    write_table: WriteTable, tmp_path: Path
) -> None:
    days = ["2024-01-01 08:00", "2024-01-01 17:00"]
    frame = pd.DataFrame({"day": pd.to_datetime(days).astype("datetime64[ns]")})
    table = write_table(frame, tmp_path / "table", 3)
    with pytest.raises(UserError, match="--time day: all rows are of one day"):
        next(cutoffs(table, "day"))


def test_column_may_be_named_none() -> None:
    number = Column(dtype="float64")
    contract = CONTRACT.model_copy(
        update={"columns": {**CONTRACT.columns, "None": number}}
    )
    check_roles(contract, Data(target="returned", task="binary", positive="yes"))


# A gate.

GATE = {
    "metric": "f1",
    "tolerance": 0.1,
    "floors": {"f1": 0.5},
    "slice_floors": {"age": {"f1": 0.4}},
}


def test_new_table_has_no_floors_of_another_one() -> None:
    old = params() | {"gate": GATE}
    wanted = Request(target="returned")
    gate = new_params(old, BINARY, wanted, {})["gate"]
    assert gate == {**GATE, "metric": None, "floors": {}, "slice_floors": {}}


def test_gate_stays_with_the_same_task_and_goes_with_its_metrics() -> None:
    old = params() | {"gate": GATE}
    assert kept(old)["gate"] == GATE
    new = kept(old, NUMBER, target="price")
    assert new["gate"] == {
        "metric": None,
        "tolerance": 0.1,
        "floors": {},
        "slice_floors": {"age": {}},
    }
    said = "\n".join(map(str, dropped_settings(old, new, CONTRACT)))
    assert 'gate.floors names "f1", which is gone' in said
    assert 'gate.metric names "f1", which is gone' in said


def test_gate_forgets_groups_of_a_column_that_is_gone() -> None:
    assert kept(params() | {"gate": GATE}, contract=without("age"))["gate"] == {
        **GATE,
        "slice_floors": {},
    }


@pytest.mark.parametrize(
    ("days", "step", "fields"),
    [
        (90, "1h", ["day_of_week", "hour"]),
        (600, "6h", ["month", "day_of_week", "hour"]),
        (900, "7D", ["month"]),
        (365, "1D", ["day_of_week"]),
        (9, "1D", []),
        (4000, "ME", ["month"]),
        (4000, "YS", []),
    ],
)
def test_time_gives_the_features_that_vary_and_come_back(
    days: int, step: str, fields: list[str]
) -> None:
    end = pd.Timestamp("2023-01-02") + pd.Timedelta(days=days)
    dates = pd.Series(pd.date_range("2023-01-02", end, freq=step))
    assert list(periodic_fields(dates)) == fields
