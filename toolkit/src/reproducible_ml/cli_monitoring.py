"""Commands of `rml` that watch the model in use; `cli` adds them to the others."""

import sys
from pathlib import Path

import click

from reproducible_ml.console import examples, project


@click.command(
    epilog=examples("rml retrain", "rml retrain --data visits_may.csv --push")
)
@click.option(
    "--data",
    "given",
    type=click.Path(exists=True, path_type=Path),
    metavar="PATH",
    help="A new version of the raw table, or a file for its folder.",
)
@click.option(
    "--base", help="Branch, tag or commit to begin with; else the default branch."
)
@click.option("--yes", is_flag=True, help="Change an edited contract without asking.")
@click.option(
    "--push", "pushed", is_flag=True, help="Push data, model and the new branch."
)
def retrain(*, given: Path | None, base: str | None, yes: bool, pushed: bool) -> None:
    """Train again on new data, on a branch of its own.

    It gets the newest data (imports of DVC, the query or path that `rml data`
    recorded, or --data), checks them, runs the pipeline, and compares the new model
    with that of the default branch on the same test rows. With a split by time, the
    test rows move forward to the newest ones. Your working tree is not touched, and
    the default branch never changes.

    Exit code 0: the gate is passed, and there is a branch retrain/DATE-...; or there is
    nothing new. 3: the gate is not passed, or the data are not accepted; there is no
    branch. 4: there is a branch, but the models cannot be compared: a person decides.
    The report is monitoring/retrain.md, the result as JSON monitoring/retrain.json.
    """
    given = given.absolute() if given else None
    found = project()
    from reproducible_ml.monitoring.retrain import retrain as run

    sys.exit(run(found, given, base, accept=yes, pushed=pushed))


COMMANDS = (retrain,)
