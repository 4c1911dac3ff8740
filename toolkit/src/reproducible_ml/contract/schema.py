"""The data contract, data/schema.yaml: which columns a table has and what they hold.

The file has the YAML format of pandera, so that pandera reads it as well. `checks` runs
the checks that are defined here several times as fast; tests compare the results.

`Data`, a section of params.yaml, says which columns have a role, such as the target.
"""

import codecs
import datetime
import math
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

import pandas as pd
from pydantic import AfterValidator, Field, model_validator

from reproducible_ml.core import keys
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.params import Label, Section, read_yaml

Dtype = Literal[
    "float64",
    "int64",
    "Int64",
    "bool",
    "boolean",
    "category",
    "str",
    "datetime64[ns]",
]
Treatment = Literal[
    "numeric",
    "categorical",
    "calendar",
    "target_encoding",
    "bag_of_words",
    "exclude",
]
CalendarField = Literal["year", "month", "day", "day_of_week", "hour", "days"]

# Features of a date; the days are those since 1970-01-01.
CALENDAR: tuple[CalendarField, ...] = get_args(CalendarField)

# Those of the time of a row: later rows have later years, but the same months, days of
# the week and hours.
PERIODIC: tuple[CalendarField, ...] = ("month", "day_of_week", "hour")

# How a model may use a column; the first is the default.
TREATMENTS: dict[Dtype, tuple[Treatment, ...]] = {
    "float64": ("numeric", "target_encoding", "exclude"),
    "int64": ("numeric", "target_encoding", "exclude"),
    "Int64": ("numeric", "target_encoding", "exclude"),
    "bool": ("numeric", "exclude"),
    "boolean": ("numeric", "exclude"),
    "category": ("categorical", "target_encoding", "exclude"),
    "datetime64[ns]": ("calendar", "exclude"),
    "str": ("exclude", "bag_of_words", "target_encoding"),
}


# Readers get this byte for a delimiter that is not a single one: the "unit separator"
# of ASCII, which does not occur in texts.
SEPARATOR = "\x1f"

# What the bounds and lists of a check must hold; categories have types of their own.
VALUE_KINDS = {
    "float64": "a number",
    "int64": "a number",
    "Int64": "a number",
    "bool": "true or false",
    "boolean": "true or false",
    "datetime64[ns]": "a date",
    "str": "text",
}
ORDERED_KINDS = ("a number", "a date")
LIMITS = (
    "greater_than",
    "greater_than_or_equal_to",
    "less_than",
    "less_than_or_equal_to",
)
BOUNDS = ("in_range", *LIMITS)
TEXT_CHECKS = ("str_matches", "str_length")


class Data(Section):
    """Section `data` of params.yaml: the task, and the roles of columns."""

    target: str
    task: Literal["binary", "multiclass", "regression"] = "binary"
    positive: Label | None = None
    id: tuple[str, ...] = ()
    group: str | None = None
    time: str | None = None

    @model_validator(mode="after")
    def _positive_belongs_to_binary(self) -> Self:
        if (self.task == "binary") != (self.positive is not None):
            raise ValueError(
                "a positive class is required for the task `binary`, and not allowed"
                " for other tasks"
            )
        return self


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"is not a regular expression: {error}") from error
    return text


def _encoding(name: str) -> str:
    try:
        # Python also has codecs that are not of text, such as base64.
        "".encode(name)
        return codecs.lookup(name).name
    except (LookupError, UnicodeError) as error:
        raise ValueError("is not an encoding known to Python") from error


def _delimiter(text: str) -> str:
    blanks = text.strip(" ") == "" and text != " "
    if blanks or re.search(r'["\r\n\0]', text):
        raise ValueError(
            "cannot delimit values; a single blank stands for any number of blanks"
        )
    return text


def _date_format(text: str) -> str:
    # pandas also takes "mixed" and "ISO8601", which match several formats.
    if "%" not in text:
        raise ValueError("has no %; a format is, for example, %d.%m.%Y")
    try:
        # A quarter, beside a Q, is read as its first month: strptime does not know it.
        known = re.sub("q%q|%qq", "%m", text, flags=re.IGNORECASE)
        pd.to_datetime(pd.Series(["?"]), format=known, errors="coerce")
    except ValueError as error:
        raise ValueError(f"is not a date format: {error}") from error
    return text


class Range(Section):
    """Bounds of numbers or dates."""

    min_value: Any
    max_value: Any
    include_min: bool = True
    include_max: bool = True


class Length(Section):
    """Bounds of the number of characters."""

    min_value: int | None = None
    max_value: int | None = None


class ColumnMetadata(Section):
    """The `metadata` of a column: how to read it and how a model uses it.

    Spellings (`missing` to `format`) apply to raw files whose values are text, such as
    CSV.
    """

    treatment: Treatment | None = None
    reason: str | None = None
    calendar: tuple[CalendarField, ...] | None = None
    missing: tuple[str, ...] = ()
    decimal: Literal[".", ","] = "."
    thousands: Literal["", ".", ",", " ", "'", "_"] = ""
    prefix: str = ""
    suffix: str = ""
    true: tuple[str, ...] = ()
    false: tuple[str, ...] = ()
    format: Annotated[str, AfterValidator(_date_format)] | None = None

    @model_validator(mode="after")
    def _separators_differ(self) -> Self:
        if self.decimal == self.thousands:
            raise ValueError("decimal and thousands must differ")
        return self


class Column(Section):
    """A column: its meaning, its type and its checks, named as in pandera."""

    title: str | None = None
    description: str | None = None
    dtype: Dtype
    nullable: bool = False
    unique: bool = False
    isin: tuple[Any, ...] | None = None
    notin: tuple[Any, ...] | None = None
    in_range: Range | None = None
    greater_than: Any = None
    greater_than_or_equal_to: Any = None
    less_than: Any = None
    less_than_or_equal_to: Any = None
    str_matches: Annotated[str, AfterValidator(_pattern)] | None = None
    str_length: Length | None = None
    metadata: ColumnMetadata = ColumnMetadata()

    @property
    def treatment(self) -> Treatment:
        """How a model uses the column."""
        return self.metadata.treatment or TREATMENTS[self.dtype][0]

    @property
    def is_used(self) -> bool:
        """Whether a model may use the column at all."""
        return self.treatment != "exclude" and self.metadata.calendar != ()


class CsvDialect(Section):
    """Format of raw files: of CSV, and columns in the names of folders.

    Attributes:
        delimiter: Between values, one character or several; a single blank stands for
            any number of blanks and tabs.
        encoding: One that Python knows.
        preamble: Number of lines before the header.
        index: Whether the first column is left out if it has no name, as the index that
            pandas writes.
        partitions: Columns whose values are in the names of folders, as in
            `year=2026/part.parquet`.
    """

    delimiter: Annotated[
        str, Field(min_length=1, max_length=8), AfterValidator(_delimiter)
    ] = ","
    encoding: Annotated[str, AfterValidator(_encoding)] = "utf-8"
    preamble: Annotated[int, Field(strict=True, ge=0)] = 0
    index: bool = False
    partitions: tuple[str, ...] = ()

    @property
    def separator(self) -> str:
        """The single byte between values in the text that readers get."""
        plain = len(self.delimiter.encode()) == 1 and self.delimiter != " "
        return self.delimiter if plain else SEPARATOR


class Contract(Section):
    """The content of data/schema.yaml: all columns, in the order of every table."""

    schema_type: Literal["dataframe"] = "dataframe"
    version: str | None = None
    name: str | None = None
    title: str | None = None
    description: str | None = None
    strict: Literal[True] = True
    metadata: CsvDialect = CsvDialect()
    columns: dict[str, Column]

    def inputs(self, data: Data) -> dict[str, Column]:
        """Return the columns that identify a row: all but the target and excluded ones.

        If all are excluded, these are all columns but the target.
        """
        others = {n: c for n, c in self.columns.items() if n != data.target}
        used = {n: c for n, c in others.items() if c.metadata.treatment != "exclude"}
        return used or others

    def features(self, data: Data) -> dict[str, Column]:
        """Return the columns that a model uses: not excluded, and without a role.

        The time of a row is one of them: its month, day of the week and hour.
        """
        roles = {data.target, *data.id, data.group}
        return {
            name: column
            for name, column in self.columns.items()
            if name not in roles and column.is_used
        }

    def measured(self, data: Data) -> list[str]:
        """Return the features without the time of a row, which says little of it."""
        return [name for name in self.features(data) if name != data.time]

    def calendar_fields(self, data: Data) -> dict[str, list[CalendarField]]:
        """Return the features that a model gets of each date."""
        return {
            name: list(
                self.columns[name].metadata.calendar
                or (PERIODIC if name == data.time else CALENDAR)
            )
            for name in self.treated("calendar", data)
        }

    def treated(self, treatment: Treatment, data: Data) -> list[str]:
        """Return the names of the features with this treatment."""
        features = self.features(data)
        return [n for n, c in features.items() if c.treatment == treatment]


def load_contract(path: Path, data: Data) -> Contract:
    """Read the contract, and validate it and the roles of columns in params.yaml.

    Raises:
        UserError: A line for each error in the contract or in the roles.
    """
    contract = read_yaml(path, Contract)
    problems = [f"{path}: {problem}" for problem in _problems(contract)]
    problems += [f"params.yaml: {p} ({path})" for p in _role_problems(contract, data)]
    if problems:
        raise UserError("\n".join(problems))
    return contract


def _problems(contract: Contract) -> list[str]:
    problems = [
        f'column "{name}": a category needs a list of its values: isin: [...]'
        for name, column in contract.columns.items()
        if column.dtype == "category" and not column.isin
    ]
    problems += [
        f'column "{name}": isin has {value!r}, but a category must be text, an integer'
        " or a boolean. Fix: quote it to make it text"
        for name, column in contract.columns.items()
        for value in column.isin or ()
        if column.dtype == "category" and not isinstance(value, str | int)
    ]
    problems += [
        f'column "{name}": isin mixes types. Fix: quote text that looks like a number'
        for name, column in contract.columns.items()
        if len({type(value) for value in column.isin or ()}) > 1
    ]
    problems += [
        f'column "{name}": treatment {column.treatment} cannot be used with'
        f" {column.dtype}, only {', '.join(TREATMENTS[column.dtype])}"
        for name, column in contract.columns.items()
        if column.treatment not in TREATMENTS[column.dtype]
    ]
    problems += [
        f'column "{name}": calendar cannot be used with the treatment'
        f" {column.treatment}, only with calendar"
        for name, column in contract.columns.items()
        if column.metadata.calendar and column.treatment != "calendar"
    ]
    problems += [
        f'column "{name}": {problem}'
        for name, column in contract.columns.items()
        for problem in check_compatibility(column)
    ]
    if keys.ROW_KEY in contract.columns:
        problems.append(
            f'column "{keys.ROW_KEY}": this name is taken, rename the column'
        )
    return problems


def _role_problems(contract: Contract, data: Data) -> list[str]:
    roles: list[tuple[str, str | None]] = [("id", name) for name in data.id]
    roles += [("target", data.target), ("group", data.group), ("time", data.time)]
    problems = [
        f'data.{role} = "{name}" is not a column of the contract'
        for role, name in roles
        if name is not None and name not in contract.columns
    ]
    target = contract.columns.get(data.target)
    if target:
        problems += _target_problems(target, data)
    time = contract.columns.get(data.time or "")
    if time and time.dtype != "datetime64[ns]":
        problems.append(f'data.time = "{data.time}" must have the dtype datetime64[ns]')
    return problems


def _target_problems(target: Column, data: Data) -> list[str]:
    problems = []
    if data.task == "binary" and target.isin and data.positive not in target.isin:
        values = ", ".join(map(repr, target.isin))
        problems.append(f"data.positive = {data.positive!r} is not one of {values}")
    suited = {"multiclass": ("category",), "regression": ("float64", "int64")}
    dtypes = suited.get(data.task)
    if dtypes and target.dtype not in dtypes:
        problems.append(
            f"data.task = {data.task} needs a target of the dtype"
            f' {" or ".join(dtypes)}, but "{data.target}" is {target.dtype}'
        )
    if target.nullable:
        problems.append(f'the target "{data.target}" must not be nullable')
    return problems


def check_compatibility(column: "Column") -> list[str]:
    """Return the problems of a column whose checks do not fit its dtype.

    Bounds are for numbers and dates, patterns and lengths are for text, and values are
    compared with values of the same kind.
    """
    kind = VALUE_KINDS.get(column.dtype)
    texts = column.dtype == "str" or {type(v) for v in column.isin or ()} == {str}
    unsupported = (
        *(() if kind in ORDERED_KINDS else BOUNDS),
        *(() if texts else TEXT_CHECKS),
    )
    problems = [
        f"{check} cannot be used with {column.dtype}"
        for check in unsupported
        if getattr(column, check) is not None
    ]
    problems += [
        f"{check} has {value!r}, which is not {kind}"
        for check, value in _compared(column)
        if kind and check not in unsupported and not _is(kind, value)
    ]
    bounds = column.in_range
    if bounds and not problems and _above(bounds.min_value, bounds.max_value):
        problems.append("in_range has a min_value above its max_value")
    return problems


def _compared(column: "Column") -> list[tuple[str, Any]]:
    """Return each value that a check compares with, after the name of the check."""
    values = [("isin", value) for value in column.isin or ()]
    values += [("notin", value) for value in column.notin or ()]
    bounds = column.in_range
    if bounds:
        values += [("in_range", bounds.min_value), ("in_range", bounds.max_value)]
    limits = [(name, getattr(column, name)) for name in LIMITS]
    return values + [(name, value) for name, value in limits if value is not None]


def _is(kind: str, value: Any) -> bool:
    if kind == "a date":
        return _is_date(value)
    if kind == "a number":
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and not math.isnan(value)
    return isinstance(value, str if kind == "text" else bool)


def _is_date(value: Any) -> bool:
    """Return whether this is a date without time zone, or the text of one."""
    if not isinstance(value, str | datetime.date):
        return False
    try:
        moment = pd.Timestamp(value)
    except ValueError:
        return False
    return not pd.isna(moment) and moment.tz is None


def _above(low: Any, high: Any) -> bool:
    if isinstance(low, int | float):
        return bool(low > high)
    return bool(pd.Timestamp(low) > pd.Timestamp(high))
