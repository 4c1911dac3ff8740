"""Read labels that became known after the answers: a table, or what the service wrote.

A label belongs to a row of a request, or to a row key. Its time, if it is known, says
how late it came.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from reproducible_ml.contract.checks import NOT_NULL
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.params import Compute
from reproducible_ml.monitoring.windows import DAY, UNKNOWN, Times, read_times
from reproducible_ml.quality.spellings import closest_match
from reproducible_ml.reading.json_lines import decimal_commas
from reproducible_ml.reading.raw import raw_files, text_batches
from reproducible_ml.reading.values import try_convert
from reproducible_ml.serving.feedback import (
    ID,
    KEY,
    LABEL,
    LABEL_TIME,
    MOST,
    ROW,
    ROW_KEY,
)
from reproducible_ml.serving.model import Model
from reproducible_ml.serving.rows import check_target, keyed_rows
from reproducible_ml.serving.text_files import check_text_files

# Problems that are named.
SHOWN = 5

# A date without a time: what is known on a day is known at its end.
DATE = r"\d{4}-\d\d-\d\d"

By = Literal["request", "key", "columns"]


class Labels(NamedTuple):
    """Labels of rows.

    Attributes:
        table: `request_id` and `row`, or `row_key`; `label`; `known`, the time in
            microseconds since 1970, UNKNOWN where there is none. In their order.
        empty: Rows of the table that have no label yet.
        has_rows: Whether labels of requests say which row of the request is meant.
    """

    table: pd.DataFrame
    empty: int
    has_rows: bool = True


def read_labels(
    source: Path, model: Model, compute: Compute, time: str | None = None
) -> Labels:
    """Read the labels of a file or folder.

    The column of labels has the name of the target, or is `label`. Rows are identified
    by `request_id` (and `row`, 0 without it), else by `row_key`, else by the columns
    that the row key is made of.

    Args:
        source: Of the formats that `rml data` reads.
        model: Its contract says which labels are valid.
        compute: Where text files are scanned.
        time: Column with the time since when a label is known; by default
            `label_time`, if it is there.

    Raises:
        UserError: A column is missing, or a line for each of the first labels that are
            not valid.
    """
    files = raw_files(source)
    dialect = model.contract.metadata
    target = model.data.target
    check_text_files(files, dialect, [target, LABEL, ID, KEY], compute)
    own = {target, LABEL, ID, ROW, KEY, *model.keys, *model.features}
    wanted = {*own, time or LABEL_TIME}
    commas = decimal_commas(model.contract)
    parts: list[pd.DataFrame] = []
    empty, problems, has_rows = 0, list[str](), True
    for file in files:
        first = 0
        try:
            for batch in text_batches(file, dialect, wanted, commas):
                part, bad = _read(batch, model, time, file)
                has_rows &= ROW in batch.schema.names
                problems += [
                    f"{file} row {row + first + 1}, {what}" for row, what in bad
                ]
                empty += int(part[LABEL].isna().sum())
                parts.append(part[part[LABEL].notna()])
                first += batch.num_rows
        except pa.ArrowInvalid as error:
            raise UserError(f"{file}: cannot be read: {error}") from error
    if problems:
        more = len(problems) - SHOWN
        tail = [f"and {more} more"] if more > 0 else []
        raise UserError("\n".join([*problems[:SHOWN], *tail]))
    if not parts:
        raise UserError(f"{source}: has no rows")
    return Labels(pd.concat(parts, ignore_index=True), empty, has_rows)


def _identity(names: Sequence[str], model: Model) -> By:
    """Return how the rows of a table are identified.

    A column of the contract that has one of these names is that column.
    """
    own = model.contract.columns
    if ID in names and ID not in own:
        return "request"
    if KEY in names and KEY not in own:
        return "key"
    return "columns"


def _read(
    batch: pa.RecordBatch, model: Model, time: str | None, file: Path
) -> tuple[pd.DataFrame, list[tuple[int, str]]]:
    """Return the labels of some rows, and position and text of what is wrong."""
    table = pa.Table.from_batches([batch])
    target, names = model.data.target, table.column_names
    column = target if target in names else LABEL
    if column not in names:
        every = next(text_batches(file, model.contract.metadata)).schema.names
        near = closest_match(target, every)
        hint = f', but there is "{near[0]}"' if near else ""
        raise UserError(f'{file}: column "{target}", the target, is missing{hint}')
    values, wrong = check_target(pa.table({target: table[column]}), model)
    bad = [
        (each.row, f'column "{column}": {each.value!r:.60} {each.problem}')
        for each in wrong
        if each.rule != NOT_NULL
    ]
    found = pd.DataFrame(index=pd.RangeIndex(table.num_rows))
    found[LABEL] = values.astype(object).reindex(found.index)
    found["known"] = UNKNOWN
    if (time or LABEL_TIME) in names:
        found["known"], late = _times(table[time or LABEL_TIME], model, time)
        bad += late
    elif time:
        raise UserError(f'{file}: column "{time}" (--time) is missing')
    identity, odd = _places(table, model, _identity(names, model), file)
    bad += [each for each in odd if found[LABEL].notna()[each[0]]]
    return pd.concat([found, identity], axis=1), sorted(bad)


def _places(
    table: pa.Table, model: Model, by: By, file: Path
) -> tuple[pd.DataFrame, list[tuple[int, str]]]:
    """Return what identifies each row."""
    found = pd.DataFrame(index=pd.RangeIndex(table.num_rows))
    found[ID] = None
    found[ROW] = 0
    found[KEY] = None
    if by == "columns":
        missing = [name for name in model.keys if name not in table.column_names]
        if missing:
            raise UserError(
                f'{file}: column "{missing[0]}" is missing. Fix: identify rows by'
                " request_id, by row_key, or by all columns that the row key is made"
                f" of: {', '.join(model.keys[:5])}{' …' if model.keys[5:] else ''}"
            )
        keys = keyed_rows(table, model)
        found[KEY] = keys.map("{:016x}".format).reindex(found.index)
        nameless = found.index[found[KEY].isna()].tolist()
        what = "has a value that breaks the contract"
        return found, [(row, what) for row in nameless]
    bad: list[tuple[int, str]] = []
    if by == "request":
        found[ID] = _texts(table[ID])
        if ROW in table.column_names:
            rows = pd.to_numeric(_texts(table[ROW]), errors="coerce")
            given = _texts(table[ROW]).notna()
            odd = given & ~((rows >= 0) & (rows < MOST) & (rows % 1 == 0))
            shown = _texts(table[ROW])
            bad += [
                (row, f'column "{ROW}": {shown[row]!r:.60} is no position, from 0')
                for row in np.flatnonzero(odd).tolist()
            ]
            found[ROW] = rows.where(~odd).fillna(0).astype(np.int64)
    if KEY in table.column_names:
        keys_ = _texts(table[KEY]).str.lower()
        odd = keys_.notna() & ~keys_.fillna("").str.fullmatch(ROW_KEY.pattern)
        bad += [
            (row, f'column "{KEY}": {keys_[row]!r:.60} is not 16 hexadecimal digits')
            for row in np.flatnonzero(odd).tolist()
        ]
        # A label that has both belongs to its request.
        found[KEY] = keys_.where(found[ID].isna(), None)
    unnamed = found[ID].isna() & found[KEY].isna()
    what = f'column "{ID if by == "request" else KEY}": is missing'
    bad += [(row, what) for row in np.flatnonzero(unnamed).tolist()]
    return found, bad


def _texts(values: pa.ChunkedArray) -> pd.Series:
    """Return ids as texts: 17 and 17.0, which pandas makes of it, are the same."""
    series = values.to_pandas()
    if pd.api.types.is_float_dtype(series.dtype):
        whole = series.notna() & (series % 1 == 0)
        series = series.astype(object).where(~whole, series[whole].astype(np.int64))
    texts = series.astype(object).where(series.notna(), None)
    found: pd.Series = texts.map(lambda one: str(one).strip(), na_action="ignore")
    return found.where(found != "", None)


def _times(
    values: pa.ChunkedArray, model: Model, name: str | None
) -> tuple[Times, list[tuple[int, str]]]:
    """Return times in microseconds since 1970, and what is no time."""
    whole_days = pd.Series(data=False, index=pd.RangeIndex(len(values)))
    declared = model.contract.columns.get(name or "")
    if declared and declared.dtype == "datetime64[ns]" and _is_text(values.type):
        moments = try_convert(values.combine_chunks(), declared)[0].to_pandas()
    elif _is_text(values.type):
        texts = _texts(values)
        whole_days = texts.fillna("").str.fullmatch(DATE)
        moments = pd.to_datetime(texts, format="ISO8601", utc=True, errors="coerce")
    elif pa.types.is_temporal(values.type):
        whole_days |= pa.types.is_date(values.type)
        moments = pd.to_datetime(values.to_pandas(), utc=True)
    else:
        moments = pd.Series(pd.NaT, index=whole_days.index)
    times = read_times(moments)
    times = np.where(whole_days & (times != UNKNOWN), times + DAY - 1, times)
    given = values.is_valid().to_numpy() & (_texts(values).notna().to_numpy())
    shown = _texts(values)
    bad = [
        (
            row,
            f'column "{name or LABEL_TIME}": {shown[row]!r:.60} is no time, such as'
            " 2026-11-29T15:00",
        )
        for row in np.flatnonzero(given & (times == UNKNOWN)).tolist()
    ]
    return times, bad


def _is_text(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
