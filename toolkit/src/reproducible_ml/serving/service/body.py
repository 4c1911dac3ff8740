"""Read the body of a request: bounded in size and time."""

import asyncio

from starlette.requests import ClientDisconnect, Request

from reproducible_ml.serving.messages import RefusedError
from reproducible_ml.serving.service.settings import Settings

# A body that is too large is read, so that its client reads the answer, up to so many
# times the limit.
FACTOR = 16


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
