"""What params.yaml should say: roles of columns, how to split, learn and judge."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from reproducible_ml.adopt.request import Request
from reproducible_ml.adopt.task import (
    ESTIMATORS,
    METRICS,
    Choice,
    Task,
    suits_task,
)
from reproducible_ml.contract.findings import Finding, quoted
from reproducible_ml.contract.schema import Contract, Data
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.parts import read_table
from reproducible_ml.profiling.inferred import InferredColumn

PARAMS = Path("params.yaml")

# Share of the rows before the cut-off when a table is split by time.
EARLY = 0.8

# A gate that suits any table: what people set for another one says nothing of this.
NO_GATE: Mapping[str, Any] = {"metric": None, "floors": {}, "slice_floors": {}}


def same_question(
    wanted: Request, contract: Contract, data: Mapping[str, Any]
) -> Request:
    """Return the wishes with what params.yaml says of the same target, if it suits.

    Args:
        wanted: What the user asks for.
        contract: What the table holds.
        data: The section `data` of params.yaml, which people may have edited.
    """
    target = contract.columns[wanted.target]
    task = data.get("task", "binary")
    if data.get("target") != wanted.target or not suits_task(target, task):
        return wanted
    said = {"task": task} if wanted.task is None else {}
    classes = [True, False] if target.dtype == "bool" else target.isin or ()
    kept = wanted.task in (None, task) and data.get("positive") in classes
    if wanted.positive is None and kept:
        said["positive"] = str(data["positive"])
    return wanted.model_copy(update=said)


def begin_params(
    old: Mapping[str, Any],
    choice: Choice,
    wanted: Request,
    inferred: Mapping[str, InferredColumn],
) -> dict[str, Any]:
    """Return what params.yaml should hold for a table that is new here.

    Args:
        old: What it holds, about another table.
        choice: The task.
        wanted: What the user asks for.
        inferred: What the table looks like.
    """
    params = _copied(old)
    params["split"] = params.get("split", {}) | {"method": "hash", "cutoff": None}
    params["evaluate"] |= {"slices": {}}
    if "gate" in params:
        params["gate"] |= NO_GATE
    _set_task(params, choice.task)
    own = [
        name
        for name, found in inferred.items()
        # One that repeats does not say which row it is.
        if found.kind == "identifier" and found.column.unique
    ]
    return _with_roles(params, {"id": own[:1]}, choice, wanted)


def keep_params(
    old: Mapping[str, Any], choice: Choice, wanted: Request, contract: Contract
) -> dict[str, Any]:
    """Return what params.yaml should hold: edits stay, but for columns that are gone.

    Args:
        old: What it holds.
        choice: The task.
        wanted: What the user asks for.
        contract: What the table holds.
    """
    params = _copied(old)
    data = params["data"]
    columns = contract.columns.keys() - {wanted.target}
    roles = {name: data.get(name) for name in ("group", "time")}
    kept: dict[str, Any] = {n: c for n, c in roles.items() if c in columns}
    kept["id"] = [name for name in data.get("id") or () if name in columns]
    slices = params["evaluate"].get("slices") or {}
    if not slices.keys() <= contract.columns.keys():
        there = {n: cuts for n, cuts in slices.items() if n in contract.columns}
        params["evaluate"] |= {"slices": there}
    before = data.get("task", "binary")
    estimator = params["train"]["estimator"]
    if before != choice.task:
        _set_task(params, choice.task)
    if ESTIMATORS[before] == ESTIMATORS[choice.task]:
        params["train"]["estimator"] = estimator
    _trim_gate(params)
    return _with_roles(params, kept, choice, wanted)


def _copied(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the same content, of which each section may be changed."""
    return {
        # What is no section, as `tracking`, has nothing to do with the table.
        name: section if isinstance(section, str) else dict(section or {})
        for name, section in params.items()
    }


def _trim_gate(params: dict[str, Any]) -> None:
    """Let the gate forget metrics and columns that are no longer there."""
    gate, evaluate = params.get("gate", {}), params["evaluate"]
    metrics, columns = evaluate["metrics"], evaluate.get("slices") or {}
    if gate.get("metric") not in (None, *metrics):
        gate["metric"] = None
    if "floors" in gate:
        gate["floors"] = _of(gate["floors"], metrics)
    if "slice_floors" in gate:
        there = _of(gate["slice_floors"], columns)
        gate["slice_floors"] = {n: _of(floors, metrics) for n, floors in there.items()}


def _of(named: Mapping[str, Any] | None, names: Iterable[str]) -> dict[str, Any]:
    """Return what is said of these names."""
    return {name: value for name, value in (named or {}).items() if name in names}


def _set_task(params: dict[str, Any], task: Task) -> None:
    """Choose the metrics and the estimator of a task."""
    params["evaluate"] |= {"metrics": list(METRICS[task])}
    old = params["train"]["estimator"]
    # The defaults take the same arguments, others may not.
    arguments = old.get("arguments") if old["path"] in ESTIMATORS.values() else None
    new = {"path": ESTIMATORS[task], "arguments": arguments or {}}
    params["train"]["estimator"] = new


def _with_roles(
    params: dict[str, Any], roles: dict[str, Any], choice: Choice, wanted: Request
) -> dict[str, Any]:
    """Return the parameters with the roles of columns, and the split by them."""
    said = params["data"]
    before = said.get("time")
    asked = {"id": wanted.id, "group": wanted.group, "time": wanted.time}
    roles = roles | {name: value for name, value in asked.items() if value is not None}
    data = {
        "target": wanted.target,
        "task": choice.task,
        "positive": choice.positive,
        "id": list(roles["id"]),
        "group": roles.get("group"),
        "time": roles.get("time"),
    }
    # Defaults that people left unsaid stay so.
    params["data"] = {
        name: value
        for name, value in data.items()
        if name in said or value not in (None, [], "binary")
    }
    split = params.setdefault("split", {})
    method = split.get("method", "hash")
    if wanted.time:
        same = method == "time" and before == wanted.time
        split |= {"method": "time"} if same else {"method": "time", "cutoff": None}
    elif wanted.group:
        split |= {"method": "group", "cutoff": None}
    elif method != "hash" and not roles.get(method):
        split |= {"method": "hash", "cutoff": None}
    return params


def lost(
    old: Mapping[str, Any], new: Mapping[str, Any], contract: Contract
) -> Iterator[Finding]:
    """Yield what params.yaml no longer says as the table lost the column."""
    for role in ("id", "group", "time"):
        said = old["data"].get(role) or ()
        for name in [said] if isinstance(said, str) else said:
            if name not in contract.columns:
                yield _lost(f"data.{role}", name)
    for name in old["evaluate"].get("slices") or {}:
        if name not in contract.columns:
            yield _lost("evaluate.slices", name)
    gates = [params.get("gate") or {} for params in (old, new)]
    for name in sorted(
        {*(gates[0].get("floors") or {})} - {*gates[1].get("floors", {})}
    ):
        yield _lost("gate.floors", name)
    if gates[0].get("metric") and not gates[1]["metric"]:
        yield _lost("gate.metric", gates[0]["metric"])
    before = old.get("split", {}).get("method", "hash")
    if before != "hash" and new["split"].get("method") == "hash":
        problem = f"split.method was {before}, but there is no such column any more"
        yield Finding("split", PARAMS, problem, "It is hash now.")


def _lost(key: str, name: str) -> Finding:
    problem = f"{key} names {quoted(name)}, which is gone"
    return Finding("gone column", PARAMS, problem, "It is left out.")


def check_roles(contract: Contract, data: Data) -> None:
    """Raise UserError if a column cannot have the role that it is given."""
    for role, names in (("id", data.id), ("group", (data.group,))):
        if data.target in names:
            raise UserError(
                f"--{role} {data.target}: {quoted(data.target)} is the target"
            )
    time = contract.columns.get(str(data.time))
    if time and time.dtype != "datetime64[ns]":
        raise UserError(
            f"TIME={data.time}: {quoted(str(data.time))} holds no dates,"
            f" but {time.dtype}"
        )


def find_cutoff(table: Path, time: str) -> str:
    """Return the day from which on the last fifth of the rows is, or a later one.

    Raises:
        UserError: All rows are of one day.
    """
    days = read_table(table, [time])[time].dt.normalize().sort_values()
    later = days[days > days.iloc[0]]
    if later.empty:
        raise UserError(f"TIME={time}: all rows are of one day")
    return str(max(days.iloc[int(len(days) * EARLY)], later.iloc[0]).date())
