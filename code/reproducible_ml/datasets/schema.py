"""The data contract, data/schema.yaml: which columns a table has and what they hold.

It is pandera's YAML form. `validate` gives it to pandera; all others need only what
is modelled here, and are spared the import.
"""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator

from reproducible_ml.datasets import keys
from reproducible_ml.errors import UserError
from reproducible_ml.params import Data, Section, read_yaml

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
Kind = Literal["numeric", "categorical", "datetime", "text"]

KINDS: dict[Dtype, Kind] = {
    "float64": "numeric",
    "int64": "numeric",
    "Int64": "numeric",
    "bool": "numeric",
    "boolean": "numeric",
    "category": "categorical",
    "datetime64[ns]": "datetime",
    "str": "text",
}


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"is not a pattern: {error}") from error
    return text


class Range(Section):
    """Bounds of a number or a date."""

    min_value: Any
    max_value: Any
    include_min: bool = True
    include_max: bool = True


class Length(Section):
    """Bounds of the number of characters."""

    min_value: int | None = None
    max_value: int | None = None


class Column(Section):
    """One column: what it means, what it holds, and pandera's checks by their names."""

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

    @property
    def kind(self) -> Kind:
        """What a model makes of it."""
        return KINDS[self.dtype]


class Contract(Section):
    """All columns, in the order every table has them."""

    schema_type: Literal["dataframe"] = "dataframe"
    version: str | None = None
    name: str | None = None
    title: str | None = None
    description: str | None = None
    strict: Literal[True] = True
    columns: dict[str, Column]

    def inputs(self, data: Data) -> dict[str, Column]:
        """Return the columns that say something about a row: all but the target."""
        return {n: c for n, c in self.columns.items() if n != data.target}

    def features(self, data: Data) -> dict[str, Column]:
        """Return the columns a model may use: those without a role."""
        roles = {data.target, *data.id, data.group, data.time}
        return {n: c for n, c in self.columns.items() if n not in roles}

    def of_kind(self, kind: Kind, data: Data) -> list[str]:
        """Return the names of the features of one kind."""
        return [n for n, c in self.features(data).items() if c.kind == kind]


def load_contract(path: Path, data: Data) -> Contract:
    """Read the contract and hold it against the roles in params.yaml.

    Raises:
        UserError: A line for each mistake in the contract or in the roles.
    """
    contract = read_yaml(path, Contract)
    problems = [f"{path}: {problem}" for problem in _problems(contract)]
    problems += [f"params.yaml: {p} ({path})" for p in _role_problems(contract, data)]
    if problems:
        raise UserError("\n".join(problems))
    return contract


def _problems(contract: Contract) -> list[str]:
    problems = [
        f'column "{name}": a category needs its values: isin: [...]'
        for name, column in contract.columns.items()
        if column.dtype == "category" and not column.isin
    ]
    problems += [
        f'column "{name}": isin holds {value!r}; a category is text, a whole number or'
        " true or false (quote it to make it text)"
        for name, column in contract.columns.items()
        for value in column.isin or ()
        if column.dtype == "category" and not isinstance(value, str | int)
    ]
    problems += [
        f'column "{name}": isin mixes types; quote the texts that look like numbers'
        for name, column in contract.columns.items()
        if len({type(value) for value in column.isin or ()}) > 1
    ]
    if keys.NAME in contract.columns:
        problems.append(f'column "{keys.NAME}": this name is taken, rename the column')
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
    if target and target.isin and data.positive not in target.isin:
        values = ", ".join(map(repr, target.isin))
        problems.append(f"data.positive = {data.positive!r} is not one of {values}")
    time = contract.columns.get(str(data.time))
    if time and time.dtype != "datetime64[ns]":
        problems.append(f'data.time = "{data.time}" must have the dtype datetime64[ns]')
    if target and target.nullable:
        problems.append(f'the target "{data.target}" must not be nullable')
    return problems
