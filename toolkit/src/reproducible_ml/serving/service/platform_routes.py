"""The routes of managed platforms: Amazon SageMaker and Google Vertex AI."""

import os
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from reproducible_ml.serving.messages import (
    RefusedError,
    as_columns,
    as_content,
    parse_json,
    problem_texts,
)
from reproducible_ml.serving.platforms import HEALTH, INVOCATIONS, PING, PREDICT
from reproducible_ml.serving.service.body import read_body
from reproducible_ml.serving.service.gate import Json
from reproducible_ml.serving.service.live import Service
from reproducible_ml.serving.service.predict_route import answer_predict


def add_platform_routes(
    app: FastAPI, service: Service, environment: Mapping[str, str] = os.environ
) -> None:
    """Add the routes that platforms call.

    Args:
        app: The application; routes that are added later do not count where a route of
            Vertex AI has the same path.
        service: What answers.
        environment: Variables, of which Vertex AI sets some.
    """

    async def ping(_: Request) -> Response:
        return Json({}, 503 if service.draining else 200)

    async def invocations(request: Request) -> Response:
        return await answer_predict(request, service)

    async def instances(request: Request) -> Response:
        return await answer_instances(request, service)

    def add(path: str, handler: Any, method: str) -> None:
        app.add_route(path, handler, methods=[method], include_in_schema=False)

    if health := environment.get(HEALTH):
        add(health, ping, "GET")
    if predict := environment.get(PREDICT):
        add(predict, instances, "POST")
    add(PING, ping, "GET")
    add(INVOCATIONS, invocations, "POST")


async def answer_instances(request: Request, service: Service) -> Response:
    """Answer a request of Vertex AI; it passes on nothing but the predictions.

    So the prediction for a row that breaks a rule is `{"error": text}`.
    """
    value = parse_json(await read_body(request, service.settings))
    if not isinstance(value, dict) or not isinstance(value.get("instances"), list):
        raise RefusedError(400, 'the body must be {"instances": [...]}')
    rows = as_columns(value["instances"], service.model, '"instances"')
    answers = await service.answer(rows, request.state.facts)
    predictions = as_content(answers, service.settings.name)["predictions"]
    texts = problem_texts(answers.problems, answers.length)
    return Json(
        {
            "predictions": [
                {"error": text} if text else prediction
                for text, prediction in zip(texts, predictions, strict=True)
            ]
        }
    )
