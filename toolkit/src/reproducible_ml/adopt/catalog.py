"""Fill in data/catalog.yaml: ask people, and note what identifies the table."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import click

from reproducible_ml.adopt.catalog_questions import (
    ask_for,
    ask_terminal,
    check_columns,
    is_asked,
    parse_settings,
)
from reproducible_ml.adopt.configure import is_edited, raw_table
from reproducible_ml.card.catalog import (
    CATALOG,
    Catalog,
    RawTable,
    empty_catalog,
    empty_fields,
    read_catalog,
    unknown_columns,
)
from reproducible_ml.card.forms import parse_form, set_fields
from reproducible_ml.contract.schema import Contract, Data, load_contract
from reproducible_ml.core.errors import UserError, one_line
from reproducible_ml.core.files import write_text
from reproducible_ml.core.project import CONTRACT, Project
from reproducible_ml.profiling.personal import Personal, find_by_values, find_personal
from reproducible_ml.versioning.dvc import read_pointer
from reproducible_ml.versioning.git import Revision
from reproducible_ml.versioning.lock import LOCK, locked_stages

VALIDATION = Path("reports/validation.json")
VALIDATED = Path("data/interim/validated")

# Columns that look personal and are named one by one.
MOST = 20


def write_catalog(
    answers: Mapping[str, Any], table: RawTable | None, path: Path = CATALOG
) -> Catalog:
    """Write answers, and what identifies the table, into the catalog.

    Raises:
        UserError: The catalog would not be valid; nothing was written.
    """
    exists = path.is_file()
    old = path.read_text("utf-8") if exists else empty_catalog()
    values = dict(answers)
    if table is not None:
        values["table"] = table.model_dump(mode="json")
    text = set_fields(old, values, path) if values else old
    found = parse_form(text, Catalog, path)
    if text != old or not exists:
        write_text(text, path)
    return found


def recorded_table(root: Path) -> RawTable | None:
    """Return the raw table as DVC records it, None if DVC does not know it yet.

    A table of one's own is in its .dvc file, that of the sample in dvc.lock. How many
    rows it has is known if the pipeline has read this version.
    """
    path = raw_table(root / "dvc.yaml")
    lock = Revision(root).yaml(LOCK)
    read = _locked(lock, "validate", "deps", path)
    pointer = root / path.with_name(f"{path.name}.dvc")
    out = next(iter(read_pointer(pointer).get("outs") or []), None)
    if out is None:
        out = read or _locked(lock, "sample", "outs", path)
    if not out or "md5" not in out:
        return None
    rows = None
    if read and read.get("md5") == out["md5"] and (root / VALIDATION).is_file():
        rows = (Revision(root).json(str(VALIDATION)) or {}).get("rows")
    return RawTable(
        path=path.as_posix(), md5=out["md5"], bytes=int(out.get("size", 0)), rows=rows
    )


def _locked(lock: Any, stage: str, kind: str, path: Path) -> dict[str, Any] | None:
    for item in locked_stages(lock or {}).get(stage, {}).get(kind) or ():
        if isinstance(item, dict) and item.get("path") == path.as_posix():
            return item
    return None


def describe_stale(catalog: Catalog, now: RawTable | None) -> list[str]:
    """Return what the catalog says of another version of the table, a line each."""
    known = catalog.table
    fix = "Fix: rml catalog"
    if now is None:
        return []
    if known is None:
        return [f"{CATALOG}, table: is empty, but {now.path} is known. {fix}"]
    place = f"{CATALOG}, table"
    if known.path != now.path:
        return [
            f"{place}: is about {one_line(known.path)}, but the table is"
            f" {one_line(now.path)}. {fix}"
        ]
    return [
        f"{place}.{name}: is {getattr(known, name)}, but DVC recorded"
        f" {getattr(now, name)}: it is about another version of {now.path}. {fix}"
        for name in ("md5", "bytes", "rows")
        if getattr(now, name) is not None and getattr(known, name) != getattr(now, name)
    ][:1]


def found_personal(
    catalog: Catalog, contract: Contract, params: Mapping[str, Any]
) -> list[Personal]:
    """Return the columns that look as if they were about a person.

    Args:
        catalog: What the values look like, if that was noted.
        contract: Of the table.
        params: Of params.yaml: groups of people that are compared are about people.
    """
    by_values = catalog.table.looks_personal if catalog.table else {}
    found = find_personal(contract.columns, by_values)
    evaluate = params.get("evaluate")
    protected = (evaluate if isinstance(evaluate, Mapping) else {}).get("protected")
    names = protected if isinstance(protected, Mapping) else {}
    known = {each.column for each in found}
    return found + [
        Personal(name, "a group of people", "evaluate.protected in params.yaml")
        for name in contract.columns
        if name in names and name not in known
    ]


def describe_undeclared(
    catalog: Catalog, contract: Contract, params: Mapping[str, Any]
) -> list[str]:
    """Return a warning for each column that looks personal and is not declared."""
    lines = [
        f'{CATALOG}: column "{one_line(each.column)}" looks like {each.kind}, by'
        f" {each.by}, and is not declared. Fix: add it to personal_columns or to"
        " not_personal"
        for each in found_personal(catalog, contract, params)
        if not catalog.declares(each.column)
    ]
    more = f"{CATALOG}: {len(lines) - MOST} more columns look like it, undeclared"
    return lines if len(lines) <= MOST else [*lines[:MOST], more]


def describe_empty(catalog: Catalog) -> list[str]:
    """Return a warning if fields say nothing."""
    if not (names := empty_fields(catalog)):
        return []
    return [
        f"{CATALOG}: {', '.join(names)} {'is' if len(names) == 1 else 'are'} empty."
        " Fix: fill in, or run `rml catalog` in a terminal"
    ]


def check_catalog(project: Project, *, before_run: bool = False) -> list[str]:
    """Check the catalog against the contract and DVC; return the warnings.

    Args:
        project: The project.
        before_run: The pipeline is about to run: what is out of date is a warning.

    Raises:
        UserError: A line for each error.
    """
    root = project.root
    if not (root / CATALOG).is_file():
        raise UserError(f"{CATALOG}: does not exist. Fix: rml catalog")
    catalog = read_catalog(root / CATALOG)
    contract = load_contract(root / CONTRACT, _data(project))
    errors = unknown_columns(catalog, contract.columns)
    now = recorded_table(root)
    stale = describe_stale(catalog, now)
    errors += [] if before_run else stale
    if errors:
        raise UserError("\n".join(errors))
    if now is None and catalog.table:
        stale.append(
            f"{CATALOG}, table: was not compared, as dvc.lock does not have the table."
            " Fix: make repro"
        )
    undeclared = describe_undeclared(catalog, contract, _params(root))
    return [*stale, *undeclared, *describe_empty(catalog)]


def _params(root: Path) -> dict[str, Any]:
    return Revision(root).yaml("params.yaml")


def _data(project: Project) -> Data:
    from reproducible_ml.core.files import PARAMS
    from reproducible_ml.core.params import load_section

    return load_section(Data, project.root / PARAMS)


class NewCatalog(NamedTuple):
    """What is to be written into the catalog once the table is in the project.

    Attributes:
        root: Of the project.
        contract: Of the table.
        answers: What people said.
        rows: Of the table.
        looks_personal: Columns whose values look like those of people, and as what.
        before: Of which table the catalog was; None if of none.
    """

    root: Path
    contract: Contract
    answers: dict[str, Any]
    rows: int
    looks_personal: dict[str, str]
    before: str | None


def prepare_catalog(
    project: Project,
    contract: Contract,
    table: Path,
    checked: Path,
    rows: int,
    settings: Mapping[str, Any],
) -> NewCatalog:
    """Return what the catalog is to say of a table; ask on a terminal if it is new.

    Args:
        project: Whose root is the current folder.
        contract: Of the table.
        table: Where the table will be.
        checked: The table, cast to the contract.
        rows: Of the table.
        settings: What was typed as options: then nothing is asked.
    """
    check_columns(settings, contract)
    found = find_by_values(checked, contract)
    # What the sample's says is about the sample alone.
    sample = str(CATALOG) in project.sample and not is_edited(
        project.root, str(CATALOG)
    )
    known = Catalog() if sample else read_catalog(CATALOG)
    before = known.table.path if known.table else None
    answers = dict(settings)
    # It was asked before if the same table is read again.
    if not answers and before != table.as_posix() and is_asked():
        looks = find_personal(contract.columns, found)
        click.echo("\ndata/catalog.yaml: Enter leaves a field empty.")
        answers = ask_for(known, looks, contract.columns, ask_terminal, click.echo)
    # Here, as nothing has been changed yet.
    old = CATALOG.read_text("utf-8") if CATALOG.is_file() and not sample else ""
    parse_form(set_fields(old or empty_catalog(), answers, CATALOG), Catalog, CATALOG)
    return NewCatalog(project.root, contract, answers, rows, found, before)


def write_catalog_of(new: NewCatalog) -> Catalog:
    """Write the catalog of the table that the project now has."""
    table = recorded_table(new.root)
    if table is not None:
        more = {"rows": new.rows, "looks_personal": new.looks_personal}
        table = table.model_copy(update=more)
    return write_catalog(new.answers, table)


def describe_catalog(catalog: Catalog, new: NewCatalog) -> list[str]:
    """Return what is wrong with a catalog that was written, a line each."""
    lines = unknown_columns(catalog, new.contract.columns)
    now = catalog.table.path if catalog.table else None
    if new.before not in (None, now):
        lines.append(
            f"{CATALOG}: what it says was said of {new.before}. Fix: check that it is"
            f" true of {now}"
        )
    return [
        *lines,
        *describe_undeclared(catalog, new.contract, _params(new.root)),
        *describe_empty(catalog),
    ]


def fill_catalog(project: Project, settings: Iterable[str]) -> None:
    """Ask for what the catalog lacks, and note size, hash and rows: `rml catalog`.

    The current folder is the project's root.
    """
    given = parse_settings(settings)
    contract = load_contract(CONTRACT, _data(project))
    check_columns(given, contract)
    catalog = read_catalog(CATALOG)
    table = recorded_table(Path())
    if table is not None:
        seen = catalog.table.looks_personal if catalog.table else {}
        if VALIDATED.is_dir():
            seen = find_by_values(VALIDATED, contract)
        if table.rows is None and catalog.table and catalog.table.md5 == table.md5:
            table = table.model_copy(update={"rows": catalog.table.rows})
        table = table.model_copy(update={"looks_personal": seen})
    answers = given or _asked(catalog, contract, table)
    written = write_catalog(answers, table)
    click.echo(f"{CATALOG}: " + _summary(written, table))
    for line in [
        *unknown_columns(written, contract.columns),
        *describe_undeclared(written, contract, _params(Path())),
        *describe_empty(written),
    ]:
        click.echo(f"warning: {line}")
    if answers:
        click.echo(
            "Next: `make repro` writes it to the model card and to the pages that show"
            " it."
        )


def _asked(
    catalog: Catalog, contract: Contract, table: RawTable | None
) -> dict[str, Any]:
    if not is_asked():
        return {}
    found = find_personal(contract.columns, table.looks_personal if table else {})
    return ask_for(catalog, found, contract.columns, ask_terminal, click.echo)


def _summary(catalog: Catalog, table: RawTable | None) -> str:
    if table is None:
        return "DVC has not recorded the table yet: run `make repro`, then this again."
    rows = "rows not counted yet" if table.rows is None else f"{table.rows:,} rows"
    return f"{table.path}, {table.bytes:,} bytes, {rows}, MD5 {table.md5}"
