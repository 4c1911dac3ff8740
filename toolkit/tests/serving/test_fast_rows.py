"""Rows of JSON are answered without pandas, to the bit as the pipeline does."""

import copy
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from reproducible_ml.contract.schema import Contract, Data
from reproducible_ml.modeling.fitting.estimator import Estimator
from reproducible_ml.serving.answers import Answers
from reproducible_ml.serving.fast_features import Features
from reproducible_ml.serving.fast_rows import FastRows, has_own_rules
from reproducible_ml.serving.missing import count_missing
from reproducible_ml.serving.model import Model
from reproducible_ml.serving.prediction_log import Entry, make_table
from reproducible_ml.serving.records import Columns, answer_columns, by_column
from reproducible_ml.serving.rows import answer
from tumour_diagnosis.deployment.predict import predict
from tumour_diagnosis.features.build import Features as Params
from tumour_diagnosis.models.train import Train, make_pipeline

from ..modeling.conftest import DATA, TARGETS
from .conftest import LINEAR

# All dtypes, treatments and rules.
COLUMNS: dict[str, dict[str, Any]] = {
    "plain": {"dtype": "float64"},
    "share": {"dtype": "float64", "in_range": {"min_value": 0, "max_value": 1}},
    "open": {
        "dtype": "float64",
        "nullable": True,
        "greater_than": -2,
        "less_than": 2.5,
        "notin": [0.25],
        "metadata": {"missing": ["-1"]},
    },
    "items": {"dtype": "int64", "greater_than_or_equal_to": 0},
    "stars": {"dtype": "Int64", "nullable": True, "isin": [1, 2, 3, 5]},
    "member": {"dtype": "bool"},
    "paid": {"dtype": "boolean", "nullable": True, "metadata": {"true": ["ja"]}},
    "channel": {"dtype": "category", "isin": ["web", "shop", "NA", "a:b"]},
    "size": {"dtype": "category", "isin": [40, 38, 42], "nullable": True},
    "city": {
        "dtype": "category",
        "isin": ["Rome", "Oslo", "Bonn"],
        "nullable": True,
        "metadata": {"treatment": "target_encoding"},
    },
    "note": {
        "dtype": "str",
        "nullable": True,
        "str_length": {"max_value": 20},
        "metadata": {"treatment": "bag_of_words"},
    },
    "code": {"dtype": "str", "metadata": {"treatment": "target_encoding"}},
    "ordered_at": {
        "dtype": "datetime64[ns]",
        "in_range": {"min_value": "2020-01-01", "max_value": "2030-01-01"},
    },
    "paid_at": {"dtype": "datetime64[ns]", "nullable": True},
    "ignored": {"dtype": "str", "metadata": {"treatment": "exclude"}},
}

# Values of JSON for a column: valid ones, and everything else.
NUMBERS = st.one_of(
    st.sampled_from([0, 1, -1, 0.25, 0.5, 2.5, -2, 1e308, -0.0, 2**53, 2**63, 10**400]),
    st.floats(allow_nan=False, allow_infinity=False),
)
TIMES = st.one_of(
    st.datetimes(pd.Timestamp("1960-01-01"), pd.Timestamp("2100-01-01")).map(str),
    st.sampled_from(
        [
            *("2024-02-29", "2023-02-29", "2024-01-01T10:00", "2024-01-01 10:00:00.5"),
            *("1677-01-01", "2024-01-01T00:00:00Z", "2300-01-01", "20240101", ""),
            *("2024-01-01T23:59:60", "2030-01-01", "2024-01-01T10", "31.12.2024"),
        ]
    ),
)
TEXTS = st.one_of(
    st.sampled_from(["web", "NA", "a:b", "", "Rome", "refund now", "ja", "1", " web"]),
    st.text(max_size=25),
)
ANYTHING = st.one_of(
    st.none(), st.booleans(), NUMBERS, TEXTS, TIMES, st.just([]), st.just({"a": 1})
)
VALID: dict[str, st.SearchStrategy[Any]] = {
    "plain": st.floats(-3, 3),
    "share": st.floats(0, 1) | st.sampled_from([0, 1]),
    "open": st.floats(-1.9, 2.4).filter(lambda v: v not in (-1, 0.25)) | st.none(),
    "items": st.integers(0, 9),
    "stars": st.sampled_from([1, 2, 3, 5, None]),
    "member": st.booleans(),
    "paid": st.booleans() | st.none(),
    "channel": st.sampled_from(COLUMNS["channel"]["isin"]),
    "size": st.sampled_from([40, 38, 42, None]),
    "city": st.sampled_from(["Rome", "Oslo", "Bonn", None]),
    "note": st.sampled_from(["refund now", "thanks", "now refund thanks", None]),
    "code": st.sampled_from(["A1", "B2", "new"]),
    "ordered_at": st.datetimes(
        pd.Timestamp("2020-01-02"), pd.Timestamp("2029-12-31")
    ).map(lambda time: time.isoformat()),
    "paid_at": st.sampled_from(["2024-05-06", "1969-12-31T23:30:00", None]),
    "ignored": st.just("x"),
}


def make_rows(rows: int) -> pd.DataFrame:
    random = np.random.default_rng(0)
    missing = random.random((rows, 3)) < 0.1

    def choose(values: list[Any]) -> Any:
        return pd.Series(random.choice(np.array(values, object), rows))

    dates = pd.Series(pd.date_range("2021-03-04", periods=rows, freq="31h", unit="ns"))
    frame = pd.DataFrame(
        {
            "plain": random.normal(size=rows),
            "share": random.random(rows),
            "open": np.where(missing[:, 0], np.nan, random.uniform(-1.9, 2.4, rows)),
            "items": random.integers(0, 9, rows),
            "stars": choose([1, 2, 3, 5, None]).astype("Int64"),
            "member": random.random(rows) < 0.3,
            "paid": choose([True, False, None]).astype("boolean"),
            "channel": pd.Categorical(
                choose(["web", "shop", "NA"]), COLUMNS["channel"]["isin"]
            ),
            "size": choose([40, 38, 42, None]).astype("Int64"),
            "city": pd.Categorical(
                choose(["Rome", "Oslo", None]), ["Rome", "Oslo", "Bonn"]
            ),
            "note": choose(["refund now", "thanks", None]).astype("str"),
            "code": choose(["A1", "B2", "C3"]).astype("str"),
            "ordered_at": dates,
            "paid_at": dates.where(~missing[:, 1]) - pd.Timedelta(days=20_000),
            "ignored": "x",
        }
    )
    odds = frame["plain"] + (frame["channel"] == "web") + frame["member"]
    parcels = np.array(["small", "medium", "large"])[np.digitize(odds, [0.0, 1.0])]
    targets: dict[str, Any] = {
        "returned": pd.Categorical(np.where(odds > 0.5, "yes", "no"), ["no", "yes"]),
        "parcel": pd.Categorical(parcels, TARGETS["multiclass"]["parcel"]["isin"]),
        "costs": 50 + 10 * odds,
    }
    return frame.assign(**targets)


@cache
def make_model(
    task: str,
    *,
    linear: bool,
    clipped: bool = False,
    names: tuple[str, ...] = (*COLUMNS,),
    in_batches: bool = False,
) -> Model:
    data = Data.model_validate(DATA[task])
    columns = {name: COLUMNS[name] for name in names} | TARGETS[task]
    contract = Contract.model_validate({"columns": columns})
    kind = "Regressor" if task == "regression" else "Classifier"
    boosting = f"sklearn.ensemble.HistGradientBoosting{kind}"
    arguments = {} if linear else {"max_iter": 8, "min_samples_leaf": 5}
    estimator = Estimator(
        path=LINEAR[task] if linear else boosting, arguments=arguments
    )
    bounds = {"plain": (-1.5, 1.25), "items": (0.5, 7.5), "stars": (1.0, 3.0)}
    train = Train(estimator=estimator)
    if in_batches:
        estimator = Estimator(path="sklearn.linear_model.SGDClassifier", arguments={})
        estimator.arguments["loss"] = "log_loss"
        train = Train(estimator=estimator, batch_rows=50)
    pipeline = make_pipeline(contract, data, bounds if clipped else {}, Params(), train)
    rows = make_rows(400)
    pipeline.fit(rows[list(contract.features(data))], _target(rows, data))
    manifest = {
        "contract": contract.model_dump(mode="json", exclude_defaults=True),
        "columns": list(contract.columns),
        "params": {"data": data.model_dump(mode="json")},
        "threshold": 0.4 if task == "binary" else None,
        "sha256": "0" * 64,
    }
    return Model(pipeline, manifest)


def _target(rows: pd.DataFrame, data: Data) -> Any:
    target = rows[data.target]
    return target == data.positive if data.task == "binary" else target


def with_unseen(model: Model, unseen: Any) -> Model:
    changed = copy.copy(model)
    changed.unseen = unseen
    return changed


MODELS = [
    pytest.param(task, linear, id=f"{task}-{'linear' if linear else 'boosting'}")
    for task in LINEAR
    for linear in (False, True)
]
# Without a search for a smaller example, which takes minutes.
QUICK = settings(
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
RECORD = st.fixed_dictionaries(VALID)
ODD_RECORD = st.builds(
    lambda record, odd, lost: {
        name: value for name, value in (record | odd).items() if name not in lost
    },
    RECORD,
    st.dictionaries(st.sampled_from([*COLUMNS]), ANYTHING, max_size=3),
    st.sets(st.sampled_from([*COLUMNS]), max_size=1),
)


def compare(records: list[dict[str, Any]], model: Model, predicts: Any) -> Answers:
    columns = by_column(records, model)
    slow = answer_columns(columns, model, predicts)
    expected = Answers.of(slow, len(records), model)
    packed = columns.packed(model, 1)
    found = compare_answers(columns, expected, predicts)
    assert (
        compare_answers(packed, expected, predicts)._replace(read=found.read) == found
    )
    again = answer_columns(Columns.concat([packed, columns]), model, predicts)
    twice = Answers.of(again, 2 * len(records), model).split([len(records)] * 2)
    assert [*twice] == [expected, expected]
    missing = count_missing(columns, expected)
    assert count_missing(packed, expected) == missing
    return found


def compare_answers(columns: Columns, expected: Answers, predicts: Any) -> Answers:
    fast = FastRows.of(expected.model, list(columns.lists))
    assert fast is not None
    found = fast.answer(columns, predicts)
    assert found.problems == expected.problems
    assert found.rows == expected.rows
    assert found.columns.keys() == expected.columns.keys()
    for name, values in expected.columns.items():
        assert found.columns[name] == values
        assert {*map(type, found.columns[name])} == {*map(type, values)}
    return found


@given(records=st.lists(RECORD, min_size=4, max_size=8))
@settings(QUICK, max_examples=20)
def test_log_has_what_was_read_fast_as_the_checks_have_it(
    records: list[dict[str, Any]],
) -> None:
    model = make_model("binary", linear=False)
    columns = by_column(records, model)
    fast = FastRows.of(model, list(columns.lists))
    assert fast is not None
    answers = fast.answer(columns, predict)
    lengths = [1, 3, len(records) - 4]
    parts = [part for part in answers.split(lengths) if part.length]
    read = [Entry(1.0, "a", part.read, part) for part in parts if part.read]
    assert len(read) == len(parts)
    checked = Entry(1.0, "a", columns, answers)
    found = make_table(read, frozenset()).drop_columns("row")
    assert found.equals(make_table([checked], frozenset()).drop_columns("row"))


@pytest.mark.parametrize(("task", "linear"), MODELS)
@given(records=st.lists(ODD_RECORD, max_size=6))
@settings(QUICK, max_examples=20)
def test_answers_and_problems_are_those_of_the_pipeline(
    task: str, linear: bool, records: list[dict[str, Any]]
) -> None:
    compare(records, make_model(task, linear=linear), predict)


@pytest.mark.parametrize(("task", "linear"), MODELS)
@given(records=st.lists(RECORD, min_size=1, max_size=4))
@settings(QUICK, max_examples=10)
def test_valid_rows_are_answered_without_the_slow_checks(
    task: str, linear: bool, records: list[dict[str, Any]]
) -> None:
    model = make_model(task, linear=linear, clipped=True)
    columns = by_column(records, model)
    fast = FastRows.of(model, list(columns.lists))
    assert fast is not None
    _, places = fast.read(columns)
    assert places.tolist() == list(range(len(records)))
    compare(records, model, predict)


@given(records=st.lists(ODD_RECORD, max_size=4))
@settings(QUICK, max_examples=20)
def test_unseen_categories_can_be_missing(records: list[dict[str, Any]]) -> None:
    model = with_unseen(make_model("binary", linear=False), "missing")
    compare(records, model, predict)


def with_rules(rows: pd.DataFrame, model: Model) -> pd.DataFrame:
    answers = model.answers(rows)
    answers.loc[rows["items"] > 4, "prediction"] = "ask"
    return answers.assign(channel=rows["channel"].astype("str"), when=rows["paid_at"])


def changing_rows(rows: pd.DataFrame, model: Model) -> pd.DataFrame:
    rows["plain"] = rows["plain"] + 1
    return model.answers(rows)


def on_other_rows(rows: pd.DataFrame, model: Model) -> pd.DataFrame:
    return model.answers(rows.assign(items=0))


@pytest.mark.parametrize("rules", [with_rules, changing_rows, on_other_rows])
@given(records=st.lists(RECORD, min_size=1, max_size=4))
@settings(QUICK, max_examples=10)
def test_rules_of_the_project_apply(rules: Any, records: list[dict[str, Any]]) -> None:
    assert has_own_rules(rules)
    compare(records, make_model("binary", linear=False), rules)


@given(records=st.lists(ODD_RECORD, min_size=1, max_size=4))
@settings(QUICK, max_examples=20)
def test_checks_of_the_project_reject_rows(records: list[dict[str, Any]]) -> None:
    def few_items_are_plain(rows: pd.DataFrame) -> pd.Series:
        """Few items are plain."""
        return (rows["items"] > 2) | (rows["plain"] < 0)

    model = make_model("multiclass", linear=False)
    checked = Model(model.pipeline, model.manifest, checks=[few_items_are_plain])
    assert checked.checks
    compare(records, checked, predict)


def test_the_project_has_no_rules_of_its_own() -> None:
    assert not has_own_rules(predict)


@pytest.mark.parametrize("clipped", [False, True])
@pytest.mark.parametrize(("task", "linear"), MODELS)
def test_features_are_those_of_the_pipeline(
    task: str, linear: bool, clipped: bool
) -> None:
    model = make_model(task, linear=linear, clipped=clipped)
    rows = make_rows(50)
    records = rows.drop(columns=[*TARGETS["binary"], "parcel", "costs"])
    texts = records.assign(
        ordered_at=records["ordered_at"].astype(str),
        paid_at=records["paid_at"].astype(str),
    )
    made: list[Any] = texts.astype(object).to_dict("records")
    plain = [
        {
            name: None if value is None or pd.isna(value) or value == "NaT" else value
            for name, value in record.items()
        }
        for record in made
    ]
    columns = by_column(plain, model)
    fast = FastRows.of(model, list(columns.lists))
    features = Features.of(model)
    assert fast is not None
    assert features is not None
    read, places = fast.read(columns)
    assert len(places) == len(rows)
    frame = read.frame(model.features)
    pd.testing.assert_frame_equal(frame, rows[model.features], check_freq=False)
    expected = model.pipeline[:-1].transform(rows[model.features])
    np.testing.assert_array_equal(features.matrix(read), expected)
    assert features.matrix(read).flags.c_contiguous


@pytest.mark.parametrize("in_batches", [False, True])
@pytest.mark.parametrize(
    "names",
    [("plain", "share"), ("plain", "items"), ("code", "note"), ("paid", "size")],
    ids="-".join,
)
def test_features_of_few_columns_are_those_of_the_pipeline(
    names: tuple[str, ...], in_batches: bool
) -> None:
    model = make_model("binary", linear=True, names=names, in_batches=in_batches)
    rows = make_rows(20)[list(names)].astype(object)
    records: Any = rows.where(rows.notna(), None).to_dict("records")
    columns = by_column(records, model)
    fast = FastRows.of(model, names)
    assert fast is not None
    expected = Answers.of(answer_columns(columns, model, predict), 20, model)
    assert fast.answer(columns, predict)._replace(read=None) == expected
    assert len(expected.rows) == 20


def test_rows_are_answered_slowly_rather_than_wrongly(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    model = make_model("binary", linear=False)
    matrix = Features.matrix
    monkeypatch.setattr(Features, "matrix", lambda self, rows: 0 * matrix(self, rows))
    assert FastRows.of(model, model.features) is None
    monkeypatch.setattr(Features, "matrix", lambda self, rows: rows.lost)
    assert FastRows.of(model, model.features) is None
    said = [record.facts["reason"] for record in caplog.records]  # type: ignore[attr-defined]
    assert said == ["other answers", "'FastValues' object has no attribute 'lost'"]


def broken(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows of which some break a rule."""
    channels = ["pigeon", *COLUMNS["channel"]["isin"]]
    rows = rows.astype({"channel": pd.CategoricalDtype(channels)})
    rows.loc[3, "plain"] = np.nan
    rows.loc[5, "plain"] = np.inf
    rows.loc[6, "share"] = 1.5
    rows.loc[8, "open"] = -1.0  # stands for a missing value
    rows.loc[9, "items"] = -1
    rows.loc[11, "stars"] = 4
    rows.loc[12, "channel"] = "pigeon"
    rows.loc[13, "note"] = "x" * 21
    rows.loc[14, "ordered_at"] = pd.Timestamp("2019-12-31 23:59:59.999999999")
    rows.loc[15, "code"] = None
    return rows


AS_ARROW: dict[str, dict[str, pa.DataType]] = {
    "as the contract": {},
    "narrow": {"items": pa.int8(), "stars": pa.int16(), "code": pa.large_string()},
    "dates by seconds": {
        "ordered_at": pa.timestamp("s"),
        "paid_at": pa.timestamp("ms"),
    },
    "floats of 32 bits": {"plain": pa.float32()},
    "a zone": {"paid_at": pa.timestamp("us", "UTC")},
    "texts": {"plain": pa.string(), "items": pa.string()},
    "days": {"paid_at": pa.date32()},
    "dictionary": {"code": pa.dictionary(pa.int8(), pa.string())},
}


@pytest.mark.parametrize("types", AS_ARROW)
@pytest.mark.parametrize("valid", [True, False])
def test_tables_of_arrow_are_answered_as_the_pipeline_does(
    types: str, valid: bool
) -> None:
    model = make_model("binary", linear=False)
    rows = make_rows(40).drop(
        columns=[*TARGETS["binary"], "parcel", "costs", "ignored"]
    )
    table = pa.Table.from_pandas(rows if valid else broken(rows), preserve_index=False)
    for name, kind in AS_ARROW[types].items():
        column = table[name].cast(kind, safe=False)
        table = table.set_column(table.column_names.index(name), name, column)
    fast = FastRows.of(model, model.features)
    assert fast is not None
    found = fast.answer_table(table, predict)
    expected = Answers.of(answer(table, model, predict), len(rows), model)
    assert found._replace(read=None) == expected
    assert (len(found.rows) == len(rows)) == valid


def test_tables_of_the_contracts_types_need_no_slow_checks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = make_model("binary", linear=False)
    rows = make_rows(40)
    table = pa.Table.from_pandas(rows, preserve_index=False)
    fast = FastRows.of(model, model.features)
    assert fast is not None
    monkeypatch.setattr("reproducible_ml.serving.fast_rows.answer", None)
    assert len(fast.answer_table(table, predict).rows) == 40


def test_features_that_depend_on_other_rows_are_left_to_the_pipeline() -> None:
    model = copy.copy(make_model("binary", linear=True))
    model.__dict__["is_row_by_row"] = False
    assert FastRows.of(model, model.features) is None
