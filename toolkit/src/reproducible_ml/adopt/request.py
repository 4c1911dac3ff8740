"""The user's request, and the task that suits it and the target.

A request takes precedence over the table and the contract.
"""

import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from pydantic import ValidationError

from reproducible_ml.adopt.dialect import Given
from reproducible_ml.adopt.merge import as_inferred
from reproducible_ml.contract.findings import quoted
from reproducible_ml.contract.schema import Column, Contract, CsvDialect
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.params import Section
from reproducible_ml.profiling.inferred import Hints
from reproducible_ml.quality.spellings import BOOLEANS

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

Task = Literal["binary", "multiclass", "regression"]

# Of two classes, the one whose probability is usually of interest. Letters and numbers
# have a meaning only beside their opposite: 1 and 2 are codes.
POSITIVE = {"yes", "true", "positive", "pos", "ja", "oui", "si", "sí", "sim", "wahr"}
OPPOSITES = (("1", "0"), ("1", "-1"), ("+1", "-1"), ("+", "-"), *BOOLEANS)


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
    catalog: tuple[str, ...] = ()


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


class TaskChoice(NamedTuple):
    """The task, its positive class, and why."""

    task: Task
    positive: str | bool | int | None
    evidence: str


def choose_task(
    name: str,
    column: Column,
    counts: Mapping[str, int],
    task: Task | None = None,
    positive: str | None = None,
) -> TaskChoice:
    """Return the task that suits the target; a requested one must be the same.

    Args:
        name: Name of the target.
        column: Its declaration in the contract.
        counts: Rows of each class, by its text; empty for numbers.
        task: The requested one.
        positive: The requested positive class; only for a binary task.

    Raises:
        UserError: Such a column cannot be a target, or not that of the request.
    """
    classes = _classes(column)
    if not classes and column.dtype not in ("float64", "int64"):
        raise UserError(
            f"--target {name}: {quoted(name)} cannot be predicted: it holds"
            f" {_content(column)}. Name another column."
        )
    found = _task(column, classes, task)
    if task not in (None, found):
        raise UserError(
            f"--task {task}: {quoted(name)} holds {_content(column)}. Use --task"
            f" {found}, or leave it out."
        )
    if found == "binary":
        chosen, why = _positive(name, classes, counts, positive)
        return TaskChoice(found, chosen, f"two classes; {why}")
    if positive is not None:
        raise UserError(
            f"--positive {positive}: {quoted(name)} holds {_content(column)}, and only"
            " one of two classes can be positive. Leave it out."
        )
    evidence = "a number" if found == "regression" else f"{len(classes)} classes"
    return TaskChoice(found, None, evidence)


def suits_task(column: Column, task: Task) -> bool:
    """Say whether a column can be the target of a task."""
    classes = _classes(column)
    if not classes:
        return task == "regression" and column.dtype in ("float64", "int64")
    return _task(column, classes, task) == task


def _task(column: Column, classes: list[str | bool | int], task: Task | None) -> Task:
    """Return the task for these classes; two can be multiclass on request."""
    if not classes:
        return "regression"
    many = task == "multiclass" and column.dtype == "category"
    return "binary" if len(classes) == 2 and not many else "multiclass"


def _classes(column: Column) -> list[str | bool | int]:
    if column.dtype == "bool":
        return [False, True]
    return list(column.isin or ()) if column.dtype == "category" else []


def _content(column: Column) -> str:
    """Describe what a target holds."""
    words = {
        "str": "texts that are nearly all different",
        "datetime64[ns]": "dates",
        "float64": "numbers",
        "int64": "whole numbers",
        "bool": "true and false",
    }
    if column.dtype == "category":
        return f"{len(column.isin or ())} classes"
    return words.get(column.dtype, f"{column.dtype} values")


def _positive(
    name: str,
    classes: list[str | bool | int],
    counts: Mapping[str, int],
    requested: str | None,
) -> tuple[str | bool | int, str]:
    """Return the positive class: requested, or one that means yes, or the rarer."""
    for value in classes:
        if requested is not None and str(value).lower() == requested.lower():
            return value, f"positive {quoted(str(value))} as requested"
    if requested is not None:
        values = ", ".join(quoted(str(value)) for value in classes)
        raise UserError(
            f"--positive {requested}: {quoted(name)} has the classes {values}. Name one"
            " of them."
        )
    affirmative = [value for value in classes if _means_yes(value, classes)]
    if len(affirmative) == 1:
        return affirmative[0], f"positive {quoted(str(affirmative[0]))} by its meaning"
    rarer = min(reversed(classes), key=lambda value: counts.get(str(value), 0))
    (other,) = (value for value in classes if value is not rarer)
    rows = [counts.get(str(value), 0) for value in (rarer, other)]
    why = "as it is rarer" if rows[0] < rows[1] else "as both are as frequent"
    change = f"--positive {other} for the other"
    return rarer, f"positive {quoted(str(rarer))} {why}: {change}"


def _means_yes(value: str | bool | int, classes: list[str | bool | int]) -> bool:
    """Say whether a class means yes, by itself or beside the other one."""
    words = [re.sub(r"\.0*$", "", str(one).strip().lower()) for one in classes]
    word = words[classes.index(value)]
    return word in POSITIVE or any(word == yes and no in words for yes, no in OPPOSITES)
