"""Which form of dates a column has: order, separators, time, offset."""

import re
from collections import Counter
from typing import NamedTuple

import pyarrow as pa

from reproducible_ml.datasets.inference.date_shapes import compact_shapes, shapes
from reproducible_ml.datasets.inference.tally import Tally
from reproducible_ml.datasets.reading.values import ISO_WITH_OFFSET

# Shapes of texts, every digit a #.
ISO = re.compile(r"####-##-##([T ]##:##(:##(\{f\})?)?)?")
DAY = r"(?:\{[Aa]\},? +)?"
MONTH = r"\{[Bbm]\}"
DATE = re.compile(
    rf"(?P<date>{DAY}(?:####(?P<s>[-/.])##?(?P=s)##?|##?(?P<t>[-/.])##?(?P=t)##(?:##)?"
    rf"|##?\.?[-/. ]?{MONTH}\.?[-/. ]?##(?:##)?|{MONTH}\.? ##?,? ####|########))"
    r"(?P<time>(?:,? |T)##?:##(?::##(?:\{f\}|\{g\})?)?(?: ?\{p\})?)?"
)


DIRECTIVES = {"{A}": "%A", "{a}": "%a", "{B}": "%B", "{b}": "%b"}

# Of several that fit all rows, ISO is meant, then the most common.
ORDERS = {"iso": 0, "dmy": 1, "mdy": 2, "ymd": 3, "named": 4}


class Form(NamedTuple):
    """How a column's dates are written, and how many rows are."""

    format: str | None
    rows: int
    ambiguous: bool
    order: str


def choose(tally: Tally, day_first: bool | None) -> Form | None:
    """Return the form that most rows have, or None if there is no date.

    Args:
        tally: Rows of each shape.
        day_first: Whether 1/2/2024 is in February, where the column leaves it open.
    """
    rows: Counter[tuple[str, str | None]] = Counter()
    for key, count in tally.rows.items():
        for order, form in _readings(*key.split("\t")):
            rows[order, form] += count
    if not rows:
        return None
    best = [reading for reading in rows if rows[reading] == max(rows.values())]
    best.sort(key=lambda reading: ORDERS[reading[0]])
    wanted = {True: "dmy", False: "mdy", None: ""}[day_first]
    order, form = next((r for r in best if r[0] == wanted), best[0])
    either = {reading[0] for reading in best}
    open_question = {"dmy", "mdy"} <= either or (
        {"dmy", "ymd"} <= either and "-" in (form or "")
    )
    return Form(form, rows[order, form], open_question and day_first is None, order)


def _readings(shape: str, offset: str, numbers: str) -> list[tuple[str, str | None]]:
    """Return the order and format of each way to read a shape."""
    found: list[tuple[str, str | None]] = []
    if ISO.fullmatch(shape) and not offset.startswith(" "):
        found.append(("iso", ISO_WITH_OFFSET if offset else None))
    match = DATE.fullmatch(shape)
    if match:
        tail = _time_format(match["time"] or "", offset)
        # May is as long as its abbreviation.
        dates = {match["date"].replace("{m}", name) for name in ("{b}", "{B}")}
        orders = [o for date in sorted(dates) for o in _orders(date, numbers)]
        found += [(order, form + tail) for order, form in orders]
    return found


def _orders(date: str, numbers: str) -> list[tuple[str, str]]:
    """Return the order and format of each way to read the date."""
    year_first = date.lstrip("{}aA, ").startswith("####")
    date = re.sub("(?<!#)##(?!#)", "#", date)
    if date == "########":
        return [("ymd", "%Y%m%d")]
    for name, directive in DIRECTIVES.items():
        date = date.replace(name, directive)
    year = "%Y" if "####" in date else "%y"
    date = date.replace("####", "%Y")
    if "%b" in date or "%B" in date:
        day = date if year == "%Y" else f"{date.removesuffix('#')}%y"
        return [("named", day.replace("#", "%d"))]
    if year_first:
        return [("ymd", _filled(date, "%m", "%d"))]
    a, b, c = tuple(numbers or "xxx")
    possible = {
        "dmy": (a != "x" and b == "m", ("%d", "%m", year)),
        "mdy": (a == "m" and b != "x", ("%m", "%d", year)),
        "ymd": (year == "%y" and b == "m" and c != "x", ("%y", "%m", "%d")),
    }
    return [(o, _filled(date, *parts)) for o, (fits, parts) in possible.items() if fits]


def _filled(date: str, *directives: str) -> str:
    for directive in directives:
        date = date.replace("#", directive, 1)
    return date


def _time_format(time: str, offset: str) -> str:
    hour = "%I" if "{p}" in time else "%H"
    time = re.sub("#+", "#", time)
    filled = _filled(time, hour, "%M", "%S")
    filled = filled.replace("{f}", ".%f").replace("{g}", ",%f").replace("{p}", "%p")
    return filled + re.sub(r"\S+", "%z", offset)


def is_form(text: str, form: str | None) -> bool:
    """Say whether a text looks like a date of this format, whether it exists or not."""
    texts = pa.array([text], pa.string())
    for key in (*shapes(texts).to_pylist(), *compact_shapes(texts).to_pylist()):
        if key is not None:
            shape, offset, _ = key.split("\t")
            # Whatever the numbers: both orders are looked at.
            forms = [*_readings(shape, offset, "mmm"), *_readings(shape, offset, "")]
            if form in [found for _, found in forms]:
                return True
    return False


def fits(key: str, form: str | None) -> bool:
    """Say whether dates of this shape can be read by a format."""
    return form in formats(key)


def formats(key: str) -> set[str | None]:
    """Return the formats by which dates of this shape can be read."""
    return {form for _, form in _readings(*key.split("\t"))}
