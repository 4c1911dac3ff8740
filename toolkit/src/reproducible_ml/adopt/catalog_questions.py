"""Questions on data/catalog.yaml, and answers that are typed as KEY=VALUE."""

import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from reproducible_ml.card.catalog import CATALOG, EVERY, Catalog, empty_fields
from reproducible_ml.contract.schema import Contract
from reproducible_ml.core.errors import UserError, one_line
from reproducible_ml.profiling.personal import Personal

# What `rml catalog` and `rml data` take as KEY=VALUE.
LISTS = ("personal_columns", "not_personal")
YES = {"yes": True, "true": True, "y": True, "no": False, "false": False, "n": False}

# Answers that a field of yes and no depends on.
WITH_PERSONS = ("personal_columns", "legal_basis", "retention")

Ask = Callable[[str], str]


def parse_settings(settings: Iterable[str]) -> dict[str, Any]:
    """Return fields and values that were typed as KEY=VALUE.

    Raises:
        UserError: A key is no field that people fill in, or a value does not fit it.
    """
    found: dict[str, Any] = {}
    fields = [name for name in Catalog.model_fields if name != "table"]
    for setting in settings:
        key, sign, value = setting.partition("=")
        if not sign or key not in fields:
            raise UserError(
                f"{one_line(setting)}: is no KEY=VALUE with a key of"
                f" {CATALOG}. Fix: one of {', '.join(fields)}."
            )
        found[key] = _typed(key, value)
    return found


def _typed(key: str, text: str) -> Any:
    """Return what a person typed for a field, None for nothing."""
    text = text.strip()
    if not text:
        return None
    if key == "personal":
        if text.lower() not in YES:
            raise UserError(f"personal: {one_line(text)}: answer yes or no.")
        return YES[text.lower()]
    if key in LISTS:
        return [name.strip() for name in text.split(",") if name.strip()]
    return text


def check_columns(given: Mapping[str, Any], contract: Contract) -> None:
    """Raise UserError if a column that was typed is none of the table."""
    for key in LISTS:
        for name in given.get(key) or ():
            if name not in {*contract.columns, EVERY}:
                raise UserError(
                    f'{key}: "{one_line(name)}" is no column of the table. Fix: one of'
                    f" {one_line(', '.join([*contract.columns][:20]))}"
                )


def ask_for(
    catalog: Catalog,
    found: Iterable[Personal],
    columns: Iterable[str],
    ask: Ask,
    say: Callable[[str], Any],
) -> dict[str, Any]:
    """Ask for each field that says nothing, and return the answers.

    An empty answer leaves a field empty. Whether there are personal data is answered
    with all that belongs to it, or not at all.

    Args:
        catalog: What is known.
        found: Columns that look as if they were about a person.
        columns: Those of the contract.
        ask: Shows a question and returns the answer.
        say: Shows a line.
    """
    answers: dict[str, Any] = {}
    empty = [name for name in empty_fields(catalog) if name != "personal"]
    for name in empty:
        field = Catalog.model_fields[name]
        if text := ask(f"{field.description} {name}: ").strip():
            answers[name] = text
    if catalog.personal is None:
        answers |= _ask_for_persons(catalog, [*found], {*columns}, ask, say)
    return answers


def _ask_for_persons(
    catalog: Catalog,
    found: list[Personal],
    columns: set[str],
    ask: Ask,
    say: Callable[[str], Any],
) -> dict[str, Any]:
    for each in found:
        say(f'"{one_line(each.column)}" looks like {each.kind}, by {each.by}.')
    about = Catalog.model_fields["personal"].description
    while (said := ask(f"{about} personal: ").strip().lower()) not in {*YES, ""}:
        say("Answer yes or no; nothing leaves it open.")
    if not said:
        return {}
    if not YES[said]:
        return {"personal": False}
    answers: dict[str, Any] = {"personal": True}
    suggested = [each.column for each in found if not catalog.declares(each.column)]
    for name in WITH_PERSONS:
        if any(getattr(catalog, name)):
            continue
        field = Catalog.model_fields[name]
        shown = f" [{', '.join(suggested)}]" if name == LISTS[0] and suggested else ""
        text = ask(f"{field.description} {name}{shown}: ").strip()
        value = _typed(name, text) or (suggested if shown else None)
        if name == LISTS[0]:
            while unknown := [n for n in value or () if n not in {*columns, EVERY}]:
                say(f'"{one_line(unknown[0])}" is no column of the table.')
                value = _typed(name, ask(f"{name}: "))
        if not value:
            say(f"personal stays open: {name} would be empty.")
            return {}
        answers[name] = value
    return answers


def is_asked() -> bool:
    """Return whether somebody sits at a terminal who can answer."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def ask_terminal(question: str) -> str:
    """Show a question on the terminal, and return the answer, a line."""
    sys.stdout.write(f"\n{question}")
    sys.stdout.flush()
    return sys.stdin.readline()
