"""Edit YAML files of people: comments, order and the way it is written stay."""

import difflib
import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import SingleQuotedScalarString

from reproducible_ml.contract.schema import Contract
from reproducible_ml.core.files import write_text

EMPTY: Mapping[str, Any] = MappingProxyType({})

# What no file says.
MEANT = object()


def yaml_with_comments() -> YAML:
    """Return a reader and writer of YAML that keeps comments, order and quotes."""
    form = YAML()
    form.preserve_quotes = True
    form.width = 100
    return form


@contextmanager
def editing(path: Path) -> Iterator[Any]:
    """Yield the content of a YAML file; if it changes, write it, comments included."""
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


def quoted(value: Any) -> Any:
    """Return the value with quotes around texts that would be read as something else.

    DVC reads YAML 1.2, where `no` is a text; PyYAML reads 1.1, where it is false.
    """
    if isinstance(value, Mapping):
        return {quoted(key): quoted(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [quoted(item) for item in value]
    if isinstance(value, str) and safe_load(value) != value:
        return SingleQuotedScalarString(value)
    return value


def safe_load(text: str) -> Any:
    """Return what YAML 1.1 makes of a text, or None if it is no YAML."""
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):
        return None


def sync(
    old: Any,
    new: Mapping[str, Any],
    defaults: Mapping[str, Any] = EMPTY,
    write: Callable[[Any], Any] = quoted,
) -> None:
    """Make a mapping equal another by changing as little as possible.

    Args:
        old: As read from a file.
        new: What it should say.
        defaults: What `new` means without a word: where `old` says so, that stays.
        write: Gives a new value the form that the readers of the file need.
    """
    for key in [key for key in old if key not in new]:
        if not _stays(old[key], defaults.get(key, MEANT)):
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


def _stays(said: Any, default: Any) -> bool:
    """Say whether what is said is meant anyway; take out of a mapping what is not."""
    if isinstance(said, dict) and isinstance(default, Mapping) and said:
        sync(said, EMPTY, default)
        return bool(said)
    return bool(said == default)


def _replace(section: Any, key: str, values: list[Any]) -> None:
    """Replace the items of a list in place: it stays on one line or on several.

    An empty one gets a line for each item, as an experiment of DVC's would write it.
    """
    items = section[key]
    if items:
        _keep_comments(section, key)
    else:
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
    """Hand the comments that follow a value to the next key, which they are about.

    ruamel.yaml keeps them with the last piece of the value before them.
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


HEADER = """\
# The data contract: which columns the table has and what they hold.
# Made from the table by `make data`, then yours to edit: docs/data/contract.md explains
# it by example. `make data` keeps your edits wherever the table honours them.
"""


def to_yaml(contract: Contract) -> str:
    """Return the contract as it stands in data/schema.yaml."""
    text = yaml.safe_dump(
        content(contract),
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=None,
        width=100,
    )
    return HEADER + text


def rewrite(text: str, contract: Contract) -> str:
    """Return the YAML text of a contract, changed to another; comments stay."""
    # The same, however it is written, is not written anew.
    if Contract.model_validate(yaml.safe_load(text)) == contract:
        return text
    old = yaml_with_comments().load(text)
    sync(old, content(contract), _plain(contract.model_dump(mode="python")))
    return to_text(old)


def content(contract: Contract) -> dict[str, Any]:
    """Return what differs from the defaults, as YAML knows it."""
    said = contract.model_dump(mode="python", exclude_defaults=True)
    columns = said.pop("columns")
    plain: dict[str, Any] = _plain(
        {"schema_type": "dataframe", **said, "strict": True, "columns": columns}
    )
    return plain


def _plain(value: Any) -> Any:
    """Return lists for tuples, as YAML knows no tuples."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def difference(old: str, new: str) -> str:
    """Return the lines by which two contracts differ, with what stands around them."""
    lines = difflib.unified_diff(
        old.splitlines(), new.splitlines(), "data/schema.yaml", "proposed", lineterm=""
    )
    return "\n".join(lines)
