"""Commands of `rml` about what tables hold; `cli` adds them to the others."""

from pathlib import Path

import click

from reproducible_ml.console import examples, project, project_and_folder


@click.command(
    epilog=examples(
        "rml profile",
        "rml profile visits.csv --target returned",
        "rml profile https://example.org/visits.parquet --out /tmp/visits --no-open",
    )
)
@click.argument("table", required=False, default="")
@click.option("--target", help="Of TABLE: show what the other columns say of this one.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Where to write; by default reports/profile, which Git ignores.",
)
@click.option("--query", help="Of a database: one SELECT, or the path of a .sql file.")
@click.option("--key", help="Of a database: columns that identify a row, with commas.")
@click.option(
    "--not-personal",
    multiple=True,
    metavar="COLUMN",
    help="Of TABLE: only looks as if it were about a person; may be repeated.",
)
@click.option("--no-open", is_flag=True, help="Print paths, and open no browser.")
def profile(
    *,
    table: str,
    target: str | None,
    out: Path | None,
    query: str | None,
    key: str | None,
    not_personal: tuple[str, ...],
    no_open: bool,
) -> None:
    """Describe a table: each column, how columns are related, repeated rows, gaps.

    TABLE is a file, folder, URL or database, in any format that `rml data` reads; it is
    not added to the project. Without it, it is the project's validated table, and the
    page of `rml show` has the profile as well. Figures are of all rows but where the
    page says that they come from a sample. Columns that identify a row show no values,
    nor do those that are about a person: data/catalog.yaml says so, or they look like
    it, by name or values, and it does not list them as not_personal.
    """
    from reproducible_ml.page.profile_page import Wanted, show_profile

    found, folder = project_and_folder()
    if table and "://" not in table:
        # As in `rml data`: "~" and names relative to the folder it was typed in.
        table = str(folder / Path(table).expanduser())
    if query and (folder / query).is_file():
        query = str(folder / query)
    place = folder / out if out else None
    wanted = Wanted(table, target, place, query, key, not_personal)
    show_profile(found, wanted, browser=not no_open)


@click.command(epilog=examples("rml dictionary", "rml dictionary --check"))
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if it differs.")
def dictionary(*, check: bool) -> None:
    """Write the data dictionary, docs/data/dictionary.md: what each column means.

    It is made from data/schema.yaml and the reports of the last run, without the table.
    `make repro` and `rml data` write it as well, and `rml check` checks it. Columns
    without a description are listed.
    """
    from reproducible_ml.exploration.dictionary import run_dictionary

    run_dictionary(project().root, check=check)


COMMANDS = (profile, dictionary)
