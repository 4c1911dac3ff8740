"""Write the sample table, until you bring your own with `rml data`."""

import logging
from pathlib import Path

import pandas as pd

from reproducible_ml.core.files import replacing
from reproducible_ml.core.stage import run

logger = logging.getLogger(__name__)


def breast_cancer() -> pd.DataFrame:
    """Return 569 tumours by 30 measurements and their diagnosis.

    Breast Cancer Wisconsin (Diagnostic), W. Wolberg, O. Mangasarian, N. Street and
    W. Street, 1993, https://doi.org/10.24432/C5DW2B, as scikit-learn carries it.
    """
    from sklearn.datasets import load_breast_cancer

    bunch = load_breast_cancer(as_frame=True)
    rows: pd.DataFrame = bunch.data.rename(columns=lambda name: name.replace(" ", "_"))
    return rows.assign(diagnosis=bunch.target_names[bunch.target])


def main(raw: Path) -> None:
    """Write the sample table to the CSV file RAW."""
    rows = breast_cancer()
    with replacing(raw) as temporary:
        rows.to_csv(temporary, index=False, lineterminator="\n")
    logger.info("%s: %d rows of %d columns", raw, *rows.shape)


if __name__ == "__main__":
    run(main)
