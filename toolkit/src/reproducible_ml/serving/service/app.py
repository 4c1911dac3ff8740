"""The web application: routes, and their description."""

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from reproducible_ml.serving.messages import RefusedError
from reproducible_ml.serving.model import PredictFunction
from reproducible_ml.serving.platforms import open_paths
from reproducible_ml.serving.service import protocol
from reproducible_ml.serving.service.description import describe
from reproducible_ml.serving.service.explain_route import Explanations
from reproducible_ml.serving.service.feedback_route import add_feedback_route
from reproducible_ml.serving.service.gate import (
    Gate,
    Json,
    Keys,
    handle_http_error,
    handle_invalid,
    handle_refused,
)
from reproducible_ml.serving.service.live import Load, Service
from reproducible_ml.serving.service.page import answer_page
from reproducible_ml.serving.service.platform_routes import add_platform_routes
from reproducible_ml.serving.service.predict_route import answer_predict
from reproducible_ml.serving.service.settings import Settings, api_keys

MODEL = "/v2/models/{name}"
VERSION = f"{MODEL}/versions/{{version}}"


def make_app(
    load: Load,
    predict: PredictFunction,
    settings: Settings,
    code: Callable[[], str] = lambda: "",
) -> FastAPI:
    """Return the application; `app.state.service` is the `Service` behind it.

    Args:
        load: Returns the model in a folder.
        predict: What the project answers.
        settings: What the service takes.
        code: Returns the hash of the prediction code on disk.

    Raises:
        UserError: The model cannot be loaded.
    """
    service = Service(load, predict, settings, code)
    explanations = Explanations(service, predict) if settings.explain_rows else None

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await service.start()
        # What was loaded stays: not to look through it again takes 5 % off a request of
        # 1,000 rows.
        gc.freeze()
        async with _grpc(service):
            yield
        if explanations:
            await asyncio.to_thread(explanations.close)
        await service.stop()

    app = FastAPI(
        title=f"{settings.name}: predictions",
        version=service.model.version,
        lifespan=lifespan,
        default_response_class=Json,
        docs_url=None,
        redoc_url=None,
    )
    app.state.service = service
    app.add_middleware(
        Gate,
        metrics=service.metrics,
        keys=api_keys(),
        is_draining=lambda: service.draining,
        open_paths=open_paths(os.environ),
    )
    app.add_exception_handler(RefusedError, handle_refused)
    app.add_exception_handler(HTTPException, handle_http_error)
    app.add_exception_handler(RequestValidationError, handle_invalid)
    add_platform_routes(app, service)
    _add_routes(app, service)
    if service.feedback:
        add_feedback_route(app, service, service.feedback)
    if explanations:
        summary = "Predict rows of JSON, and say what moved each prediction"
        app.post("/explain", summary=summary)(explanations.answer)

    def openapi() -> dict[str, Any]:
        found = get_openapi(
            title=app.title, version=service.model.version, routes=app.routes
        )
        return describe(found, service, has_keys=bool(api_keys()))

    app.openapi = openapi  # type: ignore[method-assign]
    return app


@asynccontextmanager
async def _grpc(service: Service) -> AsyncIterator[None]:
    """Answer over gRPC as well, if the settings say so."""
    if service.settings.grpc_address is None:
        yield
        return
    from reproducible_ml.serving.service.grpc_server import GrpcServer

    server = GrpcServer(service, Keys(api_keys()), service.settings.grpc_address)
    await server.start()
    try:
        yield
    finally:
        await server.stop()


def _add_routes(app: FastAPI, service: Service) -> None:
    # Routes are tried in this order: first those that are used most.
    @app.post("/predict", summary="Predict rows of JSON, or of an Arrow stream")
    async def predict(request: Request) -> Response:
        return await answer_predict(request, service)

    @app.post(f"{MODEL}/infer", summary="Predict, by the Open Inference Protocol")
    @app.post(f"{VERSION}/infer", summary="Predict, by the Open Inference Protocol")
    async def infer(request: Request) -> Response:
        return await protocol.answer_infer(request, service, **request.path_params)

    @app.get("/", include_in_schema=False)
    async def form() -> Response:
        return answer_page()

    @app.get("/v2", summary="Describe the server")
    async def server() -> Response:
        return Json(protocol.server_metadata(service))

    @app.get("/v2/health/live", summary="Is the server alive?")
    async def live() -> Response:
        return Json({"live": True})

    @app.get("/v2/health/ready", summary="Does the server take requests?")
    async def ready() -> Response:
        return Json({"ready": not service.draining}, 503 if service.draining else 200)

    @app.get("/metrics", summary="Metrics for Prometheus")
    async def metrics() -> Response:
        content, kind = service.metrics.text()
        return Response(content, media_type=kind)

    @app.get(MODEL, summary="Describe the model")
    @app.get(VERSION, summary="Describe the model")
    async def model(request: Request) -> Response:
        protocol.check_model(service, **request.path_params)
        return Json(protocol.model_metadata(service))

    @app.get(f"{MODEL}/ready", summary="Does the model answer?")
    @app.get(f"{VERSION}/ready", summary="Does the model answer?")
    async def model_ready(request: Request) -> Response:
        protocol.check_model(service, **request.path_params)
        name, status = service.settings.name, 503 if service.draining else 200
        return Json({"name": name, "ready": not service.draining}, status)
