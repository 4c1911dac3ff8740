"""What the program knows of the AI Act: facts, each with source and date."""

import datetime
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from reproducible_ml.core.files import load_yaml
from reproducible_ml.core.params import Section

NO_ADVICE = (
    "This is no legal advice: it is made of answers and of the facts in the toolkit's"
    " governance/regulation.yaml, and a lawyer decides."
)

# In English, whatever the locale.
MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August"),
    *("September", "October", "November", "December"),
)

Role = Literal["provider", "deployer", "both"]


class Fact(Section):
    """A rule, from when it applies, and when that was checked."""

    article: str
    text: str
    # The name of the key is a word of Python.
    applies: datetime.date | None
    sources: tuple[str, ...]
    checked: datetime.date


class Duty(Section):
    """What high risk asks for."""

    article: str
    role: Literal["provider", "deployer"]
    text: str
    has: tuple[str, ...]


class Regulation(Section):
    """The content of regulation.yaml."""

    act: str
    old_after: int
    sources: dict[str, str]
    facts: dict[str, Fact]
    duties: tuple[Duty, ...]

    def old_facts(self, today: datetime.date) -> list[str]:
        """Return the facts whose check is long ago, by name."""
        limit = today - datetime.timedelta(days=self.old_after)
        return [name for name, fact in self.facts.items() if fact.checked < limit]

    def checked(self) -> datetime.date:
        """Return when the fact that was checked first was checked."""
        return min(fact.checked for fact in self.facts.values())


@cache
def regulation() -> Regulation:
    """Return what the program knows of the AI Act."""
    text = files("reproducible_ml.governance").joinpath("regulation.yaml")
    content: dict[str, Any] = load_yaml(text.read_text("utf-8"))
    for fact in content["facts"].values():
        fact["applies"] = fact.pop("from")
    return Regulation.model_validate(content)


def day(date: datetime.date) -> str:
    """Return a date as it is written in the pages: 2 August 2028."""
    return f"{date.day} {MONTHS[date.month - 1]} {date.year}"


def describe_age(today: datetime.date) -> list[str]:
    """Return a line if facts should be checked again.

    Args:
        today: The day on which it is asked; it is in no page.
    """
    known = regulation()
    if not (old := known.old_facts(today)):
        return []
    return [
        f"{len(old)} of {len(known.facts)} facts on the AI Act were last checked more"
        f" than {known.old_after} days ago ({known.checked()}): {', '.join(old[:5])}."
        " Dates and articles may have changed. Fix: check them on EUR-Lex, and correct"
        " the toolkit's governance/regulation.yaml"
    ]
