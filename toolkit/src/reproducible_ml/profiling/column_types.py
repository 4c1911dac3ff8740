"""Detect the type of a column: dates, numbers, booleans or text."""

import datetime
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Literal, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from reproducible_ml.contract.findings import quoted
from reproducible_ml.contract.schema import Column, ColumnMetadata
from reproducible_ml.profiling import dates, numbers
from reproducible_ml.profiling.conventions import (
    TableConventions,
    is_date_name,
    is_period_name,
)
from reproducible_ml.profiling.dates import (
    COMPACT_MONTH_PATTERN,
    COMPACT_PATTERN,
    describe_times_of_day,
)
from reproducible_ml.profiling.distinct import Tally, text_bytes
from reproducible_ml.profiling.inferred import ColumnFinding, FindingFactory
from reproducible_ml.profiling.mixtures import mixed_formats, mixed_multiples
from reproducible_ml.profiling.profile import ColumnProfile
from reproducible_ml.quality.spellings import (
    are_default_booleans,
    boolean_spellings,
    missing_spellings,
    undeclared_spellings,
)
from reproducible_ml.reading.values import try_convert

Kind = Literal["empty", "boolean", "date", "number", "text", "unsupported"]

# From this many values on, a few that do not fit are mistakes, up to this share of the
# rows. One mistake is always possible.
ENOUGH = 10
MISTAKES = 0.05

# Years of two digits are of the last century from 69 on. Their century is in doubt if
# they reach far into the future, as those of a birth in 1945 do, or span so many years.
FUTURE, SPAN = 2035, 60


# Whole numbers of 12 digits or more as spreadsheets show them, and their share.
SHORTENED, MOSTLY_SHORTENED = r"^\s*[1-9](?:[.,][0-9]{1,5})?E\+1[1-9]\s*$", 0.5

# Different days such as 20240131 that are no numbers by chance.
COMPACT_DAYS = 20

# Days that programs write where there is no date; they repeat, in such a share of rows.
PLACEHOLDERS = (
    *(datetime.date(1899, 12, 30), datetime.date(1899, 12, 31)),
    *(datetime.date(1900, 1, 1), datetime.date(1901, 1, 1), datetime.date(1970, 1, 1)),
    *(
        datetime.date(1753, 1, 1),
        datetime.date(1800, 1, 1),
        datetime.date(2099, 12, 31),
    ),
    *(datetime.date(2100, 1, 1), datetime.date(2199, 12, 31)),
)
CODE_ROWS, CODE_SHARE = 3, 0.002


def date_ambiguities(
    form: dates.DateFormat, example: str, tally: Tally, make_finding: FindingFactory
) -> Iterator[ColumnFinding]:
    """Yield ambiguities of dates: order of day and month, century, time zones."""
    place = next(iter(tally.places.values()))
    if form.ambiguous:
        problem = "may be day/month or month/day: no row of the column decides"
        fix = "Add --dates day-first or --dates month-first."
        yield make_finding(
            "ask", "day or month", problem, fix, example, form.rows, place
        )
    offsets = {key.split("\t")[1].strip() for key in tally.rows} - {""}
    if len({_zone(key) for key in tally.rows} - {""}) > 1:
        shown = ", ".join(sorted(offsets)[:5])
        problem = f"has one of several offsets from UTC ({shown}): all become UTC"
        fix = "If local time matters, export a single time zone."
        first, *others = tally.rows
        other = next(key for key in others if _zone(key) != _zone(first))
        value, place = tally.examples[other], tally.places[other]
        yield make_finding("warn", "time zones", problem, fix, value, None, place)


def doubtful_century(
    column: Column, profile: ColumnProfile, make_finding: FindingFactory
) -> Iterator[ColumnFinding]:
    """Yield a warning if years of two digits may be of another century."""
    if "%y" not in (column.metadata.format or ""):
        return
    found = profile.seen.content
    times = try_convert(found.texts, column)[0]
    years = pc.year(times)
    low, high = pc.min_max(years).values()
    if not low.is_valid or (
        high.as_py() <= FUTURE and high.as_py() - low.as_py() < SPAN
    ):
        return
    # Of a century of years, the latest may be the first.
    late = pc.greater_equal(years, min(high.as_py(), FUTURE + 1))
    late = pc.fill_null(late, False)
    place = pc.index(late, True).as_py()
    value, year = found.texts[place].as_py(), years[place].as_py()
    problem = f"has a year of two digits, read as {year}: it may be {year - 100}"
    fix = "If so, export years with four digits."
    rows = int(found.rows[late.to_numpy(zero_copy_only=False)].sum())
    first = int(found.places[place])
    yield make_finding("warn", "year", problem, fix, value, rows, first)


def number_ambiguities(
    reading: numbers.NumberFormat, profile: ColumnProfile, make_finding: FindingFactory
) -> Iterator[ColumnFinding]:
    """Yield ambiguities of numbers: decimal sign, missing units."""
    tally = profile.numbers
    if reading.ambiguous:
        key = next(key for key in tally.rows if key.endswith("3"))
        place, example = tally.places[key], tally.examples[key]
        problem = "may have a decimal sign or a thousands separator"
        fix = "Add --decimal point or --decimal comma."
        yield make_finding(
            "ask", "decimal", problem, fix, example, tally.rows[key], place
        )
    if reading.bare and numbers.is_multiple(reading.suffix):
        yield from mixed_multiples(profile, profile.present, make_finding)
        return
    lacking = [
        key for key in tally.rows if not numbers.NumberPattern(*key.split("\t")).suffix
    ]
    if reading.bare and reading.suffix and lacking:
        key = lacking[0]
        problem = f"lacks the unit {quoted(reading.suffix)} that other rows have"
        fix = "Check that the unit is meant, and export it as well."
        place, example = tally.places[key], tally.examples[key]
        yield make_finding("warn", "unit", problem, fix, example, reading.bare, place)


class TypeCandidate(NamedTuple):
    """How to read a column; its checks and its use are decided later.

    Attributes:
        kind: What it holds.
        column: Its declaration so far.
        evidence: What the type was inferred from.
        missing: Rows with a text that means "no value".
        found: Findings about its format.
        codes: Rows of each number or date that stands for "no value".
    """

    kind: Kind
    column: Column
    evidence: str
    missing: int = 0
    found: tuple[ColumnFinding, ...] = ()
    codes: Mapping[str, int] = MappingProxyType({})


# How to read a column that has a type in the file.
TYPED = {
    "bool": TypeCandidate(
        "boolean", Column(dtype="boolean", nullable=True), "booleans"
    ),
    "integer": TypeCandidate("number", Column(dtype="Int64", nullable=True), ""),
    "number": TypeCandidate("number", Column(dtype="float64", nullable=True), ""),
    "date": TypeCandidate("date", Column(dtype="datetime64[ns]", nullable=True), ""),
}


def detect_type(
    profile: ColumnProfile, known: TableConventions, make_finding: FindingFactory
) -> TypeCandidate:
    """Detect how to read a column.

    Args:
        profile: Its profile.
        known: Conventions of the table, for what the column leaves open.
        make_finding: Creates findings about the column.
    """
    families = profile.families - {"null"}
    unknown = families - {"bool", "integer", "number", "date", "text"}
    if unknown:
        return _unsupported(sorted(unknown)[0], make_finding)
    spelled, missing = _missing(profile, among_text=False)
    if profile.present == missing:
        column = Column(
            dtype="str", nullable=True, metadata=ColumnMetadata(missing=spelled)
        )
        return TypeCandidate("empty", column, "no row has a value", missing)
    if len(families) == 1 or families == {"integer", "number"}:
        typed = TYPED.get("number" if len(families) > 1 else families.pop())
        if typed:
            return typed._replace(missing=missing)
    notes = ColumnMetadata(missing=spelled)
    for find in (_boolean, _date, _number):
        found = find(profile, notes, profile.present - missing, known, make_finding)
        if found:
            return found._replace(missing=missing)
    return as_text(profile, make_finding)


def as_text(profile: ColumnProfile, make_finding: FindingFactory) -> TypeCandidate:
    """Return how to read a column as text."""
    spelled, missing = _missing(profile, among_text=True)
    column = Column(
        dtype="str", nullable=True, metadata=ColumnMetadata(missing=spelled)
    )
    present = profile.present - missing
    if not present:
        return TypeCandidate("empty", column, "no row has a value", missing)
    reading = numbers.choose_number_format(profile.numbers, None)
    if reading and numbers.are_codes(reading) and _mostly(reading.rows, present):
        example = next(v for k, v in profile.numbers.examples.items() if "code" in k)
        evidence = f"codes with leading zeros or a plus, such as {quoted(example)}"
        return TypeCandidate("text", column, evidence, missing)
    found = tuple(mixed_formats(profile, present, make_finding))
    return TypeCandidate(
        "text",
        column,
        describe_times_of_day(profile.seen.content.texts),
        missing,
        found,
    )


def _zone(key: str) -> str:
    """Return the offset from UTC of a date's shape, Z for all that are zero."""
    offset = key.split("\t")[1].strip()
    return "Z" if offset and offset.strip("+0:") in ("", "Z", "UTC", "GMT") else offset


def _missing(
    profile: ColumnProfile, *, among_text: bool
) -> tuple[tuple[str, ...], int]:
    """Return the spellings of "no value" to be declared, and the rows that have one."""
    blank = missing_spellings(profile.blanks.rows, among_text=among_text)
    rows = sum(profile.blanks.rows[text] for text in blank)
    return undeclared_spellings(blank, among_text=among_text), rows


def _unsupported(kind: str, make_finding: FindingFactory) -> TypeCandidate:
    problem = f"has the type {kind}, which the contract does not support"
    fix = "Remove the column from the export, or convert it to text or numbers."
    column = Column(dtype="str", nullable=True)
    return TypeCandidate(
        "unsupported", column, kind, 0, (make_finding("reject", "type", problem, fix),)
    )


def _boolean(
    profile: ColumnProfile,
    notes: ColumnMetadata,
    present: int,
    known: TableConventions,
    make_finding: FindingFactory,
) -> TypeCandidate | None:
    if not profile.seen.complete:
        return None
    blank = missing_spellings(profile.blanks.rows, among_text=False)
    texts = (text.as_py() for text in profile.seen.content.texts)
    found = boolean_spellings(text for text in texts if text not in blank)
    if found is None:
        return None
    if not are_default_booleans(*found):
        notes = notes.model_copy(update={"true": found[0], "false": found[1]})
    column = Column(dtype="boolean", nullable=True, metadata=notes)
    spelled = " and ".join("/".join(map(quoted, side)) for side in found)
    mixed = tuple(mixed_booleans(*found, profile, make_finding))
    return TypeCandidate("boolean", column, spelled, 0, mixed)


def mixed_booleans(
    true: Sequence[str],
    false: Sequence[str],
    profile: ColumnProfile,
    make_finding: FindingFactory,
) -> Iterator[ColumnFinding]:
    """Yield a warning if true and false are not spelled by one pair of words."""
    if len({t.lower() for t in true}) == len({f.lower() for f in false}) == 1:
        return
    texts, rows, places = profile.seen.content
    counts = dict(zip((t.strip() for t in texts.to_pylist()), rows, strict=True))
    word, same, opposite = "true", true, false
    if len({text.lower() for text in true}) == 1:
        word, same, opposite = "false", false, true
    usual = max(same, key=lambda text: counts.get(text, 0))
    others = [text for text in same if text.lower() != usual.lower()]
    odd = pc.is_in(pc.utf8_trim_whitespace(texts), pa.array(others))
    first = pc.index(odd, True).as_py()
    value, place = texts[first].as_py().strip(), int(places[first])
    alike = " and ".join(quoted(text) for text in same if text != value)
    problem = f"is read as {word}, as {alike} are; the opposite is"
    problem += f" {' or '.join(map(quoted, opposite))}"
    fix = (
        "Use one spelling in the export; or add --text with this column if they differ"
        " in meaning."
    )
    count = int(rows[odd.to_numpy(zero_copy_only=False)].sum())
    yield make_finding("warn", "truths", problem, fix, value, count, place)


def _date(
    profile: ColumnProfile,
    notes: ColumnMetadata,
    present: int,
    known: TableConventions,
    make_finding: FindingFactory,
) -> TypeCandidate | None:
    tally = profile.dates
    if not is_date_name(profile.name) and not _all_compact(profile):
        tally = tally.without(COMPACT_PATTERN)
    if not is_period_name(profile.name):
        tally = tally.without(COMPACT_MONTH_PATTERN)
    form = dates.choose_date_format(tally, known.day_first)
    if form is None:
        return None
    notes = notes.model_copy(update={"format": form.format})
    column = Column(dtype="datetime64[ns]", nullable=True, metadata=notes)
    if not _mostly(form.rows, present):
        return None
    example = next(iter(tally.examples.values()))
    evidence = f"dates such as {quoted(example)}"
    if form.format:
        evidence += f", read as {form.format}"
    open_order = dates.choose_date_format(tally, None)
    if open_order and open_order.ambiguous and not form.ambiguous:
        evidence += f" because of {known.day_first_from}"
    found = [
        *date_ambiguities(form, example, tally, make_finding),
        *doubtful_century(column, profile, make_finding),
        *_placeholders(column, profile, make_finding),
    ]
    return TypeCandidate("date", column, evidence, 0, tuple(found))


def _all_compact(profile: ColumnProfile) -> bool:
    """Return whether all values are days such as 20240131, too many for chance.

    Of whole numbers that begin like years, one in 27 is a day of the calendar.
    """
    if profile.dates.rows.get(COMPACT_PATTERN) != profile.present:
        return False
    column = Column(
        dtype="datetime64[ns]", metadata=ColumnMetadata(format="%Y%m%d"), nullable=True
    )
    texts = profile.seen.content.texts
    return (
        len(texts) >= COMPACT_DAYS and not pc.any(try_convert(texts, column)[1]).as_py()
    )


def _placeholders(
    column: Column, profile: ColumnProfile, make_finding: FindingFactory
) -> Iterator[ColumnFinding]:
    """Yield days such as 1900-01-01 that repeat, far from all others."""
    found = profile.seen.content
    days = pc.cast(try_convert(found.texts, column)[0], pa.date32()).to_pylist()
    least = max(CODE_ROWS, CODE_SHARE * profile.rows)
    for code in PLACEHOLDERS:
        others = [day for day in days if day is not None and day != code]
        places = [place for place, day in enumerate(days) if day == code]
        rows = int(sum(found.rows[place] for place in places))
        if rows < least or len({*others}) < 2:
            continue
        low, high = min(others), max(others)
        if max(low - code, code - high) <= high - low:
            continue
        problem = (
            f"is far from all other dates ({low} to {high}) and repeats, so it may"
        )
        problem += " stand for a missing one"
        fix = "If so, add --missing with this text."
        value, place = found.texts[places[0]].as_py(), int(found.places[places[0]])
        yield make_finding("warn", "code", problem, fix, value, rows, place)


def _number(
    profile: ColumnProfile,
    notes: ColumnMetadata,
    present: int,
    known: TableConventions,
    make_finding: FindingFactory,
) -> TypeCandidate | None:
    reading = numbers.choose_number_format(profile.numbers, known.decimal)
    if reading is None or numbers.are_codes(reading):
        return None
    column = numbers.number_column(reading, notes)
    if not _mostly(reading.rows, present):
        return None
    evidence, found = _describe_format(reading, profile, known, make_finding)
    return TypeCandidate("number", column, evidence, 0, found)


def _shortened(
    profile: ColumnProfile, make_finding: FindingFactory
) -> Iterator[ColumnFinding]:
    """Yield a warning about long codes that a spreadsheet shows as 4.00023E+15.

    They are of about the same length, unlike measurements.
    """
    texts, rows, places = profile.seen.content
    if not (text_bytes(texts) == ord("E")).any():
        return
    short = pc.match_substring_regex(texts, SHORTENED)
    count = int(rows[short.to_numpy(zero_copy_only=False)].sum())
    if count < MOSTLY_SHORTENED * profile.present:
        return
    powers = pc.utf8_slice_codeunits(pc.utf8_rtrim_whitespace(texts.filter(short)), -2)
    low, high = pc.min_max(powers.cast(pa.int64())).values()
    if high.as_py() - low.as_py() > 1:
        return
    first = pc.index(short, True).as_py()
    problem = "may be a long code that a spreadsheet shortened: its end is lost"
    fix = "If so, format the column as text or as whole numbers, and export it again."
    value, place = texts[first].as_py(), int(places[first])
    yield make_finding("warn", "rounding", problem, fix, value, count, place)


def _describe_format(
    reading: numbers.NumberFormat,
    profile: ColumnProfile,
    known: TableConventions,
    make_finding: FindingFactory,
) -> tuple[str, tuple[ColumnFinding, ...]]:
    """Return what is special about the format of numbers, and its ambiguities."""
    parts = []
    if reading.decimal == ",":
        parts.append("decimal comma")
    if reading.thousands:
        parts.append(f"thousands separated by {quoted(reading.thousands)}")
    if around := [quoted(sign) for sign in (reading.prefix, reading.suffix) if sign]:
        parts.append(f"with {' and '.join(around)}")
    by_itself = numbers.choose_number_format(profile.numbers, None)
    if by_itself and by_itself[:2] != reading[:2]:
        parts.append(f"as in {known.decimal_from}")
    found = list(number_ambiguities(reading, profile, make_finding))
    found += _shortened(profile, make_finding)
    is_money = not numbers.CURRENCIES.isdisjoint((reading.prefix, reading.suffix))
    if is_money and by_itself and by_itself.thousands and not reading.thousands:
        found += _three_decimals(reading, profile, known, make_finding)
    return ", ".join(parts), tuple(found)


def _three_decimals(
    reading: numbers.NumberFormat,
    profile: ColumnProfile,
    known: TableConventions,
    make_finding: FindingFactory,
) -> Iterator[ColumnFinding]:
    """Yield a warning about groups of three digits that other columns make decimals."""
    if known.decimal_from == "--decimal":
        return
    tally = profile.numbers
    key = next((key for key in tally.rows if key.endswith("3")), None)
    if key is not None:
        sign = quoted(reading.decimal)
        problem = f"is read with {sign} as decimal sign, as in {known.decimal_from},"
        problem += " but it may separate thousands"
        fix = "If it does, export these numbers without it."
        value, place = tally.examples[key], tally.places[key]
        yield make_finding("warn", "decimal", problem, fix, value, reading.rows, place)


def _mostly(fitting: int, present: int) -> bool:
    """Return whether the values that do not fit are so rare that they are mistakes."""
    unfit = present - fitting
    return unfit <= 0 or (present >= ENOUGH and unfit <= max(1, MISTAKES * present))
