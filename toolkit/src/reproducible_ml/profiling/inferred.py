"""Results of inference for a column, and hints that the user can give."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Literal, NamedTuple

from reproducible_ml.contract.findings import Finding
from reproducible_ml.contract.schema import Column
from reproducible_ml.profiling.distinct import FILE

Severity = Literal["reject", "ask", "warn"]

FIX = (
    "Correct it in the source; or add --missing with this text if it means a missing"
    " value, or --text with this column if it holds text."
)
LOOK = "If both mean the same, use one spelling in the export."

HEADER = -1


class Hints(NamedTuple):
    """What the user knows about the table: decides where its values are ambiguous."""

    target: str | None = None
    task: Literal["binary", "multiclass", "regression"] | None = None
    day_first: bool | None = None
    decimal: Literal[".", ","] | None = None
    text: tuple[str, ...] = ()


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
