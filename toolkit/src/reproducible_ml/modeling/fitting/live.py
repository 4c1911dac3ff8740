"""Fit in steps of some iterations, and log the loss after each with DVCLive.

`dvc plots show` and DVC's extension of VS Code draw the table while it grows.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from reproducible_ml.core.files import write_text
from reproducible_ml.modeling.fitting.search import for_last_step
from reproducible_ml.modeling.metrics.tasks import Scorer, steps

# Where DVCLive writes a metric of the name `loss`.
TABLE = "plots/metrics/loss.tsv"

# Rows whose loss is computed, at most: enough for a line.
ROWS = 10_000

# With more rows than these, HistGradientBoosting stops early unless told not to.
STOPS_EARLY = 10_000


def iterations(estimator: BaseEstimator, rows: int) -> str | None:
    """Return the argument that sets the number of iterations; None if not in steps.

    Only boosting with `warm_start` can be fitted in steps and gives the same model as
    without. Early stopping would look at scores from its first iteration on.
    """
    given = estimator.get_params()
    if "warm_start" not in given or not hasattr(estimator, "staged_predict"):
        return None
    stops = given.get("early_stopping", given.get("n_iter_no_change") is not None)
    if stops is True or (stops == "auto" and rows > STOPS_EARLY):
        return None
    return "max_iter" if "max_iter" in given else "n_estimators"


def fit_in_steps(
    pipeline: Pipeline,
    rows: pd.DataFrame,
    target: pd.Series,
    scorer: Scorer,
    count: int,
    folder: Path | None,
    **weights: Any,
) -> Pipeline:
    """Return the pipeline, fitted as by `fit`, and write its loss on training rows.

    Args:
        pipeline: Unfitted; it is changed.
        rows: Features of `n` training rows.
        target: Class or number of each row, of shape (n,).
        scorer: Computes the loss.
        count: Steps, at most; 0: the model is fitted at once and the table stays empty.
        folder: Where DVCLive writes the table, to TABLE in it; None: nowhere.
        **weights: Weights of the rows, for the estimator's `fit`.
    """
    estimator = pipeline.named_steps["estimator"]
    name = iterations(estimator, len(rows)) if count else None
    last = estimator.get_params()[name] if name else None
    if not isinstance(last, int) or last < 1:
        # `fit` says what is wrong with the number.
        name = None
    if folder:
        # Files of an earlier run are about another model.
        shutil.rmtree(folder, ignore_errors=True)
    if folder and name is None:
        write_text("step\tloss\n", folder / TABLE)
    if folder is None or name is None:
        return pipeline.fit(rows, target, **for_last_step(weights))
    assert isinstance(last, int)
    features = pipeline[:-1].fit_transform(rows, target)
    for live, step in _logged(steps(last, count), folder):
        estimator.set_params(warm_start=True, **{name: step})
        estimator.fit(features, target, **weights)
        loss = scorer.value(estimator, features[:ROWS], target.iloc[:ROWS])
        live.log_metric("loss", round(loss, scorer.decimals(target)))
    estimator.set_params(warm_start=False)
    return pipeline


def _logged(ends: list[int], folder: Path) -> Iterator[tuple[Any, int]]:
    """Yield DVCLive and each step, and write what was logged in it."""
    from dvclive.live import Live

    with Live(str(folder), save_dvc_exp=False, dvcyaml=False) as live:
        for step in ends:
            live.step = step
            yield live, step
            live.make_summary()
    # On Windows its line endings, and so the hash of the file, would differ.
    for path in (folder / TABLE, folder / "metrics.json"):
        write_text(path.read_text("utf-8"), path)
