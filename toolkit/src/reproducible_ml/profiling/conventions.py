"""Conventions of a table and of column names, which decide what values leave open."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple, TypeVar

from reproducible_ml.profiling import dates, numbers
from reproducible_ml.profiling.inferred import Hints
from reproducible_ml.profiling.profile import ColumnProfile

Convention = TypeVar("Convention")

# Share of rows that must be numbers for a column to show a convention.
AGREEING = 0.95

# Last words of the names of columns that identify rows, and of codes whose size has no
# meaning. Other words may name quantities: "number of rooms".
IDENTIFIERS = """
    id ids uuid guid key index no nr num number row rownum rowid userid customerid
    patientid serial ticket phone telephone telefon tel fax
"""
CODES = """
    id ids uuid guid key code zip zipcode plz postcode postalcode sku isbn iban ean
    userid customerid patientid phone telephone telefon tel fax
"""
DATES = """
    date dates day datum dt time timestamp ts at on tag fecha giorno jour datetime born
    birthday dob
"""
PERIODS = """
    month months period periods yearmonth yyyymm ym monat mois mes
"""
NAME = r"[A-Z]+(?![^\W\d_A-Z])|[A-Z]?[^\W\d_A-Z]+|\d+"

# Names that tools give to a column of row numbers.
ROW_NUMBERS = ("", "index", "level 0", "row", "rownum", "row number", "rowid")


class TableConventions(NamedTuple):
    """How a table writes numbers and dates, as shown by its unambiguous columns.

    Attributes:
        decimal: The decimal sign, None if unknown.
        decimal_from: The column or option that shows it.
        day_first: Whether 1/2/2024 is in February, None if unknown.
        day_first_from: The column or option that shows it.
    """

    decimal: numbers.Decimal | None = None
    decimal_from: str = ""
    day_first: bool | None = None
    day_first_from: str = ""


def table_conventions(
    profiles: Mapping[str, ColumnProfile], hints: Hints
) -> TableConventions:
    """Return the conventions that the user names, or on which all columns agree."""
    signs: dict[numbers.Decimal, str] = {}
    orders: dict[bool, str] = {}
    for name, profile in profiles.items():
        reading = numbers.choose_number_format(profile.numbers, None)
        if reading and reading.rows >= AGREEING * max(profile.present, 1):
            sign = numbers.decimal_sign(reading)
            if sign:
                signs.setdefault(sign, name)
        form = dates.choose_date_format(profile.dates, None)
        if form and not form.ambiguous and form.order in ("dmy", "mdy"):
            orders.setdefault(form.order == "dmy", name)
    if hints.decimal:
        signs = {hints.decimal: "--decimal"}
    if hints.day_first is not None:
        orders = {hints.day_first: "--dates"}
    return TableConventions(*_only(signs), *_only(orders))


@lru_cache(maxsize=4096)
def name_words(name: str) -> tuple[str, ...]:
    """Return the words of a name in lower case: PassengerId is passenger and id."""
    return tuple(w.lower() for w in re.findall(NAME, name))


def is_identifier_name(name: str) -> bool:
    """Return whether a column name is that of an identifier of rows."""
    words = name_words(name)
    if not words:
        return False
    # German compounds: Kundennr, Rechnungsnummer.
    joined = words[-1].endswith(("nr", "nummer"))
    return joined or words[-1] in IDENTIFIERS.split() or words[0] in {"id", "uuid"}


def is_code_name(name: str) -> bool:
    """Return whether a column name is that of codes rather than quantities."""
    words = name_words(name)
    return bool(words) and words[-1] in CODES.split()


def is_row_number_name(name: str) -> bool:
    """Return whether a column name is that of row numbers, as tools write them."""
    return " ".join(name_words(name)) in ROW_NUMBERS or name.startswith("Unnamed:")


def is_date_name(name: str) -> bool:
    """Return whether a column name is that of dates."""
    return not {*DATES.split()}.isdisjoint(name_words(name))


def is_period_name(name: str) -> bool:
    """Return whether a column name is that of dates or months."""
    return is_date_name(name) or not {*PERIODS.split()}.isdisjoint(name_words(name))


def _only(found: dict[Convention, str]) -> tuple[Convention | None, str]:
    """Return the only convention that was found, and the first column with it."""
    return next(iter(found.items())) if len(found) == 1 else (None, "")
