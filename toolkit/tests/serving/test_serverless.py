"""The function, run by the real runtime client of AWS Lambda."""

import base64
import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from fastapi import FastAPI

from reproducible_ml.core.errors import UserError
from reproducible_ml.serving import serverless
from reproducible_ml.serving.messages import ARROW, RefusedError
from reproducible_ml.serving.model import Model
from reproducible_ml.serving.records import answer_records
from reproducible_ml.serving.rows import answer, to_table
from reproducible_ml.serving.serverless import Handler
from reproducible_ml.serving.service.app import make_app
from reproducible_ml.serving.service.settings import Settings
from tumour_diagnosis.deployment.predict import predict

from ..copies import ROOT
from .conftest import LINEAR, as_records
from .lambda_runtime import Function, handling, running

HANDLER = "tumour_diagnosis.deployment.serverless.handler"
IMAGE = ROOT / "environments" / "Dockerfile.serverless"


def request(
    body: bytes, kind: str = "application/json", path: str = "/predict"
) -> dict[str, Any]:
    """Return the event of a request to a function URL."""
    http = {"method": "POST", "path": path, "sourceIp": "127.0.0.1"}
    return {
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"content-type": kind},
        "requestContext": {"http": http | {"protocol": "HTTP/1.1"}},
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }


def copy_image(target: Path) -> None:
    """Copy what the recipe of the image copies, and nothing else."""
    for line in re.findall(r"^COPY (.*)$", IMAGE.read_text("utf-8"), flags=re.M):
        *sources, place = line.split()
        for source in sources:
            if place.startswith("/tmp") or source.startswith("models/"):
                continue
            if (ROOT / source).is_dir():
                ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
                shutil.copytree(ROOT / source, target / place, ignore=ignored)
            else:
                shutil.copy(ROOT / source, target / place)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like that of the image, without a model."""
    folder = tmp_path_factory.mktemp("image")
    copy_image(folder)
    return folder


@pytest.fixture
def function(
    image: Path, train_folder: Callable[..., Path], task: str
) -> Iterator[Function]:
    shutil.copytree(train_folder(task), image / "models", dirs_exist_ok=True)
    with running(image, HANDLER) as (found, _):
        yield found


@pytest.mark.integration
@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_function_answers_as_any_other_use(
    task: str, function: Function, train: Callable[..., Model], orders: pd.DataFrame
) -> None:
    model = train(task)
    records = as_records(orders)
    records[1]["channel"] = "mail"
    expected = answer_records(records, model, predict)
    what, found = function.invoke({"records": records})
    assert what == "response"
    assert found["version"] == model.version
    valid = [found["predictions"][row] for row in expected.answers.index]
    assert valid == expected.answers.to_dict("records")
    assert found["predictions"][1] is None
    assert found["problems"] == [each._asdict() for each in expected.problems]
    what, response = function.invoke(request(json.dumps(records).encode()))
    assert (what, response["statusCode"]) == ("response", 200)
    assert json.loads(response["body"]) == found | {"model": "tumour_diagnosis"}
    table = to_table(orders, model)
    target = pa.BufferOutputStream()
    with pa.ipc.new_stream(target, table.schema) as writer:
        writer.write_table(table)
    what, response = function.invoke(request(target.getvalue().to_pybytes(), ARROW))
    assert response["isBase64Encoded"]
    with pa.ipc.open_stream(base64.b64decode(response["body"])) as reader:
        arrow = reader.read_all().drop_columns("problem")
    assert arrow.to_pydict() == answer(table, model, predict).answers.to_dict("list")


@pytest.mark.integration
@pytest.mark.parametrize("task", ["binary"])
def test_errors_are_reported_and_the_next_event_is_answered(
    function: Function, orders: pd.DataFrame
) -> None:
    record = as_records(orders[:1])[0]
    for event, says in (
        ({"records": 1}, '"records" must be a record or an array of records'),
        ({"rows": []}, 'the event has no "records"'),
        ([], 'the event has no "records"'),
        (b'{"records": [{"amount": 1e999}]}', "infinity is not JSON"),
        ({"records": [record] * 10_001}, "10001 rows are more than 10000"),
    ):
        what, found = function.invoke(event)
        assert what == "error", event
        assert found["errorType"] == "RefusedError"
        assert says in found["errorMessage"]
    for content in (b"{", b'{"records": [{"amount": NaN}]}'):
        what, found = function.invoke(content)
        assert (what, found["errorType"]) == ("error", "Runtime.UnmarshalError")
    for body, status in ((b"{", 400), (b"[" * 10_000, 400), (b" " * 6_000_001, 413)):
        what, found = function.invoke(request(body))
        assert (what, found["statusCode"]) == ("response", status)
        assert "error" in json.loads(found["body"])
    what, found = function.invoke({"records": record})
    assert (what, len(found["predictions"])) == ("response", 1)
    what, found = function.invoke(request(b"", path="/nowhere"))
    assert found["statusCode"] == 404


@pytest.mark.integration
def test_a_function_without_a_model_says_so_at_the_start(
    image: Path, tmp_path: Path
) -> None:
    with running(image, HANDLER, RML_SERVE_MODEL=str(tmp_path)) as (function, process):
        what, found = function.outcomes.get(timeout=30)
        assert process.wait(10) == 1
    assert what == "init/error"
    assert found["errorType"] == "UserError"
    assert "model.json: does not exist" in found["errorMessage"]


def make(model: Model, **settings: Any) -> FastAPI:
    return make_app(lambda _: model, predict, Settings(**settings))


@pytest.fixture
def handler(train: Callable[..., Model]) -> Iterator[Handler]:
    with handling(make(train("multiclass", LINEAR["multiclass"]))) as found:
        yield found


def test_an_answer_that_lambda_would_refuse_is_an_error(
    handler: Handler, orders: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = as_records(orders)
    direct = handler({"records": records}, None)
    size = len(json.dumps(direct))
    monkeypatch.setattr(serverless, "MAX_BYTES", size)
    assert handler({"records": records}, None) == direct
    monkeypatch.setattr(serverless, "MAX_BYTES", size // 2)
    with pytest.raises(RefusedError, match=f"the answer has {size} bytes, more than"):
        handler({"records": records}, None)
    response = handler(request(json.dumps(records).encode()), None)
    assert response["statusCode"] == 413
    assert "send fewer rows" in json.loads(response["body"])["error"]
    assert handler(request(json.dumps(records[:3]).encode()), None)["statusCode"] == 200


@pytest.mark.parametrize("setting", ["log_folder", "feedback_folder"])
def test_a_function_writes_no_files(
    train: Callable[..., Model], tmp_path: Path, setting: str
) -> None:
    with pytest.raises(UserError, match=f"{setting.upper()}: a function has no files"):
        Handler(make(train(), **{setting: tmp_path}))
