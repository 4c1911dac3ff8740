"""From a table to a proposal: contract, roles and task, all of it checked."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from reproducible_ml.datasets.adoption.choices import unknown_column
from reproducible_ml.datasets.adoption.form import Read, read_table_form
from reproducible_ml.datasets.adoption.leaks import nothing_left, without_leaks
from reproducible_ml.datasets.adoption.merge import merge, reads_alike, widen
from reproducible_ml.datasets.adoption.roles import (
    begin_params,
    check_roles,
    find_cutoff,
    keep_params,
    lost,
    same_question,
)
from reproducible_ml.datasets.adoption.task import Choice, choose_task
from reproducible_ml.datasets.adoption.wishes import Wanted, with_wishes
from reproducible_ml.datasets.findings import Finding, Rejected, reject
from reproducible_ml.datasets.inference.infer import Inferred
from reproducible_ml.datasets.reading.raw import raw_files
from reproducible_ml.datasets.schema import Contract, Dtype
from reproducible_ml.datasets.suspicion.suspicions import Judgement, judge
from reproducible_ml.datasets.validate import validate_table
from reproducible_ml.errors import UserError
from reproducible_ml.files import replacing_folder
from reproducible_ml.params import Data, Params

__all__ = ["Context", "Proposal", "Wanted", "propose"]

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
    existing, report = context.contract, context.report
    read = read_table_form(files, wanted.hints, wanted.missing, existing, report)
    for name in wanted.named:
        if name not in read.inferred:
            raise UserError(unknown_column(files[0], name, list(read.inferred)))
    own = _contract(raw, read, wanted)
    if existing is None:
        return _proposal(files, raw, own, read, wanted, context)
    contract = _complete(merge(with_wishes(existing, own, wanted), own), wanted)
    trial = context._replace(report=context.temporary / report.name)
    reasons: list[Finding] = []
    for _ in range(STEPS):
        try:
            proposal = _proposal(files, raw, contract, read, wanted, trial)
        except Rejected as error:
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
    wanted: Wanted,
    context: Context,
) -> Proposal:
    """Return the proposal after the table went through what the pipeline will do."""
    known = _read_as_before(contract, context)
    reject([f for f in read.wrong if f.column not in known], context.report)
    choice, params = _params(contract, read, wanted, context)
    parsed, judgement = _judged(files, raw, contract, params, context)
    warnings = [f for f in read.warnings if _matters(f, contract, read)]
    if context.contract is not None:
        warnings += lost(context.params, params, contract)
    decided = _used_on_purpose(contract, read, wanted, context)
    contract, told = without_leaks(contract, judgement, decided)
    reject(nothing_left(contract, parsed.data, raw), context.report)
    rows = read.inferred[wanted.target].rows
    return Proposal(contract, read.inferred, choice, params, rows, warnings + told)


def _judged(
    files: list[Path],
    raw: Path,
    contract: Contract,
    params: dict[str, Any],
    context: Context,
) -> tuple[Params, Judgement]:
    """Check the table and judge it; complete the parameters by what it holds."""
    checked = context.temporary / "checked"
    with replacing_folder(checked) as table:
        plain = Params.model_validate({**params, "split": {}})
        validate_table(files, contract, plain, table, context.report)
    split = params["split"]
    if split.get("method") == "time" and split["cutoff"] is None:
        split["cutoff"] = find_cutoff(checked, params["data"]["time"])
    parsed = Params.model_validate(params)
    judgement = judge(checked, contract, parsed, raw)
    reject(judgement.rejections, context.report)
    return parsed, judgement


def _contract(raw: Path, read: Read, wanted: Wanted) -> Contract:
    """Return the contract that the table suggests by itself."""
    contract = Contract(
        name=raw.name.partition(".")[0],
        metadata=read.dialect,
        columns={name: found.column for name, found in read.inferred.items()},
    )
    return _complete(contract, wanted)


def _complete(contract: Contract, wanted: Wanted) -> Contract:
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
    contract: Contract, read: Read, wanted: Wanted, context: Context
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
    contract: Contract, read: Read, wanted: Wanted, context: Context
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
