"""What inference finds out about a column, and the bounds that it proposes.

Bounds are wide enough for new data, but not for a misplaced point: three times the
largest number, rounded up to 1, 2 or 5 times a power of ten, is at most 7.5 times as
large, so ten times the number is rejected. Negative numbers are allowed only if there
are some.
"""

import datetime
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from reproducible_ml.contract.findings import Finding
from reproducible_ml.contract.schema import Column, Length, Range
from reproducible_ml.profiling.distinct import FILE

SLACK = 3

# Dates before or after are taken for mistakes, unless the table has such dates.
FIRST_YEAR, LAST_YEAR = 1900, 2100

Severity = Literal["reject", "ask", "warn"]

FIX = (
    "Correct it in the source; or add --missing with this text if it means a missing"
    " value, or --text with this column if it holds text."
)

LOOK = "If both mean the same, use one spelling in the export."

HEADER = -1


def number_bounds(low: int | float, high: int | float) -> dict[str, Any]:
    """Return a range for new numbers; nothing for zeros and huge numbers."""
    largest = max(abs(low), abs(high))
    if largest == 0 or largest * SLACK >= 2**62:
        return {}
    bound = rounded_up(SLACK * largest)
    whole = isinstance(low, int) and isinstance(high, int)
    upper: int | float = int(bound) if whole else bound
    lower = type(upper)(0) if low >= 0 else -upper
    return {"in_range": Range(min_value=lower, max_value=upper)}


def date_bounds(low: int, high: int) -> dict[str, Any]:
    """Return bounds for new dates; the arguments are nanoseconds since 1970."""
    bounds: dict[str, Any] = {}
    first = datetime.date(FIRST_YEAR, 1, 1)
    last = datetime.date(LAST_YEAR, 1, 1)
    if low >= _nanoseconds(first):
        bounds["greater_than_or_equal_to"] = first
    if high < _nanoseconds(last):
        bounds["less_than"] = last
    return bounds


def length_bounds(longest: int) -> dict[str, Any]:
    """Return the maximum length of new texts."""
    return {"str_length": Length(max_value=int(rounded_up(SLACK * max(longest, 1))))}


def rounded_up(number: float) -> float:
    """Return the smallest 1, 2 or 5 times a power of ten that is not below a number."""
    power = math.floor(math.log10(number))
    steps = [float(f"{digit}e{power}") for digit in (1, 2, 5, 10)]
    return next(step for step in steps if step >= number)


def _nanoseconds(date: datetime.date) -> int:
    return (date - datetime.date(1970, 1, 1)).days * 86_400 * 10**9


class Hints(NamedTuple):
    """What is known about the table: decides where its values are ambiguous.

    Attributes:
        target: The column to predict.
        task: What the model does.
        day_first: Whether 1/2/2024 is in February.
        decimal: The decimal sign of texts.
        text: Columns that hold text, whatever it looks like.
        numbers: Columns whose values are numbers in the file, so with a decimal point.
    """

    target: str | None = None
    task: Literal["binary", "multiclass", "regression"] | None = None
    day_first: bool | None = None
    decimal: Literal[".", ","] | None = None
    text: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()


class ColumnFinding(NamedTuple):
    """A finding about a column.

    Attributes:
        severity: The table is rejected, the user is asked, or only warned.
        finding: The finding, without its line.
        record: Row of the file that it is about, from 0; `HEADER` for the column names.
    """

    severity: Severity
    finding: Finding
    record: int | None = None


class InferredColumn(NamedTuple):
    """The proposed declaration of a column, and the evidence.

    Attributes:
        column: Its declaration in the contract.
        kind: What it holds, in one or two words.
        evidence: Why, in a few words.
        found: Findings, in the order of the file.
        rows: Number of rows.
        missing: Rows without a value.
        counts: Rows of each category, by its text; empty for other columns.
    """

    column: Column
    kind: str
    evidence: str
    found: tuple[ColumnFinding, ...] = ()
    rows: int = 0
    missing: int = 0
    counts: Mapping[str, int] = MappingProxyType({})

    def findings(self, severity: Severity) -> list[Finding]:
        """Return the findings of one severity."""
        return [found.finding for found in self.found if found.severity == severity]


class FindingFactory:
    """Creates findings about one column."""

    def __init__(self, files: Sequence[Path], column: str) -> None:
        self.files = files
        self.column = column

    def __call__(
        self,
        severity: Severity,
        kind: str,
        problem: str,
        fix: str,
        value: str | None = None,
        rows: int | None = None,
        place: int | None = None,
    ) -> ColumnFinding:
        """Return a finding; `place` is the place of the first row it is about."""
        file = self.files[0 if place is None else place // FILE]
        finding = Finding(kind, file, problem, fix, None, self.column, value, rows)
        return ColumnFinding(severity, finding, None if place is None else place % FILE)
