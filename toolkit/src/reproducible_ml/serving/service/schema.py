"""JSON Schema of rows and answers, from the contract: for the OpenAPI description."""

import math
from typing import Any

from reproducible_ml.contract.checks import format_rule
from reproducible_ml.contract.schema import Column
from reproducible_ml.serving.examples import example
from reproducible_ml.serving.model import Model
from reproducible_ml.serving.records import TIME, date_column

# What the web page asks for, which JSON Schema cannot say: date, local or utc.
TIME_KIND = "x-time"

KINDS = {
    "float64": "number",
    "int64": "integer",
    "Int64": "integer",
    "bool": "boolean",
    "boolean": "boolean",
    "str": "string",
    "datetime64[ns]": "string",
}

LIMITS = {
    "greater_than": "exclusiveMinimum",
    "greater_than_or_equal_to": "minimum",
    "less_than": "exclusiveMaximum",
    "less_than_or_equal_to": "maximum",
}


def record_schema(model: Model) -> dict[str, Any]:
    """Return the schema of a row: an object with a key for each column."""
    identifying = [name for name in model.keys if name not in model.needed.columns]
    columns = {n: model.contract.columns[n] for n in [*model.features, *identifying]}
    return {
        "type": "object",
        "title": model.contract.name or "Row",
        "description": " ".join(
            filter(
                None,
                [
                    model.contract.description,
                    "A missing value is null. Other keys are ignored.",
                ],
            )
        ),
        "properties": {
            name: column_schema(column, any_category=model.unseen == "missing")
            for name, column in columns.items()
        },
        "required": list(model.features),
    }


def column_schema(column: Column, *, any_category: bool = False) -> dict[str, Any]:
    """Return the schema of a value.

    Args:
        column: Its column in the contract.
        any_category: Whether a category that the contract does not have is accepted.
    """
    schema = _type_of(column, any_category=any_category)
    notes = [column.description, *_notes(column)]
    if examples := _examples(column, any_category=any_category):
        schema["examples"] = examples
    if column.title:
        schema["title"] = column.title
    if description := ". ".join(filter(None, notes)):
        schema["description"] = description
    if column.nullable:
        schema["type"] = [schema["type"], "null"]
        if "enum" in schema:
            schema["enum"] = [*schema["enum"], None]
    return schema


def _type_of(column: Column, *, any_category: bool) -> dict[str, Any]:
    if column.dtype == "category":
        values = list(column.isin or ())
        kinds: dict[type, str] = {str: "string", bool: "boolean", int: "integer"}
        schema: dict[str, Any] = {"type": kinds[type(values[0])]}
        return schema if any_category else schema | {"enum": values}
    schema = {"type": KINDS[column.dtype]}
    if column.dtype == "datetime64[ns]":
        return schema | {"pattern": f"^{TIME.pattern}$", TIME_KIND: _time_kind(column)}
    schema |= _bounds(column)
    if column.isin is not None:
        schema["enum"] = list(column.isin)
    if column.notin:
        schema["not"] = {"enum": list(column.notin)}
    if column.str_matches:
        schema["pattern"] = f"^(?:{column.str_matches})"
    if length := column.str_length:
        bounds = {"minLength": length.min_value, "maxLength": length.max_value}
        schema |= {name: value for name, value in bounds.items() if value is not None}
    return schema


def _examples(column: Column, *, any_category: bool) -> list[Any]:
    if column.dtype == "category" and any_category:
        return list(column.isin or ())
    value = example(column)
    if column.dtype == "datetime64[ns]" and value is not None:
        kind = _time_kind(column)
        value = value[:10] if kind == "date" else value + "Z" * (kind == "utc")
    return [] if value is None else [value]


def _time_kind(column: Column) -> str:
    """Return what the page asks for: a date, a time, or a time in UTC."""
    form = column.metadata.format
    if date_column(column).metadata.format:
        return "utc"
    return "date" if form and "%H" not in form and "%I" not in form else "local"


def _bounds(column: Column) -> dict[str, Any]:
    found = {key: getattr(column, check) for check, key in LIMITS.items()}
    if limits := column.in_range:
        low = "minimum" if limits.include_min else "exclusiveMinimum"
        high = "maximum" if limits.include_max else "exclusiveMaximum"
        found |= {low: limits.min_value, high: limits.max_value}
    return {
        key: value
        for key, value in found.items()
        if isinstance(value, int | float) and math.isfinite(value)
    }


def _notes(column: Column) -> list[str]:
    """Return what a schema cannot say of dates."""
    if column.dtype != "datetime64[ns]":
        return []
    zone = "with" if date_column(column).metadata.format else "without"
    example = "2026-01-31T23:59:59" + ("+01:00" if zone == "with" else "")
    bounds = [
        format_rule(check, value)
        for check in ("in_range", *LIMITS, "isin", "notin")
        if (value := getattr(column, check)) is not None
    ]
    return [f"A date or time {zone} an offset from UTC, as {example}", *bounds]


def answer_schema(model: Model) -> dict[str, Any]:
    """Return the schema of an answer; the project may add columns to it."""
    target = model.contract.columns[model.data.target]
    title = {"title": target.title or model.data.target}
    if model.data.task == "regression":
        columns: dict[str, Any] = {"prediction": {"type": ["number", "null"]} | title}
        return {"type": "object", "properties": columns}
    names = model.task.names
    if model.data.task == "multiclass":
        titles = {f"probability_{name}": name for name in names.values()}
    else:
        titles = {"probability": f"Probability of {names[True]}"}
    share = {"type": ["number", "null"], "minimum": 0, "maximum": 1}
    columns = {"prediction": {"type": "string"} | title}
    columns |= {name: share | {"title": text} for name, text in titles.items()}
    return {"type": "object", "properties": columns}
