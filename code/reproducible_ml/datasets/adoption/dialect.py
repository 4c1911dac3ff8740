"""Find out how a CSV file is written: encoding, delimiter, lines before the header."""

import re
from collections.abc import Iterator
from pathlib import Path

from reproducible_ml.datasets.adoption.delimiter import DELIMITERS, Reading, Row, read
from reproducible_ml.datasets.adoption.header import (
    is_data,
    is_header,
    is_number,
    judge_names,
)
from reproducible_ml.datasets.findings import Finding
from reproducible_ml.datasets.reading.decode import damaged, text_blocks
from reproducible_ml.datasets.reading.encoding import judge_encoding
from reproducible_ml.datasets.reading.file_type import COMPRESSED
from reproducible_ml.datasets.schema import Dialect

# Characters at the beginning by which delimiter and header are judged.
SAMPLE = 1 << 20

# Rows that tell what a column holds.
LOOKED_AT = 1000

READ_SO = "Export it as UTF-8 if that is wrong."


def detect_dialect(file: Path) -> tuple[Dialect, list[Finding], list[Finding]]:
    """Return how a file is written, why it cannot be taken so, and what to look at.

    The encoding is judged by the whole file, the rest by its first million characters.
    Findings of the kinds "no rows" and "one row" may not matter in a folder of files.
    """
    try:
        encoding, finding = judge_encoding(file)
    except OSError:
        if file.suffix not in COMPRESSED:
            raise
        return Dialect(), [damaged(file)], []
    if not encoding:
        return Dialect(), [finding] if finding else [], []
    warnings = [finding._replace(fix=READ_SO)] if finding else []
    text, whole = _sample(file, encoding)
    reading, rivals = read(text)
    place, rejections = _header(file, reading)
    header = reading.rows[place] if reading.rows else Row(1, [])
    if not rejections:
        rejections, strange = judge_names(file, header.line, header.values)
        warnings += strange
        rejections += _too_short(file, reading, place) if whole else []
    warnings += _doubts(file, text, reading, rivals, header.line)
    dialect = Dialect(
        delimiter=reading.delimiter, encoding=encoding, preamble=header.line - 1
    )
    return dialect, rejections, warnings


def _sample(file: Path, encoding: str) -> tuple[str, bool]:
    """Return the first whole lines, and whether these are all there are."""
    text = b""
    blocks = text_blocks(file, encoding)
    for block in blocks:
        text += block
        if len(text) >= SAMPLE:
            break
    whole = next(blocks, b"") == b""
    text = text if whole else text[: text.rfind(b"\n") + 1]
    return text.decode(errors="ignore"), whole


def _header(file: Path, reading: Reading) -> tuple[int, list[Finding]]:
    """Return the place of the header among the rows, and why it is none."""
    rows, first = reading.rows, reading.first
    if not rows:
        return 0, []
    if rows[0].values[0].startswith("sep="):
        first = min(max(first, 1), len(rows) - 1)
    first = _below_titles(rows, first)
    names = rows[first].values
    below = [row.values for row in rows[first + 1 :] if len(row.values) == len(names)]
    below = below[:LOOKED_AT]
    if first and _is_misfit(rows[first - 1].values, names, below):
        ends = not any(values[-1].strip() for values in [names, *below])
        return first - 1, [_misfit(file, rows[first - 1], len(names), ends=ends)]
    if is_data(names, below):
        problem = "is a row of values, but should name the columns"
        fix = "Put a line with the names of the columns at the beginning."
        line, value = rows[first].line, reading.delimiter.join(names)
        return first, [Finding("no header", file, problem, fix, line, value=value)]
    return first + _is_comment(names, below), []


def _below_titles(rows: list[Row], first: int) -> int:
    """Return the place of the header below titles, which spreadsheets fill with blanks.

    A title says little in a row as wide as the table; the header names every column.
    """
    place = first
    while place < len(rows) - 1 and _is_title(rows[place].values):
        place += 1
    names = rows[place].values
    below = [row.values for row in rows[place + 1 :] if len(row.values) == len(names)]
    is_named = len(names) == len(rows[first].values) and all(map(str.strip, names))
    return place if is_named and is_header(names, below[:LOOKED_AT]) else first


def _is_title(values: list[str]) -> bool:
    filled = sum(bool(value.strip()) for value in values)
    return len(values) > 2 and filled <= len(values) / 2


def _is_misfit(before: list[str], names: list[str], below: list[list[str]]) -> bool:
    """Say whether the line before the first row is a header of another width."""
    filled = [name for name in before if name.strip()]
    if len(filled) < 2 or any(map(is_number, filled)):
        return False
    longer = len(before) > len(names) and not is_header(names, below)
    return longer or is_data(names, below)


def _misfit(file: Path, header: Row, width: int, *, ends: bool) -> Finding:
    """Tell of a header of another width than rows, which may end in a delimiter."""
    names = header.values
    problem = f"has {len(names)} names, but rows have {width} values"
    if len(names) == width + 1 and not names[-1].strip():
        problem = "ends in a delimiter, but rows do not"
    if len(names) == width - 1 and ends:
        problem = "ends without the delimiter that rows end with"
    fix = "Look for a missing name, or for a delimiter too many."
    return Finding("width", file, problem, fix, header.line)


def _is_comment(names: list[str], below: list[list[str]]) -> bool:
    """Say whether a line like `# one, two` only happens to be as wide as the rows."""
    if not names[0].startswith("# ") or not below or len(below[0]) != len(names):
        return False
    return is_header(below[0], below[1:])


def _too_short(file: Path, reading: Reading, header: int) -> list[Finding]:
    rows = len(reading.rows) - header - 1
    if rows > 1:
        return []
    if rows == 1:
        fix = "Export all rows."
        return [Finding("one row", file, "has one row, which is no table", fix)]
    problem = "has a header but no rows"
    return [Finding("no rows", file, problem, "Export it again.")]


def _doubts(
    file: Path, text: str, reading: Reading, rivals: list[str], line: int
) -> Iterator[Finding]:
    """Yield what was decided, but may be meant otherwise."""
    for rival in rivals:
        used, other = DELIMITERS[reading.delimiter], DELIMITERS[rival]
        problem = f"is read with {used} between values, but could be with {other}"
        fix = "Set `delimiter` in metadata of data/schema.yaml if that is meant."
        yield Finding("delimiter", file, problem, fix, line)
    skipped = " ".join(text.splitlines()[: line - 1]).strip()
    # Programs write `sep=;` for Excel: it is meant to be left out.
    if skipped and not re.fullmatch("sep=.?", skipped):
        problem = f"stands before the header, which is line {line}, and is left out"
        fix = "Set `preamble` in metadata of data/schema.yaml if that is wrong."
        yield Finding("preamble", file, problem, fix, 1, value=skipped, rows=line - 1)
