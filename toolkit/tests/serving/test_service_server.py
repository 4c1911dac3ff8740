"""The web service on a real server: hostile clients, and clients of others."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from reproducible_ml.serving.model import Model
from reproducible_ml.serving.rows import answer
from tumour_diagnosis.deployment.predict import predict

from .client import application, as_records, in_thread

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("service")]

Train = Callable[..., Model]

# Seconds and bytes that the hostile clients run into.
LIMITS: dict[str, Any] = {
    "body_seconds": 0.5,
    "max_bytes": 200_000,
}


@pytest.fixture
def server(
    train: Train,
    trained: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[str]:
    train()
    monkeypatch.setattr(
        "reproducible_ml.serving.service.run.PatientProtocol.seconds", 0.5
    )
    settings = {**LIMITS, "feedback_folder": tmp_path / "labels"}
    with in_thread(application(trained["binary {}"], **settings)) as url:
        yield url


@pytest.fixture
def body(orders: pd.DataFrame) -> bytes:
    return json.dumps(as_records(orders[:2])).encode()


def connect(url: str) -> socket.socket:
    address = httpx.URL(url)
    connection = socket.create_connection((address.host, address.port or 80), 10)
    connection.settimeout(10)
    return connection


def read(connection: socket.socket) -> bytes:
    """Return what comes until the server closes the connection."""
    found = b""
    while part := connection.recv(65536):
        found += part
    return found


def head(length: int) -> bytes:
    return (
        b"POST /predict HTTP/1.1\r\nhost: test\r\nconnection: close\r\n"
        b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % length
    )


def still_answers(url: str, body: bytes) -> None:
    response = httpx.post(
        f"{url}/predict", content=body, headers={"content-type": "application/json"}
    )
    assert response.status_code == 200
    assert not response.json()["problems"]


def test_a_slow_body_is_refused(server: str, body: bytes) -> None:
    with connect(server) as connection:
        connection.sendall(head(len(body)))
        start = time.monotonic()
        for byte in body[:4]:
            connection.sendall(bytes([byte]))
            time.sleep(0.05)
        found = read(connection)
        assert 0.3 < time.monotonic() - start < 5
    assert found.startswith(b"HTTP/1.1 408 ")
    assert b"did not arrive within 0.5 s" in found
    still_answers(server, body)


@pytest.mark.parametrize("sent", [b"", b"POST /predict HTTP/1.1\r\nhost: te"])
def test_slow_headers_end_the_connection(server: str, body: bytes, sent: bytes) -> None:
    with connect(server) as connection:
        connection.sendall(sent)
        start = time.monotonic()
        assert read(connection) == b""
        assert 0.3 < time.monotonic() - start < 5
    still_answers(server, body)


def test_a_kept_connection_is_not_taken_for_a_slow_one(
    server: str, body: bytes
) -> None:
    with httpx.Client(base_url=server) as client:
        for _ in range(3):
            time.sleep(0.3)
            response = client.post(
                "/predict", content=body, headers={"content-type": "application/json"}
            )
            assert response.status_code == 200


def test_large_bodies_are_refused_and_not_kept(server: str, body: bytes) -> None:
    large = b"[" + b" " * 1_000_000
    for content in (large, iter([large[:500_000]] * 3)):
        response = httpx.post(
            f"{server}/predict",
            content=content,
            headers={"content-type": "application/json"},
        )
        assert response.status_code == 413
        assert "more than 200000 bytes" in response.json()["error"]
    with connect(server) as connection:
        chunk = b"%x\r\n%s\r\n" % (2**20, b" " * 2**20)
        connection.sendall(
            head(0).replace(b"content-length: 0", b"transfer-encoding: chunked")
        )
        try:
            for _ in range(100):
                connection.sendall(chunk)
            found = read(connection)
        except OSError:
            found = b"HTTP/1.1 413 "  # the server has closed the connection
    assert found.startswith(b"HTTP/1.1 413 ")
    still_answers(server, body)


def test_a_client_that_asks_first_need_not_send_a_large_body(server: str) -> None:
    with connect(server) as connection:
        connection.sendall(
            head(100_000_000).replace(b"\r\n\r\n", b"\r\nexpect: 100-continue\r\n\r\n")
        )
        assert read(connection).startswith(b"HTTP/1.1 413 ")


def test_what_is_not_http_does_no_harm(server: str, body: bytes) -> None:
    for content in (b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"\x00" * 100_000):
        with connect(server) as connection:
            connection.sendall(content)
            with suppress(ConnectionResetError):
                assert not read(connection).startswith(b"HTTP/1.1 200")
    with connect(server) as connection:  # gone before the answer
        connection.sendall(head(len(body)) + body)
    still_answers(server, body)


def test_compressed_bodies_are_refused(server: str) -> None:
    response = httpx.post(
        f"{server}/predict",
        content=b"x",
        headers={"content-type": "application/json", "content-encoding": "gzip"},
    )
    assert response.status_code == 415


@pytest.mark.slow
def test_the_description_holds_for_generated_requests(server: str) -> None:
    schema = schemathesis.openapi.from_url(f"{server}/openapi.json")
    checks = [
        not_a_server_error,
        status_code_conformance,
        content_type_conformance,
        response_schema_conformance,
    ]
    found = set()
    for result in schema.get_all_operations():
        operation: Any = result.ok()  # type: ignore[union-attr]

        @given(case=operation.as_strategy())
        @settings(
            max_examples=12,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def run(case: Any) -> None:
            response = case.call()
            case.validate_response(response, checks=checks)
            found.add((case.operation.path, response.status_code))

        run()
    assert ("/predict", 200) in found
    assert ("/v2/models/{name}/infer", 400) in found
    assert ("/feedback", 202) in found
    assert {status for _, status in found} <= {200, 202, 400, 413, 415, 422}


@pytest.mark.parametrize("binary", [True, False])
def test_a_client_of_the_protocol_gets_right_answers(
    server: str, train: Train, orders: pd.DataFrame, binary: bool
) -> None:
    from tritonclient import http  # type: ignore[import-untyped]

    rows = orders[:20]
    expected = answer(pa.Table.from_pandas(rows), train(), predict).answers
    records = as_records(rows)
    arrays = {
        "amount": rows["amount"].to_numpy(),
        "items": rows["items"].to_numpy(np.int64),
        "member": rows["member"].to_numpy(bool),
        "channel": np.array([each["channel"] for each in records], object),
        "ordered_at": np.array([each["ordered_at"] for each in records], object),
    }
    datatypes = ["FP64", "INT64", "BOOL", "BYTES", "BYTES"]
    inputs = []
    for (name, array), datatype in zip(arrays.items(), datatypes, strict=True):
        tensor = http.InferInput(name, [len(rows)], datatype)
        # JSON has no NaN.
        whole = rows["amount"].notna().all() or name != "amount"
        tensor.set_data_from_numpy(array, binary_data=binary or not whole)
        inputs.append(tensor)
    outputs = [
        http.InferRequestedOutput(name, binary_data=binary)
        for name in ("probability", "prediction")
    ]
    with http.InferenceServerClient(server.removeprefix("http://")) as client:
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_model_ready("orders")
        [version] = client.get_model_metadata("orders")["versions"]
        for chosen in (None, outputs):
            found = client.infer(
                "orders", inputs, model_version=version, outputs=chosen, request_id="r"
            )
            assert found.get_response()["id"] == "r"
            np.testing.assert_array_equal(
                found.as_numpy("probability"), expected["probability"]
            )
            texts = [
                text.decode() if isinstance(text, bytes) else text
                for text in found.as_numpy("prediction")
            ]
            assert texts == expected["prediction"].tolist()


def test_binary_data_that_does_not_fit_is_refused(server: str) -> None:
    def send(content: dict[str, Any], binary: bytes, length: int | None = None) -> str:
        start = json.dumps(content).encode()
        shown = len(start) if length is None else length
        response = httpx.post(
            f"{server}/v2/models/orders/infer",
            content=start + binary,
            headers={"inference-header-content-length": str(shown)},
        )
        assert response.status_code == 400
        return str(response.json()["error"])

    def tensor(name: str, datatype: str, size: int, rows: int = 2) -> dict[str, Any]:
        parameters = {"binary_data_size": size}
        return {
            "inputs": [
                {
                    "name": name,
                    "shape": [rows],
                    "datatype": datatype,
                    "parameters": parameters,
                }
            ]
        }

    assert "within the body" in send({}, b"", 10**9)
    assert "sizes of binary data" in send(tensor("amount", "FP64", 16), b"\0" * 15)
    assert "is damaged" in send(tensor("amount", "FP64", 15), b"\0" * 15)
    assert "has 1 values" in send(tensor("amount", "FP64", 8), b"\0" * 8)
    assert "is damaged" in send(tensor("channel", "BYTES", 5), b"\x09\0\0\0a")
    assert "is damaged" in send(tensor("channel", "BYTES", 5), b"\x01\0\0\0\xff")
    assert "is damaged" in send(tensor("channel", "BYTES", 2), b"\x01\0")
