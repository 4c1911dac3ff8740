"""Read the body of a request: bounded in size, time and depth, and strict JSON."""

import asyncio
import json
from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request

from reproducible_ml.serving.service.settings import Settings

# A body that is too large is read, so that its client reads the answer, up to so many
# times the limit.
FACTOR = 16


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


async def read_body(request: Request, settings: Settings) -> bytes:
    """Return the body of a request.

    Raises:
        RefusedError: It is too large, compressed, or takes too long.
    """
    if request.headers.get("content-encoding", "identity") != "identity":
        raise RefusedError(415, "a compressed body is not supported")
    limit = settings.max_bytes
    too_large = RefusedError(413, f"the body has more than {limit} bytes")
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit and "expect" in request.headers:
        raise too_large  # the client waits for this before it sends the body
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(settings.body_seconds):
            async for chunk in request.stream():
                size += len(chunk)
                if size <= limit:
                    chunks.append(chunk)
                elif size > FACTOR * limit:
                    break
                else:
                    chunks.clear()
    except TimeoutError:
        seconds = settings.body_seconds
        text = f"the body did not arrive within {seconds:g} s"
        raise RefusedError(408, text, close=True) from None
    except ClientDisconnect:
        raise RefusedError(400, "the client is gone", close=True) from None
    if size > limit:
        too_large.close = size > FACTOR * limit
        raise too_large
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


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
        return sum(_colons(item) for item in value if type(item) not in PLAIN)
    return value.count(":") if isinstance(value, str) else 0


PLAIN = {float, int, bool, type(None)}


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        double = next(name for name in names if names.count(name) > 1)
        raise RefusedError(400, f"the name {double!r:.100} is twice in an object")
    return found
