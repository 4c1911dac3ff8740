"""The Open Inference Protocol over gRPC, with our messages and with another client."""

import json
import math
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

from reproducible_ml.core.errors import UserError
from reproducible_ml.serving.model import Model

from ..loopback import free_port

pytest.importorskip("grpc")
pytest.importorskip("fastapi")

import grpc

from reproducible_ml.serving.service.grpc_messages import (
    MESSAGES,
    SERVICE,
    message_class,
)
from reproducible_ml.serving.service.run import check_free

from .client import application, as_records, in_process, in_thread

Train = Callable[..., Model]

DATATYPES = {"amount": "FP64", "items": "INT64", "member": "BOOL"}
CONTENTS = {
    "FP64": "fp64_contents",
    "INT64": "int64_contents",
    "BOOL": "bool_contents",
    "BYTES": "bytes_contents",
}


class Client:
    """Calls methods with messages."""

    def __init__(self, channel: Any, **metadata: str) -> None:
        self.channel = channel
        self.metadata = [(k.replace("_", "-"), v) for k, v in metadata.items()]

    def send(self, name: str, content: bytes) -> Any:
        call = self.channel.unary_unary(f"/{SERVICE}/{name}")
        reply, self.call = call.with_call(content, metadata=self.metadata, timeout=20)
        return message_class(f"{name}Response").FromString(reply)

    def __call__(self, method: str, **fields: Any) -> Any:
        request = message_class(f"{method}Request")(**fields)
        return self.send(method, request.SerializeToString())


@contextmanager
def serving(folder: Path, **settings: Any) -> Iterator[tuple[str, str]]:
    """Yield the addresses of REST and gRPC."""
    address = f"127.0.0.1:{free_port()}"
    app = application(folder, grpc_address=address, **settings)
    with in_thread(app) as url:
        yield url, address


@contextmanager
def connected(address: str, **metadata: str) -> Iterator[Client]:
    with grpc.insecure_channel(address) as channel:
        yield Client(channel, **metadata)


def refusal(ask: Callable[[], Any]) -> tuple[str, str]:
    """Return the code and the text of the error of a call."""
    with pytest.raises(grpc.RpcError) as info:
        ask()
    return info.value.code().name, info.value.details()


def as_inputs(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as input tensors with contents; NaN is a missing number."""
    records = as_records(rows)
    inputs = []
    for name in rows:
        datatype = DATATYPES.get(str(name), "BYTES")
        values = [record[str(name)] for record in records]
        if datatype == "BYTES":
            values = [value.encode() for value in values]
        if datatype == "FP64":
            values = [math.nan if value is None else value for value in values]
        contents = {CONTENTS[datatype]: values}
        inputs.append(
            {
                "name": name,
                "datatype": datatype,
                "shape": [len(rows)],
                "contents": contents,
            }
        )
    return inputs


def as_table(response: Any) -> dict[str, list[Any]]:
    return {
        one.name: [
            value.decode() if isinstance(value, bytes) else value
            for value in getattr(one.contents, CONTENTS[one.datatype])
        ]
        for one in response.outputs
    }


def over_rest(url: str, rows: pd.DataFrame) -> dict[str, list[Any]]:
    found = httpx.post(f"{url}/predict", json=as_records(rows)).json()["predictions"]
    return {name: [one[name] for one in found] for name in found[0]}


@pytest.fixture
def folder(train_folder: Callable[..., Path]) -> Path:
    return train_folder()


@pytest.fixture
def rows(orders: pd.DataFrame) -> pd.DataFrame:
    return orders[:9]


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_answers_are_those_of_rest(
    train_folder: Callable[..., Path], rows: pd.DataFrame, task: str
) -> None:
    with (
        serving(train_folder(task)) as (url, address),
        connected(address) as client,
    ):
        found = client("ModelInfer", model_name="orders", inputs=as_inputs(rows))
        assert as_table(found) == over_rest(url, rows)


def test_describes_server_and_model(folder: Path, train: Train) -> None:
    version = train().version
    with serving(folder) as (url, address), connected(address) as client:
        assert client("ServerLive").live
        assert client("ServerReady").ready
        assert client("ModelReady", name="orders", version=version).ready
        assert client("ServerMetadata").name == "orders"
        found = client("ModelMetadata", name="orders")
        expected = httpx.get(f"{url}/v2/models/orders").json()
    assert list(found.versions) == expected["versions"] == [version]
    assert found.platform == expected["platform"]
    for side in ("inputs", "outputs"):
        assert [(t.name, t.datatype, [*t.shape]) for t in getattr(found, side)] == [
            (t["name"], t["datatype"], t["shape"]) for t in expected[side]
        ]


def test_tells_id_version_and_wanted_outputs(
    folder: Path, train: Train, rows: pd.DataFrame
) -> None:
    with (
        serving(folder) as (_, address),
        connected(address, x_request_id="mine-1") as client,
    ):
        found = client(
            "ModelInfer",
            model_name="orders",
            model_version=train().version,
            id="seven",
            inputs=as_inputs(rows),
            outputs=[{"name": "probability"}],
        )
        trailing = dict(client.call.trailing_metadata())
    assert (found.id, found.model_version) == ("seven", train().version)
    assert [one.name for one in found.outputs] == ["probability"]
    assert trailing["x-request-id"] == "mine-1"


def test_missing_values_have_an_input_of_their_own(
    folder: Path, rows: pd.DataFrame
) -> None:
    """Contents of text have no null, which the contract refuses in this column."""
    mask = [row == 4 for row in range(9)]
    gone = {
        "name": "channel.missing",
        "datatype": "BOOL",
        "shape": [9],
        "contents": {"bool_contents": mask},
    }
    request = {"model_name": "orders", "inputs": [*as_inputs(rows), gone]}
    with serving(folder) as (_, address), connected(address) as client:
        found = refusal(lambda: client("ModelInfer", **request))
    text = 'row 4: column "channel": is missing, but nullable is false'
    assert found == ("INVALID_ARGUMENT", text)


@pytest.mark.parametrize(
    ("change", "code", "text"),
    [
        ({"model_name": "other"}, "NOT_FOUND", 'no model "other"'),
        ({"model_version": "0"}, "NOT_FOUND", 'no version "0"'),
        ({"inputs": []}, "INVALID_ARGUMENT", "inputs must have"),
        ({"raw_input_contents": [b""]}, "INVALID_ARGUMENT", "a part for each input"),
        ({"outputs": [{"name": "x"}]}, "INVALID_ARGUMENT", 'no output "x"'),
    ],
)
def test_refuses(
    folder: Path, rows: pd.DataFrame, change: dict[str, Any], code: str, text: str
) -> None:
    request = {"model_name": "orders", "inputs": as_inputs(rows)} | change
    with serving(folder) as (_, address), connected(address) as client:
        found = refusal(lambda: client("ModelInfer", **request))
    assert found[0] == code
    assert text in found[1]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"shape": [8]}, "has 9 values, but the shape [8]"),
        ({"shape": []}, "shape must be [rows]"),
        ({"shape": [3, 3]}, "shape must be [rows]"),
        ({"shape": [-1]}, "shape must be [rows]"),
        ({"datatype": "FP16"}, "has 0 values"),
        ({"datatype": "BYTES"}, "datatype must be FP64, not BYTES"),
        ({"name": "items"}, 'input "items": '),
        ({"name": "nothing"}, 'column "amount": is missing'),
        ({"contents": {"fp64_contents": [math.inf] * 9}}, "row 0: column"),
    ],
)
def test_refuses_a_tensor(
    folder: Path, rows: pd.DataFrame, change: dict[str, Any], text: str
) -> None:
    first, *others = as_inputs(rows)
    request = {"model_name": "orders", "inputs": [first | change, *others]}
    with serving(folder) as (_, address), connected(address) as client:
        found = refusal(lambda: client("ModelInfer", **request))
    assert found[0] == "INVALID_ARGUMENT"
    assert text in found[1]


def test_hostile_bytes_are_refused(folder: Path, rows: pd.DataFrame) -> None:
    inputs = as_inputs(rows)
    inputs[3]["contents"] = {"bytes_contents": [b"\xff"] * 9}
    with serving(folder) as (url, address), connected(address) as client:
        for content in (b"\xff" * 50, b"\x0a\xff\xff\xff\xff\x0f", b"\x2a\x02\x0a\x05"):
            found = refusal(partial(client.send, "ModelInfer", content))
            assert found == ("INVALID_ARGUMENT", "is not a message ModelInferRequest")
        found = refusal(
            lambda: client("ModelInfer", model_name="orders", inputs=inputs)
        )
        assert found == ("INVALID_ARGUMENT", 'input "channel": is not text in UTF-8')
        load = client.channel.unary_unary(f"/{SERVICE}/RepositoryModelLoad")
        assert refusal(lambda: load(b"", timeout=5))[0] == "UNIMPLEMENTED"
        text = httpx.get(f"{url}/metrics").text
    route = f"/{SERVICE}/ModelInfer"
    assert f'rml_requests_total{{route="{route}",status="400"}} 4.0' in text


def test_limits_are_those_of_rest(folder: Path, rows: pd.DataFrame) -> None:
    with (
        serving(folder, max_rows=8, max_bytes=2000) as (_, address),
        connected(address) as client,
    ):
        rows_error = refusal(
            lambda: client("ModelInfer", model_name="orders", inputs=as_inputs(rows))
        )
        bytes_error = refusal(lambda: client("ModelInfer", model_name="o" * 3000))
    assert rows_error == ("RESOURCE_EXHAUSTED", "9 rows are more than 8")
    assert bytes_error[0] == "RESOURCE_EXHAUSTED"


def test_a_key_is_needed(
    folder: Path, rows: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RML_API_KEY", "secret")
    request = {"model_name": "orders", "inputs": as_inputs(rows)}
    with serving(folder) as (_, address):
        with connected(address) as client:
            assert client("ServerReady").ready
            found = refusal(lambda: client("ModelInfer", **request))
            assert found == ("UNAUTHENTICATED", "a valid API key is needed")
        for header in ({"x_api_key": "secret"}, {"authorization": "Bearer secret"}):
            with connected(address, **header) as client:
                assert client("ModelInfer", **request).outputs
        with connected(address, x_api_key="Secret") as client:
            found = refusal(lambda: client("ModelMetadata", name="orders"))
            assert found[0] == "UNAUTHENTICATED"


def test_a_port_that_is_taken_is_an_error_of_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(UserError, match=f"gRPC: cannot listen at {address}: "):
            check_free(address)
    check_free(address)


def test_messages_have_the_numbers_of_another_client() -> None:
    others = pytest.importorskip("tritonclient.grpc.service_pb2")
    for name in MESSAGES:
        message = others
        for part in name.split("."):
            message = getattr(message, part)
        ours = message_class(name).DESCRIPTOR
        theirs = message.DESCRIPTOR
        fields = {field.name: field for field in theirs.fields}
        assert ours.full_name == theirs.full_name
        for field in ours.fields:
            assert field.number == fields[field.name].number
            assert field.type == fields[field.name].type
            assert field.is_repeated == fields[field.name].is_repeated


def test_another_client_gets_the_same(folder: Path, rows: pd.DataFrame) -> None:
    """Its tensors are binary, and so are those that it gets."""
    triton = pytest.importorskip("tritonclient.grpc")
    kinds = {"FP64": np.float64, "INT64": np.int64, "BOOL": np.bool_}
    records = pd.DataFrame(as_records(rows))
    inputs = []
    for name in rows:
        datatype = DATATYPES.get(str(name), "BYTES")
        tensor = triton.InferInput(name, [9], datatype)
        values = records[name].to_numpy(kinds.get(datatype, object))
        tensor.set_data_from_numpy(values)
        inputs.append(tensor)
    with serving(folder) as (url, address):
        with triton.InferenceServerClient(address) as client:
            assert client.is_server_live()
            assert client.is_model_ready("orders")
            found = client.infer("orders", inputs, request_id="x")
        expected = over_rest(url, rows)
    assert found.as_numpy("probability").tolist() == expected["probability"]
    names = [value.decode() for value in found.as_numpy("prediction")]
    assert names == expected["prediction"]


@pytest.mark.integration
@pytest.mark.xdist_group("service")
def test_sigterm_loses_no_request(folder: Path, rows: pd.DataFrame) -> None:
    port = free_port()
    inputs = as_inputs(rows)
    answered: list[Any] = []
    failed: list[Any] = []

    def ask(client: Client) -> None:
        while not failed:
            try:
                answered.append(
                    client("ModelInfer", model_name="orders", inputs=inputs)
                )
            except grpc.RpcError as error:
                failed.append(error)

    with (
        in_process(folder, "--grpc-port", str(port)) as running,
        connected(f"127.0.0.1:{port}") as client,
    ):
        threads = [threading.Thread(target=ask, args=[client]) for _ in range(4)]
        for thread in threads:
            thread.start()
        running.wait_for("request")
        running.process.send_signal(signal.SIGTERM)
        for thread in threads:
            thread.join(30)
        assert running.process.wait(30) in (0, -signal.SIGTERM)
    # A request was answered, or not taken: gRPC ends with CANCELLED those that arrive
    # while it shuts down. So what the service knows of is what was answered.
    codes = {error.code().name for error in failed}
    assert codes <= {"UNAVAILABLE", "CANCELLED"}
    log = [one for one in running.events() if one["event"] == "request"]
    assert len(answered) == len(log) > 0
    assert {one["status"] for one in log} == {200}
    assert not [one for one in map(json.dumps, running.events()) if "traceback" in one]
