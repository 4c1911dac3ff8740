"""docs/model_card.yaml: what only people can say about a model.

The form of the file is made from the fields below, so both have the same explanations.
"""

import textwrap
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.params import Section, read_yaml

FIELDS = Path("docs/model_card.yaml")

# Characters of a line of the form.
WIDTH = 90

HEADER = """\
# What only people can say about the model. The stage `card` writes it, with what the
# pipeline knows, to reports/model_card.md. A field is a text, or a list of paragraphs.
# As long as a required field is empty, no version of the model can be registered.
"""


def _paragraphs(value: object) -> object:
    """Return a text as a list, and a key without a value as an empty one."""
    if value is None:
        return ()
    found = value if isinstance(value, list | tuple) else [value]
    return [one.strip() if isinstance(one, str) else one for one in found]


Text = Annotated[tuple[str, ...], BeforeValidator(_paragraphs)]


def _field(description: str, *, required: bool) -> Text:
    found: Text = Field(
        (), description=description, json_schema_extra={"needed": required}
    )
    return found


class HumanPart(Section):
    """The content of docs/model_card.yaml; each text is a tuple of paragraphs."""

    name: Text = _field("A short name of the model.", required=False)
    intended_use: Text = _field(
        "Which decisions it is meant for, whose, and on what rows.", required=True
    )
    out_of_scope: Text = _field(
        "What it must not be used for, though somebody might try.", required=True
    )
    limits: Text = _field(
        "Where it is known, or must be expected, to be worse: groups, places, times.",
        required=True,
    )
    data_source: Text = _field(
        "Who collected the data, how, when and from whom; may they be used for this?",
        required=True,
    )
    oversight: Text = _field(
        "Who checks its answers, what an error of each kind leads to, how to object.",
        required=False,
    )
    license: Text = _field(
        "License of the model, as on https://spdx.org/licenses, such as MIT; or other.",
        required=True,
    )
    contact: Text = _field(
        "Who answers questions, and to whom errors are reported.", required=True
    )
    references: Text = _field("Publications and addresses.", required=False)


def read_fields(path: Path = FIELDS) -> HumanPart:
    """Return the content of the file; nothing is filled in if there is none.

    Raises:
        UserError: A line for each error in the file.
    """
    return read_yaml(path, HumanPart, _fields_of) if path.is_file() else HumanPart()


def _fields_of(text: str) -> object:
    import yaml

    from reproducible_ml.core.files import load_yaml

    found = load_yaml(text)
    if found is not None and not isinstance(found, dict):
        raise yaml.YAMLError("the top level must be fields, such as `limits:`")
    return found or {}


def is_required(name: str) -> bool:
    """Return whether a version of a model may not be registered without a field."""
    extra = HumanPart.model_fields[name].json_schema_extra
    return isinstance(extra, dict) and extra.get("needed") is True


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
    parts = [HEADER]
    for name, field in HumanPart.model_fields.items():
        kind = "required" if is_required(name) else "optional"
        words = textwrap.wrap(f"{field.description} ({kind})", WIDTH - 2)
        parts.append("".join(f"# {line}\n" for line in words) + f"{name}:\n")
    return "\n".join(parts)


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
