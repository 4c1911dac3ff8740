"""Detect the type of a column: dates, numbers, booleans or text."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

import pyarrow.compute as pc

from reproducible_ml.contract.findings import quoted
from reproducible_ml.contract.schema import Column, ColumnMetadata
from reproducible_ml.profiling import dates, numbers
from reproducible_ml.profiling.conventions import TableConventions, is_date_name
from reproducible_ml.profiling.dates import COMPACT_PATTERN, describe_times_of_day
from reproducible_ml.profiling.distinct import Tally
from reproducible_ml.profiling.inferred import ColumnFinding, FindingFactory
from reproducible_ml.profiling.profile import ColumnProfile
from reproducible_ml.quality.spellings import (
    are_default_booleans,
    boolean_spellings,
    missing_spellings,
    undeclared_spellings,
)
from reproducible_ml.reading.values import unconvertible

# Share of rows that must be numbers, or dates, for two formats to count as a mixture.
MIXTURE = 0.95

# Share of rows that are numbers from which other texts are reported, and how many
# different numbers there must be: a few are categories.
MOSTLY, MANY_MIXED = 0.8, 8

# Negative numbers as accountants and some systems write them: ($446.08), 446.08-.
NEGATIVE = r"^\s*(\([^()\d]{0,4}\d[\d.,' ]*[^()\d]{0,4}\)|\d[\d.,' ]*-)\s*$"

Kind = Literal["empty", "boolean", "date", "number", "text", "unsupported"]

# From this many values on, a few that do not fit are mistakes: up to this share of the
# rows, and of the different values if there are MANY. One mistake is always possible.
ENOUGH = 10
MISTAKES = 0.05
MANY = 8

# Among few different values, "5+" beside 1 to 5 is a value as well, unless it is rarer.
RARE = 0.01


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
    elif form.format and "%y" in form.format:
        problem = "has a year of two digits: 69 to 99 are read as 1969 to 1999"
        fix = "If that is wrong, export years with four digits."
        yield make_finding("warn", "year", problem, fix, example, form.rows, place)
    offsets = {key.split("\t")[1].strip() for key in tally.rows} - {""}
    if len({_zone(key) for key in tally.rows} - {""}) > 1:
        shown = ", ".join(sorted(offsets)[:5])
        problem = f"has one of several offsets from UTC ({shown}): all become UTC"
        fix = "If local time matters, export a single time zone."
        first, *others = tally.rows
        other = next(key for key in others if _zone(key) != _zone(first))
        value, place = tally.examples[other], tally.places[other]
        yield make_finding("warn", "time zones", problem, fix, value, None, place)


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
    if reading.bare and reading.suffix:
        key = next(key for key in tally.rows if key.startswith("\t\t"))
        problem = f"lacks the unit {quoted(reading.suffix)} that other rows have"
        fix = "Check that the unit is meant, and export it as well."
        place, example = tally.places[key], tally.examples[key]
        yield make_finding("warn", "unit", problem, fix, example, reading.bare, place)


def mixed_formats(
    profile: ColumnProfile, present: int, make_finding: FindingFactory
) -> Iterator[ColumnFinding]:
    """Yield why a column of text is not one of numbers or dates, if it nearly is."""
    tally = without(profile.dates, dates.COMPACT_PATTERN)
    form = dates.choose_date_format(tally, None)
    if form and sum(tally.rows.values()) >= MIXTURE * present:
        yield _mixed_dates(tally, form, make_finding)
        return
    found: list[ColumnFinding] = []
    if sum(profile.numbers.rows.values()) >= MIXTURE * present:
        found = list(_mixed_numbers(profile, present, make_finding))
    found = found or list(_negative(profile, make_finding))
    yield from found or _texts_among_numbers(profile, present, make_finding)


def without(tally: Tally, key: str) -> Tally:
    """Return a tally without one pattern."""
    rest = Tally()
    for name in ("rows", "examples", "places"):
        kept = {k: v for k, v in getattr(tally, name).items() if k != key}
        setattr(rest, name, kept)
    return rest


class TypeCandidate(NamedTuple):
    """How to read a column; its checks and its use are decided later.

    Attributes:
        kind: What it holds.
        column: Its declaration so far.
        evidence: What the type was inferred from.
        missing: Rows with a text that means "no value".
        found: Findings about its format.
    """

    kind: Kind
    column: Column
    evidence: str
    missing: int = 0
    found: tuple[ColumnFinding, ...] = ()


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
        typed = _typed("number" if len(families) > 1 else families.pop())
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
    reading = numbers.choose_number_format(profile.numbers, None)
    if reading and numbers.are_codes(reading) and reading.rows >= MIXTURE * present:
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
    return "Z" if offset and offset.strip("+0:") in ("", "Z") else offset


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
        fix = "Export it as -446.08; or add --text with this column if it holds text."
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


def _mixed_numbers(
    profile: ColumnProfile, present: int, make_finding: FindingFactory
) -> Iterator[ColumnFinding]:
    tally = profile.numbers
    found = list(numbers.count_units(tally))
    if len(found) > 1 and sum(rows for _, rows, _ in found) >= MIXTURE * present:
        shown = ", ".join(f"{quoted(unit)} {rows} times" for unit, rows, _ in found)
        problem = f"has one of several units: {shown}"
        fix = "Convert all numbers to one unit, and add it to the column's name."
        _, rows, key = found[1]
        value, place = tally.examples[key], tally.places[key]
        yield make_finding("reject", "units", problem, fix, value, rows, place)
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


def _texts_among_numbers(
    profile: ColumnProfile, present: int, make_finding: FindingFactory
) -> Iterator[ColumnFinding]:
    """Yield a warning if most rows are numbers, but too few for a column of numbers."""
    reading = numbers.choose_number_format(profile.numbers, None)
    if reading is None or not MOSTLY * present <= reading.rows < present:
        return
    texts, _, places = profile.seen.content
    wrong = unconvertible(texts, numbers.number_column(reading))
    if len(texts) - pc.sum(wrong).as_py() >= MANY_MIXED:
        first = pc.index(wrong, True).as_py()
        problem = f"is not a number, but {reading.rows} of {present} rows are"
        fix = "The column is read as text: if it holds numbers, correct the export."
        unfit = present - reading.rows
        value, place = texts[first].as_py(), int(places[first])
        yield make_finding("warn", "number", problem, fix, value, unfit, place)


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


def _typed(family: str) -> TypeCandidate | None:
    """Return how to read a column that has a type in the file."""
    candidates = {
        "bool": TypeCandidate(
            "boolean", Column(dtype="boolean", nullable=True), "booleans"
        ),
        "integer": TypeCandidate("number", Column(dtype="Int64", nullable=True), ""),
        "number": TypeCandidate("number", Column(dtype="float64", nullable=True), ""),
        "date": TypeCandidate(
            "date", Column(dtype="datetime64[ns]", nullable=True), ""
        ),
    }
    return candidates.get(family)


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
    found = boolean_spellings(t for t in profile.seen.counts() if t not in blank)
    if found is None:
        return None
    if not are_default_booleans(*found):
        notes = notes.model_copy(update={"true": found[0], "false": found[1]})
    column = Column(dtype="boolean", nullable=True, metadata=notes)
    spelled = " and ".join("/".join(map(quoted, side)) for side in found)
    return TypeCandidate("boolean", column, spelled)


def _date(
    profile: ColumnProfile,
    notes: ColumnMetadata,
    present: int,
    known: TableConventions,
    make_finding: FindingFactory,
) -> TypeCandidate | None:
    tally = profile.dates
    if not is_date_name(profile.name):
        tally = without(tally, COMPACT_PATTERN)
    form = dates.choose_date_format(tally, known.day_first)
    if form is None:
        return None
    notes = notes.model_copy(update={"format": form.format})
    column = Column(dtype="datetime64[ns]", nullable=True, metadata=notes)
    if not _mostly(profile, form.rows, present, column):
        return None
    example = next(iter(tally.examples.values()))
    evidence = f"dates such as {quoted(example)}"
    if form.format:
        evidence += f", read as {form.format}"
    open_order = dates.choose_date_format(tally, None)
    if open_order and open_order.ambiguous and not form.ambiguous:
        evidence += f" because of {known.day_first_from}"
    found = tuple(date_ambiguities(form, example, tally, make_finding))
    return TypeCandidate("date", column, evidence, 0, found)


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
    if not _mostly(profile, reading.rows, present, column):
        return None
    evidence, found = _describe_format(reading, profile, known, make_finding)
    return TypeCandidate("number", column, evidence, 0, found)


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
    if reading.prefix or reading.suffix:
        parts.append(f"with {quoted(reading.prefix or reading.suffix)}")
    by_itself = numbers.choose_number_format(profile.numbers, None)
    if by_itself and by_itself[:2] != reading[:2]:
        parts.append(f"as in {known.decimal_from}")
    return ", ".join(parts), tuple(number_ambiguities(reading, profile, make_finding))


def _mostly(profile: ColumnProfile, fitting: int, present: int, column: Column) -> bool:
    """Return whether values that do not fit are mistakes: rare, and not categories."""
    unfit = present - fitting
    if unfit <= 0:
        return True
    if present < ENOUGH or unfit > max(1, MISTAKES * present):
        return False
    texts = profile.seen.content.texts
    wrong = pc.sum(unconvertible(texts, column)).as_py()
    if len(texts) - wrong < MANY:
        return bool(unfit <= max(1, RARE * present))
    return bool(wrong <= max(1, MISTAKES * len(texts)))
