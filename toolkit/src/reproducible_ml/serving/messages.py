"""Requests and replies as bytes: rows of JSON, or of an Arrow stream; strictly read.

What takes them, such as the service or the queue worker, adds how they arrive.
"""

import json
import re
import struct
from collections.abc import Iterable
from typing import Any

import orjson
import pyarrow as pa

from reproducible_ml.serving.answers import Answers
from reproducible_ml.serving.model import Model
from reproducible_ml.serving.records import Columns, by_column
from reproducible_ml.serving.rows import RowProblem

JSON = "application/json"
ARROW = "application/vnd.apache.arrow.stream"

# Ids that clients may choose, so that logs stay readable.
REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")


class RefusedError(Exception):
    """A request that is not answered.

    Attributes:
        status: The status of the response.
        text: What is wrong, for the client.
        details: Further keys of the response.
        close: Whether to close the connection.
    """

    def __init__(
        self, status: int, text: str, *, close: bool = False, **details: Any
    ) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.close = close
        self.details = details


def read_records(body: bytes, model: Model) -> Columns:
    """Return the rows of a JSON text: a record, or an array of records.

    Raises:
        RefusedError: It is not valid, or has another form.
    """
    return as_columns(parse_json(body), model, "the body")


def as_columns(value: Any, model: Model, what: str) -> Columns:
    """Return the rows of a record, or of an array of records.

    Args:
        value: As `parse_json` returns it.
        model: The model that reads them.
        what: Names the value in the message.

    Raises:
        RefusedError: It is something else.
    """
    records = [value] if isinstance(value, dict) else value
    if not isinstance(records, list) or not all(type(each) is dict for each in records):
        raise RefusedError(400, f"{what} must be a record or an array of records")
    return by_column(records, model)


def parse_json(body: bytes | memoryview) -> Any:
    """Return the value of a JSON text.

    Raises:
        RefusedError: It is not JSON in UTF-8, or has NaN, infinity, a number beyond the
            range of 64-bit floats, more than 1024 levels or a name twice in an object.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RefusedError(400, f"the body is not valid JSON: {error}") from None
    # Each name is followed by a colon. If there are as many colons as the names that
    # are left and the texts have, none was dropped; else the slow parser tells.
    text = bytes(body)
    try:
        if _colons(value) != text.count(b":"):
            json.loads(text, object_pairs_hook=_unique)
    except RecursionError:
        raise RefusedError(400, "the body is nested too deeply") from None
    return value


def _colons(value: Any) -> int:
    """Return how many colons a value has in JSON, if none is escaped or repeated."""
    if isinstance(value, dict):
        return sum(
            1
            + (":" in name and name.count(":"))
            + (
                item.count(":")
                if type(item) is str
                else 0
                if type(item) in PLAIN
                else _colons(item)
            )
            for name, item in value.items()
        )
    if isinstance(value, list):
        # Such as a column of a thousand numbers. If more than numbers follow, their
        # colons are too many, and the slow parser tells.
        if value and type(value[0]) in NUMBERS:
            return 0
        return sum(_colons(item) for item in value if type(item) not in PLAIN)
    return value.count(":") if isinstance(value, str) else 0


NUMBERS = {float, int, bool}
PLAIN = NUMBERS | {type(None)}


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        double = next(name for name in names if names.count(name) > 1)
        raise RefusedError(400, f"the name {double!r:.100} is twice in an object")
    return found


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
        RefusedError: It is damaged, compressed, or has too many rows.
    """
    batches: list[pa.RecordBatch] = []
    rows = 0
    try:
        if any(map(_is_compressed, pa.ipc.MessageReader.open_stream(body))):
            raise RefusedError(400, "a compressed Arrow stream is not supported")
        with pa.ipc.open_stream(body) as stream:
            schema = stream.schema
            names = schema.names
            str(schema)  # names of time zones, for instance, may be no text
            for batch in stream:
                rows += batch.num_rows
                if rows > max_rows:
                    raise RefusedError(413, f"more than {max_rows} rows")
                # Offsets of a crafted stream may point anywhere.
                batch.validate(full=True)
                batches.append(batch)
    except (pa.ArrowException, OSError, ValueError, struct.error) as error:
        text = " ".join(str(error).split())
        raise RefusedError(400, f"is not a valid Arrow stream: {text:.200}") from None
    if len({*names}) < len(names):
        raise RefusedError(400, "two columns have the same name")
    return pa.Table.from_batches(batches, schema)


def _is_compressed(message: Any) -> bool:
    """Return whether a message is compressed: a small one could fill the memory.

    pyarrow does not tell. A message is a table of FlatBuffers whose third field is the
    batch, in which the fourth field is the compression; in a dictionary, the batch is
    the second field. See Message.fbs in apache/arrow.
    """
    data = message.metadata.to_pybytes()
    [root] = struct.unpack_from("<I", data)
    batch = _table(data, root, 2)
    if message.type == "dictionary" and batch:
        batch = _table(data, batch, 1)
    is_batch = message.type in ("record batch", "dictionary")
    return is_batch and bool(batch) and _table(data, batch, 3) > 0


def _table(data: bytes, table: int, field: int) -> int:
    """Return the place of a table in a field of another one; 0 if it is not there."""
    [back] = struct.unpack_from("<i", data, table)
    start = table - back
    [size] = struct.unpack_from("<H", data, start)
    place = 4 + 2 * field
    if place + 2 > size:
        return 0
    [offset] = struct.unpack_from("<H", data, start + place)
    if not offset:
        return 0
    [further] = struct.unpack_from("<I", data, table + offset)
    return int(table + offset + further)


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
    columns["problem"] = problem_texts(answers.problems, answers.length)
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


def problem_texts(problems: Iterable[RowProblem], count: int) -> list[str | None]:
    """Return what is wrong with each of so many rows; None if nothing is."""
    texts: list[str | None] = [None] * count
    for problem in problems:
        before = texts[problem.row]
        texts[problem.row] = f"{before}; {problem}" if before else str(problem)
    return texts
