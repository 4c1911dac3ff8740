"""Explain why a value breaks a rule of the contract, and how to fix it."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa

from reproducible_ml.contract.checks import FINITE, NOT_NULL
from reproducible_ml.contract.findings import quoted
from reproducible_ml.contract.schema import Column
from reproducible_ml.quality.spellings import (
    closest_match,
    fix_encoding,
    is_placeholder,
)
from reproducible_ml.reading.values import (
    ISO_WITH_OFFSET,
    SERIAL,
    arrow_type,
    parse_dates,
    unconvertible,
)

SCHEMA = "in data/schema.yaml"
CORRECT = "Correct it in the source"
OR_MISSING = f"{CORRECT}, or add it to `missing` of the column {SCHEMA}."
DECLARE_WHOLE = f"Declare `dtype: Int64` {SCHEMA}, or `str` if it is a code."
DECLARE_TEXT = f"{CORRECT}, or declare `dtype: str` {SCHEMA}."

# Changes to a column's metadata under which a number can be read, and what it has.
SEPARATORS: dict[str, dict[str, str]] = {
    "has a decimal point": {"decimal": ".", "thousands": ""},
    "has a thousands separator": {"thousands": ","},
    "has a decimal comma": {"decimal": ","},
    "has thousands separators and a decimal comma": {"thousands": ".", "decimal": ","},
    "has apostrophes between thousands": {"thousands": "'"},
    "has spaces between thousands": {"thousands": " "},
    "has underscores between thousands": {"thousands": "_"},
    "has spaces between thousands and a decimal comma": {
        "thousands": " ",
        "decimal": ",",
    },
}
AROUND = re.compile(r"[-+]?(?P<prefix>[^\d.,+-]*)[-+]?[\d.,' ]*\d(?P<suffix>\D*)")

FORMATS = (
    *("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%Y/%m/%d", "%Y.%m.%d"),
    *("%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%Y%m%d", "%d %b %Y", "%d %B %Y"),
    *("%b %d, %Y", "%B %d, %Y", "%Y-%m", "%m/%Y", "%b %Y", "%YQ%q"),
)
TIMES = ("", " %H:%M:%S", " %H:%M", " %I:%M %p")

# What each directive of a format matches, whether the date exists or not.
DIRECTIVES = {"Y": r"\d{4}", "f": r"\d+", "z": r".+"} | dict.fromkeys("aAbBp", r"\w+")
ISO = r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?)?"

# Rules besides those of the contract: the text cannot be read as the column's type, a
# float cannot hold the whole number, or an earlier row has the same value.
UNREADABLE, ROUNDED, REPEATED = "unreadable", "rounded", "unique"

# Numbers and dates that stand for "no value" in many tables.
CODES = re.compile(r"-1|-?9{2,}|-?9+\.0+|(1900-01-01|1970-01-01|9999-12-31).*")

# How many categories of a long list are shown.
SHOWN = 5


class Advice(NamedTuple):
    """The problem with a value, and how to fix it."""

    problem: str
    fix: str


def explain_unreadable(text: str, column: Column) -> Advice:
    """Say what is wrong with a text that the column's type and notes do not fit."""
    kind = arrow_type(column)
    if is_placeholder(text):
        return Advice('looks like a spelling of "no value"', declare_missing(text))
    if kind == pa.bool_():
        spellings = "metadata: {true: [...], false: [...]}"
        fix = f"{CORRECT}, or declare all spellings, {spellings} {SCHEMA}."
        return Advice("is not true or false", fix)
    if kind == pa.timestamp("ns"):
        return _explain_date(text, column)
    return _explain_number(text, column)


def declare_missing(text: str) -> str:
    """Return how to declare that a text means "no value"."""
    missing = f"metadata: {{missing: [{quoted(text)}]}}"
    return f"Declare it as missing, {missing} {SCHEMA}, or correct it in the source."


def explain(rule: str, text: str, column: Column) -> Advice:
    """Return the problem with a text that breaks a rule of its column, and the fix.

    Args:
        rule: Name of the rule, as `in_range(0, 120)`, or one of the constants above.
        text: The value as it stands in the file.
        column: Its declaration in the contract.
    """
    if rule == UNREADABLE:
        return explain_unreadable(text.strip(), column)
    if rule == ROUNDED:
        return Advice("has more digits than a float holds", DECLARE_WHOLE)
    if rule == REPEATED:
        fix = f"Drop the duplicates in the source, or set `unique: false` {SCHEMA}."
        return Advice("repeats a value of an earlier row, but unique is true", fix)
    if rule == NOT_NULL:
        return _explain_missing(column)
    if rule == FINITE:
        return Advice("is not finite", OR_MISSING)
    if rule.startswith("isin(") and column.isin:
        return _explain_category(text, [str(value) for value in column.isin])
    if CODES.fullmatch(text.strip()) and not rule.startswith(("notin", "str_")):
        return Advice(
            f'breaks {rule} and looks like a code for "no value"',
            declare_missing(text.strip()),
        )
    return Advice(f"breaks {rule}", f"{CORRECT}, or change the rule {SCHEMA}.")


def _reads(text: str, column: Column, **notes: Any) -> bool:
    """Return whether the column could read a text if its metadata were changed."""
    metadata = column.metadata.model_copy(update=notes)
    if metadata.decimal == metadata.thousands:
        return False
    changed = column.model_copy(update={"metadata": metadata})
    return not unconvertible(pa.array([text]), changed)[0].as_py()


def _explain_number(text: str, column: Column) -> Advice:
    is_whole = arrow_type(column) == pa.int64()
    if re.fullmatch(r"[-+]?\d{16,}", text):
        if is_whole:
            return Advice("is beyond 64 bits", DECLARE_TEXT)
        return Advice("has more digits than a float holds", DECLARE_WHOLE)
    if is_whole and _reads(text, column.model_copy(update={"dtype": "float64"})):
        fix = f"{CORRECT}, or declare `dtype: float64` {SCHEMA}."
        return Advice("is not a whole number without decimals or exponent", fix)
    for problem, notes in _other_spellings(text, column):
        values = ", ".join(f'{key}: "{value}"' for key, value in notes.items())
        fix = (
            f"Set metadata: {{{values}}} {SCHEMA} if all are like this, or correct it."
        )
        return Advice(problem, fix)
    noun = "a whole number" if is_whole else "a number"
    return Advice(f"is not {noun}", OR_MISSING)


def _other_spellings(text: str, column: Column) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield changes to the metadata under which a number can be read."""
    numbers = column.model_copy(update={"dtype": "float64"})
    if re.fullmatch(r"[-+]?\d{1,3},\d{3}", text):
        problem = 'has a comma, for thousands (or for decimals: then decimal: ",")'
        yield problem, {"thousands": ","}
    for problem, notes in SEPARATORS.items():
        if _reads(text, numbers, **notes):
            yield problem, notes
    found = AROUND.fullmatch(text)
    around = {k: v.strip() for k, v in (found.groupdict() if found else {}).items()}
    around = {key: value for key, value in around.items() if value}
    if around and _reads(text, numbers, **around):
        shown = " and ".join(quoted(value) for value in around.values())
        yield f"has {shown} around the number", around


def _explain_date(text: str, column: Column) -> Advice:
    form = column.metadata.format
    if re.fullmatch(_pattern(form), text):
        exists = pd.to_datetime(text, format="ISO8601", errors="coerce") is not pd.NaT
        if form and form != ISO_WITH_OFFSET:
            exists = bool(parse_dates(pd.Series([text]), form).notna().all())
        if not exists:
            return Advice("is not a date of the calendar", OR_MISSING)
        return Advice("is outside the years 1678 to 2261", OR_MISSING)
    if form is None and _reads(text, column, format=ISO_WITH_OFFSET):
        return _other_format("has an offset from UTC, unlike others", ISO_WITH_OFFSET)
    if form == ISO_WITH_OFFSET and _reads(text, column, format=None):
        return Advice("has no offset from UTC, unlike others", f"{CORRECT}.")
    problem = f"is not a date like {_example(form)}"
    if re.fullmatch(SERIAL, text):
        problem += ", but may be the number of a day in a spreadsheet"
    for other in (date + time for time in TIMES for date in FORMATS):
        if _reads(text, column, format=other):
            return _other_format(problem, other)
    return Advice(problem, OR_MISSING)


def _other_format(problem: str, form: str) -> Advice:
    change = f'metadata: {{format: "{form}"}}'
    return Advice(
        problem, f"Set {change} {SCHEMA} if all are like this, or correct it."
    )


def _pattern(form: str | None) -> str:
    """Return the regular expression of texts that have a format."""
    if form is None:
        return ISO
    if form == ISO_WITH_OFFSET:
        return ISO + r" ?(Z|[-+]\d\d:?(\d\d)?)"
    return re.sub(r"%(\w)", lambda m: DIRECTIVES.get(m[1], r"\d\d?"), re.escape(form))


def _example(form: str | None) -> str:
    moment = pd.Timestamp("2026-01-31 23:59:59")
    if form is None:
        return "2026-01-31 or 2026-01-31 23:59:59"
    if form == ISO_WITH_OFFSET:
        return "2026-01-31T23:59:59+01:00"
    named = form.replace("%q", str(moment.quarter))
    return f"{moment.strftime(named)} ({form})"


def _explain_missing(column: Column) -> Advice:
    dtype = {"int64": "Int64", "bool": "boolean"}.get(column.dtype)
    change = f"`dtype: {dtype}` and `nullable: true`" if dtype else "`nullable: true`"
    fix = f"Fill it in the source, or set {change} {SCHEMA}."
    return Advice("is missing, but nullable is false", fix)


def _explain_category(text: str, known: list[str]) -> Advice:
    fix = f"{CORRECT}, or add it to isin {SCHEMA}."
    if (meant := fix_encoding(text)) != text and meant in known:
        fix = "Export it again as UTF-8, or declare the encoding it has."
        return Advice(f"is {quoted(meant)} in a wrong encoding", fix)
    if found := closest_match(text, known):
        return Advice(
            f"is not in isin; it looks like {quoted(found[0])}{found[1]}", fix
        )
    more = f" and {len(known) - SHOWN} more" if len(known) > SHOWN else ""
    return Advice(f"is not in isin: {', '.join(known[:SHOWN])}{more}", fix)
