"""Validate a raw table against its contract: all of it passes, or none of it."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from reproducible_ml.contract.checks import (
    NOT_NULL,
    add_row_keys,
    broken_rules,
    cast,
    has_inexact_integers,
)
from reproducible_ml.contract.findings import Finding, quoted, reject
from reproducible_ml.contract.schema import Contract, Data
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.parallel import map_jobs
from reproducible_ml.core.params import Compute
from reproducible_ml.core.parts import find_duplicates, write_part
from reproducible_ml.quality.diagnose import diagnose, diagnose_duplicates
from reproducible_ml.quality.raw_rows import (
    contains_header,
    find_totals_column,
    unknown_folders,
)
from reproducible_ml.reading.kept_rows import KeptRows
from reproducible_ml.reading.raw import Chunk, file_format, read_chunks, row_lines
from reproducible_ml.reading.scan import scan

# Returns for each row whether it is valid. The first line of its docstring says what
# must hold. It is a function of a module, so that it can be sent to other processes.
RowCheck = Callable[[pd.DataFrame], Any]

# Lines that are listed of the rows that fail a check.
LINES = 5


class CheckedPart(NamedTuple):
    """Results of checking one part.

    Attributes:
        file: The file that its rows come from.
        first: Position of its first row in that file, from 0.
        rows: Number of rows.
        missing: Rows without a value, by column.
        broken: Whether a row breaks the contract.
        suspect: Whether the file needs the slow check, which it may pass.
        failed: Positions of the rows that fail a check of the project, by its name.
    """

    file: Path
    first: int
    rows: int
    missing: Counter[str]
    broken: bool
    suspect: bool
    failed: dict[str, np.ndarray[Any, Any]]


def validate_table(
    files: list[Path],
    contract: Contract,
    data: Data,
    compute: Compute,
    table: Path,
    report: Path,
    checks: Sequence[RowCheck] = (),
    *,
    temporary: bool = False,
    scanned: bool = False,
    kept: KeptRows | None = None,
) -> list[CheckedPart]:
    """Write the rows of raw files to a table of parts if they meet the contract.

    Args:
        files: What `raw_files` found.
        contract: Types and rules of the columns.
        data: Roles of the columns.
        compute: How parts are computed, and how many rows they have.
        table: Empty folder for the parts.
        report: CSV file for the problems; removed if there are none.
        checks: Checks of the project; each returns a boolean for every row.
        temporary: Whether the parts are soon removed: they are written faster.
        scanned: Whether the bytes of the files are known to be right.
        kept: The rows of the files, if they were read before; they are used if they
            fit the contract.

    Raises:
        UserError: The table is invalid; a line for each of the first problems.
    """
    if not scanned:
        texts = [file for file in files if file_format(file) == "csv"]
        dialects = [(file, contract.metadata) for file in texts]
        reject(_joined(map_jobs(scan, dialects, compute, "scan")), report)
    reject(unknown_folders(files, contract), report)
    work = partial(
        _check_part,
        contract=contract,
        data=data,
        table=table,
        checks=tuple(checks),
        temporary=temporary,
    )
    if kept is not None and kept.fit(contract):
        chunks = kept.chunks(contract, compute.rows_per_part)
    else:
        chunks = read_chunks(files, contract, compute.rows_per_part)
    checked, error = _check_all(chunks, compute, work)
    if error or any(part.broken or part.suspect for part in checked):
        jobs = [(file, contract) for file in files]
        found = _joined(map_jobs(diagnose, jobs, compute, "diagnose"))
        reject([_in_every_row(finding, data) for finding in found], report)
    if error:
        raise UserError(f"{files[0].parent}: cannot be read: {error}") from error
    assert not any(part.broken for part in checked), "diagnose finds what check finds"
    if not any(part.rows for part in checked):
        empty = "has a header but no rows"
        reject([Finding("no rows", files[0], empty, "Export it again.")], report)
    reject(list(_duplicates(table, contract, compute, checked)), report)
    reject(list(_failed_checks(contract, checked, checks)), report)
    return checked


def count_missing(checked: list[CheckedPart]) -> dict[str, int]:
    """Return the rows without a value, by column."""
    return dict(sum((part.missing for part in checked), Counter[str]()))


def _in_every_row(finding: Finding, data: Data) -> Finding:
    """Return the finding with another fix for a target or time, which has to be known.

    To set `nullable` would help neither.
    """
    roles = {data.target: "the target", data.time: "the time column"}
    role = roles.get(finding.column)
    if role is None or finding.kind != NOT_NULL:
        return finding
    fix = "Fill it in the source, or remove these rows there."
    if finding.value and finding.column == data.target:
        fix = f"{fix[:-1]}; if {quoted(finding.value)} is a class, rename it."
    problem = f"is missing, but every row needs a value of {role}"
    return finding._replace(problem=problem, fix=fix)


def _joined(findings: list[list[Finding]]) -> list[Finding]:
    return [finding for of_file in findings for finding in of_file]


def _check_all(
    chunks: Iterator[Chunk],
    compute: Compute,
    check: Callable[[int, Chunk], CheckedPart],
) -> tuple[list[CheckedPart], Exception | None]:
    """Check and write the parts; return their results, or the error that ended it."""
    import pyarrow

    try:
        return map_jobs(check, enumerate(chunks), compute, "validate"), None
    except pyarrow.ArrowInvalid as error:
        return [], error


def _check_part(
    number: int,
    chunk: Chunk,
    contract: Contract,
    data: Data,
    table: Path,
    checks: Sequence[RowCheck],
    temporary: bool,
) -> CheckedPart:
    frame = cast(chunk.rows, contract)
    broken = any(True for _ in broken_rules(frame, contract))
    suspect = has_inexact_integers(frame, contract) or contains_header(frame, contract)
    if chunk.is_last:
        (last,) = chunk.rows.slice(chunk.rows.num_rows - 1).to_pylist()
        suspect = suspect or find_totals_column(last, contract) is not None
    failed = {}
    if not broken:
        rows = add_row_keys(frame, contract, data)
        failed = {check.__name__: _failing(check, rows) for check in checks}
        write_part(rows, table, number, temporary=temporary)
    missing = Counter({str(n): int(rows) for n, rows in frame.isna().sum().items()})
    return CheckedPart(
        chunk.file, chunk.first, len(frame), missing, broken, suspect, failed
    )


def _failing(check: RowCheck, rows: pd.DataFrame) -> np.ndarray[Any, Any]:
    """Return the positions of the rows that fail a check of the project."""
    try:
        right: Any = pd.array(check(rows), dtype="boolean")
    except KeyError as error:
        raise UserError(
            f"check {check.__name__}: uses the column {error}, which is not in"
            " data/schema.yaml. Correct the check, or remove it from CHECKS."
        ) from error
    if len(right) != len(rows):
        raise UserError(
            f"check {check.__name__}: returned {len(right)} values for {len(rows)}"
            " rows. Return true or false for each row."
        )
    # Where a value is missing, the check may be undecided: the row passes.
    return np.flatnonzero(~right.fillna(True).to_numpy(dtype=bool))


def _failed_checks(
    contract: Contract, checked: list[CheckedPart], checks: Sequence[RowCheck]
) -> Iterator[Finding]:
    """Yield a finding for each check of the project and each file that fails it."""
    files = list(dict.fromkeys(part.file for part in checked))
    for check in checks:
        name, words = check.__name__, (check.__doc__ or "").strip().partition("\n")[0]
        for file in files:
            parts = [part for part in checked if part.file == file]
            found = [part.failed[name] + part.first for part in parts]
            rows = np.concatenate(found)
            if not len(rows):
                continue
            lines = {*rows[:LINES].tolist()}
            shown = [
                str(line)
                for place, line in enumerate(row_lines(file, contract.metadata))
                if place in lines
            ]
            more = "" if len(rows) <= LINES else ", ..."
            yield Finding(
                f"check {name}",
                file,
                f"fails the check {name}: {words.rstrip('.')}"
                f" (lines {', '.join(shown)}{more})",
                "Correct these rows in the source, or the check.",
                line=int(shown[0]),
                rows=len(rows),
            )


def _duplicates(
    table: Path, contract: Contract, compute: Compute, checked: list[CheckedPart]
) -> Iterator[Finding]:
    """Yield the duplicate values of columns that are declared unique, by file."""
    for name in (n for n, column in contract.columns.items() if column.unique):
        found = find_duplicates(table, compute, [name], with_key=False)
        of_file: dict[Path, list[int]] = {}
        for places, part in zip(found, checked, strict=True):
            of_file.setdefault(part.file, []).extend(places + part.first)
        for file, rows in of_file.items():
            if rows:
                yield from diagnose_duplicates(file, contract, name, np.array(rows))
