"""What happens to a message: an answer, another try, or an end as a dead letter.

Each request is answered at least once: it is acknowledged after its reply was stored.
A reply that was stored already, by a worker that was killed before it acknowledged the
request, has the same id, and the server drops it.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple

import orjson
import pyarrow as pa
from faststream.exceptions import NackMessage, RejectMessage
from faststream.nats.annotations import NatsMessage
from nats.aio.msg import Msg
from nats.errors import Error, MaxPayloadError
from nats.js import JetStreamContext

from reproducible_ml.core.errors import first_line, one_line
from reproducible_ml.serving.answers import Answers
from reproducible_ml.serving.logs import LOGGER, log_event
from reproducible_ml.serving.messages import (
    ARROW,
    JSON,
    REQUEST_ID,
    RefusedError,
    as_content,
    read_records,
    read_stream,
    write_stream,
)
from reproducible_ml.serving.model import Model, PredictFunction
from reproducible_ml.serving.predictor import Predictor
from reproducible_ml.serving.records import Columns
from reproducible_ml.serving.rows import MissingColumnsError
from reproducible_ml.serving.worker.metrics import WorkerMetrics
from reproducible_ml.serving.worker.settings import Settings

# Identifies a message for NATS, which drops one of the same id.
MESSAGE_ID = "Nats-Msg-Id"

# Longest reason in a header.
REASON = 1000


class Request(NamedTuple):
    """A message.

    Attributes:
        id: Chosen by the sender as Nats-Msg-Id, else the place in the stream.
        origin: The place in the stream.
        kind: The content type.
        body: The content.
        attempt: How often it was delivered, from 1.
        headers: Its headers.
    """

    id: str
    origin: str
    kind: str
    body: bytes
    attempt: int
    headers: dict[str, str]


def read_request(message: Msg) -> Request:
    """Return what a message says of itself."""
    headers = message.headers or {}
    lower = {name.lower(): value for name, value in headers.items()}
    facts = message.metadata
    # With the time: a stream that is made again counts from 1 again.
    stamp = int(facts.timestamp.timestamp() * 1_000_000)
    origin = f"{facts.stream}:{facts.sequence.stream}:{stamp}"
    kind = lower.get("content-type", JSON).partition(";")[0].strip().lower()
    return Request(
        lower.get(MESSAGE_ID.lower(), origin),
        origin,
        kind,
        message.data,
        facts.num_delivered,
        headers,
    )


class Worker:
    """A model that answers messages.

    Attributes:
        metrics: What it counts.
        jetstream: Where replies go; set when the server is connected.
    """

    jetstream: JetStreamContext

    def __init__(
        self, model: Model, predict: PredictFunction, settings: Settings
    ) -> None:
        """Start with a model.

        Args:
            model: The model.
            predict: What the project answers.
            settings: What is taken.
        """
        self.settings = settings
        self.metrics = WorkerMetrics(settings)
        self.metrics.set_model(settings.name, model)
        self.predictor = Predictor(
            model,
            predict,
            batch_rows=settings.batch_rows,
            on_batch=self.metrics.batch.observe,
            on_answers=self.metrics.count_answers,
        )

    @property
    def model(self) -> Model:
        """The model that answers from now on."""
        return self.predictor.model

    def use(self, model: Model) -> None:
        """Answer with another model; what waits is answered by the one before."""
        before = self.model.version
        self.predictor.use(model)
        self.metrics.set_model(self.settings.name, model, before)
        log_event("model loaded", version=model.version, before=before)

    async def handle(self, message: NatsMessage) -> None:
        """Answer a message; FastStream acknowledges it when this returns.

        Raises:
            NackMessage: It failed, and is to be tried again.
            RejectMessage: It became a dead letter, and is not to be tried again.
        """
        start = time.perf_counter()
        result = "retried"
        self.metrics.active.inc()
        try:
            result = await self._handle(message)
        finally:
            self.metrics.active.dec()
            self.metrics.messages.labels(result).inc()
            self.metrics.seconds.observe(time.perf_counter() - start)
        if result == "dead letter":
            raise RejectMessage

    async def _handle(self, message: NatsMessage) -> str:
        """Answer a message, or send it to the dead letters; return which.

        Raises:
            NackMessage: It failed, and is to be tried again.
        """
        request = read_request(message.raw_message)
        try:
            async with self._kept(message):
                reason = await self._try(request)
                if reason is not None:
                    await self._bury(request, reason)
        except Exception as error:
            delay = self._delay(request.attempt)
            facts = {"id": request.id, "attempt": request.attempt, "delay": delay}
            LOGGER.error(
                "failed: %s",
                first_line(error),
                exc_info=error,
                extra={"facts": facts},
            )
            raise NackMessage(delay=delay) from error
        return "answered" if reason is None else "dead letter"

    async def _try(self, request: Request) -> str | None:
        """Answer a request; return why it cannot be answered, None if it is.

        Raises:
            Exception: Another try may succeed.
        """
        limit = self.settings.max_deliver
        if request.attempt > limit:
            return f"no worker finished it in {limit} tries"
        try:
            await self._reply(request)
        except RefusedError as error:
            return error.text
        except MissingColumnsError as error:
            return str(error).replace("\n", "; ")
        except MaxPayloadError:
            return "the reply is larger than the server's max_payload"
        except Exception as error:
            if request.attempt < limit:
                raise
            LOGGER.exception("failed", extra={"facts": {"id": request.id}})
            kind = type(error).__name__
            return f"failed {limit} times, at last with {kind}: {first_line(error)}"
        return None

    async def _reply(self, request: Request) -> None:
        start = time.perf_counter()
        rows = self._read(request)
        try:
            async with asyncio.timeout(self.settings.answer_seconds):
                answers = await self.predictor.answer(rows)
        except TimeoutError:
            seconds = self.settings.answer_seconds
            raise TimeoutError(f"no answer within {seconds:g} s") from None
        stored = await self.jetstream.publish(
            self.settings.replies,
            write_reply(request, answers, self.settings.name),
            headers={
                MESSAGE_ID: f"{request.id}:{answers.model.manifest['sha256']}",
                "Content-Type": request.kind,
                "Request-Id": request.id,
                "Model-Version": answers.model.version,
            },
        )
        refused = self.metrics.count_rows(answers.length, answers.problems)
        log_event(
            "answered",
            id=request.id,
            attempt=request.attempt,
            rows=answers.length,
            refused=refused,
            ms=round((time.perf_counter() - start) * 1000, 3),
            **({"duplicate": True} if stored.duplicate else {}),
        )

    def _read(self, request: Request) -> Columns | pa.Table:
        """Return the rows of a request.

        Raises:
            RefusedError: It is malformed or too large.
        """
        settings = self.settings
        if not REQUEST_ID.fullmatch(request.id):
            raise RefusedError(400, f"{MESSAGE_ID} must match {REQUEST_ID.pattern}")
        if len(request.body) > settings.max_bytes:
            text = f"{len(request.body)} bytes are more than {settings.max_bytes}"
            raise RefusedError(413, text)
        if request.kind == ARROW:
            return read_stream(request.body, settings.max_rows)
        if request.kind != JSON:
            raise RefusedError(415, f"the content type must be {JSON} or {ARROW}")
        rows = read_records(request.body, self.model)
        if rows.length > settings.max_rows:
            raise RefusedError(413, f"more than {settings.max_rows} rows")
        return rows

    async def _bury(self, request: Request, reason: str) -> None:
        """Send a request to the dead letters, with the reason."""
        headers = {
            name: value
            for name, value in request.headers.items()
            if not name.lower().startswith("nats-")
        }
        facts = {
            MESSAGE_ID: f"{request.origin}:dead",
            "Request-Id": request.id,
            "Reason": reason,
            "Attempts": str(request.attempt),
            "Subject": self.settings.requests,
        }
        # A header is a line, and other clients may read only ASCII.
        headers |= {
            name: one_line(value).encode("ascii", "backslashreplace").decode()[:REASON]
            for name, value in facts.items()
        }
        subject = self.settings.dead_letters
        await self.jetstream.publish(subject, request.body, headers=headers)
        log_event(
            "dead letter",
            logging.ERROR,
            id=request.id,
            attempt=request.attempt,
            reason=reason,
        )

    def _delay(self, attempt: int) -> float:
        delays = self.settings.retry_seconds
        return delays[min(attempt, len(delays)) - 1] if delays else 0

    @asynccontextmanager
    async def _kept(self, message: NatsMessage) -> AsyncIterator[None]:
        """Tell the server now and then that this worker is busy with a message."""

        async def tell() -> None:
            while True:
                await asyncio.sleep(self.settings.ack_seconds / 3)
                # Without a connection, another worker may get the message.
                with suppress(Error):
                    await message.in_progress()

        task = asyncio.create_task(tell())
        try:
            yield
        finally:
            task.cancel()


def write_reply(request: Request, answers: Answers, name: str) -> bytes:
    """Return the body of a reply, in the form of the request."""
    if request.kind == ARROW:
        return write_stream(answers)
    content: dict[str, Any] = {"id": request.id, **as_content(answers, name)}
    return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)
