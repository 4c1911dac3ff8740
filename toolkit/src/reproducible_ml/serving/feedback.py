"""Labels that become known after an answer: read, checked and written.

A label belongs to a row of a request, by `request_id` and `row`, or to a row by its
`row_key`.
"""

import re
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from reproducible_ml.serving.log_writer import LogWriter
from reproducible_ml.serving.messages import REQUEST_ID, RefusedError, parse_json
from reproducible_ml.serving.model import Model
from reproducible_ml.serving.records import ABSENT, REQUIRED, TYPE, Columns, typed_table
from reproducible_ml.serving.rows import RowProblem, check_target

# What a label has, besides what identifies a row.
LABEL, LABEL_TIME = "label", "label_time"
ID, ROW, KEY = "request_id", "row", "row_key"

ROW_KEY = re.compile("[0-9a-f]{16}")

# Rows that a request can have, at most.
MOST = 2**31


class Place(NamedTuple):
    """What identifies a row."""

    request_id: str | None
    row: int | None
    row_key: str | None


class Labels(NamedTuple):
    """Labels of a request.

    Attributes:
        table: `request_id`, `row`, `row_key` and `label` of those that are valid.
        problems: What is wrong with the others.
        length: The number of labels, valid or not.
    """

    table: pa.Table
    problems: list[RowProblem]
    length: int


class Entry(NamedTuple):
    """Labels that came together."""

    time: float
    table: pa.Table

    @property
    def length(self) -> int:
        """The number of labels."""
        return int(self.table.num_rows)


class FeedbackLog(LogWriter[Entry]):
    """Writes labels.

    Each file has a row for each label: `label_time` in UTC, when it came; `request_id`
    and `row`, or `row_key`; and `label`.
    """

    name = "feedback"

    def add(self, labels: pa.Table) -> bool:
        """Write labels, later; return whether they fit, or else are dropped."""
        return self.put(Entry(time.time(), labels))

    def tables(self, entries: Sequence[Entry]) -> Iterator[pa.Table]:
        """Yield a table for each type of labels: another model may have another one."""
        alike = defaultdict(list)
        for entry in entries:
            moment = pa.scalar(round(entry.time * 1e6), pa.int64())
            times = pa.repeat(moment, entry.length).cast(pa.timestamp("us", "UTC"))
            alike[entry.table.schema].append(
                entry.table.add_column(0, LABEL_TIME, times)
            )
        for tables in alike.values():
            yield pa.concat_tables(tables)


def parse_labels(body: bytes, model: Model, most: int) -> Labels:
    """Return the labels of a JSON text: one, or an array of them.

    Each is an object with `label`, and `request_id` and `row` (0 if it is not there) or
    `row_key`; other names are ignored.

    Args:
        body: The text.
        model: Its contract says which labels are valid.
        most: Labels, at most.

    Raises:
        RefusedError: It is not valid JSON, has another form, or too many labels.
    """
    value = parse_json(body)
    given = [value] if isinstance(value, dict) else value
    if not isinstance(given, list) or not all(type(each) is dict for each in given):
        raise RefusedError(400, "the body must be a label or an array of labels")
    if len(given) > most:
        raise RefusedError(413, f"{len(given)} labels are more than {most}")
    places = [_place(number, each) for number, each in enumerate(given)]
    problems = [each for each in places if isinstance(each, RowProblem)]
    target = model.data.target
    values = [each.get(LABEL, ABSENT) for each in given]
    typed, mistyped = typed_table(Columns({target: values}, len(given)), model)
    valid, wrong = check_target(typed, model, mistyped)
    problems += [each._replace(column=LABEL) for each in wrong]
    bad = {problem.row for problem in problems}
    rows = [row for row in valid[valid.notna()].index.tolist() if row not in bad]
    problems += [
        RowProblem(row, LABEL, None, REQUIRED, "is missing")
        for row in valid[valid.isna()].index.tolist()
    ]
    found = [each for row in rows if isinstance(each := places[row], Place)]
    columns = [*zip(*found, strict=True)] or [(), (), ()]
    kinds = {ID: pa.string(), ROW: pa.int64(), KEY: pa.string()}
    arrays = {
        name: pa.array(values, kind)
        for (name, kind), values in zip(kinds.items(), columns, strict=True)
    }
    arrays[LABEL] = typed[target].combine_chunks().take(pa.array(rows, pa.int64()))
    problems.sort(key=lambda problem: problem.row)
    return Labels(pa.table(arrays), problems, len(given))


def _place(number: int, label: Mapping[str, Any]) -> Place | RowProblem:
    """Return what identifies the row of a label, or what is wrong with that."""
    request, row, key = label.get(ID), label.get(ROW), label.get(KEY)
    if request is None and key is None:
        return RowProblem(number, ID, None, REQUIRED, "is missing, and so is row_key")
    if request is not None and key is not None:
        says = "is there, and so is request_id; one of them is needed"
        return RowProblem(number, KEY, _shown(key), REQUIRED, says)
    if key is not None:
        if isinstance(key, str) and ROW_KEY.fullmatch(key.lower()):
            return Place(None, None, key.lower())
        says = "is not 16 hexadecimal digits"
        return RowProblem(number, KEY, _shown(key), TYPE, says)
    if not isinstance(request, str) or not REQUEST_ID.fullmatch(request):
        says = "is not the id of a request"
        return RowProblem(number, ID, _shown(request), TYPE, says)
    row = 0 if row is None else row
    if type(row) is not int or not 0 <= row < MOST:
        says = "is not the position of a row, from 0"
        return RowProblem(number, ROW, _shown(row), TYPE, says)
    return Place(request, row, None)


def _shown(value: Any) -> str:
    return str(value)[:100]
