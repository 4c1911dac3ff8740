"""A log of answers: Parquet files in a folder for each day, written beside requests.

A request only puts its rows into a queue; a thread writes them. If it is too slow, rows
are dropped and counted: the log never holds up an answer.
"""

import datetime
import logging
import os
import shutil
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from reproducible_ml.core.errors import first_line
from reproducible_ml.core.files import replacing
from reproducible_ml.core.keys import hash_rows
from reproducible_ml.serving.answers import Answers
from reproducible_ml.serving.fast_rows import FastValues
from reproducible_ml.serving.logs import log_event
from reproducible_ml.serving.records import Columns, typed_table
from reproducible_ml.serving.rows import check_rows

# Folders of days, as tools read them that know partitions.
DAY = "date="


class Entry(NamedTuple):
    """A request that was answered."""

    time: float
    request_id: str
    rows: Columns | pa.Table | FastValues
    answers: Answers
    returned: bool = True


class PredictionLog:
    """Writes what was answered.

    Each file has a row for each answered row: `time` in UTC; `request_id`; `row`, its
    position in the request, from 0; `row_key`, as in the batch; `model_version`;
    `returned`, false for the answer of a second version in shadow; the answer; and the
    features. Where names are equal, they are `answer_NAME` and `input_NAME`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        without: Sequence[str] = (),
        days: int = 190,
        seconds: float = 60,
        rows: int = 10_000,
        max_waiting_rows: int = 50_000,
        count: Callable[[str, int], None] = lambda result, rows: None,
    ) -> None:
        """Prepare to write; see `start`.

        Args:
            folder: Where to write.
            without: Columns that are not logged.
            days: How long files are kept.
            seconds: After how long rows are written.
            rows: After how many rows they are written before that.
            max_waiting_rows: How many rows may wait; those of further requests are
                dropped.
            count: Gets `written` or `dropped`, and a number of rows.
        """
        self.folder = folder
        self.without = frozenset(without)
        self.days = days
        self.seconds = seconds
        self.rows = rows
        self.max_waiting_rows = max_waiting_rows
        self.count = count
        self._entries: list[Entry] = []
        self._waiting_rows = 0
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closing = False
        self._number = 0
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Make the folder, remove old files, and begin to write.

        Raises:
            OSError: The folder cannot be made.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._remove_old()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="prediction log")
        self._thread.start()

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
        number = len(answers.rows)
        if not number:
            return
        with self._lock:
            fits = self._waiting_rows + number <= self.max_waiting_rows
            if fits:
                # Arrays, if there are any, rather than a list of objects.
                read = answers.read
                kept = read if isinstance(read, FastValues) else rows
                self._entries.append(
                    Entry(time.time(), request_id, kept, answers, returned)
                )
                self._waiting_rows += number
        if not fits:
            self.count("dropped", number)
        elif self._waiting_rows >= self.rows:
            self._wake.set()

    def close(self) -> None:
        """Write what waits, and end."""
        self._closing = True
        self._wake.set()
        if self._thread:
            self._thread.join()

    def _run(self) -> None:
        while not self._closing:
            self._wake.wait(self.seconds)
            self._wake.clear()
            self._write_waiting()
        self._write_waiting()

    def _write_waiting(self) -> None:
        with self._lock:
            entries, self._entries = self._entries, []
        self._remove_old()
        if not entries:
            return
        rows = sum(len(entry.answers.rows) for entry in entries)
        try:
            for day, group in _by_day(entries).items():
                for alike in _alike(group).values():
                    self._write(day, alike)
            self.count("written", rows)
        except Exception as error:
            self.count("dropped", rows)
            log_event("prediction log", logging.ERROR, reason=first_line(error))
        with self._lock:
            self._waiting_rows -= rows

    def _write(self, day: str, entries: Sequence[Entry]) -> None:
        table = make_table(entries, self.without)
        now = datetime.datetime.now(datetime.UTC).strftime("%H%M%S")
        self._number += 1
        name = f"{now}-{os.getpid()}-{self._number}.parquet"
        with replacing(self.folder / f"{DAY}{day}" / name) as temporary:
            # Numbers repeat too rarely for dictionaries, which take most of the time.
            repeating = [
                f.name for f in table.schema if not pa.types.is_floating(f.type)
            ]
            pq.write_table(table, temporary, use_dictionary=repeating)

    def _remove_old(self) -> None:
        first = datetime.datetime.now(datetime.UTC).date() - datetime.timedelta(
            days=self.days
        )
        for folder in self.folder.glob(f"{DAY}*"):
            if folder.name.removeprefix(DAY) < first.isoformat():
                shutil.rmtree(folder, ignore_errors=True)


def _by_day(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    found = defaultdict(list)
    for entry in entries:
        day = datetime.datetime.fromtimestamp(entry.time, datetime.UTC).date()
        found[day.isoformat()].append(entry)
    return found


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
    keys: list[str | None] = [None] * sum(counts)
    if row_keys is not None:
        keys = [f"{key:016x}" for key in row_keys.tolist()]
    columns: dict[str, Any] = {
        "time": times.cast(pa.timestamp("us", "UTC")).take(places),
        "request_id": ids.take(places),
        "row": np.concatenate([entry.answers.rows for entry in entries]),
        "row_key": pa.array(keys, pa.string()),
        "model_version": pa.repeat(model.version, sum(counts)),
        "returned": pa.array([entry.returned for entry in entries]).take(places),
    }
    for name in entries[0].answers.columns:
        values = [v for entry in entries for v in entry.answers.columns[name]]
        columns[f"answer_{name}" if name in columns else name] = pa.array(values)
    for name in model.features:
        if name not in without:
            logged = f"input_{name}" if name in columns else name
            columns[logged] = _inputs(rows[name])
    return pa.table(columns)


def _checked(
    entries: Sequence[Entry],
) -> tuple[pd.DataFrame, npt.NDArray[np.uint64] | None]:
    """Return the rows that were answered, as the model got them, and their keys."""
    model = entries[0].answers.model
    read = [entry.rows for entry in entries if isinstance(entry.rows, FastValues)]
    if not read:
        checked = check_rows(_answered(entries), model)
        return checked.rows, checked.keys
    values = FastValues.concat(read)
    names = [*values.rows.columns]
    frame = values.frame(names)
    has_keys = {*names}.issuperset(model.keys)
    return frame, hash_rows(frame, model.keys) if has_keys else None


def _answered(entries: Sequence[Entry]) -> pa.Table:
    """Return the rows that were answered."""
    if isinstance(entries[0].rows, pa.Table):
        return pa.concat_tables(
            entry.rows.take(pa.array(entry.answers.rows, pa.int64()))
            for entry in entries
        )
    # Put together as lists: a table for each request would take far longer.
    chosen = [_chosen(entry) for entry in entries]
    lists = {
        name: [*chain.from_iterable([columns.lists[name] for columns in chosen])]
        for name in chosen[0].lists
    }
    length = sum(columns.length for columns in chosen)
    return typed_table(Columns(lists, length), entries[0].answers.model)[0]


def _chosen(entry: Entry) -> Columns:
    assert isinstance(entry.rows, Columns)
    if len(entry.answers.rows) == entry.rows.length:
        return entry.rows
    return entry.rows.take(entry.answers.rows)


def _inputs(values: pd.Series) -> pa.Array:
    return pa.array(values, from_pandas=True)
