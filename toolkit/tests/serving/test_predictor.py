"""Requests that wait are answered together, each with its own answers and errors."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from reproducible_ml.serving import fast_rows
from reproducible_ml.serving.answers import Answers
from reproducible_ml.serving.model import Model
from reproducible_ml.serving.predictor import OverloadedError, Predictor
from reproducible_ml.serving.records import by_column
from tumour_diagnosis.deployment.predict import predict

from .client import as_records

Train = Callable[..., Model]


class Held:
    """A project's `predict` that waits until it may go on."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.go = threading.Event()
        self.sizes: list[int] = []

    def __call__(self, rows: pd.DataFrame, model: Model) -> pd.DataFrame:
        self.sizes.append(len(rows))
        self.began.set()
        assert self.go.wait(10)
        if (rows["items"] == 1).any():
            raise ZeroDivisionError
        return predict(rows, model)


async def answer_all(
    predictor: Predictor, held: Held, requests: list[Any]
) -> list[Answers | BaseException]:
    """Return the answers to a first request, and to others that come meanwhile."""
    first = asyncio.create_task(predictor.answer(requests[0]))
    await asyncio.to_thread(held.began.wait, 10)
    others = [asyncio.create_task(predictor.answer(each)) for each in requests[1:]]
    await asyncio.sleep(0)
    held.go.set()
    found = await asyncio.gather(first, *others, return_exceptions=True)
    await predictor.close()
    return list(found)


def test_what_waits_is_answered_together(train: Train, orders: pd.DataFrame) -> None:
    model, held = train(), Held()
    records = as_records(orders[orders["items"] > 1][:100])
    requests = [by_column(records[at : at + 4], model) for at in range(0, 80, 4)]
    predictor = Predictor(model, held, batch_rows=30)
    found = asyncio.run(answer_all(predictor, held, requests))
    assert held.sizes == [4, 28, 28, 20]
    for request, answers in zip(requests, found, strict=True):
        alone = asyncio.run(_alone(model, request))
        assert isinstance(answers, Answers)
        assert answers._replace(read=None) == alone._replace(read=None)


async def _alone(model: Model, request: Any) -> Answers:
    predictor = Predictor(model, predict)
    found = await predictor.answer(request)
    await predictor.close()
    return found


def test_one_that_fails_does_not_fail_the_others(
    train: Train, orders: pd.DataFrame
) -> None:
    model, held = train(), Held()
    good = as_records(orders[orders["items"] > 1][:3])
    bad = as_records(orders[orders["items"] == 1][:1])
    requests = [by_column(rows, model) for rows in (good[:1], good[1:2], bad, good[2:])]
    found = asyncio.run(answer_all(Predictor(model, held), held, requests))
    assert isinstance(found[2], ZeroDivisionError)
    assert all(isinstance(found[place], Answers) for place in (0, 1, 3))


def test_too_many_rows_wait(train: Train, orders: pd.DataFrame) -> None:
    model, held = train(), Held()
    requests = [by_column(as_records(orders[:10]), model)] * 4
    predictor = Predictor(model, held, max_waiting_rows=20)
    found = asyncio.run(answer_all(predictor, held, requests))
    assert [type(each) for each in found[1:]].count(OverloadedError) == 1
    assert predictor.waiting_rows == 0


def test_a_request_is_answered_by_the_model_at_its_time(
    train: Train, orders: pd.DataFrame
) -> None:
    old, new, held = train(), train(threshold=0.0), Held()
    rows = by_column(as_records(orders[orders["items"] > 1][:1]), old)
    predictor = Predictor(old, held)

    async def run() -> list[Answers]:
        first = asyncio.create_task(predictor.answer(rows))
        await asyncio.to_thread(held.began.wait, 10)
        second = asyncio.create_task(predictor.answer(rows))
        await asyncio.sleep(0)
        predictor.prepare(new)
        predictor.use(new)
        third = asyncio.create_task(predictor.answer(rows))
        await asyncio.sleep(0)
        held.go.set()
        return list(await asyncio.gather(first, second, third))

    found = asyncio.run(run())
    assert [answers.model for answers in found] == [old, old, new]
    assert found[2].columns["prediction"] == ["yes"]


def test_those_who_are_gone_are_left_out(train: Train, orders: pd.DataFrame) -> None:
    model, held = train(), Held()
    rows = by_column(as_records(orders[orders["items"] > 1][:2]), model)
    predictor = Predictor(model, held)

    async def run() -> Answers:
        first = asyncio.create_task(predictor.answer(rows))
        await asyncio.to_thread(held.began.wait, 10)
        gone = asyncio.create_task(predictor.answer(rows))
        last = asyncio.create_task(predictor.answer(rows))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
        held.go.set()
        await first
        with pytest.raises(asyncio.CancelledError):
            await gone
        return await last

    assert len(asyncio.run(run()).rows) == 2
    assert held.sizes == [2, 2]


def test_tables_and_lists_are_not_mixed(train: Train, orders: pd.DataFrame) -> None:
    model, held = train(), Held()
    rows = orders[orders["items"] > 1][:2]
    table = pa.Table.from_pandas(rows, preserve_index=False)
    lists = by_column(as_records(rows), model)
    requests = [lists, table, lists, table, table]
    found = asyncio.run(answer_all(Predictor(model, held), held, requests))
    assert held.sizes == [2] * 5
    columns = [each.columns for each in found if isinstance(each, Answers)]
    assert columns == [columns[0]] * 5


@pytest.mark.parametrize("quick", [True, False])
def test_only_what_takes_long_has_a_thread_of_its_own(
    train: Train, orders: pd.DataFrame, monkeypatch: pytest.MonkeyPatch, quick: bool
) -> None:
    monkeypatch.setattr(fast_rows, "QUICK_SECONDS", np.inf if quick else 0)
    model, sizes, threads = train(), list[int](), set[threading.Thread]()
    predictor = Predictor(
        model,
        predict,
        on_batch=sizes.append,
        on_answers=lambda rows, answers: threads.add(threading.current_thread()),
    )
    predictor.prepare(model)
    records = as_records(orders[:20])
    requests = [by_column([record], model) for record in records]
    asyncio.run(answer_each(predictor, requests))
    assert sum(sizes) == 20
    assert max(sizes) > 10
    assert (threads == {threading.current_thread()}) is quick
    # A row that is not valid: what is wrong with it takes longer to say.
    threads.clear()
    bad = records[0] | {next(iter(records[0])): "x" * 1000}
    [answers] = asyncio.run(answer_each(predictor, [by_column([bad], model)]))
    assert len(answers.problems) == 1
    assert threading.current_thread() not in threads
    assert len(threads) == 1


async def answer_each(predictor: Predictor, requests: list[Any]) -> list[Answers]:
    found = await asyncio.gather(*map(predictor.answer, requests))
    await predictor.close()
    return found
