"""The worker as an application of FastStream, and the command that runs it."""

import asyncio
import logging
import logging.config
import os
from collections.abc import Callable
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path

from faststream import AckPolicy, FastStream
from faststream.nats import JStream, NatsBroker, NatsMessage, PullSub
from nats.js.errors import NotFoundError

from reproducible_ml.core.errors import UserError, first_line, one_line
from reproducible_ml.core.project import Project
from reproducible_ml.serving.code_hash import check_code
from reproducible_ml.serving.command import load_deployment
from reproducible_ml.serving.logs import CONFIG, log_event
from reproducible_ml.serving.model import Model, PredictFunction, model_files
from reproducible_ml.serving.worker.connection import connect, make_broker
from reproducible_ml.serving.worker.metrics import serve_metrics
from reproducible_ml.serving.worker.settings import PREFIX, Settings
from reproducible_ml.serving.worker.streams import declare
from reproducible_ml.serving.worker.worker import Worker

# How often to look whether the consumer is still there.
WATCH_SECONDS = 10

# How long to wait for a message before asking again: so much later than it could, a
# worker goes on after a restart of the server, which forgets who asked.
PULL_SECONDS = 2


def make_app(
    load: Callable[[Path], Model],
    predict: PredictFunction,
    settings: Settings,
    code: Callable[[], str],
) -> FastStream:
    """Return the application.

    Args:
        load: Returns the model in a folder.
        predict: What the project answers.
        settings: What the worker takes.
        code: Returns the hash of the prediction code.

    Raises:
        UserError: The model cannot be loaded, or an address is not valid.
    """
    files, running_code = model_files(settings.model), code()

    def load_checked() -> Model:
        if code() != running_code:
            raise UserError(
                f"{settings.model}: the prediction code changed since the worker was"
                " started. Fix: start it again, with the code of the model"
            )
        found = load(settings.model)
        check_code(found, running_code, settings.model)
        return found

    model = load_checked()
    worker = Worker(model, predict, settings)
    ending = asyncio.Event()
    broker = make_broker(settings, ending.is_set)
    tasks: list[asyncio.Task[None]] = []
    stack = ExitStack()

    async def start() -> None:
        stack.enter_context(serve_metrics(worker.metrics, settings))
        tasks.append(asyncio.create_task(worker.metrics.process.watch()))
        client = await connect(broker, settings)
        worker.jetstream = client.jetstream()
        try:
            stream = await declare(worker.jetstream, settings)
        except BaseException:
            await broker.stop()
            raise
        subscribe(broker, stream, worker)
        tasks.append(asyncio.create_task(_watch(worker, stream)))
        if settings.reload_seconds:
            tasks.append(asyncio.create_task(_reload(worker, load_checked, files)))

    async def ready() -> None:
        log_event("ready", model=settings.name, version=worker.model.version)

    async def drain() -> None:
        ending.set()
        log_event("draining", seconds=settings.stop_seconds)

    async def stop() -> None:
        for task in tasks:
            task.cancel()
        await worker.predictor.close()
        await asyncio.to_thread(stack.close)
        log_event("stopped")

    return FastStream(
        broker,
        logger=None,
        on_startup=[start],
        after_startup=[ready],
        on_shutdown=[drain],
        after_shutdown=[stop],
    )


def subscribe(broker: NatsBroker, stream: str, worker: Worker) -> None:
    """Let a worker take as many messages at once as its settings say.

    Each subscriber asks for one message. One that asked for several would wait up to
    its timeout for the second when only one is there.
    """
    settings = worker.settings

    async def raw(message: NatsMessage) -> bytes:
        return message.body

    for _ in range(settings.messages):
        subscriber = broker.subscriber(
            settings.requests,
            stream=JStream(stream, declare=False),
            durable=settings.consumer,
            pull_sub=PullSub(timeout=PULL_SECONDS),
            ack_policy=AckPolicy.NACK_ON_ERROR,
            decoder=raw,
            no_reply=True,
        )
        subscriber(worker.handle)


async def _reload(
    worker: Worker, load: Callable[[], Model], files: list[tuple[int, int, int]] | None
) -> None:
    """Use another model when its files change; keep the one in use if it is not valid.

    Args:
        worker: What uses it.
        load: Returns the model in the folder.
        files: What `model_files` returned before the model in use was loaded.
    """
    while True:
        await asyncio.sleep(worker.settings.reload_seconds)
        found = model_files(worker.settings.model)
        if found is None or found == files:
            continue
        files = found
        try:
            model = await asyncio.to_thread(load)
        except Exception as error:
            log_event("model refused", logging.ERROR, reason=one_line(str(error)))
            continue
        if model.manifest != worker.model.manifest:
            worker.use(model)


async def _watch(worker: Worker, stream: str) -> None:
    """Count what waits; make streams and consumer again if they are gone.

    They are gone on a new server.
    """
    jetstream, settings = worker.jetstream, worker.settings
    while True:
        try:
            info = await jetstream.consumer_info(stream, settings.consumer)
            waiting = (info.num_pending or 0) + (info.num_ack_pending or 0)
            worker.metrics.waiting.set(waiting)
        except NotFoundError:
            log_event("consumer is gone", logging.WARNING, stream=stream)
            try:
                await declare(jetstream, settings)
            except UserError as error:
                log_event("error", logging.ERROR, reason=first_line(error))
        except Exception as error:
            log_event("error", logging.WARNING, reason=first_line(error))
        await asyncio.sleep(WATCH_SECONDS)


def work(project: Project, **settings: str | None) -> None:
    """Run the worker of a project until Ctrl-C or SIGTERM.

    Args:
        project: Its `deployment/worker.py` makes the application.
        **settings: Settings that were given on the command line.

    Raises:
        UserError: The model cannot be loaded, a setting is wrong, or no server answers.
    """
    for name, value in settings.items():
        if value is not None:
            os.environ[f"{PREFIX}{name.upper()}"] = value
    run(load_deployment(project, "worker").__name__)


def run(module: str) -> None:
    """Run the application that a module makes until Ctrl-C or SIGTERM.

    Raises:
        UserError: The model cannot be loaded, a setting is wrong, or no server answers.
    """
    logging.config.dictConfig(CONFIG)
    app: FastStream = import_module(module).app()
    asyncio.run(app.run())
