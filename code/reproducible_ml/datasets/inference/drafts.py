"""How to read a column: as dates, numbers, truths or texts, and what speaks for it."""

from typing import Literal, NamedTuple

import pyarrow.compute as pc

from reproducible_ml.datasets.findings import quoted
from reproducible_ml.datasets.inference import dates, naming, numbers
from reproducible_ml.datasets.inference.date_shapes import COMPACT_SHAPE
from reproducible_ml.datasets.inference.doubts import (
    MIXTURE,
    date_doubts,
    mixtures,
    number_doubts,
    without,
)
from reproducible_ml.datasets.inference.habits import Habits
from reproducible_ml.datasets.inference.inferred import Found, Teller
from reproducible_ml.datasets.inference.profile import Profile
from reproducible_ml.datasets.inference.spellings import (
    are_plain,
    blank_texts,
    boolean_spellings,
    for_notes,
)
from reproducible_ml.datasets.inference.times import about_times
from reproducible_ml.datasets.reading.values import misfits
from reproducible_ml.datasets.schema import Column, Notes

Kind = Literal["empty", "boolean", "date", "number", "text", "unsupported"]

# From this many values on, a few that do not fit are mistakes: up to this share of the
# rows, and of the different values where these are many. One mistake may always be.
ENOUGH = 10
MISTAKES = 0.05
MANY = 8

# Where values are few, "5+" beside 1 to 5 is a value as well, unless it is this rare.
RARE = 0.01


class Draft(NamedTuple):
    """How to read a column; its checks and its use are decided later."""

    kind: Kind
    column: Column
    evidence: str
    missing: int = 0
    found: tuple[Found, ...] = ()


def draft(profile: Profile, known: Habits, tell: Teller) -> Draft:
    """Return how to read a column."""
    families = profile.families - {"null"}
    unknown = families - {"bool", "integer", "number", "date", "text"}
    if unknown:
        return _unsupported(sorted(unknown)[0], tell)
    spelled, missing = _missing(profile, among_text=False)
    if profile.present == missing:
        column = Column(dtype="str", nullable=True, metadata=Notes(missing=spelled))
        return Draft("empty", column, "no row has a value", missing)
    if len(families) == 1 or families == {"integer", "number"}:
        typed = _typed("number" if len(families) > 1 else families.pop())
        if typed:
            return typed._replace(missing=missing)
    notes = Notes(missing=spelled)
    for find in (_boolean, _date, _number):
        found = find(profile, notes, profile.present - missing, known, tell)
        if found:
            return found._replace(missing=missing)
    return as_text(profile, tell)


def as_text(profile: Profile, tell: Teller) -> Draft:
    """Return how to read a column as text."""
    spelled, missing = _missing(profile, among_text=True)
    column = Column(dtype="str", nullable=True, metadata=Notes(missing=spelled))
    present = profile.present - missing
    reading = numbers.choose(profile.numbers, None)
    if reading and numbers.are_codes(reading) and reading.rows >= MIXTURE * present:
        example = next(v for k, v in profile.numbers.examples.items() if "code" in k)
        evidence = f"codes with leading zeros or a plus, as {quoted(example)}"
        return Draft("text", column, evidence, missing)
    found = tuple(mixtures(profile, present, tell))
    return Draft(
        "text", column, about_times(profile.seen.content.texts), missing, found
    )


def _missing(profile: Profile, *, among_text: bool) -> tuple[tuple[str, ...], int]:
    """Return the spellings of "no value" to be declared, and the rows that have one."""
    blank = blank_texts(profile.blanks.rows, among_text=among_text)
    rows = sum(profile.blanks.rows[text] for text in blank)
    return for_notes(blank, among_text=among_text), rows


def _unsupported(kind: str, tell: Teller) -> Draft:
    problem = f"holds {kind} values, which no column of the contract can hold"
    fix = "Leave the column out of the export, or make it text or numbers."
    column = Column(dtype="str", nullable=True)
    return Draft(
        "unsupported", column, kind, 0, (tell("reject", "type", problem, fix),)
    )


def _typed(family: str) -> Draft | None:
    """Return how to read a column that has a type in the file."""
    drafts = {
        "bool": Draft("boolean", Column(dtype="boolean", nullable=True), "booleans"),
        "integer": Draft("number", Column(dtype="Int64", nullable=True), ""),
        "number": Draft("number", Column(dtype="float64", nullable=True), ""),
        "date": Draft("date", Column(dtype="datetime64[ns]", nullable=True), ""),
    }
    return drafts.get(family)


def _boolean(
    profile: Profile, notes: Notes, present: int, known: Habits, tell: Teller
) -> Draft | None:
    if not profile.seen.complete:
        return None
    blank = blank_texts(profile.blanks.rows, among_text=False)
    found = boolean_spellings(t for t in profile.seen.counts() if t not in blank)
    if found is None:
        return None
    if not are_plain(*found):
        notes = notes.model_copy(update={"true": found[0], "false": found[1]})
    column = Column(dtype="boolean", nullable=True, metadata=notes)
    spelled = " and ".join("/".join(map(quoted, side)) for side in found)
    return Draft("boolean", column, spelled)


def _date(
    profile: Profile, notes: Notes, present: int, known: Habits, tell: Teller
) -> Draft | None:
    tally = profile.dates
    if not naming.is_date(profile.name):
        tally = without(tally, COMPACT_SHAPE)
    form = dates.choose(tally, known.day_first)
    if form is None:
        return None
    notes = notes.model_copy(update={"format": form.format})
    column = Column(dtype="datetime64[ns]", nullable=True, metadata=notes)
    if not _mostly(profile, form.rows, present, column):
        return None
    example = next(iter(tally.examples.values()))
    evidence = f"dates as {quoted(example)}"
    if form.format:
        evidence += f", read as {form.format}"
    open_order = dates.choose(tally, None)
    if open_order and open_order.ambiguous and not form.ambiguous:
        evidence += f" because of {known.day_first_from}"
    found = tuple(date_doubts(form, example, tally, tell))
    return Draft("date", column, evidence, 0, found)


def _number(
    profile: Profile, notes: Notes, present: int, known: Habits, tell: Teller
) -> Draft | None:
    reading = numbers.choose(profile.numbers, known.decimal)
    if reading is None or numbers.are_codes(reading):
        return None
    column = numbers.column(reading, notes)
    if not _mostly(profile, reading.rows, present, column):
        return None
    evidence, found = _spelled(reading, profile, known, tell)
    return Draft("number", column, evidence, 0, found)


def _spelled(
    reading: numbers.Reading, profile: Profile, known: Habits, tell: Teller
) -> tuple[str, tuple[Found, ...]]:
    """Return what is special about the spelling of numbers, and doubts about it."""
    said = []
    if reading.decimal == ",":
        said.append("decimal comma")
    if reading.thousands:
        said.append(f"thousands separated by {quoted(reading.thousands)}")
    if reading.prefix or reading.suffix:
        said.append(f"with {quoted(reading.prefix or reading.suffix)}")
    by_itself = numbers.choose(profile.numbers, None)
    if by_itself and by_itself[:2] != reading[:2]:
        said.append(f"as in {known.decimal_from}")
    return ", ".join(said), tuple(number_doubts(reading, profile, tell))


def _mostly(profile: Profile, fitting: int, present: int, column: Column) -> bool:
    """Say whether what does not fit is a mistake: rare, and not a value by itself."""
    odd = present - fitting
    if odd <= 0:
        return True
    if present < ENOUGH or odd > max(1, MISTAKES * present):
        return False
    texts = profile.seen.content.texts
    wrong = pc.sum(misfits(texts, column)).as_py()
    if len(texts) - wrong < MANY:
        return bool(odd <= max(1, RARE * present))
    return bool(wrong <= max(1, MISTAKES * len(texts)))
