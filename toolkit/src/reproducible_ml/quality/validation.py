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
from reproducible_ml.core.equal_rows import find_duplicates
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.hashing import hash_value
from reproducible_ml.core.inputs import state_of
from reproducible_ml.core.parallel import map_jobs
from reproducible_ml.core.params import Compute
from reproducible_ml.core.part_store import current_store
from reproducible_ml.core.parts import part_file, write_part
from reproducible_ml.quality.diagnose import diagnose, diagnose_duplicates
from reproducible_ml.quality.raw_rows import (
    contains_header,
    find_totals_column,
    unknown_folders,
)
from reproducible_ml.reading.file_type import compression
from reproducible_ml.reading.kept_rows import KeptRows
from reproducible_ml.reading.raw import (
    Chunk,
    file_format,
    folder_values,
    read_chunks,
    row_lines,
)
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
    all_files = _Files(files, table)
    all_files.take(contract, [data.model_dump_json(), compute.rows_per_part, temporary])
    new = all_files.new
    if not scanned:
        texts = [file for file in new if file_format(file) == "csv"]
        dialects = [(file, contract.metadata) for file in texts]
        reject(_joined(map_jobs(scan, dialects, compute, "scan")), report)
    reject(unknown_folders(files, contract), report)
    work = partial(
        _check_part,
        contract=contract,
        data=data,
        table=all_files.folder,
        checks=tuple(checks),
        temporary=temporary,
    )
    if kept is not None and new == files and kept.fit(contract):
        chunks = kept.chunks(contract, compute.rows_per_part)
    else:
        chunks = read_chunks(new, contract, compute.rows_per_part)
    checked, error = _check_all(chunks, compute, work, all_files.add)
    if not error:
        all_files.keep(suspect=False)
    if error or any(part.broken or part.suspect for part in checked):
        jobs = [(file, contract) for file in new]
        found = _joined(map_jobs(diagnose, jobs, compute, "diagnose"))
        reject([_in_every_row(finding, data) for finding in found], report)
    if error:
        raise UserError(f"{files[0].parent}: cannot be read: {error}") from error
    assert not any(part.broken for part in checked), "diagnose finds what check finds"
    checked = all_files.merged(checked)
    if not any(part.rows for part in checked):
        empty = "has a header but no rows"
        reject([Finding("no rows", files[0], empty, "Export it again.")], report)
    reject(list(_duplicates(table, contract, compute, checked)), report)
    reject(list(_failed_checks(contract, checked, checks)), report)
    return checked


class _Files:
    """Files of a raw table, some of whose parts are in the store of parts.

    Attributes:
        new: Those that have to be checked, in their order.
        folder: Where the parts of these are to be written.
    """

    def __init__(self, files: list[Path], table: Path) -> None:
        self.files = self.new = files
        self.table = self.folder = table
        self._numbers = {file: number for number, file in enumerate(files)}
        self._store = current_store(len(files))
        self._keys: dict[Path, str] = {}
        self._states: dict[Path, tuple[int, ...]] = {}
        self._kept: dict[Path, list[CheckedPart]] = {}
        self._waiting: list[tuple[int, CheckedPart]] = []

    def take(self, contract: Contract, facts: Sequence[Any]) -> None:
        """Take the parts of files that were found to be good before.

        Args:
            contract: Of the table.
            facts: What else their parts depend on, but for their content.
        """
        store = self._store
        if store is None:
            return
        # Files that are new come between them, so all get their numbers at the end.
        self.folder = self.table / "new"
        self.folder.mkdir()
        others = hash_value([contract.model_dump_json(), *facts])
        for file in self.files:
            self._states[file] = state_of(file)
            packed = compression(file)
            name = [
                file_format(file),
                packed,
                Path(file.stem if packed else file).suffix,
            ]
            folders = folder_values(file, contract.metadata)
            self._keys[file] = store.key(
                "validated",
                store.dependency_of(file),
                [store.id_of(file), name, folders, others],
            )
        listed = {file: store.facts(self._keys[file]) for file in self.files}
        known = {file: parts for file, parts in listed.items() if parts}
        jobs = [(self._keys[f], self._places(f, len(known[f]))) for f in known]
        for file, parts in zip(known, store.take_all(jobs), strict=True):
            if parts:
                self._kept[file] = [
                    CheckedPart(file, first, rows, Counter(missing), False, False, {})
                    for first, rows, missing in parts
                ]
        self.new = [file for file in self.files if file not in self._kept]

    def add(self, number: int, part: CheckedPart) -> None:
        """Note what was found; a good file is kept as soon as it is read."""
        if self._store is None:
            return
        if self._waiting and self._waiting[-1][1].file != part.file:
            self.keep(suspect=False)
        self._waiting.append((number, part))

    def merged(self, checked: list[CheckedPart]) -> list[CheckedPart]:
        """Return the parts of all files in their order, under their numbers.

        Args:
            checked: Of the new files, none of which breaks the contract.
        """
        if self._store is None:
            return checked
        self.keep(suspect=True)
        places = {file: self._places(file, len(p)) for file, p in self._kept.items()}
        parts = {file: [*found] for file, found in self._kept.items()}
        for number, part in enumerate(checked):
            places.setdefault(part.file, []).append(part_file(self.folder, number))
            parts.setdefault(part.file, []).append(part)
        moves = [place for file in self.files for place in places.get(file, ())]
        for number, place in enumerate(moves):
            self._store.moved(place, part_file(self.table, number))
        self.folder.rmdir()
        return [part for file in self.files for part in parts.get(file, ())]

    def keep(self, *, suspect: bool) -> None:
        """Keep the files that wait, if they are good.

        Args:
            suspect: Whether the slow check was made, and found nothing in suspect ones.
        """
        if self._store is None:
            return
        waiting, self._waiting = self._waiting, []
        for file in dict.fromkeys(part.file for _, part in waiting):
            of_file = [(number, part) for number, part in waiting if part.file == file]
            good = not any(
                part.broken
                or any(map(len, part.failed.values()))
                or (part.suspect and not suspect)
                for _, part in of_file
            )
            if good and state_of(file) == self._states[file]:
                facts = [[part.first, part.rows, part.missing] for _, part in of_file]
                places = [part_file(self.folder, number) for number, _ in of_file]
                self._store.put(self._keys[file], facts, places)
            elif not good:
                self._waiting += of_file

    def _places(self, file: Path, parts: int) -> list[Path]:
        """Return where the parts of a kept file are put first."""
        number = self._numbers[file]
        return [self.folder / f"kept-{number}-{each}" for each in range(parts)]


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
    done: Callable[[int, CheckedPart], None],
) -> tuple[list[CheckedPart], Exception | None]:
    """Check and write the parts; return their results, or the error that ended it."""
    import pyarrow

    try:
        jobs = enumerate(chunks)
        return map_jobs(check, jobs, compute, "validate", done=done), None
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
    counts = frame.isna().to_numpy().sum(axis=0).tolist()
    missing = Counter(dict(zip(map(str, frame.columns), counts, strict=True)))
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
            found = [part.failed[name] + part.first for part in parts if part.failed]
            rows = np.concatenate([np.array([], dtype=np.intp), *found])
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
