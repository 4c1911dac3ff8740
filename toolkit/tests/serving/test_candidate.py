"""A second version beside the model: in shadow, or for a share of requests."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

pytest.importorskip("fastapi")

from fastapi import FastAPI

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.keys import uniform
from reproducible_ml.registry.log_comparison import compare_log
from reproducible_ml.serving.messages import RefusedError
from reproducible_ml.serving.rows import answer, check_rows, row_keys
from reproducible_ml.serving.service.candidate import SALT
from tumour_diagnosis.deployment.predict import Predict, load, predict

from .client import application, as_records, ask
from .conftest import LINEAR

TrainFolder = Callable[..., Path]


@pytest.fixture
def folders(train_folder: TrainFolder) -> tuple[Path, Path]:
    """The folders of a model and of another version."""
    return train_folder(), train_folder("binary", LINEAR["binary"])


def send(app: FastAPI, requests: list[Any], path: str = "/predict") -> list[Any]:
    """Return the responses to requests, one after the other."""

    async def call(client: httpx.AsyncClient) -> list[Any]:
        return [await client.post(path, json=each) for each in requests]

    found: list[Any] = ask(app, call)
    return found


def count(app: FastAPI, result: str) -> float:
    value = app.state.service.metrics.registry.get_sample_value(
        "rml_shadow_rows_total", {"result": result}
    )
    return value or 0


def probabilities(folder: Path, orders: pd.DataFrame) -> list[float]:
    model = load(folder, Predict())
    found = answer(pa.Table.from_pandas(orders), model, predict).answers
    return list(found["probability"])


def test_in_shadow_answers_are_compared_and_logged_but_not_returned(
    folders: tuple[Path, Path], orders: pd.DataFrame, tmp_path: Path
) -> None:
    main, second = folders
    app = application(main, candidate=second, log_folder=tmp_path / "log")
    records = as_records(orders)
    broken = [{**records[0], "amount": "much"}]
    responses = send(app, [records[:200], records[200:], broken])
    versions = {each.json()["version"] for each in responses[:2]}
    assert versions == {load(main, Predict()).version}
    mine, theirs = probabilities(main, orders), probabilities(second, orders)
    found = [p for each in responses[:2] for p in each.json()["predictions"]]
    assert [each["probability"] for each in found] == mine

    log = pd.read_parquet(tmp_path / "log")
    for returned, expected in ((True, mine), (False, theirs)):
        rows = log[log["returned"] == returned]
        assert sorted(rows["probability"]) == sorted(expected)
    pairs = log.groupby(["request_id", "row"])["row_key"].agg(["size", "nunique"])
    assert {*pairs["size"]} == {2}
    assert {*pairs["nunique"]} == {1}

    same = sum(
        (one >= 0.5) == (other >= 0.5) for one, other in zip(mine, theirs, strict=True)
    )
    judged = compare_log(tmp_path / "log")
    assert judged.first == load(main, Predict()).version
    assert (judged.paired, judged.rows) == (True, (300, 300, 300))
    assert judged.changed == len(orders) - same
    by_name = {each.name: each for each in judged.differences}
    mean = by_name["mean of probability"]
    assert mean.difference == pytest.approx(np.mean(theirs) - np.mean(mine))
    assert count(app, "same") == same + len(broken)
    assert count(app, "different") == len(orders) - same > 0
    version = load(second, Predict()).version
    [refused] = send(app, [{}], f"/v2/models/orders/versions/{version}/infer")
    assert refused.status_code == 404


def test_a_share_of_requests_goes_to_the_candidate_by_row_key(
    folders: tuple[Path, Path], orders: pd.DataFrame, tmp_path: Path
) -> None:
    main, second = folders
    model, other = load(main, Predict()), load(second, Predict())
    log = tmp_path / "log"
    app = application(main, candidate=second, candidate_share=0.3, log_folder=log)
    responses = send(app, as_records(orders))
    checked = check_rows(pa.Table.from_pandas(orders), model)
    assert checked.keys is not None
    takes = uniform(checked.keys, SALT) < 0.3
    assert 0.2 < takes.mean() < 0.4
    versions = [each.json()["version"] for each in responses]
    assert versions == [other.version if one else model.version for one in takes]
    expected = np.where(
        takes, probabilities(second, orders), probabilities(main, orders)
    )
    found = [each.json()["predictions"][0]["probability"] for each in responses]
    assert found == expected.tolist()
    assert pd.read_parquet(log)["returned"].all()
    judged = compare_log(log)
    assert not judged.paired
    assert judged.rows == ((~takes).sum(), takes.sum(), 0)
    by_name = {each.name: each for each in judged.differences}
    mean = by_name["mean of probability"]
    assert mean.difference == pytest.approx(
        expected[takes].mean() - expected[~takes].mean()
    )
    assert count(app, "same") == count(app, "different") == 0


def test_both_versions_can_be_asked_for_while_they_share_requests(
    folders: tuple[Path, Path], orders: pd.DataFrame
) -> None:
    main, second = folders
    app = application(main, candidate=second, candidate_share=0.01)
    inputs = [
        {"name": name, "shape": [1], "datatype": kind, "data": [value]}
        for (name, value), kind in zip(
            as_records(orders[1:2])[0].items(),
            ("FP64", "INT64", "BOOL", "BYTES", "BYTES"),
            strict=False,
        )
    ]
    for folder in folders:
        version = load(folder, Predict()).version
        path = f"/v2/models/orders/versions/{version}/infer"
        [response] = send(app, [{"inputs": inputs}], path)
        assert response.json()["model_version"] == version, response.text
        outputs = {each["name"]: each["data"] for each in response.json()["outputs"]}
        assert outputs["probability"] == probabilities(folder, orders[1:2])


@pytest.mark.parametrize("share", [0, 1])
def test_a_candidate_that_fails_is_counted_and_harms_nothing(
    folders: tuple[Path, Path], orders: pd.DataFrame, share: float
) -> None:
    main, second = folders
    app = application(main, candidate=second, candidate_share=share)

    def fails(*_: Any) -> pd.DataFrame:
        raise ZeroDivisionError

    app.state.service.candidate.live.predictor.predict = fails
    [response, empty] = send(app, [as_records(orders[:5]), []])
    assert response.json()["version"] == load(main, Predict()).version
    assert None not in response.json()["predictions"]
    assert empty.json()["predictions"] == []
    assert count(app, "failed") == 5


@pytest.mark.parametrize("share", [0, 1])
def test_a_candidate_is_not_used_beside_a_later_model_of_other_columns_or_answers(
    train_folder: TrainFolder,
    folders: tuple[Path, Path],
    orders: pd.DataFrame,
    share: float,
) -> None:
    main, second = folders
    app = application(main, candidate=second, candidate_share=share)
    service, version = app.state.service, load(second, Predict()).version
    assert (version in service.versions) == (share > 0)
    later = load(train_folder("multiclass"), Predict())
    service.main.predictor.use(later)
    assert service.versions == [later.version]
    [response] = send(app, [as_records(orders[:5])])
    assert response.json()["version"] == later.version
    assert count(app, "failed") == count(app, "same") == count(app, "different") == 0
    # Such a request was on its way when the model was replaced.
    with pytest.raises(RefusedError, match="no version"):
        asyncio.run(service.answer(pa.Table.from_pandas(orders), {}, version))


def test_a_candidate_with_other_columns_or_answers_is_refused(
    train_folder: TrainFolder, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="its answers are not those of the model"):
        application(train_folder(), candidate=train_folder("multiclass"))
    with pytest.raises(UserError, match=r"model\.json: does not exist"):
        application(train_folder(), candidate=tmp_path)


def test_equal_rows_have_the_same_key_whatever_they_came_as(
    folders: tuple[Path, Path], orders: pd.DataFrame
) -> None:
    model = load(folders[0], Predict())
    table = pa.Table.from_pandas(orders)
    checked = check_rows(table, model)
    assert checked.keys is not None
    assert row_keys(table, model).tolist() == checked.keys.tolist()
    broken = table.set_column(1, "items", pa.array(["many"] * len(orders)))
    assert len(row_keys(broken, model)) == 0
