"""Fit XGBoost to a table of any size, by one process or several that work together.

Each process reads its own rows of the table: see `boosting_worker`.

The thresholds that trees may split at are those of some rows of the table, chosen by
their keys, as HistGradientBoosting has them from 200,000 rows. So they depend neither
on how many processes there are, nor on which rows each of them reads. What is left are
sums of floating-point numbers, whose last bits may depend on that: the number of
processes is a parameter of the model.
"""

import socket
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import numpy as np
from sklearn.pipeline import Pipeline
from tqdm import tqdm

from reproducible_ml.contract.schema import Data
from reproducible_ml.contract.target import read_target
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.files import temporary_folder, write_text
from reproducible_ml.core.parallel import connect
from reproducible_ml.core.params import Compute
from reproducible_ml.core.parts import Rows, count_rows, parts, rows_of, sample_table
from reproducible_ml.core.together import run_together
from reproducible_ml.modeling.fitting.batches import class_weights
from reproducible_ml.modeling.fitting.boosting_worker import (
    KEY,
    ROUND,
    THRESHOLDS,
    Job,
    fit_share,
    to_floats,
)
from reproducible_ml.modeling.fitting.estimator import TABLE, logged
from reproducible_ml.modeling.metrics.metric import DECIMALS
from reproducible_ml.modeling.metrics.tasks import steps
from reproducible_ml.modeling.model.training_rows import ORDER

# Rows that features are fitted to, and that thresholds come from.
SAMPLE_ROWS = 200_000

# Losses of XGBoost, by task.
LOSSES = {"binary": "logloss", "multiclass": "mlogloss", "regression": "rmse"}


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
