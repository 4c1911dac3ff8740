"""Judge the names of a table's columns: is it a header, and can each be told apart?"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

from reproducible_ml.datasets.findings import Finding, quoted
from reproducible_ml.datasets.reading.values import MISSING

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
        values = [value for value in column if value.strip() not in MISSING]
        named = name.strip() not in MISSING and not is_number(name)
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


def judge_names(
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
