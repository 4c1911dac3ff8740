"""The streams and the consumer that the worker needs; they are made if missing.

A stream that has the subject already is used as it is, with its own name and settings.
"""

from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DiscardPolicy,
    RetentionPolicy,
    StreamConfig,
)
from nats.js.errors import APIError, NotFoundError, ServiceUnavailableError

from reproducible_ml.core.errors import UserError
from reproducible_ml.serving.logs import log_event
from reproducible_ml.serving.worker.settings import Settings

DAY = 24 * 3600


def stream_configs(settings: Settings) -> list[StreamConfig]:
    """Return the streams of requests, replies and dead letters."""
    return [
        # A request is removed when it is acknowledged. A full stream refuses new ones:
        # none is lost without its sender's knowledge.
        StreamConfig(
            name=f"{settings.stream}_requests",
            subjects=[settings.requests],
            retention=RetentionPolicy.WORK_QUEUE,
            discard=DiscardPolicy.NEW,
            max_msg_size=settings.max_bytes,
        ),
        StreamConfig(
            name=f"{settings.stream}_replies",
            subjects=[settings.replies],
            max_age=settings.reply_days * DAY,
            duplicate_window=settings.duplicate_seconds,
        ),
        StreamConfig(
            name=f"{settings.stream}_dead",
            subjects=[settings.dead_letters],
            max_age=settings.dead_days * DAY,
        ),
    ]


def consumer_config(settings: Settings) -> ConsumerConfig:
    """Return the consumer of the requests, which all workers share.

    It has no `max_deliver` of its own: a message that reached it would stay in the
    stream, and nobody would get it. The worker counts, and makes it a dead letter.
    """
    return ConsumerConfig(
        durable_name=settings.consumer,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=settings.ack_seconds,
        filter_subject=settings.requests,
    )


async def declare(jetstream: JetStreamContext, settings: Settings) -> str:
    """Make what is missing, and return the name of the stream of requests.

    Raises:
        UserError: The server has no JetStream, or refuses a stream or the consumer.
    """
    names = []
    try:
        for config in stream_configs(settings):
            names.append(await _declare_stream(jetstream, config))
        # Made, or changed to these settings.
        await jetstream.add_consumer(names[0], consumer_config(settings))
    except ServiceUnavailableError:
        raise UserError(
            f"{settings.server}: the server has no JetStream. Fix: start it with"
            " `nats-server --jetstream`"
        ) from None
    except APIError as error:
        what = f"stream {names[0]}" if len(names) == 3 else "streams"
        raise UserError(f"{settings.server}: {what}: {error.description}") from error
    return names[0]


async def _declare_stream(jetstream: JetStreamContext, config: StreamConfig) -> str:
    subject = (config.subjects or [""])[0]
    try:
        return await jetstream.find_stream_name_by_subject(subject)
    except NotFoundError:
        made = await jetstream.add_stream(config)
        log_event("stream made", stream=config.name, subject=subject)
        return str(made.config.name)
