"""Findings: problems of a table, printed as a line each or listed in a report."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from reproducible_ml.core.errors import UserError, one_line
from reproducible_ml.core.files import replacing

# Maximal number of findings of each kind in the report, and on the terminal.
MAX_LISTED = 100
MAX_PRINTED = 3

# Maximal number of warnings of a kind on the terminal, and of columns of others.
MAX_PER_KIND, MAX_NAMED = 5, 20

# Kinds of warnings, the most harmful first; OTHERS stands for those not named.
OTHERS = ""
HARM = (
    # The model knows the target, or rows of the test set.
    *(
        "leak",
        "computed target",
        "repeated entity",
        "near copies",
        "train/test overlap",
    ),
    *("duplicate id", "duplicate rows", "conflicting targets", "drift"),
    # The target cannot be learned well.
    *("class not trained on", "class not tested", "imbalance", "few groups"),
    *("class of missing values", "other split", "two numbers", "common number"),
    *("few rows", "fewer rows", "too few rows to tell", "dropped setting"),
    # Values may be misread.
    *("encoding", "delimiter", "preamble", "index", "number", "decimal"),
    *("date", "quantity", "code", "totals"),
    *("code for no value", "unit", "year", "time zones", "rounding"),
    OTHERS,
    # Columns are of no use, or hard to handle.
    *("empty column", "constant column", "equal columns", "letters alike", "spelling"),
    *("case", "unusual name", "wide"),
)

# Spreadsheets evaluate values that start so; with Asian settings, also wide signs.
FORMULA_STARTS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")

# Maximal number of characters of a value in a message.
MAX_WIDTH = 40


class Finding(NamedTuple):
    """A problem of a table, where it is and how to fix it.

    Args:
        kind: Is the same for all findings of the same problem, whatever the value.
        file: File of the table.
        problem: Continues the location and the value, such as "is not a number".
        fix: How to fix it, as a sentence.
        line: Line of the file, or row of a Parquet file, from 1.
        column: Name of the column.
        value: Value as text.
        rows: Number of rows with this problem.
        record: Position of the row in the table, from 0, until its line is known.
        earlier: Position of the "earlier row" that the problem speaks of, likewise.
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
    earlier: int | None = None

    def __str__(self) -> str:
        """Return a line with location, value, problem, number of rows and fix."""
        location = str(self.file)
        # Parquet has rows, but no lines.
        unit = "row" if self.file.suffix.lower() == ".parquet" else "line"
        location += "" if self.line is None else f" {unit} {self.line}"
        location += "" if self.column is None else f", column {quoted(self.column)}"
        value = "" if self.value is None else f"{quoted(self.value)} "
        rows = {None: "", 1: " (1 row)"}.get(self.rows, f" ({self.rows} rows)")
        return f"{location}: {value}{self.problem}{rows}. Fix: {self.fix}"


class TableRejected(UserError):
    """A table is rejected because of its findings."""

    def __init__(self, lines: Sequence[str], findings: Sequence[Finding]) -> None:
        super().__init__("\n".join(lines))
        self.findings = findings


def of_sample(findings: Iterable[Finding], sample: int, rows: int) -> Iterator[Finding]:
    """Yield findings; if only a sample of the rows was looked at, they say so."""
    note = f" (in a sample of {sample} of {rows} rows)" if sample < rows else ""
    for finding in findings:
        yield finding._replace(problem=finding.problem + note)


def quoted(value: str) -> str:
    """Return the value in quotes, shortened and on one line."""
    text = value if len(value) <= MAX_WIDTH else value[: MAX_WIDTH - 1] + "…"
    return f'"{text}"' if text.isprintable() else repr(text)


def warning_lines(findings: Iterable[Finding]) -> list[Finding | str]:
    """Return what to print, a line each: the most harmful warnings first.

    After a few of each kind, a text names the columns of the others of that kind.
    """
    of_kind: dict[str, list[Finding]] = {}
    for finding in dict.fromkeys(findings):
        of_kind.setdefault(finding.kind, []).append(finding)
    rank = {kind: place for place, kind in enumerate(HARM)}
    lines: list[Finding | str] = []
    for kind in sorted(of_kind, key=lambda kind: rank.get(kind, rank[OTHERS])):
        lines += _lines_of_kind(of_kind[kind])
    return lines


def _lines_of_kind(findings: list[Finding]) -> Iterator[Finding | str]:
    some = list(islice(limit_per_kind(findings, MAX_PRINTED), MAX_PER_KIND))
    shown = {finding.column for finding in some} - {None}
    rest = [f for f in findings if f not in some and f.column not in shown]
    if len(rest) == 1:
        # It takes no more space than a line about it.
        some, rest = [*some, *rest], []
    yield from some
    if rest:
        columns = list(dict.fromkeys(one.column for one in rest if one.column))
        names = ", ".join(map(quoted, columns[:MAX_NAMED]))
        names += f" and {len(columns) - MAX_NAMED} more" if columns[MAX_NAMED:] else ""
        where = f", in the columns {names}" if columns else ""
        yield f"{len(rest)} more like the last one ({rest[0].kind}){where}"


def limit_per_kind(findings: Iterable[Finding], limit: int) -> Iterator[Finding]:
    """Yield the first `limit` findings of each kind in each column."""
    seen: Counter[tuple[str, str | None]] = Counter()
    for finding in findings:
        seen[finding.kind, finding.column] += 1
        if seen[finding.kind, finding.column] <= limit:
            yield finding


def reject(findings: Sequence[Finding], report: Path) -> None:
    """Raise TableRejected if there are findings, and write a report of them.

    Args:
        findings: Problems in the order of the file.
        report: CSV file for the first hundred findings of each kind; it is removed if
            there are none.
    """
    if not findings:
        report.unlink(missing_ok=True)
        return
    write_report(findings, report)
    lines = [str(finding) for finding in limit_per_kind(findings, MAX_PRINTED)]
    more = len(findings) - len(lines)
    if more == 1:
        # The finding takes no more space than a line that refers to the report.
        lines = [str(finding) for finding in findings]
    elif more:
        lines.append(f"{more} more problems: see {report}")
    raise TableRejected(lines, findings)


def write_report(findings: Iterable[Finding], report: Path) -> None:
    """Write findings to a CSV file that is safe to open in a spreadsheet."""
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
    """Return short text on one line that a spreadsheet does not evaluate."""
    if value is None:
        return None
    text = str(value)
    text = text if len(text) <= 1000 else text[:999] + "…"
    text = one_line(text)
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
