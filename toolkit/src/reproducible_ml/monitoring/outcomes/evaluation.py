"""Evaluate answers by the labels that became known, with the metrics of the project.

Metrics have the intervals of `evaluate`. They are computed for each version of the
model, all its answers and those of each window of time, and for groups of rows.
"""

import datetime
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from reproducible_ml.contract.target import read_target
from reproducible_ml.core.errors import UserError
from reproducible_ml.modeling.metrics.metric import Metrics, Predictions
from reproducible_ml.modeling.scoring.scores import (
    Scores,
    describe,
    finite,
    score_rows,
    score_slices,
    take,
)
from reproducible_ml.monitoring.outcomes.calibration import (
    calibrate,
    calibration_metrics,
    reliability,
)
from reproducible_ml.monitoring.outcomes.delay import estimate_delay
from reproducible_ml.monitoring.outcomes.joined import VERSION, Joined
from reproducible_ml.monitoring.outcomes.registered import Registered
from reproducible_ml.monitoring.outcomes.result import (
    MetricOutcome,
    Outcomes,
    Scope,
    VersionOutcome,
    decide,
)
from reproducible_ml.monitoring.outcomes.worse import (
    Measured,
    compare,
    has_classes,
    rows_needed,
)
from reproducible_ml.monitoring.windows import DAY, Width, label, starts
from reproducible_ml.report.results import Group
from reproducible_ml.serving.feedback import ID, KEY, LABEL, ROW
from reproducible_ml.serving.model import Model
from reproducible_ml.serving.read_log import PREDICTION, PROBABILITY

# Rows of a window whose bootstrap is computed, at least.
LEAST = 1000


class Plan(NamedTuple):
    """What is computed.

    Attributes:
        metrics: By name.
        width: Of the windows.
        slices: Columns to slice by, with bounds.
        replicates: Of the bootstrap.
        interval_rows: Rows that it is computed of, at most.
        metric: The one that is drawn, and that a loss is allowed of.
        tolerance: This loss.
    """

    metrics: Metrics
    width: Width
    slices: Mapping[str, tuple[float, ...]]
    replicates: int
    interval_rows: int
    metric: str
    tolerance: float = 0.0


def evaluate(
    joined: Joined,
    model: Model,
    registered: Mapping[str, Registered],
    plan: Plan,
) -> Outcomes:
    """Return how well answers were.

    Args:
        joined: Answers and labels.
        model: Knows the task; its threshold is that of versions without a manifest.
        registered: By version.
        plan: What is computed.

    Raises:
        UserError: The log lacks the probabilities that the metrics need.
    """
    answers = joined.answers
    answers = answers.assign(window=starts(answers["time"].to_numpy(), plan.width))
    returned = answers[answers["returned"]]
    newest = returned["time"] > returned["time"].max() - DAY
    latest = {*returned.loc[newest, VERSION]}
    versions = [
        _evaluate_version(
            group,
            str(version),
            shadow=not is_returned,
            current=version in latest,
            model=model,
            registered=registered.get(str(version)),
            plan=plan,
        )
        for (version, is_returned), group in answers.groupby(
            [VERSION, "returned"], sort=False
        )
    ]
    for each in versions:
        each.current &= not each.shadow
    versions.sort(key=lambda each: (not each.current, each.shadow))
    now = datetime.datetime.now(datetime.UTC)
    found = Outcomes(
        time=now.isoformat(timespec="seconds"),
        versions=versions,
        counts=joined.counts._asdict(),
        window=plan.width,
        delay=estimate_delay(answers),
        metric=plan.metric,
    )
    decide(found, plan.tolerance)
    return found


def _evaluate_version(
    answers: pd.DataFrame,
    version: str,
    *,
    shadow: bool,
    current: bool,
    model: Model,
    registered: Registered | None,
    plan: Plan,
) -> VersionOutcome:
    labelled = answers[answers[LABEL].notna()]
    rows, labelled = predictions_of(labelled, model, registered)
    row_keys = _row_keys(labelled)
    windows = list(_windows(answers, labelled))
    limit = max(LEAST, plan.interval_rows // max(1, len(windows)))
    every = np.ones(len(labelled), dtype=bool)
    found = VersionOutcome(
        version=version,
        name=registered.name if registered else None,
        shadow=shadow,
        current=current,
        needed=_needed(registered, plan),
        all=_scope(
            "all",
            None,
            len(answers),
            rows,
            row_keys,
            every,
            model,
            registered,
            plan,
            plan.interval_rows,
        ),
        reliability=reliability(rows),
    )
    if len(windows) > 1:
        found.windows = [
            _scope(
                label(start, plan.width),
                start,
                number,
                rows,
                row_keys,
                mask,
                model,
                registered,
                plan,
                limit,
            )
            for start, number, mask in windows
        ]
    wanted = {n: cuts for n, cuts in plan.slices.items() if n in labelled}
    if wanted and len(labelled):
        columns = labelled[list(wanted)].set_axis(row_keys)
        groups = score_slices(
            rows, columns, plan.metrics, wanted, plan.replicates, plan.interval_rows
        )
        found.slices = {
            name: [Group.model_validate(each) for each in listed]
            for name, listed in groups.items()
        }
        if registered and registered.evaluation:
            found.registered_slices = registered.evaluation.slices
    return found


def _needed(registered: Registered | None, plan: Plan) -> int | None:
    if registered is None or registered.bootstrap is None:
        return None
    return rows_needed(registered.bootstrap.rows, len(plan.metrics))


def predictions_of(
    labelled: pd.DataFrame, model: Model, registered: Registered | None
) -> tuple[Predictions, pd.DataFrame]:
    """Return what was predicted and is true, and the rows of which both are known."""
    data, names = model.data, model.task.names
    if data.task == "regression":
        columns = [PREDICTION]
    elif data.task == "binary":
        columns = [PROBABILITY]
    else:
        columns = [f"{PROBABILITY}_{names[code]}" for code in sorted(names)]
    if missing := [name for name in columns if name not in labelled]:
        raise UserError(
            f'the log has no column "{missing[0]}", which metrics need. Fix: let'
            " `predict` in deployment/predict.py answer it"
        )
    output = labelled[columns].apply(pd.to_numeric, errors="coerce")
    # A project may leave rows without an answer; another version lack a class.
    if data.task == "multiclass":
        output = output.fillna(0.0).where(output.notna().any(axis=1))
    known = output.notna().all(axis=1).to_numpy()
    labelled, output = labelled[known], output[known]
    target = labelled[LABEL].rename(data.target).to_frame()
    actual = model.task.actual(read_target(target, data))
    values = output.to_numpy(dtype=np.float64)
    if data.task != "multiclass":
        values = np.ascontiguousarray(values[:, 0])
    threshold = registered.threshold if registered else None
    return (
        Predictions(
            actual, values, model.threshold if threshold is None else threshold
        ),
        labelled,
    )


def _row_keys(labelled: pd.DataFrame) -> npt.NDArray[np.uint64]:
    """Return a key of each row for the bootstrap: equal rows count as one case."""
    own = labelled[ID].astype(str) + " " + labelled[ROW].astype(str)
    hashed = pd.util.hash_array(own.to_numpy(dtype=object))
    is_known = labelled[KEY].notna().to_numpy()
    texts = labelled[KEY].fillna("0").to_numpy()
    keys = np.array([int(text, 16) for text in texts], dtype=np.uint64)
    return np.where(is_known, keys, hashed).astype(np.uint64)


def _windows(
    answers: pd.DataFrame, labelled: pd.DataFrame
) -> Iterator[tuple[int, int, npt.NDArray[np.bool_]]]:
    """Yield start, number of answers, and mask of the labelled ones of each window."""
    own = labelled["window"].to_numpy()
    for start, number in answers["window"].value_counts().sort_index().items():
        yield int(str(start)), int(number), own == start


def _scope(
    name: str,
    start: int | None,
    answered: int,
    rows: Predictions,
    row_keys: npt.NDArray[np.uint64],
    mask: npt.NDArray[np.bool_],
    model: Model,
    registered: Registered | None,
    plan: Plan,
    limit: int,
) -> Scope:
    scope = Scope(name=name, start=start, answered=answered, labelled=int(mask.sum()))
    if not scope.labelled:
        return scope
    some = take(rows, mask)
    extra = calibration_metrics(model.task, is_binary=model.data.task == "binary")
    scores = score_rows(
        some, row_keys[mask], {**plan.metrics, **extra}, plan.replicates, limit
    )
    scope.calibration = calibrate(some, scores, model.task)
    scope.metrics = [*_compared(some, scores, registered, plan)]
    return scope


def _compared(
    labelled: Predictions, scores: Scores, registered: Registered | None, plan: Plan
) -> Iterator[MetricOutcome]:
    """Yield the metrics, compared with those of the test rows where that is possible.

    The verdict on those that are compared is left to `decide`.
    """
    described = describe(scores)
    needed, rows = _needed(registered, plan), len(labelled.actual)
    enough = needed is not None and rows >= needed and has_classes(labelled.actual)
    for name, metric in plan.metrics.items():
        found = MetricOutcome(name=name, **described[name])
        test = registered.replicates(name) if registered else None
        if registered and name in registered.metrics:
            found.registered = registered.metrics[name]
        if registered and registered.bootstrap and test is not None:
            loss = compare(
                Measured(scores.metrics[name], scores.replicates[name], rows),
                Measured(registered.metrics[name], test, registered.bootstrap.rows),
                greater_is_better=metric.greater_is_better,
            )
            found.verdict = "undefined"
            if loss:
                kept = scores.decimals[name]
                found.difference = finite(loss.difference, kept)
                if loss.interval:
                    found.difference_low = finite(loss.interval[0], kept)
                    found.difference_high = finite(loss.interval[1], kept)
                found.p = loss.p if enough else None
                found.verdict = "within noise" if enough else "too few labels"
        yield found
