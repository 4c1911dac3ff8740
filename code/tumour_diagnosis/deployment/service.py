"""The web service: `rml serve`.

Edit the defaults of `Service`, or add routes to the application. Variables of the
environment win, as RML_SERVE_MAX_ROWS=100: docs/deployment.md lists them.
"""

from fastapi import FastAPI

from reproducible_ml.serving.code_hash import code_hash
from reproducible_ml.serving.environment import Name, Positive
from reproducible_ml.serving.service.app import make_app
from reproducible_ml.serving.service.settings import Settings
from tumour_diagnosis.deployment.predict import load, predict


class Service(Settings):
    """What the service takes, and what it logs."""

    name: Name = "tumour_diagnosis"
    max_rows: Positive = 10_000
    log_without: tuple[str, ...] = ()  # columns that must not be logged


def app() -> FastAPI:
    """Return the application; `uvicorn --factory` takes it as well."""
    return make_app(
        load,
        predict,
        Service.from_environment(),
        code=lambda: code_hash(predict),
    )
