"""POST /feedback: labels that became known after the answers."""

import asyncio

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from reproducible_ml.serving.feedback import FeedbackLog, parse_labels
from reproducible_ml.serving.messages import JSON, RefusedError
from reproducible_ml.serving.service.body import read_body
from reproducible_ml.serving.service.gate import Json
from reproducible_ml.serving.service.live import Service


def add_feedback_route(app: FastAPI, service: Service, log: FeedbackLog) -> None:
    """Add the route to an application."""

    @app.post("/feedback", summary="Say what turned out to be true of rows")
    async def feedback(request: Request) -> Response:
        return await answer_feedback(request, service, log)


async def answer_feedback(
    request: Request, service: Service, log: FeedbackLog
) -> Response:
    """Take the labels of a request; those that are valid are written later."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != JSON:
        raise RefusedError(415, f"the content type must be {JSON}")
    settings, model = service.settings, service.model
    body = await read_body(request, settings)
    labels = await asyncio.to_thread(parse_labels, body, model, settings.max_rows)
    accepted = labels.table.num_rows
    if not log.add(labels.table):
        raise RefusedError(503, "too many labels wait to be written")
    refused = labels.length - accepted
    if refused:
        service.metrics.feedback.labels("refused").inc(refused)
    request.state.facts |= {"labels": labels.length, "refused": refused}
    content = {
        "accepted": accepted,
        "problems": [problem._asdict() for problem in labels.problems],
    }
    if labels.length and not accepted:
        return Json({"error": "no label is valid", **content}, 422)
    return Json(content, 202)
