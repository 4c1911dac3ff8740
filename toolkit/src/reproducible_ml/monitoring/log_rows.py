"""Count the rows of a log of predictions, file by file."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from itertools import groupby, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.parallel import map_jobs
from reproducible_ml.core.params import Compute
from reproducible_ml.monitoring.reference import Reference
from reproducible_ml.monitoring.tally import Tally, merge_all
from reproducible_ml.monitoring.windows import (
    Span,
    Times,
    Width,
    label,
    starts,
)
from reproducible_ml.serving.log_writer import DAY
from reproducible_ml.serving.read_log import NEEDED, PREDICTION, log_files

# A job reads files of so many bytes, or so many of them.
BYTES, FILES = 32_000_000, 200

# The last files of a day, one of which has its newest row.
LAST = 20


class Choice(NamedTuple):
    """Which rows of a log count.

    Attributes:
        span: When they came.
        width: Of windows.
        version: Beginning of the model version that answered them; None: those whose
            answers were returned, of whatever version.
    """

    span: Span = Span()
    width: Width = "none"
    version: str | None = None


def tally_log(
    folder: Path, reference: Reference, choice: Choice, compute: Compute
) -> Tally:
    """Return counts of the rows in a log, and of those that were refused.

    Args:
        folder: As of RML_SERVE_LOG_FOLDER.
        reference: Whose bins are counted.
        choice: Which rows count.
        compute: Where files are read.

    Raises:
        UserError: There is no such log, or a file is none of a log.
    """
    files = log_files(folder)
    if not files:
        raise UserError(f"{folder}: has no predictions yet")
    work = partial(_tally_files, reference=reference, choice=choice)
    jobs = [(some,) for some in _groups(_of_days(files, choice.span))]
    found = merge_all(map_jobs(work, jobs, compute, "count")) if jobs else Tally()
    refused = _of_days(log_files(folder, "refused"), choice.span)
    for file in refused if choice.version is None else ():
        with _reading(file):
            _add_refused(file, choice, found)
    found.newest = _newest(files, choice.span)
    return found


def _of_days(files: Sequence[Path], span: Span) -> list[Path]:
    """Return the files of the days that a span touches; all of unknown days."""
    start, end = span
    first = None if start is None else label(start, "day")
    last = None if end is None else label(end - 1, "day")
    return [
        file
        for file in files
        if not (day := _day(file))
        or ((first is None or day >= first) and (last is None or day <= last))
    ]


def _day(file: Path) -> str:
    name = file.parent.name
    return name.removeprefix(DAY) if name.startswith(DAY) else ""


def _groups(files: Sequence[Path]) -> Iterator[list[Path]]:
    """Yield files that one job reads."""
    group: list[Path] = []
    size = 0
    for file in files:
        with suppress(FileNotFoundError):
            size += file.stat().st_size
        group.append(file)
        if size >= BYTES or len(group) >= FILES:
            yield group
            group, size = [], 0
    if group:
        yield group


def _tally_files(files: Sequence[Path], reference: Reference, choice: Choice) -> Tally:
    found = Tally()
    for file in files:
        with _reading(file):
            _add_file(file, reference, choice, found)
    return found


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    """Name the file in errors; one that the service removed as too old is none."""
    try:
        yield
    except FileNotFoundError:
        return
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(
            f"{file}: cannot be read: {error}. Fix: if it is damaged, move it elsewhere"
        ) from error


def _add_file(file: Path, reference: Reference, choice: Choice, found: Tally) -> None:
    names = pq.read_schema(file).names
    if missing := {*NEEDED, PREDICTION} - {"returned", *names}:
        raise UserError(
            f'{file}: is no log of predictions; it lacks the column "{min(missing)}"'
        )
    inputs = {name: _logged(name, "input_", names) for name in reference.inputs}
    answers = {name: _logged(name, "answer_", names) for name in reference.answers}
    wanted = ["time", "model_version", "returned", *inputs.values(), *answers.values()]
    table = pq.read_table(
        file, columns=[n for n in dict.fromkeys(wanted) if n in names]
    )
    chosen = choice.span.chosen(_times(table))
    if choice.version is not None:
        chosen &= _mask(pc.starts_with(table["model_version"], choice.version))
    elif "returned" in names:
        chosen &= _mask(pc.fill_null(table["returned"], True))
    if not chosen.all():
        table = table.filter(pa.array(chosen))
    if not table.num_rows:
        return
    times = _times(table)
    windows = starts(times, choice.width)
    found.add_rows(windows)
    found.add_newest(times)
    _add_columns(table, windows, inputs, reference, found)
    for count in pc.value_counts(table["model_version"]).to_pylist():
        found.versions[count["values"]] += count["counts"]
    if reference.version in found.versions:
        own = _mask(pc.equal(table["model_version"], reference.version))
        if not own.all():
            table, windows = table.filter(pa.array(own)), windows[own]
        if table.num_rows:
            version = reference.version
            _add_columns(table, windows, answers, reference, found, version)


def _logged(name: str, prefix: str, names: Sequence[str]) -> str:
    """Return the column that has a feature or answer; equal names are distinguished."""
    other = f"{prefix}{name}"
    return other if other in names else name


def _add_columns(
    table: pa.Table,
    windows: Times,
    columns: dict[str, str],
    reference: Reference,
    found: Tally,
    version: str | None = None,
) -> None:
    expected = reference.inputs if version is None else reference.answers
    present = {
        n: logged for n, logged in columns.items() if logged in table.column_names
    }
    found.absent |= columns.keys() - present.keys()
    frame = table.select([*present.values()]).rename_columns([*present]).to_pandas()
    found.add_values(windows, frame, {n: expected[n] for n in present}, version)


def _times(table: pa.Table) -> Times:
    times = table["time"].cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    return np.asarray(times.to_numpy(), dtype=np.int64)


def _mask(values: pa.ChunkedArray) -> np.ndarray:
    return np.asarray(values.to_numpy(zero_copy_only=False), dtype=bool)


def _add_refused(file: Path, choice: Choice, found: Tally) -> None:
    """Count the rows that were refused, and the rules that they broke."""
    table = pq.read_table(file)
    columns = ("time", "request_id", "row", "column", "rule")
    if missing := {*columns} - {*table.column_names}:
        raise UserError(
            f"{file}: does not say which rows were refused; it lacks the column"
            f' "{min(missing)}"'
        )
    table = table.filter(pa.array(choice.span.chosen(_times(table))))
    windows = starts(_times(table), choice.width)
    rows = zip(
        windows.tolist(),
        *(table[name].to_pylist() for name in columns[1:]),
        strict=True,
    )
    seen = set()
    for start, request, row, column, rule in rows:
        found.rules.setdefault(start, Counter())[column or "", rule] += 1
        seen.add((start, request, row))
    found.refused.update(Counter(start for start, _, _ in seen))


def _newest(files: Sequence[Path], span: Span) -> int | None:
    """Return the time of the newest row before the end of a span, also before it."""
    before = _of_days(files, Span(None, span.end))
    found = Tally()
    # Files are named by the time of writing.
    for _, day in groupby(reversed(before), _day):
        for file in islice(day, LAST):
            with _reading(file):
                times = _times(pq.read_table(file, columns=["time"]))
                found.add_newest(times[Span(None, span.end).chosen(times)])
        if found.newest is not None:
            break
    return found.newest
