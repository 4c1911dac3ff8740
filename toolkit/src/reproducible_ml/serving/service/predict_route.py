"""POST /predict: rows as JSON or as an Arrow stream, typed by the contract."""

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from reproducible_ml.serving.messages import (
    ARROW,
    JSON,
    RefusedError,
    as_content,
    read_records,
    read_stream,
    write_stream,
)
from reproducible_ml.serving.service.body import read_body
from reproducible_ml.serving.service.gate import Json
from reproducible_ml.serving.service.live import Service


async def answer_predict(request: Request, service: Service) -> Response:
    """Answer a request; the answers have the form of the rows."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in (JSON, ARROW):
        raise RefusedError(415, f"the content type must be {JSON} or {ARROW}")
    body = await read_body(request, service.settings)
    facts = request.state.facts
    if kind == ARROW:
        table = await asyncio.to_thread(read_stream, body, service.settings.max_rows)
        answers = await service.answer(table, facts)
        return Response(
            await asyncio.to_thread(write_stream, answers), media_type=ARROW
        )
    records = read_records(body, service.model)
    answers = await service.answer(records, facts)
    content = as_content(answers, service.settings.name)
    if answers.length and not answers.rows:
        # One bad row does not fail the others; here all are bad.
        return Json({"error": "no row is valid", **content}, 422)
    return Json(content)
