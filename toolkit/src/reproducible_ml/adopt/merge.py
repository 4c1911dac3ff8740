"""Bring an edited contract up to date with a table that changed.

Edits stay wherever the table complies with them. Elsewhere, as little as possible
changes: one more category, a wider range, a column that may now have missing values.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import pandas as pd
import pyarrow as pa

from reproducible_ml.contract.checks import NOT_NULL
from reproducible_ml.contract.findings import MAX_LISTED, Finding
from reproducible_ml.contract.schema import (
    TREATMENTS,
    Column,
    Contract,
    Dtype,
    Length,
    Range,
)
from reproducible_ml.quality.advice import REPEATED, ROUNDED, UNREADABLE
from reproducible_ml.reading.values import convert

# Kinds of findings that make a column unreadable under its declared type.
OTHER_TYPE = {UNREADABLE, ROUNDED, "type"}

# Types that allow missing values, by the type that does not.
WITH_MISSING: dict[Dtype, Dtype] = {"int64": "Int64", "bool": "boolean"}


def merge(existing: Contract, inferred: Contract) -> Contract:
    """Return the existing contract with the columns that the table has.

    Args:
        existing: As in data/schema.yaml.
        inferred: From the table alone.
    """
    # Users may have sorted the columns, so those that stay keep their order.
    kept = {n: c for n, c in existing.columns.items() if n in inferred.columns}
    if not kept:
        return inferred
    added = {n: c for n, c in inferred.columns.items() if n not in kept}
    changes = {"columns": kept | added, "metadata": inferred.metadata}
    return existing.model_copy(update=changes)


def widen(
    contract: Contract, inferred: Contract, findings: Sequence[Finding]
) -> Contract:
    """Return the contract, widened to allow the values that break it.

    Args:
        contract: One that the table breaks.
        inferred: From the table alone.
        findings: Those of `validate_table`, each in one column.
    """
    found: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        if finding.column in contract.columns:
            found[finding.column].append(finding)
    columns = {
        name: _widened(column, inferred.columns[name], found[name])
        for name, column in contract.columns.items()
    }
    return contract.model_copy(update={"columns": columns})


def as_inferred(existing: Column, inferred: Column) -> Column:
    """Return the inferred column with the words and the treatment of the existing one.

    The treatment stays only if it is one for the inferred type.
    """
    notes = inferred.metadata
    if existing.metadata.treatment in TREATMENTS[inferred.dtype]:
        kept = existing.metadata.model_dump(include={"treatment", "reason"})
        notes = notes.model_copy(update=kept)
    if "calendar" in TREATMENTS[inferred.dtype]:
        notes = notes.model_copy(update={"calendar": existing.metadata.calendar})
    words = existing.model_dump(include={"title", "description"})
    return inferred.model_copy(update={**words, "metadata": notes})


def reads_alike(column: Column, other: Column, *, missing: bool = True) -> bool:
    """Say whether two columns read a file's texts as the same values.

    Args:
        column: One of them.
        other: The other.
        missing: Whether the texts that mean a missing value must be the same.
    """
    ignored = {"treatment", "reason", "calendar"} | (set() if missing else {"missing"})
    read = [
        (WITH_MISSING.get(c.dtype, c.dtype), c.metadata.model_dump(exclude=ignored))
        for c in (column, other)
    ]
    return read[0] == read[1]


def _widened(column: Column, inferred: Column, findings: list[Finding]) -> Column:
    """Return the column without the rules that the findings break."""
    texts: dict[str, list[str]] = defaultdict(list)
    for finding in findings:
        # A check's kind has its bounds: in_range(0, 120).
        texts[finding.kind.partition("(")[0]].append(finding.value or "")
    too_many = len(texts["isin"]) >= MAX_LISTED and inferred.dtype != "category"
    if OTHER_TYPE & texts.keys() or too_many:
        return as_inferred(column, inferred)
    changed: dict[str, Any] = {}
    for rule, values in texts.items():
        if values:
            changed |= _allowing(rule, values, column, inferred)
    return column.model_copy(update=changed)


def _allowing(
    rule: str, texts: list[str], column: Column, inferred: Column
) -> dict[str, Any]:
    """Return changes of a column after which texts no longer break a rule."""
    if rule == NOT_NULL:
        dtype = WITH_MISSING.get(column.dtype, column.dtype)
        return {"nullable": True, "dtype": dtype}
    if rule == REPEATED:
        return {"unique": False}
    if rule not in Column.model_fields:
        return {}
    values = convert(pa.array(texts), column).to_pylist()
    if rule == "isin":
        return {"isin": (*(column.isin or ()), *sorted(values))}
    if rule == "notin":
        return {"notin": tuple(v for v in column.notin or () if v not in values)}
    if column.in_range and rule == "in_range":
        return {"in_range": _wider(column.in_range, inferred.in_range, values)}
    if column.str_length and rule == "str_length":
        lengths = list(map(len, texts))
        return {rule: _longer(column.str_length, inferred.str_length, lengths)}
    own = getattr(inferred, rule)
    # The inferred rule may be the very one that the texts break.
    return {rule: own if own != getattr(column, rule) else None}


def _wider(bounds: Range, inferred: Range | None, values: list[Any]) -> Range:
    """Return the range, extended to hold the values."""
    dates = isinstance(values[0], pd.Timestamp)
    low, high = min(values), max(values)
    least, most = bounds.min_value, bounds.max_value
    changed: dict[str, Any] = {}
    if low <= (pd.Timestamp(least) if dates else least):
        end = low.date() if dates else low
        changed["min_value"] = min(inferred.min_value, end) if inferred else end
        changed["include_min"] = True
    if high >= (pd.Timestamp(most) if dates else most):
        end = high.ceil("D").date() if dates else high
        changed["max_value"] = max(inferred.max_value, end) if inferred else end
        changed["include_max"] = True
    return bounds.model_copy(update=changed)


def _longer(length: Length, inferred: Length | None, lengths: list[int]) -> Length:
    """Return the bounds of lengths, extended to hold the lengths."""
    changed = {}
    if length.min_value is not None and min(lengths) < length.min_value:
        changed["min_value"] = min(lengths)
    if length.max_value is not None and max(lengths) > length.max_value:
        own = inferred.max_value if inferred else None
        changed["max_value"] = max(own or 0, *lengths)
    return length.model_copy(update=changed)
