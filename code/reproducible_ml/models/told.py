"""scikit-learn's searchers, telling how far they are and the best score so far."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import (
    GridSearchCV,
    HalvingRandomSearchCV,
    RandomizedSearchCV,
)
from sklearn.pipeline import Pipeline
from tqdm import tqdm

# Fits that each worker has before the others must wait for it and the score is told.
FITS = 4

Evaluate = Callable[..., Mapping[str, Any]]


class Trial(Pipeline):  # type: ignore[misc]
    """A pipeline that remembers why it cannot be fitted, and stops no other trial.

    scikit-learn gives such a trial no score, but stops where a whole portion fails.
    """

    def fit(self, rows: Any, target: Any = None, **arguments: Any) -> "Trial":
        """Fit, or keep the error as `failure`."""
        self.failure: ValueError | None = None
        try:
            super().fit(rows, target, **arguments)
        except ValueError as error:
            self.failure = error
        return self


class Told:
    """Lets a searcher try its candidates in portions, and tells after each of them.

    The portions are what scikit-learn's `_run_search` is there for: it may ask for
    candidates as often as it likes. So it works on every backend of joblib.
    """

    def _run_search(self, evaluate: Evaluate, *, callback_ctx: Any = None) -> None:
        def in_portions(
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
                    portion = slice(first, first + step)
                    more = {k: v[portion] for k, v in (more_results or {}).items()}
                    results = evaluate(trials[portion], cv, more)
                    bar.set_postfix(best=self._best(results), refresh=False)
                    bar.update(len(trials[portion]))
            return results

        super()._run_search(in_portions, callback_ctx=callback_ctx)  # type: ignore[misc]

    def _best(self, results: Mapping[str, Any]) -> str:
        scores = np.asarray(results["mean_test_score"], dtype=np.float64)
        if np.isnan(scores).all():
            return "-"
        return f"{self.scoring.sign * np.nanmax(scores):.4g}"  # type: ignore[attr-defined]


class Grid(Told, GridSearchCV):  # type: ignore[misc]
    """Tries every combination."""


class Random(Told, RandomizedSearchCV):  # type: ignore[misc]
    """Tries combinations by chance."""


class Halving(Told, HalvingRandomSearchCV):  # type: ignore[misc]
    """Tries many on few rows, and a third of them, the best, on three times as many."""
