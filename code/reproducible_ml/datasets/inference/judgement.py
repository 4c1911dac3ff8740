"""Judge the values of a column of numbers or dates: what is neither, what is code."""

import re
from collections.abc import Iterator

import pyarrow.compute as pc

from reproducible_ml.datasets.diagnosis.diagnose import COMMON, MORE
from reproducible_ml.datasets.inference import dates
from reproducible_ml.datasets.inference.distinct import Seen
from reproducible_ml.datasets.inference.drafts import MISTAKES, Draft
from reproducible_ml.datasets.inference.inferred import FIX, Found, Teller
from reproducible_ml.datasets.inference.measure import Measure, is_code
from reproducible_ml.datasets.inference.profile import Profile
from reproducible_ml.datasets.schema import Notes

# Dates that databases write where they have none.
NO_DATE = re.compile(
    r"9999-12-31.*|31\D12\D9999.*|12\D31\D9999.*|0000-00-00.*|00\D00\D0000.*"
    r"|0001-01-01.*|99991231|00000000"
)

# Whole numbers of so many digits do not fit into a float, which holds about 16.
DIGITS = r"^[-+]?[1-9][0-9]{16,}(\.[0-9]*)?$"


def too_long(found: Measure) -> bool:
    """Say whether whole numbers do not fit into 64 bits, and not by a mistake."""
    if found.column.dtype != "Int64":
        return False
    if found.wrong <= max(1, MISTAKES * (found.rows + found.wrong)):
        return False
    return any(map(_is_long, found.misfits.content.texts.to_pylist()))


def _is_long(text: str) -> bool:
    """Say whether this is a whole number that 64 bits do not hold."""
    digits = re.sub("[^0-9]", "", text)
    return len(digits) >= 19 and not re.search("[A-Za-z]", text)


def judged(
    draft: Draft, found: Measure, profile: Profile, *, is_target: bool, tell: Teller
) -> tuple[Draft, list[Found]]:
    """Return the draft that knows what means "no value", and what is wrong.

    A target keeps its codes, of which `suspicion` tells: it is for people to say.
    """
    told: list[Found] = []
    missing = dict[str, int]()
    for code in [] if is_target else sorted(found.codes):
        if is_code(code, found, profile.rows):
            told.append(_code(code, found, tell))
            missing |= found.spelled[code]
            del found.codes[code]
    texts, rows, places = _listed(found.misfits)
    for text, count, place in zip(texts, rows, places, strict=True):
        if draft.kind == "date" and NO_DATE.fullmatch(text.strip()):
            missing[text.strip()] = missing.get(text.strip(), 0) + count
            told.append(_no_date(text, count, place, tell))
        else:
            told.append(_misfit(draft, text, count, place, tell))
    told += _more_misfits(found, tell)
    told += _infinite(found, tell)
    told += _rounded(draft, profile, tell)
    spelled = tuple(sorted({*draft.column.metadata.missing, *missing}))
    notes: Notes = draft.column.metadata.model_copy(update={"missing": spelled})
    column = draft.column.model_copy(update={"metadata": notes})
    total = draft.missing + sum(missing.values())
    return draft._replace(column=column, missing=total), told


def _listed(seen: Seen) -> tuple[list[str], list[int], list[int]]:
    texts, rows, places = seen.content
    return texts.to_pylist(), rows.tolist(), places.tolist()


def _code(code: int, found: Measure, tell: Teller) -> Found:
    rows, places = found.codes[code], found.code_places[code]
    low, high = found.low, found.high
    problem = f"stands far from all other values ({low} to {high})"
    problem += ", so it is read as no value"
    fix = "If it is a value, remove it from `missing` in data/schema.yaml."
    text = next(iter(found.spelled[code]))
    return tell("warn", "code", problem, fix, text, rows, places)


def _no_date(text: str, rows: int, place: int, tell: Teller) -> Found:
    problem = "is no date of the calendar that can be stored, and is read as no value"
    fix = "Leave it empty in the export if there is no date."
    return tell("warn", "code", problem, fix, text, rows, place)


def _more_misfits(found: Measure, tell: Teller) -> Iterator[Found]:
    """Yield that there are more texts than are named."""
    rows = found.wrong - int(found.misfits.content.rows.sum())
    if rows:
        yield tell("reject", "more", MORE, COMMON, None, rows, found.unnamed)


def _misfit(draft: Draft, text: str, rows: int, place: int, tell: Teller) -> Found:
    """Say what is wrong with a text among numbers or dates."""
    if draft.kind == "number":
        noun = "a whole number" if draft.column.dtype == "Int64" else "a number"
        if draft.column.dtype == "Int64" and _is_long(text):
            noun += " of 64 bits"
        return tell("reject", "number", f"is not {noun}", FIX, text, rows, place)
    form = draft.column.metadata.format
    if dates.is_form(text.strip(), form):
        problem = "is a date that does not exist, or lies before 1678 or after 2261"
        problem += f", read as {form}" if form else ""
        fix = "Fix the date in the export, or leave it empty."
        return tell("reject", "date", problem, fix, text, rows, place)
    shown = form or "2026-01-31 or 2026-01-31 23:59:59"
    problem = f"is not a date like {shown}"
    return tell("reject", "date", problem, FIX, text, rows, place)


def _infinite(found: Measure, tell: Teller) -> Iterator[Found]:
    for text, rows, place in zip(*_listed(found.infinite), strict=True):
        fix = "Fix the export, or leave the value empty."
        yield tell("reject", "infinite", "is not finite", fix, text, rows, place)


def _rounded(draft: Draft, profile: Profile, tell: Teller) -> Iterator[Found]:
    """Yield a warning if a number has more digits than a float holds."""
    if draft.column.dtype != "float64" or "text" not in profile.families:
        return
    texts, rows, places = profile.seen.content
    long = pc.indices_nonzero(pc.match_substring_regex(texts, DIGITS)).to_pylist()
    if long:
        first = long[0]
        problem = "has more digits than a float holds: it is rounded"
        fix = "Export whole numbers without decimals, or the column as text."
        text, place = texts[first].as_py(), int(places[first])
        count = int(sum(rows[i] for i in long))
        yield tell("warn", "rounding", problem, fix, text, count, place)
