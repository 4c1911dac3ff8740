"""Warn about texts that hold quantities in a form that is not read as a number."""

from collections.abc import Iterator
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from reproducible_ml.profiling.dates import describe_times_of_day
from reproducible_ml.profiling.distinct import has_digits
from reproducible_ml.profiling.inferred import ColumnFinding, FindingFactory
from reproducible_ml.profiling.numbers import CURRENCY
from reproducible_ml.profiling.profile import ColumnProfile

# Share of the rows that must have one form, and different texts from which they are
# quantities rather than levels of a category, such as 0-10, 11-20 and 21-30.
MOST, LEVELS = 0.95, 12

NUMBER = r"[-+]?[0-9]+(?:[.,][0-9]+)*"
DECIMAL = r"[-+]?[0-9]{1,3}\.[0-9]+"
TIMES, TO, PLUS_MINUS = r"[x\x{D7}]", r"[-\x{2013}]", r"(?:\x{B1}|\+/?-)"
CLOCK = r"[0-9]{1,3}:[0-5][0-9](?::[0-5][0-9](?:\.[0-9]+)?)?"
PERIOD = (
    r"(?:d|days?|tage?|jours?|h|hrs?|hours?|std|heures?|m|mins?|minutes?|s|secs?"
    r"|seconds?|y|yrs?|years?|mo|months?|w|wks?|weeks?)"
)

# Blood pressure, sizes, places, heights in feet, errors, shares and intervals, ratings,
# degrees with minutes, points.
SEVERAL = (
    rf"^{NUMBER} ?/ ?{NUMBER}$",
    rf"(?i)^{NUMBER}(?: ?{TIMES} ?{NUMBER}){{1,2}}(?: ?\p{{L}}{{1,4}})?$",
    rf"^[(\[]?{DECIMAL}[,;]? ?{DECIMAL}[)\]]?$",
    r"""^[0-9]{1,2} ?(?:'|ft|feet) ?[0-9]{1,2}(?:\.[0-9]+)? ?(?:"|''|in)?$""",
    rf"^{NUMBER} ?{PLUS_MINUS} ?{NUMBER}(?: ?%)?$",
    rf"^{NUMBER} ?%? ?[(\[]{NUMBER} ?%?(?: ?(?:{TO}|[,;]) ?{NUMBER})?[)\]]$",
    rf"(?i)^{NUMBER} (?:out )?of {NUMBER}(?: \p{{L}}+)?$",
    r"^[0-9.]+ ?\x{B0} ?[0-9.]+ ?\S? ?(?:[0-9.]+ ?\S{0,2})? ?[NSEWO]?$",
    rf"(?i)^point ?\({NUMBER} {NUMBER}\)$",
)
END = r"[0-9]+(?:[.,][0-9]+)*"
RANGE = rf"^(?P<low>{END}) ?(?:{TO}|to|bis) ?(?P<high>{END})$"
DURATIONS = (
    rf"(?i)^{NUMBER} ?{PERIOD}(?:[., ]*{NUMBER} ?{PERIOD})+\.?$",
    rf"(?i)^-?[0-9]+ ?d(?:ays?)?,? \+?{CLOCK}$",
    r"^-?P(?:[0-9.]+[YMWD])*(?:T(?:[0-9.]+[HMS])+)?$",
    rf"^{CLOCK}$",
)
# Numbers with words besides a currency, with signs for about and more, or with a dash
# for no cents.
AMOUNT = rf"{NUMBER}(?:[' ][0-9]{{3}})*(?:[.,]-|[.,]?\x{{2013}})?"
WITH_TEXT = (
    rf"^\D{{0,12}}(?:{CURRENCY})\D{{0,8}}{AMOUNT}\D{{0,12}}$",
    rf"^\D{{0,12}}{AMOUNT}\D{{0,8}}(?:{CURRENCY})\D{{0,12}}$",
    rf"^[~<>=\x{{2248}}\x{{2264}}\x{{2265}}]{{1,2}} ?{NUMBER}$",
    r"^[0-9]+(?:[.,' ][0-9]{3})*[.,] ?[-\x{2013}\x{2014}]+$",
)
EXPONENT = r"^[-+]?[0-9]*\.?[0-9]+[dD][-+]?[0-9]{1,3}$"

OR_TEXT = "; or add --text with this column if it holds text."


class Form(NamedTuple):
    """A way to write quantities: patterns, what is wrong with it, and the way out."""

    patterns: tuple[str, ...]
    problem: str
    fix: str


FORMS = (
    Form(
        SEVERAL,
        "holds several numbers",
        "Export each number as a column of its own",
    ),
    Form(
        DURATIONS,
        "is a duration",
        "Export durations as numbers of one unit, such as minutes",
    ),
    Form(WITH_TEXT, "is a number with other text", "Export the number alone"),
    Form(
        (EXPONENT,),
        'has "D" before the exponent of a number',
        "Export numbers as 1.5E-03",
    ),
)
RANGES = Form(
    (RANGE,), "is a range of numbers", "Export its ends as columns of their own"
)


def unread_quantities(
    profile: ColumnProfile, make_finding: FindingFactory
) -> Iterator[ColumnFinding]:
    """Yield a warning if nearly all texts hold quantities that are not read.

    Times of day are none: the evidence of the column speaks of them.
    """
    texts, rows, places = profile.seen.content
    if len(texts) < LEVELS or not has_digits(texts):
        return
    trimmed = pc.utf8_trim_whitespace(texts)
    digits = pc.match_substring_regex(trimmed, "[0-9]")
    if pc.mean(digits).as_py() < MOST:
        return
    if describe_times_of_day(texts):
        return
    for form in (*FORMS, RANGES):
        for pattern in form.patterns:
            alike = pc.match_substring_regex(trimmed, pattern)
            count = int(rows[alike.to_numpy(zero_copy_only=False)].sum())
            if count < MOST * int(rows.sum()):
                continue
            if form is RANGES and not _ascend(trimmed.filter(alike)):
                continue
            first = pc.index(alike, True).as_py()
            problem = f"{form.problem}, so the column is read as text"
            value, place = texts[first].as_py(), int(places[first])
            fix = form.fix + OR_TEXT
            yield make_finding("warn", "quantity", problem, fix, value, count, place)
            return


def _ascend(texts: pa.StringArray) -> bool:
    """Return whether pairs of numbers ascend, as the ends of ranges do.

    Codes such as 555-0199 all have as many digits.
    """
    pairs = pc.extract_regex(texts, RANGE).flatten()
    if all(len(pc.unique(pc.utf8_length(end))) == 1 for end in pairs):
        return False
    low, high = (
        pc.replace_substring_regex(end, "[.,]", "").cast(pa.float64()) for end in pairs
    )
    return bool(pc.mean(pc.less_equal(low, high)).as_py() >= MOST)
