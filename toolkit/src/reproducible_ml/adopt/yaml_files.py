"""Edit the user's YAML files: comments, order and layout stay."""

import difflib
import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq
from ruamel.yaml.scalarstring import SingleQuotedScalarString

from reproducible_ml.contract.schema import Contract
from reproducible_ml.core.files import write_text

EMPTY: Mapping[str, Any] = MappingProxyType({})

# Equal to no value of a file.
MISSING = object()

# Above a contract.
HEADER = """\
# The data contract: which columns the table has and what they hold.
# `rml data` wrote it for the table; now it is yours to edit (docs/data/contract.md).
# `rml data` keeps your edits wherever the table complies with them.
"""


def yaml_with_comments() -> YAML:
    """Return a reader and writer of YAML that keeps comments, order and quotes."""
    form = YAML()
    form.preserve_quotes = True
    form.width = 100
    return form


@contextmanager
def edit_yaml(path: Path) -> Iterator[Any]:
    """Yield the content of a YAML file; write it, comments included, if it changes."""
    text = path.read_text("utf-8")
    content = yaml_with_comments().load(text)
    yield content
    changed = to_text(content)
    if yaml.safe_load(changed) != yaml.safe_load(text):
        write_text(changed, path)


def to_text(content: Any) -> str:
    """Return YAML with the comments that its content was read with."""
    text = io.StringIO()
    yaml_with_comments().dump(content, text)
    return text.getvalue()


def quote_ambiguous(value: Any) -> Any:
    """Return the value with quotes around texts that YAML would read otherwise.

    DVC reads YAML 1.2, where `no` is a text; PyYAML reads 1.1, where it is false.
    """
    if isinstance(value, Mapping):
        return {
            quote_ambiguous(key): quote_ambiguous(item) for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [quote_ambiguous(item) for item in value]
    if isinstance(value, str) and _load(value) != value:
        return SingleQuotedScalarString(value)
    return value


def _load(text: str) -> Any:
    """Return a text as YAML 1.1 reads it, or None if it is not YAML."""
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):
        return None


def sync(
    old: Any,
    new: Mapping[str, Any],
    defaults: Mapping[str, Any] = EMPTY,
    write: Callable[[Any], Any] = quote_ambiguous,
) -> None:
    """Make a mapping equal to another by changing as little as possible.

    Args:
        old: As read from a file; it is changed.
        new: The content to reach.
        defaults: Values of keys that `new` leaves out: `old` keeps them if it has them.
        write: Converts a new value to the form that the file's readers need.
    """
    for key in [key for key in old if key not in new]:
        if not _stays(old[key], defaults.get(key, MISSING)):
            _keep_comments(old, key)
            del old[key]
    for key, value in new.items():
        now = old.get(key)
        if key in old and now == value:
            continue
        if isinstance(now, dict) and isinstance(value, Mapping) and value:
            sync(now, value, defaults.get(key, EMPTY), write)
        elif isinstance(now, list) and isinstance(value, list):
            _replace(old, key, write(value))
        else:
            old[write(key)] = write(value)


def _stays(value: Any, default: Any) -> bool:
    """Say whether a value is a default; remove what is not from a mapping."""
    if isinstance(value, dict) and isinstance(default, Mapping) and value:
        sync(value, EMPTY, default)
        return bool(value)
    return bool(value == default)


def _replace(section: Any, key: str, values: list[Any]) -> None:
    """Replace the items of a list in place: it stays on one line or on several.

    An empty list gets a line for each item, as a DVC experiment would write it.
    """
    items = section[key]
    if items:
        _keep_comments(section, key)
    if not values:
        # Of a list of several lines, `[]` would come after the comment of the key.
        section[key] = items = CommentedSeq()
        items.fa.set_flow_style()
        if known := section.ca.items.get(key):
            section.ca.items[key] = [None, None, known[2], None]
    elif not items:
        items.fa.set_block_style()
        for comment in filter(None, section.ca.items.get(key) or ()):
            comment.column = 0
    for place in reversed(range(len(items))):
        if items[place] not in values:
            del items[place]
    if items != values[: len(items)]:
        items[:] = values
    items.extend(values[len(items) :])


def _keep_comments(section: Any, key: str) -> None:
    """Attach the comments that follow a value to the next key, which they describe.

    ruamel.yaml attaches them to the last item of the value before them.
    """
    following = list(section)[list(section).index(key) + 1 :]
    piece: Any = section
    last: Any = key
    while isinstance(piece[last], dict | list) and not piece[last].fa.flow_style():
        if not piece[last]:
            return
        piece = piece[last]
        last = list(piece)[-1] if isinstance(piece, dict) else len(piece) - 1
    for token in filter(None, piece.ca.items.get(last) or ()):
        own, _, others = token.value.partition("\n")
        lines = [line.strip().removeprefix("#").strip() for line in others.split("\n")]
        if following and any(lines):
            place = section.lc.key(following[0])[1]
            section.yaml_set_comment_before_after_key(
                following[0], before="\n".join(filter(None, lines)), indent=place
            )
            token.value = f"{own}\n"


def contract_to_yaml(contract: Contract) -> str:
    """Return the text of data/schema.yaml for a contract."""
    text = yaml.safe_dump(
        _content(contract),
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=None,
        width=100,
    )
    return HEADER + text


def update_contract(text: str, contract: Contract) -> str:
    """Return the YAML text of a contract, changed to another one; comments stay."""
    # An equal contract is not written anew, whatever its layout.
    if Contract.model_validate(yaml.safe_load(text)) == contract:
        return text
    old = yaml_with_comments().load(text)
    sync(old, _content(contract), _plain(contract.model_dump(mode="python")))
    return to_text(old)


def _content(contract: Contract) -> dict[str, Any]:
    """Return what differs from the defaults, in types that YAML has."""
    changed = contract.model_dump(mode="python", exclude_defaults=True)
    columns = changed.pop("columns")
    plain: dict[str, Any] = _plain(
        {"schema_type": "dataframe", **changed, "strict": True, "columns": columns}
    )
    return plain


def _plain(value: Any) -> Any:
    """Return lists instead of tuples, which YAML does not have."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def contract_diff(old: str, new: str) -> str:
    """Return the lines in which two contracts differ, with their context."""
    lines = difflib.unified_diff(
        old.splitlines(), new.splitlines(), "data/schema.yaml", "proposed", lineterm=""
    )
    return "\n".join(lines)
