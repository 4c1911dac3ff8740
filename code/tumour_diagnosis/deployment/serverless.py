"""The function for AWS Lambda: `handler`.

Edit the defaults of `Function`. Variables of the environment win, as
RML_SERVE_MAX_ROWS=100. The model is loaded when Lambda starts the function.
"""

from reproducible_ml.serving.code_hash import code_hash
from reproducible_ml.serving.environment import Positive
from reproducible_ml.serving.serverless import Handler
from reproducible_ml.serving.service.app import make_app
from reproducible_ml.serving.service.settings import Settings
from tumour_diagnosis.deployment.predict import load, predict


class Function(Settings):
    """What the function takes."""

    name: str = "tumour_diagnosis"
    max_rows: Positive = 10_000
    max_bytes: Positive = 6_000_000  # Lambda takes no larger event


handler = Handler(
    make_app(
        load,
        predict,
        Function.from_environment(),
        code=lambda: code_hash(predict),
    )
)
