"""Tell a header from a row of values, and check the names of columns.

They must be unique, and are best easy to type.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

from reproducible_ml.contract.findings import Finding, quoted
from reproducible_ml.reading.values import NA_VALUES

# A number, perhaps with a sign, a currency or a percent sign; a date; a time.
NUMBER = re.compile(
    r"[-+$€£]?\s?\d[\d.,' ]*(?:e[-+]?\d+)?\s?[%$€£]?"
    r"|[-+]?\.\d+(?:e[-+]?\d+)?"
    r"|\d{1,4}([-./])\d{1,2}\1\d{1,4}(?:[ T].*)?"
    r"|\d{1,2}:\d{2}.*",
    re.IGNORECASE,
)

# Wider tables work, but their contract is too long to be reviewed.
WIDEST = 10_000

# Greek and Cyrillic letters that look like Latin ones.
LATIN = str.maketrans(
    "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧοАВЕКМНОРСТУХІЈЅаеорсухіјѕ",  # noqa: RUF001
    "ABEZHIKMNOPTYXoABEKMHOPCTYXIJSaeopcyxijs",
)

UNIQUE_NAMES = "Give each column a name of its own."


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
    file: Path, line: int | None, names: Sequence[str]
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


def _empty(file: Path, line: int | None, names: Sequence[str]) -> Iterator[Finding]:
    empty = [place for place, name in enumerate(names, 1) if not name.strip()]
    if line is None:
        # Only CSV has delimiters, and writers that leave names out.
        empty_names = [f"has no name for column {place}" for place in empty]
        yield from (Finding("empty name", file, p, UNIQUE_NAMES) for p in empty_names)
    elif len(names) > 1 and empty == [len(names)]:
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


def _alike(file: Path, line: int | None, names: Sequence[str]) -> Iterator[Finding]:
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
    if name.isascii() and name.isprintable():
        return " ".join(name.split())
    text = unicodedata.normalize("NFKC", name).translate(LATIN)
    visible = "".join(c for c in text if c.isprintable() or c.isspace())
    return " ".join(visible.split())


def _escaped(name: str) -> str:
    return ascii(name)[1:-1]


def _differ_in_case(
    file: Path, line: int | None, names: Sequence[str]
) -> Iterator[Finding]:
    seen: dict[str, int] = {}
    for place, name in enumerate(names, 1):
        first = seen.setdefault(_look(name).casefold(), place)
        if first != place and name.strip() and _look(names[first - 1]) != _look(name):
            other = quoted(names[first - 1])
            problem = f"differs from column {first}, {other}, only by case"
            fix = "Rename one if they are easily confused."
            yield Finding("case", file, problem, fix, line, value=name)


def _unusual(file: Path, line: int | None, names: Sequence[str]) -> Iterator[Finding]:
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
