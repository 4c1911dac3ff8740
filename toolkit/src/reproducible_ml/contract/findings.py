"""What is wrong or strange about a table: a line each, and a report to work through."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.files import replacing

# Findings of a kind that the report lists, and that the terminal shows.
MAX_LISTED = 100
MAX_PRINTED = 3

# What a spreadsheet takes for the beginning of a formula; in Asia, wide signs as well.
FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")

# Characters of a value that are shown.
MAX_WIDTH = 40


class Finding(NamedTuple):
    """Something about a table that a person should know.

    `problem` goes on where the place and the value stop: "is not a number". `kind`
    is the same for all findings of the same problem, whatever their value. `record` is
    the place of a row in the table, from 0, as long as its line is not known.
    """

    kind: str
    file: Path
    problem: str
    fix: str
    line: int | None = None
    column: str | None = None
    value: str | None = None
    rows: int | None = None
    record: int | None = None

    def __str__(self) -> str:
        """Return a line: where, what, how often, and how to fix it."""
        place = str(self.file)
        # Parquet has rows, but no lines.
        unit = "row" if self.file.suffix == ".parquet" else "line"
        place += "" if self.line is None else f" {unit} {self.line}"
        place += "" if self.column is None else f", column {quoted(self.column)}"
        value = "" if self.value is None else f"{quoted(self.value)} "
        rows = {None: "", 1: " (1 row)"}.get(self.rows, f" ({self.rows} rows)")
        return f"{place}: {value}{self.problem}{rows}. {self.fix}"


class TableRejected(UserError):
    """A table that was not taken, and all that is wrong with it."""

    def __init__(self, lines: Sequence[str], findings: Sequence[Finding]) -> None:
        super().__init__("\n".join(lines))
        self.findings = findings


def quoted(value: str) -> str:
    """Return the value in quotes, short and on one line."""
    text = value if len(value) <= MAX_WIDTH else value[: MAX_WIDTH - 1] + "…"
    return f'"{text}"' if text.isprintable() else repr(text)


def limit_per_kind(findings: Iterable[Finding], limit: int) -> Iterator[Finding]:
    """Yield the first `limit` findings of each kind in each column."""
    seen: Counter[tuple[str, str | None]] = Counter()
    for finding in findings:
        seen[finding.kind, finding.column] += 1
        if seen[finding.kind, finding.column] <= limit:
            yield finding


def reject(findings: Sequence[Finding], report: Path) -> None:
    """Raise Rejected with the first findings if there are any, and list more.

    Args:
        findings: What is wrong, in the order of the file.
        report: CSV file that gets the first hundred of each kind; removed if none.
    """
    if not findings:
        report.unlink(missing_ok=True)
        return
    write_report(findings, report)
    lines = [str(finding) for finding in limit_per_kind(findings, MAX_PRINTED)]
    more = len(findings) - len(lines)
    if more == 1:
        # It takes no more room than the line that would point to it.
        lines = [str(finding) for finding in findings]
    elif more:
        lines.append(f"{more} more problems: see {report}")
    raise TableRejected(lines, findings)


def write_report(findings: Iterable[Finding], report: Path) -> None:
    """Write a table of findings that is safe to open in a spreadsheet."""
    rows = pd.DataFrame(
        list(limit_per_kind(findings, MAX_LISTED)), columns=Finding._fields
    )
    texts = rows[["file", "column", "value", "problem", "fix"]].map(escape_formula)
    columns = ["file", "line", "column", "value", "rows", "problem", "fix"]
    whole = {"line": "Int64", "rows": "Int64"}
    with replacing(report) as temporary:
        table = rows.assign(**texts)[columns].astype(whole)
        table.to_csv(temporary, index=False, lineterminator="\n")


def escape_formula(value: object) -> str | None:
    """Return short text on one line that a spreadsheet does not take for a formula."""
    if value is None:
        return None
    text = str(value)
    text = text if len(text) <= 1000 else text[:999] + "…"
    text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    return f"'{text}" if text.startswith(FORMULA) else text
