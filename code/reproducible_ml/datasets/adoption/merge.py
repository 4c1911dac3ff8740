"""A contract that people edited, brought up to date with a table that changed.

What people wrote stays wherever the table honours it. Where it does not, as little as
possible changes: a category more, a wider range, a value that may now be missing.
"""

import difflib
from collections.abc import Collection
from typing import Any

import yaml

from reproducible_ml.datasets.adoption.configure import (
    quoted,
    to_text,
    yaml_with_comments,
)
from reproducible_ml.datasets.schema import TREATMENTS, Column, Contract

HEADER = """\
# The data contract: which columns the table has and what they hold.
# Made from the table by `make data`, then yours to edit: docs/data/contract.md explains
# it by example. `make data` keeps your edits wherever the table honours them.
"""

BOUNDS = (
    "in_range",
    "greater_than",
    "greater_than_or_equal_to",
    "less_than",
    "less_than_or_equal_to",
    "str_length",
    "str_matches",
)


def merge(existing: Contract, inferred: Contract, broken: Collection[str]) -> Contract:
    """Return the existing contract, changed only where the table asks for it.

    Args:
        existing: As it stands in data/schema.yaml.
        inferred: What the table looks like by itself.
        broken: Columns in which the table does not honour the existing contract.
    """
    columns = {
        name: _column(existing.columns.get(name), column, broken=name in broken)
        for name, column in inferred.columns.items()
    }
    # People may have sorted the columns, so those that stay keep their order.
    kept = [name for name in existing.columns if name in columns]
    added = [name for name in columns if name not in existing.columns]
    ordered = {name: columns[name] for name in [*kept, *added]}
    return existing.model_copy(
        update={"columns": ordered, "metadata": inferred.metadata}
    )


def _column(existing: Column | None, inferred: Column, *, broken: bool) -> Column:
    if existing is None:
        return inferred
    if not broken:
        return existing
    if existing.dtype != inferred.dtype:
        return _as_inferred(existing, inferred)
    return existing.model_copy(update=_widened(existing, inferred))


def _as_inferred(existing: Column, inferred: Column) -> Column:
    """Return the inferred column with what people say of it, as far as it suits."""
    said: dict[str, Any] = {
        "title": existing.title,
        "description": existing.description,
    }
    treatment = existing.metadata.treatment
    if treatment in TREATMENTS[inferred.dtype]:
        notes = inferred.metadata.model_copy(update={"treatment": treatment})
        said["metadata"] = notes
    return inferred.model_copy(update=said)


def _widened(existing: Column, inferred: Column) -> dict[str, Any]:
    """Return the checks that no longer hold, as the table asks for them."""
    changed: dict[str, Any] = {"nullable": existing.nullable or inferred.nullable}
    changed["unique"] = existing.unique and inferred.unique
    if existing.isin:
        known = list(existing.isin)
        new = [value for value in inferred.isin or () if value not in known]
        changed["isin"] = tuple(known + new)
    if any(getattr(existing, name) is not None for name in BOUNDS):
        changed |= {name: getattr(inferred, name) for name in BOUNDS}
    spellings = dict.fromkeys([*existing.metadata.missing, *inferred.metadata.missing])
    notes = inferred.metadata.model_dump(exclude={"treatment", "reason", "missing"})
    changed["metadata"] = existing.metadata.model_copy(
        update={**notes, "missing": tuple(spellings)}
    )
    return changed


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
    old = yaml_with_comments().load(text)
    sync(old, content(contract))
    return to_text(old)


def sync(old: Any, new: dict[str, Any]) -> None:
    """Make a mapping equal another by changing as little as possible."""
    for key in [key for key in old if key not in new]:
        del old[key]
    for key, value in new.items():
        if isinstance(value, dict) and isinstance(old.get(key), dict):
            sync(old[key], value)
        elif key not in old or old[key] != value:
            old[quoted(key)] = quoted(value)


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
