"""Detect the format of dates: order, separators, time, offset from UTC."""

import re
from collections import Counter
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from reproducible_ml.contract.findings import quoted
from reproducible_ml.profiling.distinct import Tally, has_digits, text_bytes
from reproducible_ml.reading.values import ANY_NAME, ENGLISH, ISO_WITH_OFFSET

# English names of months, without May, which is both long and short.
MONTHS = [name for name in dict.fromkeys(ENGLISH.values()) if name != "May"]
ENGLISH_NAMES = {*map(str.lower, MONTHS), *(name[:3].lower() for name in MONTHS)}
WEEK = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday"
DAYS = WEEK.split()

# Names, and what stands for them in a pattern. May and the names of other languages
# come first: they may stand for long and for short ones.
OTHERS = "|".join(n for n in ANY_NAME.split("|") if n not in ENGLISH_NAMES)
NAMES = (
    ("{m}", OTHERS),
    ("{B}", "|".join(MONTHS)),
    ("{b}", "|".join(month[:3] for month in MONTHS)),
    ("{A}", "|".join(DAYS)),
    ("{a}", "|".join(day[:3] for day in DAYS)),
)
FRACTIONS = ((r"(:[0-9]{2})\.[0-9]{1,9}", "{f}"), (r"(:[0-9]{2}),[0-9]{1,9}", "{g}"))
ANY_MONTH = "|".join([*(name[:3] for name in MONTHS), OTHERS])
ANY_DAY = "|".join(name[:3] for name in DAYS)

# Beginnings of dates: all other texts are skipped quickly.
LIKELY = (
    rf"(?i)^(?:(?:{ANY_DAY})[a-z]*,? +)?"
    rf"(?:[0-9]{{1,4}}[-/. ]+(?:[0-9]{{1,2}}[-/. ]|(?:de )?(?:{ANY_MONTH}))"
    rf"|[0-9]{{0,2}}(?:{ANY_MONTH})|(?:19|20)[0-9]{{2}}[年년])"
)
COMPACT = r"^(19|20)[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])$"
COMPACT_PATTERN = "########\t\t"

# Months that look like numbers: 202101, if the column's name says so, and 01.2021.
# Those from October on may be numbers with decimals.
COMPACT_MONTH = r"^(19|20)[0-9]{2}(0[1-9]|1[0-2])$"
COMPACT_MONTH_PATTERN = "######\t\t"
LIKELY_COMPACT = r"^(?:(?:19|20)[0-9]{4}|[01][0-9]\.(?:19|20))"
DOTTED_MONTH, LATE_MONTH = r"^0[1-9]\.(19|20)[0-9]{2}$", r"^1[0-2]\.(19|20)[0-9]{2}$"
OFFSET = (
    r"(?P<base>.*:[0-9]{2}(?:[.,][0-9]+)?)"
    r"(?P<offset> ?(?:Z|UTC|GMT|[-+][0-9]{2}(?::?[0-9]{2})?))$"
)
PARTS = (
    r"^[^0-9]*(?P<a>[0-9]{1,2})[-/. ]+(?P<b>[0-9]{1,2})[-/. ]+"
    r"(?:[0-9]{2})?(?P<c>[0-9]{2})(?:[^0-9].*)?$"
)

# Months and quarters without a day. A month may be a season (2010-11, 2011-12), and
# Jan-10 a day of January.
PERIOD = (
    r"(?i)^(?:(?:1[5-9]|20|21)[0-9]{2}"
    r"(?:[-/](?:0?[1-9]|1[0-2])|[-/ ]?Q[1-4]|M(?:0[1-9]|1[0-2]))"
    r"|(?:0?[1-9]|1[0-2])[-/](?:19|20)[0-9]{2}|Q[1-4][-/ ]?(?:19|20)[0-9]{2}"
    r"|[1-4]Q[-/ ]?(?:19|20)[0-9]{2})$"
)
SEASON = re.compile(r"\d\d(\d\d)[-/](\d\d)")
SHORT_YEAR = r"^[^0-9]+[-/ ]'?(?:[0-2][0-9]|3[01])$"
UNSURE = "?"

# Patterns of texts, with # for each digit.
ISO = re.compile(r"####-##-##([T ]##:##(:##(\{f\})?)?)?")
ISO_FORM = re.compile(r"####-##-##([T ]##:##(:##)?)?")
DAY = r"(?:\{[Aa]\},? +)?"
MONTH = r"\{[Bbm]\}"
DATE = re.compile(
    rf"(?P<date>{DAY}(?:####(?P<s>[-/.])##?(?P=s)##?|##?(?P<t>[-/.])##?(?P=t)##(?:##)?"
    rf"|##?\.?[-/. ]?(?:de )?{MONTH}\.?[-/. ]?(?:de )?##(?:##)?|{MONTH}\.? ##?,? ####"
    r"|####年##?月##?日|####년 ##?월 ##?일|########))"
    r"(?P<time>(?:,? |T)##?:##(?::##(?:\{f\}|\{g\})?)?(?: ?\{p\})?)?"
)
PERIODS = re.compile(
    r"######|####[-/]##?|##?[-/.]####|####[-/ ]?Q#|Q#[-/ ]?####|#Q[-/ ]?####|####M##"
    rf"|{MONTH}\.?,?[-/ ]?####|####[-/ ]?{MONTH}|{MONTH}[-/ ]'?##",
    re.IGNORECASE,
)
# As the Unix command `date` and many logs write them, with or without an offset.
LOG = re.compile(r"\{a\} \{[bm]\} {1,2}##? ##:##:##(?P<offset> [-+]####)? ####")

DIRECTIVES = {"{A}": "%A", "{a}": "%a", "{B}": "%B", "{b}": "%b"}

# Preferred order of formats that fit as many rows: ISO, then the most common.
ORDERS = {"iso": 0, "dmy": 1, "mdy": 2, "ymd": 3, "named": 4, "period": 5}

# 13:45, 9:05:30.5 or 1:45 pm.
TIME = (
    r"(?i)^\s*([01]?[0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.,][0-9]+)?)?"
    r"( ?[ap]\.?m\.?)?\s*$"
)

ADVICE = "read as text; export hours as numbers (13.75) if they matter"

# Texts that people take for dates: weeks, names of time zones, notes behind a date, and
# a day and a year around a word, which may be a month in any language.
DATELIKE = (
    r"(?i)^\s*(?:\p{L}+[.,]* +)?(?:"
    r"(?:19|20)[0-9]{2}(?:-?W[0-5][0-9](?:-[1-7])?|[-/.][0-9]{1,2}[-/.][0-9]{1,2})"
    r"|[0-9]{1,2}[-/.][0-9]{1,2}[-/.](?:19|20)[0-9]{2}"
    rf"|[0-9]{{1,2}}\.?[-/ ]?(?:{ANY_MONTH})\p{{L}}*\.?(?:[-/ ]*[0-9]{{2,4}})?"
    rf"|(?:{ANY_MONTH})\p{{L}}*\.?[-/ ]*[0-9]{{1,4}}"
    r"|[0-3]?[0-9](?:\.|st|nd|rd|th)? (?:of |de )?\p{L}{3,12}\.?,? "
    r"(?:de )?(?:19|20)[0-9]{2}"
    r")(?:[\sT,;:(].{0,30})?$"
    # JSON of .NET: milliseconds since 1970.
    r"|^/Date\(-?[0-9]+(?:[-+][0-9]{4})?\)/$"
)

# Share of the different texts that must be times of day.
MOSTLY = 0.95


def same_iso_form(texts: pa.StringArray) -> tuple[pa.BooleanArray, str] | None:
    """Return which texts have the form of the first, and its pattern.

    None if that is no date as in ISO 8601. Most columns of dates have one form, which
    is found in a twentieth of the time of `date_patterns`.

    Args:
        texts: Texts without blanks around them.
    """
    first = texts[0].as_py() if len(texts) else ""
    shape = re.sub("[0-9]", "#", first)
    if not ISO_FORM.fullmatch(shape):
        return None
    form = re.escape(shape).replace(r"\#", "[0-9]")
    return pc.match_substring_regex(texts, f"^{form}$"), f"{shape}\t\t"


def date_patterns(texts: pa.StringArray) -> pa.StringArray:
    """Return the pattern of each date, null for other texts.

    A pattern is the text with a # for each digit, then the offset from UTC, then which
    of three numbers may be months (m), days (d) or neither (x), separated by tabs.

    Args:
        texts: Texts without blanks around them.
    """
    likely = pc.match_substring_regex(texts, rf"(?:{PERIOD})|(?:{LIKELY})")
    if not pc.any(likely, min_count=0).as_py():
        return pa.nulls(len(texts), pa.string())
    texts = pc.if_else(likely, texts, pa.scalar(None, pa.string()))
    base, offset = pc.extract_regex(texts, OFFSET).flatten()
    base = _shape(pc.coalesce(base, texts))
    offset = pc.fill_null(offset, "")
    order = _order(texts)
    if unsure := _unsure_periods(texts):
        order = pc.if_else(pc.is_in(texts, pa.array(unsure)), UNSURE, order)
    return pc.binary_join_element_wise(base, offset, order, "\t")


def compact_date_patterns(texts: pa.StringArray) -> pa.StringArray:
    """Return the pattern of dates that look like numbers, null for other texts.

    These are 20240131, 202401 and 01.2024.
    """
    likely = pc.match_substring_regex(texts, LIKELY_COMPACT)
    if not pc.any(likely, min_count=0).as_py():
        return pa.nulls(len(texts), pa.string())
    patterns = {
        COMPACT: COMPACT_PATTERN,
        COMPACT_MONTH: COMPACT_MONTH_PATTERN,
        DOTTED_MONTH: "##.####\t\t",
        LATE_MONTH: f"##.####\t\t{UNSURE}",
    }
    fits = [pc.match_substring_regex(texts, form) for form in patterns]
    return pc.case_when(pc.make_struct(*fits), *map(pa.scalar, patterns.values()))


def _unsure_periods(texts: pa.StringArray) -> list[str]:
    """Return the texts that may be something else than a month and its year."""
    different = texts.drop_null().unique()
    seasons = [
        text
        for text in different.filter(
            pc.match_substring_regex(different, SEASON.pattern.join("^$"))
        ).to_pylist()
        if (found := SEASON.fullmatch(text))
        and (int(found[1]) + 1) % 100 == int(found[2])
    ]
    short = pc.match_substring_regex(different, SHORT_YEAR)
    return [*seasons, *different.filter(short).to_pylist()]


class DateFormat(NamedTuple):
    """How the dates of a column are written.

    Attributes:
        format: For strptime; None for ISO 8601 without an offset.
        rows: How many rows have it.
        ambiguous: Whether another order of day, month and year fits as well.
        order: "iso", "dmy", "mdy", "ymd", "named" if months have names, or "period" of
            months and quarters.
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
    if not tally.rows:
        return None
    rows: Counter[tuple[str, str | None]] = Counter()
    sure = set()
    for key, count in tally.rows.items():
        for order, form in _readings(*key.split("\t")):
            rows[order, form] += count
            if not key.endswith(UNSURE):
                sure.add((order, form))
    rows = Counter({reading: n for reading, n in rows.items() if reading in sure})
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


def count_dates(tally: Tally) -> int:
    """Return how many rows can be read as dates, each in some format."""
    return sum(rows for key, rows in tally.rows.items() if formats(key))


def fits(key: str, form: str | None) -> bool:
    """Return whether dates of this pattern can be read with a format."""
    return form in formats(key)


def formats(key: str) -> set[str | None]:
    """Return the formats with which dates of this pattern can be read."""
    return {form for _, form in _readings(*key.split("\t"))}


def describe_times_of_day(texts: pa.StringArray) -> str:
    """Describe texts that are times of day, and what to do; empty for other texts."""
    if not (text_bytes(texts) == ord(":")).any():
        return ""
    is_time = pc.match_substring_regex(texts, TIME)
    times = pc.sum(is_time).as_py() or 0
    if not times or times < MOSTLY * len(texts):
        return ""
    example = quoted(texts[pc.index(is_time, True).as_py()].as_py())
    return f"times such as {example}, {ADVICE}"


def look_like_dates(texts: pa.StringArray) -> pa.BooleanArray:
    """Return which texts people take for dates."""
    # All of them have digits; the long pattern takes milliseconds to compile.
    if not has_digits(texts):
        return pc.is_null(texts)
    return pc.match_substring_regex(texts, DATELIKE)


def _shape(texts: pa.StringArray) -> pa.StringArray:
    for form, shape in FRACTIONS:
        if pc.any(pc.match_substring_regex(texts, form), min_count=0).as_py():
            texts = pc.replace_substring_regex(texts, form, r"\1" + shape)
    if pc.any(
        pc.match_substring_regex(texts, r"[A-SU-Z]|[a-z]|[^\x00-\x7F]"), min_count=0
    ).as_py():
        texts = pc.replace_substring_regex(texts, r"(?i)(:[0-9]{2} ?)[ap]m$", r"\1{p}")
        for shape, names in NAMES:
            whole = rf"(?i)(?:{names})([^\p{{L}}]|$)"
            texts = pc.replace_substring_regex(texts, whole, rf"{shape}\1")
        # The dot of a shortened name: others of the column may be written in full.
        texts = pc.replace_substring_regex(texts, r"(\{[mbB]\})\.([ ,]|$)", r"\1\2")
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
    greenwich = offset.strip() in ("UTC", "GMT")
    if ISO.fullmatch(shape) and (greenwich or not offset.startswith(" ")):
        found.append(("iso", ISO_WITH_OFFSET if offset else None))
    if PERIODS.fullmatch(shape) and not offset:
        found += [("period", form) for form in _periods(shape)]
    if log := LOG.fullmatch(shape):
        zone = " %z" if log["offset"] else ""
        found.append(("named", f"%a %b %d %H:%M:%S{zone} %Y"))
    match = DATE.fullmatch(shape)
    if match:
        tail = _time_format(match["time"] or "", offset)
        # May is as long as its abbreviation.
        dates = _named(match["date"])
        orders = [o for date in sorted(dates) for o in _orders(date, numbers)]
        found += [(order, form + tail) for order, form in orders]
    return found


def _named(shape: str) -> set[str]:
    """Return the shape with a long and with a short month in place of either."""
    return {shape.replace("{m}", name) for name in ("{b}", "{B}")}


def _periods(shape: str) -> list[str]:
    """Return the formats of a month or a quarter of a year."""
    if shape == "######":
        return ["%Y%m"]
    forms = []
    for named in sorted(_named(shape)):
        form = named.replace("####", "%Y").replace("q", "Q")
        form = re.sub("(?<=Q)#(?!#)|#(?=Q)", "%q", form)
        for name, directive in DIRECTIVES.items():
            form = form.replace(name, directive)
        short = "%y" if re.search("%[bB]", form) else "%m"
        forms.append(re.sub("##?", short, form))
    return forms


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
