"""docs/model_card.yaml: what only people can say about a model."""

from pathlib import Path

from reproducible_ml.card.forms import (
    Text,
    empty_form_of,
    is_needed,
    read_form,
    text_field,
)
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.params import Section

FIELDS = Path("docs/model_card.yaml")

HEADER = """\
# What only people can say about the model. The stage `card` writes it, with what the
# pipeline knows, to reports/model_card.md. A field is a text, or a list of paragraphs.
# As long as a required field is empty, no version of the model can be registered.
"""


class HumanPart(Section):
    """The content of docs/model_card.yaml; each text is a tuple of paragraphs."""

    name: Text = text_field("A short name of the model.", required=False)
    intended_use: Text = text_field(
        "Which decisions it is meant for, whose, and on what rows.", required=True
    )
    out_of_scope: Text = text_field(
        "What it must not be used for, though somebody might try.", required=True
    )
    limits: Text = text_field(
        "Where it is known, or must be expected, to be worse: groups, places, times.",
        required=True,
    )
    data_source: Text = text_field(
        "Who collected the data, how, when and from whom; may they be used for this?",
        required=True,
    )
    oversight: Text = text_field(
        "Who checks its answers, what an error of each kind leads to, how to object.",
        required=False,
    )
    license: Text = text_field(
        "License of the model, as on https://spdx.org/licenses, such as MIT; or other.",
        required=True,
    )
    contact: Text = text_field(
        "Who answers questions, and to whom errors are reported.", required=True
    )
    references: Text = text_field("Publications and addresses.", required=False)


def read_fields(path: Path = FIELDS) -> HumanPart:
    """Return the content of the file; nothing is filled in if there is none.

    Raises:
        UserError: A line for each error in the file.
    """
    return read_form(path, HumanPart)


def is_required(name: str) -> bool:
    """Return whether a version of a model may not be registered without a field."""
    return is_needed(HumanPart, name)


def empty_required_fields(root: Path) -> list[str]:
    """Return the required fields of docs/model_card.yaml that say nothing.

    Args:
        root: Of the repository.

    Raises:
        UserError: A line for each error in the file.
    """
    return missing_from(read_fields(root / FIELDS))


def missing_from(human: HumanPart) -> list[str]:
    """Return the required fields that say nothing."""
    said = human.model_dump()
    return [name for name in said if is_required(name) and not any(said[name])]


def empty_form() -> str:
    """Return the text of docs/model_card.yaml before anything is filled in."""
    return empty_form_of(HumanPart, HEADER)


def describe_missing(names: list[str], path: Path = FIELDS) -> list[str]:
    """Return a warning for each required field that says nothing."""
    return [
        f"{path}: {name} is empty: the model card lacks it, and no version of the model"
        " can be registered. Fix: fill it in."
        for name in names
    ]


def check_fields(root: Path) -> None:
    """Refuse an empty required field.

    Raises:
        UserError: A line for each of them.
    """
    if lines := describe_missing(empty_required_fields(root)):
        raise UserError("\n".join(lines))
