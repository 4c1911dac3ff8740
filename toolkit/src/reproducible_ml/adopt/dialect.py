"""Detect how a CSV file is written: encoding, delimiter, lines before the header."""

import csv
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from reproducible_ml.contract.findings import Finding, quoted
from reproducible_ml.contract.schema import CsvDialect
from reproducible_ml.reading.encoding import damaged_file, detect_encoding, text_blocks
from reproducible_ml.reading.file_type import COMPRESSED
from reproducible_ml.reading.values import NA_VALUES

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}

# Share of rows with the most frequent width that makes a table.
CONSISTENT = 0.9

# Delimiter and header are detected in so many bytes at the beginning of a file.
SAMPLE = 1 << 20

# Rows that are compared with the first one, to decide whether it is a header.
LOOKED_AT = 1000

ENCODING_FIX = "Export it as UTF-8 if that is wrong."

# Wider tables work, but their contract is too long to be reviewed.
WIDEST = 10_000

# Greek and Cyrillic letters that look like Latin ones.
LATIN = str.maketrans(
    "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧοАВЕКМНОРСТУХІЈЅаеорсухіјѕ",  # noqa: RUF001
    "ABEZHIKMNOPTYXoABEKMHOPCTYXIJSaeopcyxijs",
)

# A number, perhaps with a sign, a currency or a percent sign; a date; a time.
NUMBER = re.compile(
    r"[-+$€£]?\s?\d[\d.,' ]*(?:e[-+]?\d+)?\s?[%$€£]?"
    r"|[-+]?\.\d+(?:e[-+]?\d+)?"
    r"|\d{1,4}([-./])\d{1,2}\1\d{1,4}(?:[ T].*)?"
    r"|\d{1,2}:\d{2}.*",
    re.IGNORECASE,
)

UNIQUE_NAMES = "Give each column a name of its own."


class Row(NamedTuple):
    """The values of a row that is not blank, and the line that it begins on."""

    line: int
    values: list[str]


class Layout(NamedTuple):
    """The rows that a delimiter makes of a text.

    Attributes:
        delimiter: Between values.
        rows: All that are not blank.
        width: Most frequent number of values in a row.
        wide: Number of rows of that width.
        first: Position of the first of them.
    """

    delimiter: str
    rows: list[Row]
    width: int
    wide: int
    first: int

    @property
    def is_table(self) -> bool:
        """Whether nearly all rows, from the first on, have the same width."""
        return self.first == 0 and self.wide >= CONSISTENT * len(self.rows)


def detect_dialect(file: Path) -> tuple[CsvDialect, list[Finding], list[Finding]]:
    """Detect how a file is written: its encoding, delimiter and header.

    The encoding is that of the whole file, the rest is detected in its beginning.

    Returns:
        The dialect, findings that reject the file, and warnings. Findings of the kinds
        "no rows" and "one row" do not matter in a folder of several files.
    """
    try:
        encoding, finding = detect_encoding(file)
    except OSError:
        if file.suffix not in COMPRESSED:
            raise
        return CsvDialect(), [damaged_file(file)], []
    if not encoding:
        return CsvDialect(), [finding] if finding else [], []
    warnings = [finding._replace(fix=ENCODING_FIX)] if finding else []
    text, whole = _sample(file, encoding)
    layout, rivals = find_delimiter(text)
    place, rejections = _header(file, layout)
    header = layout.rows[place] if layout.rows else Row(1, [])
    if not rejections:
        rejections, unusual = check_header(file, header.line, header.values)
        warnings += unusual
        rejections += _too_short(file, layout, place) if whole else []
    warnings += _ambiguities(file, text, layout, rivals, header.line)
    dialect = CsvDialect(
        delimiter=layout.delimiter, encoding=encoding, preamble=header.line - 1
    )
    return dialect, rejections, warnings


def find_delimiter(text: str) -> tuple[Layout, list[str]]:
    """Return the most plausible layout, and delimiters that are as plausible."""
    declared = re.match(r"sep=(.)\r?\n", text)
    if declared and declared[1] in DELIMITERS:
        return _layout(text, declared[1]), []
    layouts = [_layout(text, delimiter) for delimiter in DELIMITERS]
    several = [layout for layout in layouts if layout.width > 1]
    if not several:
        return layouts[0], []
    best = max(several, key=lambda r: (r.is_table, r.wide, r.width))
    rivals = [r.delimiter for r in several if r.is_table and r is not best]
    return best, rivals if best.is_table else []


def _layout(text: str, delimiter: str) -> Layout:
    rows = [row for row in _rows(text, delimiter) if any(row.values)]
    widths = Counter(len(row.values) for row in rows if len(row.values) > 1)
    if not widths:
        return Layout(delimiter, rows, 1, len(rows), 0)
    # Of equally frequent widths, the larger is less likely by chance.
    width = max(widths, key=lambda width: (widths[width], width))
    first = next(i for i, row in enumerate(rows) if len(row.values) == width)
    # Below a title, only a clear table counts; otherwise it is one column.
    share = CONSISTENT if first else 0.5
    if widths[width] < share * (len(rows) - first):
        return Layout(delimiter, rows, 1, len(rows), 0)
    return Layout(delimiter, rows, width, widths[width], first)


def _rows(text: str, delimiter: str) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    line = 1
    try:
        for values in reader:
            yield Row(line, values)
            line = reader.line_num + 1
    except csv.Error:
        # A value is longer than csv allows: the rows before it suffice.
        return


def is_data(names: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Say whether the supposed names are the values of a row like those below."""
    if is_header(names, rows):
        return False
    if any(map(is_number, names)):
        return not _are_sequence(names)
    others = [row for row in rows if list(row) != list(names)]
    if len(names) < 2 or not others:
        return False
    columns = zip(*others, strict=False)
    return all(n in column for n, column in zip(names, columns, strict=False))


def is_header(names: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Say whether a text stands above numbers, as a value hardly would."""
    for name, column in zip(names, zip(*rows, strict=False), strict=False):
        values = [value for value in column if value.strip() not in NA_VALUES]
        named = name.strip() not in NA_VALUES and not is_number(name)
        if named and values and all(map(is_number, values)):
            return True
    return False


def is_number(text: str) -> bool:
    """Say whether a text is a number, a date or a time, rather than a name."""
    return NUMBER.fullmatch(text.strip()) is not None


def _are_sequence(names: Sequence[str]) -> bool:
    """Say whether the numbers among names are years, or count: 0, 1, 2."""
    places = [place for place, name in enumerate(names) if is_number(name)]
    texts = [names[place].strip() for place in places]
    if not all(re.fullmatch(r"\d{1,9}", text) for text in texts):
        return False
    numbers = [int(text) for text in texts]
    if places[-1] - places[0] != len(places) - 1:
        return False
    if all(1900 <= number <= 2100 for number in numbers):
        return len(set(numbers)) == len(numbers)
    return len(numbers) > 2 and numbers == list(range(numbers[0], numbers[-1] + 1))


def check_header(
    file: Path, line: int, names: Sequence[str]
) -> tuple[list[Finding], list[Finding]]:
    """Return why names are not unique; if they are, warnings about unusual ones."""
    rejections = [*_empty(file, line, names), *_alike(file, line, names)]
    if rejections:
        return rejections, []
    warnings = [*_unusual(file, line, names), *_differ_in_case(file, line, names)]
    if len(names) > WIDEST:
        problem = f"has {len(names)} columns"
        fix = "Check that rows and columns are not swapped, or leave columns out."
        warnings.append(Finding("wide", file, problem, fix, line))
    return [], warnings


def _empty(file: Path, line: int, names: Sequence[str]) -> Iterator[Finding]:
    empty = [place for place, name in enumerate(names, 1) if not name.strip()]
    if len(names) > 1 and empty == [len(names)]:
        problem = "ends in a delimiter, which makes a column without a name"
        fix = "Remove it, in all lines, or give the column a name."
        yield Finding("empty name", file, problem, fix, line)
    elif empty == [1]:
        problem = "has no name for column 1"
        fix = "Name it, or leave it out: in pandas, by `to_csv(index=False)`."
        yield Finding("empty name", file, problem, fix, line)
    else:
        for place in empty:
            problem = f"has no name for column {place}"
            yield Finding("empty name", file, problem, UNIQUE_NAMES, line)


def _alike(file: Path, line: int, names: Sequence[str]) -> Iterator[Finding]:
    """Yield names that are equal, or look equal."""
    seen: dict[str, int] = {}
    for place, name in enumerate(names, 1):
        if not name.strip():
            continue
        first = seen.setdefault(_look(name), place)
        if first == place:
            continue
        same = name == names[first - 1]
        kind, verb = ("duplicate name", "is") if same else ("look-alike", "looks like")
        problem = f"names column {place}, but {verb} the name of column {first}"
        if not same:
            problem += f" ({_escaped(name)}, {_escaped(names[first - 1])})"
        yield Finding(kind, file, problem, UNIQUE_NAMES, line, value=name)


def _look(name: str) -> str:
    """Return a name as it looks in print."""
    text = unicodedata.normalize("NFKC", name).translate(LATIN)
    visible = "".join(c for c in text if c.isprintable() or c.isspace())
    return " ".join(visible.split())


def _escaped(name: str) -> str:
    return ascii(name)[1:-1]


def _differ_in_case(file: Path, line: int, names: Sequence[str]) -> Iterator[Finding]:
    seen: dict[str, int] = {}
    for place, name in enumerate(names, 1):
        first = seen.setdefault(_look(name).casefold(), place)
        if name.strip() and _look(names[first - 1]) != _look(name):
            other = quoted(names[first - 1])
            problem = f"differs from column {first}, {other}, only by case"
            fix = "Rename one if they are easily confused."
            yield Finding("case", file, problem, fix, line, value=name)


def _unusual(file: Path, line: int, names: Sequence[str]) -> Iterator[Finding]:
    for name in names:
        if not name.strip():
            continue
        if not name.isprintable():
            problem = "has invisible characters or line breaks"
        elif name != name.strip():
            problem = "has spaces before or after it"
        elif name != name.translate(LATIN) and re.search("[A-Za-z]", name):
            problem = f"mixes letters of several alphabets ({_escaped(name)})"
        else:
            continue
        fix = "Rename it in the source: it is easily mistyped."
        yield Finding("unusual name", file, problem, fix, line, value=name)


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


def _header(file: Path, layout: Layout) -> tuple[int, list[Finding]]:
    """Return the position of the header among the rows, and why it is not one."""
    rows, first = layout.rows, layout.first
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
    """Return a finding on a header of another width than its rows."""
    names = header.values
    problem = f"has {len(names)} names, but rows have {width} values"
    if len(names) == width + 1 and not names[-1].strip():
        problem = "ends in a delimiter, but rows do not"
    if len(names) == width - 1 and ends:
        problem = "ends without the delimiter that rows end with"
    fix = "Look for a missing name, or for an extra delimiter."
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
