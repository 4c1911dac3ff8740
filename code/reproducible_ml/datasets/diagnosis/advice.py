"""What to tell of a value that breaks a rule: what is wrong, and how to mend it."""

import re

from reproducible_ml.datasets.check import FINITE, NOT_NULL
from reproducible_ml.datasets.diagnosis.misspelled import (
    CORRECT,
    DECLARE_WHOLE,
    OR_MISSING,
    SCHEMA,
    Advice,
    declare_missing,
    explain_unreadable,
)
from reproducible_ml.datasets.diagnosis.names import alike
from reproducible_ml.datasets.findings import quoted
from reproducible_ml.datasets.schema import Column

# Rules besides those of `check`: the value has another type, is a whole number that a
# float does not hold, or stands in an earlier row as well.
UNREADABLE, ROUNDED, REPEATED = "unreadable", "rounded", "unique"

# Codes that stand for "no value" in many tables.
CODES = re.compile(r"-1|-?9{2,}|-?9+\.0+|(1900-01-01|1970-01-01|9999-12-31).*")

# Categories that are shown of a long list.
SHOWN = 5


def explain(rule: str, text: str, column: Column) -> Advice:
    """Return what to tell of a text of this column that breaks a rule."""
    if rule == UNREADABLE:
        return explain_unreadable(text.strip(), column)
    if rule == ROUNDED:
        return Advice("has more digits than a float holds", DECLARE_WHOLE)
    if rule == REPEATED:
        fix = f"Drop the repeats in the source, or set `unique: false` {SCHEMA}."
        return Advice("repeats the value of an earlier row, but unique is true", fix)
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


def _explain_missing(column: Column) -> Advice:
    dtype = {"int64": "Int64", "bool": "boolean"}.get(column.dtype)
    change = f"`dtype: {dtype}` and `nullable: true`" if dtype else "`nullable: true`"
    fix = f"Fill it in the source, or set {change} {SCHEMA}."
    return Advice("is no value, but nullable is false", fix)


def _explain_category(text: str, known: list[str]) -> Advice:
    fix = f"{CORRECT}, or add it to isin {SCHEMA}."
    if (meant := _wrongly_decoded(text)) in known:
        fix = "Export it again as UTF-8, or declare the encoding it has."
        return Advice(f"is {quoted(str(meant))} in a wrong encoding", fix)
    if found := alike(text, known):
        return Advice(
            f"is not in isin; it looks like {quoted(found[0])}{found[1]}", fix
        )
    more = f" and {len(known) - SHOWN} more" if len(known) > SHOWN else ""
    return Advice(f"is not in isin: {', '.join(known[:SHOWN])}{more}", fix)


def _wrongly_decoded(text: str) -> str | None:
    """Return what the text was before UTF-8 was read as windows-1252."""
    try:
        return text.encode("cp1252").decode("utf-8")
    except UnicodeError:
        return None
