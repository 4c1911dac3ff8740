"""Hold the raw table against its contract; let it pass whole or not at all."""

import logging
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from reproducible_ml.datasets.check import (
    NOT_NULL,
    broken_rules,
    cast,
    finish,
    may_be_rounded,
)
from reproducible_ml.datasets.diagnosis.diagnose import diagnose, diagnose_repeats
from reproducible_ml.datasets.diagnosis.totals import repeats_header, total_in
from reproducible_ml.datasets.duplicates import find_duplicates
from reproducible_ml.datasets.findings import SHOWN, Finding, listed, reject
from reproducible_ml.datasets.reading.raw import Portion, form, raw_files, read_portions
from reproducible_ml.datasets.reading.scan import scan
from reproducible_ml.datasets.schema import Contract, load_contract
from reproducible_ml.datasets.suspicion.distributions import profile as make_profile
from reproducible_ml.datasets.suspicion.distributions import recount
from reproducible_ml.datasets.suspicion.drift import (
    compare,
    is_same_table,
    last_profile,
)
from reproducible_ml.datasets.suspicion.suspicions import judge
from reproducible_ml.datasets.tables import map_parts, parallel, write_part
from reproducible_ml.datasets.target import Summary, join, summarise
from reproducible_ml.errors import UserError
from reproducible_ml.files import replacing_folder, write_json
from reproducible_ml.params import Data, Params, load_params
from reproducible_ml.stage import run

logger = logging.getLogger(__name__)


class Checked(NamedTuple):
    """What is known of one part after it was checked.

    `suspect` says that its file has to be looked at slowly, and may yet be good.
    """

    file: Path
    first: int
    rows: int
    missing: Counter[str]
    broken: bool
    suspect: bool


def validate_table(
    files: list[Path], contract: Contract, params: Params, table: Path, report: Path
) -> list[Checked]:
    """Write the rows of raw files to a table of parts if they honour the contract.

    Args:
        files: What `raw_files` found.
        contract: What the rows have to be.
        params: Roles of columns, and how many rows a part has.
        table: Empty folder that gets the parts.
        report: CSV file that gets the problems; removed if there are none.

    Raises:
        UserError: A line for each of the first problems.
    """
    texts = [(file, contract.metadata) for file in files if form(file) == "csv"]
    reject(_joined(parallel(scan, texts, params.compute, "scan")), report)
    checked, error = _check_all(files, contract, params, table)
    if error or any(part.broken or part.suspect for part in checked):
        jobs = [(file, contract) for file in files]
        found = _joined(parallel(diagnose, jobs, params.compute, "diagnose"))
        reject([_of_target(finding, params.data) for finding in found], report)
    if error:
        raise UserError(f"{files[0].parent}: cannot be read: {error}") from error
    assert not any(part.broken for part in checked), "diagnose finds what check finds"
    if not any(part.rows for part in checked):
        empty = "has a header but no rows"
        reject([Finding("no rows", files[0], empty, "Export it again.")], report)
    reject(list(_repeats(table, contract, params, checked)), report)
    return checked


def _of_target(finding: Finding, data: Data) -> Finding:
    """Return the finding with a fix that suits a target, which is never missing."""
    if finding.column != data.target or finding.kind != NOT_NULL:
        return finding
    fix = "Fill it in the source, or leave these rows out there."
    problem = "is no value, but every row needs one of the target"
    return finding._replace(problem=problem, fix=fix)


def _joined(findings: list[list[Finding]]) -> list[Finding]:
    return [finding for of_file in findings for finding in of_file]


def _check_all(
    files: list[Path], contract: Contract, params: Params, table: Path
) -> tuple[list[Checked], Exception | None]:
    """Write the parts of `table`; return what is known of them, or why it ended."""
    import pyarrow

    portions = read_portions(files, contract, params.compute.rows_per_part)
    work = partial(_check_part, contract=contract, data=params.data, table=table)
    try:
        return parallel(work, enumerate(portions), params.compute, "validate"), None
    except pyarrow.ArrowInvalid as error:
        return [], error


def _check_part(
    number: int, portion: Portion, contract: Contract, data: Data, table: Path
) -> Checked:
    frame = cast(portion.rows, contract)
    broken = any(True for _ in broken_rules(frame, contract))
    suspect = may_be_rounded(frame, contract) or repeats_header(frame, contract)
    if portion.is_last:
        (last,) = portion.rows.slice(portion.rows.num_rows - 1).to_pylist()
        suspect = suspect or total_in(last, contract) is not None
    if not broken:
        write_part(finish(frame, contract, data), table, number)
    missing = Counter({str(n): int(rows) for n, rows in frame.isna().sum().items()})
    return Checked(portion.file, portion.first, len(frame), missing, broken, suspect)


def _repeats(
    table: Path, contract: Contract, params: Params, checked: list[Checked]
) -> Iterator[Finding]:
    """Yield where a column that is declared unique repeats a value, by file."""
    for name in (n for n, column in contract.columns.items() if column.unique):
        found = find_duplicates(table, params.compute, [name], with_key=False)
        of_file: dict[Path, list[int]] = {}
        for places, part in zip(found, checked, strict=True):
            of_file.setdefault(part.file, []).extend(places + part.first)
        for file, rows in of_file.items():
            if rows:
                yield from diagnose_repeats(file, contract, name, np.array(rows))


def _target_facts(table: Path, params: Params) -> dict[str, Any]:
    work = partial(_summarise_part, data=params.data)
    return join(map_parts(work, table, params.compute, [params.data.target])).facts()


def _summarise_part(_: int, frame: pd.DataFrame, data: Data) -> Summary:
    return summarise(frame[data.target], data)


def _drift(
    table: Path,
    now: dict[str, Any],
    profile: Path,
    contract: Contract,
    params: Params,
    raw: Path,
) -> list[Finding]:
    """Return what differs from the table of the last commit."""
    before = last_profile(profile)
    if before is None or not is_same_table(before, now, params.data.target):
        return []
    recounted = recount(table, before, contract, params)
    return compare(before, now, recounted, raw)


def main(
    raw: Path, contract: Path, validated: Path, report: Path, profile: Path
) -> None:
    """Cast the files in RAW to CONTRACT, check them, write VALIDATED and REPORT.

    PROFILE gets the distribution of each column, to compare the next version with.
    """
    params = load_params()
    columns = load_contract(contract, params.data)
    problems = validated.parent / "problems.csv"
    with replacing_folder(validated) as table:
        checked = validate_table(raw_files(raw), columns, params, table, problems)
        judgement = judge(table, columns, params, raw)
        reject(judgement.rejections, problems)
        target = _target_facts(table, params)
        now = make_profile(table, columns, params)
        # Told, but not written: what was committed before must not change an output.
        drift = _drift(table, now, profile, columns, params, raw)
    for finding in listed([*judgement.warnings, *drift], SHOWN):
        logger.warning("warning: %s", finding)
    missing = sum((part.missing for part in checked), Counter[str]())
    write_json({**target, "missing": dict(missing)}, report)
    write_json(now, profile, indent=None)
    logger.info("%s: %d rows honour %s", raw, target["rows"], contract)


if __name__ == "__main__":
    run(main)
