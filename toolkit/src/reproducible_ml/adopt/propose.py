"""Propose how to adopt a table: contract, roles and task, all of it checked."""

import gc
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from reproducible_ml.adopt.holdout import choose_split, keep_equal_rows
from reproducible_ml.adopt.merge import merge, reads_alike, widen
from reproducible_ml.adopt.parameters import (
    check_roles,
    dropped_settings,
    keep_task,
    new_params,
    updated_params,
    with_calendar,
)
from reproducible_ml.adopt.request import (
    Request,
    TaskChoice,
    apply_request,
    choose_task,
)
from reproducible_ml.adopt.table_files import (
    names_in_file,
    read_dialect,
    reject_few_rows,
    unknown_column,
)
from reproducible_ml.adopt.table_form import TableForm, read_table_form
from reproducible_ml.contract.findings import Finding, TableRejected, quoted, reject
from reproducible_ml.contract.schema import Contract, Data, Dtype
from reproducible_ml.contract.target import ClassSummary, summarise_table_target
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.files import replacing_folder
from reproducible_ml.core.params import Compute
from reproducible_ml.core.project import Project
from reproducible_ml.profiling.inferred import InferredColumn
from reproducible_ml.quality.columns import check_imbalance
from reproducible_ml.quality.entities import NUMBER_CODE
from reproducible_ml.quality.report import (
    BY_CODE,
    QualityReport,
    check_quality,
    with_line_numbers,
)
from reproducible_ml.quality.validation import validate_table
from reproducible_ml.reading.kept_rows import KeptRows
from reproducible_ml.reading.raw import file_format, raw_files

# Fixes of warnings whose cause the proposal has already dealt with.
EXCLUDED = (
    "Nothing if it leaks the target: it is excluded. If it is known when a prediction"
    " is made, remove its treatment in data/schema.yaml."
)
ENCODED = (
    "Nothing if they are codes: each is replaced by the mean target of its rows. If the"
    " model is to predict for new ones, add --group with this column to rml data. If"
    " their size matters, set the treatment to numeric in data/schema.yaml."
)
ALLOWED = "Nothing if it is right: the proposed contract allows it."

# Kinds of warnings that a column of numbers is read as text.
UNREAD = ("number", "quantity")

# Kinds of warnings that are about the values, not about how they are read.
OF_VALUES = ("spelling", "encoding")

# New objects after which unused ones are looked for.
COLLECTED = 50_000

# Excluded columns that are named if no other is left.
SHOWN = 5

# The contract is widened in so many steps, at most: a value may break a second rule
# only once the first allows it.
STEPS = 5

# Types of a target, which has a value in every row.
WHOLE: dict[Dtype, Dtype] = {"Int64": "int64", "boolean": "bool"}


class Context(NamedTuple):
    """The project as it is, and where to work.

    Attributes:
        project: Its sections of params.yaml, and how it holds out test rows.
        params: What params.yaml holds.
        contract: The present one, which users may have edited; None to begin anew.
        temporary: Folder for the validated table.
        report: CSV file that gets the problems of a rejected table.
    """

    project: Project
    params: Mapping[str, Any]
    contract: Contract | None
    temporary: Path
    report: Path


class Proposal(NamedTuple):
    """What would be written, and why.

    Attributes:
        contract: Content of data/schema.yaml.
        inferred: What each column holds by itself.
        choice: The task.
        params: Content of params.yaml.
        rows: Number of rows of the table.
        warnings: What the user should look at.
    """

    contract: Contract
    inferred: dict[str, InferredColumn]
    choice: TaskChoice
    params: dict[str, Any]
    rows: int
    warnings: list[Finding]


@contextmanager
def _few_collections() -> Iterator[None]:
    """Let Python look for unused objects rarely, and not among those of libraries.

    Each column gets some objects that stay, so it would look at all again and again.
    """
    usual = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(COLLECTED, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()


@_few_collections()
def propose(raw: Path, request: Request, context: Context) -> Proposal:
    """Read a table of any supported format, and propose how to adopt it.

    Args:
        raw: A file or a folder of files.
        request: What the user asks for.
        context: The project as it is, and where to work.

    Raises:
        UserError: The table is rejected, with a line for each problem.
    """
    files = raw_files(raw)
    existing, report = context.contract, context.report
    dialect, warnings = read_dialect(files, existing, report, request.given, raw)
    reject_few_rows(raw, files, dialect, report)
    if file_format(files[0]) != "json":
        known = [*names_in_file(files[0], dialect), *dialect.partitions]
        _reject_unknown(files[0], request, known)
    folder = context.temporary / "kept"
    read = read_table_form(
        files, request.hints, request.missing, existing, report, dialect, folder
    )
    read = read._replace(warnings=[*warnings, *read.warnings])
    _reject_unknown(files[0], request, list(read.inferred))
    own = _contract(raw, read, request)
    if existing is None:
        return _proposal(files, raw, own, read, request, context)
    contract = _complete(merge(apply_request(existing, own, request), own), request)
    trial = context._replace(report=context.temporary / report.name)
    reasons: list[Finding] = []
    for _ in range(STEPS):
        try:
            proposal = _proposal(files, raw, contract, read, request, trial)
        except TableRejected as error:
            wider = _complete(widen(contract, own, error.findings), request)
            if wider == contract:
                break
            contract = wider
            reasons += [f._replace(fix=ALLOWED) for f in error.findings]
        else:
            reject([], report)
            return proposal._replace(warnings=[*reasons, *proposal.warnings])
    return _proposal(files, raw, contract, read, request, context)


def _reject_unknown(file: Path, request: Request, names: Sequence[str]) -> None:
    """Raise UserError if the request names a column that the table does not have."""
    for name in request.named:
        if name not in names:
            raise UserError(unknown_column(file, name, names))


def _proposal(
    files: list[Path],
    raw: Path,
    contract: Contract,
    read: TableForm,
    request: Request,
    context: Context,
) -> Proposal:
    """Return the proposal for a contract, checked as the pipeline will check it."""
    known = _read_as_before(contract, context)
    reject([f for f in read.wrong if f.column not in known], context.report)
    choice, params = _params(contract, read, request, context)
    scanned = contract.metadata == read.dialect
    kept = read.kept if scanned else None
    contract, quality = _checked(
        files, raw, contract, params, context, scanned=scanned, kept=kept
    )
    warnings = [f for f in read.warnings if _matters(f, contract, read)]
    # A number that is read as missing is reported once.
    codes = {f.column for f in warnings if f.kind in ("code", "outlier")}
    others = [f for f in quality.warnings if f.kind != BY_CODE or f.column not in codes]
    quality = quality._replace(warnings=others)
    if context.contract is not None:
        warnings += dropped_settings(context.params, params, contract)
    decided = _used_on_purpose(contract, read, request, context)
    contract, warned = _with_treatments(contract, quality, decided)
    data = Data.model_validate(params["data"])
    reject(_no_features(contract, data, raw), context.report)
    rows = read.inferred[request.target].rows
    return Proposal(contract, read.inferred, choice, params, rows, warnings + warned)


def _checked(
    files: list[Path],
    raw: Path,
    contract: Contract,
    params: dict[str, Any],
    context: Context,
    *,
    scanned: bool,
    kept: KeptRows | None,
) -> tuple[Contract, QualityReport]:
    """Check the table as the pipeline will.

    The test rows are chosen, and which features the time has. `scanned` says whether
    the bytes of the files are known to be right, `kept` has their rows if they are
    many.
    """
    data = Data.model_validate(params["data"])
    compute = Compute.model_validate(params.get("compute") or {})
    checked = context.temporary / "checked"
    with replacing_folder(checked) as table:
        validate_table(
            files,
            contract,
            data,
            compute,
            table,
            context.report,
            temporary=True,
            scanned=scanned,
            kept=kept,
        )
    before = context.params["data"].get("target")
    if context.contract is None or before != data.target:
        keep_equal_rows(checked, contract, params, compute)
    held_out = choose_split(
        checked, params, context.project, raw, keep=context.contract is not None
    )
    params["split"] |= held_out.settings
    contract = with_calendar(contract, checked, data, params["split"].get("cutoff"))
    parsed = context.project.load("params").Params.model_validate(params)
    quality = check_quality(checked, contract, data, compute, raw)
    # A table that is rejected anyway is often the reason why no split is usable.
    reject(quality.rejections or held_out.rejections, context.report)
    more = held_out.warnings
    if data.task != "regression":
        summary = summarise_table_target(checked, data, compute)
        if isinstance(summary, ClassSummary) and not parsed.train.class_weight:
            more += check_imbalance(summary.counts, data, raw)
    more = with_line_numbers(more, checked, raw, contract.metadata, compute)
    return contract, quality._replace(warnings=[*more, *quality.warnings])


def _with_treatments(
    contract: Contract, quality: QualityReport, decided: Collection[str]
) -> tuple[Contract, list[Finding]]:
    """Return the contract without leaks, with codes encoded, and the warnings.

    Args:
        contract: What the table holds.
        quality: Problems of its values.
        decided: Columns whose use the user decided on: they stay as they are.
    """
    columns, warnings = dict(contract.columns), list[Finding]()
    for finding in quality.warnings:
        name = finding.column
        reason = quality.leaks.get(name or "")
        if name and reason and finding.kind == "leak" and name not in decided:
            notes = {"treatment": "exclude", "reason": reason}
            metadata = columns[name].metadata.model_copy(update=notes)
            columns[name] = columns[name].model_copy(update={"metadata": metadata})
            warnings.append(finding._replace(fix=EXCLUDED))
        elif name and finding.kind == NUMBER_CODE and name not in decided:
            notes = {"treatment": "target_encoding"}
            metadata = columns[name].metadata.model_copy(update=notes)
            columns[name] = columns[name].model_copy(update={"metadata": metadata})
            warnings.append(finding._replace(fix=ENCODED))
        else:
            warnings.append(finding)
    return contract.model_copy(update={"columns": columns}), warnings


def _no_features(contract: Contract, data: Data, raw: Path) -> list[Finding]:
    """Return a finding if no column is left to predict from."""
    if contract.features(data):
        return []
    problem = "has no features: every column but the target is excluded"
    reasons = [
        f"{quoted(name)} ({column.metadata.reason})"
        for name, column in contract.columns.items()
        if name != data.target and column.metadata.reason
    ]
    problem += f": {', '.join(reasons[:SHOWN])}" if reasons else ""
    fix = "Add columns that are known before the target is."
    return [Finding("no features", raw, problem, fix)]


def _contract(raw: Path, read: TableForm, request: Request) -> Contract:
    """Return the contract as inferred from the table alone."""
    contract = Contract(
        name=raw.name.partition(".")[0],
        metadata=read.dialect,
        columns={name: found.column for name, found in read.inferred.items()},
    )
    return _complete(contract, request)


def _complete(contract: Contract, request: Request) -> Contract:
    """Return the contract with a target, and a requested time, in every row."""
    columns = dict(contract.columns)
    for name in filter(None, [request.target, request.time]):
        columns[name] = columns[name].model_copy(update={"nullable": False})
    dtype = columns[request.target].dtype
    whole = {"dtype": WHOLE.get(dtype, dtype)}
    columns[request.target] = columns[request.target].model_copy(update=whole)
    return contract.model_copy(update={"columns": columns})


def _read_as_before(contract: Contract, context: Context) -> set[str]:
    """Return the columns that are read as the existing contract says."""
    existing = context.contract.columns if context.contract else {}
    return {
        name
        for name, column in contract.columns.items()
        if name in existing and reads_alike(column, existing[name], missing=False)
    }


def _matters(warning: Finding, contract: Contract, read: TableForm) -> bool:
    """Say whether a warning applies: its column is read as when it was found."""
    name = warning.column
    if name is None or warning.kind in OF_VALUES:
        return True
    return reads_alike(contract.columns[name], read.inferred[name].column)


def _params(
    contract: Contract, read: TableForm, request: Request, context: Context
) -> tuple[TaskChoice, dict[str, Any]]:
    """Return the task and the content of params.yaml."""
    asked = request
    if context.contract is not None:
        asked = keep_task(request, contract, context.params["data"])
    target = read.inferred[request.target]
    # Texts among numbers are why a number is no target.
    doubts = [found for found in target.findings("warn") if found.kind in UNREAD]
    if contract.columns[request.target].dtype == "str" and doubts:
        raise UserError(str(doubts[0]))
    choice = choose_task(
        request.target,
        contract.columns[request.target],
        target.counts,
        asked.task,
        asked.positive,
    )
    if context.contract is None:
        params = new_params(context.params, choice, request, read.inferred)
    else:
        params = updated_params(context.params, choice, request, contract)
    check_roles(contract, Data.model_validate(params["data"]))
    return choice, params


def _used_on_purpose(
    contract: Contract, read: TableForm, request: Request, context: Context
) -> set[str]:
    """Return the columns whose use the user decided on.

    These are the columns that the contract of the same target had, and those with a
    treatment other than the inferred one.
    """
    if context.contract is None:
        return set()
    existing = context.contract.columns.keys() & contract.columns.keys()
    if context.params["data"].get("target") == request.target:
        return existing
    return {
        name
        for name in existing
        if contract.columns[name].metadata.treatment
        not in (None, read.inferred[name].column.metadata.treatment)
    }
