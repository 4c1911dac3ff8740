"""What the other columns of a table, and the name of a column, say about its format."""

import re
from collections.abc import Mapping
from typing import NamedTuple, TypeVar

from reproducible_ml.profiling import dates, numbers
from reproducible_ml.profiling.inferred import Hints
from reproducible_ml.profiling.profile import ColumnProfile

Proof = TypeVar("Proof")

# Share of rows that must be numbers for a column to prove anything.
PROOF = 0.95


class TableConventions(NamedTuple):
    """What columns of a table prove for those that leave it open, and which ones."""

    decimal: numbers.Decimal | None = None
    decimal_from: str = ""
    day_first: bool | None = None
    day_first_from: str = ""


def table_conventions(
    profiles: Mapping[str, ColumnProfile], hints: Hints
) -> TableConventions:
    """Return what the user says, or all columns that prove anything agree on."""
    signs: dict[numbers.Decimal, str] = {}
    orders: dict[bool, str] = {}
    for name, profile in profiles.items():
        reading = numbers.choose_number_format(profile.numbers, None)
        if reading and reading.rows >= PROOF * max(profile.present, 1):
            sign = numbers.decimal_sign(reading)
            if sign:
                signs.setdefault(sign, name)
        form = dates.choose_date_format(profile.dates, None)
        if form and not form.ambiguous and form.order in ("dmy", "mdy"):
            orders.setdefault(form.order == "dmy", name)
    if hints.decimal:
        signs = {hints.decimal: "DECIMAL"}
    if hints.day_first is not None:
        orders = {hints.day_first: "DATES"}
    return TableConventions(*_only(signs), *_only(orders))


def _only(found: dict[Proof, str]) -> tuple[Proof | None, str]:
    """Return what all columns prove, and the first that does."""
    return next(iter(found.items())) if len(found) == 1 else (None, "")


# Last words of the names of columns that tell rows apart, and of codes whose size means
# nothing. Others may be amounts: "number of rooms".
IDENTIFIERS = """
    id ids uuid guid key index no nr num number row rownum rowid userid customerid
    patientid serial ticket
"""
CODES = """
    id ids uuid guid key code zip zipcode plz postcode postalcode sku isbn iban ean
    userid customerid patientid
"""
DATES = """
    date dates day datum dt time timestamp ts at on tag fecha giorno jour datetime born
    birthday dob
"""
NAME = r"[A-Z]+(?![^\W\d_A-Z])|[A-Z]?[^\W\d_A-Z]+|\d+"

# What tools call a column of row numbers.
ROW_NUMBERS = ("", "index", "level 0", "row", "rownum", "row number", "rowid")


def name_words(name: str) -> list[str]:
    """Return the words of a name in lower case: PassengerId is passenger and id."""
    return [w.lower() for w in re.findall(NAME, name)]


def is_identifier_name(name: str) -> bool:
    """Say whether the name is that of a column that tells rows apart."""
    said = name_words(name)
    if not said:
        return False
    # German joins its words: Kundennr, Rechnungsnummer.
    joined = said[-1].endswith(("nr", "nummer"))
    return joined or said[-1] in IDENTIFIERS.split() or said[0] in {"id", "uuid"}


def is_code_name(name: str) -> bool:
    """Say whether the name is that of a column whose numbers are no amounts."""
    said = name_words(name)
    return bool(said) and said[-1] in CODES.split()


def is_row_number_name(name: str) -> bool:
    """Say whether the name is what tools give to a column of row numbers."""
    return " ".join(name_words(name)) in ROW_NUMBERS or name.startswith("Unnamed:")


def is_date_name(name: str) -> bool:
    """Say whether the name is that of a date."""
    return not {*DATES.split()}.isdisjoint(name_words(name))
