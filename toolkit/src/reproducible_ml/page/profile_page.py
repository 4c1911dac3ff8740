"""`rml profile`: a page of its own about a table, beside its figures as JSON."""

import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from reproducible_ml.contract.schema import Data
from reproducible_ml.core.errors import UserError, printable
from reproducible_ml.core.files import PARAMS, all_or_nothing, write_json, write_text
from reproducible_ml.core.params import load_section
from reproducible_ml.core.project import Project
from reproducible_ml.exploration.profile import (
    FOLDER,
    NAME,
    Roles,
    profile,
    profile_project,
    roles_of,
)
from reproducible_ml.exploration.tables import Table, any_table, as_contract
from reproducible_ml.page.frame import html_page, written_by
from reproducible_ml.page.markup import tag
from reproducible_ml.page.page import open_page
from reproducible_ml.page.profile import profile_sections
from reproducible_ml.sources.source import fetch, read_source

PAGE = "index.html"


class Wanted(NamedTuple):
    """What was typed.

    Attributes:
        table: A path or URL; empty for the validated table of the project.
        target: The column that others are related to; by default, that of params.yaml.
        out: Where to write; by default, within reports/profile.
        query: Of a database.
        key: Columns that identify a row of a database.
        not_personal: Columns that only look as if they were about a person.
    """

    table: str = ""
    target: str | None = None
    out: Path | None = None
    query: str | None = None
    key: str | None = None
    not_personal: tuple[str, ...] = ()


def show_profile(project: Project, wanted: Wanted, *, browser: bool) -> None:
    """Profile a table, write page and JSON, and open the page.

    Args:
        project: Whose root is the current folder.
        wanted: Which table, and where to write.
        browser: Whether to open the page; its path is printed in any case.

    Raises:
        UserError: The table cannot be read, or lacks the target. Nothing is written.
    """
    if wanted.table:
        found, folder = _any(project, wanted)
        command = f"rml profile {found['name']}"
    else:
        if wanted.target or wanted.query or wanted.not_personal:
            raise UserError(
                "rml profile: --target, --query and --not-personal need a TABLE: the"
                " target of the project is in params.yaml, and columns that only look"
                " personal in data/catalog.yaml"
            )
        found, folder = profile_project(project.root), FOLDER
        command = "rml profile"
    folder = wanted.out or folder
    if (folder / PAGE).exists() and not (folder / NAME).exists():
        raise UserError(
            f"{folder / PAGE}: exists, and is no profile. Fix: choose another folder:"
            " --out FOLDER"
        )
    page = _page(found, command)
    with all_or_nothing(folder / NAME, folder / PAGE):
        write_json(found, folder / NAME, indent=None)
        write_text(page, folder / PAGE)
    sys.stdout.write(f"{folder / PAGE}\n{folder / NAME}: the same figures\n")
    sys.stdout.flush()
    if browser:
        open_page(folder / PAGE)


def _any(project: Project, wanted: Wanted) -> tuple[dict[str, Any], Path]:
    """Return the profile of any table, and the folder that it is written to."""
    source = read_source(wanted.table, wanted.query, wanted.key)
    if not source.query and project.root.resolve().is_relative_to(source.place):
        raise UserError(
            f"{wanted.table}: the project is in it. Fix: give one table, or its folder"
        )
    name = source.name.partition(".")[0] or source.name
    folder = FOLDER / name
    root = project.root / ".dvc/tmp"
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root) as temporary:
        download = Path(temporary) / "download"
        download.mkdir()
        # A folder without tables: nothing there is taken for this one.
        path = fetch(source, Path(temporary) / "raw", download)
        report = (wanted.out or folder) / "problems.csv"
        try:
            table = any_table(path, report)
            roles = _roles(project, wanted, table)
            found = profile(table, roles, source.name)
        except UserError as error:
            if not path.is_relative_to(temporary):
                raise
            raise UserError(str(error).replace(str(path), source.name)) from error
    return found, folder


def _roles(project: Project, wanted: Wanted, table: Table) -> Roles:
    """Return the roles of columns that the project's table has as well."""
    data = load_section(Data, project.root / PARAMS)
    known = roles_of(data, as_contract(table), project.root)
    targets = () if wanted.target is None else (wanted.target,)
    typed = {"target": targets, "not-personal": wanted.not_personal}
    for option, names in typed.items():
        for name in names:
            if name not in table.types:
                shown = ", ".join([*table.types][:20])
                more = " ..." if len(table.types) > 20 else ""
                raise UserError(
                    f'--{option}: {wanted.table} has no column "{name}". It has:'
                    f" {shown}{more}"
                )
    said = frozenset(wanted.not_personal)
    return known._replace(
        target=known.target if wanted.target is None else wanted.target,
        personal=known.personal - said,
        not_personal=known.not_personal | said,
    )


def _page(found: dict[str, Any], command: str) -> str:
    now = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M")
    title = f"Profile of {found['name']}"
    rows, columns = found["rows"], len(found["columns"])
    return html_page(
        title,
        header=[tag("p", f"{rows:,} rows, {columns:,} columns.")],
        sections=profile_sections(found),
        footer=written_by(printable(command), now),
    )
