"""What Amazon SageMaker and Google Vertex AI expect of a container."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
from fastapi import FastAPI

from reproducible_ml.core.errors import UserError
from reproducible_ml.serving import platforms
from reproducible_ml.serving.model import Model
from reproducible_ml.serving.platforms import Place, find_place, use_platform_model
from reproducible_ml.serving.records import answer_records
from reproducible_ml.serving.service.app import make_app
from reproducible_ml.serving.service.settings import Settings
from tumour_diagnosis.deployment.predict import predict

from ..copies import ROOT
from ..loopback import free_port
from .conftest import as_records

VERTEX = {
    "AIP_HEALTH_ROUTE": "/v1/endpoints/1/deployedModels/2",
    "AIP_PREDICT_ROUTE": "/v1/endpoints/1/deployedModels/2:predict",
}


@pytest.fixture
def model(train: Callable[..., Model]) -> Model:
    return train()


def make(model: Model) -> FastAPI:
    return make_app(lambda _: model, predict, Settings(reload_seconds=0))


def call(app: FastAPI, method: str, path: str, **options: Any) -> httpx.Response:
    """Return the response to a request."""

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://test"
        ) as client:
            return await client.request(method, path, **options)

    return asyncio.run(send())


def test_sagemaker_pings_and_invokes(model: Model, orders: pd.DataFrame) -> None:
    app, records = make(model), as_records(orders[:5])
    assert call(app, "GET", "/ping").status_code == 200
    response = call(app, "POST", "/invocations", json=records)
    assert response.status_code == 200
    assert response.content == call(app, "POST", "/predict", json=records).content
    expected = answer_records(records, model, predict).answers.to_dict("records")
    assert response.json()["predictions"] == expected
    kind = {"content-type": "text/csv"}
    refused = call(app, "POST", "/invocations", content=b"a\n1", headers=kind)
    assert refused.status_code == 415
    app.state.service.draining = True
    assert call(app, "GET", "/ping").status_code == 503


def test_vertex_sends_instances_to_its_own_routes(
    model: Model, orders: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in VERTEX.items():
        monkeypatch.setenv(name, value)
    app, records = make(model), as_records(orders[:5])
    records[1]["channel"] = "mail"
    assert call(app, "GET", VERTEX["AIP_HEALTH_ROUTE"]).status_code == 200
    body = {"instances": records, "parameters": {"any": 1}}
    response = call(app, "POST", VERTEX["AIP_PREDICT_ROUTE"], json=body)
    assert response.status_code == 200
    assert [*response.json()] == ["predictions"]
    found = response.json()["predictions"]
    expected = answer_records(records, model, predict).answers
    assert [found[row] for row in expected.index] == expected.to_dict("records")
    assert len(found) == 5
    assert found[1]["error"].startswith("column \"channel\": 'mail' ")


@pytest.mark.parametrize(
    "body", ["[]", "{}", '{"instances": {}}', '{"instances": [[1]]}', '{"instances"']
)
def test_a_request_of_vertex_that_has_no_instances_is_refused(
    body: str, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIP_PREDICT_ROUTE", "/predict")
    response = call(make(model), "POST", "/predict", content=body)
    assert response.status_code == 400
    assert [*response.json()] == ["error"]


def test_platforms_ask_for_health_without_a_key(
    model: Model, orders: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (VERTEX | {"RML_API_KEY": "secret"}).items():
        monkeypatch.setenv(name, value)
    app = make(model)
    for path in ("/ping", VERTEX["AIP_HEALTH_ROUTE"]):
        assert call(app, "GET", path).status_code == 200
    for path in ("/invocations", VERTEX["AIP_PREDICT_ROUTE"]):
        assert call(app, "POST", path, json=[]).status_code == 401


def test_place_is_what_the_platform_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, volume = tmp_path / "image", tmp_path / "volume"
    for folder in (image, volume):
        folder.mkdir()
    monkeypatch.setattr(platforms, "SAGEMAKER_MODEL", volume)
    assert find_place({}, image) == Place()
    port = {"AIP_HTTP_PORT": "7080"}
    assert find_place(port, image) == Place("0.0.0.0", 7080)
    remote = port | {"AIP_STORAGE_URI": "gs://bucket/model"}
    with pytest.raises(UserError, match="model in gs://bucket/model is remote"):
        find_place(remote, image)
    (image / "model.json").touch()
    assert find_place(remote, image) == Place("0.0.0.0", 7080)
    for text in ("0", "x", "65536"):
        with pytest.raises(UserError, match=r"AIP_HTTP_PORT: .* is not a port"):
            find_place({"AIP_HTTP_PORT": text}, image)
    environment: dict[str, str] = {}
    use_platform_model(environment, "MODEL")
    assert environment == {}
    (volume / "model.json").touch()
    use_platform_model(environment, "MODEL")
    assert environment == {"MODEL": str(volume)}
    assert find_place({}, volume) == Place("0.0.0.0")


SAGEMAKER = """
import sys
from pathlib import Path
from reproducible_ml.serving import platforms
platforms.SAGEMAKER_MODEL = Path(sys.argv.pop(1))
from reproducible_ml.cli import main
main()
"""


@contextmanager
def container(*command: str, **environment: str) -> Iterator[None]:
    """Run a command as a platform runs a container."""
    with subprocess.Popen(
        command, cwd=ROOT, env=os.environ | environment, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield
        finally:
            process.terminate()


def wait_for(url: str) -> None:
    for _ in range(200):
        try:
            if httpx.get(url).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError("the service did not start")


@pytest.mark.integration
@pytest.mark.slow
def test_a_container_on_each_platform(
    train_folder: Callable[..., Path], orders: pd.DataFrame
) -> None:
    folder, records = str(train_folder()), as_records(orders[:3])
    ports = [free_port(), free_port()]
    base = [f"http://127.0.0.1:{port}" for port in ports]
    drain = {"RML_SERVE_DRAIN_SECONDS": "0"}
    sagemaker = container(
        *(sys.executable, "-c", SAGEMAKER, folder, "serve"),
        **drain,
        SAGEMAKER_BIND_TO_PORT=str(ports[0]),
    )
    vertex = container(
        *(str(Path(sys.executable).with_name("rml")), "serve"),
        **VERTEX,
        **drain,
        RML_SERVE_MODEL=folder,
        AIP_HTTP_PORT=str(ports[1]),
        AIP_STORAGE_URI="gs://bucket/model",
    )
    with sagemaker, vertex:
        wait_for(f"{base[0]}/ping")
        wait_for(base[1] + VERTEX["AIP_HEALTH_ROUTE"])
        invoked = httpx.post(f"{base[0]}/invocations", json=records).json()
        body = {"instances": records}
        route = base[1] + VERTEX["AIP_PREDICT_ROUTE"]
        assert (
            httpx.post(route, json=body).json()["predictions"]
            == (invoked["predictions"])
        )
        assert len(invoked["predictions"]) == 3
