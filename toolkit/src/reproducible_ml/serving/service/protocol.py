"""The Open Inference Protocol V2 over REST: one input and one output for each column.

Row problems have no place in it: a request with a row that is not valid is refused.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
from starlette.requests import Request
from starlette.responses import Response

import reproducible_ml
from reproducible_ml.serving.answers import Answers
from reproducible_ml.serving.messages import RefusedError, parse_json
from reproducible_ml.serving.model import Model
from reproducible_ml.serving.records import Columns, as_sequence
from reproducible_ml.serving.rows import MissingColumnsError
from reproducible_ml.serving.service.body import read_body
from reproducible_ml.serving.service.gate import Json
from reproducible_ml.serving.service.live import Service
from reproducible_ml.serving.service.schema import answer_schema
from reproducible_ml.serving.service.tensors import (
    Input,
    Output,
    datatypes,
    make_output,
    read_input,
    read_values,
)

PLATFORM = "sklearn_skops"

# Length of the part of a body that is JSON, if binary data follows.
HEADER_LENGTH = "inference-header-content-length"

# What stands behind the name of a column in that of the input with its missing values.
MISSING, MASK = ".missing", pa.bool_()

# How many row problems an error names.
SHOWN = 20


def server_metadata(service: Service) -> dict[str, Any]:
    """Return what GET /v2 answers."""
    return {
        "name": service.settings.name,
        "version": reproducible_ml.__version__,
        "extensions": ["binary_tensor_data"],
    }


def model_metadata(service: Service) -> dict[str, Any]:
    """Return what GET /v2/models/NAME answers."""
    model = service.model
    return {
        "name": service.settings.name,
        "versions": service.versions,
        "platform": PLATFORM,
        "inputs": [
            {
                "name": name,
                "datatype": datatypes(model.arrow_types[name])[0],
                "shape": [-1],
                "parameters": {"content_type": "pd"},
            }
            for name in model.features
        ],
        "outputs": [
            {"name": name, "datatype": datatype, "shape": [-1]}
            for name, datatype in output_datatypes(model).items()
        ],
    }


@lru_cache(maxsize=2)
def output_datatypes(model: Model) -> dict[str, str]:
    """Return the columns of answers that do not depend on the project's own rules."""
    schema = answer_schema(model)["properties"]
    return {
        name: "BYTES" if column["type"] == "string" else "FP64"
        for name, column in schema.items()
    }


def check_model(service: Service, name: str, version: str | None = None) -> None:
    """Refuse a name or version that is not served.

    Raises:
        RefusedError: With the status 404.
    """
    own, versions = service.settings.name, service.versions
    if name != own:
        raise RefusedError(404, f'no model "{name:.100}"; this is "{own}"')
    if version is not None and version not in versions:
        text = f'no version "{version:.100}" of {name}; this is {" or ".join(versions)}'
        raise RefusedError(404, text)


async def answer_infer(
    request: Request, service: Service, name: str, version: str | None = None
) -> Response:
    """Answer an inference request."""
    check_model(service, name, version)
    body = await read_body(request, service.settings)
    # The model may have been replaced while the body came.
    check_model(service, name, version)
    head, binary = _parts(request, body)
    content = parse_json(head)
    columns = read_request(content, binary, service)
    # The next request finds their memory free.
    del body, head, binary, content["inputs"]
    answers = await service.answer(columns, request.state.facts, version)
    refuse_problems(answers)
    return write_response(content, answers, service)


def refuse_problems(answers: Answers) -> None:
    """Refuse a request with a row that is not valid.

    Raises:
        RefusedError: It has one.
    """
    if answers.problems:
        lines = [f"row {each.row}: {each}" for each in answers.problems[:SHOWN]]
        more = len(answers.problems) - SHOWN
        lines += [f"and {more} more"] if more > 0 else []
        raise RefusedError(400, "; ".join(lines))


def _parts(request: Request, body: bytes) -> tuple[bytes, memoryview]:
    """Return the JSON and the binary data of a body."""
    declared = request.headers.get(HEADER_LENGTH)
    if declared is None:
        kind = request.headers.get("content-type", "application/json")
        if kind.partition(";")[0].strip().lower() != "application/json":
            raise RefusedError(415, "the content type must be application/json")
        return body, memoryview(b"")
    if not declared.isascii() or not declared.isdigit() or int(declared) > len(body):
        raise RefusedError(400, f"{HEADER_LENGTH} must be a length within the body")
    length = int(declared)
    return body[:length], memoryview(body)[length:]


def read_request(content: Any, binary: memoryview, service: Service) -> Columns:
    """Return the rows of an inference request.

    Raises:
        RefusedError: It is not as the protocol or the contract demands.
    """
    if not isinstance(content, dict):
        raise RefusedError(400, "the body must be an object")
    if not isinstance(content.get("id", ""), str):
        raise RefusedError(400, "id must be text")
    if not isinstance(content.get("parameters", {}), dict):
        raise RefusedError(400, "parameters must be an object")
    tensors = content.get("inputs")
    if not isinstance(tensors, list) or not tensors:
        raise RefusedError(400, "inputs must be an array with an input for each column")
    inputs = [read_input(tensor) for tensor in tensors]
    return make_columns(inputs, _cut(inputs, binary), service)


def make_columns(
    inputs: list[Input], binary: Sequence[memoryview], service: Service
) -> Columns:
    """Return the rows that input tensors hold, each with its binary data.

    Binary data has no null. So an input of type BOOL whose name is that of a column
    with `.missing` behind it says where the values of that column are missing.

    Raises:
        RefusedError: They are not as the contract demands.
    """
    values: dict[str, Sequence[Any]] = {}
    known = service.model.arrow_types
    for tensor, data in zip(inputs, binary, strict=True):
        name = tensor.name
        if name in values:
            raise RefusedError(400, f'input "{name:.100}": is there twice')
        if name in known:
            values[name] = read_values(tensor, known[name], data)
        elif name.endswith(MISSING) and name.removesuffix(MISSING) in known:
            values[name] = read_values(tensor, MASK, data)
            if not {*map(type, values[name])} <= {bool}:
                text = "its values must be true or false"
                raise RefusedError(400, f'input "{name:.100}": {text}')
    counts = {tensor.shape[0] for tensor in inputs}
    if len(counts) > 1:
        raise RefusedError(
            400, f"inputs have different numbers of rows: {sorted(counts)}"
        )
    if missing := [name for name in service.model.features if name not in values]:
        others = [tensor.name for tensor in inputs]
        text = str(MissingColumnsError(missing, others)).replace("\n", "; ")
        raise RefusedError(400, text)
    wanted = dict.fromkeys([*service.model.features, *service.model.keys])
    rows = {
        name: _masked(values[name], values.get(f"{name}{MISSING}"))
        for name in wanted
        if name in values
    }
    return Columns(rows, counts.pop()).packed(service.model)


def _masked(values: Sequence[Any], mask: Sequence[Any] | None) -> Sequence[Any]:
    if mask is None:
        return values
    if isinstance(values, np.ndarray):
        return as_sequence(np.where(mask, np.nan, values))
    pairs = zip(values, mask, strict=True)
    return [None if missing else value for value, missing in pairs]


def _cut(inputs: list[Input], binary: memoryview) -> list[memoryview]:
    """Return the binary data of each input."""
    if sum(tensor.size for tensor in inputs) != len(binary):
        raise RefusedError(400, "the sizes of binary data are not that of the body")
    parts, place = [], 0
    for tensor in inputs:
        parts.append(binary[place : place + tensor.size])
        place += tensor.size
    return parts


def write_response(
    content: dict[str, Any], answers: Answers, service: Service
) -> Response:
    """Return the response to an inference request.

    Raises:
        RefusedError: It asks for an output that does not exist.
    """
    all_binary = _flag(content, "binary_data_output")
    written: list[dict[str, Any]] = []
    binary: list[bytes] = []
    for each, output in choose_outputs(content.get("outputs"), answers):
        if _flag(each, "binary_data", default=all_binary):
            data = output.as_binary()
            binary.append(data)
            written.append(
                {**output.head(), "parameters": {"binary_data_size": len(data)}}
            )
        else:
            written.append(output.as_json())
    response = {
        "model_name": service.settings.name,
        "model_version": answers.model.version,
        **({"id": content["id"]} if "id" in content else {}),
        "parameters": {"content_type": "pd"},
        "outputs": written,
    }
    if not binary:
        return Json(response)
    head = orjson.dumps(response)
    return Response(
        b"".join([head, *binary]),
        media_type="application/octet-stream",
        headers={HEADER_LENGTH: str(len(head))},
    )


def choose_outputs(wanted: Any, answers: Answers) -> Iterator[tuple[Any, Output]]:
    """Yield what a request says of each output it wants, and the output.

    Args:
        wanted: As in a request; if there is nothing, it is all outputs.
        answers: The answers.

    Raises:
        RefusedError: It wants an output that does not exist.
    """
    known = output_datatypes(answers.model)
    outputs = {
        name: make_output(name, values, known.get(name))
        for name, values in answers.columns.items()
    }
    wanted = wanted or [{"name": name} for name in outputs]
    for each in wanted if isinstance(wanted, list) else [wanted]:
        yield each, _wanted(each, outputs)


def _flag(content: dict[str, Any], name: str, *, default: bool = False) -> bool:
    parameters = content.get("parameters")
    value = parameters.get(name) if isinstance(parameters, dict) else None
    return value if isinstance(value, bool) else default


def _wanted(each: Any, outputs: dict[str, Output]) -> Output:
    name = each.get("name") if isinstance(each, dict) else None
    if not isinstance(name, str) or name not in outputs:
        text = f'no output "{name!s:.100}"; there are {", ".join(outputs)}'
        raise RefusedError(400, text)
    return outputs[name]
