"""From a table to a proposal: contract, roles and task, all of it checked."""

from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from reproducible_ml.adopt.merge import merge, reads_alike, widen
from reproducible_ml.adopt.request import Request, apply_request
from reproducible_ml.adopt.roles import (
    begin_params,
    check_roles,
    find_cutoff,
    keep_params,
    lost,
    same_question,
)
from reproducible_ml.adopt.table_form import Read, read_table_form, unknown_column
from reproducible_ml.adopt.task import Choice, choose_task
from reproducible_ml.contract.findings import Finding, TableRejected, reject
from reproducible_ml.contract.schema import Contract, Data, Dtype
from reproducible_ml.contract.target import ClassSummary, summarise_table_target
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.files import replacing_folder
from reproducible_ml.core.params import Compute
from reproducible_ml.core.project import Project
from reproducible_ml.profiling.inferred import InferredColumn
from reproducible_ml.quality.locations import with_line_numbers
from reproducible_ml.quality.report import QualityReport, check_quality
from reproducible_ml.quality.target import SplitRule, check_imbalance, check_split
from reproducible_ml.quality.validation import validate_table
from reproducible_ml.reading.raw import raw_files

EXCLUDED = (
    "It is excluded: remove its treatment in data/schema.yaml if it is known when a"
    " prediction is wanted."
)


def without_leaks(
    contract: Contract, quality: QualityReport, decided: Collection[str]
) -> tuple[Contract, list[Finding]]:
    """Return the contract without columns that are the target, and the warnings.

    Args:
        contract: What the table holds.
        quality: What is suspicious about it.
        decided: Columns that stay as they are, as people decided about them.
    """
    columns, told = dict(contract.columns), list[Finding]()
    for finding in quality.warnings:
        name = finding.column
        reason = quality.leaks.get(name or "")
        if name and reason and finding.kind == "leak" and name not in decided:
            notes = {"treatment": "exclude", "reason": reason}
            metadata = columns[name].metadata.model_copy(update=notes)
            columns[name] = columns[name].model_copy(update={"metadata": metadata})
            told.append(finding._replace(fix=EXCLUDED))
        else:
            told.append(finding)
    return contract.model_copy(update={"columns": columns}), told


def nothing_left(contract: Contract, data: Data, raw: Path) -> list[Finding]:
    """Return why nothing can be learned if no column is left to learn from."""
    if contract.features(data):
        return []
    problem = "holds nothing to learn from: every column but the target is excluded"
    fix = "Bring columns that are known before the target is."
    return [Finding("no features", raw, problem, fix)]


ALLOWED = "The contract that is proposed allows it."

# Kinds of warnings that are about the values, and not about how they are read.
OF_VALUES = ("spelling", "encoding")

# A contract is brought up to date in so many steps, at most: a value is found to break
# one rule at a time.
STEPS = 5

# Types of a target, which has a value in every row.
WHOLE: dict[Dtype, Dtype] = {"Int64": "int64", "boolean": "bool"}


class Context(NamedTuple):
    """What there is already, and where to work.

    Attributes:
        project: Its sections of params.yaml, and how it holds out test rows.
        params: What params.yaml holds.
        contract: What people may have edited; None to begin anew.
        temporary: Folder for the checked table.
        report: CSV file that gets the problems of a table that is rejected.
    """

    project: Project
    params: Mapping[str, Any]
    contract: Contract | None
    temporary: Path
    report: Path


class Proposal(NamedTuple):
    """What would be written, and why."""

    contract: Contract
    inferred: dict[str, InferredColumn]
    choice: Choice
    params: dict[str, Any]
    rows: int
    warnings: list[Finding]


def propose(raw: Path, wanted: Request, context: Context) -> Proposal:
    """Read a table, whatever its form, and propose how to adopt it.

    Raises:
        UserError: The table is rejected, with a line for each problem.
    """
    files = raw_files(raw)
    existing, report = context.contract, context.report
    read = read_table_form(files, wanted.hints, wanted.missing, existing, report)
    for name in wanted.named:
        if name not in read.inferred:
            raise UserError(unknown_column(files[0], name, list(read.inferred)))
    own = _contract(raw, read, wanted)
    if existing is None:
        return _proposal(files, raw, own, read, wanted, context)
    contract = _complete(merge(apply_request(existing, own, wanted), own), wanted)
    trial = context._replace(report=context.temporary / report.name)
    reasons: list[Finding] = []
    for _ in range(STEPS):
        try:
            proposal = _proposal(files, raw, contract, read, wanted, trial)
        except TableRejected as error:
            wider = _complete(widen(contract, own, error.findings), wanted)
            if wider == contract:
                break
            contract = wider
            reasons += [f._replace(fix=ALLOWED) for f in error.findings]
        else:
            reject([], report)
            return proposal._replace(warnings=[*reasons, *proposal.warnings])
    return _proposal(files, raw, contract, read, wanted, context)


def _proposal(
    files: list[Path],
    raw: Path,
    contract: Contract,
    read: Read,
    wanted: Request,
    context: Context,
) -> Proposal:
    """Return the proposal after the table went through what the pipeline will do."""
    known = _read_as_before(contract, context)
    reject([f for f in read.wrong if f.column not in known], context.report)
    choice, params = _params(contract, read, wanted, context)
    quality = _checked(files, raw, contract, params, context)
    warnings = [f for f in read.warnings if _matters(f, contract, read)]
    if context.contract is not None:
        warnings += lost(context.params, params, contract)
    decided = _used_on_purpose(contract, read, wanted, context)
    contract, warned = without_leaks(contract, quality, decided)
    data = Data.model_validate(params["data"])
    reject(nothing_left(contract, data, raw), context.report)
    rows = read.inferred[wanted.target].rows
    return Proposal(contract, read.inferred, choice, params, rows, warnings + warned)


def _checked(
    files: list[Path],
    raw: Path,
    contract: Contract,
    params: dict[str, Any],
    context: Context,
) -> QualityReport:
    """Check the table as the pipeline will, and find a cutoff date if one is needed."""
    data = Data.model_validate(params["data"])
    compute = Compute.model_validate(params.get("compute") or {})
    checked = context.temporary / "checked"
    with replacing_folder(checked) as table:
        validate_table(files, contract, data, compute, table, context.report)
    split = params["split"]
    if split.get("method") == "time" and split["cutoff"] is None:
        split["cutoff"] = find_cutoff(checked, params["data"]["time"])
    parsed = context.project.load("params").Params.model_validate(params)
    quality = check_quality(checked, contract, data, compute, raw)
    reject(quality.rejections, context.report)
    more: list[Finding] = []
    if data.task != "regression":
        more += check_split(
            checked, data, compute, _held_out(data, parsed.split, context), raw
        )
        summary = summarise_table_target(checked, data, compute)
        if isinstance(summary, ClassSummary) and not parsed.train.class_weight:
            more += check_imbalance(summary.counts, data, raw)
    more = with_line_numbers(more, checked, raw, contract.metadata, compute)
    return quality._replace(warnings=[*more, *quality.warnings])


def _held_out(data: Data, split: Any, context: Context) -> SplitRule:
    """Return how the project holds out test rows."""
    module = context.project.load("datasets.split")
    key = "cutoff" if split.method == "time" else "salt"
    is_test = partial(module.is_test, data=data, split=split)
    return SplitRule(is_test, tuple(split.columns(data)), key)


def _contract(raw: Path, read: Read, wanted: Request) -> Contract:
    """Return the contract that the table suggests by itself."""
    contract = Contract(
        name=raw.name.partition(".")[0],
        metadata=read.dialect,
        columns={name: found.column for name, found in read.inferred.items()},
    )
    return _complete(contract, wanted)


def _complete(contract: Contract, wanted: Request) -> Contract:
    """Return the contract under which every row has a target, and a time if asked."""
    columns = dict(contract.columns)
    for name in filter(None, [wanted.target, wanted.time]):
        columns[name] = columns[name].model_copy(update={"nullable": False})
    dtype = columns[wanted.target].dtype
    whole = {"dtype": WHOLE.get(dtype, dtype)}
    columns[wanted.target] = columns[wanted.target].model_copy(update=whole)
    return contract.model_copy(update={"columns": columns})


def _read_as_before(contract: Contract, context: Context) -> set[str]:
    """Return the columns that are read as the existing contract says."""
    existing = context.contract.columns if context.contract else {}
    return {
        name
        for name, column in contract.columns.items()
        if name in existing and reads_alike(column, existing[name], missing=False)
    }


def _matters(warning: Finding, contract: Contract, read: Read) -> bool:
    """Say whether a column is read as it was when the warning was found."""
    name = warning.column
    if name is None or warning.kind in OF_VALUES:
        return True
    return reads_alike(contract.columns[name], read.inferred[name].column)


def _params(
    contract: Contract, read: Read, wanted: Request, context: Context
) -> tuple[Choice, dict[str, Any]]:
    """Return the task, and what params.yaml should hold."""
    asked = wanted
    if context.contract is not None:
        asked = same_question(wanted, contract, context.params["data"])
    choice = choose_task(
        wanted.target,
        contract.columns[wanted.target],
        read.inferred[wanted.target].counts,
        asked.task,
        asked.positive,
    )
    if context.contract is None:
        params = begin_params(context.params, choice, wanted, read.inferred)
    else:
        params = keep_params(context.params, choice, wanted, contract)
    check_roles(contract, Data.model_validate(params["data"]))
    return choice, params


def _used_on_purpose(
    contract: Contract, read: Read, wanted: Request, context: Context
) -> set[str]:
    """Return the columns of which people decided how they are used.

    They did if the contract of the same target had the column, or if it has a treatment
    that the table does not suggest.
    """
    if context.contract is None:
        return set()
    existing = context.contract.columns.keys() & contract.columns.keys()
    if context.params["data"].get("target") == wanted.target:
        return existing
    return {
        name
        for name in existing
        if contract.columns[name].metadata.treatment
        not in (None, read.inferred[name].column.metadata.treatment)
    }
