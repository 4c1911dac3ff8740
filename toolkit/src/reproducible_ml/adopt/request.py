"""The user's request: it takes precedence over the table and the contract."""

import re
from typing import Any, Literal, NamedTuple

from pydantic import ValidationError

from reproducible_ml.adopt.dialect import Given
from reproducible_ml.adopt.merge import as_inferred
from reproducible_ml.adopt.task import Task, suits_task
from reproducible_ml.contract.schema import Column, Contract, CsvDialect
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.params import Section
from reproducible_ml.profiling.inferred import Hints

DELIMITER_NAMES = {
    "comma": ",",
    "semicolon": ";",
    "tab": "\t",
    "bar": "|",
    **dict.fromkeys(["blank", "blanks", "space", "spaces", "whitespace"], " "),
}
ESCAPE = re.compile(r"(\\t|\\x[0-9a-fA-F]{2})+")

NUMBERS = ("float64", "int64", "Int64")
TEXTS = ("str", "category")


class Request(Section):
    """What the user asks for; None where the table decides."""

    target: str
    task: Task | None = None
    positive: str | None = None
    id: tuple[str, ...] | None = None
    group: str | None = None
    time: str | None = None
    day_first: bool | None = None
    decimal: Literal[".", ","] | None = None
    text: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    encoding: str | None = None
    delimiter: str | None = None

    @property
    def named(self) -> list[str]:
        """The columns that the table must have."""
        names = [self.target, *(self.id or ()), self.group, self.time, *self.text]
        return [name for name in names if name is not None]

    @property
    def hints(self) -> Hints:
        """What decides where the table is ambiguous."""
        return Hints(self.target, self.task, self.day_first, self.decimal, self.text)

    @property
    def given(self) -> Given:
        """How the files are written."""
        return Given(self.encoding, self.delimiter)


class Options(NamedTuple):
    """Options of `rml data`, as they were typed; lists are separated by commas."""

    source: str | None = None
    target: str | None = None
    task: Task | None = None
    positive: str | None = None
    id: str | None = None
    group: str | None = None
    time: str | None = None
    name: str | None = None
    dates: str | None = None
    decimal: str | None = None
    text: str | None = None
    missing: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    query: str | None = None
    key: str | None = None
    dry_run: bool = False
    yes: bool = False


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())


def read_request(options: Options, known: str | None) -> Request:
    """Return the request that the options make.

    Args:
        options: As they were typed.
        known: The present target, which stays if the options name none.

    Raises:
        UserError: There is no target.
    """
    target = options.target or known
    if target is None:
        raise UserError("name the column to predict: rml data SOURCE --target COLUMN")
    signs: dict[str | None, Any] = {"comma": ",", "point": ".", None: None}
    return Request(
        target=target,
        task=options.task,
        positive=options.positive,
        id=None if options.id is None else _names(options.id),
        group=options.group,
        time=options.time,
        day_first=options.dates == "day-first" if options.dates else None,
        decimal=signs[options.decimal],
        text=_names(options.text),
        missing=_names(options.missing),
        **read_given(options)._asdict(),
    )


def read_given(options: Options) -> Given:
    """Return how the files are written, as the options say.

    Raises:
        UserError: Python does not know the encoding, or no file can have the delimiter.
    """
    given = Given(options.encoding, _delimiter(options.delimiter))
    values = {key: text for key, text in given._asdict().items() if text is not None}
    try:
        dialect = CsvDialect(**values)
    except ValidationError as error:
        found = error.errors()[0]
        problem = found["msg"].removeprefix("Value error, ")
        raise UserError(
            f"--{found['loc'][0]} {found['input']!r}: {problem}."
        ) from error
    return given._replace(encoding=dialect.encoding if options.encoding else None)


def _delimiter(typed: str | None) -> str | None:
    """Return the delimiter that was typed as itself, by name, or as an escape."""
    if typed is None:
        return None
    if ESCAPE.fullmatch(typed):
        return typed.encode().decode("unicode_escape")
    if typed.isspace() and "\t" not in typed:
        return " "
    return DELIMITER_NAMES.get(typed.lower(), typed)


def apply_request(existing: Contract, inferred: Contract, request: Request) -> Contract:
    """Return the existing contract, changed where it contradicts the request.

    Args:
        existing: As users edited it.
        inferred: InferredColumn from the table under the same request.
        request: What the user asks for.
    """
    columns = dict(existing.columns)
    for name in [name for name in columns if name in inferred.columns]:
        own = inferred.columns[name]
        column = _with_missing(columns[name], own, request.missing)
        asked = _is_asked(name, column, own, request)
        columns[name] = as_inferred(column, own) if asked else column
    return existing.model_copy(update={"columns": columns})


def _is_asked(name: str, existing: Column, inferred: Column, request: Request) -> bool:
    """Say whether the request changes how a column is read."""
    if name in request.text:
        return existing.dtype not in TEXTS
    if (
        name == request.target
        and request.task
        and not suits_task(existing, request.task)
    ):
        return True
    old, new = existing.metadata, inferred.metadata
    both = {existing.dtype, inferred.dtype}
    if request.day_first is not None and both == {"datetime64[ns]"}:
        return old.format != new.format
    signs = (old.decimal, old.thousands) != (new.decimal, new.thousands)
    return request.decimal is not None and both <= {*NUMBERS} and signs


def _with_missing(
    existing: Column, inferred: Column, missing: tuple[str, ...]
) -> Column:
    """Return the column with those of the requested missing values that it has.

    They are no longer categories, which would be read as values.
    """
    requested = {text.strip() for text in missing}
    values = existing.isin or ()
    rest = [value for value in values if str(value).strip() not in requested]
    if rest:
        existing = existing.model_copy(update={"isin": tuple(rest)})
    found = [text for text in inferred.metadata.missing if text.strip() in requested]
    spelled = tuple(dict.fromkeys([*existing.metadata.missing, *found]))
    notes = existing.metadata.model_copy(update={"missing": spelled})
    return existing.model_copy(update={"metadata": notes})
