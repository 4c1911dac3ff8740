"""Columns that look as if they were about a person, by their names or values.

Neither proves anything: `name` may be that of a product, and a column of codes may
identify people. People decide, in data/catalog.yaml.
"""

import re
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq

from reproducible_ml.contract.schema import Column, Contract
from reproducible_ml.core.parts import parts
from reproducible_ml.profiling.conventions import name_words

# Words, or two words in a row, that the name of a column has; the first kind counts.
KINDS: dict[str, str] = {
    "an e-mail address": "email mail emails e_mail emailaddress",
    "a phone number": "phone telephone telefon tel fax mobile mobil handy cellphone"
    " msisdn phonenumber telefonnummer",
    "a date of birth": "birth birthday birthdate dob born geb geburt geburtsdatum"
    " geburtstag geboren geburtsjahr naissance nacimiento",
    "the name of a person": "firstname lastname surname forename fullname givenname"
    " vorname nachname familienname prenom apellido username first_name last_name"
    " full_name given_name family_name middle_name maiden_name contact_name",
    "an address": "address addr adresse anschrift street strasse straße hausnummer"
    " housenumber house_number direccion",
    "an official number of a person": "ssn passport nino steuernummer steuerid"
    " versichertennummer krankenversicherungsnummer social_security tax_id"
    " insurance_number health_number national_id id_card driving_licence"
    " driving_license drivers_license license_plate number_plate kennzeichen",
    "a bank account or card": "iban bic kontonummer kreditkarte creditcard"
    " account_number card_number credit_card bank_account",
    "a network address": "ip ipaddress ip_address mac_address imei",
    "an identifier of a person": "patientid customerid userid employeeid clientid"
    " kundennummer kundennr patientennummer patientennr personalnummer mrn",
    "special categories (Art. 9 GDPR)": "religion ethnicity ethnic race nationality"
    " staatsangehoerigkeit staatsangehörigkeit konfession disability behinderung"
    " sexual_orientation trade_union political_party hiv pregnant schwanger",
    "a description of a person": "gender sex geschlecht sexe marital familienstand"
    " marital_status salary gehalt income einkommen age alter occupation beruf",
    "where a person is": "latitude longitude geolocation gps",
}

# A word for a person before a word for a number or a name.
PEOPLE = """
    patient patienten customer kunden kunde client user employee person member student
    subject mitarbeiter versicherten passenger applicant
"""
NUMBERED = "id no nr num number nummer key code"
NAMED = "name names"

# Whole values.
VALUES: dict[str, re.Pattern[str]] = {
    "an e-mail address": re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}"),
    "a bank account or card": re.compile(
        r"[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?"
    ),
    "a phone number": re.compile(r"(?:\+|00)\d{1,3}[ ./()-]*\d(?:[ ./()-]*\d){5,12}"),
    "a network address": re.compile(r"(?:\d{1,3}\.){3}\d{1,3}"),
}

# Share of the values that must have a form, and rows that are looked at.
AGREEING = 0.9
ROWS = 2000
FEWEST = 3


class Personal(NamedTuple):
    """Why a column looks as if it were about a person."""

    column: str
    kind: str
    by: str


def kind_by_name(name: str, dtype: str = "") -> str | None:
    """Return what a column holds of a person, by its name; None if nothing.

    Args:
        name: Of the column.
        dtype: Its type: `name` is that of a person only if it is no category.
    """
    words = name_words(name)
    if " ".join(words) in NAMED.split() and dtype == "str":
        return "the name of a person"
    for first, second in pairwise(words):
        if first in PEOPLE.split() and second in NAMED.split():
            return "the name of a person"
        if first in PEOPLE.split() and second in NUMBERED.split():
            return "an identifier of a person"
    have = {*words, *(f"{first}_{second}" for first, second in pairwise(words))}
    return next(
        (kind for kind, known in KINDS.items() if not have.isdisjoint(known.split())),
        None,
    )


def kind_by_values(values: Iterable[str]) -> str | None:
    """Return what most of some texts look like; None for anything else."""
    texts = [text.strip() for text in values if text and text.strip()]
    if len(texts) < FEWEST:
        return None
    for kind, form in VALUES.items():
        if sum(form.fullmatch(text) is not None for text in texts) >= AGREEING * len(
            texts
        ):
            return kind
    return None


def find_by_values(table: Path, contract: Contract) -> dict[str, str]:
    """Return the columns of text whose first rows look like those of people.

    Args:
        table: A folder of Parquet parts.
        contract: Of the table.
    """
    names = [n for n, c in contract.columns.items() if c.dtype in ("str", "category")]
    found: dict[str, str] = {}
    files = parts(table)
    if not names or not files:
        return found
    batches = pq.ParquetFile(files[0]).iter_batches(ROWS, columns=names)
    rows = next(batches, None)
    if rows is None:
        return found
    for name in names:
        values = rows.column(name).drop_null().to_pylist()
        if kind := kind_by_values(map(str, values)):
            found[name] = kind
    return found


def find_personal(
    columns: Mapping[str, Column], by_values: Mapping[str, str]
) -> list[Personal]:
    """Return the columns that look as if they were about a person.

    Args:
        columns: Of the contract.
        by_values: Columns whose values look like it, and as what.
    """
    found = []
    for name, column in columns.items():
        if name in by_values:
            found.append(Personal(name, by_values[name], "its values"))
        elif kind := kind_by_values(v for v in column.isin or () if isinstance(v, str)):
            found.append(Personal(name, kind, "its values"))
        elif kind := kind_by_name(name, column.dtype):
            found.append(Personal(name, kind, "its name"))
    return found
