"""What inference returns for a column, and what the user may say beforehand."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Literal, NamedTuple

from reproducible_ml.contract.findings import Finding
from reproducible_ml.contract.schema import Column
from reproducible_ml.profiling.distinct import FILE

Severity = Literal["reject", "ask", "warn"]

FIX = (
    "Correct it in the source; or say MISSING=... with this text if it means no value,"
    " or TEXT=... with this column if it holds texts."
)
LOOK = "If they mean the same, unify them in the export."


HEADER = -1


class Hints(NamedTuple):
    """What the user knows: it decides where the table leaves something open."""

    target: str | None = None
    task: Literal["binary", "multiclass", "regression"] | None = None
    day_first: bool | None = None
    decimal: Literal[".", ","] | None = None
    text: tuple[str, ...] = ()


class ColumnFinding(NamedTuple):
    """A finding, how grave it is, and the row of the file it is about.

    Rows count from 0; `HEADER` stands for the line with the names of the columns.
    """

    severity: Severity
    finding: Finding
    record: int | None = None


class InferredColumn(NamedTuple):
    """How to declare a column, and why.

    Attributes:
        column: For the contract.
        kind: What it holds, in a word or two.
        evidence: Why, in some words.
        found: What is wrong or strange, in the order of the file.
        rows: Rows of the table.
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
    """Makes findings about one column."""

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
        """Return a finding; `place` is that of the first row."""
        file = self.files[0 if place is None else place // FILE]
        finding = Finding(kind, file, problem, fix, None, self.column, value, rows)
        return ColumnFinding(severity, finding, None if place is None else place % FILE)
