"""Hold the raw table against its contract; let it pass whole or not at all."""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from reproducible_ml.datasets.check import cast, check, finish, read_schema
from reproducible_ml.datasets.diagnose import Violation, describe, unreadable
from reproducible_ml.datasets.duplicates import find_duplicates
from reproducible_ml.datasets.raw import Portion, raw_files, read_portions
from reproducible_ml.datasets.schema import Contract, load_contract
from reproducible_ml.datasets.tables import (
    map_parts,
    parallel,
    parts,
    read_part,
    write_part,
)
from reproducible_ml.errors import UserError
from reproducible_ml.files import replacing_folder, write_json
from reproducible_ml.params import Data, Params, load_params
from reproducible_ml.stage import run

logger = logging.getLogger(__name__)


class Checked(NamedTuple):
    """What is known of one part after it was checked."""

    file: Path
    first: int
    rows: int
    missing: Counter[str]
    violations: list[Violation]


def _validate_part(
    number: int,
    portion: Portion,
    contract: Contract,
    path: Path,
    data: Data,
    table: Path,
) -> Checked:
    frame = cast(portion.rows, contract)
    violations = [
        Violation(portion.file, name, rule, portion.first + place, value, count)
        for name, rule, place, value, count in check(frame, contract, read_schema(path))
    ]
    if not violations:
        write_part(finish(frame, contract, data), table, number)
    missing = {str(name): int(rows) for name, rows in frame.isna().sum().items()}
    facts = (portion.file, portion.first, len(frame))
    return Checked(*facts, Counter(missing), violations)


def _repeats(
    table: Path, contract: Contract, params: Params, checked: list[Checked]
) -> Iterator[Violation]:
    """Yield where a column that is declared unique repeats a value, in each part."""
    rule = "repeats the value of an earlier row, but unique is true"
    for name in (n for n, column in contract.columns.items() if column.unique):
        found = find_duplicates(table, params.compute, [name], with_key=False)
        for part, places, facts in zip(parts(table), found, checked, strict=True):
            if len(places):
                value = str(read_part(part, [name])[name].iloc[places[0]])
                record = facts.first + int(places[0])
                yield Violation(facts.file, name, rule, record, value, len(places))


def _reject(violations: Iterable[Violation]) -> None:
    """Raise UserError with a line for each broken rule, if there is any."""
    if problems := describe(violations):
        raise UserError("\n".join(problems))


def _count_target(raw: Path, table: Path, params: Params) -> dict[str, int]:
    """Return the rows of each class, or raise UserError if there is only one."""
    target = params.data.target
    counts: Counter[str] = Counter()
    for part in map_parts(partial(_count, target), table, params.compute, [target]):
        counts.update(part)
    if len(counts) < 2:
        only = ", ".join(counts)
        raise UserError(
            f'{raw}, column "{target}": every row says "{only}",'
            " so there is nothing to learn."
            " Check the export, or name another target in params.yaml."
        )
    return dict(sorted(counts.items()))


def _count(target: str, _: int, frame: pd.DataFrame) -> dict[str, int]:
    counts = frame[target].value_counts()
    return {str(label): int(rows) for label, rows in counts.items() if rows}


def _validate_all(
    files: list[Path], contract: Contract, path: Path, params: Params, table: Path
) -> list[Checked]:
    """Write the parts of `table`, or raise UserError with a line per broken rule."""
    import pyarrow

    portions = read_portions(files, contract, params.compute.rows_per_part)
    work = partial(
        _validate_part, contract=contract, path=path, data=params.data, table=table
    )
    try:
        checked = parallel(work, enumerate(portions), params.compute, "validate")
    except pyarrow.ArrowInvalid as error:
        problems = [line for file in files for line in unreadable(file, contract)]
        raise UserError(
            "\n".join(problems or [f"{files[0].parent}: {error}"])
        ) from error
    _reject(v for part in checked for v in part.violations)
    if not any(part.rows for part in checked):
        raise UserError(f"{files[0]}: has a header but no rows. Export it again.")
    return checked


def main(raw: Path, contract: Path, validated: Path, report: Path) -> None:
    """Cast the files in RAW to CONTRACT, check them, write VALIDATED and REPORT."""
    params = load_params()
    columns = load_contract(contract, params.data)
    with replacing_folder(validated) as table:
        checked = _validate_all(raw_files(raw), columns, contract, params, table)
        _reject(_repeats(table, columns, params, checked))
        classes = _count_target(raw, table, params)
    rows = sum(part.rows for part in checked)
    missing = sum((part.missing for part in checked), Counter[str]())
    write_json({"rows": rows, "classes": classes, "missing": dict(missing)}, report)
    logger.info("%s: %d rows honour %s", raw, rows, contract)


if __name__ == "__main__":
    run(main)
