"""Judge the shape of a CSV file: every row has as many values as the header."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from reproducible_ml.datasets.findings import LISTED, Finding
from reproducible_ml.datasets.reading.csv_files import NumberedRows, Row
from reproducible_ml.datasets.schema import Dialect

TRAILING = "trailing delimiter"


def judge_shape(file: Path, dialect: Dialect) -> list[Finding]:
    """Return what is wrong with the rows of a CSV file, whatever its columns."""
    findings: list[Finding] = []
    for _ in sound_rows(file, dialect, findings):
        pass
    return findings


def sound_rows(file: Path, dialect: Dialect, findings: list[Finding]) -> Iterator[Row]:
    """Yield the header and the rows that fit it; add what is wrong with the others."""
    rows = iter(NumberedRows(file, dialect))
    header = next(rows, None)
    if header is None:
        return
    yield header
    counts: Counter[str] = Counter()
    others: dict[str, Finding] = {}
    for row in rows:
        finding = _unsound(file, row, header.values)
        if finding is None:
            yield row
            continue
        counts[finding.kind] += 1
        if counts[finding.kind] <= (1 if finding.kind == TRAILING else LISTED):
            findings.append(finding)
        else:
            others.setdefault(finding.kind, finding)
    if TRAILING in counts:
        place = next(i for i, f in enumerate(findings) if f.kind == TRAILING)
        findings[place] = findings[place]._replace(rows=counts[TRAILING])
        others.pop(TRAILING, None)
    findings += [_more(one, counts[kind] - LISTED) for kind, one in others.items()]


def _more(finding: Finding, rows: int) -> Finding:
    """Return the finding that there are more rows than are listed."""
    problem = f"is the first of more rows like the {LISTED} that are listed"
    kind = f"more {finding.kind}"
    return finding._replace(kind=kind, problem=problem, rows=rows)


def _unsound(file: Path, row: Row, header: list[str]) -> Finding | None:
    values, width = row.values, len(header)
    if len(values) == width and _repeats(values, header):
        problem, fix = "repeats the header", "Delete the line in the source."
        return Finding("repeated header", file, problem, fix, row.line)
    if len(values) == width:
        return None
    if len(values) == width + 1 and not values[-1].strip():
        problem = "ends with a delimiter, which makes one value too many"
        fix = "Take it away from the end of each line."
        return Finding(TRAILING, file, problem, fix, row.line)
    count = "1 value" if len(values) == 1 else f"{len(values)} values"
    problem = f"has {count} where the header has {width}"
    fix = "Look for a missing quote or a stray separator."
    if len(values) == 1 and width > 2:
        fix = "Delete the line if it is a note; else look for a lost line end or quote."
    return Finding("number of values", file, problem, fix, row.line)


def _repeats(values: list[str], header: list[str]) -> bool:
    """Say whether a row is the header again, some of whose names may differ."""
    if values == header:
        return True
    same = sum(v == name for v, name in zip(values, header, strict=True))
    return same > 1 and 2 * same > len(header)
