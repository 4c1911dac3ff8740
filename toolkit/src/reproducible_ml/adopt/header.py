"""Tell a header from a row of values."""

import re
from collections.abc import Sequence

from reproducible_ml.reading.values import NA_VALUES

# A number, perhaps with a sign, a currency or a percent sign; a date; a time.
NUMBER = re.compile(
    r"[-+$€£]?\s?\d[\d.,' ]*(?:e[-+]?\d+)?\s?[%$€£]?"
    r"|[-+]?\.\d+(?:e[-+]?\d+)?"
    r"|\d{1,4}([-./])\d{1,2}\1\d{1,4}(?:[ T].*)?"
    r"|\d{1,2}:\d{2}.*",
    re.IGNORECASE,
)


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
