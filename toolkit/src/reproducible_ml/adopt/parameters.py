"""Parameters for a table: roles of columns, split, estimator, metrics and gate."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from reproducible_ml.adopt.request import Request, Task, TaskChoice, suits_task
from reproducible_ml.contract.findings import Finding, quoted
from reproducible_ml.contract.schema import PERIODIC, CalendarField, Contract, Data
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.files import PARAMS
from reproducible_ml.core.parts import read_table
from reproducible_ml.modeling.scoring.gaps import GAPS
from reproducible_ml.profiling.inferred import InferredColumn

# Share of the rows before the cutoff when a table is split by time, and others to try.
EARLY = (0.8, 0.75, 0.7, 0.65, 0.6, 0.55, 0.5, 0.85, 0.9)

# Share of the months, days of the week or hours that must come back to be features.
OFTEN = 0.5

# Different days of the month in rows of one day a month: 28 to 31 are the last ones.
MONTHLY = 4

# A gate for any table: bounds that were set for another one do not apply.
NO_GATE: Mapping[str, Any] = {"metric": None, "floors": {}, "slice_floors": {}}

ESTIMATORS: dict[Task, str] = {
    "binary": "sklearn.ensemble.HistGradientBoostingClassifier",
    "multiclass": "sklearn.ensemble.HistGradientBoostingClassifier",
    "regression": "sklearn.ensemble.HistGradientBoostingRegressor",
}

METRICS: dict[Task, tuple[str, ...]] = {
    "binary": (
        "roc_auc",
        "average_precision",
        "accuracy",
        "f1",
        "brier_score_loss",
        "log_loss",
    ),
    "multiclass": (
        "balanced_accuracy",
        "accuracy",
        "f1_macro",
        "f1_micro",
        "roc_auc_ovr",
        "log_loss",
    ),
    "regression": ("rmse", "mae", "r2"),
}


def keep_task(request: Request, contract: Contract, data: Mapping[str, Any]) -> Request:
    """Return the request with the task that params.yaml has for the same target.

    Args:
        request: What the user asks for.
        contract: What the table holds.
        data: The section `data` of params.yaml, which users may have edited.

    Returns:
        The request as it was if the target is another, or no longer suits the task.
    """
    target = contract.columns[request.target]
    task = data.get("task", "binary")
    if data.get("target") != request.target or not suits_task(target, task):
        return request
    known = {"task": task} if request.task is None else {}
    classes = [True, False] if target.dtype == "bool" else target.isin or ()
    kept = request.task in (None, task) and data.get("positive") in classes
    if request.positive is None and kept:
        known["positive"] = str(data["positive"])
    return request.model_copy(update=known)


def new_params(
    old: Mapping[str, Any],
    choice: TaskChoice,
    request: Request,
    inferred: Mapping[str, InferredColumn],
) -> dict[str, Any]:
    """Return the parameters for a new table.

    Args:
        old: Those for the table before.
        choice: The task.
        request: What the user asks for.
        inferred: What the table looks like.
    """
    params = _copied(old)
    params["split"] = params.get("split", {}) | {"method": "hash", "cutoff": None}
    params["evaluate"] |= {"slices": {}} | _reset(
        params["evaluate"], {"protected": {}, "intersections": []}
    )
    if "gate" in params:
        params["gate"] |= {**NO_GATE} | _reset(params["gate"], {"max_group_gap": {}})
    _set_task(params, choice.task)
    own = [
        name
        for name, found in inferred.items()
        # One with repeated values does not identify a row.
        if found.kind == "identifier" and found.column.unique
    ]
    return _with_roles(params, {"id": own[:1]}, choice, request)


def updated_params(
    old: Mapping[str, Any], choice: TaskChoice, request: Request, contract: Contract
) -> dict[str, Any]:
    """Return the parameters with all edits, except for columns that are gone.

    Args:
        old: As they are.
        choice: The task.
        request: What the user asks for.
        contract: What the table holds.
    """
    params = _copied(old)
    data = params["data"]
    columns = contract.columns.keys() - {request.target}
    roles = {name: data.get(name) for name in ("group", "time")}
    kept: dict[str, Any] = {n: c for n, c in roles.items() if c in columns}
    kept["id"] = [name for name in data.get("id") or () if name in columns]
    _trim_groups(params["evaluate"], contract, request.target)
    before = data.get("task", "binary")
    estimator = params["train"]["estimator"]
    if before != choice.task:
        _set_task(params, choice.task)
    if ESTIMATORS[before] == ESTIMATORS[choice.task]:
        params["train"]["estimator"] = estimator
    _trim_gate(params, choice.task)
    return _with_roles(params, kept, choice, request)


def _copied(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy whose sections can be changed."""
    return {
        # A value without a section, as `tracking`, does not depend on the table.
        name: section if isinstance(section, str) else dict(section or {})
        for name, section in params.items()
    }


def _reset(section: Mapping[str, Any], empty: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings without a value, as far as they are in the section."""
    return {name: value for name, value in empty.items() if name in section}


def _trim_groups(evaluate: dict[str, Any], contract: Contract, target: str) -> None:
    """Remove columns that are no longer there from the groups that are scored."""
    for key, columns in (
        ("slices", contract.columns.keys()),
        ("protected", contract.columns.keys() - {target}),
    ):
        groups = evaluate.get(key) or {}
        if not groups.keys() <= columns:
            evaluate[key] = _of(groups, columns)
    if together := evaluate.get("intersections"):
        there = (evaluate.get("protected") or {}).keys()
        evaluate["intersections"] = [n for n in together if {*n} <= there]


def _trim_gate(params: dict[str, Any], task: Task) -> None:
    """Remove metrics and columns from the gate that are no longer there."""
    gate, evaluate = params.get("gate", {}), params["evaluate"]
    if "max_group_gap" in gate:
        known = GAPS[task] if evaluate.get("protected") else ()
        gate["max_group_gap"] = _of(gate["max_group_gap"], known)
    metrics, columns = evaluate["metrics"], evaluate.get("slices") or {}
    if gate.get("metric") not in (None, *metrics):
        gate["metric"] = None
    if "floors" in gate:
        gate["floors"] = _of(gate["floors"], metrics)
    if "slice_floors" in gate:
        there = _of(gate["slice_floors"], columns)
        gate["slice_floors"] = {n: _of(floors, metrics) for n, floors in there.items()}


def _of(named: Mapping[str, Any] | None, names: Iterable[str]) -> dict[str, Any]:
    """Return the values of these names."""
    return {name: value for name, value in (named or {}).items() if name in names}


def _set_task(params: dict[str, Any], task: Task) -> None:
    """Set the metrics and the estimator of a task."""
    params["evaluate"] |= {"metrics": list(METRICS[task])}
    old = params["train"]["estimator"]
    # The default estimators take the same arguments; others may not.
    arguments = old.get("arguments") if old["path"] in ESTIMATORS.values() else None
    new = {"path": ESTIMATORS[task], "arguments": arguments or {}}
    params["train"]["estimator"] = new


def _with_roles(
    params: dict[str, Any], roles: dict[str, Any], choice: TaskChoice, request: Request
) -> dict[str, Any]:
    """Return the parameters with the roles of columns, and the split by them."""
    old = params["data"]
    before = old.get("time")
    given = {"id": request.id, "group": request.group, "time": request.time}
    roles = roles | {name: value for name, value in given.items() if value is not None}
    data = {
        "target": request.target,
        "task": choice.task,
        "positive": choice.positive,
        "id": list(roles["id"]),
        "group": roles.get("group"),
        "time": roles.get("time"),
    }
    # Defaults that were not written stay unwritten.
    params["data"] = {
        name: value
        for name, value in data.items()
        if name in old or value not in (None, [], "binary")
    }
    split = params.setdefault("split", {})
    method = split.get("method", "hash")
    if request.time:
        same = method == "time" and before == request.time
        split |= {"method": "time"} if same else {"method": "time", "cutoff": None}
    elif request.group:
        split |= {"method": "group", "cutoff": None}
    elif method in ("group", "time") and not roles.get(method):
        split |= {"method": "hash", "cutoff": None}
    return params


def dropped_settings(
    old: Mapping[str, Any], new: Mapping[str, Any], contract: Contract
) -> Iterator[Finding]:
    """Yield a warning for each setting that went with its column or metric."""
    for role in ("id", "group", "time"):
        names = old["data"].get(role) or ()
        for name in [names] if isinstance(names, str) else names:
            if name not in contract.columns:
                yield _dropped(f"data.{role}", name)
    for key in ("slices", "protected"):
        for name in old["evaluate"].get(key) or {}:
            if name not in (new["evaluate"].get(key) or {}):
                yield _dropped(f"evaluate.{key}", name)
    gates = [params.get("gate") or {} for params in (old, new)]
    for name in sorted(
        {*(gates[0].get("floors") or {})} - {*gates[1].get("floors", {})}
    ):
        yield _dropped("gate.floors", name)
    for name in sorted(
        {*(gates[0].get("max_group_gap") or {})} - {*gates[1].get("max_group_gap", {})}
    ):
        yield _dropped("gate.max_group_gap", name)
    if gates[0].get("metric") and not gates[1]["metric"]:
        yield _dropped("gate.metric", gates[0]["metric"])
    before = old.get("split", {}).get("method", "hash")
    if before != "hash" and new["split"].get("method") == "hash":
        problem = f"split.method was {before}, but its column is gone"
        fix = "It is hash now: set it in params.yaml if it should be another."
        yield Finding("dropped setting", PARAMS, problem, fix)


def _dropped(key: str, name: str) -> Finding:
    problem = f"{key} names {quoted(name)}, which is gone"
    fix = "It was removed: name another one in params.yaml if it is needed."
    return Finding("dropped setting", PARAMS, problem, fix)


def check_roles(contract: Contract, data: Data) -> None:
    """Raise UserError if a column cannot have the role that it was given."""
    for role, names in (("id", data.id), ("group", (data.group,))):
        if data.target in names:
            raise UserError(
                f"--{role} {data.target}: {quoted(data.target)} is the target. Name"
                " another column."
            )
    time = contract.columns.get(data.time or "")
    if time and time.dtype != "datetime64[ns]":
        held = "texts" if time.dtype in ("str", "category") else "numbers"
        raise UserError(
            f"--time {data.time}: {quoted(str(data.time))} holds {held}, not dates in a"
            " format that is known. Export it like 2026-01-31 or 2026-01, or name"
            " another column."
        )


def with_calendar(contract: Contract, table: Path, data: Data, cutoff: Any) -> Contract:
    """Return the contract with the features of the time column, unless it has them.

    Args:
        contract: Its columns.
        table: Folder of parts.
        data: Roles of the columns.
        cutoff: Day from which on rows are for testing; None: the split is another one.
    """
    column = contract.columns.get(data.time or "")
    if column is None or data.time in data.id or not column.is_used:
        return contract
    if column.metadata.calendar is not None:
        return contract
    dates = read_table(table, [str(data.time)])[data.time]
    known = dates if cutoff is None else dates[dates < pd.Timestamp(cutoff)]
    metadata = column.metadata.model_copy(update={"calendar": periodic_fields(known)})
    changed = {str(data.time): column.model_copy(update={"metadata": metadata})}
    return contract.model_copy(update={"columns": contract.columns | changed})


def periodic_fields(dates: pd.Series) -> tuple[CalendarField, ...]:
    """Return month, day of the week or hour, if they vary, and most come back.

    In rows of a few months, the month is a trend: later rows have other ones. In rows
    of each first or last day of a month, the day of the week is chance.
    """
    cycles = dict(zip(PERIODIC, ("Y", "W", "D"), strict=True))
    found = [f for f, cycle in cycles.items() if _comes_back(dates, f, cycle)]
    monthly = dates.dt.day.nunique() <= MONTHLY
    return tuple(f for f in found if not (monthly and f == "day_of_week"))


def _comes_back(dates: pd.Series, field: str, cycle: str) -> bool:
    """Return whether most values of a field are in several of its cycles."""
    pairs = {"cycle": dates.dt.to_period(cycle), "value": getattr(dates.dt, field)}
    counts = pd.DataFrame(pairs).drop_duplicates()["value"].value_counts()
    return len(counts) > 1 and bool((counts > 1).mean() > OFTEN)


def cutoffs(table: Path, time: str) -> Iterator[str]:
    """Yield days to split a table by time at, the best first, as 2026-01-31.

    It is the one that the last fifth of the rows begins with, then those of other
    shares. All are later than the first day, so that there are training rows.

    Raises:
        UserError: All rows are of one day.
    """
    days = read_table(table, [time])[time].dropna().dt.normalize().sort_values()
    later = days[days > days.min()]
    if later.empty:
        raise UserError(
            f"--time {time}: all rows are of one day. Name another column, or leave"
            " it out for a random split."
        )
    found = [max(days.iloc[int(len(days) * share)], later.iloc[0]) for share in EARLY]
    yield from dict.fromkeys(str(day.date()) for day in found)
