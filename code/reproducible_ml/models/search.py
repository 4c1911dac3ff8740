"""Look for the arguments of the estimator that cross-validation finds best."""

import logging
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from reproducible_ml.compute import workers
from reproducible_ml.errors import UserError
from reproducible_ml.models import told
from reproducible_ml.models.folds import Fold
from reproducible_ml.models.scorer import Scorer
from reproducible_ml.models.space import PREFIX, for_last_step, make_space, size
from reproducible_ml.params import Params

logger = logging.getLogger(__name__)


def search(
    pipeline: Pipeline,
    rows: pd.DataFrame,
    target: pd.Series,
    folds: list[Fold],
    scorer: Scorer,
    params: Params,
    **weights: Any,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Return the best arguments of the estimator, and a table of all trials.

    Args:
        pipeline: Unfitted; its last step is `estimator`.
        rows: `n` training rows, their features alone.
        target: What to predict for each.
        folds: Places of the rows to fit to and to judge on.
        scorer: Judges a fold.
        params: Of the whole project.
        **weights: Of the rows, for the estimator's `fit`.

    Raises:
        UserError: The estimator has no such argument, or no trial has a score.
    """
    searcher = make_searcher(told.Trial(pipeline.steps), folds, scorer, params)
    method = params.train.search.method
    logger.info("Searching (%s): each trial is fitted %d times", method, len(folds))
    with workers(params.compute), warnings.catch_warnings():
        # A trial without a score is seen in the table.
        warnings.filterwarnings("ignore", "One or more of the test scores")
        try:
            searcher.fit(rows, target, **for_last_step(weights))
        except ValueError as error:
            raise UserError(f"params.yaml: train.search: {error}") from error
    results = searcher.cv_results_
    trials = describe(results, scorer.sign, scorer.decimals(target))
    best = best_trial(trials, scorer.sign)
    if best is None:
        why = _why_not(searcher, rows, target, **weights)
        raise UserError(f"params.yaml: train.search: no trial has a score: {why}")
    logger.info("Best of %d trials: %s", len(trials), trials.loc[best].to_dict())
    return plain(results["params"][best]), trials


def make_searcher(
    pipeline: Pipeline, folds: list[Fold], scorer: Scorer, params: Params
) -> Any:
    """Return the searcher that params.yaml asks for; it does not refit the best."""
    search, seed = params.train.search, params.train.seed
    space = make_space(pipeline, search)
    count = int(min(search.n_iter, size(space)))
    shared: dict[str, Any] = {"scoring": scorer, "cv": folds, "refit": False}
    if search.method == "grid":
        return told.Grid(pipeline, space, **shared)
    if search.method == "random":
        return told.Random(pipeline, space, n_iter=count, random_state=seed, **shared)
    return told.Halving(
        pipeline,
        space,
        n_candidates=count,
        min_resources="exhaust",
        random_state=seed,
        **shared,
    )


def describe(results: Mapping[str, Any], sign: int, decimals: int) -> pd.DataFrame:
    """Return a row a trial: its number, arguments, and score over the folds.

    How long a trial took is left out, as it differs from run to run.
    """
    trials = pd.DataFrame([plain(chosen) for chosen in results["params"]], dtype=object)
    if "n_resources" in results:
        trials.insert(0, "rows", results["n_resources"])
    trials.insert(0, "trial", np.arange(len(trials)))
    score = np.asarray(results["mean_test_score"], dtype=np.float64) * sign
    deviation = np.asarray(results["std_test_score"], dtype=np.float64)
    return trials.assign(
        score=score.round(decimals), deviation=deviation.round(decimals)
    )


def best_trial(trials: pd.DataFrame, sign: int) -> int | None:
    """Return the number of the best trial; of equal ones, of the first; or None.

    By halving, only those of the last round have seen all rows.
    """
    scores = trials["score"] * sign
    if "rows" in trials:
        scores = scores[trials["rows"] == trials["rows"].max()]
    if scores.isna().all():
        return None
    place = scores.to_numpy(dtype=np.float64, na_value=-np.inf).argmax()
    return int(scores.index.to_numpy()[place])


def empty_table() -> pd.DataFrame:
    """Return the table of no trial."""
    return pd.DataFrame(columns=["trial", "score", "deviation"])


def plain(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments by the estimator's own names, as Python's numbers."""
    return {
        name.removeprefix(PREFIX): v.item() if isinstance(v, np.generic) else v
        for name, v in chosen.items()
    }


def _why_not(
    searcher: Any, rows: pd.DataFrame, target: pd.Series, **weights: Any
) -> str:
    """Return why the first trial has no score."""
    trial = clone(searcher.estimator).set_params(**searcher.cv_results_["params"][0])
    failure = trial.fit(rows, target, **for_last_step(weights)).failure
    if failure:
        return " ".join(str(failure).split())
    return (
        "the metric is not defined in every fold. Do all hold rows of each class?"
        " Fewer train.search.folds may help."
    )
