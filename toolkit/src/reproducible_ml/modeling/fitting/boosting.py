"""Fit XGBoost to a table of any size, by one process or several that work together.

Each process reads its own rows of the table, part by part, and keeps them as small
numbers in a file (XGBoost's external memory). The processes add up their histograms
after each level of a tree, so all of them end with the same model.

The thresholds that trees may split at are those of some rows of the table, chosen by
their keys, as HistGradientBoosting has them from 200,000 rows. So they depend neither
on how many processes there are, nor on which rows each of them reads. What is left are
sums of floating-point numbers, whose last bits may depend on that: the number of
processes is a parameter of the model.
"""

import hashlib
import shutil
import socket
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline
from tqdm import tqdm

from reproducible_ml.contract.schema import Data
from reproducible_ml.contract.target import read_target
from reproducible_ml.core.errors import UserError, first_line
from reproducible_ml.core.files import write_text
from reproducible_ml.core.parallel import connect
from reproducible_ml.core.params import Compute
from reproducible_ml.core.parts import Rows, count_rows, parts, rows_of, sample_table
from reproducible_ml.core.together import Lost, run_together
from reproducible_ml.modeling.fitting.batches import class_weights, temporary_folder
from reproducible_ml.modeling.fitting.estimator import TABLE, logged
from reproducible_ml.modeling.metrics.metric import DECIMALS
from reproducible_ml.modeling.metrics.tasks import steps
from reproducible_ml.modeling.model.training_rows import ORDER

# Rows that features are fitted to, and that thresholds come from.
SAMPLE_ROWS = 200_000

# Thresholds of a feature, unless `max_bin` is set.
BINS = 256

# Losses of XGBoost, by task.
LOSSES = {"binary": "logloss", "multiclass": "mlogloss", "regression": "rmse"}

# Seconds that a process waits for another, which may have much more to read. The death
# of one is noticed otherwise.
PATIENCE = 24 * 3600

KEY = "train.workers"

# Files in the folder of the run: rows for thresholds, and the number of trees so far.
THRESHOLDS, ROUND = "thresholds.npy", "round"


class Settings(NamedTuple):
    """How to fit.

    Attributes:
        workers: Number of processes.
        batch_rows: Rows that a process has in memory at a time.
        class_weight: As in params.yaml.
        live_steps: How often the loss is logged.
    """

    workers: int
    batch_rows: int
    class_weight: str | None = None
    live_steps: int = 0


def is_boosted(estimator: Any) -> bool:
    """Return whether the estimator is XGBoost's, which this module fits."""
    known = ("XGBClassifier", "XGBRegressor")
    return type(estimator).__name__ in known and hasattr(
        estimator, "categorical_features"
    )


def check_boosted(estimator: Any, *, again: bool = False) -> None:
    """Raise UserError if it cannot be fitted so.

    Args:
        estimator: Unfitted.
        again: Whether it is to see rows more than once, or to continue a model.
    """
    if again:
        raise UserError(
            "params.yaml: train.passes and train.updates are for estimators with"
            " partial_fit: XGBoost sees all rows for each tree. Fix: remove them"
        )
    given = estimator.get_params()
    wanted: dict[str, tuple[Any, ...]] = {
        "booster": (None, "gbtree"),
        "tree_method": (None, "auto", "hist"),
        "early_stopping_rounds": (None,),
        "device": (None, "cpu"),
    }
    for name, allowed in wanted.items():
        if given.get(name) not in allowed:
            raise UserError(
                f"params.yaml: train.estimator.arguments: {name}: {given[name]} needs"
                " all rows in memory, which train.batch_rows avoids. Fix: remove one of"
                " them"
            )


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


class Fitted(NamedTuple):
    """A pipeline, and the number of its training rows.

    Attributes:
        pipeline: Fitted.
        rows: Number of all rows.
        counts: Number by class, as `read_target` has it; empty for numbers.
    """

    pipeline: Pipeline
    rows: int
    counts: dict[Any, int]


def fit_boosted(
    pipeline: Pipeline,
    rows: Rows,
    columns: Sequence[str],
    data: Data,
    settings: Settings,
    compute: Compute,
    folder: Path,
    progress: Path | None = None,
) -> Fitted:
    """Fit a pipeline that ends with an estimator of XGBoost.

    Args:
        pipeline: Unfitted; it is changed.
        rows: Training rows.
        columns: Those that features are made of.
        data: Roles of the columns.
        settings: How to fit.
        compute: Where the processes run: see `core.together`.
        folder: For temporary files; it is removed in the end.
        progress: Folder for the loss during training; None: not written.

    Raises:
        UserError: A process failed, or there are too few workers or parts.
    """
    estimator = pipeline.named_steps["estimator"]
    check_boosted(estimator)
    total, counts = count_classes(rows, data)
    shares = share_rows(rows, settings.workers)
    with temporary_folder(folder):
        first = _prepare(
            pipeline, rows, columns, data, settings, compute, counts, folder
        )
        losses = bool(settings.live_steps and progress)
        with (
            _tracker(settings.workers, compute) as tracker,
            _bar(first.rounds, folder) as watch,
        ):
            jobs = [
                first._replace(rank=rank, rows=share, losses=losses, tracker=tracker)
                for rank, share in enumerate(shares)
            ]
            found = run_together(
                fit_share, [(job,) for job in jobs], compute, folder, KEY, watch
            )
    if len({each.digest for each in found}) > 1:
        raise UserError(
            "params.yaml: train.estimator: the workers ended with different models."
            " Fix: check that all of them have the same processor and packages"
        )
    estimator.load_model(bytearray(found[0].model))
    if counts:
        estimator.labels_ = np.array(sorted(counts))
    _write_losses(found[0].losses, settings.live_steps, progress)
    return Fitted(pipeline, total, counts)


def _prepare(
    pipeline: Pipeline,
    rows: Rows,
    columns: Sequence[str],
    data: Data,
    settings: Settings,
    compute: Compute,
    counts: Mapping[Any, int],
    folder: Path,
) -> Job:
    """Fit what makes features, write rows for thresholds, and return a first job."""
    from reproducible_ml.modeling.model.boosting import feature_types

    estimator, features = pipeline.named_steps["estimator"], pipeline[:-1]
    used = list(dict.fromkeys([*columns, data.target]))
    sample = sample_table(rows, SAMPLE_ROWS, ORDER, used)
    features.fit(sample[list(columns)], read_target(sample, data))
    known = to_floats(features.transform(sample[list(columns)]))
    kinds = feature_types(estimator, known.shape[1])
    try:
        np.save(folder / THRESHOLDS, _with_all_codes(known, features, kinds))
    except OSError as error:
        # NumPy does not say where.
        raise UserError(f"{folder}: cannot be written ({error})") from error
    return Job(
        0,
        rows,
        features,
        list(columns),
        data,
        sorted(counts),
        class_weights(counts) if settings.class_weight else {},
        _params(estimator, len(counts), data.task),
        estimator.get_num_boosting_rounds(),
        kinds,
        settings.batch_rows,
        False,
        {},
        folder.resolve(),
        compute.backend != "dask",
    )


def share_rows(rows: Rows, workers: int) -> list[Rows]:
    """Return the rows that each worker reads: whole parts that follow one another.

    Args:
        rows: All of them.
        workers: Number of workers.

    Raises:
        UserError: There are fewer parts than workers.
    """
    ends = np.cumsum([rows_of(part) for part in parts(rows.table)])
    wanted = np.linspace(0, ends[-1], workers + 1)[1:]
    # The end of the part that is closest to an equal share.
    stops = [int(ends[np.abs(ends - at).argmin()]) for at in wanted]
    starts = [0, *stops[:-1]]
    if any(start >= stop for start, stop in zip(starts, stops, strict=True)):
        raise UserError(
            f"params.yaml: {KEY}: {workers}, but {rows.table} has only {len(ends)}"
            " parts, of which each worker reads its own. Fix: decrease"
            " compute.rows_per_part or train.workers"
        )
    return [
        rows._replace(start=start, stop=stop)
        for start, stop in zip(starts, stops, strict=True)
    ]


def count_classes(rows: Rows, data: Data) -> tuple[int, dict[Any, int]]:
    """Return the number of rows, and of those of each class; none for regression."""
    if data.task == "regression" and rows.below is None:
        return count_rows(rows.table), {}
    total, counts = 0, Counter[Any]()
    for frame in rows.frames([data.target]):
        total += len(frame)
        if data.task != "regression":
            counts.update(read_target(frame, data).value_counts().to_dict())
    return total, {label: count for label, count in counts.items() if count}


def to_floats(features: Any) -> Any:
    """Return features as XGBoost keeps them."""
    return np.ascontiguousarray(features, dtype=np.float32)


def _with_all_codes(known: Any, features: Any, kinds: list[str] | None) -> Any:
    """Return the rows, and one that has the last code of each category.

    A rare category may be in no row of the sample, but has to have its threshold.
    """
    if kinds is None:
        return known
    last = np.full((1, len(kinds)), np.nan, dtype=np.float32)
    encoder = features.named_steps["features"].named_transformers_["categorical"]
    for place, values in enumerate(encoder.categories.values()):
        last[0, place] = len(values) - 1
    return np.concatenate([known, last])


def _params(estimator: Any, classes: int, task: str) -> dict[str, Any]:
    """Return the parameters of XGBoost, but for the number of threads."""
    given = estimator.get_xgb_params()
    params = {k: v for k, v in given.items() if v is not None and k != "n_jobs"}
    if classes > 2:
        params |= {"objective": "multi:softprob", "num_class": classes}
    return params | {"eval_metric": LOSSES[task]}


@contextmanager
def _tracker(workers: int, compute: Compute) -> Iterator[dict[str, Any]]:
    """Yield how processes find each other, as long as they may."""
    if workers == 1:
        yield {}
        return
    from xgboost.tracker import RabitTracker

    host = "127.0.0.1"
    if compute.backend == "dask":
        client = connect(compute, workers)
        scheduler = urlsplit(client.scheduler.address)
        host = _own_address(str(scheduler.hostname), scheduler.port or 80)
    tracker = RabitTracker(n_workers=workers, host_ip=host, sortby="task")
    tracker.start()
    try:
        yield tracker.worker_args()
    finally:
        # It says again what the workers have said.
        with suppress(Exception):
            tracker.free()


def _own_address(host: str, port: int) -> str:
    """Return the address of this machine that another one sees."""
    with socket.socket(
        socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM
    ) as connection:
        # Nothing is sent.
        connection.connect((host, port))
        return str(connection.getsockname()[0])


@contextmanager
def _bar(rounds: int, folder: Path) -> Iterator[Callable[[], None]]:
    """Show how many iterations are done, as a file in the folder says."""
    with tqdm(
        total=rounds, desc="train", unit=" iterations", disable=None, leave=False
    ) as bar:

        def watch() -> None:
            with suppress(OSError, ValueError):
                bar.update(int((folder / ROUND).read_text("utf-8")) - bar.n)

        yield watch


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
    told = [line for line in lines if "Stack trace" not in line]
    message = told[-1] if told else first_line(error)
    return message.rpartition("]: ")[2].strip()[:200]


def _write_losses(losses: list[float], live_steps: int, folder: Path | None) -> None:
    """Write the loss after some of the iterations, as `fit_in_steps` does."""
    if folder is None:
        return
    wanted = steps(len(losses), live_steps) if losses else []
    if not wanted:
        write_text("step\tloss\n", folder / TABLE)
        return
    for live, step in logged(wanted, folder):
        live.log_metric("loss", round(losses[step - 1], DECIMALS))
