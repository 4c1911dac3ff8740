"""What columns prove about the spelling of others: they come from the same program."""

from collections.abc import Mapping
from typing import NamedTuple, TypeVar

from reproducible_ml.datasets.inference import dates, numbers
from reproducible_ml.datasets.inference.inferred import Hints
from reproducible_ml.datasets.inference.profile import Profile

Proof = TypeVar("Proof")

# Share of rows that must be numbers for a column to prove anything.
PROOF = 0.95


class Habits(NamedTuple):
    """What columns of a table prove for those that leave it open, and which ones."""

    decimal: numbers.Decimal | None = None
    decimal_from: str = ""
    day_first: bool | None = None
    day_first_from: str = ""


def habits(profiles: Mapping[str, Profile], hints: Hints) -> Habits:
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
    return Habits(*_only(signs), *_only(orders))


def _only(found: dict[Proof, str]) -> tuple[Proof | None, str]:
    """Return what all columns prove, and the first that does."""
    return next(iter(found.items())) if len(found) == 1 else (None, "")
