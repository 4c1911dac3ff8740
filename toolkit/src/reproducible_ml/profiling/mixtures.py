"""Warn about text columns in which most values are numbers or dates."""

import re
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from reproducible_ml.contract.findings import quoted
from reproducible_ml.profiling import dates, numbers
from reproducible_ml.profiling.distinct import Ints, Tally, has_digits
from reproducible_ml.profiling.inferred import ColumnFinding, FindingFactory, Severity
from reproducible_ml.profiling.profile import ColumnProfile
from reproducible_ml.profiling.quantities import unread_quantities
from reproducible_ml.reading.values import SERIAL, unconvertible

# Share of rows that must be numbers, or dates, for two formats to count as a mixture.
MIXTURE = 0.95

# Share of rows that are numbers, or dates, from which the other texts are reported.
MOSTLY = 0.5

# Negative numbers as accountants and some systems write them: ($446.08), 446.08-.
NEGATIVE = r"^\s*(\([^()\d]{0,4}\d[\d.,' ]*[^()\d]{0,4}\)|\d[\d.,' ]*-)\s*$"

# Some versions of software look like dates: 1.2.11.
VERSION = r"^[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}$"

# Levels such as 3rd and 5th floor are no quantities.
ORDINAL = re.compile(r"(st|nd|rd|th)\b")

# Fewer different numbers with a unit are levels of a category: 1 room, 2 rooms.
NUMBERS_WITH_UNIT = 3

OR_TEXT = "or add --text with this column if it holds text"

READ_AS_TEXT = (
    "Correct the export, or add --missing with this text if it means a missing value;"
    f" {OR_TEXT}."
)


def mixed_formats(
    profile: ColumnProfile, present: int, make_finding: FindingFactory
) -> Iterator[ColumnFinding]:
    """Yield a warning if most values of a text column are numbers or dates."""
    tally = profile.dates.without(dates.COMPACT_PATTERN)
    tally = tally.without(dates.COMPACT_MONTH_PATTERN)
    form = dates.choose_date_format(tally, None)
    dated = dates.count_dates(tally) if form else 0
    if form and dated >= MIXTURE * present:
        yield _mixed_dates(tally, form, make_finding)
        return
    if form and dated >= MOSTLY * present:
        yield from _texts_among_dates(form, dated, profile, present, make_finding)
        return
    found: list[ColumnFinding] = []
    if sum(profile.numbers.rows.values()) >= MIXTURE * present:
        found = list(_mixed_numbers(profile, present, make_finding))
    found = found or list(_negative(profile, make_finding))
    found = found or list(_texts_among_numbers(profile, present, make_finding))
    found = found or list(_unread_dates(profile, present, make_finding))
    yield from found or unread_quantities(profile, make_finding)


def _negative(
    profile: ColumnProfile, make_finding: FindingFactory
) -> Iterator[ColumnFinding]:
    """Yield a finding if negative numbers have no leading minus."""
    reading = numbers.choose_number_format(profile.numbers, None)
    if reading is None:
        return
    texts, rows, places = profile.seen.content
    unfit = pc.match_substring_regex(texts, NEGATIVE)
    plain = pc.invert(unconvertible(texts, numbers.number_column(reading)))
    both = pc.sum(pc.or_(unfit, plain)).as_py()
    if pc.any(unfit).as_py() and both >= MIXTURE * len(texts):
        first = pc.index(unfit, True).as_py()
        problem = "is a negative number without a leading minus"
        digits = re.sub(r"[^0-9.,' ]", "", texts[first].as_py()).strip()
        fix = (
            f"Export it as -{digits}; or add --text with this column if it holds text."
        )
        count = int(rows[unfit.to_numpy(zero_copy_only=False)].sum())
        value, place = texts[first].as_py(), int(places[first])
        yield make_finding("reject", "negative", problem, fix, value, count, place)


def _mixed_dates(
    tally: Tally, form: dates.DateFormat, make_finding: FindingFactory
) -> ColumnFinding:
    fitting = [key for key in tally.rows if dates.fits(key, form.format)]
    others = [key for key in tally.rows if key not in fitting] or fitting[:1]
    open_forms = dates.formats(others[0]) - {form.format}
    either = [key for key in fitting if dates.formats(key) & open_forms]
    first = next((key for key in fitting if key not in either), fitting[0])
    problem = f"is a date in another format than {quoted(tally.examples[first])}"
    fix = "Export all dates in one format, ideally 2026-01-31"
    if either:
        # To correct the reported rows would leave these as they are.
        rows, example = (
            sum(tally.rows[key] for key in either),
            tally.examples[either[0]],
        )
        fix += (
            f"; of the others, {rows} may be in either one, such as {quoted(example)}"
        )
    rows = sum(tally.rows[key] for key in others)
    value, place = tally.examples[others[0]], tally.places[others[0]]
    return make_finding("reject", "mixed dates", problem, f"{fix}.", value, rows, place)


def _texts_among_dates(
    form: dates.DateFormat,
    dated: int,
    profile: ColumnProfile,
    present: int,
    make_finding: FindingFactory,
) -> Iterator[ColumnFinding]:
    """Yield a finding about texts that are no dates, though most rows are."""
    texts, rows, places = profile.seen.content
    trimmed = pc.utf8_trim_whitespace(texts)
    known = dates.date_patterns(trimmed)
    read = [key for key in known.drop_null().unique().to_pylist() if dates.formats(key)]
    other = pc.invert(pc.is_in(known, pa.array(read, pa.string())))
    versions = pc.and_(other, pc.match_substring_regex(trimmed, VERSION))
    if "%y" in (form.format or "") and pc.any(versions, min_count=0).as_py():
        return
    serial = pc.and_(other, pc.match_substring_regex(texts, SERIAL))
    serials = int(rows[serial.to_numpy(zero_copy_only=False)].sum())
    problem = f"is not a date, but {dated} of {present} rows are"
    fix, severity = READ_AS_TEXT, _severity(dated + serials, present)
    if serials:
        problem += "; it may be the number of a day in a spreadsheet"
        fix = f"Format the whole column as dates, and export it again; {OR_TEXT}."
    if severity == "warn":
        problem += ", so the column is read as text"
    place = _first(serial if severity == "reject" else other, texts, places)
    yield make_finding(
        severity, "date", problem, fix, place[0], present - dated, place[1]
    )


def _severity(fitting: int, present: int) -> Severity:
    """Return how severe it is that other rows do not fit."""
    return "reject" if fitting >= MIXTURE * present else "warn"


def _first(
    mask: pa.BooleanArray, texts: pa.StringArray, places: Ints
) -> tuple[str | None, int | None]:
    """Return the first text that a mask selects, and its place; None without any."""
    first = pc.index(mask, True).as_py()
    return (None, None) if first < 0 else (texts[first].as_py(), int(places[first]))


def _unread_dates(
    profile: ColumnProfile, present: int, make_finding: FindingFactory
) -> Iterator[ColumnFinding]:
    """Yield a warning if most texts look like dates that cannot be read."""
    texts, rows, places = profile.seen.content
    if not has_digits(texts):
        return
    alike = dates.look_like_dates(texts)
    count = int(rows[alike.to_numpy(zero_copy_only=False)].sum())
    if count and count >= MOSTLY * int(rows.sum()):
        value, place = _first(alike, texts, places)
        problem = (
            "looks like a date in a format that is not known, so it is read as text"
        )
        fix = f"Export dates as 2026-01-31; {OR_TEXT}."
        yield make_finding("warn", "date", problem, fix, value, count, place)


def _mixed_numbers(
    profile: ColumnProfile, present: int, make_finding: FindingFactory
) -> Iterator[ColumnFinding]:
    tally = profile.numbers
    found = list(numbers.count_units(tally))
    if len(found) > 1 and sum(rows for _, rows, _ in found) >= MIXTURE * present:
        shown = ", ".join(f"{quoted(unit)} {rows} times" for unit, rows, _ in found)
        problem = f"has one of several units: {shown}"
        fix = "Convert all numbers to one unit, and add it to the column's name."
        if len({unit.casefold() for unit, *_ in found}) == 1:
            fix = "Write the unit in one way."
        fix = f"{fix[:-1]}; {OR_TEXT}."
        _, rows, key = found[1]
        value, place = tally.examples[key], tally.places[key]
        yield make_finding("reject", "units", problem, fix, value, rows, place)
        return
    if multiples := list(mixed_multiples(profile, present, make_finding)):
        yield from multiples
        return
    styles = {key.split("\t")[2]: key for key in tally.rows}
    point, comma = styles.get("point"), styles.get("comma")
    if point and comma:
        other = quoted(tally.examples[comma])
        problem = f"has a decimal point, and {other} a decimal comma"
        fix = "Export all numbers with the same decimal sign."
        rows, place = tally.rows[point], tally.places[point]
        example = tally.examples[point]
        yield make_finding("reject", "decimal", problem, fix, example, rows, place)


def mixed_multiples(
    profile: ColumnProfile, present: int, make_finding: FindingFactory
) -> Iterator[ColumnFinding]:
    """Yield a finding if some numbers are in thousands, others in millions or plain."""
    rows, keys = numbers.count_multiples(profile.numbers)
    if len(rows) < 2 or sum(rows.values()) < MIXTURE * present:
        return
    shown = ", ".join(
        f"{quoted(sign) if sign else 'none'} {count} times"
        for sign, count in rows.items()
    )
    sign = next(sign for sign in rows if sign)
    key = keys[sign]
    problem = f"has one of several multiples: {shown}"
    fix = f"Export all numbers in full, such as 1500000 for 1.5M; {OR_TEXT}."
    value, place = profile.numbers.examples[key], profile.numbers.places[key]
    yield make_finding("reject", "multiples", problem, fix, value, rows[sign], place)


def _texts_among_numbers(
    profile: ColumnProfile, present: int, make_finding: FindingFactory
) -> Iterator[ColumnFinding]:
    """Yield a warning if most rows are numbers, but too few for a column of numbers."""
    reading = numbers.choose_number_format(profile.numbers, None)
    if reading is None or "code" in reading.styles:
        return
    fitting = max(reading.rows, numbers.count_numbers(profile.numbers))
    if not MOSTLY * present <= fitting < present or not reading.rows:
        return
    texts, _, places = profile.seen.content
    wrong = unconvertible(texts, numbers.number_column(reading))
    if _are_levels(texts, wrong, reading):
        return
    value, place = _first(wrong, texts, places)
    problem = f"is not a number, but {reading.rows} of {present} rows are"
    problem += ", so the column is read as text"
    unfit = present - reading.rows
    yield make_finding("warn", "number", problem, READ_AS_TEXT, value, unfit, place)


def _are_levels(
    texts: pa.StringArray, wrong: pa.BooleanArray, reading: numbers.NumberFormat
) -> bool:
    """Return whether texts are levels of a category, some of which look like numbers.

    Args:
        texts: The different texts.
        wrong: Which of them are no numbers.
        reading: How the others are read.
    """
    read = len(texts) - pc.sum(wrong).as_py()
    if reading.suffix:
        is_ordinal = ORDINAL.match(reading.suffix.strip()) is not None
        return is_ordinal or read < NUMBERS_WITH_UNIT
    # One level of ranges: 10 after 5-9.
    others = pc.match_substring_regex(texts.filter(wrong), "[0-9]")
    return read == 1 and bool(pc.all(others).as_py())
