"""Detect how a CSV file is written: encoding, delimiter, lines before the header."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pyarrow import ArrowInvalid

from reproducible_ml.adopt.header import check_header, is_data, is_header, is_number
from reproducible_ml.adopt.layout import (
    DELIMITERS,
    Layout,
    Row,
    find_delimiter,
    is_index,
    make_layout,
    other_delimiter,
    quoted_rows,
    two_headers,
)
from reproducible_ml.contract.findings import Finding, quoted
from reproducible_ml.contract.schema import CsvDialect
from reproducible_ml.reading.csv_files import replace_delimiter
from reproducible_ml.reading.encoding import (
    MAX_ROW_BYTES,
    damaged_file,
    detect_encoding,
    text_blocks,
    undecodable_bytes,
)
from reproducible_ml.reading.file_type import compression

# Delimiter and header are detected in so many bytes at the beginning of a file.
SAMPLE = 1 << 20

# The sample has more lines than this, if the file has.
FEWEST = 3

# Rows that are compared with the first one, to decide whether it is a header.
LOOKED_AT = 1000


class Given(NamedTuple):
    """What the user says about how files are written; None where it is detected."""

    encoding: str | None = None
    delimiter: str | None = None


NOT_GIVEN = Given()


def detect_dialect(
    file: Path, given: Given = NOT_GIVEN
) -> tuple[CsvDialect, list[Finding], list[Finding]]:
    """Detect how a file is written: its encoding, delimiter and header.

    The encoding is that of the whole file, the rest is detected in its beginning.

    Args:
        file: The file.
        given: What the user knows.

    Returns:
        The dialect, findings that reject the file, and warnings. Findings of the kinds
        "no rows" and "one row" do not matter in a folder of several files.
    """
    try:
        encoding, finding = _encoding(file, given)
        text, whole = _sample(file, encoding) if encoding else ("", True)
    except OSError:
        if compression(file) is None:
            raise
        return CsvDialect(), [damaged_file(file)], []
    except (UnicodeDecodeError, ArrowInvalid):
        return CsvDialect(), [undecodable_bytes(file, given.encoding or "utf-8")], []
    if not encoding:
        return CsvDialect(), [finding] if finding else [], []
    return _detect(file, text, encoding, given, finding, whole=whole)


def _detect(
    file: Path,
    text: str,
    encoding: str,
    given: Given,
    finding: Finding | None,
    *,
    whole: bool,
) -> tuple[CsvDialect, list[Finding], list[Finding]]:
    """Detect the delimiter and the header of a text, as `detect_dialect` does."""
    warnings = [finding] if finding else []
    dialect = CsvDialect(delimiter=given.delimiter or ",", encoding=encoding)
    if given.delimiter:
        if dialect.separator != dialect.delimiter:
            text = replace_delimiter(text.encode(), dialect.delimiter).decode()
        layout, rivals = make_layout(text, dialect.separator), list[str]()
        if layout.width == 1:
            return dialect, [_without_delimiter(file, layout, dialect)], []
    else:
        layout, rivals = find_delimiter(text)
        odd = layout.width == 1 and quoted_rows(file, text)
        odd = odd or other_delimiter(file, text, layout)
        if odd:
            return dialect, [odd], []
    place, rejections = _header(file, layout)
    header = layout.rows[place] if layout.rows else Row(1, [])
    below = _rows_below(layout.rows, place)
    index = _has_index(header, below)
    if not rejections:
        names = header.values[1:] if index else header.values
        rejections, unusual = check_header(file, header.line, names)
        if rejections:
            two = two_headers(file, header.line, header.values, below)
            rejections = [two] if two else rejections
        warnings += unusual
        rejections += _too_short(file, layout, place) if whole else []
    if index and not rejections:
        warnings.append(_index_left_out(file, header.line))
    warnings += _ambiguities(file, text, layout, rivals, header.line)
    found = {
        "delimiter": given.delimiter or layout.delimiter,
        "preamble": header.line - 1,
        "index": index,
    }
    return dialect.model_copy(update=found), rejections, warnings


def _without_delimiter(file: Path, layout: Layout, dialect: CsvDialect) -> Finding:
    problem = f"is not divided by {quoted(dialect.delimiter)}"
    fix = "Correct the option --delimiter, or leave it out: it is then detected."
    header = layout.rows[0] if layout.rows else Row(1, [""])
    value = header.values[0]
    return Finding("delimiter", file, problem, fix, header.line, value=value)


def _encoding(file: Path, given: Given) -> tuple[str, Finding | None]:
    return (given.encoding, None) if given.encoding else detect_encoding(file)


def _rows_below(rows: list[Row], place: int) -> list[list[str]]:
    """Return rows below the header that are as wide as it is."""
    width = len(rows[place].values) if rows else 0
    return [row.values for row in rows[place + 1 :] if len(row.values) == width]


def _has_index(header: Row, below: list[list[str]]) -> bool:
    """Say whether the first column has no name and numbers the rows, and no other."""
    blank = [not name.strip() for name in header.values]
    return sum(blank) == 1 < len(blank) and blank[0] and is_index([r[0] for r in below])


def _index_left_out(file: Path, line: int) -> Finding:
    problem = (
        "has no name for column 1, which numbers the rows, as pandas writes its index:"
        " it is left out"
    )
    fix = "Nothing if that is right; else name the column in the source."
    return Finding("index", file, problem, fix, line)


def _sample(file: Path, encoding: str) -> tuple[str, bool]:
    """Return the first whole lines, and whether these are all there are."""
    text = b""
    blocks = text_blocks(file, encoding)
    for block in blocks:
        text += block
        # The header of a wide table is long.
        enough = text.count(b"\n") > FEWEST or len(text) > MAX_ROW_BYTES
        if len(text) >= SAMPLE and enough:
            break
    whole = next(blocks, b"") == b""
    text = text if whole else text[: text.rfind(b"\n") + 1]
    return text.decode(errors="ignore"), whole


def _header(file: Path, layout: Layout) -> tuple[int, list[Finding]]:
    """Return the position of the header among the rows, and why it is not one."""
    rows, first = layout.rows, layout.first
    if not rows:
        return 0, []
    if rows[0].values[0].startswith("sep="):
        first = min(max(first, 1), len(rows) - 1)
    first = _below_titles(rows, first)
    names = rows[first].values
    below = _rows_below(rows, first)[:LOOKED_AT]
    if first and _is_misfit(rows[first - 1].values, names, below):
        ends = not any(values[-1].strip() for values in [names, *below])
        return first - 1, [_misfit(file, rows[first - 1], len(names), ends=ends)]
    if is_data(names, below):
        problem = "is a row of values, not a header"
        fix = "Add a line with the names of the columns at the beginning."
        line, value = rows[first].line, layout.delimiter.join(names)
        return first, [Finding("no header", file, problem, fix, line, value=value)]
    return first + _is_comment(names, below), []


def _below_titles(rows: list[Row], first: int) -> int:
    """Return the position of the header below titles of a spreadsheet.

    In CSV, a title is a row as wide as the table with few values; the header names
    every column.
    """
    place = first
    while place < len(rows) - 1 and _is_title(rows[place].values):
        place += 1
    names = rows[place].values
    below = _rows_below(rows, place)
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
    """Return a finding on a header of another width than its rows."""
    names = header.values
    problem = f"has {len(names)} names, but rows have {width} values"
    if len(names) == width + 1 and not names[-1].strip():
        problem = "ends in a delimiter, but rows do not"
    if len(names) == width - 1 and ends:
        problem = "ends without the delimiter that rows end with"
    fix = "Look for a missing name, or for an extra delimiter."
    if len(names) == width - 1 and not ends:
        fix += " In R, write it with row.names = FALSE."
    return Finding("width", file, problem, fix, header.line)


def _is_comment(names: list[str], below: list[list[str]]) -> bool:
    """Say whether a comment like `# one, two` happens to be as wide as the rows."""
    if not names[0].startswith("# ") or not below or len(below[0]) != len(names):
        return False
    return is_header(below[0], below[1:])


def _too_short(file: Path, layout: Layout, header: int) -> list[Finding]:
    rows = len(layout.rows) - header - 1
    if rows > 1:
        return []
    if rows == 1:
        fix = "Export all rows."
        return [Finding("one row", file, "has only one row", fix)]
    problem = "has a header but no rows"
    return [Finding("no rows", file, problem, "Export it again.")]


def _ambiguities(
    file: Path, text: str, layout: Layout, rivals: list[str], line: int
) -> Iterator[Finding]:
    """Yield warnings about decisions that may be wrong."""
    for rival in rivals:
        used, other = DELIMITERS[layout.delimiter], DELIMITERS[rival]
        problem = f"is read as delimited by {used}, but could be by {other}"
        fix = "If it is, set `delimiter` in metadata of data/schema.yaml."
        yield Finding("delimiter", file, problem, fix, line)
    skipped = " ".join(text.splitlines()[: line - 1]).strip()
    # `sep=;` is a hint to Excel, not text.
    if skipped and not re.fullmatch("sep=.?", skipped):
        problem = f"is before the header, which is line {line}, and is skipped"
        fix = "If that is wrong, set `preamble` in metadata of data/schema.yaml."
        yield Finding("preamble", file, problem, fix, 1, value=skipped, rows=line - 1)
