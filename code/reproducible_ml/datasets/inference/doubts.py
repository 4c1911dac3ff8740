"""What is doubtful about the dates and numbers of a column, or mixed in it."""

from collections.abc import Iterator

import pyarrow.compute as pc

from reproducible_ml.datasets.findings import quoted
from reproducible_ml.datasets.inference import date_shapes, dates, numbers
from reproducible_ml.datasets.inference.inferred import Found, Teller
from reproducible_ml.datasets.inference.profile import Profile
from reproducible_ml.datasets.inference.tally import Tally
from reproducible_ml.datasets.reading.values import misfits

# Share of rows from which two ways to write a column are told as one mixture.
MIXTURE = 0.95

# Share of numbers from which the other texts of a column are suspect, and how many
# different ones there must be: a few are categories.
MOSTLY, MANY = 0.8, 8

# Numbers below zero as accountants and some systems write them: ($446.08), 446.08-.
NEGATIVE = r"^\s*(\([^()\d]{0,4}\d[\d.,' ]*[^()\d]{0,4}\)|\d[\d.,' ]*-)\s*$"


def date_doubts(
    form: dates.Form, example: str, tally: Tally, tell: Teller
) -> Iterator[Found]:
    """Yield what may be wrong about dates that can be read."""
    place = next(iter(tally.places.values()))
    if form.ambiguous:
        problem = "may be day/month or month/day: no row of the column decides"
        fix = "Say DATES=day-first or DATES=month-first."
        yield tell("ask", "day or month", problem, fix, example, form.rows, place)
    elif form.format and "%y" in form.format:
        problem = "has a year of two digits: 69 to 99 are read as 1969 to 1999"
        fix = "Export years with four digits if this is wrong."
        yield tell("warn", "year", problem, fix, example, form.rows, place)
    offsets = {key.split("\t")[1].strip() for key in tally.rows} - {""}
    if len({_zone(key) for key in tally.rows} - {""}) > 1:
        shown = ", ".join(sorted(offsets)[:5])
        problem = f"has one of several offsets from UTC ({shown}): all become UTC"
        fix = "Export one time zone if local time matters."
        first, *others = tally.rows
        other = next(key for key in others if _zone(key) != _zone(first))
        value, place = tally.examples[other], tally.places[other]
        yield tell("warn", "time zones", problem, fix, value, None, place)


def _zone(key: str) -> str:
    """Return the offset from UTC of a date's shape, Z for all that are zero."""
    offset = key.split("\t")[1].strip()
    return "Z" if offset and offset.strip("+0:") in ("", "Z") else offset


def number_doubts(
    reading: numbers.Reading, profile: Profile, tell: Teller
) -> Iterator[Found]:
    """Yield what may be wrong about numbers that can be read."""
    tally = profile.numbers
    if reading.ambiguous:
        key = next(key for key in tally.rows if key.endswith("3"))
        place, example = tally.places[key], tally.examples[key]
        problem = "may have a decimal sign or a thousands separator"
        fix = "Say DECIMAL=point or DECIMAL=comma."
        yield tell("ask", "decimal", problem, fix, example, tally.rows[key], place)
    if reading.bare and reading.suffix:
        key = next(key for key in tally.rows if key.startswith("\t\t"))
        problem = f"lacks the unit {quoted(reading.suffix)} that other rows have"
        fix = "Check that it is meant, and export it as well."
        place, example = tally.places[key], tally.examples[key]
        yield tell("warn", "unit", problem, fix, example, reading.bare, place)


def mixtures(profile: Profile, present: int, tell: Teller) -> Iterator[Found]:
    """Yield what keeps a column from being one of numbers or of dates."""
    tally = without(profile.dates, date_shapes.COMPACT_SHAPE)
    form = dates.choose(tally, None)
    if form and sum(tally.rows.values()) >= MIXTURE * present:
        yield _mixed_dates(tally, form, tell)
        return
    found: list[Found] = []
    if sum(profile.numbers.rows.values()) >= MIXTURE * present:
        found = list(_mixed_numbers(profile, present, tell))
    found = found or list(_negative(profile, tell))
    yield from found or _texts_among_numbers(profile, present, tell)


def _negative(profile: Profile, tell: Teller) -> Iterator[Found]:
    """Yield that numbers below zero are written as accountants do."""
    reading = numbers.choose(profile.numbers, None)
    if reading is None:
        return
    texts, rows, places = profile.seen.content
    odd = pc.match_substring_regex(texts, NEGATIVE)
    plain = pc.invert(misfits(texts, numbers.column(reading)))
    both = pc.sum(pc.or_(odd, plain)).as_py()
    if pc.any(odd).as_py() and both >= MIXTURE * len(texts):
        first = pc.index(odd, True).as_py()
        problem = "is a number below zero, written without a minus before it"
        fix = "Export it with one, as -446.08; or say TEXT=... if these are texts."
        count = int(rows[odd.to_numpy(zero_copy_only=False)].sum())
        value, place = texts[first].as_py(), int(places[first])
        yield tell("reject", "negative", problem, fix, value, count, place)


def _mixed_dates(tally: Tally, form: dates.Form, tell: Teller) -> Found:
    fitting = [key for key in tally.rows if dates.fits(key, form.format)]
    others = [key for key in tally.rows if key not in fitting] or fitting[:1]
    open_forms = dates.formats(others[0]) - {form.format}
    either = [key for key in fitting if dates.formats(key) & open_forms]
    first = next((key for key in fitting if key not in either), fitting[0])
    problem = f"is a date in another form than {quoted(tally.examples[first])}"
    fix = "Export all dates in one form, best 2026-01-31"
    if either:
        # To correct the rows that are told would leave these as they are.
        rows, example = (
            sum(tally.rows[key] for key in either),
            tally.examples[either[0]],
        )
        fix += f"; of the others, {rows} may be in either form, as {quoted(example)}"
    rows = sum(tally.rows[key] for key in others)
    value, place = tally.examples[others[0]], tally.places[others[0]]
    return tell("reject", "mixed dates", problem, f"{fix}.", value, rows, place)


def _mixed_numbers(profile: Profile, present: int, tell: Teller) -> Iterator[Found]:
    tally = profile.numbers
    found = list(numbers.units(tally))
    if len(found) > 1 and sum(rows for _, rows, _ in found) >= MIXTURE * present:
        shown = ", ".join(f"{quoted(unit)} {rows} times" for unit, rows, _ in found)
        problem = f"has one of several units: {shown}"
        fix = "Convert all numbers to one unit, and name it in the column's name."
        _, rows, key = found[1]
        value, place = tally.examples[key], tally.places[key]
        yield tell("reject", "units", problem, fix, value, rows, place)
        return
    styles = {key.split("\t")[2]: key for key in tally.rows}
    point, comma = styles.get("point"), styles.get("comma")
    if point and comma:
        other = quoted(tally.examples[comma])
        problem = f"has a decimal point, and {other} a decimal comma"
        fix = "Export all numbers with the same decimal sign."
        rows, place = tally.rows[point], tally.places[point]
        example = tally.examples[point]
        yield tell("reject", "decimal", problem, fix, example, rows, place)


def _texts_among_numbers(
    profile: Profile, present: int, tell: Teller
) -> Iterator[Found]:
    """Yield a warning if too much is no number for a column of numbers."""
    reading = numbers.choose(profile.numbers, None)
    if reading is None or not MOSTLY * present <= reading.rows < present:
        return
    texts, _, places = profile.seen.content
    wrong = misfits(texts, numbers.column(reading))
    if len(texts) - pc.sum(wrong).as_py() >= MANY:
        first = pc.index(wrong, True).as_py()
        problem = f"is no number, as {reading.rows} of {present} rows are"
        fix = "The column is read as text: fix the export if it holds numbers."
        odd = present - reading.rows
        value, place = texts[first].as_py(), int(places[first])
        yield tell("warn", "number", problem, fix, value, odd, place)


def without(tally: Tally, key: str) -> Tally:
    """Return a tally without one spelling."""
    rest = Tally()
    for name in ("rows", "examples", "places"):
        kept = {k: v for k, v in getattr(tally, name).items() if k != key}
        setattr(rest, name, kept)
    return rest
