"""From a table to a proposal: contract, roles and task, all of it checked."""

import difflib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from reproducible_ml.datasets.adoption.form import Read, read_table_form
from reproducible_ml.datasets.adoption.merge import merge
from reproducible_ml.datasets.adoption.task import (
    ESTIMATORS,
    METRICS,
    Choice,
    Task,
    choose_task,
)
from reproducible_ml.datasets.findings import Finding, Rejected, quoted, reject
from reproducible_ml.datasets.inference.infer import Hints, Inferred
from reproducible_ml.datasets.reading.raw import raw_files
from reproducible_ml.datasets.schema import Contract
from reproducible_ml.datasets.suspicion.suspicions import judge
from reproducible_ml.datasets.tables import read_table
from reproducible_ml.datasets.validate import validate_table
from reproducible_ml.errors import UserError
from reproducible_ml.files import replacing_folder
from reproducible_ml.params import Params, Section

EXCLUDED = (
    "It is excluded: remove its treatment in data/schema.yaml if it is known when a"
    " prediction is wanted."
)

# Share of the rows before the cut-off when a table is split by time.
EARLY = 0.8


class Wanted(Section):
    """What the user asks for; None where the table is to decide."""

    target: str
    task: Task | None = None
    positive: str | None = None
    id: tuple[str, ...] | None = None
    group: str | None = None
    time: str | None = None
    day_first: bool | None = None
    decimal: Literal[".", ","] | None = None
    text: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def named(self) -> list[str]:
        """The columns that the table must have."""
        names = [self.target, *(self.id or ()), self.group, self.time, *self.text]
        return [name for name in names if name is not None]


class Context(NamedTuple):
    """What there is already, and where to work.

    Attributes:
        params: What params.yaml holds.
        contract: What people may have edited; None to begin anew.
        temporary: Folder for the checked table.
        report: CSV file that gets the problems of a table that is rejected.
    """

    params: Mapping[str, Any]
    contract: Contract | None
    temporary: Path
    report: Path


class Proposal(NamedTuple):
    """What would be written, and why."""

    contract: Contract
    inferred: dict[str, Inferred]
    choice: Choice
    params: dict[str, Any]
    rows: int
    warnings: list[Finding]


def propose(raw: Path, wanted: Wanted, context: Context) -> Proposal:
    """Read a table, whatever its form, and propose how to adopt it.

    Raises:
        UserError: The table is rejected, with a line for each problem.
    """
    files = raw_files(raw)
    hints = Hints(
        wanted.target, wanted.task, wanted.day_first, wanted.decimal, wanted.text
    )
    read = read_table_form(
        files, hints, wanted.missing, context.contract, context.report
    )
    for name in wanted.named:
        if name not in read.inferred:
            raise UserError(_unknown_column(files[0], name, list(read.inferred)))
    own = _contract(raw, read, wanted)
    kept, broken = _keep_edits(files, own, wanted, context)
    honoured = {*kept.columns} - broken if context.contract else set()
    reject([f for f in read.wrong if f.column not in honoured], context.report)
    contract = _target_complete(kept, wanted)
    choice = choose_task(
        wanted.target,
        contract.columns[wanted.target],
        read.inferred[wanted.target].counts,
        wanted.task,
        wanted.positive,
    )
    params = _params(choice, wanted, read.inferred, context)
    return _checked(files, raw, contract, read, choice, params, wanted, context)


def _checked(
    files: list[Path],
    raw: Path,
    contract: Contract,
    read: Read,
    choice: Choice,
    params: dict[str, Any],
    wanted: Wanted,
    context: Context,
) -> Proposal:
    """Return the proposal after the table went through what the pipeline will do."""
    checked = context.temporary / "checked"
    parsed = Params.model_validate(params)
    with replacing_folder(checked) as table:
        validate_table(files, contract, parsed, table, context.report)
    judgement = judge(checked, contract, parsed, raw)
    reject(judgement.rejections, context.report)
    if wanted.time:
        params["split"] |= {"method": "time", "cutoff": _cutoff(checked, wanted.time)}
    warnings = read.warnings + [
        finding._replace(fix=EXCLUDED) if finding.column in judgement.leaks else finding
        for finding in judgement.warnings
    ]
    contract = _without_leaks(contract, judgement.leaks)
    rows = read.inferred[wanted.target].rows
    return Proposal(contract, read.inferred, choice, params, rows, warnings)


def _contract(raw: Path, read: Read, wanted: Wanted) -> Contract:
    """Return the contract that the table suggests by itself."""
    contract = Contract(
        name=raw.name.partition(".")[0],
        metadata=read.dialect,
        columns={name: found.column for name, found in read.inferred.items()},
    )
    return _target_complete(contract, wanted)


def _unknown_column(file: Path, name: str, names: list[str]) -> str:
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"Did you mean {quoted(near[0])}? " if near else ""
    shown = ", ".join(map(quoted, names[:20])) + (", …" if len(names) > 20 else "")
    return f"{file}: has no column {quoted(name)}. {hint}It has {shown}."


def _target_complete(contract: Contract, wanted: Wanted) -> Contract:
    """Return the contract under which every row has a target, and a time if asked."""
    columns = dict(contract.columns)
    for name in filter(None, [wanted.target, wanted.time]):
        columns[name] = columns[name].model_copy(update={"nullable": False})
    if columns[wanted.target].dtype == "Int64":
        whole = columns[wanted.target].model_copy(update={"dtype": "int64"})
        columns[wanted.target] = whole
    return contract.model_copy(update={"columns": columns})


def _params(
    choice: Choice, wanted: Wanted, inferred: Mapping[str, Inferred], context: Context
) -> dict[str, Any]:
    """Return what params.yaml should hold; edits stay if the question is the same."""
    old = {name: dict(section or {}) for name, section in context.params.items()}
    data = old.get("data", {})
    same = (data.get("target"), data.get("task", "binary")) == (
        wanted.target,
        choice.task,
    )
    anew = context.contract is None
    roles = {} if anew else _roles(data, inferred)
    asked = {"id": wanted.id, "group": wanted.group, "time": wanted.time}
    roles |= {name: value for name, value in asked.items() if value is not None}
    if not roles.get("id"):
        own = [name for name, found in inferred.items() if found.kind == "identifier"]
        roles["id"] = own[:1]
    old["data"] = {
        "target": wanted.target,
        "task": choice.task,
        "positive": choice.positive,
        "id": list(roles.get("id") or ()),
        "group": roles.get("group"),
        "time": roles.get("time"),
    }
    if anew or not same:
        old["split"] = old.get("split", {}) | {"method": "hash", "cutoff": None}
        old["evaluate"] |= {"metrics": list(METRICS[choice.task]), "slices": {}}
        old["train"]["estimator"] = {
            **old["train"]["estimator"],
            "path": ESTIMATORS[choice.task],
        }
    if wanted.group:
        old["split"] = old.get("split", {}) | {"method": "group", "cutoff": None}
    return old


def _roles(data: Mapping[str, Any], columns: Collection[str]) -> dict[str, Any]:
    """Return the roles that params.yaml gives to columns that are still there."""
    roles = {name: data.get(name) for name in ("group", "time")}
    kept: dict[str, Any] = {n: c for n, c in roles.items() if c in columns}
    return kept | {"id": [name for name in data.get("id") or () if name in columns]}


def _keep_edits(
    files: list[Path], own: Contract, wanted: Wanted, context: Context
) -> tuple[Contract, set[str]]:
    """Return the project's contract as far as the table honours it, and where not."""
    if context.contract is None:
        return own, set()
    kept = merge(context.contract, own, broken=())
    # Roles do not matter here, and may name columns that are gone.
    data = {"target": wanted.target, "task": "regression"}
    params = Params.model_validate({**context.params, "data": data, "split": {}})
    try:
        with replacing_folder(context.temporary / "kept") as table:
            validate_table(files, kept, params, table, context.report)
    except Rejected as error:
        broken = {f.column for f in error.findings if f.column is not None}
        return merge(context.contract, own, broken), broken
    return kept, set()


def _without_leaks(contract: Contract, leaks: Mapping[str, str]) -> Contract:
    """Exclude columns that tell the target, with the reason, unless people decided."""
    columns = dict(contract.columns)
    for name, reason in leaks.items():
        notes = {"treatment": "exclude", "reason": reason}
        metadata = columns[name].metadata.model_copy(update=notes)
        columns[name] = columns[name].model_copy(update={"metadata": metadata})
    return contract.model_copy(update={"columns": columns})


def _cutoff(table: Path, time: str) -> str:
    """Return the day from which on the last fifth of the rows is."""
    moments = read_table(table, [time])[time].sort_values()
    return str(moments.iloc[int(len(moments) * EARLY)].date())
