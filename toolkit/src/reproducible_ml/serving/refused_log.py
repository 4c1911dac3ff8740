"""The log of refused rows: which rules they broke, without their values."""

import time
from collections.abc import Iterator, Sequence
from typing import ClassVar, NamedTuple

import pyarrow as pa

from reproducible_ml.serving.log_writer import LogWriter
from reproducible_ml.serving.read_log import REFUSED
from reproducible_ml.serving.rows import CHECK, RowProblem

SCHEMA = pa.schema(
    {
        "time": pa.timestamp("us", "UTC"),
        "request_id": pa.string(),
        "row": pa.int64(),
        "column": pa.string(),
        "rule": pa.string(),
    }
)


class Entry(NamedTuple):
    """What is wrong with the rows of a request."""

    time: float
    request_id: str
    problems: Sequence[tuple[int, str | None, str]]

    @property
    def length(self) -> int:
        """The number of problems."""
        return len(self.problems)


class RefusedLog(LogWriter[Entry]):
    """Writes which rows were refused.

    Each file has a row for each rule that a row breaks: `time` in UTC; `request_id`;
    `row`, its position in the request, from 0; `column`, null for a check of several;
    and `rule`, or the name of the check. It lies beside the log of answers, whose
    readers leave out files that begin with an underscore.
    """

    name = "log of refused rows"
    prefix: ClassVar[str] = REFUSED

    def add(self, request_id: str, problems: Sequence[RowProblem]) -> None:
        """Log what is wrong with the rows of a request, later."""
        kept = [(each.row, each.column, rule_of(each)) for each in problems]
        self.put(Entry(time.time(), request_id, kept))

    def tables(self, entries: Sequence[Entry]) -> Iterator[pa.Table]:
        """Yield one table: all have the same columns."""
        rows = [
            (round(entry.time * 1e6), entry.request_id, *problem)
            for entry in entries
            for problem in entry.problems
        ]
        columns = zip(*rows, strict=True)
        arrays = [
            pa.array(values, pa.int64()).cast(field.type)
            if pa.types.is_timestamp(field.type)
            else pa.array(values, field.type)
            for values, field in zip(columns, SCHEMA, strict=True)
        ]
        yield pa.Table.from_arrays(arrays, schema=SCHEMA)


def rule_of(problem: RowProblem) -> str:
    """Return the rule that a row breaks, or the name of a check of the project."""
    if problem.rule != CHECK:
        return problem.rule
    return problem.problem.removeprefix("fails the ").partition(" (")[0]
