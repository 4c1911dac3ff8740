"""What the user asks for, which outweighs the table and what the contract says."""

from typing import Any, Literal, NamedTuple

from reproducible_ml.adopt.merge import as_inferred
from reproducible_ml.adopt.task import Task, suits_task
from reproducible_ml.contract.schema import Column, Contract
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.params import Section
from reproducible_ml.profiling.inferred import Hints

NUMBERS = ("float64", "int64", "Int64")
TEXTS = ("str", "category")


class Request(Section):
    """What the user asks for; None where the table is to decide."""

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

    @property
    def named(self) -> list[str]:
        """The columns that the table must have."""
        names = [self.target, *(self.id or ()), self.group, self.time, *self.text]
        return [name for name in names if name is not None]

    @property
    def hints(self) -> Hints:
        """What decides where the table leaves something open."""
        return Hints(self.target, self.task, self.day_first, self.decimal, self.text)


def apply_request(existing: Contract, inferred: Contract, wanted: Request) -> Contract:
    """Return the existing contract, changed where it says otherwise than asked for.

    Args:
        existing: As people edited it.
        inferred: What the table looks like under the same wishes.
        wanted: The wishes.
    """
    columns = dict(existing.columns)
    for name in [name for name in columns if name in inferred.columns]:
        own = inferred.columns[name]
        column = _with_missing(columns[name], own, wanted.missing)
        asked = _is_asked(name, column, own, wanted)
        columns[name] = as_inferred(column, own) if asked else column
    return existing.model_copy(update={"columns": columns})


def _is_asked(name: str, existing: Column, inferred: Column, wanted: Request) -> bool:
    """Say whether a column is to be read otherwise than the contract says."""
    if name in wanted.text:
        return existing.dtype not in TEXTS
    if name == wanted.target and wanted.task and not suits_task(existing, wanted.task):
        return True
    old, new = existing.metadata, inferred.metadata
    both = {existing.dtype, inferred.dtype}
    if wanted.day_first is not None and both == {"datetime64[ns]"}:
        return old.format != new.format
    signs = (old.decimal, old.thousands) != (new.decimal, new.thousands)
    return wanted.decimal is not None and both <= {*NUMBERS} and signs


def _with_missing(
    existing: Column, inferred: Column, missing: tuple[str, ...]
) -> Column:
    """Return the column with the texts that were asked for and that occur in it.

    They are categories no longer, as those are read as values.
    """
    asked = {text.strip() for text in missing}
    rest = [value for value in existing.isin or () if str(value).strip() not in asked]
    if rest:
        existing = existing.model_copy(update={"isin": tuple(rest)})
    found = [text for text in inferred.metadata.missing if text.strip() in asked]
    spelled = tuple(dict.fromkeys([*existing.metadata.missing, *found]))
    notes = existing.metadata.model_copy(update={"missing": spelled})
    return existing.model_copy(update={"metadata": notes})


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
    query: str | None = None
    key: str | None = None
    dry_run: bool = False
    yes: bool = False


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())


def read_request(options: Options, known: str | None) -> Request:
    """Return what is wanted; the target is the known one if none is named."""
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
    )
