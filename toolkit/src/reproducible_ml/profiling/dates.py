"""Detect the format of dates: order, separators, time, offset from UTC."""

import re
from collections import Counter
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from reproducible_ml.contract.findings import quoted
from reproducible_ml.profiling.distinct import Tally
from reproducible_ml.reading.values import ISO_WITH_OFFSET

YEAR = """
    January February March April June July August September October November December
"""
MONTHS = YEAR.split()
WEEK = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday"
DAYS = WEEK.split()

# Names, and what stands for them in a pattern. May comes first: it is both long and
# short.
NAMES = (
    ("{m}", "May"),
    ("{B}", "|".join(MONTHS)),
    ("{b}", "|".join(month[:3] for month in MONTHS)),
    ("{A}", "|".join(DAYS)),
    ("{a}", "|".join(day[:3] for day in DAYS)),
)
FRACTIONS = ((r"(:[0-9]{2})\.[0-9]{1,9}", "{f}"), (r"(:[0-9]{2}),[0-9]{1,9}", "{g}"))
ANY_MONTH = "|".join(name[:3] for name in [*MONTHS, "May"])
ANY_DAY = "|".join(name[:3] for name in DAYS)

# Beginnings of dates: all other texts are skipped quickly.
LIKELY = (
    rf"(?i)^(?:(?:{ANY_DAY})[a-z]*,? +)?"
    rf"(?:[0-9]{{1,4}}[-/. ]+(?:[0-9]{{1,2}}[-/. ]|{ANY_MONTH})"
    rf"|[0-9]{{0,2}}(?:{ANY_MONTH}))"
)
COMPACT = r"^(19|20)[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])$"
COMPACT_PATTERN = "########\t\t"
OFFSET = (
    r"(?P<base>.*:[0-9]{2}(?:[.,][0-9]+)?)"
    r"(?P<offset> ?(?:Z|[-+][0-9]{2}(?::?[0-9]{2})?))$"
)
PARTS = (
    r"^[^0-9]*(?P<a>[0-9]{1,2})[-/. ]+(?P<b>[0-9]{1,2})[-/. ]+"
    r"(?:[0-9]{2})?(?P<c>[0-9]{2})(?:[^0-9].*)?$"
)

# Patterns of texts, with # for each digit.
ISO = re.compile(r"####-##-##([T ]##:##(:##(\{f\})?)?)?")
DAY = r"(?:\{[Aa]\},? +)?"
MONTH = r"\{[Bbm]\}"
DATE = re.compile(
    rf"(?P<date>{DAY}(?:####(?P<s>[-/.])##?(?P=s)##?|##?(?P<t>[-/.])##?(?P=t)##(?:##)?"
    rf"|##?\.?[-/. ]?{MONTH}\.?[-/. ]?##(?:##)?|{MONTH}\.? ##?,? ####|########))"
    r"(?P<time>(?:,? |T)##?:##(?::##(?:\{f\}|\{g\})?)?(?: ?\{p\})?)?"
)

DIRECTIVES = {"{A}": "%A", "{a}": "%a", "{B}": "%B", "{b}": "%b"}

# Preferred order of formats that fit as many rows: ISO, then the most common.
ORDERS = {"iso": 0, "dmy": 1, "mdy": 2, "ymd": 3, "named": 4}

# 13:45, 9:05:30.5 or 1:45 pm.
TIME = (
    r"(?i)^\s*([01]?[0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.,][0-9]+)?)?"
    r"( ?[ap]\.?m\.?)?\s*$"
)

ADVICE = "read as text; export hours as numbers (13.75) if they matter"

# Share of the different texts that must be times of day.
MOSTLY = 0.95


def date_patterns(texts: pa.StringArray) -> pa.StringArray:
    """Return the pattern of each date, null for other texts.

    A pattern is the text with a # for each digit, then the offset from UTC, then which
    of three numbers may be months (m), days (d) or neither (x), separated by tabs.

    Args:
        texts: Texts without blanks around them.
    """
    likely = pc.match_substring_regex(texts, LIKELY)
    if not pc.any(likely, min_count=0).as_py():
        return pa.nulls(len(texts), pa.string())
    texts = pc.if_else(likely, texts, pa.scalar(None, pa.string()))
    base, offset = pc.extract_regex(texts, OFFSET).flatten()
    base = _shape(pc.coalesce(base, texts))
    offset = pc.fill_null(offset, "")
    return pc.binary_join_element_wise(base, offset, _order(texts), "\t")


def compact_date_patterns(texts: pa.StringArray) -> pa.StringArray:
    """Return the pattern of dates like 20240131, null for other texts."""
    fits = pc.match_substring_regex(texts, COMPACT)
    return pc.if_else(fits, COMPACT_PATTERN, pa.scalar(None, pa.string()))


class DateFormat(NamedTuple):
    """How the dates of a column are written.

    Attributes:
        format: For strptime; None for ISO 8601 without an offset.
        rows: How many rows have it.
        ambiguous: Whether another order of day, month and year fits as well.
        order: "iso", "dmy", "mdy", "ymd", or "named" if months have names.
    """

    format: str | None
    rows: int
    ambiguous: bool
    order: str


def choose_date_format(tally: Tally, day_first: bool | None) -> DateFormat | None:
    """Return the format that most rows have, or None if there are no dates.

    Args:
        tally: Rows of each pattern.
        day_first: Whether 1/2/2024 is in February, if the column leaves it open.
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
    return DateFormat(
        form, rows[order, form], open_question and day_first is None, order
    )


def has_date_format(text: str, form: str | None) -> bool:
    """Return whether a text has the format of dates, whether the date exists or not."""
    texts = pa.array([text], pa.string())
    for key in (
        *date_patterns(texts).to_pylist(),
        *compact_date_patterns(texts).to_pylist(),
    ):
        if key is not None:
            shape, offset, _ = key.split("\t")
            # Whatever the numbers: both orders are looked at.
            forms = [*_readings(shape, offset, "mmm"), *_readings(shape, offset, "")]
            if form in [found for _, found in forms]:
                return True
    return False


def fits(key: str, form: str | None) -> bool:
    """Return whether dates of this pattern can be read with a format."""
    return form in formats(key)


def formats(key: str) -> set[str | None]:
    """Return the formats with which dates of this pattern can be read."""
    return {form for _, form in _readings(*key.split("\t"))}


def describe_times_of_day(texts: pa.StringArray) -> str:
    """Describe texts that are times of day, and what to do; empty for other texts."""
    is_time = pc.match_substring_regex(texts, TIME)
    times = pc.sum(is_time).as_py() or 0
    if not times or times < MOSTLY * len(texts):
        return ""
    example = quoted(texts[pc.index(is_time, True).as_py()].as_py())
    return f"times such as {example}, {ADVICE}"


def _shape(texts: pa.StringArray) -> pa.StringArray:
    for form, shape in FRACTIONS:
        if pc.any(pc.match_substring_regex(texts, form), min_count=0).as_py():
            texts = pc.replace_substring_regex(texts, form, r"\1" + shape)
    if pc.any(pc.match_substring_regex(texts, "[A-SU-Za-z]"), min_count=0).as_py():
        texts = pc.replace_substring_regex(texts, r"(?i)(:[0-9]{2} ?)[ap]m$", r"\1{p}")
        for shape, names in NAMES:
            texts = pc.replace_substring_regex(texts, f"(?i){names}", shape)
    return pc.replace_substring_regex(texts, "[0-9]", "#")


def _order(texts: pa.StringArray) -> pa.StringArray:
    """Return m, d or x for each of three numbers that are separated alike."""
    letters = []
    for numbers in pc.extract_regex(texts, PARTS).flatten():
        value = numbers.cast(pa.int64())
        is_day = pc.and_(pc.greater_equal(value, 1), pc.less_equal(value, 31))
        is_month = pc.and_(is_day, pc.less_equal(value, 12))
        letter = pc.if_else(is_month, "m", pc.if_else(is_day, "d", "x"))
        letters.append(pc.fill_null(letter, ""))
    return pc.binary_join_element_wise(*letters, "")


def _readings(shape: str, offset: str, numbers: str) -> list[tuple[str, str | None]]:
    """Return the order and format of each way to read a pattern."""
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
