"""Commands of `rml` on governance; `cli` adds them to the others."""

import sys
from pathlib import Path

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
    help="Exit with 1 if the least section has fewer points.",
)
@click.option(
    "--write-skeleton",
    is_flag=True,
    help="Write docs/governance/ml_test_score.yaml, to fill in evidence.",
)
def score(*, as_json: bool, least: float | None, write_skeleton: bool) -> None:
    """Show the ML Test Score: how ready the project is for production, and why.

    28 tests in four sections of seven, by Breck et al. (2017). A test has a point if it
    is automated and repeated, and what proves it is checked now: contract, reports,
    tests, workflows, alerts and others. What people did, and wrote down in
    docs/governance/ml_test_score.yaml, counts half a point for a year. The least
    section is the score. What is missing is listed, with what to do.

    Below it is the level of maturity, 0 to 2, with what each criterion is based on.
    """
    from reproducible_ml.governance.facts import Facts
    from reproducible_ml.governance.score import make_skeleton, show_score

    if write_skeleton:
        make_skeleton(Facts(project()))
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


COMMANDS: tuple[click.Command, ...] = (catalog, governance, risk, score)
