"""The queue worker: `rml work`.

Edit the defaults of `Worker`: subjects, stream, limits. Variables of the environment
win, as RML_WORK_MAX_ROWS=100: docs/deployment.md lists them.
"""

from faststream import FastStream

from reproducible_ml.serving.code_hash import code_hash
from reproducible_ml.serving.environment import Positive
from reproducible_ml.serving.worker.app import make_app
from reproducible_ml.serving.worker.settings import Label, Settings, Subject
from tumour_diagnosis.deployment.predict import load, predict


class Worker(Settings):
    """What the worker takes and sends."""

    name: str = "tumour_diagnosis"
    requests: Subject = "tumour_diagnosis.requests"
    replies: Subject = "tumour_diagnosis.replies"
    dead_letters: Subject = "tumour_diagnosis.dead"
    stream: Label = "tumour_diagnosis"
    max_rows: Positive = 10_000
    max_deliver: Positive = 5  # tries before a message becomes a dead letter


def app() -> FastStream:
    """Return the application; `faststream run --factory` takes it as well."""
    return make_app(
        load,
        predict,
        Worker.from_environment(),
        code=lambda: code_hash(predict),
    )
