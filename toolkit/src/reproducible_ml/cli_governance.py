"""Commands of `rml` on governance; `cli` adds them to the others."""

import sys
from pathlib import Path
from typing import TextIO

import click

from reproducible_ml.console import examples, project, project_and_folder


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


@click.command(
    epilog=examples("rml score", "rml score --check 3", "rml score --write-skeleton")
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--check",
    "least",
    type=click.FloatRange(0, 7),
    metavar="MINIMUM",
    help="Exit with 1 if the least section has fewer points, or the page is old.",
)
@click.option(
    "--write-skeleton",
    is_flag=True,
    help="Write docs/governance/ml_test_score.yaml, to fill in evidence.",
)
@click.option("--page", is_flag=True, help="Write docs/governance/ml_test_score.md.")
def score(
    *, as_json: bool, least: float | None, write_skeleton: bool, page: bool
) -> None:
    """Show the ML Test Score: how ready the project is for production, and why.

    28 tests in four sections of seven, by Breck et al. (2017). A test has a point if it
    is automated and repeated, and what proves it is checked now: contract, reports,
    tests, workflows, alerts and others. What people did, and wrote down in
    docs/governance/ml_test_score.yaml, counts half a point for a year. The least
    section is the score. What is missing is listed, with what to do.

    Below it is the level of maturity, 0 to 2, with what each criterion is based on.
    """
    from reproducible_ml.governance.facts import Facts
    from reproducible_ml.governance.score import make_skeleton, show_score, write_page

    if write_skeleton:
        make_skeleton(Facts(project()))
    elif page:
        write_page(project())
    elif not show_score(project(), as_json=as_json, least=least):
        sys.exit(1)


@click.command(epilog=examples("rml governance", "rml governance --check"))
@click.option("--check", is_flag=True, help="Only check that the pages are up to date.")
def governance(*, check: bool) -> None:
    """Write the pages of docs/governance/ from its questions and the reports.

    Canvases, CRISP-ML(Q), risk under the EU AI Act, technical documentation (Annex IV)
    if the risk is or may be high, data protection. What nobody answered is listed as a
    gap. They are made of files in Git alone, so every clone makes the same; `rml repro`
    writes them as well, and `rml check` fails if they are out of date.
    """
    from reproducible_ml.governance.pages import governance as run

    run(project(), check=check)


@click.command(
    epilog=examples(
        "rml risk", "rml risk --answers other.yaml", "rml risk --json | jq .class"
    )
)
@click.option(
    "--answers",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Read, and on a terminal keep, the answers there: docs/governance/risk.yaml.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON; nothing is asked.")
def risk(*, answers: Path | None, as_json: bool) -> None:
    """Decide the class of the system under the EU AI Act, with articles and dates.

    On a terminal, asks what is not answered yet. Nothing is taken for no: without an
    answer that matters, the class cannot be decided. With docs/governance/, its pages
    are written as well. This is no legal advice.
    """
    from reproducible_ml.governance.interview import assess

    found, folder = project_and_folder()
    assess(found, None if answers is None else folder / answers, as_json=as_json)


@click.command(
    epilog=examples(
        "rml forget person.txt --column customer",
        "rml forget person.txt --column customer --log logs --yes \\",
        '           --reason "erasure, request 12" --decided-by "data officer"',
        "rml forget --listed --yes         (in the other clones)",
    )
)
@click.argument("file", required=False, type=click.File(encoding="utf-8-sig"))
@click.option("--column", help="That the values stand in; without it, any word counts.")
@click.option(
    "--path",
    "paths",
    multiple=True,
    metavar="PATH",
    help="Data whose older versions all have rows, whatever is found in them.",
)
@click.option(
    "--keep",
    multiple=True,
    metavar="PATTERN",
    help="What stays though it was made of the rows, such as 'models/*'.",
)
@click.option(
    "--log",
    "logs",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="A log of predictions or labels, to remove the rows from.",
)
@click.option(
    "--unrecorded",
    is_flag=True,
    help="Also objects with rows that no commit and no run recorded.",
)
@click.option("--reason", default="", help="For data/deleted.yaml, without a name.")
@click.option("--decided-by", default="", help="For data/deleted.yaml: a role.")
@click.option("--listed", is_flag=True, help="Delete what data/deleted.yaml lists.")
@click.option("--yes", is_flag=True, help="Delete; without it, only show.")
def forget(
    *,
    file: TextIO | None,
    column: str | None,
    paths: tuple[str, ...],
    keep: tuple[str, ...],
    logs: tuple[Path, ...],
    unrecorded: bool,
    reason: str,
    decided_by: str,
    listed: bool,
    yes: bool,
) -> None:
    """Delete a person's rows from all old versions of the data.

    FILE has a value on each line, such as the number of a customer; - reads them from
    the standard input, so that they get into no history of a shell. First remove the
    rows from the source, run the pipeline, and commit. Then this finds the versions
    that have the rows in all commits, the run cache, and whatever else the cache and
    the remotes hold, and all that was made of them; it shows them, and with --yes
    deletes them from the cache and all remotes. data/deleted.yaml says what was
    deleted, so that nobody takes it for damage. Versions without the rows stay.

    The component governance has the whole procedure, docs/governance/deletion.md.
    """
    values = sorted({line.strip() for line in file or ()} - {""})
    if listed == bool(values or paths):
        raise click.UsageError("Give a file with a value on each line, or --listed.")
    if yes and not listed and not (reason.strip() and decided_by.strip()):
        raise click.UsageError("--yes needs --reason and --decided-by.")
    if any(value in f"{reason} {decided_by}" for value in values):
        raise click.UsageError("--reason and --decided-by must not have a value.")
    logs = tuple(folder.absolute() for folder in logs)
    from reproducible_ml.governance.deletion import forget as run
    from reproducible_ml.governance.spelling import Person

    run(
        project().root,
        Person(values, column),
        paths=paths,
        keep=keep,
        logs=logs,
        unrecorded=unrecorded,
        reason=reason.strip(),
        decided_by=decided_by.strip(),
        really=yes,
    )


COMMANDS: tuple[click.Command, ...] = (catalog, governance, risk, score, forget)
