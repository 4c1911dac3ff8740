"""Find out how a CSV file is written: encoding, delimiter, lines before the header."""

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

# Share of rows as wide as most that makes a table.
CONSISTENT = 0.9


class Row(NamedTuple):
    """The values of a row that is not blank, and the line it begins on."""

    line: int
    values: list[str]


class Reading(NamedTuple):
    """What a delimiter makes of the text: rows, and which of them look like a table."""

    delimiter: str
    rows: list[Row]
    width: int
    # Rows as wide as most, and the first of them.
    wide: int
    first: int

    @property
    def is_table(self) -> bool:
        """Whether it begins with a header and goes on as it began."""
        return self.first == 0 and self.wide >= CONSISTENT * len(self.rows)


def read(text: str) -> tuple[Reading, list[str]]:
    """Return the reading that makes most sense, and delimiters that make as much."""
    told = re.match(r"sep=(.)\r?\n", text)
    if told and told[1] in DELIMITERS:
        return _reading(text, told[1]), []
    readings = [_reading(text, delimiter) for delimiter in DELIMITERS]
    several = [reading for reading in readings if reading.width > 1]
    if not several:
        return readings[0], []
    best = max(several, key=lambda r: (r.is_table, r.wide, r.width))
    rivals = [r.delimiter for r in several if r.is_table and r is not best]
    return best, rivals if best.is_table else []


def _reading(text: str, delimiter: str) -> Reading:
    rows = [row for row in _rows(text, delimiter) if any(row.values)]
    widths = Counter(len(row.values) for row in rows if len(row.values) > 1)
    if not widths:
        return Reading(delimiter, rows, 1, len(rows), 0)
    # Of widths that are as frequent, the larger is less likely by chance.
    width = max(widths, key=lambda width: (widths[width], width))
    first = next(i for i, row in enumerate(rows) if len(row.values) == width)
    # Below a title, only a table that is one beyond doubt; otherwise one column.
    share = CONSISTENT if first else 0.5
    if widths[width] < share * (len(rows) - first):
        return Reading(delimiter, rows, 1, len(rows), 0)
    return Reading(delimiter, rows, width, widths[width], first)


def _rows(text: str, delimiter: str) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    line = 1
    try:
        for values in reader:
            yield Row(line, values)
            line = reader.line_num + 1
    except csv.Error:
        # A value of enormous length: what came before has to do.
        return


# Wider tables work, but nobody can review their contract.
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

NAMES = "Give each column a name of its own."


def is_data(names: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Say whether what should be names are the values of a row like those below."""
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
    """Say whether a text stands over numbers, which a value would hardly do."""
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
    """Return why columns cannot be told apart; if they can, what is strange."""
    rejections = [*_empty(file, line, names), *_alike(file, line, names)]
    if rejections:
        return rejections, []
    warnings = [*_strange(file, line, names), *_differ_in_case(file, line, names)]
    if len(names) > WIDEST:
        problem = f"has {len(names)} columns"
        fix = "Look for rows and columns swapped, or leave columns out."
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
        fix = "Give it one, or leave it out: pandas does with `to_csv(index=False)`."
        yield Finding("empty name", file, problem, fix, line)
    else:
        for place in empty:
            problem = f"has no name for column {place}"
            yield Finding("empty name", file, problem, NAMES, line)


def _alike(file: Path, line: int, names: Sequence[str]) -> Iterator[Finding]:
    """Yield names that are the same, or look so."""
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
        yield Finding(kind, file, problem, NAMES, line, value=name)


def _look(name: str) -> str:
    """Return what a reader sees of a name."""
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
            problem = f"differs from column {first}, {other}, by upper and lower case"
            fix = "Rename one if they are easily confused."
            yield Finding("case", file, problem, fix, line, value=name)


def _strange(file: Path, line: int, names: Sequence[str]) -> Iterator[Finding]:
    for name in names:
        if not name.strip():
            continue
        if not name.isprintable():
            problem = "is a name with invisible characters or line ends"
        elif name != name.strip():
            problem = "is a name with blanks around it"
        elif name != name.translate(LATIN) and re.search("[A-Za-z]", name):
            problem = f"is a name of letters of several alphabets ({_escaped(name)})"
        else:
            continue
        fix = "Rename it in the export, as others will type it otherwise."
        yield Finding("strange name", file, problem, fix, line, value=name)


# Characters at the beginning by which delimiter and header are judged.
SAMPLE = 1 << 20

# Rows that tell what a column holds.
LOOKED_AT = 1000

READ_SO = "Export it as UTF-8 if that is wrong."


def detect_dialect(file: Path) -> tuple[CsvDialect, list[Finding], list[Finding]]:
    """Return how a file is written, why it cannot be taken so, and what to look at.

    The encoding is judged by the whole file, the rest by its first million characters.
    Findings of the kinds "no rows" and "one row" may not matter in a folder of files.
    """
    try:
        encoding, finding = detect_encoding(file)
    except OSError:
        if file.suffix not in COMPRESSED:
            raise
        return CsvDialect(), [damaged_file(file)], []
    if not encoding:
        return CsvDialect(), [finding] if finding else [], []
    warnings = [finding._replace(fix=READ_SO)] if finding else []
    text, whole = _sample(file, encoding)
    reading, rivals = read(text)
    place, rejections = _header(file, reading)
    header = reading.rows[place] if reading.rows else Row(1, [])
    if not rejections:
        rejections, strange = check_header(file, header.line, header.values)
        warnings += strange
        rejections += _too_short(file, reading, place) if whole else []
    warnings += _ambiguities(file, text, reading, rivals, header.line)
    dialect = CsvDialect(
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


def _ambiguities(
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
