"""Search for the arguments of the estimator that score best in cross-validation.

The searchers are scikit-learn's, with a progress bar and trials that may fail.
"""

import logging
import math
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from joblib import effective_n_jobs
from pydantic import Field, StrictInt, model_validator
from sklearn.base import BaseEstimator, clone
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    HalvingRandomSearchCV,
    KFold,
    RandomizedSearchCV,
    StratifiedGroupKFold,
    StratifiedKFold,
    TimeSeriesSplit,
)
from sklearn.pipeline import Pipeline
from tqdm import tqdm

from reproducible_ml.contract.schema import Data
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.parallel import suitable_threads, workers
from reproducible_ml.core.params import Choice, Compute, Count, Finite, Section
from reproducible_ml.modeling.metrics.tasks import Scorer

logger = logging.getLogger(__name__)

# Prefix that a pipeline gives to the arguments of its last step.
PREFIX = "estimator__"

# Positions of the rows to fit to, and of those to score.
Fold = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]

# Fits that each worker has in a batch: the score is shown, and all wait, after it.
FITS = 4

Evaluate = Callable[..., Mapping[str, Any]]


class Range(Section):
    """Values that a search tries for an argument: one of four kinds of range."""

    uniform: tuple[Finite, Finite] | None = None
    log_uniform: tuple[Finite, Finite] | None = None
    int: tuple[StrictInt, StrictInt] | None = None
    choice: Choice | None = None

    @model_validator(mode="after")
    def _one_valid_range(self) -> Self:
        if len(self.model_dump(exclude_none=True)) != 1:
            raise ValueError("give one of uniform, log_uniform, int and choice")
        if self.choice is None and not self.ends[0] < self.ends[1]:
            raise ValueError("the lower end must be less than the upper")
        if self.log_uniform and self.ends[0] <= 0:
            raise ValueError("log_uniform needs a lower end above 0")
        return self

    @property
    def ends(self) -> tuple[Any, ...]:
        """Lower and upper end, or the values to choose from."""
        [found] = self.model_dump(exclude_none=True).values()
        return tuple(found)


class Search(Section):
    """How to search for better arguments of the estimator, by cross-validation."""

    method: Literal["none", "random", "halving", "grid"] = "none"
    n_iter: Count = 20
    folds: Annotated[int, Field(strict=True, ge=2)] = 5
    metric: str | None = None
    space: dict[str, Range] = {}

    @model_validator(mode="after")
    def _space_of_the_method(self) -> Self:
        if self.method != "none" and not self.space:
            raise ValueError("a search needs a space: a range for each argument")
        if self.method == "grid":
            for name, values in self.space.items():
                if values.choice is None and values.int is None:
                    raise ValueError(f"a grid needs choice or int for {name}")
        return self


def make_folds(
    rows: pd.DataFrame,
    target: pd.Series,
    data: Data,
    method: str,
    count: int,
    seed: int,
) -> list[Fold]:
    """Return the folds of cross-validation, made by the rule that held out test rows.

    Folds are stratified by class, except those by time.

    Args:
        rows: `n` training rows.
        target: Class or number of each row, of shape (n,).
        data: Names the columns of groups and times.
        method: `hash`: repeated rows stay together; `group`: so do rows of a group;
            `time`: a fold is fitted to older rows than those it is scored on.
        count: Number of folds.
        seed: Seed of the shuffling.

    Returns:
        For each fold, the positions in `rows` to fit to, and those to score.

    Raises:
        UserError: There are too few rows, groups, points in time or rows of a class.
    """
    try:
        if method == "time":
            return _by_time(rows[str(data.time)], count)
        group = data.group if method == "group" else None
        groups = _groups(rows, group)
        kinds = {
            (True, True): KFold,
            (True, False): GroupKFold,
            (False, True): StratifiedKFold,
            (False, False): StratifiedGroupKFold,
        }
        kind = kinds[data.task == "regression", groups is None]
        split = kind(count, shuffle=True, random_state=seed)
        return list(split.split(rows, target, groups))
    except ValueError as error:
        raise UserError(f"params.yaml: train.search.folds: {error}") from error


def _by_time(times: pd.Series, count: int) -> list[Fold]:
    """Return folds that are scored on the rows after those they are fitted to.

    Points in time are split, not rows: those of the same moment stay together.
    """
    moment, moments = pd.factorize(times, sort=True)
    return [
        (np.flatnonzero(np.isin(moment, older)), np.flatnonzero(np.isin(moment, newer)))
        for older, newer in TimeSeriesSplit(count).split(moments)
    ]


def _groups(rows: pd.DataFrame, group: str | None) -> npt.NDArray[np.intp] | None:
    """Return a group number for each row, or None if no rows belong together."""
    if group is not None:
        return pd.factorize(rows[group], use_na_sentinel=False)[0]
    return None if rows.index.is_unique else pd.factorize(rows.index)[0]


def search(
    pipeline: Pipeline,
    rows: pd.DataFrame,
    target: pd.Series,
    folds: list[Fold],
    scorer: Scorer,
    options: Search,
    compute: Compute,
    seed: int,
    **weights: Any,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Return the best arguments of the estimator, and a table of all trials.

    Args:
        pipeline: Unfitted; its last step is `estimator`.
        rows: Features of `n` training rows.
        target: Class or number of each row, of shape (n,).
        folds: Positions of the rows to fit to, and of those to score.
        scorer: Scores a fold.
        options: What to try, and how.
        compute: Where fits run; changes no result.
        seed: Seed of the random choice of trials.
        **weights: Weights of the rows, for the estimator's `fit`.

    Raises:
        UserError: The estimator has no such argument, or no trial has a score.
    """
    searcher = make_searcher(Trial(pipeline.steps), folds, scorer, options, seed)
    count = len(folds)
    logger.info("Searching (%s): each trial is fitted %d times", options.method, count)
    with workers(compute), warnings.catch_warnings():
        # The table shows which trials have no score.
        warnings.filterwarnings("ignore", "One or more of the test scores")
        try:
            searcher.fit(rows, target, **for_last_step(weights))
        except ValueError as error:
            raise UserError(f"params.yaml: train.search: {error}") from error
    results = searcher.cv_results_
    trials = trials_table(results, scorer.sign, scorer.decimals(target))
    best = best_trial(trials, scorer.sign)
    if best is None:
        why = _failure(searcher, rows, target, **weights)
        raise UserError(f"params.yaml: train.search: no trial has a score: {why}")
    logger.info("Best of %d trials: %s", len(trials), trials.loc[best].to_dict())
    return plain(results["params"][best]), trials


def make_searcher(
    pipeline: Pipeline, folds: list[Fold], scorer: Scorer, options: Search, seed: int
) -> Any:
    """Return the searcher of the method; it does not refit the best trial."""
    space = make_space(pipeline, options)
    count = int(min(options.n_iter, combinations(space)))
    shared: dict[str, Any] = {"scoring": scorer, "cv": folds, "refit": False}
    if options.method == "grid":
        return Grid(pipeline, space, **shared)
    if options.method == "random":
        return Random(pipeline, space, n_iter=count, random_state=seed, **shared)
    return Halving(
        pipeline,
        space,
        n_candidates=count,
        min_resources="exhaust",
        random_state=seed,
        **shared,
    )


def check_space(estimator: BaseEstimator, options: Search) -> None:
    """Raise UserError with a line for each argument that the estimator lacks."""
    known, name = estimator.get_params(), type(estimator).__name__
    if problems := [
        f"params.yaml: train.search.space: {name} has no argument {argument}"
        for argument in options.space
        if argument not in known and options.method != "none"
    ]:
        raise UserError("\n".join(problems))


def make_space(pipeline: Pipeline, options: Search) -> dict[str, Any]:
    """Return the range of each argument in the form that scikit-learn's searchers take.

    Raises:
        UserError: The estimator has no such argument.
    """
    check_space(pipeline.named_steps["estimator"], options)
    as_list = options.method == "grid"
    return for_last_step(
        {name: values_of(r, as_list=as_list) for name, r in options.space.items()}
    )


def values_of(values: Range, *, as_list: bool = False) -> Any:
    """Return a range as a distribution, or as the list of all its values."""
    from scipy import stats

    first, last = values.ends[0], values.ends[-1]
    if values.choice:
        return list(values.choice)
    if values.int:
        whole = range(first, last + 1)
        return list(whole) if as_list else stats.randint(whole.start, whole.stop)
    if values.log_uniform:
        return stats.loguniform(first, last)
    return stats.uniform(first, last - first)


def for_last_step(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments by the names that they have in the pipeline."""
    return {PREFIX + name: value for name, value in arguments.items()}


def combinations(space: dict[str, Any]) -> float:
    """Return the number of combinations, infinite if one is a distribution."""
    lists = [v for v in space.values() if isinstance(v, list)]
    return math.prod(map(len, lists)) if len(lists) == len(space) else math.inf


def trials_table(results: Mapping[str, Any], sign: int, decimals: int) -> pd.DataFrame:
    """Return one row per trial: its number, arguments, and score over the folds.

    Durations are left out, as they differ from run to run.
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
    """Return the index of the best trial, of the first among equals, or None.

    Only the last round of halving counts: its trials were fitted to all rows.
    """
    scores = trials["score"] * sign
    if "rows" in trials:
        scores = scores[trials["rows"] == trials["rows"].max()]
    if scores.isna().all():
        return None
    place = scores.to_numpy(dtype=np.float64, na_value=-np.inf).argmax()
    return int(scores.index.to_numpy()[place])


def no_trials() -> pd.DataFrame:
    """Return the table of trials when there was no search."""
    return pd.DataFrame(columns=["trial", "score", "deviation"])


def plain(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments by the estimator's own names, with Python's numbers."""
    return {
        name.removeprefix(PREFIX): v.item() if isinstance(v, np.generic) else v
        for name, v in chosen.items()
    }


def _failure(
    searcher: Any, rows: pd.DataFrame, target: pd.Series, **weights: Any
) -> str:
    """Return why the first trial has no score."""
    trial = clone(searcher.estimator).set_params(**searcher.cv_results_["params"][0])
    failure = trial.fit(rows, target, **for_last_step(weights)).failure
    if failure:
        return " ".join(str(failure).split())
    return (
        "the metric is undefined in at least one fold, as when it has rows of one"
        " class only. Fix: set fewer train.search.folds."
    )


class Trial(Pipeline):  # type: ignore[misc]
    """A pipeline that keeps the error if it cannot be fitted, and goes on.

    scikit-learn gives a failed trial no score, but stops where a whole batch fails.
    """

    def fit(self, rows: Any, target: Any = None, **arguments: Any) -> "Trial":
        """Fit, or keep the error as `failure`."""
        self.failure: ValueError | None = None
        try:
            with suitable_threads(int(np.size(rows))):
                super().fit(rows, target, **arguments)
        except ValueError as error:
            self.failure = error
        return self


class ProgressMixin:
    """Evaluates the candidates of a searcher in batches, with a progress bar.

    scikit-learn lets `_run_search` evaluate candidates as often as it likes, so this
    works with every backend of joblib.
    """

    def _run_search(self, evaluate: Evaluate, *, callback_ctx: Any = None) -> None:
        def in_batches(
            candidates: Iterable[Mapping[str, Any]],
            cv: Any = None,
            more_results: Mapping[str, Sequence[Any]] | None = None,
            callback_ctx: Any = None,
        ) -> Mapping[str, Any]:
            trials = list(candidates)
            folds: int = self.n_splits_  # type: ignore[attr-defined]
            step = max(1, FITS * effective_n_jobs(None) // folds)
            results: Mapping[str, Any] = {}
            bar = tqdm(trials, "search", unit=" trials", disable=None, leave=False)
            with bar:
                for first in range(0, len(trials), step):
                    batch = slice(first, first + step)
                    more = {k: v[batch] for k, v in (more_results or {}).items()}
                    results = evaluate(trials[batch], cv, more)
                    bar.set_postfix(best=self._best(results), refresh=False)
                    bar.update(len(trials[batch]))
            return results

        super()._run_search(in_batches, callback_ctx=callback_ctx)  # type: ignore[misc]

    def _best(self, results: Mapping[str, Any]) -> str:
        scores = np.asarray(results["mean_test_score"], dtype=np.float64)
        if np.isnan(scores).all():
            return "-"
        return f"{self.scoring.sign * np.nanmax(scores):.4g}"  # type: ignore[attr-defined]


class Grid(ProgressMixin, GridSearchCV):  # type: ignore[misc]
    """Tries every combination."""


class Random(ProgressMixin, RandomizedSearchCV):  # type: ignore[misc]
    """Tries random combinations."""


class Halving(ProgressMixin, HalvingRandomSearchCV):  # type: ignore[misc]
    """Tries many on few rows, then the best third on three times as many, and so on."""
