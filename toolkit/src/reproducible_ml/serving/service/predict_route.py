"""POST /predict: rows as JSON or as an Arrow stream, typed by the contract."""

import asyncio
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
from starlette.requests import Request
from starlette.responses import Response

from reproducible_ml.serving.predictor import Answers
from reproducible_ml.serving.records import by_column
from reproducible_ml.serving.rows import RowProblem
from reproducible_ml.serving.service.body import RefusedError, parse_json, read_body
from reproducible_ml.serving.service.gate import Json
from reproducible_ml.serving.service.live import Service

JSON = "application/json"
ARROW = "application/vnd.apache.arrow.stream"


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
    value = parse_json(body)
    records = [value] if isinstance(value, dict) else value
    if not isinstance(records, list) or not all(type(each) is dict for each in records):
        raise RefusedError(400, "the body must be a record or an array of records")
    answers = await service.answer(by_column(records, service.model), facts)
    content = as_content(answers, service.settings.name)
    if records and not answers.rows:
        # One bad row does not fail the others; here all are bad.
        return Json({"error": "no row is valid", **content}, 422)
    return Json(content)


def as_content(answers: Answers, name: str) -> dict[str, Any]:
    """Return the body of a response: a prediction for each row, null for a bad one."""
    predictions: list[Any] = [None] * answers.length
    names = list(answers.columns)
    for row, *values in zip(answers.rows, *answers.columns.values(), strict=True):
        predictions[row] = dict(zip(names, values, strict=True))
    return {
        "model": name,
        "version": answers.model.version,
        "predictions": predictions,
        "problems": [problem._asdict() for problem in answers.problems],
    }


def read_stream(body: bytes, max_rows: int) -> pa.Table:
    """Return the rows of an Arrow stream.

    Raises:
        RefusedError: It is damaged, or has too many rows.
    """
    batches: list[pa.RecordBatch] = []
    rows = 0
    try:
        with pa.ipc.open_stream(body) as stream:
            schema = stream.schema
            for batch in stream:
                rows += batch.num_rows
                if rows > max_rows:
                    raise RefusedError(413, f"more than {max_rows} rows")
                # Offsets of a crafted stream may point anywhere.
                batch.validate(full=True)
                batches.append(batch)
    except (pa.ArrowException, OSError, ValueError) as error:
        text = " ".join(str(error).split())
        raise RefusedError(400, f"is not a valid Arrow stream: {text:.200}") from None
    if len(set(schema.names)) < len(schema.names):
        raise RefusedError(400, "two columns have the same name")
    return pa.Table.from_batches(batches, schema)


def write_stream(answers: Answers) -> bytes:
    """Return an Arrow stream with a row for each row of the request.

    Columns are those of the answers, null for a bad row, and `problem`: what is wrong
    with a row, null if nothing is.
    """
    columns: dict[str, list[Any]] = {}
    for name, values in answers.columns.items():
        columns[name] = [None] * answers.length
        for row, value in zip(answers.rows, values, strict=True):
            columns[name][row] = value
    columns["problem"] = _texts(answers.problems, answers.length)
    table = pa.table(
        {
            name: pa.array(values, pa.string() if name == "problem" else None)
            for name, values in columns.items()
        }
    ).replace_schema_metadata({"version": answers.model.version})
    target = pa.BufferOutputStream()
    with pa.ipc.new_stream(target, table.schema) as stream:
        stream.write_table(table)
    content: bytes = target.getvalue().to_pybytes()
    return content


def _texts(problems: Iterable[RowProblem], count: int) -> list[str | None]:
    texts: list[str | None] = [None] * count
    for problem in problems:
        before = texts[problem.row]
        texts[problem.row] = f"{before}; {problem}" if before else str(problem)
    return texts
