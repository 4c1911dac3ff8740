"""scikit-learn's searchers, with a progress bar and trials that may fail."""

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

from reproducible_ml.core.parallel import suitable_threads

# Fits that each worker has in a batch: the score is shown, and all wait, after it.
FITS = 4

Evaluate = Callable[..., Mapping[str, Any]]


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
