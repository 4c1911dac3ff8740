"""Turn rows into answers: the one function that every use of the model calls.

The batch job, the service, the package and all others give it rows that meet
data/schema.yaml.
"""

from pathlib import Path

import pandas as pd

from reproducible_ml.core.params import Section
from reproducible_ml.serving.model import Model, Unseen, load_settings
from tumour_diagnosis.datasets.validate import CHECKS


class Predict(Section):
    """Section `predict` of params.yaml. No stage reads it."""

    unseen: Unseen = "reject"


def load(folder: Path, params: Predict | None = None) -> Model:
    """Return the model in a folder, which has model.skops and model.json."""
    params = params or load_settings(Predict, folder)
    return Model.load(folder, params.unseen, CHECKS, package=__package__)


def predict(rows: pd.DataFrame, model: Model) -> pd.DataFrame:
    """Return the answer to each row, with the index of the rows.

    Columns: `prediction` and, of a class, `probability`. Add your own rules here, such
    as a third answer where the model is undecided:

        undecided = answers["probability"].between(0.4, 0.6)
        answers.loc[undecided, "prediction"] = "ask a doctor"

    Args:
        rows: Features, cast to the contract and checked.
        model: What `load` returned.
    """
    answers = model.answers(rows)
    return answers  # noqa: RET504 (rules come in between)
