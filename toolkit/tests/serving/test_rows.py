"""Rows are checked one by one, and answered alike whatever else is in their batch."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.keys import hash_rows
from reproducible_ml.serving.model import Model
from reproducible_ml.serving.rows import MissingColumnsError, answer, check_rows
from tumour_diagnosis.deployment.predict import predict

from .conftest import LINEAR

Train = Callable[..., Model]


def texts(rows: pd.DataFrame) -> pa.Table:
    """Return rows as a CSV file spells them."""
    table = pa.Table.from_pandas(rows, preserve_index=False)
    columns = {}
    for name in table.column_names:
        column = table[name]
        if pa.types.is_dictionary(column.type):
            column = column.cast(pa.string())
        columns[name] = column.cast(pa.string())
    return pa.table(columns)


@pytest.mark.parametrize("task", LINEAR)
def test_answers_are_those_of_the_pipeline(
    train: Train, orders: pd.DataFrame, task: str
) -> None:
    model = train(task)
    answers = answer(pa.Table.from_pandas(orders), model, predict).answers
    if task == "regression":
        np.testing.assert_array_equal(
            answers["prediction"], model.pipeline.predict(orders)
        )
        return
    shares = pd.DataFrame(
        model.pipeline.predict_proba(orders), columns=model.pipeline.classes_
    )
    if task == "binary":
        np.testing.assert_array_equal(answers["probability"], shares[True])
        expected = np.where(shares[True] >= 0.5, "yes", "no").tolist()
    else:
        expected = shares.idxmax(axis=1).tolist()
        for name in shares:
            np.testing.assert_array_equal(answers[f"probability_{name}"], shares[name])
        assert not answers["probability_none"].any()
    assert answers["prediction"].tolist() == expected


@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.parametrize("task", LINEAR)
def test_answer_does_not_depend_on_the_rest_of_the_batch(
    train: Train, orders: pd.DataFrame, task: str, *, linear: bool
) -> None:
    model = train(task, LINEAR[task] if linear else None)
    whole = answer(texts(orders), model, predict)
    assert not whole.problems
    for size in (1, 7, 256, 299):
        parts = [
            answer(texts(orders[at : at + size]), model, predict).answers
            for at in range(0, 60 if size == 1 else len(orders), size)
        ]
        joined = pd.concat(parts, ignore_index=True)
        pd.testing.assert_frame_equal(
            joined, whole.answers[: len(joined)], check_exact=True
        )
    backwards = answer(texts(orders[::-1]), model, predict).answers
    pd.testing.assert_frame_equal(
        backwards[::-1].reset_index(drop=True), whole.answers, check_exact=True
    )


def test_order_types_and_further_columns_do_not_matter(
    train: Train, orders: pd.DataFrame
) -> None:
    model = train()
    expected = answer(texts(orders), model, predict)
    other = orders[orders.columns[::-1]].assign(note="x", returned="no")
    small = pa.Table.from_pandas(other.astype({"items": "int16", "amount": "float64"}))
    found = answer(small, model, predict)
    pd.testing.assert_frame_equal(found.answers, expected.answers)
    assert found.keys is not None
    np.testing.assert_array_equal(found.keys, hash_rows(orders, model.keys))


def test_each_bad_row_is_named_with_column_value_and_rule(
    train: Train, orders: pd.DataFrame
) -> None:
    model = train()
    table = texts(orders).to_pydict()
    for row, column, value in (
        (3, "items", "many"),
        (3, "channel", "pigeon"),
        (5, "member", None),
        (8, "amount", "inf"),
        (8, "ordered_at", "31.12.2026"),
        (299, "items", "1.5"),
    ):
        table[column][row] = value
    found = answer(pa.table(table), model, predict)
    assert [(p.row, p.column, p.value) for p in found.problems] == [
        (3, "items", "many"),
        (3, "channel", "pigeon"),
        (5, "member", None),
        (8, "amount", "inf"),
        (8, "ordered_at", "31.12.2026"),
        (299, "items", "1.5"),
    ]
    assert "is not a whole number" in str(found.problems[0])
    assert "is not in isin: shop, web, phone" in str(found.problems[1])
    assert set(orders.index) - set(found.answers.index) == {3, 5, 8, 299}
    alone = answer(texts(orders), model, predict).answers
    pd.testing.assert_frame_equal(found.answers, alone.loc[found.answers.index])


@pytest.mark.parametrize("values", [[1, None, 3], [[1.0], [], None], [{"a": 1}] * 3])
def test_values_of_another_type_are_bad_rows(
    train: Train, orders: pd.DataFrame, values: list[Any]
) -> None:
    model = train()
    rows = pa.Table.from_pandas(orders[:3])
    place = rows.column_names.index("ordered_at")
    rows = rows.set_column(place, "ordered_at", pa.array(values))
    found = answer(rows, model, predict)
    assert [p.row for p in found.problems] == [0, 1, 2]
    assert found.answers.empty


def test_unseen_category_is_rejected_or_missing(
    train: Train, orders: pd.DataFrame
) -> None:
    model = train(unseen="missing")
    odd = texts(orders[:4]).to_pydict() | {"channel": ["web", "pigeon", "shop", None]}
    found = answer(pa.table(odd), model, predict)
    # Missing in the table itself is another thing: the contract does not allow it.
    assert [(p.row, p.column) for p in found.problems] == [(3, "channel")]
    expected = orders[:3].assign(
        channel=pd.Categorical(["web", None, "shop"], ["shop", "web", "phone"])
    )
    np.testing.assert_array_equal(
        found.answers["probability"], model.pipeline.predict_proba(expected)[:, 1]
    )


def test_missing_columns_are_named_with_what_was_meant(
    train: Train, orders: pd.DataFrame
) -> None:
    table = pa.Table.from_pandas(orders.rename(columns={"amount": "Amount"})[:2])
    with pytest.raises(MissingColumnsError) as info:
        check_rows(table.drop_columns(["member"]), train())
    assert str(info.value).splitlines() == [
        'column "amount": is missing, but there is "Amount"',
        'column "member": is missing',
    ]


def test_no_rows_get_no_answers(train: Train, orders: pd.DataFrame) -> None:
    for task, columns in (("binary", 2), ("multiclass", 5), ("regression", 1)):
        found = answer(texts(orders[:0]), train(task), predict)
        assert found.answers.shape == (0, columns)


def test_checks_of_the_project_reject_rows(train: Train, orders: pd.DataFrame) -> None:
    def cheap_orders_are_small(rows: pd.DataFrame) -> pd.Series:
        """Cheap orders are small."""
        return (rows["amount"] > -1) | (rows["items"] < 5)

    def needs_the_target(rows: pd.DataFrame) -> pd.Series:
        """Not known when a row is predicted."""
        return rows["returned"] == "no"

    trained = train()
    checks = [cheap_orders_are_small, needs_the_target]
    model = Model(trained.pipeline, trained.manifest, checks=checks)
    rows = orders.assign(amount=-2.0, items=range(len(orders)))[:7]
    found = answer(texts(rows), model, predict)
    assert [p.row for p in found.problems] == [5, 6]
    assert "cheap_orders_are_small (Cheap orders are small)" in str(found.problems[0])


def test_answers_have_the_index_of_the_rows(train: Train, orders: pd.DataFrame) -> None:
    def wrong(rows: pd.DataFrame, model: Model) -> pd.DataFrame:
        return model.answers(rows)[1:]

    with pytest.raises(UserError, match="the index of its rows"):
        answer(texts(orders), train(), wrong)


def test_threshold_of_the_manifest_decides(train: Train, orders: pd.DataFrame) -> None:
    shares = answer(texts(orders), train(), predict).answers["probability"]
    model = train(threshold=0.7)
    answers = answer(texts(orders), model, predict).answers
    pd.testing.assert_series_equal(answers["probability"], shares)
    assert (answers["prediction"] == "yes").sum() == (shares >= 0.7).sum() > 0
