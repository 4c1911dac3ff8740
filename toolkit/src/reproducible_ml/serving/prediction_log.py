"""The log of answers: a row for each row that was answered."""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Unpack

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from reproducible_ml.core.keys import hash_rows
from reproducible_ml.serving.answers import Answers
from reproducible_ml.serving.fast_rows import FastValues
from reproducible_ml.serving.log_writer import Limits, LogWriter
from reproducible_ml.serving.records import Columns, as_sequence, join, typed_table
from reproducible_ml.serving.rows import check_rows


class Entry(NamedTuple):
    """A request that was answered."""

    time: float
    request_id: str
    rows: Columns | pa.Table | FastValues
    answers: Answers
    returned: bool = True

    @property
    def length(self) -> int:
        """The number of rows that were answered."""
        return len(self.answers.rows)


class PredictionLog(LogWriter[Entry]):
    """Writes what was answered.

    Each file has a row for each answered row: `time` in UTC; `request_id`; `row`, its
    position in the request, from 0; `row_key`, as in the batch; `model_version`;
    `returned`, false for the answer of a second version in shadow; the answer; and the
    features. Where names are equal, they are `answer_NAME` and `input_NAME`.
    """

    name = "prediction log"

    def __init__(
        self, folder: Path, *, without: Sequence[str] = (), **limits: Unpack[Limits]
    ) -> None:
        """Prepare to write; see `start`.

        Args:
            folder: Where to write.
            without: Columns that are not logged.
            **limits: As of `LogWriter`.
        """
        super().__init__(folder, **limits)
        self.without = frozenset(without)

    def add(
        self,
        request_id: str,
        rows: Columns | pa.Table,
        answers: Answers,
        *,
        returned: bool = True,
    ) -> None:
        """Log the answers to a request, later.

        Args:
            request_id: Of the request.
            rows: Its rows.
            answers: The answers.
            returned: Whether the client got them.
        """
        kept = rows
        # Arrays, if there are any, rather than lists of objects.
        if isinstance(answers.read, FastValues):
            kept = answers.read
            if kept.answers:
                columns = {n: as_sequence(a) for n, a in kept.answers.items()}
                answers = answers._replace(columns=columns)
        self.put(Entry(time.time(), request_id, kept, answers, returned))

    def tables(self, entries: Sequence[Entry]) -> Iterator[pa.Table]:
        """Yield a table for each model and set of columns."""
        for alike in _alike(entries).values():
            yield make_table(alike, self.without)


def _alike(entries: Iterable[Entry]) -> dict[Any, list[Entry]]:
    """Return the entries with the same model and columns, which make one file."""
    found = defaultdict(list)
    for entry in entries:
        rows = entry.rows
        kind: Any
        if isinstance(rows, pa.Table):
            kind = rows.schema
        elif isinstance(rows, FastValues):
            kind = "read", *rows.rows.columns
        else:
            kind = tuple(rows.lists)
        found[entry.answers.model.version, kind].append(entry)
    return found


def make_table(entries: Sequence[Entry], without: frozenset[str]) -> pa.Table:
    """Return a row for each row that was answered.

    Args:
        entries: Of one model, and with the same columns.
        without: Features that are left out.
    """
    model = entries[0].answers.model
    rows, row_keys = _checked(entries)
    counts = [len(entry.answers.rows) for entry in entries]

    places = pa.array(np.repeat(np.arange(len(entries)), counts))
    times = pa.array([round(entry.time * 1e6) for entry in entries])
    ids = pa.array([entry.request_id for entry in entries])
    columns: dict[str, Any] = {
        "time": times.cast(pa.timestamp("us", "UTC")).take(places),
        "request_id": ids.take(places),
        "row": np.concatenate([_places(entry.answers) for entry in entries]),
        "row_key": _as_texts(row_keys, sum(counts)),
        "model_version": pa.repeat(model.version, sum(counts)),
        "returned": pa.array([entry.returned for entry in entries]).take(places),
    }
    for name in entries[0].answers.columns:
        values = join([entry.answers.columns[name] for entry in entries])
        logged = f"answer_{name}" if name in columns else name
        columns[logged] = pa.array(values, from_pandas=True)
    for name in model.features:
        if name not in without:
            logged = f"input_{name}" if name in columns else name
            columns[logged] = rows[name]
    return pa.table(columns)


def _places(answers: Answers) -> npt.NDArray[np.int64]:
    """Return the positions of the rows that were answered."""
    if len(answers.rows) == answers.length:
        return np.arange(answers.length)
    return np.array(answers.rows, np.int64)


def _as_texts(keys: npt.NDArray[np.uint64] | None, count: int) -> pa.Array:
    """Return keys as 16 hexadecimal digits each; null if there are none."""
    if keys is None:
        return pa.nulls(count, pa.string())
    digits = keys.astype(">u8").tobytes().hex().encode()
    starts = np.arange(0, len(digits) + 1, 16, dtype=np.int32)
    buffers = [None, pa.py_buffer(starts), pa.py_buffer(digits)]
    return pa.Array.from_buffers(pa.string(), count, buffers)


def _checked(
    entries: Sequence[Entry],
) -> tuple[dict[str, pa.Array], npt.NDArray[np.uint64] | None]:
    """Return the rows that were answered, as the model got them, and their keys."""
    model = entries[0].answers.model
    read = [entry.rows for entry in entries if isinstance(entry.rows, FastValues)]
    if not read:
        checked = check_rows(_answered(entries), model)
        arrays = {name: pa.array(checked.rows[name]) for name in model.features}
        return arrays, checked.keys
    values = FastValues.concat(read)
    names = [*values.rows.columns]
    frame = values.frame(names, copy=False)
    has_keys = {*names}.issuperset(model.keys)
    return values.arrow(frame), hash_rows(frame, model.keys) if has_keys else None


def _answered(entries: Sequence[Entry]) -> pa.Table:
    """Return the rows that were answered."""
    if isinstance(entries[0].rows, pa.Table):
        return pa.concat_tables(
            entry.rows.take(pa.array(entry.answers.rows, pa.int64()))
            for entry in entries
        )
    # Put together as lists: a table for each request would take far longer.
    columns = Columns.concat([_chosen(entry) for entry in entries])
    return typed_table(columns, entries[0].answers.model)[0]


def _chosen(entry: Entry) -> Columns:
    assert isinstance(entry.rows, Columns)
    if len(entry.answers.rows) == entry.rows.length:
        return entry.rows
    return entry.rows.take(entry.answers.rows)
