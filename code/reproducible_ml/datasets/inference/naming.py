"""What a column's name says about its values."""

import re

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


def words(name: str) -> list[str]:
    """Return the words of a name in lower case: PassengerId is passenger and id."""
    return [w.lower() for w in re.findall(NAME, name)]


def is_identifier(name: str) -> bool:
    """Say whether the name is that of a column that tells rows apart."""
    said = words(name)
    if not said:
        return False
    # German joins its words: Kundennr, Rechnungsnummer.
    joined = said[-1].endswith(("nr", "nummer"))
    return joined or said[-1] in IDENTIFIERS.split() or said[0] in {"id", "uuid"}


def is_code(name: str) -> bool:
    """Say whether the name is that of a column whose numbers are no amounts."""
    said = words(name)
    return bool(said) and said[-1] in CODES.split()


def is_row_number(name: str) -> bool:
    """Say whether the name is what tools give to a column of row numbers."""
    return " ".join(words(name)) in ROW_NUMBERS or name.startswith("Unnamed:")


def is_date(name: str) -> bool:
    """Say whether the name is that of a date."""
    return not {*DATES.split()}.isdisjoint(words(name))
