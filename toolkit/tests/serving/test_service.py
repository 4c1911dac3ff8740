"""The web service: its routes, what it refuses, and what it says of rows."""

import json
import logging
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from fastapi import FastAPI

from reproducible_ml.core.errors import UserError
from reproducible_ml.serving.messages import RefusedError, read_stream
from reproducible_ml.serving.model import Model
from reproducible_ml.serving.rows import answer
from reproducible_ml.serving.service.settings import Settings
from tumour_diagnosis.deployment.predict import predict

from .client import application, as_records, ask, get, post

Train = Callable[..., Model]

V2 = "/v2/models/orders"


@pytest.fixture
def folder(train: Train, trained: dict[str, Path]) -> Path:
    train()
    return trained["binary {}"]


@pytest.fixture
def app(folder: Path) -> FastAPI:
    return application(folder)


@pytest.fixture
def records(orders: pd.DataFrame) -> list[dict[str, Any]]:
    return as_records(orders[:4])


def test_server_and_model_are_described(app: FastAPI) -> None:
    assert get(app, "/v2").json()["extensions"] == ["binary_tensor_data"]
    assert get(app, "/v2/health/live").json() == {"live": True}
    assert get(app, "/v2/health/ready").json() == {"ready": True}
    found = get(app, V2).json()
    assert found["name"] == "orders"
    assert found["platform"] == "sklearn_skops"
    [version] = found["versions"]
    datatypes = {tensor["name"]: tensor["datatype"] for tensor in found["inputs"]}
    assert datatypes == {
        "amount": "FP64",
        "items": "INT64",
        "member": "BOOL",
        "channel": "BYTES",
        "ordered_at": "BYTES",
    }
    assert [(each["name"], each["datatype"]) for each in found["outputs"]] == [
        ("prediction", "BYTES"),
        ("probability", "FP64"),
    ]
    assert get(app, f"{V2}/versions/{version}").json() == found
    for path in (f"{V2}/ready", f"{V2}/versions/{version}/ready"):
        assert get(app, path).json() == {"name": "orders", "ready": True}


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/v2/models/none", 'no model "none"; this is "orders"'),
        (f"{V2}/versions/1", 'no version "1" of orders; this is'),
        (f"{V2}/versions/1/ready", 'no version "1"'),
        ("/nowhere", "Not Found"),
    ],
)
def test_what_is_not_there_is_an_error_of_the_protocol(
    app: FastAPI, path: str, error: str
) -> None:
    response = get(app, path)
    assert response.status_code == 404
    assert list(response.json()) == ["error"]
    assert error in response.json()["error"]
    assert get(app, "/predict").json() == {"error": "Method Not Allowed"}


def tensors(orders: pd.DataFrame) -> list[dict[str, Any]]:
    datatypes = {"amount": "FP64", "items": "INT64", "member": "BOOL"}
    records = as_records(orders)
    return [
        {
            "name": name,
            "shape": [len(orders)],
            "datatype": datatypes.get(str(name), "BYTES"),
            "data": [record[str(name)] for record in records],
        }
        for name in orders
    ]


def test_inference_by_the_protocol(
    app: FastAPI, train: Train, orders: pd.DataFrame
) -> None:
    expected = answer(pa.Table.from_pandas(orders[:5]), train(), predict).answers
    request = {"id": "7", "inputs": tensors(orders[:5])}
    found = post(app, request, f"{V2}/infer").json()
    assert found["id"] == "7"
    assert found["model_name"] == "orders"
    names, shares = found["outputs"]
    assert names == {
        "name": "prediction",
        "datatype": "BYTES",
        "shape": [5],
        "data": expected["prediction"].tolist(),
    }
    assert shares["data"] == expected["probability"].tolist()
    version = found["model_version"]
    assert post(app, request, f"{V2}/versions/{version}/infer").json() == found
    one = post(app, request | {"outputs": [{"name": "probability"}]}, f"{V2}/infer")
    assert one.json()["outputs"] == [shares]


def test_nested_data_other_widths_and_further_inputs(
    app: FastAPI, orders: pd.DataFrame
) -> None:
    inputs = tensors(orders[:3])
    plain = post(app, {"inputs": inputs}, f"{V2}/infer").json()
    changed = {each["name"]: each for each in inputs}
    changed["member"] |= {"shape": [3, 1], "data": [[v] for v in inputs[2]["data"]]}
    changed["items"]["datatype"] = "UINT8"
    more = {"name": "returned", "shape": [3], "datatype": "BYTES", "data": ["no"] * 3}
    found = post(app, {"inputs": [more, *changed.values()]}, f"{V2}/infer")
    assert found.json() == plain


def test_narrow_floats_have_their_own_value(
    app: FastAPI, train: Train, orders: pd.DataFrame
) -> None:
    rows = orders[:3].assign(amount=[0.1, 0.2, np.nan])
    inputs = tensors(rows)
    inputs[0]["datatype"] = "FP32"
    found = post(app, {"inputs": inputs}, f"{V2}/infer").json()["outputs"][1]["data"]
    narrow = rows.assign(amount=rows["amount"].astype(np.float32).astype(float))
    expected = answer(pa.Table.from_pandas(narrow), train(), predict).answers
    assert found == expected["probability"].tolist()


def with_input(place: int, **keys: Any) -> Callable[[list[Any]], Any]:
    def change(inputs: list[Any]) -> Any:
        inputs[place] |= keys
        return {"inputs": inputs}

    return change


def with_mask(data: list[Any]) -> Callable[[list[Any]], Any]:
    mask = {"name": "amount.missing", "shape": [2], "datatype": "BOOL", "data": data}
    return lambda inputs: {"inputs": [*inputs, mask]}


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda inputs: [], "must be an object"),
        (lambda inputs: {"inputs": []}, "an input for each column"),
        (lambda inputs: {"inputs": inputs, "id": 1}, "id must be text"),
        (lambda inputs: {"inputs": [1]}, "an object with a name"),
        (lambda inputs: {"inputs": inputs[1:]}, 'column "amount": is missing'),
        (lambda inputs: {"inputs": [*inputs, inputs[0]]}, '"amount": is there twice'),
        (lambda inputs: {"inputs": inputs, "outputs": [{"name": "x"}]}, 'output "x"'),
        (lambda inputs: {"inputs": inputs, "outputs": 1}, "no output"),
        (with_input(0, data=["1", "2"]), "row 0: column \"amount\": '1' is text"),
        (with_input(0, datatype="BYTES"), "datatype must be FP64, not BYTES"),
        (with_input(1, data=[1, 2.5]), "2.5 is no INT64"),
        (with_input(0, data=[1, 55.4], datatype="INT64"), "55.4 is no INT64"),
        (with_input(1, data=[1, 300], datatype="UINT8"), "300 is no UINT8"),
        (with_input(2, data=[1, 0]), "is a number, not true or false"),
        (with_input(0, shape=[3]), "has 2 values, but the shape [3]"),
        (with_input(0, shape=[1], data=[1]), "different numbers of rows: [1, 2]"),
        (with_input(0, shape=[2, 2]), "shape must be [rows]"),
        (with_input(0, data={}), "data must be an array"),
        (with_input(3, data=["web", "pigeon"]), "row 1: column \"channel\": 'pigeon'"),
        (with_input(0, data=[1, [2]]), "is an array, not a number"),
        (with_mask([1, 0]), 'amount.missing": its values must be true or false'),
        (with_mask([True, None]), "must be true or false"),
    ],
)
def test_wrong_inference_requests_are_refused_as_a_whole(
    app: FastAPI, orders: pd.DataFrame, change: Callable[[Any], Any], error: str
) -> None:
    response = post(app, change(tensors(orders[:2])), f"{V2}/infer")
    assert response.status_code == 400
    assert list(response.json()) == ["error"]
    assert error in response.json()["error"]


def test_a_bad_row_does_not_fail_the_others(
    app: FastAPI, records: list[dict[str, Any]]
) -> None:
    alone = post(app, records[2]).json()["predictions"]
    records[0]["items"] = "3"
    del records[1]["amount"]
    records[1]["amuont"] = 1.0
    records[3] |= {"channel": "pigeon", "ordered_at": "31.12.2026", "member": 1}
    response = post(app, records)
    assert response.status_code == 200
    content = response.json()
    assert content["predictions"] == [None, None, *alone, None]
    assert [
        (each["row"], each["column"], each["value"], each["rule"])
        for each in content["problems"]
    ] == [
        (0, "items", "3", "type"),
        (1, "amount", None, "required"),
        (3, "member", "1", "type"),
        (3, "channel", "pigeon", "isin(['shop', 'web', 'phone'])"),
        (3, "ordered_at", "31.12.2026", "unreadable"),
    ]
    assert content["problems"][0]["problem"] == "is text, not a whole number"
    assert 'there is "amuont"' in content["problems"][1]["problem"]


def test_no_valid_row_is_an_error(app: FastAPI, records: list[dict[str, Any]]) -> None:
    response = post(app, records[0] | {"items": None})
    assert response.status_code == 422
    assert response.json()["error"] == "no row is valid"
    assert response.json()["predictions"] == [None]
    assert post(app, []).json()["predictions"] == []


def test_requests_at_the_same_time_get_their_own_answers(
    app: FastAPI, records: list[dict[str, Any]]
) -> None:
    alone = [post(app, record).json() for record in records]
    several = [*records, records[0] | {"items": None}] * 5

    def send(record: Any) -> Callable[[httpx.AsyncClient], Any]:
        return lambda client: client.post("/predict", json=record)

    found = [each.json() for each in ask(app, *map(send, several))]
    for place, content in enumerate(found):
        if place % 5 == 4:
            assert content["predictions"] == [None]
        else:
            assert content == alone[place % 5]


def test_arrow_streams_come_and_go(
    app: FastAPI, train: Train, orders: pd.DataFrame
) -> None:
    rows = pa.Table.from_pandas(orders[:5], preserve_index=False)
    bad = rows.set_column(1, "items", pa.array([1, 2, None, 4, 5], pa.int16()))
    stream = pa.BufferOutputStream()
    with pa.ipc.new_stream(stream, bad.schema) as writer:
        writer.write_table(bad, max_chunksize=2)
    kind = "application/vnd.apache.arrow.stream"
    response = post(app, stream.getvalue().to_pybytes(), content_type=kind)
    assert response.headers["content-type"] == kind
    found = pa.ipc.open_stream(response.content).read_all()
    expected = answer(bad, train(), predict)
    assert found["probability"].drop_null().to_pylist() == (
        expected.answers["probability"].tolist()
    )
    problems = found["problem"].to_pylist()
    assert problems[2] == str(expected.problems[0])
    assert [row for row, text in enumerate(problems) if text] == [2]
    for codec in ("lz4", "zstd"):
        options = pa.ipc.IpcWriteOptions(compression=codec)
        for some in (rows, rows.select(["channel"])):
            small = pa.BufferOutputStream()
            with pa.ipc.new_stream(small, some.schema, options=options) as writer:
                writer.write_table(some)
            refused = post(app, small.getvalue().to_pybytes(), content_type=kind)
            assert refused.status_code == 400
            assert "compressed" in refused.json()["error"]
    for content in (b"", b"x" * 100, stream.getvalue().to_pybytes()[:-200]):
        refused = post(app, content, content_type=kind)
        assert refused.status_code == 400
        assert "not a valid Arrow stream" in refused.json()["error"]


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        (b'{"amount": NaN}', 400, "not valid JSON"),
        (b'{"amount": Infinity}', 400, "not valid JSON"),
        (b'{"amount": 1e999}', 400, "infinity"),
        (b"[" * 10_000, 400, "depth limit"),
        (b'{"a":' * 99 + b"1" + b"}" * 99, 422, "no row is valid"),
        (b'{"a":' * 1020 + b"1" + b"}" * 1020, 400, "nested too deeply"),
        (b'{"a:":{"b":[{"c":1}, "::"]}}', 422, "no row is valid"),
        (b'{"amount": 1, "amount": 2}', 400, "'amount' is twice"),
        (b'{"a:": "x:y", "b": {"c": 1, "c": 2}}', 400, "'c' is twice"),
        (b'[{"note": "a:b"}, {"n": 1, "n": 1}]', 400, "'n' is twice"),
        (b"\xff", 400, "not valid JSON"),
        (b'"\\ud800"', 400, "not valid JSON"),
        (b"", 400, "not valid JSON"),
        (b"1", 400, "a record or an array of records"),
        (b"[[1]]", 400, "a record or an array of records"),
    ],
)
def test_json_is_strict(app: FastAPI, body: bytes, status: int, error: str) -> None:
    response = post(app, body)
    assert response.status_code == status
    assert error in response.json()["error"]


def test_other_content_types_are_refused(app: FastAPI) -> None:
    for path in ("/predict", f"{V2}/infer"):
        response = post(app, b"a,b", path, content_type="text/csv")
        assert response.status_code == 415
    assert post(app, b"x", content_encoding="gzip").status_code == 415


def test_rows_bytes_and_waiting_rows_are_limited(
    folder: Path, records: list[dict[str, Any]]
) -> None:
    app = application(folder, max_rows=3, max_bytes=1000)
    assert "4 rows are more than 3" in post(app, records).json()["error"]
    assert post(app, records).status_code == 413
    response = post(app, b" " * 1001)
    assert response.status_code == 413
    assert "more than 1000 bytes" in response.json()["error"]

    def send(client: httpx.AsyncClient) -> Any:
        return client.post("/predict", json=records[:2])

    full = ask(application(folder, max_waiting_rows=5), *[send] * 12)
    statuses = [response.status_code for response in full]
    assert statuses.count(200) >= 2
    assert statuses.count(503) >= 5
    refused = full[statuses.index(503)]
    assert refused.headers["retry-after"] == "1"
    assert "too many requests" in refused.json()["error"]


def test_no_answer_in_time(folder: Path, records: list[dict[str, Any]]) -> None:
    app = application(folder, answer_seconds=0.0)
    assert post(app, records).status_code == 503
    assert "no answer within 0 s" in post(app, records).json()["error"]


def test_keys_are_needed_if_there_are_any(
    folder: Path, records: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RML_API_KEY", "old, new")
    app = application(folder)
    for headers in ({}, {"x_api_key": "wrong"}, {"authorization": "Basic old"}):
        response = post(app, records, **headers)
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == "Bearer"
        assert response.json() == {"error": "a valid API key is needed"}
    assert post(app, records, x_api_key="new").status_code == 200
    assert post(app, records, authorization="Bearer old").status_code == 200
    for path in ("/v2", "/metrics", "/openapi.json"):
        assert get(app, path).status_code == 401
    assert get(app, "/v2/health/ready").status_code == 200
    description = get(app, "/openapi.json", x_api_key="old").json()
    assert description["security"] == [{"key": []}, {"header": []}]


def test_a_key_that_is_set_but_empty_does_not_open_the_service(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for text in ("", " , "):
        monkeypatch.setenv("RML_API_KEY", text)
        with pytest.raises(UserError, match="RML_API_KEY: is set, but has no key"):
            application(folder)


def test_log_that_cannot_be_as_it_is_set_is_refused(
    folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r'no column "itmes"\. Did you mean "items"\?'):
        application(folder, log_folder=tmp_path / "logs", log_without=("itmes",))
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file/logs", Path("/proc/logs")):
        with pytest.raises(UserError, match="no log can be written there: "):
            application(folder, log_folder=place)


def test_each_request_has_an_id_and_a_line_in_the_log(
    app: FastAPI,
    records: list[dict[str, Any]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "reproducible_ml.service")
    records[0]["items"] = -1.5
    assert post(app, records, x_request_id="a-1").headers["x-request-id"] == "a-1"
    [facts] = [each.facts for each in caplog.records if each.msg == "request"]  # type: ignore[attr-defined]
    assert facts.pop("ms") > 0
    assert len(facts.pop("model")) == 12
    assert facts == {
        "request_id": "a-1",
        "method": "POST",
        "path": "/predict",
        "status": 200,
        "rows": 4,
        "refused": 1,
    }
    for odd in ("a b", "x" * 129, 'a"\\n'):
        found = post(app, records, x_request_id=odd).headers["x-request-id"]
        assert len(found) == 32


def test_bugs_are_an_error_without_details(
    folder: Path,
    records: list[dict[str, Any]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fails(*_: Any) -> pd.DataFrame:
        raise ZeroDivisionError("secret")

    app = application(folder)
    app.state.service.main.predictor.predict = fails
    response = post(app, records, x_request_id="b-2")
    assert response.status_code == 500
    assert "request id b-2" in response.json()["error"]
    assert "secret" not in response.text
    assert "ZeroDivisionError" in caplog.text


def test_metrics_count_requests_rows_and_problems(
    app: FastAPI, records: list[dict[str, Any]]
) -> None:
    records[1]["channel"] = "pigeon"
    post(app, records)
    post(app, b"{")
    get(app, "/nowhere/1")
    text = get(app, "/metrics").text
    for line in (
        'rml_requests_total{route="/predict",status="200"} 1.0',
        'rml_requests_total{route="/predict",status="400"} 1.0',
        'rml_requests_total{route="other",status="404"} 1.0',
        'rml_rows_total{result="answered"} 3.0',
        'rml_rows_total{result="refused"} 1.0',
        'rml_row_problems_total{column="channel",rule="isin"} 1.0',
        'rml_request_seconds_count{route="/predict"} 2.0',
        "rml_batch_rows_sum 4.0",
        "rml_requests_active 1.0",
    ):
        assert line in text


def test_description_has_the_contract(folder: Path) -> None:
    description = get(application(folder), "/openapi.json").json()
    record = description["components"]["schemas"]["Record"]
    assert record["required"] == ["amount", "items", "member", "channel", "ordered_at"]
    assert record["properties"]["amount"] == {
        "type": ["number", "null"],
        "examples": [0.0],
    }
    assert record["properties"]["channel"] == {
        "type": "string",
        "enum": ["shop", "web", "phone"],
        "examples": ["shop"],
    }
    body = description["paths"]["/predict"]["post"]["requestBody"]["content"]
    assert body["application/json"]["schema"]["oneOf"][0] == {
        "$ref": "#/components/schemas/Record"
    }
    json.dumps(description)


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RML_SERVE_MAX_ROWS", "7")
    monkeypatch.setenv("RML_SERVE_LOG_WITHOUT", "name, address,")
    monkeypatch.setenv("RML_SERVE_LOG_FOLDER", "logs")
    monkeypatch.setenv("RML_SERVE_PORT_80_TCP_ADDR", "10.0.0.1")  # by Kubernetes
    found = Settings.from_environment()
    assert found.max_rows == 7
    assert found.log_without == ("name", "address")
    assert found.log_folder == Path("logs")
    monkeypatch.setenv("RML_SERVE_MAX_ROWS", "many")
    monkeypatch.setenv("RML_SERVE_NAME", "a b")
    monkeypatch.setenv("RML_SERVE_MAX_ROW", "7")
    with pytest.raises(UserError) as info:
        Settings.from_environment()
    lines = str(info.value).splitlines()
    assert (
        lines[0] == "RML_SERVE_MAX_ROW: is no setting; did you mean RML_SERVE_MAX_ROWS?"
    )
    assert lines[1].startswith("RML_SERVE_NAME: ")
    assert lines[2].startswith("RML_SERVE_MAX_ROWS: ")
    assert "'many'" in lines[2]


def test_damaged_streams_are_refused_or_read(orders: pd.DataFrame) -> None:
    table = pa.Table.from_pandas(orders[:20], preserve_index=False)
    table = table.append_column("when", pa.array([0] * 20, pa.timestamp("s", "UTC")))
    stream = pa.BufferOutputStream()
    with pa.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table)
    whole = stream.getvalue().to_pybytes()
    random = np.random.default_rng(0)
    found = []
    for _ in range(500):
        damaged = bytearray(whole)
        for place in random.integers(0, len(whole), 4):
            damaged[place] = random.integers(256)
        try:
            read = read_stream(bytes(damaged), 100)
            read.schema.to_string()
            found.append(200)
        except RefusedError as error:
            found.append(error.status)
    assert {*found} == {200, 400}


def test_a_project_may_answer_with_columns_of_its_own(
    app: FastAPI, records: list[dict[str, Any]], orders: pd.DataFrame
) -> None:
    def with_more(rows: pd.DataFrame, model: Model) -> pd.DataFrame:
        whole = pd.array([1, None, 3, 4], "Int64")
        fees: Any = [Decimal("1.50"), None, Decimal(2), Decimal(3)]
        return predict(rows, model).assign(
            fee=fees,
            until=rows["ordered_at"] + pd.Timedelta(days=1),
            items=whole,
            sure=[True, False, True, True],
        )

    app.state.service.main.predictor.predict = with_more
    first, second = post(app, records).json()["predictions"][:2]
    assert {name: first[name] for name in ("fee", "until", "items", "sure")} == {
        "fee": "1.50",
        "until": "2024-01-02T00:00:00",
        "items": 1,
        "sure": True,
    }
    assert second["fee"] is second["items"] is None
    outputs = post(app, {"inputs": tensors(orders[:4])}, f"{V2}/infer").json()[
        "outputs"
    ]
    assert {each["name"]: each["datatype"] for each in outputs} == {
        "prediction": "BYTES",
        "probability": "FP64",
        "fee": "BYTES",
        "until": "BYTES",
        "items": "BYTES",
        "sure": "BOOL",
    }
