"""The Open Inference Protocol V2 over gRPC, with the model, keys and limits of REST."""

import asyncio
import math
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from reproducible_ml.core.errors import UserError
from reproducible_ml.serving.answers import Answers
from reproducible_ml.serving.logs import LOGGER, log_event
from reproducible_ml.serving.messages import RefusedError
from reproducible_ml.serving.service.gate import Keys, choose_request_id, record_request
from reproducible_ml.serving.service.grpc_messages import SERVICE, message_class
from reproducible_ml.serving.service.live import Service
from reproducible_ml.serving.service.protocol import (
    check_model,
    choose_outputs,
    make_columns,
    model_metadata,
    refuse_problems,
    server_metadata,
)
from reproducible_ml.serving.service.settings import FOLDER
from reproducible_ml.serving.service.tensors import Output, read_input

# The code for each status of HTTP.
CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    404: grpc.StatusCode.NOT_FOUND,
    413: grpc.StatusCode.RESOURCE_EXHAUSTED,
    500: grpc.StatusCode.INTERNAL,
    503: grpc.StatusCode.UNAVAILABLE,
}

# What logs and metrics say of a request whose client did not wait.
GONE = 499

# The field of `InferTensorContents` for each datatype; one of 16 bits has none.
CONTENTS = {
    "BOOL": "bool_contents",
    **dict.fromkeys(("INT8", "INT16", "INT32"), "int_contents"),
    "INT64": "int64_contents",
    **dict.fromkeys(("UINT8", "UINT16", "UINT32"), "uint_contents"),
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}

# Orchestrators ask these and have no key.
OPEN = ("ServerLive", "ServerReady")

# From a request, and what the log says of it, to a reply.
Method = Callable[[Any, dict[str, Any]], Awaitable[Any]]


class GrpcServer:
    """A server in the event loop of the service."""

    def __init__(self, service: Service, keys: Keys, address: str) -> None:
        """Prepare a server.

        Args:
            service: What answers.
            keys: Keys of which a client must send one, as in REST.
            address: Host and port.
        """
        self.service = service
        self.keys = keys
        self.address = address
        self._server: grpc.aio.Server | None = None

    async def start(self) -> None:
        """Listen.

        Raises:
            UserError: The address is not free.
        """
        self._server = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", self.service.settings.max_bytes),
                ("grpc.max_send_message_length", -1),
                # Several workers share the port; else two services must not.
                ("grpc.so_reuseport", int(FOLDER in os.environ)),
            ]
        )
        methods: dict[str, Method] = {
            "ServerLive": self._server_live,
            "ServerReady": self._server_ready,
            "ModelReady": self._model_ready,
            "ServerMetadata": self._server_metadata,
            "ModelMetadata": self._model_metadata,
            "ModelInfer": self._model_infer,
        }
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(self._handler(name, method))
            for name, method in methods.items()
        }
        self._server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler(SERVICE, handlers)]
        )
        try:
            port = self._server.add_insecure_port(self.address)
        except RuntimeError:
            raise UserError(f"gRPC: cannot listen at {self.address}") from None
        await self._server.start()
        log_event("gRPC ready", address=self.address, port=port)

    async def stop(self) -> None:
        """Take no more requests, and end when those that were taken are answered."""
        if self._server:
            await self._server.stop(self.service.settings.answer_seconds)

    def _handler(self, name: str, method: Method) -> Any:
        """Return what gRPC calls: as the gate of REST, around a method."""
        request_class = message_class(f"{name}Request")
        path = f"/{SERVICE}/{name}"

        async def handle(content: bytes, context: Any) -> bytes:
            start = time.perf_counter()
            sent = [
                (key.encode(), value.encode() if isinstance(value, str) else value)
                for key, value in context.invocation_metadata() or ()
            ]
            request_id = choose_request_id(sent)
            facts: dict[str, Any] = {"request_id": request_id}
            context.set_trailing_metadata((("x-request-id", request_id),))
            status, text, reply = 200, "", b""
            self.service.metrics.active.inc()
            try:
                if name not in OPEN and not self.keys.fit(sent):
                    raise RefusedError(401, "a valid API key is needed")
                request = request_class.FromString(content)
                found = await method(request, facts)
                reply = found.SerializeToString()
            except RefusedError as error:
                status, text = error.status, error.text
            except DecodeError:
                status, text = 400, f"is not a message {name}Request"
            except asyncio.CancelledError:
                status = GONE
                raise
            except Exception:
                LOGGER.exception("error", extra={"facts": facts})
                status, text = 500, f"internal error; the log has it under {request_id}"
            finally:
                self.service.metrics.active.dec()
                facts |= {"method": "gRPC", "path": path}
                record_request(self.service.metrics, path, status, start, facts)
            if status != 200:
                await context.abort(CODES[status], text)
            return reply

        return handle

    async def _server_live(self, request: Any, facts: dict[str, Any]) -> Any:
        return message_class("ServerLiveResponse")(live=True)

    async def _server_ready(self, request: Any, facts: dict[str, Any]) -> Any:
        return message_class("ServerReadyResponse")(ready=not self.service.draining)

    async def _model_ready(self, request: Any, facts: dict[str, Any]) -> Any:
        check_model(self.service, request.name, request.version or None)
        return message_class("ModelReadyResponse")(ready=not self.service.draining)

    async def _server_metadata(self, request: Any, facts: dict[str, Any]) -> Any:
        found = server_metadata(self.service)
        # Binary data is no extension here: gRPC has it in any case.
        return message_class("ServerMetadataResponse")(
            name=found["name"], version=found["version"]
        )

    async def _model_metadata(self, request: Any, facts: dict[str, Any]) -> Any:
        check_model(self.service, request.name, request.version or None)
        found = model_metadata(self.service)
        for tensor in found["inputs"]:
            del tensor["parameters"]
        return message_class("ModelMetadataResponse")(**found)

    async def _model_infer(self, request: Any, facts: dict[str, Any]) -> Any:
        check_model(self.service, request.model_name, request.model_version or None)
        raw = [memoryview(data) for data in request.raw_input_contents]
        if raw and len(raw) != len(request.inputs):
            raise RefusedError(
                400, "raw_input_contents must have a part for each input"
            )
        if not request.inputs:
            raise RefusedError(400, "inputs must have an input for each column")
        inputs = [
            read_input(_as_json(tensor, raw[place] if raw else None))
            for place, tensor in enumerate(request.inputs)
        ]
        columns = make_columns(
            inputs, raw or [memoryview(b"")] * len(inputs), self.service
        )
        version = request.model_version or None
        answers = await self.service.answer(columns, facts, version)
        refuse_problems(answers)
        return self._reply(request, answers, as_raw=bool(raw))

    def _reply(self, request: Any, answers: Answers, *, as_raw: bool) -> Any:
        wanted = [{"name": each.name} for each in request.outputs]
        response = message_class("ModelInferResponse")(
            model_name=self.service.settings.name,
            model_version=answers.model.version,
            id=request.id,
        )
        for _, output in choose_outputs(wanted, answers):
            tensor = response.outputs.add(**output.head())
            if as_raw:
                response.raw_output_contents.append(output.as_binary())
            else:
                field = getattr(tensor.contents, CONTENTS[output.datatype])
                field.extend(_as_contents(output))
        return response


def _as_json(tensor: Any, raw: memoryview | None) -> dict[str, Any]:
    """Return an input tensor as REST has it."""
    found = {
        "name": tensor.name,
        "shape": list(tensor.shape),
        "datatype": tensor.datatype,
    }
    if raw is not None:
        return found | {"parameters": {"binary_data_size": len(raw)}}
    field = CONTENTS.get(tensor.datatype)
    data: Sequence[Any] = getattr(tensor.contents, field) if field else []
    if tensor.datatype == "BYTES":
        try:
            return found | {"data": [value.decode() for value in data]}
        except UnicodeDecodeError:
            text = f'input "{tensor.name:.100}": is not text in UTF-8'
            raise RefusedError(400, text) from None
    # Messages have no null: NaN is a missing value.
    return found | {"data": [None if value != value else value for value in data]}


def _as_contents(output: Output) -> list[Any]:
    """Return the values of an output; missing ones are NaN, empty or false."""
    if output.datatype == "BYTES":
        return [b"" if value is None else value.encode() for value in output.values]
    empty = math.nan if output.datatype == "FP64" else 0
    return [empty if value is None else value for value in output.values]
