"""What is inferred about a column, and what a person should know of it."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Literal, NamedTuple, TypeVar

from reproducible_ml.contract.findings import Finding
from reproducible_ml.contract.schema import Column
from reproducible_ml.profiling import dates, numbers
from reproducible_ml.profiling.distinct import FILE
from reproducible_ml.profiling.profile import Profile

Severity = Literal["reject", "ask", "warn"]

FIX = (
    "Correct it in the source; or say MISSING=... with this text if it means no value,"
    " or TEXT=... with this column if it holds texts."
)
LOOK = "If they mean the same, unify them in the export."


HEADER = -1


class Hints(NamedTuple):
    """What the user knows: it decides where the table leaves something open."""

    target: str | None = None
    task: Literal["binary", "multiclass", "regression"] | None = None
    day_first: bool | None = None
    decimal: Literal[".", ","] | None = None
    text: tuple[str, ...] = ()


class Found(NamedTuple):
    """A finding, how grave it is, and the row of the file it is about.

    Rows count from 0; `HEADER` stands for the line with the names of the columns.
    """

    severity: Severity
    finding: Finding
    record: int | None = None


class Inferred(NamedTuple):
    """How to declare a column, and why.

    Attributes:
        column: For the contract.
        kind: What it holds, in a word or two.
        evidence: Why, in some words.
        found: What is wrong or strange, in the order of the file.
        rows: Rows of the table.
        missing: Rows without a value.
        counts: Rows of each category, by its text; empty for other columns.
    """

    column: Column
    kind: str
    evidence: str
    found: tuple[Found, ...] = ()
    rows: int = 0
    missing: int = 0
    counts: Mapping[str, int] = MappingProxyType({})

    def findings(self, severity: Severity) -> list[Finding]:
        """Return the findings of one severity."""
        return [found.finding for found in self.found if found.severity == severity]


class FindingFactory:
    """Makes findings about one column."""

    def __init__(self, files: Sequence[Path], column: str) -> None:
        self.files = files
        self.column = column

    def __call__(
        self,
        severity: Severity,
        kind: str,
        problem: str,
        fix: str,
        value: str | None = None,
        rows: int | None = None,
        place: int | None = None,
    ) -> Found:
        """Return a finding; `place` is that of the first row."""
        file = self.files[0 if place is None else place // FILE]
        finding = Finding(kind, file, problem, fix, None, self.column, value, rows)
        return Found(severity, finding, None if place is None else place % FILE)


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
    profiles: Mapping[str, Profile], hints: Hints
) -> TableConventions:
    """Return what the user says, or all columns that prove anything agree on."""
    signs: dict[numbers.Decimal, str] = {}
    orders: dict[bool, str] = {}
    for name, profile in profiles.items():
        reading = numbers.choose(profile.numbers, None)
        if reading and reading.rows >= PROOF * max(profile.present, 1):
            sign = numbers.decimal_sign(reading)
            if sign:
                signs.setdefault(sign, name)
        form = dates.choose(profile.dates, None)
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
