"""Where managed platforms want a container to listen, and where its model is.

Amazon SageMaker: GET /ping and POST /invocations on port 8080, the model in
/opt/ml/model (its guide: "Use your own inference code with hosting services").

Google Vertex AI: port and routes by variables of the environment, {"instances": [...]}
and {"predictions": [...]} (its guide: "Custom container requirements for prediction").
"""

from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import NamedTuple

from reproducible_ml.core.errors import UserError
from reproducible_ml.serving.model import MANIFEST

# Where SageMaker unpacks the archive of a model.
SAGEMAKER_MODEL = Path("/opt/ml/model")

PING, INVOCATIONS = "/ping", "/invocations"

# Variables of Vertex AI.
HEALTH, PREDICT = "AIP_HEALTH_ROUTE", "AIP_PREDICT_ROUTE"


class Place(NamedTuple):
    """Where a platform wants the service to listen; None: it does not say."""

    host: str | None = None
    port: int | None = None


def find_place(environment: Mapping[str, str], model: Path) -> Place:
    """Return where the platform wants the service on which this process runs.

    Args:
        environment: Its variables.
        model: The folder of the model.

    Raises:
        UserError: A port is not one, or Vertex AI has the model elsewhere.
    """
    stored = environment.get("AIP_STORAGE_URI")
    if stored and not (model / MANIFEST).is_file():
        raise UserError(
            f"AIP_STORAGE_URI: the model in {stored:.200} is remote, and is not"
            f" fetched. Fix: put it into the image, as {model}"
        )
    for name in ("AIP_HTTP_PORT", "SAGEMAKER_BIND_TO_PORT"):
        if text := environment.get(name):
            return Place("0.0.0.0", _port(name, text))
    return Place("0.0.0.0") if model == SAGEMAKER_MODEL else Place()


def _port(name: str, text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 2**16:
        raise UserError(f"{name}: {text!r:.50} is not a port")
    return int(text)


def use_platform_model(environment: MutableMapping[str, str], variable: str) -> None:
    """Set a variable to the folder of the model on SageMaker, if it is not set."""
    if (SAGEMAKER_MODEL / MANIFEST).is_file():
        environment.setdefault(variable, str(SAGEMAKER_MODEL))


def open_paths(environment: Mapping[str, str]) -> set[str]:
    """Return the paths that a platform asks without a key."""
    return {PING, environment.get(HEALTH) or PING}
