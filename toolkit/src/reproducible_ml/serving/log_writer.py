"""Write rows beside requests: Parquet files in a folder for each day.

A request only puts its rows into a queue; a thread writes them. If it is too slow, rows
are dropped and counted: a log never holds up an answer.
"""

import datetime
import logging
import os
import secrets
import shutil
import threading
from abc import abstractmethod
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Generic, Protocol, TypedDict, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from reproducible_ml.core.errors import first_line
from reproducible_ml.core.files import replacing
from reproducible_ml.serving.logs import log_event

# So many requests are written together, even if they have few rows: each takes memory.
MANY_REQUESTS = 5_000

# Folders of days, as tools read them that know partitions.
DAY = "date="


class Waiting(Protocol):
    """Rows that came at a time, in seconds since 1970."""

    @property
    def time(self) -> float:
        """When they came."""

    @property
    def length(self) -> int:
        """The number of rows."""


Item = TypeVar("Item", bound=Waiting)


class Limits(TypedDict, total=False):
    """When a log is written, and how much may wait; see `LogWriter`."""

    days: int
    seconds: float
    rows: int
    max_waiting_rows: int
    count: Callable[[str, int], None]


class LogWriter(Generic[Item]):
    """Writes what is put into it.

    Attributes:
        name: Of the log, in messages.
        prefix: Of the names of its files.
    """

    name: ClassVar[str]
    prefix: ClassVar[str] = ""

    def __init__(
        self,
        folder: Path,
        *,
        days: int = 190,
        seconds: float = 60,
        rows: int = 25_000,
        max_waiting_rows: int = 50_000,
        count: Callable[[str, int], None] = lambda result, rows: None,
    ) -> None:
        """Prepare to write; see `start`.

        Args:
            folder: Where to write.
            days: How long files are kept.
            seconds: After how long rows are written.
            rows: After how many rows they are written before that.
            max_waiting_rows: How many rows may wait; those of further requests are
                dropped.
            count: Gets `written` or `dropped`, and a number of rows.
        """
        self.folder = folder
        self.days = days
        self.seconds = seconds
        self.rows = rows
        self.max_waiting_rows = max_waiting_rows
        self.count = count
        self._entries: list[Item] = []
        self._waiting_rows = 0
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closing = False
        self._number = 0
        # Processes in containers often have the same number, and one folder.
        self._writer = f"{os.getpid()}{secrets.token_hex(4)}"
        self._thread: threading.Thread | None = None

    @abstractmethod
    def tables(self, entries: Sequence[Item]) -> Iterator[pa.Table]:
        """Yield the tables that entries of a day become, each a file."""

    def start(self) -> None:
        """Make the folder, remove old files, and begin to write.

        Raises:
            OSError: The folder cannot be made.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._remove_old()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name=self.name)
        self._thread.start()

    def put(self, entry: Item) -> bool:
        """Write rows, later; return whether they fit, or else are dropped."""
        if not entry.length:
            return True
        with self._lock:
            fits = self._waiting_rows + entry.length <= self.max_waiting_rows
            if fits:
                self._entries.append(entry)
                self._waiting_rows += entry.length
        if not fits:
            self.count("dropped", entry.length)
        elif self._waiting_rows >= self.rows or len(self._entries) >= MANY_REQUESTS:
            self._wake.set()
        return fits

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
        rows = sum(entry.length for entry in entries)
        try:
            for day, group in _by_day(entries).items():
                for table in self.tables(group):
                    self._write(day, table)
            self.count("written", rows)
        except Exception as error:
            self.count("dropped", rows)
            log_event(self.name, logging.ERROR, reason=first_line(error))
        with self._lock:
            self._waiting_rows -= rows

    def _write(self, day: str, table: pa.Table) -> None:
        now = datetime.datetime.now(datetime.UTC).strftime("%H%M%S")
        self._number += 1
        name = f"{self.prefix}{now}-{self._writer}-{self._number}.parquet"
        with replacing(self.folder / f"{DAY}{day}" / name) as temporary:
            # Dictionary encoding of floats and keys would take most of the time, as
            # their values rarely repeat; statistics of floats are not used.
            others = [f.name for f in table.schema if not pa.types.is_floating(f.type)]
            repeating = [name for name in others if name not in ("row", "row_key")]
            pq.write_table(
                table,
                temporary,
                use_dictionary=repeating,
                write_statistics=others,
            )

    def _remove_old(self) -> None:
        first = datetime.datetime.now(datetime.UTC).date() - datetime.timedelta(
            days=self.days
        )
        for folder in self.folder.glob(f"{DAY}*"):
            if folder.name.removeprefix(DAY) < first.isoformat():
                shutil.rmtree(folder, ignore_errors=True)


def _by_day(entries: Iterable[Item]) -> dict[str, list[Item]]:
    found = defaultdict(list)
    for entry in entries:
        day = datetime.datetime.fromtimestamp(entry.time, datetime.UTC).date()
        found[day.isoformat()].append(entry)
    return found
