"""What happens to every request: its id, the key, errors, log and metrics."""

import hashlib
import hmac
import logging
import random
import re
import time
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

import orjson
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reproducible_ml.serving.logs import LOGGER
from reproducible_ml.serving.messages import REQUEST_ID, RefusedError
from reproducible_ml.serving.service.metrics import Metrics

if TYPE_CHECKING:
    from starlette.requests import Request

# Orchestrators ask these and have no key; the page says nothing of the model, and asks
# for the key itself.
OPEN = re.compile(r"/(v2/health/(live|ready))?")


class Json(Response):
    """A response of JSON; NaN and infinity become null."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Return the body."""
        # A project may answer what JSON does not have, such as decimals.
        return orjson.dumps(content, str, orjson.OPT_SERIALIZE_NUMPY)


def error_response(status: int, text: str, **details: Any) -> Json:
    """Return an error in the form of the Open Inference Protocol."""
    return Json({"error": text, **details}, status)


async def handle_refused(request: "Request", error: Exception) -> Response:
    """Answer a request that was refused."""
    assert isinstance(error, RefusedError)
    response = error_response(error.status, error.text, **error.details)
    if error.close:
        response.headers["connection"] = "close"
    if error.status == 503:
        response.headers["retry-after"] = "1"
    return response


async def handle_http_error(request: "Request", error: Exception) -> Response:
    """Answer a request for a path or method that is not there."""
    assert isinstance(error, HTTPException)
    response = error_response(error.status_code, str(error.detail))
    response.headers.update(error.headers or {})
    return response


async def handle_invalid(request: "Request", error: Exception) -> Response:
    """Answer a request that one of the project's own routes does not accept."""
    assert isinstance(error, RequestValidationError)
    problems = error.errors()
    lines = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in problems]
    return error_response(422, "; ".join(lines) or str(error))


class Gate:
    """Middleware around all routes."""

    def __init__(
        self,
        app: ASGIApp,
        metrics: Metrics,
        keys: Sequence[str],
        is_draining: Callable[[], bool],
        open_paths: Collection[str] = (),
    ) -> None:
        """Wrap an application.

        Args:
            app: What answers.
            metrics: Where requests are counted.
            keys: Keys of which a client must send one; empty: none is needed.
            is_draining: Whether connections are to be closed after each response.
            open_paths: Paths for which no key is needed, besides those of health.
        """
        self.app = app
        self.metrics = metrics
        self.keys = Keys(keys)
        self.is_draining = is_draining
        self.open_paths = open_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start = time.perf_counter()
        request_id = choose_request_id(scope["headers"])
        facts: dict[str, Any] = {"request_id": request_id}
        scope.setdefault("state", {})["facts"] = facts
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"].append((b"x-request-id", request_id.encode()))
                if self.is_draining():
                    message["headers"].append((b"connection", b"close"))
            await send(message)

        self.metrics.active.inc()
        try:
            if self._may_pass(scope):
                await self.app(scope, receive, send_with_id)
            else:
                refused = error_response(401, "a valid API key is needed")
                refused.headers["www-authenticate"] = "Bearer"
                await refused(scope, receive, send_with_id)
        except Exception:
            LOGGER.exception("error", extra={"facts": facts})
            if status:
                raise  # the response has begun
            text = f"internal error; the log has it under the request id {request_id}"
            await error_response(500, text)(scope, receive, send_with_id)
        finally:
            self.metrics.active.dec()
            facts |= {"method": scope["method"], "path": scope["path"]}
            record_request(self.metrics, _route(scope), status, start, facts)

    def _may_pass(self, scope: Scope) -> bool:
        path = scope["path"]
        is_open = OPEN.fullmatch(path) or path in self.open_paths
        return bool(is_open) or self.keys.fit(scope["headers"])


class Keys:
    """Keys of which a client must send one; empty: none is needed."""

    def __init__(self, keys: Sequence[str]) -> None:
        self.digests = [_digest(key.encode()) for key in keys]

    def fit(self, headers: Sequence[tuple[bytes, bytes]]) -> bool:
        """Return whether headers, or metadata of gRPC, have one of the keys."""
        if not self.digests:
            return True
        given = b""
        for name, value in headers:
            if name == b"x-api-key":
                given = value
            elif name == b"authorization" and value[:7].lower() == b"bearer ":
                given = value[7:]
        digest = _digest(given)
        # All are compared, and hashes of equal length: the time tells nothing.
        found = [hmac.compare_digest(digest, key) for key in self.digests]
        return any(found)


def record_request(
    metrics: Metrics, route: str, status: int, start: float, facts: dict[str, Any]
) -> None:
    """Count and log a request that got a response."""
    seconds = time.perf_counter() - start
    metrics.count_request(route, status, seconds)
    facts |= {"status": status, "ms": round(seconds * 1000, 3)}
    level = logging.INFO if status < 500 else logging.ERROR
    LOGGER.log(level, "request", extra={"facts": facts})


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()


def choose_request_id(headers: Sequence[tuple[bytes, bytes]]) -> str:
    """Return the id that a client chose, or a new one."""
    for name, value in headers:
        text = value.decode("latin-1")
        if name == b"x-request-id" and REQUEST_ID.fullmatch(text):
            return text
    # No secret: numbers of the operating system take a hundred times as long.
    return f"{random.getrandbits(128):032x}"


def _route(scope: Scope) -> str:
    """Return the path of the route, as /v2/models/{name}: paths would be too many."""
    path = getattr(scope.get("route"), "path", None)
    return path if isinstance(path, str) else "other"
