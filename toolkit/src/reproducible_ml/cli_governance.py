"""Commands of `rml` on governance; `cli` adds them to the others."""

import click

from reproducible_ml.console import examples, project


@click.command(
    epilog=examples(
        "rml catalog",
        "rml catalog --set owner=Sales --set personal=no",
        'rml catalog --set "personal_columns=mail, born" --set personal=yes \\',
        '            --set "legal_basis=contract" --set "retention=two years"',
    )
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="A field of data/catalog.yaml; repeat it for several. Nothing is asked then.",
)
def catalog(settings: tuple[str, ...]) -> None:
    """Say where the table comes from, who owns it, and whether it is about people.

    On a terminal, asks for what data/catalog.yaml lacks. Notes size, hash and number of
    rows of the raw table, as DVC recorded them, and warns about columns that look as if
    they were about people, but are not declared.
    """
    from reproducible_ml.adopt.catalog import fill_catalog

    fill_catalog(project(), settings)


COMMANDS: tuple[click.Command, ...] = (catalog,)
