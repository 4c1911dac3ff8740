"""Predict the rows of a table, part by part: `rml predict`."""

import json
import logging
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.files import replacing
from reproducible_ml.core.parallel import map_jobs
from reproducible_ml.core.params import Compute
from reproducible_ml.reading.json_lines import decimal_commas
from reproducible_ml.reading.raw import cut, raw_files, text_batches
from reproducible_ml.serving.destination import (
    Destination,
    check_apart,
    check_keys,
    write_part,
)
from reproducible_ml.serving.model import Model, PredictFunction
from reproducible_ml.serving.rows import MissingColumnsError, RowProblem, answer
from reproducible_ml.serving.text_files import check_text_files

logger = logging.getLogger(__name__)

OnBadRow = Literal["fail", "quarantine"]

# Columns of the result besides the answers.
ROW, ROW_KEY, VERSION = "row", "row_key", "model_version"

# Problems that are printed.
SHOWN = 5


class Part(NamedTuple):
    """What was done to some rows; their answers are in a file.

    Attributes:
        rows: Number of rows.
        rejected: Number of rows that were not answered.
        problems: The first problems, with the position in the whole table.
        keys: Of the answered rows, if they are known.
    """

    rows: int
    rejected: int
    problems: list[RowProblem]
    keys: npt.NDArray[np.uint64] | None


class Result(NamedTuple):
    """What a batch did.

    Attributes:
        rows: Number of rows read.
        rejected: Number of rows that were not answered.
        quarantine: File with these rows and what is wrong with them, if there are any.
    """

    rows: int
    rejected: int
    quarantine: Path | None


def predict_table(
    source: Path,
    destination: Destination,
    model: Model,
    predict: PredictFunction,
    compute: Compute,
    *,
    keep: Sequence[str] = (),
    on_bad_row: OnBadRow = "fail",
    quarantine: Path,
) -> Result:
    """Predict all rows of a file or folder, and write the answers in their order.

    The result has the columns of `keep` and those that identify a row in params.yaml;
    `row`, the position in the table from 1; `row_key`, if the columns for it are there;
    what the project answers; and `model_version`.

    Args:
        source: A file or a folder of files, of the formats that `rml data` reads.
        destination: Where the answers go; it is written whole or not at all.
        model: The model.
        predict: What the project answers.
        compute: Where parts are predicted, and how many rows they have.
        keep: Columns to copy.
        on_bad_row: `fail`: nothing is written if a row breaks the contract;
            `quarantine`: the others are.
        quarantine: JSON lines: each bad row, its position, its values and what is wrong
            with them. It is removed if there are none.

    Raises:
        UserError: A column is missing, a row is bad and `on_bad_row` is `fail`, or the
            destination cannot be written.
    """
    columns = [*dict.fromkeys([*keep, *model.data.id])]
    if own := [name for name in columns if name in (ROW, ROW_KEY, VERSION)]:
        raise UserError(
            f'column "{own[0]}" cannot be copied: the result has a column of this name'
            " of its own. Rename it in the source."
        )
    destination.check()
    check_apart(source, destination, quarantine)
    files = raw_files(source)
    check_text_files(files, model.contract.metadata, model.features, compute)
    with tempfile.TemporaryDirectory(prefix="rml-") as folder:
        work = partial(
            _predict_part,
            model=model,
            predict=predict,
            columns=columns,
            folder=Path(folder),
        )
        chunks = table_chunks(files, model, columns, compute.rows_per_part)
        try:
            parts = map_jobs(work, chunks, compute, "predict")
        except pa.ArrowInvalid as error:
            raise UserError(f"{source}: cannot be read: {error}") from error
        except MissingColumnsError as error:
            lines = str(error).splitlines()
            raise UserError("\n".join(f"{source}: {line}" for line in lines)) from error
        rejected = sum(part.rejected for part in parts)
        _write_quarantine(Path(folder), quarantine)
        _report(source, parts, quarantine)
        if rejected and on_bad_row == "fail":
            raise UserError(
                f"{source}: {rejected} of {sum(part.rows for part in parts)} rows break"
                " the contract, and nothing was predicted. Fix: correct them, or let"
                " the others be predicted: --on-bad-row quarantine"
            )
        if destination.needs_keys:
            check_keys(source, model, [part.keys for part in parts])
        answers = sorted(Path(folder).glob("part-*.parquet"))
        destination.write(answers)
    return Result(
        sum(part.rows for part in parts), rejected, quarantine if rejected else None
    )


def table_chunks(
    files: list[Path], model: Model, columns: list[str], rows: int
) -> Iterator[tuple[int, int, pa.Table]]:
    """Yield number, first position and rows of each part, with the needed columns.

    Args:
        files: Of the table.
        model: Needs its features; the columns that identify a row may be missing.
        columns: Further ones that must be there.
        rows: Most rows of a part.

    Raises:
        MissingColumnsError: A column is missing.
    """
    wanted = {*model.features, *model.keys, *columns}
    commas = decimal_commas(model.contract)
    number = first = 0
    for file in files:
        texts = text_batches(file, model.contract.metadata, wanted, commas)
        for chunk in cut(texts, rows):
            needed = [*model.features, *columns]
            if missing := [n for n in needed if n not in chunk.column_names]:
                every = next(text_batches(file, model.contract.metadata))
                raise MissingColumnsError(missing, every.schema.names)
            yield number, first, chunk
            number += 1
            first += chunk.num_rows
    if not number:
        # Without rows, the result has no rows, but its columns.
        yield 0, 0, pa.table(dict.fromkeys(sorted(wanted), pa.array([], pa.string())))


def _predict_part(
    number: int,
    first: int,
    rows: pa.Table,
    *,
    model: Model,
    predict: PredictFunction,
    columns: list[str],
    folder: Path,
) -> Part:
    answered = answer(rows, model, predict)
    positions = answered.answers.index.to_numpy()
    table = _result(rows, answered.answers, answered.keys, model, columns, first)
    write_part(table, folder / f"part-{number:05d}.parquet")
    is_bad = np.ones(rows.num_rows, dtype=bool)
    is_bad[positions] = False
    bad = np.flatnonzero(is_bad)
    if len(bad):
        lines = _bad_rows(rows, bad, answered.problems, first)
        (folder / f"bad-{number:05d}.jsonl").write_text("".join(lines), "utf-8")
    problems = [p._replace(row=p.row + first) for p in answered.problems[:SHOWN]]
    return Part(rows.num_rows, len(bad), problems, answered.keys)


def _result(
    rows: pa.Table,
    answers: pd.DataFrame,
    keys: npt.NDArray[np.uint64] | None,
    model: Model,
    columns: list[str],
    first: int,
) -> pa.Table:
    positions = answers.index.to_numpy()
    kept = rows.select(columns).take(pa.array(positions))
    found: dict[str, Any] = {name: kept[name] for name in columns}
    found[ROW] = pa.array(positions + first + 1, pa.int64())
    if keys is not None:
        found[ROW_KEY] = _as_text(keys)
    own = pa.Table.from_pandas(answers, preserve_index=False)
    if clash := sorted({*own.column_names} & {*columns}):
        raise UserError(
            f'column "{clash[0]}" cannot be copied: it has the name of an answer.'
            " Rename it in the source."
        )
    if clash := sorted({*own.column_names} & {*found, VERSION}):
        raise UserError(
            f'deployment/predict.py: the answer "{clash[0]}" has the name of another'
            " column of the result. Rename it."
        )
    found |= {name: own[name] for name in own.column_names}
    found[VERSION] = pa.repeat(pa.scalar(model.version), len(positions))
    return pa.table(found)


def _as_text(keys: npt.NDArray[np.uint64]) -> pa.StringArray:
    """Return 16 hexadecimal digits for each key.

    Most databases have no unsigned numbers of 64 bits.
    """
    digits = keys.astype(">u8").tobytes().hex().encode()
    ends = np.arange(0, len(digits) + 1, 16, dtype=np.int32)
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(digits)]
    return pa.Array.from_buffers(pa.string(), len(keys), buffers)


def _bad_rows(
    rows: pa.Table, bad: npt.NDArray[np.intp], problems: list[RowProblem], first: int
) -> Iterator[str]:
    """Yield a line of JSON for each bad row."""
    of_row: dict[int, list[dict[str, Any]]] = {}
    for one in problems:
        entry = {"column": one.column, "value": one.value, "problem": one.problem}
        of_row.setdefault(one.row, []).append(entry)
    for place, values in zip(
        bad.tolist(), rows.take(pa.array(bad)).to_pylist(), strict=True
    ):
        line = {"row": first + place + 1, "problems": of_row[place], "values": values}
        yield json.dumps(line, ensure_ascii=False, default=str) + "\n"


def _write_quarantine(folder: Path, quarantine: Path) -> None:
    files = sorted(folder.glob("bad-*.jsonl"))
    if not files:
        quarantine.unlink(missing_ok=True)
        return
    with replacing(quarantine, shared=True) as temporary, temporary.open("wb") as out:
        for file in files:
            with file.open("rb") as lines:
                shutil.copyfileobj(lines, out)


def _report(source: Path, parts: list[Part], quarantine: Path) -> None:
    problems = [problem for part in parts for problem in part.problems]
    for problem in problems[:SHOWN]:
        logger.warning("%s row %d, %s", source, problem.row + 1, problem)
    rejected = sum(part.rejected for part in parts)
    if rejected:
        logger.warning("%d rows break the contract: %s", rejected, quarantine)
