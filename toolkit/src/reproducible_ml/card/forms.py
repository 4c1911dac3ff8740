"""Forms: flat YAML files that people fill in, each field with its explanation.

The text of a form is made from the fields of a class, so that both have the same
explanations. What is filled in later changes its own lines alone.
"""

import re
import tempfile
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, Field

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.files import load_yaml
from reproducible_ml.core.params import Section, read_yaml

# Characters of a line of a form.
WIDTH = 90

# After the name of a field: its value, up to the first line that is neither indented
# nor an item of a list.
LINES = r"[ \t]*:[^\n]*\n(?:(?:[ \t]*\n)*(?:[ \t]+\S|-)[^\n]*\n)*"

Form = TypeVar("Form", bound=Section)


def _paragraphs(value: object) -> object:
    """Return a text as a list, and a key without a value as an empty one."""
    if value is None:
        return ()
    found = value if isinstance(value, list | tuple) else [value]
    return [one.strip() if isinstance(one, str) else one for one in found]


# What people write: paragraphs; none if they said nothing.
Text = Annotated[tuple[str, ...], BeforeValidator(_paragraphs)]


def text_field(description: str, *, required: bool) -> Text:
    """Return a field for paragraphs of text."""
    found: Text = Field(
        (), description=description, json_schema_extra={"needed": required}
    )
    return found


def is_needed(kind: type[Section], name: str) -> bool:
    """Return whether a field must be filled in."""
    extra = kind.model_fields[name].json_schema_extra
    return isinstance(extra, dict) and extra.get("needed") is True


def read_form(path: Path, kind: type[Form]) -> Form:
    """Return the content of a form; nothing is filled in if there is no such file.

    Raises:
        UserError: A line for each error in the file.
    """
    return read_yaml(path, kind, _fields_of) if path.is_file() else kind()


def parse_form(text: str, kind: type[Form], path: Path) -> Form:
    """Return the content of the text that a form is to have.

    Args:
        text: Of the form.
        kind: Class of its content.
        path: Where it is to be written, for messages.

    Raises:
        UserError: A line for each error.
    """
    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder) / path.name
        trial.write_text(text, "utf-8")
        try:
            return read_form(trial, kind)
        except UserError as error:
            raise UserError(str(error).replace(str(trial), str(path))) from error


def _fields_of(text: str) -> object:
    import yaml

    found = load_yaml(text)
    if found is not None and not isinstance(found, dict):
        raise yaml.YAMLError("the top level must be fields, such as `limits:`")
    return found or {}


def empty_form_of(kind: type[Section], header: str) -> str:
    """Return the text of a form before anything is filled in.

    Args:
        kind: Class of its content; fields without a description are left out.
        header: The comment at its top.
    """
    parts = [header]
    for name, field in kind.model_fields.items():
        if not field.description:
            continue
        words = textwrap.wrap(f"{field.description}{_needed(kind, name)}", WIDTH - 2)
        parts.append("".join(f"# {line}\n" for line in words) + f"{name}:\n")
    return "\n".join(parts)


def _needed(kind: type[Section], name: str) -> str:
    """Return what a form adds to an explanation; nothing if a program fills it in."""
    if kind.model_fields[name].json_schema_extra is None:
        return ""
    return " (required)" if is_needed(kind, name) else " (optional)"


def set_fields(text: str, values: Mapping[str, Any], path: Path) -> str:
    """Return the text of a form with other values of some fields.

    All other lines, comments included, stay as they are.

    Args:
        text: Of the form.
        values: By field; None for an empty one.
        path: Of the form, for messages.

    Raises:
        UserError: The lines of a field cannot be found in the form.
    """
    import yaml

    before = _fields_of(text)
    assert isinstance(before, dict)
    changed = text if text.endswith("\n") or not text else f"{text}\n"
    for name, value in values.items():
        dumped = _dump(name, value)
        block = re.search(rf"^(['\"]?){re.escape(name)}\1{LINES}", changed, re.M)
        if block:
            changed = f"{changed[: block.start()]}{dumped}{changed[block.end() :]}"
        else:
            changed = f"{changed.rstrip()}\n\n{dumped}" if changed.strip() else dumped
    expected = before | {n: _loaded(_dump(n, v), n) for n, v in values.items()}
    try:
        right = _fields_of(changed) == expected
    except yaml.YAMLError:
        right = False
    if not right:
        shown = ", ".join(values)
        raise UserError(
            f"{path}: {shown}: cannot be changed without changing other lines. Fix:"
            " write each field as `name: text`, or as a list with a line for each item."
        )
    return changed


def blank_form(text: str) -> str:
    """Return a form with its comments and fields, and nothing filled in.

    Args:
        text: Of the form: a mapping with a field on a line of its own.
    """
    lines = text if text.endswith("\n") else f"{text}\n"
    return re.sub(rf"^(['\"]?)([\w.]+)\1{LINES}", r"\2:\n", lines, flags=re.M)


def _loaded(text: str, name: str) -> Any:
    return load_yaml(text)[name]


def _dump(name: str, value: Any) -> str:
    import yaml

    if value is None:
        return f"{name}:\n"
    if isinstance(value, bool):
        return f"{name}: {'yes' if value else 'no'}\n"
    dumped: str = yaml.safe_dump(
        {name: value}, sort_keys=False, allow_unicode=True, width=WIDTH
    )
    return dumped
