"""The text of data/schema.yaml: written, and rewritten without losing comments."""

import difflib
from typing import Any

import yaml

from reproducible_ml.datasets.adoption.yaml_text import (
    sync,
    to_text,
    yaml_with_comments,
)
from reproducible_ml.datasets.schema import Contract

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
