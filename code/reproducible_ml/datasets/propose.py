"""From a table to a proposal: contract, roles and task, all of it checked."""

import difflib
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pyarrow as pa

from reproducible_ml.datasets.dialect import detect_dialect
from reproducible_ml.datasets.findings import Finding, Rejected, quoted, reject
from reproducible_ml.datasets.infer import Hints, Inferred, infer
from reproducible_ml.datasets.merge import merge
from reproducible_ml.datasets.places import with_lines
from reproducible_ml.datasets.raw import form, raw_files, text_batches
from reproducible_ml.datasets.scan import scan
from reproducible_ml.datasets.schema import Contract, Dialect
from reproducible_ml.datasets.shape import judge_shape
from reproducible_ml.datasets.suspicions import judge
from reproducible_ml.datasets.tables import read_table
from reproducible_ml.datasets.task import ESTIMATORS, METRICS, Choice, Task, choose_task
from reproducible_ml.datasets.validate import validate_table
from reproducible_ml.errors import UserError
from reproducible_ml.files import replacing_folder
from reproducible_ml.params import Params, Section

# Share of the rows before the cut-off when a table is split by time.
EARLY = 0.8

# Findings about one file that do not matter in a folder of several.
SHORT = ("no rows", "one row")


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
    dialect, warnings = read_dialect(files, context.report)
    inferred = read_columns(files, dialect, wanted, context.report)
    warnings += _findings(inferred, dialect, "warn")
    target = inferred[wanted.target]
    contract = Contract(
        name=raw.name.partition(".")[0],
        metadata=dialect,
        columns={name: found.column for name, found in inferred.items()},
    )
    contract = _complete(contract, wanted)
    column = contract.columns[wanted.target]
    choice = choose_task(
        wanted.target, column, target.counts, wanted.task, wanted.positive
    )
    params = _params(choice, wanted, inferred, context)
    if context.contract is not None:
        contract = _keep_edits(files, contract, params, context)
    checked = context.temporary / "checked"
    with replacing_folder(checked) as table:
        parsed = Params.model_validate(params)
        validate_table(files, contract, parsed, table, context.report)
    judgement = judge(checked, contract, parsed, raw)
    reject(judgement.rejections, context.report)
    contract = _without_leaks(contract, judgement.leaks)
    if wanted.time:
        params["split"] |= {"method": "time", "cutoff": _cutoff(checked, wanted.time)}
    warnings += judgement.warnings
    return Proposal(contract, inferred, choice, params, target.rows, warnings)


def read_dialect(files: Sequence[Path], report: Path) -> tuple[Dialect, list[Finding]]:
    """Return how the CSV files are written, and what to look at."""
    found = [(file, detect_dialect(file)) for file in files if form(file) == "csv"]
    if not found:
        return Dialect(), []
    dialect = found[0][1][0]
    rejections, warnings = [], []
    for file, (other, wrong, strange) in found:
        short = [f for f in wrong if f.kind in SHORT]
        rejections += [f for f in wrong if len(files) == 1 or f not in short]
        warnings += strange
        if other != dialect and not wrong:
            rejections.append(_other_dialect(file, files[0], other, dialect))
    reject(rejections, report)
    for file, _ in found:
        rejections += scan(file, dialect)
    reject(rejections, report)
    return dialect, warnings


def _other_dialect(
    file: Path, first: Path, other: Dialect, dialect: Dialect
) -> Finding:
    names = [
        n for n in Dialect.model_fields if getattr(other, n) != getattr(dialect, n)
    ]
    differences = ", ".join(
        f"{name} {getattr(other, name)!r} instead of {getattr(dialect, name)!r}"
        for name in names
    )
    problem = f"is written otherwise than {first.name}: {differences}"
    return Finding("dialect", file, problem, "Export all parts in the same way.")


def read_columns(
    files: Sequence[Path], dialect: Dialect, wanted: Wanted, report: Path
) -> dict[str, Inferred]:
    """Return what each column holds, or raise UserError with all that is wrong."""
    hints = Hints(wanted.target, wanted.task, wanted.day_first, wanted.decimal)
    try:
        inferred = infer(files, partial(text_batches, dialect=dialect), hints)
    except pa.ArrowInvalid as error:
        texts = [file for file in files if form(file) == "csv"]
        reject([f for file in texts for f in judge_shape(file, dialect)], report)
        raise UserError(f"{files[0]}: cannot be read: {error}") from error
    for name in [wanted.target, *(wanted.id or ()), wanted.group, wanted.time]:
        if name is not None and name not in inferred:
            raise UserError(_unknown_column(files[0], name, list(inferred)))
    wrong = _findings(inferred, dialect, "reject") + _findings(inferred, dialect, "ask")
    reject(wrong, report)
    return inferred


def _unknown_column(file: Path, name: str, names: list[str]) -> str:
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"Did you mean {quoted(near[0])}? " if near else ""
    shown = ", ".join(map(quoted, names[:20])) + (", …" if len(names) > 20 else "")
    return f"{file}: has no column {quoted(name)}. {hint}It has {shown}."


def _findings(
    inferred: Mapping[str, Inferred],
    dialect: Dialect,
    severity: Literal["reject", "ask", "warn"],
) -> list[Finding]:
    found = [f for column in inferred.values() for f in column.found]
    return with_lines([f for f in found if f.severity == severity], dialect)


def _complete(contract: Contract, wanted: Wanted) -> Contract:
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
    roles = {} if anew else {name: data.get(name) for name in ("id", "group", "time")}
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


def _keep_edits(
    files: list[Path], contract: Contract, params: dict[str, Any], context: Context
) -> Contract:
    """Return the project's contract, changed where the table does not honour it."""
    assert context.contract is not None
    kept = merge(context.contract, contract, broken=())
    try:
        with replacing_folder(context.temporary / "kept") as table:
            parsed = Params.model_validate(params)
            validate_table(files, kept, parsed, table, context.report)
    except Rejected as error:
        broken = {f.column for f in error.findings if f.column is not None}
        return merge(context.contract, contract, broken)
    return kept


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
