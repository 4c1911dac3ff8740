"""What dates look like, whatever their numbers."""

import pyarrow as pa
import pyarrow.compute as pc

YEAR = """
    January February March April June July August September October November December
"""
MONTHS = YEAR.split()
WEEK = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday"
DAYS = WEEK.split()

# Names and what they become in a shape. May comes first: it is both long and short.
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

# What a date begins with: spares all other texts the rest.
LIKELY = (
    rf"(?i)^(?:(?:{ANY_DAY})[a-z]*,? +)?"
    rf"(?:[0-9]{{1,4}}[-/. ]+(?:[0-9]{{1,2}}[-/. ]|{ANY_MONTH})"
    rf"|[0-9]{{0,2}}(?:{ANY_MONTH}))"
)
COMPACT = r"^(19|20)[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])$"
COMPACT_SHAPE = "########\t\t"
OFFSET = (
    r"(?P<base>.*:[0-9]{2}(?:[.,][0-9]+)?)"
    r"(?P<offset> ?(?:Z|[-+][0-9]{2}(?::?[0-9]{2})?))$"
)
PARTS = (
    r"^[^0-9]*(?P<a>[0-9]{1,2})[-/. ]+(?P<b>[0-9]{1,2})[-/. ]+"
    r"(?:[0-9]{2})?(?P<c>[0-9]{2})(?:[^0-9].*)?$"
)


def shapes(texts: pa.StringArray) -> pa.StringArray:
    """Return what each date looks like, null for other texts.

    A shape is the text with a # for each digit, then the offset from UTC, and which of
    three numbers may be months (m), days (d) or neither (x), all separated by tabs.

    Args:
        texts: Without blanks around them.
    """
    likely = pc.match_substring_regex(texts, LIKELY)
    if not pc.any(likely, min_count=0).as_py():
        return pa.nulls(len(texts), pa.string())
    texts = pc.if_else(likely, texts, pa.scalar(None, pa.string()))
    base, offset = pc.extract_regex(texts, OFFSET).flatten()
    base = _shape(pc.coalesce(base, texts))
    offset = pc.fill_null(offset, "")
    return pc.binary_join_element_wise(base, offset, _order(texts), "\t")


def compact_shapes(texts: pa.StringArray) -> pa.StringArray:
    """Return the shape of dates like 20240131, null for other texts."""
    fits = pc.match_substring_regex(texts, COMPACT)
    return pc.if_else(fits, COMPACT_SHAPE, pa.scalar(None, pa.string()))


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
