"""The command `rml predict`: from what was typed to a table of answers."""

import copy
import logging
import tempfile
from pathlib import Path
from typing import Any

from reproducible_ml.contract.schema import CsvDialect
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.params import Compute, load_section
from reproducible_ml.core.project import Project
from reproducible_ml.serving.batch import OnBadRow, predict_table
from reproducible_ml.serving.destination import Destination, Format, place
from reproducible_ml.serving.model import Model

logger = logging.getLogger(__name__)

# How numbers and dates of a database are written.
PLAIN = {"decimal": ".", "thousands": "", "prefix": "", "suffix": "", "format": None}


def load_project_model(project: Project, folder: Path | None = None) -> Model:
    """Return the model that a project serves, from its folder `models` by default."""
    load = project.load("deployment.predict").load
    model: Model = load(folder or project.root / "models")
    return model


def load_deployment(project: Project, name: str) -> Any:
    """Return a module in the project's `deployment`, which is an optional part of it.

    Raises:
        UserError: The project has no such module, or it fails when it is imported.
    """
    module = Path("code", project.package, "deployment", f"{name}.py")
    if not (project.root / module).is_file():
        raise UserError(
            f"{module}: does not exist: this project was generated without the {name}"
        )
    return project.load(f"deployment.{name}")


def predict(
    project: Project,
    source: str,
    folder: Path,
    *,
    output: str,
    table: str | None,
    kind: Format,
    keep: str | None,
    on_bad_row: OnBadRow,
    quarantine: Path | None,
    model: Path | None,
    query: str | None,
    key: str | None,
) -> None:
    """Predict the rows of a source with the model of a project.

    Args:
        project: The project.
        source: A path, the URL of a file, or the URL of a database.
        folder: What typed paths are relative to.
        output: A path, or the URL of a database.
        table: Of a database.
        kind: Of the files in a folder.
        keep: Columns to copy, separated by commas.
        on_bad_row: What happens to the other rows if one is bad.
        quarantine: Where bad rows go.
        model: Folder of the model.
        query: Of a database as source.
        key: Columns that identify a row of it, separated by commas.

    Raises:
        UserError: Nothing was written.
    """
    target, name = _destination(folder, output, table, kind)
    rejected = folder / (quarantine or f"{name}.bad.jsonl")
    loaded = load_project_model(project, folder / model if model else None)
    columns = [one.strip() for one in (keep or "").split(",") if one.strip()]
    with tempfile.TemporaryDirectory(prefix="rml-") as temporary:
        result = predict_table(
            fetch_rows(source, folder, query, key, Path(temporary)),
            target,
            as_of_database(loaded) if query else loaded,
            project.load("deployment.predict").predict,
            load_section(Compute, project.root / "params.yaml"),
            keep=columns,
            on_bad_row=on_bad_row,
            quarantine=rejected,
        )
    logger.info(
        "%s: %d rows predicted by model %s",
        f"table {table}" if table else output,
        result.rows - result.rejected,
        loaded.version,
    )


def as_of_database(model: Model) -> Model:
    """Return a model that reads rows as a query of a database is written to a file.

    There a number has a point and no thousands, and a date is as in ISO 8601, however
    the raw table spells them: 1.234 must not become 1234.
    """
    columns = {}
    for name, column in model.contract.columns.items():
        notes = column.metadata
        changes: dict[str, Any] = dict(PLAIN)
        if notes.true and not {*notes.true, *notes.false} & {"true", "1", "0"}:
            # Some databases have 1 and 0 for booleans.
            changes |= {"true": (*notes.true, "true", "1")}
            changes |= {"false": (*notes.false, "false", "0")}
        plain = notes.model_copy(update=changes)
        columns[name] = column.model_copy(update={"metadata": plain})
    found = copy.copy(model)
    found.contract = model.contract.model_copy(
        update={"metadata": CsvDialect(), "columns": columns}
    )
    return found


def _destination(
    folder: Path, output: str, table: str | None, kind: Format
) -> tuple[Destination, str]:
    """Return the destination, and its name without a password."""
    if "://" in output:
        from reproducible_ml.serving.database import DatabaseTable
        from reproducible_ml.sources.connection import parse_url

        if not table:
            raise UserError("--output: a database also needs --table NAME")
        url = parse_url(_absolute_sqlite(output, folder))
        return DatabaseTable(url, table), table
    if table:
        raise UserError(f"--table: {output} is no database, which this option is for")
    return place(folder / Path(output).expanduser(), kind), output


def _absolute_sqlite(url: str, folder: Path) -> str:
    """Return a URL that does not depend on the current folder."""
    scheme, _, path = url.partition(":///")
    relative = scheme in ("sqlite", "duckdb") and path and path != ":memory:"
    if not relative or path.startswith("/"):
        return url
    return f"{scheme}:///{folder / path}"


def fetch_rows(
    source: str, folder: Path, query: str | None, key: str | None, temporary: Path
) -> Path:
    """Return where the rows can be read; what is remote is fetched first."""
    if "://" not in source:
        path = folder / Path(source).expanduser()
        if query or key:
            raise UserError(f"{source}: --query and --key are for a database")
        if not path.exists():
            raise UserError(f"{source}: does not exist. Give a file or a folder.")
        return path
    from reproducible_ml.sources.source import fetch, read_source

    if query and (folder / query).is_file():
        query = str(folder / query)
    typed = _absolute_sqlite(source, folder)
    return fetch(read_source(typed, query, key), temporary / "raw", temporary)
