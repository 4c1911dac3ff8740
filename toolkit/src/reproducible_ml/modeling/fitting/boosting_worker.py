"""What each process does that fits XGBoost to its own rows of a table.

The rows are read part by part and kept as small numbers in a file (XGBoost's external
memory). The processes add up their histograms after each level of a tree, so all of
them end with the same model.
"""

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from reproducible_ml.contract.schema import Data
from reproducible_ml.contract.target import read_target
from reproducible_ml.core.errors import UserError, first_line
from reproducible_ml.core.parts import Rows
from reproducible_ml.core.together import Lost

KEY = "train.workers"

# Thresholds of a feature, unless `max_bin` is set.
BINS = 256

# Seconds that a process waits for another, which may have much more to read. The death
# of one is noticed otherwise.
PATIENCE = 24 * 3600

# Files in the folder of the run: rows for thresholds, and the number of trees so far.
THRESHOLDS, ROUND = "thresholds.npy", "round"


class Job(NamedTuple):
    """What one of the processes does.

    Attributes:
        rank: Its number.
        rows: Those that it reads.
        features: Fitted steps that turn columns into features.
        columns: Those that the features are made of.
        data: Roles of the columns.
        labels: Those of the classes, in order; empty for numbers.
        weights: Of the rows of each class; empty for none.
        params: Of XGBoost.
        rounds: Number of iterations.
        kinds: Of the features; None if all are numbers.
        batch_rows: Rows in memory at a time.
        losses: Whether to compute the loss after each iteration.
        tracker: How to find the other processes; empty if there are none.
        folder: Of the run.
        local: Whether that is a good place for files of this process.
    """

    rank: int
    rows: Rows
    features: Any
    columns: list[str]
    data: Data
    labels: list[Any]
    weights: dict[Any, float]
    params: dict[str, Any]
    rounds: int
    kinds: list[str] | None
    batch_rows: int
    losses: bool
    tracker: dict[str, Any]
    folder: Path
    local: bool

    def batches(self) -> Iterator[dict[str, Any]]:
        """Yield features, target and weights of some rows at a time."""
        used = list(dict.fromkeys([*self.columns, self.data.target]))
        for frame in self.rows.frames(used):
            for start in range(0, len(frame), self.batch_rows):
                some = frame.iloc[start : start + self.batch_rows]
                target = read_target(some, self.data)
                found: dict[str, Any] = {
                    "data": to_floats(self.features.transform(some[self.columns])),
                    "label": self._codes(target),
                    "feature_types": self.kinds,
                }
                if self.weights:
                    found["weight"] = target.map(self.weights).to_numpy(np.float32)
                yield found

    def _codes(self, target: pd.Series) -> Any:
        if not self.labels:
            return target.to_numpy(np.float32)
        return pd.Index(self.labels).get_indexer(target).astype(np.float32)


class Share(NamedTuple):
    """What a process returns: the hash of the model, and of the first one the model."""

    digest: str
    model: bytes
    losses: list[float]


def fit_share(job: Job) -> Share:
    """Fit to the rows of one process, together with the others."""
    import xgboost
    from xgboost import collective
    from xgboost.core import XGBoostError

    params = job.params
    bins = params.get("max_bin", BINS)
    sample = np.load(job.folder / THRESHOLDS)
    # Before the processes are connected: each has the same rows.
    thresholds = xgboost.QuantileDMatrix(
        sample, feature_types=job.kinds, max_bin=bins, enable_categorical=True
    )
    with TemporaryDirectory(dir=job.folder if job.local else None) as place:
        _check_space(job, sample.shape[1], Path(place))
        try:
            if job.tracker:
                task = {"dmlc_task_id": f"{job.rank:06}", "dmlc_timeout": PATIENCE}
                collective.init(**job.tracker, **task)
            rows = _matrix(job, thresholds, bins, Path(place))
            losses: dict[str, Any] = {}
            booster = xgboost.train(
                params,
                rows,
                job.rounds,
                evals=[(rows, "train")] if job.losses else [],
                evals_result=losses,
                verbose_eval=False,
                callbacks=[] if job.rank else [_counter(job.folder / ROUND)],
            )
            model = bytes(booster.save_raw("ubj"))
            # The files are closed before the folder is removed.
            del rows, booster
            if job.tracker:
                collective.finalize()
        except XGBoostError as error:
            what = _explain(error)
            if job.tracker:
                raise Lost(f"{KEY}: {what}") from error
            raise UserError(f"params.yaml: train.estimator: {what}") from error
    digest = hashlib.sha256(model).hexdigest()
    curve = next(iter(losses["train"].values())) if job.losses else []
    return Share(digest, b"" if job.rank else model, curve)


def _check_space(job: Job, features: int, place: Path) -> None:
    """Raise UserError if the rows do not fit on the disk.

    XGBoost would write what fits, and end the process.
    """
    assert job.rows.stop is not None
    # Measured: a byte for each value and ten for each row, and at times two copies.
    size = 1 if job.params.get("max_bin", BINS) <= BINS else 2
    needed = 2 * (job.rows.stop - job.rows.start) * (features * size + 10)
    free = shutil.disk_usage(place).free
    if needed > free:
        raise UserError(
            f"{place.parent}: has {free / 1e6:.1f} MB free, but temporary files of"
            f" worker {job.rank + 1} may take {needed / 1e6:.1f} MB. Fix: make room, or"
            " use more workers"
        )


def _matrix(job: Job, thresholds: Any, bins: int, place: Path) -> Any:
    import xgboost

    class Batches(xgboost.DataIter):  # type: ignore[misc]
        """Gives XGBoost the batches, as often as it asks for them."""

        def __init__(self) -> None:
            super().__init__(cache_prefix=str(place / "rows"))
            self.left = job.batches()

        def reset(self) -> None:
            self.left = job.batches()

        def next(self, input_data: Any) -> bool:
            found = next(self.left, None)
            if found is not None:
                input_data(**found)
            return found is not None

    return xgboost.ExtMemQuantileDMatrix(
        Batches(), ref=thresholds, max_bin=bins, enable_categorical=True
    )


def _counter(file: Path) -> Any:
    from xgboost.callback import TrainingCallback

    class Counter(TrainingCallback):  # type: ignore[misc]
        """Writes the number of iterations to a file."""

        def after_iteration(self, _model: Any, epoch: int, _log: Any) -> bool:
            file.write_text(str(epoch + 1), "utf-8")
            return False

    return Counter()


def _explain(error: BaseException) -> str:
    """Return what XGBoost says, without where in its code it says so."""
    lines = [line for line in str(error).splitlines() if line and "[bt]" not in line]
    said = [line for line in lines if "Stack trace" not in line]
    message = said[-1] if said else first_line(error)
    return message.rpartition("]: ")[2].strip()[:200]


def to_floats(features: Any) -> Any:
    """Return features as XGBoost keeps them."""
    return np.ascontiguousarray(features, dtype=np.float32)
