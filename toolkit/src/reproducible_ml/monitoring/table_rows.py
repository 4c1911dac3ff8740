"""Count the rows of any table that `rml predict` reads, part by part."""

import copy
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from reproducible_ml.contract.schema import Contract
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.parallel import map_jobs
from reproducible_ml.core.params import Compute
from reproducible_ml.monitoring.log_rows import Choice
from reproducible_ml.monitoring.reference import Reference
from reproducible_ml.monitoring.tally import Tally, merge_all
from reproducible_ml.monitoring.windows import UNKNOWN, Times, read_times, starts
from reproducible_ml.reading.parquet_files import convert, unconvertible
from reproducible_ml.reading.raw import raw_files
from reproducible_ml.serving.batch import table_chunks
from reproducible_ml.serving.model import Model, PredictFunction
from reproducible_ml.serving.refused_log import rule_of
from reproducible_ml.serving.rows import (
    Checked,
    MissingColumnsError,
    RowProblem,
    check_rows,
)
from reproducible_ml.serving.text_files import check_text_files

# The rule that a category breaks which the contract does not name.
UNSEEN = "isin"

# The form of times that no contract describes. A number is none.
ISO, DATE = "ISO8601", r"\d{4}-\d\d-\d\d"


class Reader(NamedTuple):
    """What reads and answers the rows of a table.

    Attributes:
        model: Has the contract, and answers.
        predict: What the project answers; None to count no answers.
        compute: Where parts are read, and how many rows they have.
        time: Column with the time of a row; None: rows have no time.
    """

    model: Model
    predict: PredictFunction | None
    compute: Compute
    time: str | None = None


def read_chunks(source: Path, reader: Reader) -> Iterator[tuple[int, int, pa.Table]]:
    """Yield number, first position and rows of each part of a table.

    Raises:
        UserError: The files cannot be read.
    """
    files = raw_files(source)
    model, compute = reader.model, reader.compute
    check_text_files(files, model.contract.metadata, model.features, compute)
    extra = [reader.time] if reader.time else []
    yield from table_chunks(files, model, extra, compute.rows_per_part)


def tally_table(
    source: Path, reference: Reference, choice: Choice, reader: Reader
) -> Tally:
    """Return counts of the rows of a table.

    Args:
        source: A file or folder, of the formats that `rml data` reads.
        reference: Whose bins are counted.
        choice: Which rows count; the version does not matter.
        reader: Reads and answers the rows.

    Raises:
        UserError: The table cannot be read, or lacks a column.
    """
    work = partial(_tally_part, reference=reference, choice=choice, reader=reader)
    try:
        chunks = read_chunks(source, reader)
        return merge_all(map_jobs(work, chunks, reader.compute, "count"))
    except pa.ArrowInvalid as error:
        raise UserError(f"{source}: cannot be read: {error}") from error
    except MissingColumnsError as error:
        lines = str(error).splitlines()
        raise UserError("\n".join(f"{source}: {line}" for line in lines)) from error


def _tally_part(
    _: int,
    first: int,
    rows: pa.Table,
    *,
    reference: Reference,
    choice: Choice,
    reader: Reader,
) -> Tally:
    del first
    found = Tally()
    times = _times(rows, reader)
    chosen = choice.span.chosen(times)
    found.untimed = int((~chosen & (times == UNKNOWN)).sum())
    if not chosen.all():
        rows, times = rows.filter(pa.array(chosen)), times[chosen]
    if not rows.num_rows:
        return found
    windows = starts(times, choice.width)
    found.add_newest(times)
    checked = _check(rows, reader.model, windows, found)
    places = checked.rows.index.to_numpy()
    good = np.zeros(rows.num_rows, dtype=bool)
    good[places] = True
    found.refused.update(Counter(windows[~good].tolist()))
    found.add_rows(windows[good])
    found.add_values(windows[good], checked.rows, reference.inputs)
    if reader.predict and len(places):
        answers = reader.predict(checked.rows, reader.model)
        found.versions[reader.model.version] += len(places)
        found.add_values(
            windows[good], answers, reference.answers, reader.model.version
        )
    return found


def _check(rows: pa.Table, model: Model, windows: Times, found: Tally) -> Checked:
    """Check the rows, and count the rules that they break and unseen categories."""
    strict = model
    if model.unseen != "reject":
        # What the model takes as missing is to be counted all the same.
        strict = copy.copy(model)
        strict.unseen = "reject"
    checked = check_rows(rows, strict)
    for problem in checked.problems:
        if _is_unseen(problem, model.contract):
            values = found.unseen.setdefault(problem.column or "", Counter())
            values[problem.value or ""] += 1
    if strict is not model and found.unseen:
        checked = check_rows(rows, model)
    for problem in checked.problems:
        start = int(windows[problem.row])
        rule = problem.column or "", rule_of(problem)
        found.rules.setdefault(start, Counter())[rule] += 1
    return checked


def _is_unseen(problem: RowProblem, contract: Contract) -> bool:
    return (
        problem.column is not None
        and problem.rule.startswith(UNSEEN)
        and contract.columns[problem.column].dtype == "category"
    )


def _times(rows: pa.Table, reader: Reader) -> Times:
    if reader.time is None:
        return np.full(rows.num_rows, UNKNOWN, dtype=np.int64)
    values = rows[reader.time].combine_chunks()
    column = reader.model.contract.columns.get(reader.time)
    if column is not None and column.dtype == "datetime64[ns]":
        try:
            return read_times(convert(values, column).to_pandas())
        except pa.ArrowInvalid:
            known = pa.compute.if_else(unconvertible(values, column), None, values)
            return read_times(convert(known, column).to_pandas())
    if pa.types.is_temporal(values.type):
        return read_times(pd.to_datetime(values.to_pandas(), utc=True))
    # One format for all: pandas would take that of the first row, and lose the others.
    texts = values.cast(pa.string()).to_pandas().str.strip().replace("", None)
    moments = pd.to_datetime(texts, format=ISO, errors="coerce", utc=True)
    moments = moments.where(texts.str.match(DATE, na=False))
    if (odd := texts.notna() & moments.isna()).any():
        raise UserError(
            f'--time: column "{reader.time}": {texts[odd].iloc[0]!r:.60} is no time.'
            " Fix: write times such as 2026-11-29T15:00"
        )
    return read_times(moments)
